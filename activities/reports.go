package activities

import (
	"context"

	"immtrail/registry"
)

// Reports brings in what the registry says about our files, and keeps the
// errors until they are settled.
type Reports struct{}

// ListReportsInput names the connection to look at. Scope.Practice is empty: a
// connection may serve several practices.
type ListReportsInput struct {
	Scope
	Connection string `json:"connection"`
	Max        int    `json:"max"`
}

// RemoteReport is a report that lies at the registry and is not imported yet.
type RemoteReport struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// ListReportsResult lists what is new, oldest first.
type ListReportsResult struct {
	Reports []RemoteReport `json:"reports,omitempty"`
	// Refused counts names in the listing that are not plain file names.
	Refused int  `json:"refused,omitempty"`
	More    bool `json:"more,omitempty"`
}

// ListReports lists the reports that were not imported before (by name, size
// and time; the digest decides at import).
func (a *Reports) ListReports(ctx context.Context, in ListReportsInput) (ListReportsResult, error) {
	panic("todo")
}

// FetchReportInput names a report at the registry.
type FetchReportInput struct {
	Scope
	Connection string `json:"connection"`
	Name       string `json:"name"`
}

// FetchReportResult is the report in the vault.
type FetchReportResult struct {
	ReportID string `json:"report_id"`
	// Known says that the same bytes were imported before, under any name.
	Known bool `json:"known,omitempty"`
}

// FetchReport downloads the report, complete (size agrees before and after),
// into the vault. A report is unique by connection and digest.
func (a *Reports) FetchReport(ctx context.Context, in FetchReportInput) (FetchReportResult, error) {
	panic("todo")
}

// ImportReportInput names a fetched report.
type ImportReportInput struct {
	Scope
	ReportID string `json:"report_id"`
}

// ImportReportResult tells what the report said, and who waits for it.
type ImportReportResult struct {
	Items     int `json:"items"`
	Unmatched int `json:"unmatched"`
	// NotUnderstood lines are kept sealed and raised as items of their own.
	NotUnderstood int `json:"not_understood"`
	// Unreadable says that nothing understood the report: it is quarantined,
	// and somebody is told.
	Unreadable bool `json:"unreadable,omitempty"`
	// Files are the files of ours that it answers, at most 200; More says that
	// there are further ones, to be asked for by ListAnswered.
	Files []AnsweredFile `json:"files,omitempty"`
	More  bool           `json:"more,omitempty"`
}

// AnsweredFile is a file that a report said something about.
type AnsweredFile struct {
	FileID   string `json:"file_id"`
	Practice string `json:"practice"`
}

// ImportReport reads the report into items, links them to messages and
// deliveries, and stores all of it in one transaction or nothing. Importing
// again changes nothing and answers the same.
func (a *Reports) ImportReport(ctx context.Context, in ImportReportInput) (ImportReportResult, error) {
	panic("todo")
}

// ReconcileErrorsInput names an imported report.
type ReconcileErrorsInput struct {
	Scope
	ReportID string `json:"report_id"`
}

// ReconcileErrorsResult counts what changed.
type ReconcileErrorsResult struct {
	Opened   int `json:"opened"`
	Verified int `json:"verified"`
	// NewCodes are codes that the catalogue does not know.
	NewCodes []string `json:"new_codes,omitempty"`
	// Practices that are concerned, with their open errors now.
	Open []PracticeErrors `json:"open,omitempty"`
}

// PracticeErrors is how many errors a practice has open.
type PracticeErrors struct {
	Practice string `json:"practice"`
	Open     int    `json:"open"`
}

// ReconcileErrors opens an error for every bad item of the report, repeats
// collapsed into one per cause, and verifies the errors whose record a report
// now shows as accepted. Repeating it changes nothing.
func (a *Reports) ReconcileErrors(ctx context.Context, in ReconcileErrorsInput) (ReconcileErrorsResult, error) {
	panic("todo")
}

// AnswerInput asks how far a file is answered.
type AnswerInput struct {
	Scope
	FileID string `json:"file_id"`
}

// AnswerResult counts the file's messages by what the registry said.
type AnswerResult struct {
	Messages    int `json:"messages"`
	Accepted    int `json:"accepted"`
	Warned      int `json:"warned"`
	Rejected    int `json:"rejected"`
	NotObjected int `json:"not_objected"`
	Unanswered  int `json:"unanswered"`
	// ErrorFree: everything is answered and nothing was refused.
	ErrorFree bool `json:"error_free"`
}

// Complete reports whether every message is answered.
func (r AnswerResult) Complete() bool { return r.Unanswered == 0 && r.Messages > 0 }

// Answer counts what the registry has said about a file so far.
func (a *Reports) Answer(ctx context.Context, in AnswerInput) (AnswerResult, error) {
	panic("todo")
}

// outcomeIsAnswer reports whether o answers a message.
func outcomeIsAnswer(o registry.Outcome) bool { return o != registry.OutcomeUnknown && o != "" }
