package activities

import (
	"context"
	"time"

	"immtrail/conformance/codes"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/vault"
)

// Files takes files in from the outbox, keeps them in the vault and judges
// them.
type Files struct {
	DB    *db.Store
	Vault *vault.Vault
	// Outbox is the folder that holds <practice>/{test,production,historical}.
	Outbox   string
	Profiles ProfileSource
	Clock    Clock
	// Codes are the code tables to judge by; nil: those that this build carries.
	Codes *codes.Tables
	// Stable is how long, on the wall clock, a file must not have changed
	// before it is taken.
	Stable time.Duration
}

// ScanOutboxInput asks what lies ready in a practice's outbox.
type ScanOutboxInput struct {
	Scope
	Lane registry.Lane `json:"lane"`
	// Max bounds the answer.
	Max int `json:"max"`
	// Strict asks for an error, instead of a count, where there are stray files.
	Strict bool `json:"strict,omitempty"`
}

// OutboxFile is a file that is complete: its size and time did not change
// between two looks.
type OutboxFile struct {
	// Name stands for the file in the outbox. It is not what the EHR called it,
	// since that may name a patient, but a keyed digest of name, size and time.
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Left says that it did not match its checksum and that a person left it: it is
	// taken once it matches, and not asked about again.
	Left bool `json:"left,omitempty"`
}

// ScanOutboxResult lists stable files, oldest first.
type ScanOutboxResult struct {
	Files []OutboxFile `json:"files,omitempty"`
	// More says that there were more than Max.
	More bool `json:"more,omitempty"`
	// Unstable counts files that are still being written; the next look takes them.
	Unstable int `json:"unstable,omitempty"`
	// Stuck counts those of them that have not changed for a day, NewestStuck stands
	// for the newest: while an old one lies there, another is still told of.
	Stuck       int    `json:"stuck,omitempty"`
	NewestStuck string `json:"newest_stuck,omitempty"`
	// Stray counts files of a shared folder that are nobody's or of two practices,
	// without those that a person left there; Strays stand for the oldest of them, at
	// most [MaxStrays]. One practice of the folder is told of them.
	Stray  int      `json:"stray,omitempty"`
	Strays []string `json:"strays,omitempty"`
}

// ScanOutbox looks into the outbox of one lane. Kind Missing when the folder
// (or its marker file) is not there: an unmounted share is never an empty day.
func (a *Files) ScanOutbox(ctx context.Context, in ScanOutboxInput) (ScanOutboxResult, error) {
	defer beat(ctx, nil)()
	found, err := a.scan(ctx, in)
	return found, fail(ctx, err)
}

// StageFileInput takes one file out of the outbox.
type StageFileInput struct {
	Scope
	Lane registry.Lane `json:"lane"`
	// Name is that of ScanOutbox.
	Name string `json:"name"`
	// Wrong asks for an error, instead of a result, where the file does not match its
	// checksum; it counts the files that do not.
	Wrong int `json:"wrong,omitempty"`
}

// StageFileResult is the file as the process knows it from here on.
type StageFileResult struct {
	File registry.FileRef `json:"file"`
	// Known says that the same bytes were staged before in this lane: the
	// second is reported as a duplicate and not sent again.
	Known bool `json:"known,omitempty"`
	// Gone says that the file had already left the outbox; File is then the
	// one that was staged under that name, if any.
	Gone bool `json:"gone,omitempty"`
	// WrongSum says that the file does not match the checksum file beside it; it was
	// not taken.
	WrongSum bool `json:"wrong_sum,omitempty"`
}

// StageFile puts the file into the vault, records it, and only then moves it
// to taken/ (or deletes it, as the profile says). The same bytes again give
// the same ID.
func (a *Files) StageFile(ctx context.Context, in StageFileInput) (StageFileResult, error) {
	defer beat(ctx, nil)()
	staged, err := a.stage(ctx, in)
	return staged, fail(ctx, err)
}

// CheckFileInput asks for the checker's verdict on a staged file.
type CheckFileInput struct {
	Scope
	File registry.FileRef `json:"file"`
	Lane registry.Lane    `json:"lane"`
}

// CheckFileResult is the verdict in numbers.
type CheckFileResult struct {
	Summary registry.CheckSummary `json:"summary"`
	// Anyway is the person who sends the file in spite of the verdict; empty
	// where nobody does.
	Anyway string `json:"anyway,omitempty"`
}

// Refused reports whether the file stays here: our checker does not let it go
// and nobody sends it in spite of that.
func (r CheckFileResult) Refused() bool { return r.Summary.HoldFile && r.Anyway == "" }

// CheckFile streams the file through the checker and stores findings and
// messages (with sealed patient references) in one transaction; checking again
// overwrites them.
func (a *Files) CheckFile(ctx context.Context, in CheckFileInput) (CheckFileResult, error) {
	defer beat(ctx, nil)()
	summary, err := a.check(ctx, in)
	if err != nil {
		return CheckFileResult{}, fail(ctx, err)
	}
	// After the check: whoever decided meanwhile is heard.
	file, err := a.DB.File(ctx, in.File.ID)
	result := CheckFileResult{Summary: summary}
	if err == nil && file.Anyway != nil {
		result.Anyway = file.Anyway.By
	}
	return result, fail(ctx, err)
}

// SettleFileInput records what became of a file.
type SettleFileInput struct {
	Scope
	FileID string    `json:"file_id"`
	State  FileState `json:"state"`
}

// FileState is what became of a file.
type FileState = registry.FileState

// The states of a file.
const (
	FileStaged    = registry.FileStaged
	FileRefused   = registry.FileRefused
	FileDelivered = registry.FileDelivered
	FileAnswered  = registry.FileAnswered
	FileDropped   = registry.FileDropped
)

// SettleFile records the state. Repeating it changes nothing; a file never
// goes back from delivered or answered.
func (a *Files) SettleFile(ctx context.Context, in SettleFileInput) (Done, error) {
	return Done{}, fail(ctx, a.DB.SettleFile(ctx, in.Practice, in.FileID, in.State, in.date(a.Clock)))
}

// ReleaseFilesInput asks to shred what retention no longer needs.
type ReleaseFilesInput struct {
	Scope
	// AfterDays since everything about a file was settled.
	AfterDays int `json:"after_days"`
}

// ReleaseFilesResult counts what was shredded.
type ReleaseFilesResult struct {
	Released int `json:"released"`
}

// ReleaseFiles deletes from the vault the bytes of files that are answered (or
// were refused or given up), free of open errors, and old enough; the facts
// stay, and so do bytes that another file needs.
func (a *Files) ReleaseFiles(ctx context.Context, in ReleaseFilesInput) (ReleaseFilesResult, error) {
	defer beat(ctx, nil)()
	n, err := a.release(ctx, in)
	return ReleaseFilesResult{Released: n}, fail(ctx, err)
}
