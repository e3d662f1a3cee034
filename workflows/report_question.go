package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// ReportQuestionInput names a report that nothing understood when it came.
type ReportQuestionInput struct {
	Version  int               `json:"version"`
	ReportID string            `json:"report_id"`
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
	if err := p.askAboutReport(ctx, in.What, in.ReportID); err != nil {
		return err
	}
	return p.finish(ctx)
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
