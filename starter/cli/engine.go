package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/internal/reconcile"
	"immtrail/internal/temporalconn"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/workflows"
)

// Engine is what the command line needs of Temporal. Errors are ready to be
// shown: refusals of a workflow exit with 1, an unreachable server with 3.
type Engine interface {
	// Onboard starts the practice's onboarding; again says that it runs already.
	Onboard(ctx context.Context, p *registry.Practice, in workflows.OnboardingInput) (again bool, err error)
	// Update asks a workflow to do something and waits for its answer.
	Update(ctx context.Context, workflowID, name string, arg, answer any) error
	// Signal tells a workflow a fact. A workflow that has ended does not want it.
	Signal(ctx context.Context, workflowID, name string, arg any) error
	// SendFile tells a file's submission that a person sends it in spite of our
	// check, and starts the submission where it has ended.
	SendFile(ctx context.Context, in workflows.FileSubmissionInput) error
	// Query asks a workflow for a noun.
	Query(ctx context.Context, workflowID, name string, answer any) error
	// Running lists the workflows of a type that run, by ID: of one practice, or of
	// all where practice is empty. What began a moment ago may be missing.
	Running(ctx context.Context, workflowType, practice string) ([]string, error)
	// Trigger starts what a schedule starts, now.
	Trigger(ctx context.Context, scheduleID string) error
	// Upcoming are the next times at which a schedule acts; none where it never does.
	Upcoming(ctx context.Context, scheduleID string) (next []time.Time, paused bool, err error)
	// EnsureSchedules makes a practice's schedules as they should be.
	EnsureSchedules(ctx context.Context, in activities.EnsureSchedulesInput) error
	// EnsureSearchAttributes registers what the cluster does not know yet.
	EnsureSearchAttributes(ctx context.Context) error
	// MissingSearchAttributes names what the cluster does not know yet.
	MissingSearchAttributes(ctx context.Context) ([]string, error)
	// Workers lists who polls the task queue.
	Workers(ctx context.Context) ([]string, error)
	// Travelled reads how far files came whose submission began since and which
	// wanted picks.
	Travelled(ctx context.Context, since time.Time, wanted func(ids []string) ([]string, error)) ([]reconcile.File, error)
	// RunningFiles are the files whose submission runs; Onboardings the phases in
	// which running onboardings believe their practices to be.
	RunningFiles(ctx context.Context) (map[string]bool, error)
	Onboardings(ctx context.Context) (map[string]registry.Phase, error)
	// StartHistory begins a practice's historical load again; again says that it runs.
	StartHistory(ctx context.Context, in workflows.HistoricalLoadInput) (again bool, err error)
	// StartFile starts a file's submission; one that runs goes on.
	StartFile(ctx context.Context, in workflows.FileSubmissionInput) error
	// Terminate ends a workflow at once. One that has ended stays as it is.
	Terminate(ctx context.Context, workflowID, reason string) error
	// Close ends the connection.
	Close()
}

// engine connects to Temporal once.
func (a *app) engine(ctx context.Context) (Engine, error) {
	if a.eng != nil {
		return a.eng, nil
	}
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	dial := a.env.Dial
	if dial == nil {
		dial = a.dialTemporal
	}
	eng, err := dial(ctx, cfg, a.env.Getenv)
	if err != nil {
		return nil, couldNot("%w\nIs it running, and is temporal.address right? `starter doctor` looks at everything", err)
	}
	a.eng = eng
	a.closers = append(a.closers, eng.Close)
	return eng, nil
}

func (a *app) dialTemporal(ctx context.Context, cfg *config.Config, getenv func(string) string) (Engine, error) {
	settings, opts, err := wire.Wire{Config: cfg, Getenv: getenv}.Temporal("starter:" + a.env.Login)
	if err != nil {
		return nil, err
	}
	c, err := temporalconn.Dial(ctx, settings, nil, opts...)
	if err != nil {
		return nil, err
	}
	dc, err := temporalconn.DataConverter(settings)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &temporalEngine{c: c, dc: dc, queue: cfg.Temporal.TaskQueue, namespace: cfg.Temporal.Namespace}, nil
}

// update sends a typed update and returns the workflow's sentence.
func update[T any](ctx context.Context, e Engine, workflowID string, m workflows.Message[T], arg T) (workflows.Answer, error) {
	var answer workflows.Answer
	err := e.Update(ctx, workflowID, m.Name, arg, &answer)
	return answer, err
}

// query asks a typed query.
func query[T any](ctx context.Context, e Engine, workflowID string, m workflows.Message[T]) (T, error) {
	var answer T
	err := e.Query(ctx, workflowID, m.Name, &answer)
	return answer, err
}

// updateTimeout bounds the wait for an answer: a workflow answers within 18 seconds
// once a worker has it, and a stopped worker never does.
const updateTimeout = time.Minute

// temporalEngine is the real one.
type temporalEngine struct {
	c                client.Client
	dc               converter.DataConverter
	queue, namespace string
}

func (e *temporalEngine) Onboard(ctx context.Context, p *registry.Practice, in workflows.OnboardingInput) (bool, error) {
	_, err := e.c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.OnboardingID(p.ID), TaskQueue: e.queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            "onboarding of " + p.ID,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			searchattr.PracticeID.ValueSet(p.ID), searchattr.RegistryID.ValueSet(p.OrgCode),
			searchattr.Phase.ValueSet(string(p.Phase)), searchattr.NeedsAttention.ValueSet(false)),
	}, workflows.Onboarding, in)
	return startedBefore(err)
}

// startedBefore tells that a workflow of that ID runs from what is wrong.
func startedBefore(err error) (bool, error) {
	if started := (*serviceerror.WorkflowExecutionAlreadyStarted)(nil); errors.As(err, &started) {
		return true, nil
	}
	return false, temporalWords(err)
}

