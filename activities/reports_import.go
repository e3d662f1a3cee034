package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/dqa"
	"immtrail/registry"
)

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
	// Reason says why, and what can be done about it; never a word of the report.
	Reason string `json:"reason,omitempty"`
	// Files are the files of ours that it answers, at most 60; More says that
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
// again changes nothing and answers the same, except that a report which nothing
// understood is tried anew: its layout may have been taught since.
func (a *Reports) ImportReport(ctx context.Context, in ImportReportInput) (ImportReportResult, error) {
	defer beat(ctx, nil)()
	out, err := a.importReport(ctx, in)
	return out, fail(ctx, err)
}

// maxAnswered bounds the files that one result names: a result over 8 KiB is
// refused on its way into history.
const maxAnswered = 60

func (a *Reports) importReport(ctx context.Context, in ImportReportInput) (ImportReportResult, error) {
	var out ImportReportResult
	stored, err := a.DB.Report(ctx, in.ReportID)
	if err != nil {
		return out, err
	}
	terms, err := a.terms(ctx, stored)
	if err != nil {
		return out, err
	}
	told, err := a.Known()
	if err != nil {
		return out, err
	}
	report, err := a.DB.ImportReport(ctx, db.ReportImport{
		ReportID: in.ReportID, At: in.date(a.Clock), Terms: terms,
		Foretold: told.Foretold, Unforetold: told.unforetold(), FindingsKept: findingsKept,
		Read: func(emit func(registry.ReportItem) error) (db.ReportNames, error) {
			return a.read(ctx, stored.VaultKey, emit)
		},
	})
	if err != nil {
		return out, err
	}
	out = ImportReportResult{
		Items: report.Items, Unmatched: report.Unmatched, NotUnderstood: report.NotUnderstood,
		Unreadable: report.Unreadable(), Reason: strings.TrimPrefix(report.Reason, "report: "),
	}
	out.Files, out.More, err = a.answered(ctx, in.ReportID, "", maxAnswered)
	return out, err
}

