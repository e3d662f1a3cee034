package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/tripwire"
	"immtrail/registry"
	"immtrail/workflows"
)

// awayFor is what an activity returns that did not get as far as the login.
func awayFor(practice string, kind registry.Kind) error {
	return temporal.NewNonRetryableApplicationError("the server cannot be reached", string(kind), nil,
		activities.ConnectionFault{Connection: "to-" + practice, Server: server})
}

// fifty is a server with 50 practices, each with a login of its own and two
// files; four may be inside.
func fifty(t *testing.T, fault func(practice string) error) *crowd {
	t.Helper()
	c := newCrowd(t, 4)
	for n := range 50 {
		practice := fmt.Sprintf("p-%02d", n)
		c.files[practice] = 2
		if fault != nil {
			c.breaks[practice] = func() error { return fault(practice) }
		}
	}
	return c
}

func (c *crowd) allLogins() int {
	all := 0
	for _, n := range c.logins {
		all += n
	}
	return all
}

// The issue: what breaks is one hold, one alert and one all-clear, and resolving
// it once lets all of them go on. Where the server itself is away that is true
// of all 50 logins together.
func TestServerThatIsAwayForEverybody(t *testing.T) {
	t.Parallel()
	for _, kind := range []registry.Kind{registry.HostKeyChanged, registry.Transient, registry.Busy, registry.Refused} {
		t.Run("one hold, one alert, one all-clear: "+string(kind), func(t *testing.T) {
			t.Parallel()
			c := fifty(t, func(practice string) error { return awayFor(practice, kind) })
			c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
				at(env, days(1)+12*time.Hour, func() {
					holds := doorStatus(t, env).Holds
					require.Len(t, holds, 1, "whatever the number of logins")
					require.Equal(t, server, holds[0].Server)
					require.Empty(t, holds[0].Connection)
					require.Equal(t, "server "+server, holds[0].What)
					require.Equal(t, 1, c.count(activities.NoticeHold))
					require.LessOrEqual(t, c.allLogins(), 4+24*4*2, "tried by one at a time, not by all of 50")
					clear(c.breaks)
					settleAll(env, holds)
				})
			})
			require.Len(t, c.done, 50, "settled once, all go on")
			require.Equal(t, 1, c.count(activities.NoticeHold))
			require.Equal(t, 1, c.count(activities.NoticeResolved))
			for practice, took := range c.done {
				require.Less(t, took, days(1)+14*time.Hour, practice)
			}
		})
	}

	t.Run("broken logins beside it are holds of their own", func(t *testing.T) {
		t.Parallel()
		c := fifty(t, func(practice string) error { return awayFor(practice, registry.HostKeyChanged) })
		broken := []string{"p-03", "p-13", "p-23", "p-33", "p-43"}
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() {
				holds := doorStatus(t, env).Holds
				require.Len(t, holds, 1)
				clear(c.breaks)
				for _, practice := range broken {
					c.breaks[practice] = func() error { return faultOn(practice, registry.Unauthorised) }
				}
				settleAll(env, holds)
			})
			at(env, 3*time.Hour, func() {
				holds := doorStatus(t, env).Holds
				require.Len(t, holds, len(broken))
				require.Len(t, c.done, 50-len(broken), "the others have gone on")
				require.Equal(t, 1, c.count(activities.NoticeResolved), "the server's")
				for _, h := range holds {
					require.NotEmpty(t, h.Connection)
				}
				clear(c.breaks)
				settleAll(env, holds)
			})
		})
		require.Len(t, c.done, 50)
		require.Equal(t, 1+len(broken), c.count(activities.NoticeHold))
		require.Equal(t, 1+len(broken), c.count(activities.NoticeResolved))
	})

	t.Run("a trial that fails brings the hold back after one try", func(t *testing.T) {
		t.Parallel()
		c := fifty(t, func(practice string) error { return awayFor(practice, registry.HostKeyChanged) })
		before := 0
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() {
				before = c.allLogins()
				settleAll(env, doorStatus(t, env).Holds)
			})
			at(env, 2*time.Hour, func() {
				require.Equal(t, before+1, c.allLogins())
				require.Len(t, doorStatus(t, env).Holds, 1)
				require.Equal(t, 2, c.count(activities.NoticeHold))
				clear(c.breaks)
				settleAll(env, doorStatus(t, env).Holds)
			})
		})
		require.Equal(t, 1, c.count(activities.NoticeResolved))
	})

	t.Run("an hour of maintenance is waited out by one login at a time, and nobody is told", func(t *testing.T) {
		t.Parallel()
		c := fifty(t, func(practice string) error { return awayFor(practice, registry.Transient) })
		c.play(t, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Hour, func() {
				require.LessOrEqual(t, c.allLogins(), 4+10)
				require.Contains(t, detailsOfDoor(t, env), server+" failed")
				clear(c.breaks)
			})
		})
		require.Empty(t, c.letters)
		require.Empty(t, c.holds)
		for practice, took := range c.done {
			require.Less(t, took, 100*time.Minute, practice)
		}
	})
}