func (e *temporalEngine) StartHistory(ctx context.Context, in workflows.HistoricalLoadInput) (bool, error) {
	_, err := e.c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.HistoryID(in.Practice), TaskQueue: e.queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            "the one-time historical load",
		Priority:                                 temporal.Priority{FairnessKey: in.Practice},
		TypedSearchAttributes:                    temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(in.Practice)),
	}, workflows.HistoricalLoad, in)
	return startedBefore(err)
}

func (e *temporalEngine) Update(ctx context.Context, workflowID, name string, arg, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	handle, err := e.c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: []any{arg},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, answer)
	}
	var unsure *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if errors.As(err, &unsure) || errors.Is(err, context.DeadlineExceeded) {
		return couldNot("%s did not answer within %s: is a worker running? Nothing is lost: look at `starter status` before you repeat it", workflowID, updateTimeout)
	}
	return temporalWords(err)
}

func (e *temporalEngine) Signal(ctx context.Context, workflowID, name string, arg any) error {
	err := e.c.SignalWorkflow(ctx, workflowID, "", name, arg)
	if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
		return nil
	}
	return temporalWords(err)
}

func (e *temporalEngine) SendFile(ctx context.Context, in workflows.FileSubmissionInput) error {
	id := workflows.FileID(in.File.ID)
	_, err := e.c.SignalWithStartWorkflow(ctx, id, workflows.SignalFileSentAnyway.Name,
		workflows.FileSentAnyway{FileID: in.File.ID},
		client.StartWorkflowOptions{
			ID: id, TaskQueue: e.queue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			StaticSummary:         string(in.Lane) + " file of " + in.Practice + ", sent anyway",
			TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(in.Practice)),
		}, workflows.FileSubmission, in)
	return temporalWords(err)
}

func (e *temporalEngine) Query(ctx context.Context, workflowID, name string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	value, err := e.c.QueryWorkflow(ctx, workflowID, "", name)
	if err == nil {
		err = value.Get(answer)
	}
	return temporalWords(err)
}

func (e *temporalEngine) Running(ctx context.Context, workflowType, practice string) ([]string, error) {
	// Neither type nor practice can hold a quotation mark (registry.CheckID).
	query := fmt.Sprintf(`WorkflowType="%s" AND ExecutionStatus="Running"`, workflowType)
	if practice != "" {
		query += fmt.Sprintf(` AND %s="%s"`, searchattr.PracticeID.GetName(), practice)
	}
	var ids []string
	for page := []byte(nil); ; {
		found, err := e.c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: page})
		if err != nil {
			return nil, temporalWords(err)
		}
		for _, w := range found.GetExecutions() {
			ids = append(ids, w.GetExecution().GetWorkflowId())
		}
		if page = found.GetNextPageToken(); len(page) == 0 {
			return ids, nil
		}
	}
}

func (e *temporalEngine) Trigger(ctx context.Context, scheduleID string) error {
	err := e.c.ScheduleClient().GetHandle(ctx, scheduleID).Trigger(ctx, client.ScheduleTriggerOptions{})
	return temporalWords(err)
}

func (e *temporalEngine) Upcoming(ctx context.Context, scheduleID string) (next []time.Time, paused bool, err error) {
	d, err := e.c.ScheduleClient().GetHandle(ctx, scheduleID).Describe(ctx)
	if err != nil {
		return nil, false, temporalWords(err)
	}
	return d.Info.NextActionTimes, d.Schedule.State != nil && d.Schedule.State.Paused, nil
}

func (e *temporalEngine) EnsureSchedules(ctx context.Context, in activities.EnsureSchedulesInput) error {
	_, err := (&activities.Schedules{Client: e.c, TaskQueue: e.queue}).EnsureSchedules(ctx, in)
	return temporalWords(err)
}

func (e *temporalEngine) EnsureSearchAttributes(ctx context.Context) error {
	return temporalconn.EnsureSearchAttributes(ctx, e.c, e.namespace)
}

func (e *temporalEngine) MissingSearchAttributes(ctx context.Context) ([]string, error) {
	missing, err := temporalconn.MissingSearchAttributes(ctx, e.c, e.namespace)
	return slices.Sorted(maps.Keys(missing)), err
}

func (e *temporalEngine) Workers(ctx context.Context) ([]string, error) {
	answer, err := e.c.DescribeTaskQueue(ctx, e.queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err != nil {
		return nil, temporalWords(err)
	}
	return pollers(answer), nil
}

func pollers(answer *workflowservice.DescribeTaskQueueResponse) []string {
	var names []string
	for _, p := range answer.GetPollers() {
		names = append(names, p.GetIdentity())
	}
	return names
}

func (e *temporalEngine) Close() { e.c.Close() }

// temporalWords turns Temporal's errors into sentences with an exit code.
func temporalWords(err error) error {
	var (
		gone   *serviceerror.NotFound
		app    *temporal.ApplicationError
		failed *serviceerror.WorkflowNotReady
		query  *serviceerror.QueryFailed
		busy   *serviceerror.ResourceExhausted
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &app): // the workflow's own words
		return refused("%s", app.Message())
	case errors.As(err, &gone):
		return &exit{code: ExitRefused, err: fmt.Errorf("%w: %s", errGone, gone.Message)}
	case errors.As(err, &failed), errors.As(err, &query), errors.As(err, &busy):
		return couldNot("it cannot be asked now: %w", err)
	}
	return couldNot("temporal: %w", err)
}

// errGone says that no such workflow runs, or no such schedule exists.
var errGone = errors.New("nothing of that kind runs")
