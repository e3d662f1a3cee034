package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func (w *world) KeepPolicy(_ context.Context, in activities.KeepPolicyInput) (activities.Done, error) {
	w.mu.Lock()
	w.kept = append(w.kept, in.Policy)
	w.mu.Unlock()
	return activities.Done{}, w.called("KeepPolicy")
}

func (w *world) EnsureReminders(_ context.Context, _ activities.EnsureRemindersInput) (activities.Done, error) {
	return activities.Done{}, w.called("EnsureReminders")
}

func (w *world) DueReminders(_ context.Context, in activities.DueRemindersInput) (activities.DueRemindersResult, error) {
	if err := w.called("DueReminders"); err != nil {
		return activities.DueRemindersResult{}, err
	}
	return w.mornings(in), nil
}

func (w *world) TellBounces(_ context.Context, _ activities.TellBouncesInput) (activities.TellBouncesResult, error) {
	return activities.TellBouncesResult{Unreadable: 2}, w.called("TellBounces")
}

// reminded is how many reminders of the line that was said last have come by a day,
// as the letters of reminder count them.
func (w *world) reminded(day int) int {
	line := w.lines[len(w.lines)-1]
	return w.facts.Policy.Reached(line.Wait, w.facts.Business.Between(line.Since, epoch.Add(days(day))))
}

// reminders runs the workflow until it is cancelled.
func reminders(t *testing.T, w *world, from time.Time, script func(env *testsuite.TestWorkflowEnvironment)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	env := w.env()
	env.SetStartTime(from)
	script(env)
	env.ExecuteWorkflow(activities.RemindersWorkflow, activities.RemindersInput{Version: 1, Policy: w.facts.Policy})
	require.True(t, env.IsWorkflowCompleted())
	return env
}

func TestReminders(t *testing.T) {
	t.Parallel()

	for _, zone := range []string{"America/Chicago", "America/Denver"} {
		for name, from := range map[string]time.Time{
			"summer time begins": time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC),
			"summer time ends":   time.Date(2026, 10, 29, 12, 0, 0, 0, time.UTC),
		} {
			t.Run("eight o'clock in "+zone+" on each business day while "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				loc, err := time.LoadLocation(zone)
				require.NoError(t, err)
				policy := registry.Policy{ReminderTime: "08:00", QuietHours: []string{"18:00-07:00"}}
				mornings, err := policy.Mornings(zone, registry.BusinessDays{Zone: "America/Chicago"})
				require.NoError(t, err)
				var looks []string
				env := w.env()
				w.mornings = func(in activities.DueRemindersInput) activities.DueRemindersResult {
					now := in.Calendar.Date(env.Now()).In(loc)
					looks = append(looks, now.Format("Mon 01-02 15:04"))
					return activities.DueRemindersResult{Next: mornings.Next(now)}
				}
				env.SetStartTime(from)
				at(env, days(7), env.CancelWorkflow)
				env.ExecuteWorkflow(activities.RemindersWorkflow, activities.RemindersInput{Version: 1})
				var want []string
				for day := from.AddDate(0, 0, 0); len(want) < 5; day = day.AddDate(0, 0, 1) {
					if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
						want = append(want, day.Format("Mon 01-02")+" 08:00")
					}
				}
				require.Equal(t, want, looks[1:6])
			})
		}
	}

	t.Run("page by page, each letter by its event, side by side", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.mornings = func(in activities.DueRemindersInput) activities.DueRemindersResult {
			out := activities.DueRemindersResult{Next: epoch.AddDate(1, 0, 0)}
			switch in.After {
			case "":
				out.Events, out.More = []string{"reminders/a/2026-03-02", "reminders/b/2026-03-02"}, true
			case "reminders/b/2026-03-02":
				out.Events = []string{"reminders/c/2026-03-02"}
			}
			return out
		}
		reminders(t, w, epoch, func(env *testsuite.TestWorkflowEnvironment) { at(env, days(1), env.CancelWorkflow) })
		require.Len(t, w.letters, 3)
		require.Equal(t, 3, w.count(activities.NoticeReminders))
	})

	t.Run("a mailbox that is closed keeps nobody else's letter, and is shown", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		asked := 0
		w.mornings = func(activities.DueRemindersInput) activities.DueRemindersResult {
			asked++
			out := activities.DueRemindersResult{Next: epoch.AddDate(0, 0, asked)}
			if asked == 1 {
				out.Events = []string{"reminders/a/2026-03-02", "reminders/b/2026-03-02"}
			}
			return out
		}
		w.fail["SendNotice"] = once(failure(registry.Refused))
		reminders(t, w, epoch, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(5), func() {
				require.GreaterOrEqual(t, asked, 5, "the days go on")
				env.CancelWorkflow()
			})
		})
		require.Len(t, w.letters, 1)
	})

	t.Run("letters that come back are looked for each round, and a folder that is gone keeps no letter", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.mornings = func(activities.DueRemindersInput) activities.DueRemindersResult {
			return activities.DueRemindersResult{Next: w.test.Now().Add(time.Hour), Events: []string{"hold/h-7/still-nothing/1"}}
		}
		w.fail["TellBounces"] = func(int) error { return failure(registry.Missing) }
		reminders(t, w, epoch, func(env *testsuite.TestWorkflowEnvironment) { at(env, 3*time.Hour+time.Minute, env.CancelWorkflow) })
		require.GreaterOrEqual(t, w.calls["TellBounces"], 3)
		require.Contains(t, w.letters, "hold/h-7/still-nothing/1")
		require.Positive(t, w.count(activities.NoticeHold), "an alarm that nobody settles a connection")
	})

	t.Run("goes on as new with its calendar and policy", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.mornings = func(activities.DueRemindersInput) activities.DueRemindersResult {
			return activities.DueRemindersResult{Next: w.test.Now().Add(time.Hour)}
		}
		env := reminders(t, w, epoch, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() { env.SetContinueAsNewSuggested(true) })
		})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in activities.RemindersInput
		require.NoError(t, converterOf(next, &in))
		require.Equal(t, w.facts.Policy.HoldReminders, in.Policy.HoldReminders)
	})
}

