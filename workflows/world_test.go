package workflows_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

const practice = "sunrise-plano"

var (
	epoch = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC) // a Monday
	ana   = registry.Actor{Name: "Ana Example", Via: "cli"}
)

// world is everything outside of the workflows, in memory: it keeps the rules
// that the database keeps (phase diagram, letters once per event), so that a
// workflow that breaks one is caught here.
type world struct {
	t  *testing.T
	mu sync.Mutex

	facts activities.PracticeFacts
	gate  activities.GateResult
	// approvalFault is what is wrong with an approval, by its date.
	approvalFault map[string]string
	written       []string // letters that wait for a person
	settledItems  []activities.SettlePrerequisiteInput
	givenUp       []string // letters that a person let go
	gateAsked     []activities.GateRules
	reviewRules   []*activities.GateRules
	moves         []string // "from>to"
	acts, actKeys []string // kinds and keys of audit events
	// early are the approvals that were kept until the review.
	early   []activities.RecordActInput
	letters map[string]activities.NoticeKind
	order   []string // letters in order, by event
	// stagings are the files that were to be taken, with the count of wrong ones.
	stagings []string
	holds    map[string]string
	// historyKeys are the keys of SetHistory and what was written under them.
	historyKeys map[string]string
	// closedBecause is the reason with which the load was closed; submitted are
	// its parts in the order in which they were started.
	closedBecause string
	submitted     []string
	lines         []activities.Progress
	settled       []activities.FileState

	check    registry.CheckSummary
	anyway   string // who sends the file in spite of the check
	prepared activities.PreparedDelivery
	receipt  activities.Receipt
	answers  activities.AnswerResult
	outbox   activities.ScanOutboxResult
	staged   map[string]activities.StageFileResult
	proof    activities.ProveDeliveryResult
	plan     activities.HistoryPlan
	parts    []activities.Part
	counts   activities.HistoryCounts
	look     activities.LookResult
	// kept are the policies that the watch kept for the reminders; mornings says
	// whose morning it is.
	kept     []registry.Policy
	mornings func(activities.DueRemindersInput) activities.DueRemindersResult
	reports  []activities.RemoteReport
	imported activities.ImportReportResult
	unread   map[string]int // how often a report is not understood before somebody taught its layout
	decided  []registry.HoldAction
	attempts []int // attempts that were prepared
	ensured  []activities.EnsureSchedulesInput

	// line is the line in front of the registry's server; where a test has none,
	// whoever asks is let in at once.
	line *line
	// test is the environment that the world was made for.
	test    *testsuite.TestWorkflowEnvironment
	permits int64
	// chosen hears what the host's workflow asks the database.
	chosen func(in activities.ChoosePermitsInput)
	// byHand says that people upload; uploads are the ends of such uploads.
	byHand  bool
	uploads []activities.EndHandUploadInput
	// also are a test's own workflows.
	also map[string]any
	// released are the visits that ended, where no host's workflow runs.
	released []workflows.PermitReleased

	// fail makes the named activity fail: the error is returned as long as the
	// function gives one.
	fail map[string]func(n int) error
	// calls counts calls by activity name.
	calls map[string]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t,
		facts: activities.PracticeFacts{
			Practice: practice, Name: "Sunrise Pediatrics", Registry: "texas", Connection: "dshs", Sites: 1,
			Phase: registry.PhaseRegistered, History: registry.HistoryNotAsked, Submission: registry.SubmissionOff,
			Call: "800-348-9158, option 3",
			Policy: registry.Policy{
				TestFilesMin: 3, TestFilesMax: 5, ReviewReminders: []int{5, 10, 20}, EvidenceReminders: []int{3, 7},
				HistoryReminders: []int{7}, HoldReminders: []int{1, 3, 7}, FloorDays: 30, FloorWarnings: []int{20, 25, 28},
				CadenceDays: 1, FilesPerCycle: 20, HistoryWindow: 2, HistoryPartMessages: 100, HistoryStopPercent: 5,
				RetentionDays: 90, Patience: 1,
			},
		},
		letters: map[string]activities.NoticeKind{}, holds: map[string]string{}, historyKeys: map[string]string{},
		staged: map[string]activities.StageFileResult{}, unread: map[string]int{}, fail: map[string]func(int) error{}, calls: map[string]int{},
		check:    registry.CheckSummary{Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: 2, Doses: 3},
		prepared: activities.PreparedDelivery{DeliveryID: "d-1", RemoteName: "BURL6343_TEST_1.HL7", Size: 10, Messages: 2},
		receipt:  activities.Receipt{How: registry.ConfirmedByStat, Size: 10},
		answers:  activities.AnswerResult{Messages: 2, Accepted: 2, ErrorFree: true},
	}
}

