package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// crowd is many files of many practices in front of one server, and the server.
type crowd struct {
	*world
	files map[string]int // by practice
	// breaks says what the server does to a practice's login; nil is nothing.
	breaks map[string]func() error
	logins map[string]int
	// done is when the last file of a practice was delivered.
	done map[string]time.Duration
	left map[string]int
}

func newCrowd(t *testing.T, sessions int) *crowd {
	t.Helper()
	c := &crowd{
		world: newWorld(t), files: map[string]int{}, breaks: map[string]func() error{}, logins: map[string]int{},
		done: map[string]time.Duration{}, left: map[string]int{},
	}
	c.line = newLine(t, sessions, 2)
	return c
}

// faultOn is what an activity returns that met a fault of the server.
func faultOn(practice string, kind registry.Kind) error {
	return temporal.NewNonRetryableApplicationError("the server said no", string(kind), nil,
		activities.ConnectionFault{Connection: "to-" + practice})
}

func isTransient(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == string(registry.Transient)
}

const (
	uploadTakes = 10 * time.Second
	silenceIs   = 65 * time.Second
)

// serve plays the server: an upload takes ten seconds, and a silent one 65.
func (c *crowd) serve(env *testsuite.TestWorkflowEnvironment) {
	answer := func(in activities.UploadFileInput) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.logins[in.Practice]++
		if broken := c.breaks[in.Practice]; broken != nil {
			return broken()
		}
		return nil
	}
	silent := func(in activities.UploadFileInput) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		broken := c.breaks[in.Practice]
		return broken != nil && isTransient(broken())
	}
	reply := func(_ context.Context, in activities.UploadFileInput) (activities.UploadFileResult, error) {
		return activities.UploadFileResult{}, answer(in)
	}
	env.OnActivity("UploadFile", mock.Anything, mock.MatchedBy(silent)).After(silenceIs).Return(reply)
	env.OnActivity("UploadFile", mock.Anything, mock.Anything).After(uploadTakes).Return(reply)
}

// gather is the tests' main workflow: it starts the server's workflow and every
// file, and passes nudges on.
func (c *crowd) gather(ctx workflow.Context) error {
	start := workflow.Now(ctx)
	beside := func(id string) workflow.Context {
		return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
	}
	door := workflow.ExecuteChildWorkflow(beside(workflows.HostID(host)), workflows.RegistryHost, workflows.RegistryHostInput{
		HostInput: activities.HostInput{Version: 1, Host: host, Policy: c.facts.Policy},
	})
	if err := door.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var p activities.PermitAsked
			workflow.GetSignalChannel(ctx, nudged).Receive(ctx, &p)
			_ = workflow.SignalExternalWorkflow(ctx, workflows.HostID(host), "", workflows.SignalPermitAsked.Name, p).Get(ctx, nil)
		}
	})
	wait := workflow.NewWaitGroup(ctx)
	for _, practice := range workflow.DeterministicKeys(c.files) {
		c.left[practice] = c.files[practice]
		for n := range c.files[practice] {
			wait.Add(1)
			file := fmt.Sprintf("%s-%d", practice, n)
			child := workflow.ExecuteChildWorkflow(beside(workflows.FileID(file)), workflows.FileSubmission, workflows.FileSubmissionInput{
				Version: 1, Practice: practice, File: registry.FileRef{ID: file, Digest: "d", Size: 10},
				Lane: registry.LaneProduction, Policy: c.facts.Policy,
			})
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wait.Done()
				if err := child.Get(ctx, nil); err != nil {
					c.t.Errorf("%s: %v", file, err) //workflowcheck:ignore the test that runs it
				}
				if c.left[practice]--; c.left[practice] == 0 {
					c.done[practice] = workflow.Now(ctx).Sub(start)
				}
			})
		}
	}
	wait.Wait(ctx)
	// The all-clears leave beside.
	return workflow.Sleep(ctx, time.Hour)
}

func (c *crowd) play(t *testing.T, script func(env *testsuite.TestWorkflowEnvironment)) {
	t.Helper()
	c.also = map[string]any{"gather": c.gather}
	env := c.env()
	env.SetTestTimeout(2 * time.Minute)
	c.serve(env)
	if script != nil {
		script(env)
	}
	env.ExecuteWorkflow("gather")
	require.NoError(t, env.GetWorkflowError())
}

// doorStatus is what the host's workflow shows.
func doorStatus(t *testing.T, env *testsuite.TestWorkflowEnvironment) workflows.Status {
	t.Helper()
	v, err := env.QueryWorkflowByID(workflows.HostID(host), workflows.QueryStatus.Name)
	require.NoError(t, err)
	var s workflows.Status
	require.NoError(t, v.Get(&s))
	return s
}

