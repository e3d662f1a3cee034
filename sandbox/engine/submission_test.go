package engine_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"immtrail/activities"
	"immtrail/internal/temporalconn"
	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/workflows"
)

// outboxWorld is what submissions see; its methods have the activities' names. Of
// its two files n-1 does not match its checksum until it is mended.
type outboxWorld struct {
	mu             sync.Mutex
	inside, most   int
	scans          int
	mended, staged bool
	release        chan struct{}
	holds, sent    []string
}

func (w *outboxWorld) LoadPractice(context.Context, activities.LoadPracticeInput) (activities.PracticeFacts, error) {
	return activities.PracticeFacts{
		Practice: "sunrise-plano", Phase: registry.PhaseProduction, Submission: registry.SubmissionOn, FirstProduction: true,
		Policy: registry.Policy{FilesPerCycle: 10, Patience: 1},
	}, nil
}

func (w *outboxWorld) ScanOutbox(context.Context, activities.ScanOutboxInput) (activities.ScanOutboxResult, error) {
	w.mu.Lock()
	w.scans++
	w.inside++
	w.most = max(w.most, w.inside)
	w.mu.Unlock()
	<-w.release
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside--
	return activities.ScanOutboxResult{Files: []activities.OutboxFile{{Name: "n-1", Size: 5}, {Name: "n-2", Size: 5}}}, nil
}

func (w *outboxWorld) StageFile(_ context.Context, in activities.StageFileInput) (activities.StageFileResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case in.Name == "n-2":
		known := w.staged
		w.staged = true
		return activities.StageFileResult{File: registry.FileRef{ID: "f-2", Digest: "d", Size: 5}, Known: known}, nil
	case w.mended:
		return activities.StageFileResult{File: registry.FileRef{ID: "f-1", Digest: "d", Size: 5}}, nil
	case in.Wrong > 0:
		return activities.StageFileResult{}, temporal.NewNonRetryableApplicationError("1 file does not match its checksum", string(registry.NotAllowed), nil)
	}
	return activities.StageFileResult{WrongSum: true}, nil
}

func (w *outboxWorld) OpenHold(_ context.Context, in activities.OpenHoldInput) (activities.Done, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.holds, in.ID) {
		w.holds = append(w.holds, in.ID)
	}
	return activities.Done{}, nil
}

func (w *outboxWorld) CloseHold(context.Context, activities.CloseHoldInput) (activities.Done, error) {
	return activities.Done{}, nil
}

func (w *outboxWorld) RecordProgress(context.Context, activities.RecordProgressInput) (activities.Done, error) {
	return activities.Done{}, nil
}

func (w *outboxWorld) SendNotice(context.Context, activities.SendNoticeInput) (activities.SendNoticeResult, error) {
	return activities.SendNoticeResult{}, nil
}

func (w *outboxWorld) see(read func() bool) func() bool {
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return read()
	}
}

// Submissions of a real Schedule on a real server: what is due while one runs comes
// after it, once; a file goes once; and a question about one file keeps no submission
// waiting.
func TestSubmissionsDoNotOverlapAndSendNothingTwice(t *testing.T) {
	e := start(t, engine.Options{Dir: t.TempDir(), NoUI: true})
	c := dial(t, e.HostPort())
	require.NoError(t, temporalconn.EnsureSearchAttributes(t.Context(), c, "default"))
	world := &outboxWorld{release: make(chan struct{})}
	w := worker.New(c, taskQueue, worker.Options{})
	workflows.Register(onlyCycles{w, func(_ workflow.Context, in workflows.FileSubmissionInput) error {
		world.mu.Lock()
		defer world.mu.Unlock()
		world.sent = append(world.sent, in.File.ID)
		return nil
	}})
	w.RegisterActivity(world)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	schedules := &activities.Schedules{Client: c, TaskQueue: taskQueue}
	_, err := schedules.EnsureSchedules(t.Context(), activities.EnsureSchedulesInput{
		Scope: activities.Scope{Practice: "sunrise-plano"}, Connection: "texas", Zone: "UTC", CadenceDays: 30,
	})
	require.NoError(t, err)
	handle := c.ScheduleClient().GetHandle(t.Context(), activities.CycleScheduleID("sunrise-plano"))
	eventually := func(what string, is func() bool) {
		t.Helper()
		require.Eventually(t, is, patience, 50*time.Millisecond, what)
	}
	require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	eventually("the first begins", world.see(func() bool { return world.inside == 1 }))
	for range 3 { // each in a second of its own, as their IDs are
		require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	}
	close(world.release)
	eventually("the buffered one follows", world.see(func() bool { return world.scans == 2 && world.inside == 0 }))
	eventually("the submissions end although a question is open", func() bool {
		d, err := handle.Describe(t.Context())
		return err == nil && len(d.Info.RunningWorkflows) == 0
	})
	eventually("a person is asked", world.see(func() bool { return len(world.holds) == 1 }))
	eventually("a file goes", world.see(func() bool { return len(world.sent) > 0 }))
	require.Equal(t, 1, world.most, "never two at once")
	require.Equal(t, 2, world.scans, "of three that were due meanwhile one was kept")
	require.Equal(t, []string{"f-2"}, world.sent, "and the file that both saw went once")

	world.mu.Lock()
	world.mended = true
	world.mu.Unlock()
	id := workflows.OutboxQuestionID("sunrise-plano", "n-1")
	answer, err := c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.UpdateResolveHold.Name, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.ResolveHold{HoldID: world.holds[0], Action: registry.ActionRetry, By: registry.Actor{Name: "Ana", Via: "cli"}}},
	})
	require.NoError(t, err)
	require.NoError(t, answer.Get(t.Context(), nil))
	require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	eventually("what was mended goes", world.see(func() bool { return slices.Equal(world.sent, []string{"f-2", "f-1"}) }))
	record(t, c, id, "RECORD_OUTBOX_QUESTION")
	stands(t, c, handle)
}

// stands checks that what somebody does to a schedule at the server itself is seen.
func stands(t *testing.T, c client.Client, handle client.ScheduleHandle) {
	t.Helper()
	state := func() activities.ScheduleState {
		got, err := activities.ScheduleAt(c)(t.Context(), "sunrise-plano")
		require.NoError(t, err)
		return got
	}
	require.Equal(t, activities.ScheduleRuns, state())
	require.NoError(t, handle.Pause(t.Context(), client.SchedulePauseOptions{}))
	require.Equal(t, activities.SchedulePaused, state())
	require.NoError(t, handle.Delete(t.Context()))
	require.Eventually(t, func() bool { return state() == activities.ScheduleGone }, patience, 50*time.Millisecond)
}

// record writes the history of a question for the replay tests, where the
// environment names the file: no journey has one.
func record(t *testing.T, c client.Client, id, variable string) {
	t.Helper()
	to := os.Getenv(variable)
	if to == "" {
		return
	}
	events := c.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	history := &historypb.History{}
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	text, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(history)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, append(text, '\n'), 0o600))
}

// onlyCycles registers the workflows of an outbox, and send in the place of what
// sends a file.
type onlyCycles struct {
	worker.Worker
	send func(workflow.Context, workflows.FileSubmissionInput) error
}

func (o onlyCycles) RegisterWorkflowWithOptions(wf any, opts workflow.RegisterOptions) {
	if opts.Name == "FileSubmission" {
		wf = o.send
	}
	o.Worker.RegisterWorkflowWithOptions(wf, opts)
}