// called counts a call and returns the planted failure, if any.
func (w *world) called(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[name]++
	if f := w.fail[name]; f != nil {
		return f(w.calls[name])
	}
	return nil
}

// failure is an activity error as activities/errors.go makes it.
func failure(kind registry.Kind) error {
	return temporal.NewNonRetryableApplicationError("the server said no", string(kind), nil)
}

func once(err error) func(int) error {
	return func(n int) error {
		if n == 1 {
			return err
		}
		return nil
	}
}

// count is how many letters of a kind went out.
func (w *world) count(kind activities.NoticeKind) int {
	n := 0
	for _, k := range w.letters {
		if k == kind {
			n++
		}
	}
	return n
}

// env is a time-skipping environment in which the world's activities run and
// children are only noted, unless they are registered by the test.
func (w *world) env() *testsuite.TestWorkflowEnvironment { return w.envWith(w) }

// envWith has activities instead of the world's own.
func (w *world) envWith(acts any) *testsuite.TestWorkflowEnvironment {
	var s testsuite.WorkflowTestSuite
	s.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := s.NewTestWorkflowEnvironment()
	w.test = env
	env.SetTestTimeout(2 * time.Minute)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // of a machine that is busy
	env.SetStartTime(epoch)
	env.RegisterActivity(acts)
	for name, wf := range workflows.Types() {
		env.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: name})
	}
	for name, wf := range w.also {
		env.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: name})
	}
	env.OnSignalExternalWorkflow(mock.Anything, workflows.WatchID(practice), mock.Anything, workflows.SignalPhaseMoved.Name, mock.Anything).Return(nil).Maybe()
	env.OnSignalExternalWorkflow(mock.Anything, workflows.HostID(host), mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, _, _, _ string, r any) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.released = append(w.released, r.(workflows.PermitReleased))
			return nil
		}).Maybe()
	return env
}

// send sends an update and returns what came back.
func send[T any](env *testsuite.TestWorkflowEnvironment, m workflows.Message[T], v T) *reply {
	r := &reply{}
	env.UpdateWorkflow(m.Name, fmt.Sprintf("u-%p", r), r, v)
	return r
}

// reply collects the course of an update.
type reply struct {
	refused error
	answer  workflows.Answer
	err     error
	done    bool
	// then is called when the answer is given.
	then func()
}

func (r *reply) Accept()          {}
func (r *reply) Reject(err error) { r.refused = err }
func (r *reply) Complete(v any, err error) {
	r.done, r.err = true, err
	if a, ok := v.(workflows.Answer); ok {
		r.answer = a
	}
	if r.then != nil {
		r.then()
	}
}

// at runs f when d has passed since the start.
func at(env *testsuite.TestWorkflowEnvironment, d time.Duration, f func()) {
	env.RegisterDelayedCallback(f, d)
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func statusOf(t *testing.T, env *testsuite.TestWorkflowEnvironment) workflows.Status {
	t.Helper()
	v, err := env.QueryWorkflow(workflows.QueryStatus.Name)
	require.NoError(t, err)
	var s workflows.Status
	require.NoError(t, v.Get(&s))
	return s
}

// errTransient is what weather looks like: retryable.
var errTransient = temporal.NewApplicationError("connection reset", string(registry.Transient))

// converterOf reads the input of the run that follows.
func converterOf(next *workflow.ContinueAsNewError, in any) error {
	return converter.GetDefaultDataConverter().FromPayloads(next.Input, in)
}
