package workflows_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// walkSeed replays one walk; walkMany walks that many seeds from it.
var (
	walkSeed = flag.Uint64("walk.seed", 1, "the first seed of the random walk")
	walkMany = flag.Uint64("walk.seeds", 4, "how many seeds are walked")
)

const (
	walkSteps = 200
	// walkStep is no divisor of a day, so that steps fall on every hour.
	walkStep = 7*time.Hour + 13*time.Minute
	walkCalm = 20 // days at the end in which nothing new comes
)

// TestRandomWalk has months of messages, failures, decisions, cancellations and new
// runs come in any order, and holds the whole against what must always be true.
//
// A seed that fails is replayed with: go test ./workflows -run TestRandomWalk
// -walk.seed N -walk.seeds 1.
func TestRandomWalk(t *testing.T) {
	t.Parallel()
	for seed := *walkSeed; seed < *walkSeed+*walkMany; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, seed)
			w.walk(t)
			require.Empty(t, w.broken, "replay with -walk.seed %d -walk.seeds 1; moves: %v", seed, w.moves)
		})
	}
}

type walk struct {
	*walkWorld
	seed   uint64
	policy registry.Policy
	// over says that the onboarding has come to its end.
	over, withdrawn bool
	// cancelled says that a run was cancelled, with whatever it had accepted.
	cancelled bool
	// ended says that the walk is at its end.
	ended    bool
	segment  int
	revision []*reply
}

func newWalk(t *testing.T, seed uint64) *walk {
	t.Helper()
	w := &walk{walkWorld: &walkWorld{
		world: newWorld(t), deliveries: map[string]*walkFile{}, prepared: map[string]registry.Lane{},
		keys: map[string]registry.Phase{}, judged: map[string]int{}, open: map[string]activities.OpenHoldInput{},
	}, seed: seed}
	w.policy = w.facts.Policy
	w.facts.Wanted = wanted
	return w
}

// step is the random choice of one step, whatever the others chose.
func (w *walk) step(i int) *rand.Rand { return rand.New(rand.NewPCG(w.seed, uint64(i))) }

func (w *walk) end() time.Time {
	return epoch.Add(walkSteps*walkStep + walkCalm*24*time.Hour)
}

// walk runs the onboarding through all its runs, with everything beside it.
func (w *walk) walk(t *testing.T) {
	t.Helper()
	in := workflows.OnboardingInput{Version: 1, Practice: practice, By: ana}
	for at := epoch; !w.ended; w.segment++ {
		require.Less(t, w.segment, 60, "runs for ever")
		env := w.envWith(w.walkWorld)
		env.SetTestTimeout(2 * time.Minute)
		env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // of a machine that is busy
		env.SetStartTime(at)
		env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.OnboardingID(practice)})
		env.SetDetachedChildWait(false)
		env.OnWorkflow("HistoricalLoad", mock.Anything, mock.Anything).Return(workflows.HistoricalLoadResult{}, nil).Maybe()
		env.OnSignalExternalWorkflow(mock.Anything, workflows.HistoryID(practice), mock.Anything, mock.Anything, mock.Anything).Return(nil).Maybe()
		env.RegisterWorkflow(w.town)
		w.schedule(env, at)
		w.open = map[string]activities.OpenHoldInput{}
		env.ExecuteWorkflow(w.town, in)
		at = env.Now()
		var next *workflow.ContinueAsNewError
		var gone *temporal.CanceledError
		switch err := env.GetWorkflowError(); {
		case w.ended:
		case errors.As(err, &next):
			in = workflows.OnboardingInput{}
			require.NoError(t, converterOf(next, &in))
		case errors.As(err, &gone): // a person ended it, and starts it anew
			in = workflows.OnboardingInput{Version: 1, Practice: practice, By: ana}
		default:
			w.violated("run %d ended on %s with %v", w.segment, at.Format(time.DateOnly), err)
			return
		}
	}
	w.judgeEnd()
}

