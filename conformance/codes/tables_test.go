package codes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/codes"
)

func TestX(t *testing.T) {
	tb := codes.Embedded()
	require.NotNil(t, tb.CVX([]byte("03")))
	t.Log(tb.Version())
}

func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		s, err := codes.EmbeddedSet()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := codes.Build(s); err != nil {
			b.Fatal(err)
		}
	}
}