// detailsOfDoor is what the Web UI shows of the host's workflow.
func detailsOfDoor(t *testing.T, env *testsuite.TestWorkflowEnvironment) string {
	t.Helper()
	v, err := env.QueryWorkflowByID(workflows.HostID(host), "__temporal_workflow_metadata")
	require.NoError(t, err)
	var meta sdkpb.WorkflowMetadata
	require.NoError(t, v.Get(&meta))
	return meta.CurrentDetails
}

func TestRegistryHostServers(t *testing.T) {
	t.Parallel()

	t.Run("another server on the same machine goes on", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 4, 2)
		other := host + ":990"
		w.line.held[server] = activities.HostHold{ID: "h-s", Server: server, Since: epoch, Words: "another host key"}
		w.line.add(waiting{Visit: activities.Visit{Workflow: "file/f-1", Ask: 1}, connection: "to-a", whose: "a"})
		w.line.add(waiting{Visit: activities.Visit{Workflow: "file/f-2", Ask: 1}, connection: "to-b", whose: "b", server: other})
		grants := map[string]int{}
		door(t, w, nil, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
				func(_, id, _, _ string, _ any) error {
					w.mu.Lock()
					defer w.mu.Unlock()
					grants[id]++
					return nil
				})
			at(env, time.Minute, func() {
				holds := statusOf(t, env).Holds
				require.Len(t, holds, 1, "found again by a later run")
				require.Equal(t, server, holds[0].Server)
				require.Equal(t, "server "+server, holds[0].What)
				env.CancelWorkflow()
			})
		})
		require.Equal(t, map[string]int{"file/f-2": 1}, grants)
	})

	t.Run("a long visit to a server in doubt lets the others in once it has been reached", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 4, 2)
		for n := range 5 {
			w.line.add(waiting{
				Visit:      activities.Visit{Workflow: fmt.Sprintf("file/f-%d", n), Ask: 1},
				connection: fmt.Sprintf("to-%d", n), whose: fmt.Sprint(n),
			})
		}
		var grants atomic.Int32 // those who are let in together hear it side by side
		state := &workflows.HostState{Servers: map[string]workflows.HostLink{server: {Since: epoch, Faults: 3}}}
		door(t, w, state, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
				func(_, _, _, _ string, _ any) error {
					grants.Add(1)
					return nil
				})
			at(env, 2*time.Minute, func() { require.EqualValues(t, 1, grants.Load(), "one at a time") })
			at(env, 5*time.Minute, func() {
				require.EqualValues(t, 4, grants.Load())
				env.CancelWorkflow()
			})
		})
	})

	t.Run("what it asks the database goes into history with the longest names", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 16, 1)
		long := func(n int) string { return fmt.Sprintf("%048d", n) }
		state := &workflows.HostState{Links: map[string]workflows.HostLink{}, Servers: map[string]workflows.HostLink{}}
		for n := range 200 {
			state.Links[long(n)] = workflows.HostLink{Since: epoch, Faults: 9, Next: epoch.Add(days(n % 2))}
			state.Servers[long(n)+".example.org:22"] = workflows.HostLink{Since: epoch, Faults: 9, Next: epoch.Add(days(n % 2))}
		}
		for n := range 16 {
			state.Inside = append(state.Inside, workflows.HostVisit{
				Visit:  activities.Visit{Workflow: "reports/" + long(n) + "-2026-03-02T15:04:05Z", Ask: 150},
				Permit: int64(n), Connection: long(n), Port: 22, Seen: epoch,
			})
			state.Released = append(state.Released, workflows.PermitReleased{
				Workflow: state.Inside[n].Workflow, Permit: int64(n), Outcome: workflows.VisitUnused,
			})
		}
		var asked activities.ChoosePermitsInput
		w.chosen = func(in activities.ChoosePermitsInput) { asked = in }
		door(t, w, state, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Minute, env.CancelWorkflow)
		})
		require.Len(t, asked.Over, 16)
		require.NotEmpty(t, asked.Closed)
		require.NotEmpty(t, asked.Doubtful)
		require.NoError(t, tripwire.MeasureInput(asked))
		b, err := json.Marshal(asked)
		require.NoError(t, err)
		require.Less(t, len(b), 8<<10)
	})

	t.Run("what it hands to its next run goes into history with the longest names", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.line = newLine(t, 16, 20)
		long := func(n int) string { return fmt.Sprintf("%048d", n) }
		state := &workflows.HostState{Links: map[string]workflows.HostLink{}, Servers: map[string]workflows.HostLink{}}
		for n := range 200 {
			state.Links[long(n)] = workflows.HostLink{Since: epoch, Faults: 9, Next: epoch.Add(days(1))}
			state.Servers[fmt.Sprintf("%s:%d", host, n)] = workflows.HostLink{Since: epoch, Faults: 9, Next: epoch.Add(days(1))}
		}
		for n := range 16 {
			state.Inside = append(state.Inside, workflows.HostVisit{
				Visit:  activities.Visit{Workflow: "reports/" + long(n) + "-2026-03-02T15:04:05Z", Ask: 150},
				Permit: epoch.UnixMilli() + int64(n), Connection: long(n), Port: 65535, Seen: epoch,
			})
		}
		env := door(t, w, state, func(env *testsuite.TestWorkflowEnvironment) {
			env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil)
			w.chosen = func(in activities.ChoosePermitsInput) { // they end while it asks who goes next
				if len(in.Inside) < 16 {
					return
				}
				env.SetContinueAsNewSuggested(true)
				for _, v := range state.Inside {
					env.SignalWorkflow(workflows.SignalPermitReleased.Name, workflows.PermitReleased{
						Workflow: v.Workflow, Ask: 150, Permit: v.Permit, Outcome: workflows.VisitFault, Kind: registry.HostKeyChanged,
						Words: strings.Repeat("words ", 50),
					})
				}
			}
		})
		var next *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &next)
		var in workflows.RegistryHostInput
		require.NoError(t, converterOf(next, &in))
		require.Len(t, in.State.Inside, 16)
		require.Len(t, in.State.Released, 16, "none is lost")
		require.NoError(t, tripwire.MeasureInput(in))

		// The next run takes them in.
		w2 := newWorld(t)
		w2.line = newLine(t, 16, 20)
		var asked activities.ChoosePermitsInput
		w2.chosen = func(in activities.ChoosePermitsInput) { asked = in }
		door(t, w2, in.State, func(env *testsuite.TestWorkflowEnvironment) {
			at(env, time.Minute, env.CancelWorkflow)
		})
		require.Empty(t, asked.Inside)
		require.Len(t, w2.holds, 16)
	})
}
