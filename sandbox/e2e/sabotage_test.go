package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/oracle"
)

// reasons are the lines between the closing table and the last line.
func reasons(all []string) []string {
	for i, line := range all {
		if strings.Contains(line, "worker restarts: ") {
			return all[i+1 : len(all)-1]
		}
	}
	return nil
}

// TestSabotage breaks each promise in a copy of a finished rehearsal: the
// judgement of the same folder without a sabotage is "ok", as
// TestFinishedRehearsal shows.
func TestSabotage(t *testing.T) {
	whole := finished(t).dir
	for _, s := range oracle.Sabotages() {
		t.Run(s.Name+" is found as "+s.Invariant, func(t *testing.T) {
			dir := copyOf(t, whole, "sabotage-"+s.Name)
			p := start(t, "-data", dir, "-sabotage", s.Name, "-no-ui")
			require.Equal(t, 1, p.within(journeyPatience), "%s\n%s", p.stdout, p.stderr)
			require.True(t, strings.HasPrefix(p.stdout.last(), "journey: FAILED: "+s.Invariant+": "), p.stdout.last())
			require.NotEmpty(t, reasons(p.stdout.all()))
			for _, reason := range reasons(p.stdout.all()) {
				require.True(t, strings.HasPrefix(reason, "  "+s.Invariant+": "), "one promise was broken: %s", reason)
			}
		})
	}
	t.Run("help lists them all", func(t *testing.T) {
		p := start(t, "-sabotage", "help")
		require.Zero(t, p.within(shutdown))
		for _, s := range oracle.Sabotages() {
			require.True(t, p.stdout.has(s.Name+" ", s.Words), s.Name)
		}
	})
}
