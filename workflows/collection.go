package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
)

// reportsPerCollection bounds one collection; what is left is taken by the next.
// The list has to fit into history even with the longest names.
const reportsPerCollection = 25

// ReportCollectionResult counts what a collection brought in.
type ReportCollectionResult struct {
	Imported    int `json:"imported"`
	Known       int `json:"known"`
	Quarantined int `json:"quarantined"`
	Unfetched   int `json:"unfetched,omitempty"`
	Items       int `json:"items"`
	Opened      int `json:"opened"`
	Verified    int `json:"verified"`
}

// ReportCollection fetches what the registry has to say on one connection,
// imports it, tells the files that it answers, and settles errors. A Schedule
// starts it.
func ReportCollection(ctx workflow.Context, in activities.CollectionInput) (ReportCollectionResult, error) {
	p, err := newProcess(ctx, "reports", "", in.Calendar, in.Policy)
	if err != nil {
		return ReportCollectionResult{}, err
	}
	c := &collection{process: p, connection: in.Connection}
	c.visitor = newVisitor(ctx, p, func(ctx workflow.Context, words string) {
		p.progress = activities.Progress{
			Source: p.source, Stage: "waits for its turn on connection " + in.Connection + " to " + words,
			Whose: "nobody", Since: p.now(ctx),
		}
		workflow.SetCurrentDetails(ctx, p.details())
	})
	c.target.Connection = in.Connection
	if err := c.collect(ctx); err != nil {
		return c.result, err
	}
	return c.result, p.finish(ctx)
}

type collection struct {
	*process
	*visitor
	connection string
	result     ReportCollectionResult
}

// collect fetches what is new in one visit of the registry's server, and takes
// it in afterwards.
func (c *collection) collect(ctx workflow.Context) error {
	if err := c.enter(ctx, "list the reports"); err != nil || c.line.Free {
		return err // where people upload by hand they bring the reports too
	}
	listed, action, err := visit(ctx, c.visitor, "list the reports on "+c.connection, reports.ListReports,
		func(int64) activities.ListReportsInput {
			return activities.ListReportsInput{Scope: c.scope(), Connection: c.connection, Max: reportsPerCollection}
		})
	if err != nil || action != "" {
		return err
	}
	fetched := make([]string, len(listed.Reports))
	for n, r := range listed.Reports {
		if fetched[n], err = c.fetch(ctx, c.nth(n, listed), r); err != nil {
			return err
		}
	}
	c.leaveLater(ctx)
	for n, id := range fetched {
		if id == "" {
			continue
		}
		if err := c.importReport(ctx, c.nth(n, listed), id); err != nil {
			return err
		}
	}
	return nil
}

func (c *collection) nth(n int, listed activities.ListReportsResult) string {
	return fmt.Sprintf("report %d of %d on %s", n+1, len(listed.Reports), c.connection)
}

// fetch brings one report into the file store; its ID is empty where there is
// nothing left to do about it. One that cannot be fetched is asked about beside,
// and the next collection tries again.
func (c *collection) fetch(ctx workflow.Context, what string, r activities.RemoteReport) (string, error) {
	fetched, wrong, err := visitOnce(ctx, c.visitor, "fetch "+what, reports.FetchReport,
		func(share int64) activities.FetchReportInput {
			return activities.FetchReportInput{Scope: c.scope(), Connection: c.connection, Name: r.Name, BytesPerSecond: share}
		})
	switch {
	case err != nil:
		return "", err
	case wrong != nil:
		c.result.Unfetched++
		return "", askWhyUnfetched(ctx, c.process, c.connection, r, wordsOf(wrong))
	case fetched.Known:
		c.result.Known++
		return "", nil
	}
	return fetched.ReportID, nil
}

// importReport takes a fetched report in. Collections that overlap, and
// `starter report import`, may do the same report twice; nothing changes then.
// One that nothing understands is asked about beside, so that the reports after
// it do not wait for the answer.
func (c *collection) importReport(ctx workflow.Context, what, reportID string) error {
	got, action, err := attempt(ctx, c.process, fileWork, "import "+what, reports.ImportReport,
		activities.ImportReportInput{Scope: c.scope(), ReportID: reportID})
	if err != nil || action != "" {
		return err
	}
	c.result.Items += got.Items
	if got.Unreadable {
		c.result.Quarantined++
		return startBeside(ctx, c.process, ReportQuestion, ReportQuestionID(reportID), "a report that nothing understands",
			ReportQuestionInput{Version: 1, ReportID: reportID, What: what, Calendar: c.calendar, Policy: c.policy})
	}
	c.result.Imported++
	settled, err := settleReport(ctx, c.process, what, reportID, got)
	c.result.Opened += settled.Opened
	c.result.Verified += settled.Verified
	return err
}
