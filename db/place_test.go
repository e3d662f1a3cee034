package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
)

// What Go makes of a place and what the database makes of it must agree: they
// are compared with each other.
func TestFieldOfAPlaceIsTheSameOnBothSides(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, p := range []string{
		"", "RXA", "RXA-5", "RXA[2]-5.1", "RXA^2^5", "RXA^2^5^1", "PID^1^11^^3", "NK1^^0", "RXA^1", "OBX-14", "ZTX[1]", "PID-3.4#1", "RXR", "PID^1",
	} {
		var there string
		require.NoError(t, b.sql.QueryRow(t.Context(), `select `+db.PlaceOf("$1::text"), p).Scan(&there))
		require.Equal(t, there, db.FieldOf(p), p)
	}
}
