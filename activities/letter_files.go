package activities

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/internal/cells"
	"immtrail/notify"
	"immtrail/registry"
)

// maxFaults bounds the table that goes with the letter about a refused file.
const maxFaults = 2000

// reviewRequest lists the evidence: the test files that count, with how the
// registry's answer on each is known.
func (w *writer) reviewRequest(ctx context.Context) error {
	rules := GateRulesOf(w.profile.Policy)
	if w.in.Gate != nil {
		rules = *w.in.Gate
	}
	story, err := TellGate(ctx, w.DB, w.profile, w.in.Practice, rules, w.date)
	if err != nil {
		return err
	}
	shown, ids := map[string]GateVerdict{}, []string{}
	for _, v := range story.Verdicts {
		f := v.File
		// What was sent in spite of our check does not count, and is not hidden.
		anyway := f.Anyway != "" && f.Sent > 0 && f.Answered >= f.Sent && !v.Bad && !f.Before
		if v.Counts || anyway {
			shown[f.ID] = v
			ids = append(ids, f.ID)
		}
	}
	files, err := w.DB.LetterFiles(ctx, w.in.Practice, ids)
	if err != nil {
		return err
	}
	w.data.Needed = rules.Min
	for _, f := range files {
		w.data.Files = append(w.data.Files, evidence(f, shown[f.ID]))
	}
	if w.data.Words != "" {
		return nil
	}
	words, err := w.DB.ReviewWords(ctx, w.in.Practice)
	w.data.Words = words.Words
	return err
}

// evidence is a file of the review, with how its answer is known.
func evidence(f db.LetterFile, v GateVerdict) registry.LetterFile {
	out := letterFile(f)
	switch v.By {
	case ByEmail:
		out.Result, out.Report = "error-free, by your email of "+v.File.MailDate, ""
	case BySilence:
		out.Result, out.Report = v.Because+" (no report and no email)", ""
	case ByReport:
	}
	return out
}

// fileRefused tells the EHR vendor what is wrong with a file: the most frequent
// causes as text, every place as a table.
func (w *writer) fileRefused(ctx context.Context) error {
	f, err := w.DB.LetterFile(ctx, w.in.Practice, w.in.FileID)
	if err != nil {
		return err
	}
	file := letterFile(f)
	w.data.What = "was rejected by the registry"
	switch {
	case f.Delivered == nil:
		w.data.What = "was not sent"
		file.Result = "our check found " + amount(f.Errors, "error", "errors")
	case f.Rejected > 0:
		file.Result = fmt.Sprintf("%d of %s have errors", f.Rejected, amount(f.Messages, "message", "messages"))
	default:
		file.Result = "it found errors"
	}
	file.Refused = 0 // the result says it
	w.data.Files = []registry.LetterFile{file}
	causes, err := w.DB.FileCauses(ctx, w.in.FileID, maxCauses)
	if err != nil {
		return err
	}
	for _, c := range causes {
		w.data.Causes = append(w.data.Causes, w.cause(c))
	}
	faults, err := w.DB.FileFaults(ctx, w.in.FileID, maxFaults)
	if err != nil || len(faults) == 0 {
		return err
	}
	w.attachment, err = w.faultTable(faults)
	return err
}

// faultHead is the head of the table of a refused file.
var faultHead = []string{"found by", "code", "severity", "message", "line", "place", "meaning", "remedy"}

// faultTable has one line a place, and not one value.
func (w *writer) faultTable(faults []db.LetterFault) (*notify.Attachment, error) {
	var b strings.Builder
	out := csv.NewWriter(&b)
	out.UseCRLF = true // RFC 4180
	err := out.Write(faultHead)
	for _, f := range faults {
		c := w.cause(db.LetterCause{Rule: f.Rule, Severity: f.Severity, Path: f.Path})
		by := "our check"
		if f.Registry {
			by = "registry"
		}
		err = errors.Join(err, out.Write([]string{
			by, cells.Plain(c.Rule), c.Severity, numberOrNone(f.Message), numberOrNone(f.Line), cells.Plain(c.Place),
			cells.Plain(c.Meaning), cells.Plain(c.Remedy),
		}))
	}
	out.Flush()
	if err := errors.Join(err, out.Error()); err != nil {
		return nil, registry.Errorf(registry.Invalid, "letter", "the table of faults: %w", err)
	}
	text := b.String()
	if len(text) > notify.MaxAttachment { // many long remedies: whole lines only
		text = text[:strings.LastIndex(text[:notify.MaxAttachment], "\r\n")+2]
	}
	return &notify.Attachment{Name: w.in.FileID + "-faults.csv", Text: text}, nil
}

func numberOrNone(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// cause explains a rule of our checker or a code of the registry.
func (w *writer) cause(c db.LetterCause) registry.LetterCause {
	out := registry.LetterCause{Rule: c.Rule, Severity: c.Severity.Words(), Count: c.Count}
	if c.Message > 0 {
		out.Place = fmt.Sprintf("message %d", c.Message)
	}
	if c.Path != "" {
		if out.Place != "" {
			out.Place += ", "
		}
		out.Place += c.Path
	}
	if rule, ok := conformance.Lookup(c.Rule); ok {
		out.Meaning, out.Remedy = rule.Says, rule.Remedy
		return out
	}
	entry, known := w.Catalogue[c.Rule]
	out.Meaning, out.Remedy = entry.Meaning, entry.Remedy
	if !known {
		out.Rule = cmp.Or(c.Rule, "no code")
		out.Meaning = "The registry refused it; what this code means is not public."
	}
	return out
}
