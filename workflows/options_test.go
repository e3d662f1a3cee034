package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// How soon a registry's server is tried again is its profile's value.
func TestSpacingIsThePolicys(t *testing.T) {
	t.Parallel()
	h := &registryHost{process: &process{policy: registry.Policy{RetryDelaySeconds: 45, Patience: 1}}}
	require.Equal(t, 45*time.Second, h.backoff(1, registry.Transient))
	require.Equal(t, 90*time.Second, h.backoff(2, registry.Transient))
	require.Equal(t, 180*time.Second, h.backoff(1, registry.Busy))
	h.policy.RetryDelaySeconds = 0
	require.Equal(t, 30*time.Second, h.backoff(1, registry.Transient), "a policy of before it was one")
	require.Equal(t, 900*time.Second, transferWork.spaced(registry.Policy{RetryDelaySeconds: 900}).most)
}

// A rehearsal's day is short, and what Temporal's server does for a Schedule takes its
// time all the same: on a busy machine no attempt ever came to its end.
func TestPatienceHasFloors(t *testing.T) {
	t.Parallel()
	const second = 1.0 / (24 * 60 * 60)
	require.Equal(t, 3*time.Second, ledgerWork.attempt(second))
	require.Equal(t, 15*time.Second, scheduleWork.attempt(second))
	require.Equal(t, 30*time.Second, fileWork.attempt(second))
	for _, w := range []preset{ledgerWork, scheduleWork, fileWork, transferWork, noticeWork} {
		require.Equal(t, w.startToClose, w.attempt(1), "real life is as patient as it says")
	}
}
