package texas_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
)

func TestL0(t *testing.T) {
	l, err := texas.LoadLetters()
	require.NoError(t, err)
	for _, k := range registry.LetterKinds() {
		s, b, err := l.Render(k, texas.SampleLetterData())
		require.NoError(t, err)
		t.Logf("=== %s\n[%s]\n%s", k, s, b)
	}
}
