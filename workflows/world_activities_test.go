package workflows_test

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func (w *world) LoadPractice(_ context.Context, _ activities.LoadPracticeInput) (activities.PracticeFacts, error) {
	if err := w.called("LoadPractice"); err != nil {
		return activities.PracticeFacts{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.facts, nil
}

func (w *world) MovePhase(_ context.Context, in activities.MovePhaseInput) (activities.MovePhaseResult, error) {
	if err := w.called("MovePhase"); err != nil {
		return activities.MovePhaseResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	to, err := registry.Next(w.facts.Phase, in.Event)
	if err != nil {
		return activities.MovePhaseResult{}, failure(registry.NotAllowed)
	}
	w.moves = append(w.moves, string(w.facts.Phase)+">"+string(to))
	w.facts.Phase = to
	return activities.MovePhaseResult{Phase: to}, nil
}

func (w *world) WaivePrerequisites(_ context.Context, in activities.WaivePrerequisitesInput) (activities.Done, error) {
	require.NotEmpty(w.t, in.By.Name)
	require.NotEmpty(w.t, in.Reason)
	w.mu.Lock()
	w.facts.Wanted = nil
	w.mu.Unlock()
	return activities.Done{}, w.called("WaivePrerequisites")
}

func (w *world) SeeVersion(_ context.Context, _ activities.SeeVersionInput) (activities.Done, error) {
	return activities.Done{}, w.called("SeeVersion")
}

func (w *world) RecordEvidence(_ context.Context, in activities.RecordEvidenceInput) (activities.Done, error) {
	w.mu.Lock()
	w.acts = append(w.acts, "evidence:"+in.Approval.MessageID)
	w.mu.Unlock()
	return activities.Done{}, w.called("RecordEvidence")
}

func (w *world) SetHistory(_ context.Context, in activities.SetHistoryInput) (activities.Done, error) {
	err := w.called("SetHistory")
	w.mu.Lock()
	defer w.mu.Unlock()
	require.True(w.t, w.facts.History.CanFollow(in.State), "%s cannot follow %s", in.State, w.facts.History)
	w.facts.History = in.State
	if in.State == registry.HistoryClosed {
		require.NotEqual(w.t, registry.System, in.By, "a load is closed by a person")
		w.closedBecause = in.Reason
	}
	// The database takes a key that it knows for a repeat and writes nothing.
	what := fmt.Sprint(in.State, in.Answer != nil)
	before, again := w.historyKeys[in.Key]
	require.True(w.t, !again || before == what, "the key %q is used for two facts", in.Key)
	w.historyKeys[in.Key] = what
	return activities.Done{}, err
}

func (w *world) SetSubmission(_ context.Context, in activities.SetSubmissionInput) (activities.SetSubmissionResult, error) {
	w.mu.Lock()
	was := w.facts.Submission
	w.facts.Submission = in.State
	w.mu.Unlock()
	return activities.SetSubmissionResult{Was: was}, w.called("SetSubmission")
}

func (w *world) RecordProgress(_ context.Context, in activities.RecordProgressInput) (activities.Done, error) {
	w.mu.Lock()
	w.lines = append(w.lines, in.Progress)
	w.mu.Unlock()
	return activities.Done{}, w.called("RecordProgress")
}

func (w *world) OpenHold(_ context.Context, in activities.OpenHoldInput) (activities.Done, error) {
	w.mu.Lock()
	w.holds[in.ID] = string(in.Reason)
	if in.Connection+in.Server != "" {
		w.line.hold(in)
	}
	w.mu.Unlock()
	return activities.Done{}, w.called("OpenHold")
}

func (w *world) CloseHold(_ context.Context, in activities.CloseHoldInput) (activities.Done, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line != nil {
		w.line.unhold(in.ID)
	}
	w.holds[in.ID] = "closed by " + in.By.Name + ": " + string(in.Action)
	w.calls["CloseHold"]++
	return activities.Done{}, nil
}

func (w *world) RecordAct(_ context.Context, in activities.RecordActInput) (activities.Done, error) {
	w.mu.Lock()
	w.acts, w.actKeys = append(w.acts, in.Kind), append(w.actKeys, in.Key)
	if in.Approval != nil {
		w.early = append(w.early, in)
	}
	w.mu.Unlock()
	return activities.Done{}, w.called("RecordAct")
}

func (w *world) SendNotice(_ context.Context, in activities.SendNoticeInput) (activities.SendNoticeResult, error) {
	if err := w.called("SendNotice"); err != nil {
		return activities.SendNoticeResult{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(w.t, in.Event)
	if _, sent := w.letters[in.Event]; !sent {
		if in.Kind == activities.NoticeReviewRequest {
			w.reviewRules = append(w.reviewRules, in.Gate)
		}
		w.letters[in.Event] = in.Kind
		w.order = append(w.order, in.Event)
	}
	return activities.SendNoticeResult{MessageID: in.Event}, nil
}

func (w *world) JudgeApproval(_ context.Context, in activities.JudgeApprovalInput) (activities.JudgeApprovalResult, error) {
	return activities.JudgeApprovalResult{Fault: w.approvalFault[in.Approval.EmailDate]}, w.called("JudgeApproval")
}

func (w *world) GiveUpNotice(_ context.Context, in activities.GiveUpNoticeInput) (activities.Done, error) {
	w.mu.Lock()
	w.givenUp = append(w.givenUp, in.Event)
	w.mu.Unlock()
	require.NotEmpty(w.t, in.By.Name)
	return activities.Done{}, w.called("GiveUpNotice")
}

func (w *world) JudgeGate(_ context.Context, in activities.GateInput) (activities.GateResult, error) {
	w.mu.Lock()
	w.gateAsked = append(w.gateAsked, in.GateRules)
	w.mu.Unlock()
	return w.gate, w.called("JudgeGate")
}

func (w *world) ScanOutbox(_ context.Context, _ activities.ScanOutboxInput) (activities.ScanOutboxResult, error) {
	return w.outbox, w.called("ScanOutbox")
}

func (w *world) StageFile(_ context.Context, in activities.StageFileInput) (activities.StageFileResult, error) {
	w.mu.Lock()
	w.stagings = append(w.stagings, fmt.Sprintf("%s %d", in.Name, in.Wrong))
	w.mu.Unlock()
	return w.staged[in.Name], w.called("StageFile")
}

func (w *world) CheckFile(_ context.Context, _ activities.CheckFileInput) (activities.CheckFileResult, error) {
	err := w.called("CheckFile")
	return activities.CheckFileResult{Summary: w.check, Anyway: w.anyway}, err
}

func (w *world) SettleFile(_ context.Context, in activities.SettleFileInput) (activities.Done, error) {
	w.mu.Lock()
	w.settled = append(w.settled, in.State)
	w.mu.Unlock()
	return activities.Done{}, w.called("SettleFile")
}

func (w *world) ReleaseFiles(_ context.Context, _ activities.ReleaseFilesInput) (activities.ReleaseFilesResult, error) {
	return activities.ReleaseFilesResult{}, w.called("ReleaseFiles")
}

func (w *world) PrepareDelivery(_ context.Context, in activities.PrepareDeliveryInput) (activities.PreparedDelivery, error) {
	w.mu.Lock()
	w.attempts = append(w.attempts, in.Attempt)
	w.mu.Unlock()
	d := w.prepared
	d.DeliveryID = fmt.Sprintf("d-%d", in.Attempt)
	return d, w.called("PrepareDelivery")
}

func (w *world) UploadFile(_ context.Context, _ activities.UploadFileInput) (activities.UploadFileResult, error) {
	return activities.UploadFileResult{Bytes: w.prepared.Size}, w.called("UploadFile")
}

func (w *world) ConfirmDelivery(_ context.Context, _ activities.ConfirmDeliveryInput) (activities.Receipt, error) {
	return w.receipt, w.called("ConfirmDelivery")
}

func (w *world) ProveDelivery(_ context.Context, in activities.ProveDeliveryInput) (activities.ProveDeliveryResult, error) {
	require.NotEmpty(w.t, in.DeliveryID)
	w.mu.Lock()
	out := w.proof
	w.mu.Unlock()
	return out, w.called("ProveDelivery")
}

func (w *world) DecideDelivery(_ context.Context, in activities.DecideDeliveryInput) (activities.Done, error) {
	require.NotEmpty(w.t, in.By.Name)
	w.mu.Lock()
	w.decided = append(w.decided, in.Action)
	w.mu.Unlock()
	return activities.Done{}, w.called("DecideDelivery")
}

func (w *world) Answer(_ context.Context, _ activities.AnswerInput) (activities.AnswerResult, error) {
	err := w.called("Answer")
	return w.answers, err
}

func (w *world) ListReports(_ context.Context, _ activities.ListReportsInput) (activities.ListReportsResult, error) {
	return activities.ListReportsResult{Reports: w.reports}, w.called("ListReports")
}

func (w *world) FetchReport(_ context.Context, in activities.FetchReportInput) (activities.FetchReportResult, error) {
	return activities.FetchReportResult{ReportID: "r-" + in.Name}, w.called("FetchReport")
}

func (w *world) ImportReport(_ context.Context, in activities.ImportReportInput) (activities.ImportReportResult, error) {
	err := w.called("ImportReport")
	if w.unread[in.ReportID] > 0 {
		w.unread[in.ReportID]--
		return activities.ImportReportResult{Unreadable: true, Items: 1}, err
	}
	return w.imported, err
}

func (w *world) ListAnswered(_ context.Context, in activities.ListAnsweredInput) (activities.ListAnsweredResult, error) {
	if in.After == "f-9" {
		return activities.ListAnsweredResult{}, nil
	}
	return activities.ListAnsweredResult{Files: []activities.AnsweredFile{{FileID: "f-9"}}, More: true}, w.called("ListAnswered")
}

func (w *world) ReconcileErrors(_ context.Context, _ activities.ReconcileErrorsInput) (activities.ReconcileErrorsResult, error) {
	return activities.ReconcileErrorsResult{Opened: 1}, w.called("ReconcileErrors")
}

func (w *world) LookAtPractice(_ context.Context, in activities.LookInput) (activities.LookResult, error) {
	if in.Skip > 0 {
		require.Equal(w.t, epoch, in.Date, "a further page is of the same look")
		return activities.LookResult{Opened: []activities.Incident{{ID: fmt.Sprintf("i-%d", in.Skip)}}}, nil
	}
	err := w.called("LookAtPractice")
	look := w.look
	look.Date = epoch
	w.mu.Lock()
	look.Phase, look.Submission = w.facts.Phase, w.facts.Submission
	w.mu.Unlock()
	w.look.Opened, w.look.Closed, w.look.More = nil, nil, false
	return look, err
}

func (w *world) PlanHistory(_ context.Context, _ activities.PlanHistoryInput) (activities.HistoryPlan, error) {
	return w.plan, w.called("PlanHistory")
}

func (w *world) ApproveHistory(_ context.Context, in activities.ApproveHistoryInput) (activities.Done, error) {
	if in.Digest != w.plan.Digest {
		return activities.Done{}, failure(registry.NotAllowed)
	}
	w.mu.Lock()
	w.facts.History = registry.HistoryLoading
	w.mu.Unlock()
	return activities.Done{}, w.called("ApproveHistory")
}

func (w *world) ListParts(_ context.Context, in activities.ListPartsInput) (activities.ListPartsResult, error) {
	page := activities.ListPartsResult{Answered: w.counts.Answered(), Rejected: w.counts.Rejected}
	for _, p := range w.parts {
		if p.Ordinal > in.After && len(page.Parts) < in.Max {
			page.Parts = append(page.Parts, p)
		}
	}
	return page, w.called("ListParts")
}

func (w *world) ReconcileHistory(_ context.Context, _ activities.ReconcileHistoryInput) (activities.HistoryCounts, error) {
	return w.counts, w.called("ReconcileHistory")
}

func (w *world) EnsureSchedules(_ context.Context, in activities.EnsureSchedulesInput) (activities.Done, error) {
	w.mu.Lock()
	w.ensured = append(w.ensured, in)
	w.mu.Unlock()
	return activities.Done{}, w.called("EnsureSchedules")
}

func (w *world) AskPermit(_ context.Context, in activities.AskPermitInput) (activities.AskPermitResult, error) {
	if err := w.called("AskPermit"); err != nil {
		return activities.AskPermitResult{}, err
	}
	if w.byHand {
		return activities.AskPermitResult{Connection: "hand", Free: true}, nil
	}
	if w.line != nil {
		return w.line.ask(w.test, in), nil
	}
	w.mu.Lock()
	w.permits++
	granted := workflows.PermitGranted{Host: host, Connection: "dshs", Ask: in.Ask, Permit: w.permits}
	w.mu.Unlock()
	w.test.SignalWorkflow(workflows.SignalPermitGranted.Name, granted)
	return activities.AskPermitResult{Host: host, Connection: "dshs"}, nil
}

func (w *world) LayOutFile(_ context.Context, _ activities.LayOutFileInput) (activities.LayOutFileResult, error) {
	return activities.LayOutFileResult{Path: "/srv/uploads/ana/X.HL7"}, w.called("LayOutFile")
}

func (w *world) EndHandUpload(_ context.Context, in activities.EndHandUploadInput) (activities.Done, error) {
	w.mu.Lock()
	w.uploads = append(w.uploads, in)
	w.mu.Unlock()
	return activities.Done{}, w.called("EndHandUpload")
}

func (w *world) ConfirmByReport(_ context.Context, _ activities.ConfirmByReportInput) (activities.Receipt, error) {
	return activities.Receipt{How: registry.ConfirmedByReport, First: true}, w.called("ConfirmByReport")
}

func (w *world) ChoosePermits(_ context.Context, in activities.ChoosePermitsInput) (activities.ChoosePermitsResult, error) {
	if err := w.called("ChoosePermits"); err != nil {
		return activities.ChoosePermitsResult{}, err
	}
	if w.chosen != nil {
		w.chosen(in)
	}
	return w.line.choose(in), nil
}

func (w *world) ListHostHolds(_ context.Context, in activities.ListHostHoldsInput) (activities.ListHostHoldsResult, error) {
	if err := w.called("ListHostHolds"); err != nil {
		return activities.ListHostHoldsResult{}, err
	}
	return w.line.heldAfter(in.After), nil
}
