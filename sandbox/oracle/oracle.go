package oracle

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// World is where a rehearsal can be looked at.
type World struct {
	// RegistryDir is the fake registry's folder.
	RegistryDir string
	// MailDir holds the caught mails, as files that end in .eml, at any depth.
	MailDir string
	// DatabaseURL of the product's database, as a superuser: every table is read.
	DatabaseURL string
	// Temporal is the engine in which the workflows run; a client.Client will do.
	Temporal  Engine
	Namespace string
	// LogFiles are the worker's and the engine's logs; not the registry's own.
	LogFiles []string
	// ScanDirs are further folders in which no patient may be found, in the
	// bytes or in the names of files: those of PostgreSQL and Temporal.
	ScanDirs []string
	// NameDirs are folders of which only the names are looked at: outboxes hold
	// patients' data by their nature.
	NameDirs []string
	// Texts are further texts to look through, by name: the metrics page.
	Texts     map[string]string
	Practices []Practice
	// Patients are everybody in the rehearsal's files.
	Patients []hl7gen.Patient
	// Overlap says that the files repeat each other's messages by themselves, as
	// files of your own may: a repeated message is then nobody's fault.
	Overlap bool
	// Message is the MSH-11 of each lane; zero is T, P, P.
	Message registry.MessageSettings
	// RegistryMail are addresses of the registry, or whole domains with a leading
	// "@", beside those of DSHS, of the sandbox's registry (@registry.example)
	// and of contacts with the role "registry".
	RegistryMail []string

	// What follows is for sabotage only.

	// Accounts, RegistryAddr and HostKey lead to the registry by SFTP.
	Accounts     []fakeregistry.Account
	RegistryAddr string
	HostKey      string
	// SMTPAddr is the mail catcher.
	SMTPAddr string
	// Calendar tells a sabotage what day it is.
	Calendar registry.Calendar
}

// Practice is a practice of the rehearsal and its login at the registry.
type Practice struct {
	ID, Account, OrgCode string
	// ApprovedAt is the moment on the wall clock at which the rehearsal wrote
	// the Production email; zero where that is not known.
	ApprovedAt time.Time
}

// Engine is as much of a Temporal client as the oracle needs; client.Client
// has it.
type Engine interface {
	ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
}

// Finding is one broken promise. Words name files and numbers, never a patient.
type Finding struct {
	Invariant string `json:"invariant"`
	Words     string `json:"words"`
}

// Invariant names.
const (
	EarlyProduction   = "early-production"
	WrongProcessingID = "wrong-processing-id"
	TestPatient       = "test-patient"
	SentTwice         = "sent-twice"
	HistoryTwice      = "history-twice"
	FalseSuccess      = "false-success"
	UnknownFile       = "unknown-file"
	ReportOnce        = "report-once"
	AckJudged         = "ack-judged"
	LegalMoves        = "legal-moves"
	OneLetter         = "one-letter"
	LetterRecipients  = "letter-recipients"
	ClearText         = "clear-text"
	Stuck             = "stuck"
)

// found is a finding in the making. About is the ID of the file at the registry
// that it speaks of, if any.
type found struct{ about, words string }

func say(about, format string, args ...any) found {
	return found{about: about, words: fmt.Sprintf(format, args...)}
}

type invariant struct {
	name, words string
	judge       func(*facts) []found
}

// invariants in the order of their telling.
func invariants() []invariant {
	return []invariant{
		{EarlyProduction, "no production or historical file before the Production email", earlyProduction},
		{WrongProcessingID, "every message carries the processing ID of its folder", wrongProcessingID},
		{TestPatient, "no test patient among true patient data", testPatient},
		{SentTwice, "the same content reaches a folder once", sentTwice},
		{HistoryTwice, "historical content is sent once, and not after the load was closed", historyTwice},
		{FalseSuccess, "what is called delivered or sent has arrived, whole", falseSuccess},
		{ReportOnce, "a report is imported once, item by item as the registry wrote it", reportOnce},
		{AckJudged, "errors are opened for what was refused, and for nothing else", ackJudged},
		{LegalMoves, "every move is an arrow of the diagram, and the audit has no gap", legalMoves},
		{OneLetter, "one letter for one event, under one Message-ID", oneLetter},
		{LetterRecipients, "the registry gets review requests and first-file notices only", letterRecipients},
		{ClearText, "no patient outside of files, file store and registry", clearText},
		{Stuck, "no workflow fails or stands still for a bug", stuck},
	}
}

// Names lists the invariants in the order in which Judge tells of them.
func Names() []string {
	var names []string
	for _, i := range invariants() {
		names = append(names, i.name)
	}
	return append(names, UnknownFile)
}

// Describe is an invariant in words; "" for a name that is none.
func Describe(name string) string {
	for _, i := range invariants() {
		if i.name == name {
			return i.words
		}
	}
	if name == UnknownFile {
		return "every file at the registry is a delivery of ours"
	}
	return ""
}

// maxFindings bounds what is told of one invariant.
const maxFindings = 20

// Judge looks at the world and returns every broken promise. An error means
// that something could not be read, and that nothing was judged.
func Judge(ctx context.Context, w World) ([]Finding, error) {
	j, err := Look(ctx, w)
	return j.Findings, err
}

// Judgement is what a look at a rehearsal came to.
type Judgement struct {
	Findings []Finding
	// Scanned is how many bytes of each kind of place were looked through for
	// patients.
	Scanned map[Sink]int64
}

// Look is [Judge] that also tells how much it looked through.
func Look(ctx context.Context, w World) (Judgement, error) {
	if w.RegistryDir == "" || w.MailDir == "" || w.DatabaseURL == "" || w.Temporal == nil {
		return Judgement{}, errors.New("oracle: registry, mails, database and engine are all needed")
	}
	f, err := gather(ctx, w)
	if err != nil {
		return Judgement{}, fmt.Errorf("oracle: %w", err)
	}
	var all []Finding
	told := map[string]bool{}
	for _, i := range invariants() {
		these := i.judge(f)
		for _, one := range these {
			told[one.about] = true
		}
		all = append(all, tell(i.name, these)...)
	}
	// A file that breaks another promise is told of once.
	var strange []found
	for _, one := range unknownFile(f) {
		if !told[one.about] {
			strange = append(strange, one)
		}
	}
	return Judgement{Findings: append(all, tell(UnknownFile, strange)...), Scanned: f.scan.sinks}, nil
}

func tell(name string, these []found) []Finding {
	var out []Finding
	for n, one := range these {
		if n == maxFindings {
			return append(out, Finding{name, fmt.Sprintf("and %d more", len(these)-n)})
		}
		out = append(out, Finding{name, one.words})
	}
	return out
}
