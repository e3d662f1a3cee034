package texas_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry/texas"
)

func TestLoad0(t *testing.T) {
	l, err := texas.Load()
	require.NoError(t, err)
	for _, v := range l.Values {
		t.Log(v.Key, "=", v.Value, v.Source, v.Confirmed)
	}
	t.Log(len(l.Unconfirmed()), len(l.Catalogue))
}