// The issue's own sentence: 50 practices of which 5 are broken.
func TestFiftyPracticesOfWhichFiveAreBroken(t *testing.T) {
	t.Parallel()
	const healthy, broken, sessions = 45, 5, 4
	run := func(t *testing.T, withBroken bool) *crowd {
		t.Helper()
		c := newCrowd(t, sessions)
		for n := range healthy {
			c.files[fmt.Sprintf("well-%02d", n)] = 2
		}
		if !withBroken {
			c.play(t, nil)
			return c
		}
		kinds := []registry.Kind{
			registry.Unauthorised, registry.Unauthorised, registry.HostKeyChanged, registry.Refused, registry.Transient,
		}
		for n, kind := range kinds {
			practice := fmt.Sprintf("ill-%d", n)
			c.files[practice] = 1 + 10*n
			c.breaks[practice] = func() error { return faultOn(practice, kind) }
		}
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(2), func() {
				holds := doorStatus(t, env).Holds
				require.Len(t, holds, broken, "whatever the number of files")
				for _, h := range holds {
					require.Equal(t, []registry.HoldAction{registry.ActionRetry}, h.Actions)
				}
				require.Equal(t, broken, c.count(activities.NoticeHold))
				require.Zero(t, c.count(activities.NoticeResolved))
				for _, practice := range []string{"ill-0", "ill-1", "ill-2", "ill-3"} {
					require.LessOrEqual(t, c.logins[practice], 2, "accounts get locked: %s", practice)
				}
				clear(c.breaks)
				settleAll(env, holds)
			})
		})
		return c
	}
	alone, together := run(t, false), run(t, true)

	slowest := func(c *crowd) time.Duration {
		var most time.Duration
		for n := range healthy {
			most = max(most, c.done[fmt.Sprintf("well-%02d", n)])
		}
		return most
	}
	require.Positive(t, slowest(alone))
	require.LessOrEqual(t, slowest(together)-slowest(alone), 2*silenceIs,
		"the others lose no more than the first two waits for a silent server")
	require.Equal(t, broken, together.count(activities.NoticeHold), "one alert a connection")
	require.Equal(t, broken, together.count(activities.NoticeResolved), "one all-clear a connection")
	require.LessOrEqual(t, together.line.most, sessions)
	for practice := range together.files {
		require.NotZero(t, together.done[practice], "%s was delivered in the end", practice)
	}
	t.Logf("slowest of 45: %s alone, %s beside 5 broken ones", slowest(alone), slowest(together))
}

func TestRegistryHost(t *testing.T) {
	t.Parallel()

	t.Run("a practice with many files delays another by a turn, not by its files", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 2)
		c.files["many"], c.files["single"] = 60, 1
		c.play(t, nil)
		require.LessOrEqual(t, c.done["single"], 3*uploadTakes)
		require.Greater(t, c.done["many"], 25*uploadTakes)
	})

	t.Run("a trial that fails brings the hold back: one login, one alert more", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.files["ill"] = 30
		c.breaks["ill"] = func() error { return faultOn("ill", registry.Unauthorised) }
		before := 0
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(1)-time.Minute, func() {
				before = c.logins["ill"]
				settleAll(env, doorStatus(t, env).Holds)
			})
			at(env, days(1)+time.Hour, func() {
				require.Equal(t, before+1, c.logins["ill"], "one trial")
				require.Len(t, doorStatus(t, env).Holds, 1, "it is back")
				require.Equal(t, 2, c.count(activities.NoticeHold))
				require.Zero(t, c.count(activities.NoticeResolved))
				clear(c.breaks)
				settleAll(env, doorStatus(t, env).Holds)
			})
		})
		require.Equal(t, 1, c.count(activities.NoticeResolved))
	})

	t.Run("weather is tried again by itself and nobody is told", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.files["rain"] = 3
		c.breaks["rain"] = func() error {
			if c.logins["rain"] > 6 {
				return nil
			}
			return faultOn("rain", registry.Transient)
		}
		c.play(t, nil)
		require.Empty(t, c.letters)
		require.Empty(t, c.holds)
	})

	t.Run("says once that it is held, however long nobody settles it", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.files["ill"] = 2
		c.breaks["ill"] = func() error { return faultOn("ill", registry.HostKeyChanged) }
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, days(5), func() {
				require.Equal(t, 1, c.count(activities.NoticeHold))
				clear(c.breaks)
				settleAll(env, doorStatus(t, env).Holds)
			})
		})
		require.Equal(t, 1, c.count(activities.NoticeResolved))
	})

	t.Run("a decision that does not fit is refused", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.files["ill"] = 1
		c.breaks["ill"] = func() error { return faultOn("ill", registry.Unauthorised) }
		r := &reply{}
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() {
				held := doorStatus(t, env).Holds[0]
				_ = env.UpdateWorkflowByID(workflows.HostID(host), workflows.UpdateResolveHold.Name, "u", r,
					workflows.ResolveHold{HoldID: held.ID, Action: registry.ActionDrop, By: ana})
				clear(c.breaks)
				settleAll(env, doorStatus(t, env).Holds)
			})
		})
		require.ErrorContains(t, r.refused, "possible: retry")
	})

	t.Run("an hour takes its files and no more", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.line.perHour = 5
		c.files["many"] = 12
		c.play(t, nil)
		require.GreaterOrEqual(t, c.done["many"], 2*time.Hour)
		require.Less(t, c.done["many"], 3*time.Hour)
	})

	t.Run("nothing begins in quiet hours, and their end is noticed", func(t *testing.T) {
		t.Parallel()
		c := newCrowd(t, 4)
		c.files["night"] = 2
		end := epoch.Add(7 * time.Hour)
		c.line.quietUntil = func() time.Time {
			if c.test.Now().Before(end) {
				return end
			}
			return time.Time{}
		}
		c.play(t, nil)
		require.GreaterOrEqual(t, c.done["night"], 7*time.Hour)
		require.Less(t, c.done["night"], 8*time.Hour)
	})
}