// town is the onboarding with all that runs beside it: the watch, the daily
// submission, and the files that an earlier run of the town left on their way.
func (w *walk) town(ctx workflow.Context, in workflows.OnboardingInput) error {
	beside := func(id string) workflow.Context {
		return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
	}
	if in.State != nil { // otherwise the onboarding starts it
		workflow.ExecuteChildWorkflow(beside(workflows.WatchID(practice)), workflows.Watch,
			workflows.WatchInput{Version: 1, Practice: practice, Policy: w.policy})
	}
	for _, f := range w.files {
		if f.staged && !slices.Contains([]activities.FileState{activities.FileAnswered, activities.FileDropped, activities.FileRefused}, f.state) {
			workflow.ExecuteChildWorkflow(beside(workflows.FileID(f.id)), workflows.FileSubmission, workflows.FileSubmissionInput{
				Version: 1, Practice: practice, File: registry.FileRef{ID: f.id, Digest: f.id, Size: 1}, Lane: f.lane,
				Policy: w.policy, Tell: workflows.OnboardingID(practice),
			})
		}
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for n := 0; workflow.Sleep(ctx, 24*time.Hour) == nil; n++ {
			cycle := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: fmt.Sprintf("cycle/%d-%d", w.segment, n)})
			_ = workflow.ExecuteChildWorkflow(cycle, workflows.SubmissionCycle, activities.CycleInput{Version: 1, Practice: practice}).Get(ctx, nil)
		}
	})
	if _, err := workflows.Onboarding(ctx, in); err != nil {
		return err
	}
	w.over = true
	return workflow.Sleep(ctx, w.end().Sub(workflow.Now(ctx))+24*time.Hour)
}

// schedule lays out what is left of the walk.
func (w *walk) schedule(env *testsuite.TestWorkflowEnvironment, from time.Time) {
	w.over = false
	for i := range walkSteps {
		if when := epoch.Add(time.Duration(i+1) * walkStep); when.After(from) {
			at(env, when.Sub(from), func() { w.act(env, i) })
			at(env, when.Sub(from)+time.Hour, func() { w.people(env, i) })
		}
	}
	for day := range walkCalm {
		when := epoch.Add(walkSteps*walkStep + time.Duration(day)*24*time.Hour + 2*time.Hour)
		if when.After(from) {
			at(env, when.Sub(from), func() { w.calm(env) })
		}
	}
	at(env, w.end().Sub(from), func() {
		w.ended = true
		w.look(env)
		env.CancelWorkflow()
	})
}

// act is one step of the world.
func (w *walk) act(env *testsuite.TestWorkflowEnvironment, i int) {
	r := w.step(i)
	w.mu.Lock()
	w.facts.Wanted = wanted[min(i/6, len(wanted)):]
	w.mu.Unlock()
	switch n := r.IntN(100); {
	case n < 24:
		w.drop(r, registry.LaneTest)
	case n < 33:
		w.drop(r, registry.LaneProduction)
	case n < 60:
		w.answer(env, r)
	case n < 70:
		w.update(env, workflows.UpdateRequestReview.Name, workflows.Act{By: ana})
	case n < 75:
		w.revision = append(w.revision, w.update(env, workflows.UpdateRecordRevision.Name, changes))
	case n < 85:
		w.approve(env, r)
	case n < 90:
		w.plant(r)
	case n < 92:
		policy := w.policy
		policy.TestFilesMin, policy.ReviewReminders = 3+r.IntN(3), []int{1 + r.IntN(9)}
		w.update(env, workflows.UpdateSetPolicy.Name, workflows.SetPolicy{Policy: policy, By: ana})
	case n < 94:
		name := []string{workflows.UpdatePause.Name, workflows.UpdateResume.Name}[r.IntN(2)]
		_ = env.UpdateWorkflowByID(workflows.WatchID(practice), name, fmt.Sprint("w-", i), &reply{}, workflows.Act{By: ana, Reason: "so"})
	case n < 95 && i > walkSteps*9/10:
		_ = env.UpdateWorkflowByID(workflows.WatchID(practice), workflows.UpdateWithdraw.Name, "withdraw", &reply{}, workflows.Act{By: ana, Reason: "so"})
		w.withdrawn = true
	case n < 98:
		env.SetContinueAsNewSuggested(true)
		w.update(env, workflows.UpdateSetPolicy.Name, workflows.SetPolicy{Policy: w.policy, By: ana})
	case n < 99 && !w.over:
		w.cancelled = true
		env.CancelWorkflow()
	default:
		env.SignalWorkflow(workflows.SignalPrerequisitesChanged.Name, workflows.PrerequisitesChanged{})
	}
}

