package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
)

// FileSubmissionInput starts the way of one file.
type FileSubmissionInput struct {
	Version  int                   `json:"version"`
	Practice string                `json:"practice"`
	File     registry.FileRef      `json:"file"`
	Lane     registry.Lane         `json:"lane"`
	Calendar registry.Calendar     `json:"calendar"`
	Policy   registry.Policy       `json:"policy"`
	Business registry.BusinessDays `json:"business"`
	// Tell is the workflow that is told how far the file is.
	Tell string `json:"tell"`
}

// FileSubmissionResult is what became of the file.
type FileSubmissionResult struct {
	State  activities.FileState    `json:"state"`
	Answer activities.AnswerResult `json:"answer,omitzero"`
}

// FileSubmission brings one file to the registry and waits for its report:
// check → prepare → upload → confirm → report. Every outward act is its own
// activity, and a delivery counts only when another connection has seen it.
func FileSubmission(ctx workflow.Context, in FileSubmissionInput) (FileSubmissionResult, error) {
	p, err := newProcess(ctx, "file "+in.File.ID, in.Practice, in.Calendar, in.Policy)
	if err != nil {
		return FileSubmissionResult{}, err
	}
	p.business = in.Business
	f := &fileSubmission{process: p, in: in}
	f.visitor = newVisitor(ctx, p, func(ctx workflow.Context, words string) {
		f.show1(ctx, "waits for its turn on connection "+f.line.Connection+" to "+words, "nobody")
	})
	p.unasked = f.proven
	hear(ctx, p, SignalReportImported, f.hearReport)
	hear(ctx, p, SignalFileUploadedByHand, f.hearUpload)
	hear(ctx, p, SignalFileSentAnyway, func(FileSentAnyway) { f.anyway = true })
	if err := answer(ctx, QueryStatus, f.status); err != nil {
		return FileSubmissionResult{}, err
	}
	return f.run(ctx)
}

type fileSubmission struct {
	*process
	*visitor
	in FileSubmissionInput
	// hand is set where a person uploads the file.
	hand handUpload
	// reports counts report-imported signals; the counts themselves are asked for.
	reports int
	answer  activities.AnswerResult
	first   bool
	// proof is the report that speaks of a delivery of which nobody could tell.
	proof activities.ProveDeliveryResult
	// anyway says that a person decided to send the file in spite of our check,
	// perhaps while it was being refused.
	anyway bool
	// verdict is what stands in the details for good: rules that were changed,
	// who sends the file anyway.
	verdict []string
}

func (f *fileSubmission) run(ctx workflow.Context) (FileSubmissionResult, error) {
	for {
		state, err := f.travel(ctx)
		if err != nil {
			return FileSubmissionResult{}, err
		}
		if err := f.finish(ctx); err != nil || state != activities.FileRefused || !f.anyway {
			return FileSubmissionResult{State: state, Answer: f.answer}, err
		}
		f.anyway = false
	}
}

func (f *fileSubmission) travel(ctx workflow.Context) (activities.FileState, error) {
	f.show1(ctx, "being checked", "nobody")
	checked, action, err := attempt(ctx, f.process, fileWork.sized(f.in.File.Size), "check file "+f.in.File.ID, files.CheckFile,
		activities.CheckFileInput{Scope: f.scope(), File: f.in.File, Lane: f.in.Lane})
	if err != nil {
		return "", err
	}
	if action == registry.ActionDrop {
		return f.settle(ctx, activities.FileDropped)
	}
	f.verdict = verdictNotes(checked)
	f.note()
	if checked.Refused() {
		return f.refuse(ctx, checked.Summary)
	}
	state, err := f.deliver(ctx)
	if err != nil || state != activities.FileDelivered {
		return state, err
	}
	if _, err := f.settle(ctx, activities.FileDelivered); err != nil {
		return "", err
	}
	return f.awaitReport(ctx)
}

// verdictNotes is what a person should know of a verdict besides its numbers.
func verdictNotes(checked activities.CheckFileResult) []string {
	var notes []string
	if words := changedWords(checked.Summary); words != "" {
		notes = append(notes, words)
	}
	if checked.Anyway != "" && checked.Summary.HoldFile {
		notes = append(notes, "sent by "+checked.Anyway+" in spite of our check")
	}
	return notes
}

// changedWords says which rules persons had changed: "judged with 1 rule
// changed: P-06 warning (Ana)".
func changedWords(s registry.CheckSummary) string {
	if s.ChangedRules == 0 {
		return ""
	}
	words := make([]string, len(s.Changed))
	for i, c := range s.Changed {
		words[i] = fmt.Sprintf("%s %s (%s)", c.Rule, c.Grade, c.By)
	}
	if more := s.ChangedRules - len(words); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	what := "rules"
	if s.ChangedRules == 1 {
		what = "rule"
	}
	return fmt.Sprintf("judged with %d %s changed: %s", s.ChangedRules, what, strings.Join(words, ", "))
}