// unforetold are the harmless codes that no rule is known for: they tell what
// the registry has, not what we missed.
func (k ReportKnowledge) unforetold() []string {
	known := map[string]bool{}
	for _, f := range k.Foretold {
		known[f.Key] = true
	}
	var codes []string
	for code, entry := range k.Catalogue {
		if entry.Harmless && !known[code] {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// maxNames bounds how many names of our files are taken from one report.
const maxNames = 1000

// read streams a report out of the vault through the reader.
func (a *Reports) read(ctx context.Context, key string, emit func(registry.ReportItem) error) (db.ReportNames, error) {
	names := db.ReportNames{Rejected: map[string]int{}}
	known, err := a.Known()
	if err != nil {
		return names, err
	}
	src, err := a.Vault.Open(ctx, key)
	if err != nil {
		return names, err
	}
	defer func() { _ = src.Close() }() // it was only read
	sum, err := dqa.Read(ctx, src, dqa.Options{
		Catalogue: known.Catalogue, Mappings: known.Mappings,
		Verdict: func(v dqa.Verdict) error {
			if v.File != "" && len(names.Files) < maxNames && !slices.Contains(names.Files, v.File) {
				names.Files = append(names.Files, v.File)
			}
			if v.Outcome == registry.OutcomeFileRejected && len(names.Rejected) < maxNames {
				names.Rejected[v.File] = v.FirstItem
			}
			return nil
		},
	}, emit)
	for _, file := range sum.Answered {
		if len(names.Files) < maxNames && !slices.Contains(names.Files, file) {
			names.Files = append(names.Files, file)
		}
	}
	names.Format, names.Mapping, names.Records, names.Faults = string(sum.Format), sum.Mapping, sum.Records, sum.Faults
	return names, err
}

// terms are how the report answers each practice of its connection.
func (a *Reports) terms(ctx context.Context, r db.Report) ([]db.ReportTerms, error) {
	practices, err := a.DB.ConnectionPractices(ctx, r.Connection)
	if err != nil {
		return nil, err
	}
	out := make([]db.ReportTerms, 0, len(practices))
	for _, practice := range practices {
		profile, err := a.Profiles.Profile(practice)
		if err != nil {
			return nil, err
		}
		t := db.ReportTerms{Practice: practice, BadOnly: profile.Reports.Lists == "bad-only"}
		if from, to, ok := profile.Reports.Period(r.Dated.In(profile.BusinessDays().Location())); ok {
			t.From, t.To = from, to
		}
		out = append(out, t)
	}
	return out, nil
}

// answered is a page of the files that a report speaks of.
func (a *Reports) answered(ctx context.Context, report, after string, most int) (files []AnsweredFile, more bool, err error) {
	page, err := a.DB.AnsweredFiles(ctx, report, after, most+1)
	if err != nil {
		return nil, false, err
	}
	more = len(page) > most
	for _, f := range page[:min(len(page), most)] {
		files = append(files, AnsweredFile{FileID: f.FileID, Practice: f.Practice})
	}
	return files, more, nil
}

// ListAnsweredInput asks for a further page of the files that a report answers.
type ListAnsweredInput struct {
	Scope
	ReportID string `json:"report_id"`
	// After is the last file ID of the page before.
	After string `json:"after"`
}

// ListAnsweredResult is a page of files, at most 60.
type ListAnsweredResult struct {
	Files []AnsweredFile `json:"files,omitempty"`
	More  bool           `json:"more,omitempty"`
}

// ListAnswered goes on with the files of ImportReportResult.
func (a *Reports) ListAnswered(ctx context.Context, in ListAnsweredInput) (ListAnsweredResult, error) {
	files, more, err := a.answered(ctx, in.ReportID, in.After, maxAnswered)
	return ListAnsweredResult{Files: files, More: more}, fail(ctx, err)
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
//
// Warnings that the catalogue knows open no error, whoever could mend them; a
// code that it does not know opens one whatever its grade. The rules are those
// of [db.Store.ReconcileReport].
func (a *Reports) ReconcileErrors(ctx context.Context, in ReconcileErrorsInput) (ReconcileErrorsResult, error) {
	known, err := a.Known()
	if err != nil {
		return ReconcileErrorsResult{}, fail(ctx, err)
	}
	date := in.date(a.Clock)
	got, err := a.DB.ReconcileReport(ctx, db.ReportReconcile{
		ReportID: in.ReportID, At: date, Catalogue: known.Catalogue,
		Due: func(practice string, entry registry.CatalogueEntry) (time.Time, error) {
			profile, err := a.Profiles.Profile(practice)
			if err != nil {
				return time.Time{}, err
			}
			return date.AddDate(0, 0, profile.Policy.DueDays(entry.Severity)), nil
		},
	})
	if err != nil {
		return ReconcileErrorsResult{}, fail(ctx, err)
	}
	out := ReconcileErrorsResult{Opened: got.Opened, Verified: got.Verified, NewCodes: got.NewCodes}
	for _, o := range got.Open {
		out.Open = append(out.Open, PracticeErrors{Practice: o.Practice, Open: o.Open})
	}
	return out, nil
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
	// Mail is what the registry said of the whole file by email.
	Mail registry.Verdict `json:"mail,omitempty"`
}

// Complete reports whether every message is answered, or the file as a whole.
func (r AnswerResult) Complete() bool { return r.Mail != "" || r.reported() }

func (r AnswerResult) reported() bool { return r.Unanswered == 0 && r.Messages > 0 }

// Found reports whether the registry found an error in the file.
func (r AnswerResult) Found() bool { return r.Rejected > 0 || r.Mail == registry.VerdictErrors }

// Answer counts what the registry has said about a file so far.
// Messages that were left out of the file (held) are not counted.
func (a *Reports) Answer(ctx context.Context, in AnswerInput) (AnswerResult, error) {
	got, err := a.DB.FileAnswer(ctx, in.Practice, in.FileID)
	if err != nil {
		return AnswerResult{}, fail(ctx, err)
	}
	out := AnswerResult{
		Messages: got.Messages, Accepted: got.Accepted, Warned: got.Warned, Rejected: got.Rejected,
		NotObjected: got.NotObjected, Unanswered: got.Unanswered,
	}
	if out.Mail, err = a.DB.MailAnswer(ctx, in.FileID); err != nil {
		return AnswerResult{}, fail(ctx, err)
	}
	out.ErrorFree = out.Complete() && !out.Found()
	return out, nil
}
