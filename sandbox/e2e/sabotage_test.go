package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/oracle"
)

func TestSabotage(t *testing.T) {
	whole := finished(t).dir
	for _, s := range oracle.Sabotages() {
		t.Run(s.Name+" is found as "+s.Invariant, func(t *testing.T) {
			dir := copyOf(t, whole, "sabotage-"+s.Name)
			p := start(t, "-data", dir, "-sabotage", s.Name, "-no-ui")
			require.Equal(t, 1, p.within(journeyPatience), "%s\n%s", p.stdout, p.stderr)
			require.True(t, strings.HasPrefix(p.stdout.last(), "journey: FAILED: "+s.Invariant+": "), p.stdout.last())
			require.NotContains(t, p.stdout.last(), " more)", "one thing was broken, one thing is found:\n%s", p.stdout)
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
