package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ninety days of daily submission of a group of three sites: two outages of ten
// days, a cadence that changes twice, a host key that becomes another, a worker that
// ends, the end of summer time, a new build whose workflows have a step more, errors
// and corrections. No alarm may be needless, and none may stay.
// Three years are played by hand: go run ./sandbox -journey -days 1095.
func TestNinetyDays(t *testing.T) {
	p := start(t, "-journey", "-json", "-no-ui", "-days", "90", "-data", filepath.Join(root, "ninety"))
	require.Zero(t, p.within(2*journeyPatience), p.stderr)
	var v struct {
		OK        bool             `json:"ok"`
		Reasons   []string         `json:"reasons"`
		Longest   map[string]int64 `json:"longest_histories"`
		NextBuild int64            `json:"next_build"`
		Days      struct {
			Changes []struct {
				Day   string
				Hours int
			} `json:"clock_changes"`
		} `json:"days"`
		Alarms []struct{ Kind, Words, Until string } `json:"alarms"`
	}
	require.NoError(t, json.Unmarshal([]byte(p.stdout.String()), &v))
	require.True(t, v.OK, v.Reasons)
	require.NotEmpty(t, v.Longest)
	require.Positive(t, v.NextBuild, "runs that the newly deployed build began")
	require.NotEmpty(t, v.Days.Changes)
	require.Equal(t, "2026-11-01", v.Days.Changes[0].Day, "one submission on the day of 25 hours, at its hour")
	require.Equal(t, 25, v.Days.Changes[0].Hours)
	for _, a := range v.Alarms {
		require.NotContains(t, a.Kind, "question", "%v", v.Alarms) // both outages end by themselves
	}
}
