package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func TestLoadPractice(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseRegistered)
	load := activities.LoadPracticeInput{Scope: scope()}

	t.Run("a practice with everything misses nothing", func(t *testing.T) {
		b.settle(t)
		facts := must(t, b.practices.LoadPractice, load)
		require.Empty(t, facts.Wanted)
		require.Equal(t, registry.PhaseRegistered, facts.Phase)
		require.Equal(t, b.profile.Policy.TestFilesMin, facts.Policy.TestFilesMin)
		require.Equal(t, 1, facts.Sites)
		require.Contains(t, facts.Call, b.profile.DataExchangePhone)
		require.False(t, facts.FirstProduction)
		require.Empty(t, facts.Entered)
	})

	t.Run("nobody waits for its files once the onboarding is over", func(t *testing.T) {
		for _, over := range []bool{false, true, false} {
			must(t, b.practices.RecordProgress, activities.RecordProgressInput{Scope: scope(), Progress: activities.Progress{
				Source: "onboarding", Stage: "somewhere", Next: "something", Whose: "nobody", Ended: over,
			}})
			require.Equal(t, over, must(t, b.practices.LoadPractice, load).Onboarded)
		}
	})

	t.Run("a practice that nobody added is missing", func(t *testing.T) {
		_, err := run(t, b.practices.LoadPractice, activities.LoadPracticeInput{Scope: activities.Scope{Practice: "nobody"}})
		requireKind(t, registry.Missing, err)
	})
}

func TestMovePhase(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseRegistered)
	move := func(event registry.PhaseEvent, key string) activities.MovePhaseInput {
		return activities.MovePhaseInput{Scope: scope(), Event: event, By: maria, Key: key}
	}

	t.Run("twice under one key is once", func(t *testing.T) {
		first := must(t, b.practices.MovePhase, move(registry.EventPrerequisitesDone, "k1"))
		require.Equal(t, first, must(t, b.practices.MovePhase, move(registry.EventPrerequisitesDone, "k1")))
		require.Equal(t, registry.PhaseTesting, first.Phase)
	})

	t.Run("a move that the diagram lacks is not allowed", func(t *testing.T) {
		_, err := run(t, b.practices.MovePhase, move(registry.EventApproved, "k2"))
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("the approval is evidence, and evidence completes it", func(t *testing.T) {
		must(t, b.practices.MovePhase, move(registry.EventReviewRequested, "k3"))
		in := move(registry.EventApproved, "k4")
		in.Approval = &registry.Approval{Practice: "sunrise", ApprovedBy: "DSHS", EmailDate: "2026-03-31"}
		require.Equal(t, registry.PhaseProduction, must(t, b.practices.MovePhase, in).Phase)
		evidence := activities.RecordEvidenceInput{Scope: scope(), By: maria, Approval: *in.Approval}
		evidence.Approval.MessageID = "<1@dshs>"
		must(t, b.practices.RecordEvidence, evidence)
		must(t, b.practices.RecordEvidence, evidence)
		stored, _, err := b.db.Approval(t.Context(), "sunrise")
		require.NoError(t, err)
		require.Equal(t, evidence.Approval, stored)
		evidence.Approval.Practice = "other"
		_, err = run(t, b.practices.RecordEvidence, evidence)
		requireKind(t, registry.NotAllowed, err)
	})
}

func TestSmallWritesMayBeRepeated(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	for range 2 {
		must(t, b.practices.SetHistory, activities.SetHistoryInput{Scope: scope(), State: registry.HistoryAsked, By: maria, Key: "h1"})
		must(t, b.practices.SetHistory, activities.SetHistoryInput{
			Scope: scope(), State: registry.HistoryPlanned, By: maria, Key: "h2",
			Answer: &activities.HistoryAnswer{Can: true, Since: "2015-01-01"},
		})
		must(t, b.practices.SetSubmission, activities.SetSubmissionInput{Scope: scope(), State: registry.SubmissionOn, By: maria, Key: "s1"})
		must(t, b.practices.RecordAct, activities.RecordActInput{Scope: scope(), Kind: "attested-nothing-to-send", By: maria, Key: "a1"})
		must(t, b.practices.RecordProgress, activities.RecordProgressInput{Scope: scope(), Progress: activities.Progress{
			Source: "watch", Stage: "production", Whose: "nobody", Since: b.now,
		}})
		must(t, b.practices.OpenHold, activities.OpenHoldInput{
			Scope: scope(), ID: "h-1", WorkflowID: "file/f-1", Reason: registry.HoldConnection, What: "upload",
		})
		must(t, b.practices.CloseHold, activities.CloseHoldInput{Scope: scope(), ID: "h-1", Action: registry.ActionRetry, By: maria})
	}
	events, err := b.db.Events(t.Context(), db.EventQuery{Practice: "sunrise"})
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, e := range events {
		kinds[e.Kind]++
	}
	require.Equal(t, map[string]int{
		"practice-added": 1, "history": 2, "submission": 1, "attested-nothing-to-send": 1, "hold-opened": 1, "hold-closed": 1,
	}, kinds)
	_, err = run(t, b.practices.SetHistory, activities.SetHistoryInput{
		Scope: scope(), State: registry.HistoryNone, By: maria, Key: "h3", Answer: &activities.HistoryAnswer{Can: true, Since: "Tuesday"},
	})
	requireKind(t, registry.Invalid, err)
}

func TestTheCalendarTellsTheDate(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	s := scope()
	s.Calendar = registry.Calendar{Epoch: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Anchor: b.now, Day: time.Second}
	b.now = b.now.Add(3 * time.Second)
	must(t, b.practices.RecordAct, activities.RecordActInput{Scope: s, Kind: "attested", By: maria, Key: "a"})
	events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "attested"})
	require.NoError(t, err)
	require.Equal(t, time.Date(2030, 1, 4, 0, 0, 0, 0, time.UTC), events[0].At)
}
