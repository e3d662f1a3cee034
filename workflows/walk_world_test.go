package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

// walkFile is a file of the random walk, with what the world knows of it.
type walkFile struct {
	id   string
	lane registry.Lane
	// refused by our checker, or bad in the registry's eyes.
	refused, bad bool
	staged       bool
	confirmed    bool
	answered     bool
	// before the registry last asked for changes.
	before bool
	state  activities.FileState
	// sent are the deliveries that brought bytes to the registry, asked those that
	// a person wanted besides the first.
	sent, asked map[string]bool
}

// walkWorld keeps what the database keeps, and the registry: files, deliveries,
// the phase with its keys, and when which approval was judged.
type walkWorld struct {
	*world
	files      []*walkFile
	deliveries map[string]*walkFile
	prepared   map[string]registry.Lane
	keys       map[string]registry.Phase
	// seq orders what must not change places; judged is when an approval was found
	// good, changed when the registry last asked for changes.
	seq     int
	judged  map[string]int
	changed int
	// askedOn and changedOn are the days of the last request and of the last
	// changes; empty where there were none.
	askedOn, changedOn string
	stored             *registry.Approval
	rounds             int
	askedAt            time.Time
	open               map[string]activities.OpenHoldInput
	broken             []string // invariants
}

func (w *walkWorld) violated(format string, args ...any) {
	w.broken = append(w.broken, fmt.Sprintf(format, args...))
}

func (w *walkWorld) today() string { return w.test.Now().Format(time.DateOnly) }

func (w *walkWorld) file(id string) *walkFile {
	i := slices.IndexFunc(w.files, func(f *walkFile) bool { return f.id == id })
	return w.files[i]
}

func (w *walkWorld) firstFile() *walkFile {
	for _, f := range w.files {
		if f.lane == registry.LaneProduction && f.confirmed {
			return f
		}
	}
	return nil
}

func (w *walkWorld) told(event string) bool {
	_, sent := w.letters[event]
	return sent || slices.Contains(w.givenUp, event)
}