func (w *walk) update(env *testsuite.TestWorkflowEnvironment, name string, arg any) *reply {
	r := &reply{}
	if w.over {
		r.refused = errors.New("it is over")
		return r
	}
	env.UpdateWorkflow(name, fmt.Sprintf("u-%p", r), r, arg)
	return r
}

func (w *walk) drop(r *rand.Rand, lane registry.Lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &walkFile{id: fmt.Sprintf("f-%d", len(w.files)+1), lane: lane, sent: map[string]bool{}, asked: map[string]bool{}}
	f.refused = r.IntN(6) == 0
	f.bad = r.IntN(6) == 0
	w.files = append(w.files, f)
}

func (w *walk) answer(env *testsuite.TestWorkflowEnvironment, r *rand.Rand) {
	w.mu.Lock()
	var open []*walkFile
	for _, f := range w.files {
		if f.confirmed && !f.answered {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		w.mu.Unlock()
		return
	}
	f := open[r.IntN(len(open))]
	f.answered = true
	w.mu.Unlock()
	for range 1 + r.IntN(2) { // told twice is told once
		_ = env.SignalWorkflowByID(workflows.FileID(f.id), workflows.SignalReportImported.Name, workflows.ReportImported{ReportID: "r"})
	}
}

// approve relays an approval: a good one, an old one, one for another practice, one
// that differs from the last, or something mistyped.
func (w *walk) approve(env *testsuite.TestWorkflowEnvironment, r *rand.Rand) {
	a := registry.Approval{Practice: practice, ApprovedBy: "J. Doe", EmailDate: env.Now().Format(time.DateOnly)}
	if r.IntN(2) == 0 {
		a.MessageID = "<m@dshs.example>"
	}
	switch r.IntN(6) {
	case 0:
		a.EmailDate = env.Now().AddDate(0, 0, -r.IntN(30)).Format(time.DateOnly)
	case 1:
		a.Practice = "somebody-else"
	case 2:
		a.ApprovedBy = "somebody else"
	}
	w.mu.Lock()
	if w.stored != nil && r.IntN(2) == 0 {
		a = *w.stored // the same again
	}
	w.mu.Unlock()
	if r.IntN(2) == 0 {
		w.update(env, workflows.UpdateApproveProduction.Name, workflows.ApproveProduction{Approval: a, By: ana})
		return
	}
	if r.IntN(5) == 0 {
		env.SignalWorkflow(workflows.SignalProductionApproved.Name, "approved!")
		return
	}
	env.SignalWorkflow(workflows.SignalProductionApproved.Name, a)
}

// plant has the next calls of an activity fail.
func (w *walk) plant(r *rand.Rand) {
	names := []string{
		"LoadPractice", "MovePhase", "JudgeApproval", "JudgeGate", "StageFile", "CheckFile", "PrepareDelivery", "UploadFile",
		"ConfirmDelivery", "Answer", "SettleFile", "SendNotice", "RecordProgress", "SetSubmission", "EnsureSchedules",
	}
	kinds := []registry.Kind{registry.Transient, registry.Busy, registry.Refused, registry.DeliveryUnknown, registry.Conflict, registry.NotAllowed}
	name, kind, left := names[r.IntN(len(names))], kinds[r.IntN(len(kinds))], 1+r.IntN(3)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail[name] = func(int) error {
		if left--; left < 0 {
			return nil
		}
		return failure(kind)
	}
}

// people settle about half of what waits for them, some of it twice.
func (w *walk) people(env *testsuite.TestWorkflowEnvironment, i int) {
	r := w.step(1_000_000 + i)
	for _, h := range w.waiting() {
		if r.IntN(2) == 0 {
			continue
		}
		action := h.Actions[r.IntN(len(h.Actions))]
		if r.IntN(3) > 0 {
			action = registry.ActionRetry // and where that is not possible, it is refused
		}
		for range 1 + r.IntN(2) {
			w.settle(env, h, action)
		}
	}
}

func (w *walk) waiting() []activities.OpenHoldInput {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []activities.OpenHoldInput
	for _, h := range w.open {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b activities.OpenHoldInput) int { return strings.Compare(a.WorkflowID+a.ID, b.WorkflowID+b.ID) })
	return all
}