// note puts words under the verdict in the file's details.
func (f *fileSubmission) note(words ...string) { f.notes = append(slices.Clone(f.verdict), words...) }

// refuse ends the way of a file that our checker did not let go. That is a
// result, not an error: the EHR vendor is told what to mend. A part of a historical
// load is ours: where all of it is held back, each message waits for a person
// (starter held list), and the vendor would be told of a file that nobody sent.
func (f *fileSubmission) refuse(ctx workflow.Context, found registry.CheckSummary) (activities.FileState, error) {
	state, err := f.settle(ctx, activities.FileRefused)
	if err != nil {
		return "", err
	}
	if f.in.Lane == registry.LaneHistorical && found.Held == found.Messages {
		f.note("not sent: every message of it is held back")
		return state, nil
	}
	return state, f.notice(ctx, activities.SendNoticeInput{
		Kind: activities.NoticeFileRefused, FileID: f.in.File.ID, Event: "refused/" + f.in.File.ID,
	})
}

// deliver brings the file to the registry. Each attempt has a name of its own;
// only a person's "resend" makes another one.
func (f *fileSubmission) deliver(ctx workflow.Context) (activities.FileState, error) {
	for n := 1; ; n++ {
		f.show1(ctx, "being prepared", "nobody")
		prepared, action, err := attempt(ctx, f.process, fileWork.sized(f.in.File.Size), "prepare file "+f.in.File.ID, deliveries.PrepareDelivery,
			activities.PrepareDeliveryInput{Scope: f.scope(), File: f.in.File, Lane: f.in.Lane, Attempt: n})
		if err != nil {
			return "", err
		}
		if prepared.Already {
			f.note("not sent: the same content was sent before as " + prepared.RemoteName)
		}
		if action == registry.ActionDrop || prepared.Already {
			return f.settle(ctx, activities.FileDropped)
		}
		again, state, err := f.send(ctx, prepared)
		if err != nil || !again {
			return state, err
		}
	}
}

// send uploads and confirms one prepared delivery. again asks for another
// attempt under another name.
func (f *fileSubmission) send(ctx workflow.Context, d activities.PreparedDelivery) (again bool, state activities.FileState, err error) {
	receipt, action, err := f.bring(ctx, d)
	if err != nil {
		return false, "", err
	}
	if action == "" && f.hand.sent {
		f.note("uploaded by hand as " + d.RemoteName + ", waiting for its report")
		return false, activities.FileDelivered, nil
	}
	if action == "" {
		f.first = receipt.First
		f.note("delivered as " + d.RemoteName + ", " + receipt.How.Words())
		return false, activities.FileDelivered, nil
	}
	if f.proof.Report != "" { // also where a person was deciding just then: it is confirmed
		f.first = f.proof.Receipt.First
		f.note("delivered as " + d.RemoteName + ", " + f.proof.Receipt.How.Words())
		return false, activities.FileDelivered, nil
	}
	if _, err := must(ctx, f.process, ledgerWork, "note the decision on "+d.RemoteName, deliveries.DecideDelivery,
		activities.DecideDeliveryInput{Scope: f.scope(), DeliveryID: d.DeliveryID, Action: action, By: f.lastDecider}); err != nil {
		return false, "", err
	}
	switch action {
	case registry.ActionResend:
		return true, "", nil
	case registry.ActionArrived:
		f.note("delivered as " + d.RemoteName + ", on a person's word")
		return false, activities.FileDelivered, nil
	default:
		state, err := f.settle(ctx, activities.FileDropped)
		return false, state, err
	}
}

// bring sends the file and sees it at the registry, in one visit of the
// registry's server.
func (f *fileSubmission) bring(ctx workflow.Context, d activities.PreparedDelivery) (activities.Receipt, registry.HoldAction, error) {
	f.target.DeliveryID = d.DeliveryID
	f.show1(ctx, "on its way as "+d.RemoteName, "nobody")
	if err := f.enter(ctx, "send "+d.RemoteName); err != nil {
		return activities.Receipt{}, "", err
	}
	if f.line.Free {
		action, err := f.byHand(ctx, d)
		return activities.Receipt{}, action, err
	}
	_, action, err := visit(ctx, f.visitor, "send "+d.RemoteName, deliveries.UploadFile,
		func(share int64) activities.UploadFileInput {
			return activities.UploadFileInput{Scope: f.scope(), DeliveryID: d.DeliveryID, BytesPerSecond: share, Sent: f.sent}
		})
	if err != nil || action != "" {
		return activities.Receipt{}, action, err
	}
	receipt, action, err := visit(ctx, f.visitor, "see "+d.RemoteName+" at the registry", deliveries.ConfirmDelivery,
		func(int64) activities.ConfirmDeliveryInput {
			return activities.ConfirmDeliveryInput{Scope: f.scope(), DeliveryID: d.DeliveryID}
		})
	if err != nil || action != "" {
		return receipt, action, err
	}
	f.leaveLater(ctx)
	return receipt, "", nil
}