func (w *walkWorld) LoadPractice(_ context.Context, _ activities.LoadPracticeInput) (activities.PracticeFacts, error) {
	if err := w.called("LoadPractice"); err != nil {
		return activities.PracticeFacts{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	facts := w.facts
	facts.Reviews, facts.ReviewAsked, facts.FirstProduction = w.rounds, w.askedAt, w.firstFile() != nil
	underWay := slices.ContainsFunc(w.files, func(f *walkFile) bool {
		return f.lane == registry.LaneProduction && f.staged && f.state != activities.FileRefused && f.state != activities.FileDropped
	})
	switch first := w.firstFile(); {
	case facts.Phase != registry.PhaseProduction:
	case first == nil && !underWay:
		facts.Second.FirstOnly = true
	case first == nil:
		facts.Second.Waits = "the first production file is on its way"
	case !w.told(activities.FirstFileNotice(practice)):
		facts.Second.Waits = "the registry was not told of the first"
	case !first.answered:
		facts.Second.Waits = "the first is not answered"
	}
	return facts, nil
}

func (w *walkWorld) MovePhase(_ context.Context, in activities.MovePhaseInput) (activities.MovePhaseResult, error) {
	err := w.called("MovePhase")
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.calls["MovePhase"]%2 == 0 {
		return activities.MovePhaseResult{}, err
	}
	if to, again := w.keys[in.Key]; again {
		return activities.MovePhaseResult{Phase: to}, err
	}
	to, no := registry.Next(w.facts.Phase, in.Event)
	if no != nil {
		return activities.MovePhaseResult{}, failure(registry.NotAllowed)
	}
	w.seq++
	switch in.Event {
	case registry.EventReviewRequested:
		if w.count0() < 3 {
			w.violated("a review was requested with %d counted files", w.count0())
		}
		w.rounds++
		w.askedAt, w.askedOn = w.test.Now(), w.today()
	case registry.EventChangesNeeded:
		w.changed, w.changedOn = w.seq, w.today()
		for _, f := range w.files {
			f.before = f.before || f.staged
		}
	case registry.EventApproved:
		switch at, good := w.judged[approvalKey(*in.Approval)]; {
		case !good:
			w.violated("production by an approval that nobody judged")
		case at < w.changed:
			w.violated("production by an approval of before the registry asked for changes")
		}
		w.stored = in.Approval
	case registry.EventPrerequisitesDone, registry.EventWithdrawn:
	}
	w.keys[in.Key] = to
	w.moves = append(w.moves, string(w.facts.Phase)+">"+string(to))
	w.facts.Phase = to
	return activities.MovePhaseResult{Phase: to}, err // done, and perhaps the answer is lost
}

func approvalKey(a registry.Approval) string { return a.EmailDate + a.ApprovedBy }

func (w *walkWorld) JudgeApproval(_ context.Context, in activities.JudgeApprovalInput) (activities.JudgeApprovalResult, error) {
	if err := w.called("JudgeApproval"); err != nil {
		return activities.JudgeApprovalResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch day := in.Approval.EmailDate; {
	case w.stored != nil && !w.stored.Same(in.Approval):
		return activities.JudgeApprovalResult{Fault: "another approval is recorded"}, nil
	case in.Approval.OverrideBy != "":
	case w.changedOn != "" && day < w.changedOn, w.askedOn != "" && day < w.askedOn:
		return activities.JudgeApprovalResult{Fault: "older than the review"}, nil
	}
	w.seq++
	w.judged[approvalKey(in.Approval)] = w.seq
	return activities.JudgeApprovalResult{}, nil
}

// count0 is how many test files count.
func (w *walkWorld) count0() (n int) {
	for _, f := range w.files {
		if f.lane == registry.LaneTest && f.confirmed && f.answered && !f.bad && !f.before {
			n++
		}
	}
	return n
}

func (w *walkWorld) JudgeGate(_ context.Context, in activities.GateInput) (activities.GateResult, error) {
	if err := w.called("JudgeGate"); err != nil {
		return activities.GateResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.count0()
	return activities.GateResult{Counted: n, Open: n >= in.Min}, nil
}

func (w *walkWorld) ScanOutbox(_ context.Context, in activities.ScanOutboxInput) (activities.ScanOutboxResult, error) {
	w.mu.Lock()
	var out activities.ScanOutboxResult
	for _, f := range w.files {
		if f.lane == in.Lane && !f.staged && len(out.Files) < in.Max {
			out.Files = append(out.Files, activities.OutboxFile{Name: f.id, Size: 1})
		}
	}
	w.mu.Unlock()
	return out, w.called("ScanOutbox")
}

func (w *walkWorld) StageFile(_ context.Context, in activities.StageFileInput) (activities.StageFileResult, error) {
	w.mu.Lock()
	f := w.file(in.Name)
	out := activities.StageFileResult{File: registry.FileRef{ID: f.id, Digest: f.id, Size: 1}, Known: f.staged}
	f.staged = true
	w.mu.Unlock()
	return out, w.called("StageFile")
}

func (w *walkWorld) CheckFile(_ context.Context, in activities.CheckFileInput) (activities.CheckFileResult, error) {
	w.mu.Lock()
	summary := registry.CheckSummary{HoldFile: w.file(in.File.ID).refused, Messages: 1}
	w.mu.Unlock()
	return activities.CheckFileResult{Summary: summary}, w.called("CheckFile")
}

func (w *walkWorld) PrepareDelivery(_ context.Context, in activities.PrepareDeliveryInput) (activities.PreparedDelivery, error) {
	w.mu.Lock()
	id := fmt.Sprintf("%s-%d", in.File.ID, in.Attempt)
	_, known := w.prepared[id]
	allowed := known || in.Lane.OpenIn(w.facts.Phase)
	if allowed {
		w.prepared[id], w.deliveries[id] = in.Lane, w.file(in.File.ID)
	}
	w.mu.Unlock()
	if !allowed {
		return activities.PreparedDelivery{}, failure(registry.NotAllowed)
	}
	return activities.PreparedDelivery{DeliveryID: id, RemoteName: id + ".HL7", Size: 1, Messages: 1}, w.called("PrepareDelivery")
}

func (w *walkWorld) UploadFile(_ context.Context, in activities.UploadFileInput) (activities.UploadFileResult, error) {
	err := w.called("UploadFile")
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.deliveries[in.DeliveryID]
	if !f.lane.OpenIn(w.facts.Phase) {
		return activities.UploadFileResult{}, failure(registry.NotAllowed)
	}
	if f.refused {
		w.violated("%s was sent although our check refused it", f.id)
	}
	if f.lane == registry.LaneProduction && w.stored == nil {
		w.violated("%s was sent before any approval", f.id)
	}
	if err != nil && w.calls["UploadFile"]%2 == 0 {
		return activities.UploadFileResult{}, err
	}
	f.sent[in.DeliveryID] = true // again is no second time: it looks before it writes
	if len(f.sent) > 1+len(f.asked) {
		w.violated("%s was sent %d times, %d of them wanted", f.id, len(f.sent), 1+len(f.asked))
	}
	return activities.UploadFileResult{Bytes: 1}, err
}

func (w *walkWorld) ConfirmDelivery(_ context.Context, in activities.ConfirmDeliveryInput) (activities.Receipt, error) {
	if err := w.called("ConfirmDelivery"); err != nil {
		return activities.Receipt{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f, first := w.deliveries[in.DeliveryID], w.firstFile()
	f.confirmed = true
	return activities.Receipt{How: registry.ConfirmedByStat, First: f.lane == registry.LaneProduction && (first == nil || first == f)}, nil
}

func (w *walkWorld) ProveDelivery(_ context.Context, _ activities.ProveDeliveryInput) (activities.ProveDeliveryResult, error) {
	return activities.ProveDeliveryResult{}, w.called("ProveDelivery")
}

func (w *walkWorld) DecideDelivery(_ context.Context, in activities.DecideDeliveryInput) (activities.Done, error) {
	w.mu.Lock()
	switch f := w.deliveries[in.DeliveryID]; in.Action {
	case registry.ActionResend:
		f.asked[in.DeliveryID] = true
	case registry.ActionArrived:
		f.confirmed = true
	case registry.ActionRetry, registry.ActionDrop, registry.ActionContinue:
	}
	w.mu.Unlock()
	return activities.Done{}, w.called("DecideDelivery")
}

func (w *walkWorld) Answer(_ context.Context, in activities.AnswerInput) (activities.AnswerResult, error) {
	if err := w.called("Answer"); err != nil {
		return activities.AnswerResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f := w.file(in.FileID); {
	case !f.answered:
		return activities.AnswerResult{Messages: 1, Unanswered: 1}, nil
	case f.bad:
		return activities.AnswerResult{Messages: 1, Rejected: 1}, nil
	}
	return activities.AnswerResult{Messages: 1, Accepted: 1, ErrorFree: true}, nil
}

func (w *walkWorld) SettleFile(_ context.Context, in activities.SettleFileInput) (activities.Done, error) {
	w.mu.Lock()
	w.file(in.FileID).state = in.State
	w.mu.Unlock()
	return activities.Done{}, w.called("SettleFile")
}

func (w *walkWorld) AskPermit(_ context.Context, in activities.AskPermitInput) (activities.AskPermitResult, error) {
	w.mu.Lock()
	w.permits++
	granted := workflows.PermitGranted{Host: host, Connection: "dshs", Ask: in.Ask, Permit: w.permits}
	w.mu.Unlock()
	w.test.RegisterDelayedCallback(func() { // on its own loop: it may be starting a workflow just now
		_ = w.test.SignalWorkflowByID(in.WorkflowID, workflows.SignalPermitGranted.Name, granted)
	}, 0)
	return activities.AskPermitResult{Host: host, Connection: "dshs"}, nil
}

func (w *walkWorld) OpenHold(_ context.Context, in activities.OpenHoldInput) (activities.Done, error) {
	w.mu.Lock()
	if in.What == "" || len(in.Actions) == 0 || in.Reason.Words() == string(in.Reason) {
		w.violated("the hold %q of %s has no words or no way out", in.What, in.WorkflowID)
	}
	w.open[in.WorkflowID+"/"+in.ID] = in
	w.mu.Unlock()
	return activities.Done{}, nil
}

func (w *walkWorld) CloseHold(_ context.Context, in activities.CloseHoldInput) (activities.Done, error) {
	w.mu.Lock()
	for key, h := range w.open {
		if h.ID == in.ID {
			delete(w.open, key)
		}
	}
	w.mu.Unlock()
	return activities.Done{}, nil
}

func (w *walkWorld) RecordProgress(_ context.Context, in activities.RecordProgressInput) (activities.Done, error) {
	w.mu.Lock()
	if p := in.Progress; p.Whose == "" || !p.Ended && (p.Since.IsZero() || p.Next == "" && p.Source == "onboarding") {
		w.violated("the line %q names no owner, no date or nothing to do", p.Stage)
	}
	w.mu.Unlock()
	return activities.Done{}, w.called("RecordProgress")
}
