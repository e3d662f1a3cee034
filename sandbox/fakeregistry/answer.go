package fakeregistry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// reportInfo is what stands at the head of a report.
type reportInfo struct {
	OrgCode string    `json:"org_code"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"` // on the calendar
	// Only is the file that the report is about; nil where it is about a day or
	// a week.
	Only *fileInfo `json:"-"`
}

// fileInfo is a file that a report answers.
type fileInfo struct {
	Name      string `json:"name"`       // as it was received
	ControlID string `json:"control_id"` // FHS-11 of it, or BHS-11
}

// answer writes one report: begin, then for each file its verdicts in the
// order of the file, then end.
type answer interface {
	begin(reportInfo) error
	file(fileInfo) error
	verdict(*verdict) error
	end() error
}

// newAnswer chooses the form that the account gets.
func newAnswer(b Behaviour, w io.Writer) answer {
	var a answer
	switch b.Answer {
	case AnswerDelimited:
		a = newDelimited(w, b.Form)
	case AnswerXLSX, AnswerHTML, AnswerPDF:
		a = &document{w: w, format: b.Answer}
	default:
		a = &ackBatch{w: w, form: b.Form}
	}
	if b.Lists == ListsBadOnly {
		return badOnly{a}
	}
	return a
}

// badOnly leaves out messages about which there is nothing to say.
type badOnly struct{ answer }

func (b badOnly) verdict(v *verdict) error {
	if len(v.Complaints) == 0 {
		return nil
	}
	return b.answer.verdict(v)
}

// endings are those of the reports' names.
var endings = map[string]string{AnswerXLSX: ".xlsx", AnswerHTML: ".xls", AnswerPDF: ".pdf", AnswerDelimited: ".csv"}

func (b Behaviour) ending() string {
	if e, ok := endings[b.Answer]; ok {
		return e
	}
	return ".txt"
}

// writeAnswer lets fill write a report to path, which appears as a whole.
func writeAnswer(path string, b Behaviour, info reportInfo, fill func(answer) error) error {
	return writeStreamed(path, func(w io.Writer) error {
		a := newAnswer(b, w)
		if err := a.begin(info); err != nil {
			return err
		}
		if err := fill(a); err != nil {
			return err
		}
		return a.end()
	})
}

// writeStreamed lets fill write path, which appears as a whole.
func writeStreamed(path string, fill func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".answer-*")
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	w := bufio.NewWriter(f)
	err = fill(w)
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error to tell is the first one
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// zone is that of the registry's office.
var zone = func() *time.Location {
	loc, err := time.LoadLocation("America/Chicago")
	if err != nil {
		return time.FixedZone("CST", -6*60*60)
	}
	return loc
}()

func stamp(t time.Time) string { return t.In(zone).Format("20060102150405-0700") }