func (w *walk) settle(env *testsuite.TestWorkflowEnvironment, h activities.OpenHoldInput, action registry.HoldAction) {
	decision := workflows.ResolveHold{HoldID: h.ID, Action: action, By: ana}
	if h.WorkflowID == workflows.OnboardingID(practice) {
		w.update(env, workflows.UpdateResolveHold.Name, decision)
		return
	}
	r := &reply{}
	_ = env.UpdateWorkflowByID(h.WorkflowID, workflows.UpdateResolveHold.Name, fmt.Sprintf("u-%p", r), r, decision)
}

// calm is a day at the end: nothing fails any more, and people settle everything.
func (w *walk) calm(env *testsuite.TestWorkflowEnvironment) {
	w.mu.Lock()
	w.fail = map[string]func(int) error{}
	w.mu.Unlock()
	for _, h := range w.waiting() {
		action := h.Actions[0]
		if h.Reason == registry.HoldNotAllowed && slices.Contains(h.Actions, registry.ActionDrop) {
			action = registry.ActionDrop
		}
		w.settle(env, h, action)
	}
}

// look is what a person sees on the last day.
func (w *walk) look(env *testsuite.TestWorkflowEnvironment) {
	if w.facts.Phase == registry.PhaseWithdrawn {
		return // db.Holds does not call its holds open any more
	}
	for _, h := range w.waiting() {
		w.violated("still open after the calm days: %s of %s (%s)", h.What, h.WorkflowID, h.Reason)
	}
	if w.over {
		return
	}
	s := statusOf(w.t, env)
	if s.Phase != w.facts.Phase {
		w.violated("the screen says %s, the database %s", s.Phase, w.facts.Phase)
	}
	if s.Phase == registry.PhaseTesting && s.Gate.Counted != w.count0() {
		w.violated("the gate counts %d files, and %d count", s.Gate.Counted, w.count0())
	}
}

// judgeEnd holds letters, moves and files against each other.
func (w *walk) judgeEnd() {
	moved := func(move string) (n int) {
		for _, m := range w.moves {
			if m == move {
				n++
			}
		}
		return n
	}
	letters := func(kind activities.NoticeKind) int { return w.count(kind) }
	live := moved("in_review>production")
	if live > 1 {
		w.violated("%d moves into production", live)
	}
	gone := w.withdrawn || w.facts.Phase == registry.PhaseWithdrawn
	lost := 0
	if gone || len(w.givenUp) > 0 {
		lost = len(w.givenUp) + 1
	}
	if n, m := letters(activities.NoticeReviewRequest), moved("testing>in_review"); n > m || n < m-lost {
		w.violated("%d review letters for %d reviews", n, m)
	}
	if n := letters(activities.NoticeProductionVendor); n > live || n < live-lost {
		w.violated("%d letters to the vendor for %d moves into production", n, live)
	}
	if n := letters(activities.NoticeFirstFile); n > 1 || w.firstFile() != nil && n < 1-lost {
		w.violated("%d letters about the first production file", n)
	}
	accepted := 0
	for _, r := range w.revision {
		if r.refused == nil && r.done && r.err == nil {
			accepted++
		}
	}
	if n := moved("in_review>testing"); !w.cancelled && !gone && n != accepted {
		w.violated("%d revisions were accepted, %d recorded", accepted, n)
	}
	for _, f := range w.files {
		if f.confirmed && !gone && f.state != activities.FileDelivered && f.state != activities.FileAnswered && f.state != activities.FileDropped {
			w.violated("%s is at the registry and is noted as %q", f.id, f.state)
		}
		if f.answered && !gone && f.state == activities.FileDelivered {
			w.violated("%s is answered and still waited for", f.id)
		}
	}
}