func TestWaitsFollowThePolicy(t *testing.T) {
	t.Parallel()

	t.Run("a change of policy in mid-wait moves the due day and reaches the reminders", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseInReview
		w.facts.Policy.ReviewDueDays = 20
		policy := w.facts.Policy
		policy.ReviewDueDays = 5
		_, _ = onboard(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(3), func() {
				require.Equal(t, epoch.AddDate(0, 0, 28), statusOf(t, env).Progress.Due.UTC(), "20 business days are four weeks")
				r := send(env, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: policy, By: ana})
				require.NoError(t, r.refused)
			})
			at(env, days(4), func() {
				line := w.lines[len(w.lines)-1]
				require.Equal(t, epoch.AddDate(0, 0, 7), line.Due.UTC())
				require.Equal(t, epoch, line.Since.UTC(), "it waits since the same day")
				require.Equal(t, registry.PhaseInReview, statusOf(t, env).Phase)
				env.CancelWorkflow()
			})
		})
		require.Empty(t, w.moves, "a policy decides nothing")
	})

	t.Run("a file that is held has its due day by business days, and another one by another policy", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Policy.HoldDueDays = 5
		w.facts.Business = registry.BusinessDays{Holidays: []string{"2026-03-06"}}
		w.fail["CheckFile"] = once(failure(registry.Missing))
		policy := w.facts.Policy
		policy.HoldDueDays = 2
		env, result := submitFile(t, w, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1), func() {
				require.Equal(t, "2026-03-10", statusOf(t, env).Progress.Due.Format(time.DateOnly), "a week and the holiday")
				require.NoError(t, send(env, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: policy, By: ana}).refused)
			})
			at(env, days(2), func() {
				require.Equal(t, "2026-03-04", statusOf(t, env).Progress.Due.Format(time.DateOnly))
				require.Len(t, statusOf(t, env).Holds, 1, "a policy decides nothing")
				decide(t, env, registry.ActionRetry)
			})
		})
		require.NoError(t, env.GetWorkflowError())
		require.Equal(t, activities.FileAnswered, result.State)
	})

	t.Run("the watch keeps the policy at its start and with each change", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.facts.Phase = registry.PhaseTesting
		env := w.env()
		changed := w.facts.Policy
		changed.WaitReminders = []int{1, 2}
		at(env, days(3)+time.Hour, func() {
			send(env, workflows.UpdateSetPolicy, workflows.SetPolicy{Policy: changed, By: ana})
		})
		at(env, days(3)+2*time.Hour, func() {
			require.Equal(t, []string{"[]", "[1 2]"}, []string{fmt.Sprint(w.kept[0].WaitReminders), fmt.Sprint(w.kept[1].WaitReminders)})
			require.Equal(t, 5, w.calls["LookAtPractice"], "and looks again at once")
		})
		at(env, days(10), env.CancelWorkflow)
		env.ExecuteWorkflow("Watch", workflows.WatchInput{Version: 1, Practice: practice, Policy: w.facts.Policy})
		require.Len(t, w.kept, 2)
		require.Equal(t, 2, w.calls["EnsureReminders"], "at its start and each week")
	})
}
