package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// The diagram of doc.go, written a second time: every pair that is not here
// must lead nowhere.
var arrows = map[registry.Phase]map[registry.PhaseEvent]registry.Phase{
	registry.PhaseRegistered: {
		registry.EventPrerequisitesDone: registry.PhaseTesting, registry.EventWithdrawn: registry.PhaseWithdrawn,
	},
	registry.PhaseTesting: {
		registry.EventReviewRequested: registry.PhaseInReview, registry.EventWithdrawn: registry.PhaseWithdrawn,
	},
	registry.PhaseInReview: {
		registry.EventChangesNeeded: registry.PhaseTesting, registry.EventApproved: registry.PhaseProduction,
		registry.EventWithdrawn: registry.PhaseWithdrawn,
	},
	registry.PhaseProduction: {registry.EventWithdrawn: registry.PhaseWithdrawn},
	registry.PhaseWithdrawn:  {},
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, from := range registry.Phases() {
		require.True(t, from.Valid())
		for _, event := range registry.PhaseEvents() {
			to, err := registry.Next(from, event)
			want, allowed := arrows[from][event]
			if !allowed {
				require.Equal(t, registry.Invalid, registry.KindOf(err), "%s on %s", event, from)
				require.Equal(t, from, to, "a refused event moves nothing")
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, to, "%s on %s", event, from)
		}
	}
}

// Production is reached by the approval alone: no other arrow ends there.
func TestOnlyTheApprovalLeadsToProduction(t *testing.T) {
	t.Parallel()
	for _, from := range registry.Phases() {
		for _, event := range registry.PhaseEvents() {
			to, err := registry.Next(from, event)
			if err == nil && to == registry.PhaseProduction {
				require.Equal(t, registry.EventApproved, event)
			}
		}
	}
}

func TestLanesFollowThePhase(t *testing.T) {
	t.Parallel()
	for _, phase := range registry.Phases() {
		live := phase == registry.PhaseProduction
		require.Equal(t, live, registry.LaneProduction.OpenIn(phase), phase)
		require.Equal(t, live, registry.LaneHistorical.OpenIn(phase), phase)
		lane, some := registry.LaneOf(phase)
		require.Equal(t, some, lane.Valid())
		if some {
			require.True(t, lane.OpenIn(phase), "the schedule serves a lane that is open")
		}
	}
}

func TestAClosedHistoryStaysClosed(t *testing.T) {
	t.Parallel()
	for _, next := range registry.HistoryStates() {
		require.Equal(t, next == registry.HistoryClosed, registry.HistoryClosed.CanFollow(next), next)
		require.True(t, next.CanFollow(next), "a repeated write is harmless")
	}
	require.False(t, registry.HistoryLoading.CanFollow(registry.HistoryPlanned), "what is on its way is not planned anew")
	require.False(t, registry.HistoryLoading.CanFollow(registry.HistoryClosed), "what is on its way is not closed")
	require.True(t, registry.HistorySent.CanFollow(registry.HistoryLoading), "a supplement follows")
	require.False(t, registry.HistoryAsked.CanFollow(registry.HistoryLoading), "nothing is loaded without a plan")
}

func TestEveryHoldCanBeLeft(t *testing.T) {
	t.Parallel()
	for _, r := range registry.HoldReasons() {
		require.NotEmpty(t, r.Actions(), r)
		require.NotEqual(t, string(r), r.Words(), "%s has no words", r)
		for _, a := range r.Actions() {
			require.True(t, r.Allows(a))
		}
	}
	require.False(t, registry.HoldConnection.Allows(registry.ActionArrived), "nobody can say that a file arrived that was not sent")
	for _, k := range registry.Kinds() {
		require.Contains(t, registry.HoldReasons(), registry.HoldFor(k), k)
	}
	require.Equal(t, registry.HoldDeliveryUnknown, registry.HoldFor(registry.DeliveryUnknown))
}