// door runs the host's workflow alone; who is let in is only noted.
func door(t *testing.T, w *world, state *workflows.HostState, script func(env *testsuite.TestWorkflowEnvironment)) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	env := w.env()
	if w.line == nil {
		w.line = newLine(t, 2, 2)
	}
	script(env)
	env.ExecuteWorkflow(workflows.RegistryHost, workflows.RegistryHostInput{
		HostInput: activities.HostInput{Version: 1, Host: host, Policy: w.facts.Policy}, State: state,
	})
	return env
}

func TestRegistryHostAlone(t *testing.T) {
	t.Parallel()
	visitOf := func(id string) waiting {
		return waiting{Visit: activities.Visit{Workflow: id, Ask: 1}, connection: "to-a", whose: "a", file: true}
	}

	t.Run("whoever has ended loses its place, in line and inside", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 1, 1)
		for _, id := range []string{"file/f-gone", "file/f-crashed", "file/f-lives"} {
			w.line.add(visitOf(id))
		}
		grants := map[string]int{}
		crashed := false
		env := door(t, w, nil, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
				func(_, id, _, _ string, _ any) error {
					grants[id]++
					if id == "file/f-gone" || id == "file/f-crashed" && crashed {
						return fmt.Errorf("unknown external workflow execution")
					}
					return nil
				})
			at(env, time.Minute, func() {
				require.Zero(t, grants["file/f-lives"], "one is inside")
				crashed = true
			})
			at(env, time.Hour, func() {
				require.Equal(t, 1, grants["file/f-gone"])
				require.Positive(t, grants["file/f-lives"], "the silent one was asked and has lost its place")
				env.CancelWorkflow()
			})
		})
		require.True(t, env.IsWorkflowCompleted())
		require.Len(t, w.line.waits, 1)
	})

	t.Run("continues as new with who is inside; the holds are found again, and nothing is alerted twice", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 2, 2)
		w.line.add(visitOf("file/f-1"))
		for _, c := range []string{"x", "y", "z"} {
			w.line.held[c] = activities.HostHold{ID: "h-" + c, Connection: c, Since: epoch, Words: "login refused"}
			w.letters["hold/h-"+c+"/0"] = activities.NoticeHold
		}
		env := door(t, w, nil, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil)
			at(env, time.Minute, func() {
				v, err := env.QueryWorkflow(workflows.QueryStatus.Name)
				require.NoError(t, err)
				var s workflows.Status
				require.NoError(t, v.Get(&s))
				require.Len(t, s.Holds, 3, "page by page")
				env.SetContinueAsNewSuggested(true)
				env.SignalWorkflow(workflows.SignalPermitAsked.Name, activities.PermitAsked{})
			})
		})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in workflows.RegistryHostInput
		require.NoError(t, converterOf(next, &in))
		require.Len(t, in.State.Inside, 1)
		require.Equal(t, "file/f-1", in.State.Inside[0].Workflow)
		require.Empty(t, in.State.Links, "holds are the database's")
		require.Equal(t, 3, w.count(activities.NoticeHold))
	})

	t.Run("a state as large as it gets goes into history", func(t *testing.T) {
		t.Parallel()
		s := workflows.HostState{Permits: 1 << 50, HourFrom: epoch, Links: map[string]workflows.HostLink{}}
		for n := range 16 {
			s.Inside = append(s.Inside, workflows.HostVisit{
				Visit:  activities.Visit{Workflow: fmt.Sprintf("reports/connection-%020d-2026-03-02T15:04:05Z", n), Ask: 100},
				Permit: 1 << 50, Connection: fmt.Sprintf("connection-%030d", n), Port: 65535, Seen: epoch,
			})
		}
		for n := range 5 {
			s.Links[fmt.Sprintf("connection-%030d", n)] = workflows.HostLink{Since: epoch, Faults: 99, Next: epoch, Settled: "h-12345678-99"}
		}
		data, err := json.Marshal(workflows.RegistryHostInput{
			HostInput: activities.HostInput{Version: 1, Host: host, Policy: newWorld(t).facts.Policy}, State: &s,
		})
		require.NoError(t, err)
		require.Less(t, len(data), 8<<10)
	})
}
