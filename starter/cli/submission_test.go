package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestSubmissionSet(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	set := func(args ...string) result {
		return b.run(t, append([]string{"submission", "set", "sunrise-plano"}, args...)...)
	}
	require.NoError(t, b.open(t).SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionOn, b.act("on")))

	t.Run("what cannot be kept is refused before anything is", func(t *testing.T) {
		set().exits(2)
		set("--cadence", "daily", "--profile").exits(2)
		set("--cadence", "daily").exits(1).complains("at what times")
		set("--cadence", "daily", "--at", "02:30").exits(1).complains("put forward")
		set("--cadence", "monthly", "--at", "18:00", "--day", "31").exits(1).complains("1 to 28")
		b.run(t, "submission", "set", "nobody", "--cadence", "daily", "--at", "18:00").exits(1)
		require.Empty(t, b.eng.schedules)
		require.Empty(t, b.events(t, "cadence-set"))
	})
	t.Run("it reaches the schedule in the practice's zone, and the audit", func(t *testing.T) {
		set("--cadence", "weekdays", "--at", "12:00,18:00", "--jitter", "15m", "--reason", "the EHR exports twice").exits(0).fits().
			shows("weekdays at 12:00, 18:00 (America/Chicago), within 15m")
		require.Len(t, b.eng.schedules, 1)
		require.Equal(t, "weekdays", b.eng.schedules[0].Cadence.Every)
		require.False(t, b.eng.schedules[0].Paused)
		e := b.events(t, "cadence-set")
		require.Len(t, e, 1)
		require.Equal(t, "the EHR exports twice", e[0].Reason)
	})
	t.Run("again changes nothing, and setup keeps it", func(t *testing.T) {
		set("--cadence", "weekdays", "--at", "12:00,18:00", "--jitter", "15m").exits(0)
		require.Len(t, b.events(t, "cadence-set"), 1)
		b.run(t, "setup").exits(0)
		require.Equal(t, "weekdays", b.eng.schedules[len(b.eng.schedules)-1].Cadence.Every)
	})
	t.Run("the profile's can be had back", func(t *testing.T) {
		set("--profile").exits(0).fits().shows("as the profile says")
		require.Nil(t, b.eng.schedules[len(b.eng.schedules)-1].Cadence)
	})
}
