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
