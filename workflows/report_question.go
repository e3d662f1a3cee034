package workflows

import (
	"crypto/sha256"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// ReportQuestionInput names a report that nothing understood when it came, or says
// which one could not be fetched and why.
type ReportQuestionInput struct {
	Version  int               `json:"version"`
	ReportID string            `json:"report_id,omitempty"`
	Trouble  string            `json:"trouble,omitempty"`
	What     string            `json:"what"` // which one it was, for a person
	Calendar registry.Calendar `json:"calendar"`
	Policy   registry.Policy   `json:"policy"`
}

// ReportQuestion asks a person about a report that nothing understands. Once its
// layout has been taught, "retry" takes it in as [ReportCollection] would have.
func ReportQuestion(ctx workflow.Context, in ReportQuestionInput) error {
	p, err := newProcess(ctx, "report", "", in.Calendar, in.Policy)
	if err != nil {
		return err
	}
	if in.ReportID != "" {
		err = p.askAboutReport(ctx, in.What, in.ReportID)
	} else {
		// What came of it, the collection after the answer sees.
		_, err = p.hold(ctx, registry.HoldReport, in.What, in.Trouble, registry.ActionRetry)
	}
	if err != nil {
		return err
	}
	return p.finish(ctx)
}

// askWhyUnfetched asks about a report that the registry lists and does not give,
// once at a time: by a digest of its name, which may say anything.
func askWhyUnfetched(ctx workflow.Context, p *process, connection string, r activities.RemoteReport, trouble string) error {
	name := sha256.Sum256([]byte(r.Name))
	options := besideOptions(p, ReportQuestionID(fmt.Sprintf("%s-%x", connection, name[:6])), "a report that cannot be fetched")
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	return startAs(ctx, options, ReportQuestion, ReportQuestionInput{
		Version: 1, Trouble: trouble + ". The others are fetched. Once the cause is mended, resolve this with retry; the next collection fetches it",
		What: "a report of " + connection, Calendar: p.calendar, Policy: p.policy,
	})
}

func (p *process) askAboutReport(ctx workflow.Context, what, reportID string) error {
	for {
		got, action, err := attempt(ctx, p, fileWork, "import "+what, reports.ImportReport,
			activities.ImportReportInput{Scope: p.scope(), ReportID: reportID})
		if err != nil || action != "" {
			return err
		}
		if !got.Unreadable {
			_, err = settleReport(ctx, p, what, reportID, got)
			return err
		}
		action, err = p.hold(ctx, registry.HoldReport, "report "+reportID, unreadableWords(reportID, got.Reason))
		if err != nil || action != registry.ActionRetry {
			return err
		}
	}
}

// unreadableWords say why a report is kept back and how it is taken in after all.
func unreadableWords(report, reason string) string {
	if reason == "" {
		reason = "nothing here understands it"
	}
	return fmt.Sprintf("%s. It is kept as it came. Teach its layout: starter report learn %s; then resolve this with retry", reason, report)
}

// settleReport opens and closes errors as an imported report says, and tells the
// files that it answers.
func settleReport(ctx workflow.Context, p *process, what, reportID string, got activities.ImportReportResult) (activities.ReconcileErrorsResult, error) {
	settled, err := must(ctx, p, fileWork, "settle the errors of "+what, reports.ReconcileErrors,
		activities.ReconcileErrorsInput{Scope: p.scope(), ReportID: reportID})
	if err != nil {
		return settled, err
	}
	return settled, tellFiles(ctx, p, what, reportID, got.Files, got.More)
}

// tellFiles tells every file that a report answers, page by page.
func tellFiles(ctx workflow.Context, p *process, what, reportID string, files []activities.AnsweredFile, more bool) error {
	for {
		for _, f := range files {
			if err := tell(ctx, FileID(f.FileID), SignalReportImported, ReportImported{ReportID: reportID}); err != nil {
				return err
			}
		}
		if !more || len(files) == 0 {
			return nil
		}
		page, err := must(ctx, p, ledgerWork, "list further files of "+what, reports.ListAnswered,
			activities.ListAnsweredInput{Scope: p.scope(), ReportID: reportID, After: files[len(files)-1].FileID})
		if err != nil {
			return err
		}
		files, more = page.Files, page.More
	}
}
