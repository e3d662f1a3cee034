package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func TestLettersToTheRegistryWaitForAPerson(t *testing.T) {
	t.Parallel()
	const event = "first-file/" + practice
	live := func(w *world) {
		w.facts.Phase = registry.PhaseProduction
		w.facts.Policy.RegistryLetters = registry.LettersAsk
		w.facts.Policy.HoldReminders = []int{1, 3, 7}
	}
	first := func(env *testsuite.TestWorkflowEnvironment) {
		settle(env, workflows.FileSettled{FileID: "f-9", Lane: registry.LaneProduction, First: true})
	}

	t.Run("silence sends nothing, and the wait is one that people are reminded of", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		live(w)
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() { first(env) })
			at(env, days(30), func() {
				require.Equal(t, []string{event}, w.written)
				require.NotContains(t, w.letters, event)
				line := statusOf(t, env).Progress
				require.True(t, line.Attention)
				require.Equal(t, "starter letter send "+event, line.Move)
				require.Equal(t, registry.WaitHold, line.Wait)
				env.CancelWorkflow()
			})
		})
	})

	t.Run("a person sends it, once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		live(w)
		var early, other, nobody, sent, again *reply
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Minute, func() { early = send(env, workflows.UpdateSendLetter, workflows.SendLetter{Event: event, By: ana}) })
			at(env, time.Hour, func() { first(env) })
			at(env, 2*time.Hour, func() {
				other = send(env, workflows.UpdateSendLetter, workflows.SendLetter{Event: "review/x/1", By: ana})
				nobody = send(env, workflows.UpdateSendLetter, workflows.SendLetter{Event: event})
			})
			at(env, 3*time.Hour, func() {
				sent = send(env, workflows.UpdateSendLetter, workflows.SendLetter{Event: event, By: ana})
				again = send(env, workflows.UpdateSendLetter, workflows.SendLetter{Event: event, By: ana})
			})
			at(env, days(1), env.CancelWorkflow)
		})
		require.ErrorContains(t, early.refused, "no letter of that name")
		require.ErrorContains(t, other.refused, "no letter of that name")
		require.ErrorContains(t, nobody.refused, "who?")
		require.Equal(t, "the letter goes out", sent.answer.Words)
		require.True(t, again.answer.Again)
		require.Contains(t, w.letters, event)
		require.Equal(t, []string{"letter-sent"}, w.acts)
	})

	t.Run("where the policy says automatic it goes by itself", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		live(w)
		w.facts.Policy.RegistryLetters = registry.LettersAutomatic
		onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() { first(env) })
			at(env, days(1), env.CancelWorkflow)
		})
		require.Contains(t, w.letters, event)
		require.Empty(t, w.written)
	})
}

func TestSettleOnePrerequisiteFromTheWebUI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.facts.Wanted = wanted
	var bare, moon, done, waived *reply
	settled := func(env *testsuite.TestWorkflowEnvironment, s workflows.SettlePrerequisite) *reply {
		return send(env, workflows.UpdateSettlePrerequisite, s)
	}
	onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
		at(env, days(1)+time.Hour, func() {
			bare = settled(env, workflows.SettlePrerequisite{Item: "connection", By: ana})
			moon = settled(env, workflows.SettlePrerequisite{Item: "moon", Evidence: "seen", By: ana})
		})
		at(env, days(2)+time.Hour, func() {
			require.Empty(t, w.moves)
			done = settled(env, workflows.SettlePrerequisite{
				Item: "site-agreement", Evidence: "signed, in the folder", Expires: "2028-01-31", By: ana,
			})
		})
		at(env, days(2)+2*time.Hour, func() {
			require.Contains(t, statusOf(t, env).Progress.Next, "the account, tested", "one less")
			waived = settled(env, workflows.SettlePrerequisite{Item: "connection", Reason: "tested by telephone", By: ana})
		})
		at(env, days(2)+3*time.Hour, func() {
			require.Equal(t, registry.PhaseTesting, statusOf(t, env).Phase)
			env.CancelWorkflow()
		})
	})
	require.ErrorContains(t, bare.refused, "evidence")
	require.ErrorContains(t, moon.err, "no item")
	require.Equal(t, "site-agreement is done", done.answer.Words)
	require.Equal(t, "connection is waived", waived.answer.Words)
	require.Len(t, w.settledItems, 3)
	require.Equal(t, "2028-01-31", w.settledItems[1].Expires)
	require.Equal(t, []string{"registered>testing"}, w.moves)
}

// WriteNotice notes a letter that is written and not sent.
func (w *world) WriteNotice(_ context.Context, in activities.SendNoticeInput) (activities.Done, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, in.Event)
	return activities.Done{}, nil
}

// SettlePrerequisite knows every item but the moon.
func (w *world) SettlePrerequisite(_ context.Context, in activities.SettlePrerequisiteInput) (activities.SettlePrerequisiteResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settledItems = append(w.settledItems, in)
	if in.Item == "moon" {
		return activities.SettlePrerequisiteResult{Refused: `there is no item "moon" on the checklist`}, nil
	}
	w.facts.Wanted = slices.DeleteFunc(slices.Clone(w.facts.Wanted), func(i activities.WantedPrerequisite) bool { return i.Key == in.Item })
	return activities.SettlePrerequisiteResult{Changed: 1}, nil
}