// awaitReport waits until the registry has answered every message. It stays
// small while it waits; that a report is late is told by the practice's Watch.
func (f *fileSubmission) awaitReport(ctx workflow.Context) (activities.FileState, error) {
	for {
		seen := f.reports
		got, err := must(ctx, f.process, briefWork, "count the registry's answers", reports.Answer,
			activities.AnswerInput{Scope: f.scope(), FileID: f.in.File.ID})
		if err != nil {
			return "", err
		}
		f.answer = got
		if got.Complete() {
			if err := f.proveByReport(ctx); err != nil {
				return "", err
			}
			state, err := f.settle(ctx, activities.FileAnswered)
			if err != nil || !rejected(f.in.Lane, got) {
				return state, err
			}
			return state, f.notice(ctx, activities.SendNoticeInput{
				Kind: activities.NoticeFileRefused, FileID: f.in.File.ID, Event: "rejected/" + f.in.File.ID,
			})
		}
		stage := "delivered"
		if f.hand.sent {
			stage = "uploaded by hand, waiting for its report"
		}
		f.show1(ctx, fmt.Sprintf("%s; %d of %d messages answered", stage, got.Messages-got.Unanswered, got.Messages), "registry")
		if err := f.wait(ctx, func() bool { return f.reports != seen }); err != nil {
			return "", err
		}
	}
}

// rejected: in testing the file is the unit, elsewhere the record; a file of which
// nothing was taken is one that the EHR vendor hears of everywhere.
func rejected(lane registry.Lane, got activities.AnswerResult) bool {
	if lane == registry.LaneTest {
		return got.Found()
	}
	return got.Messages > 0 && got.Rejected == got.Messages
}

// settle records what became of the file and tells who waits for it.
func (f *fileSubmission) settle(ctx workflow.Context, state activities.FileState) (activities.FileState, error) {
	if _, err := must(ctx, f.process, briefWork, "note: "+string(state), files.SettleFile,
		activities.SettleFileInput{Scope: f.scope(), FileID: f.in.File.ID, State: state}); err != nil {
		return "", err
	}
	f.show1(ctx, string(state), "nobody")
	told := FileSettled{
		FileID: f.in.File.ID, Lane: f.in.Lane, State: state, First: f.first,
		ErrorFree: state == activities.FileAnswered && f.answer.ErrorFree,
	}
	tellLater(ctx, f.process, f.in.Tell, SignalFileSettled, told)
	return state, nil
}

// show1 changes the file's own current details; a file has no line in
// `starter status`, its practice has.
func (f *fileSubmission) show1(ctx workflow.Context, stage, whose string) {
	f.progress = activities.Progress{
		Source: f.source, Stage: fmt.Sprintf("%s file %s: %s", f.in.Lane, f.in.File.ID, stage),
		Whose: whose, Since: f.now(ctx),
	}
	workflow.SetCurrentDetails(ctx, f.details())
}

// tell sends a signal to a workflow that may have ended: nobody is there to be
// told then, and that is fine, because the facts are stored.
func tell[T any](ctx workflow.Context, id string, m Message[T], v T) error {
	if id == "" {
		return nil
	}
	err := workflow.SignalExternalWorkflow(ctx, id, "", m.Name, v).Get(ctx, nil)
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	var gone *temporal.UnknownExternalWorkflowExecutionError
	if !errors.As(err, &gone) {
		workflow.GetLogger(ctx).Warn("a workflow could not be told", "signal", m.Name)
	}
	return nil
}

// tellLater is [tell] without waiting for the word to have gone out, one after the
// other; finish waits for all.
func tellLater[T any](ctx workflow.Context, p *process, id string, m Message[T], v T) {
	if id == "" {
		return
	}
	nth := p.telling
	p.telling++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { p.toldSoFar++ }()
		if err := workflow.Await(ctx, func() bool { return p.toldSoFar == nth }); err != nil {
			return // cancelled
		}
		_ = tell(ctx, id, m, v) // it fails by cancellation only
	})
}

// besideOptions are those of workflows that outlive whoever starts them.
func besideOptions(p *process, id, summary string) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		StaticSummary:         summary,
		Priority:              temporal.Priority{FairnessKey: p.practice},
		TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(p.practice)),
	}
}
