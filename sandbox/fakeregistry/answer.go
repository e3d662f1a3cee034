package fakeregistry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"immtrail/registry"
)

// answerInfo is what a report says about the file that it answers.
type answerInfo struct {
	orgCode   string
	name      string // of the file that was received
	controlID string // FHS-11 of it, or BHS-11
	reportID  string
	at        time.Time // on the calendar
	lane      registry.Lane
}

// answer writes one report. Verdicts come in the order of the file.
type answer interface {
	begin(answerInfo) error
	verdict(*verdict) error
	end() error
}

// newAnswer chooses the form that the account gets.
func newAnswer(b Behaviour, w io.Writer) answer {
	var a answer = &ackBatch{w: w}
	if b.Answer == AnswerDelimited {
		a = newDelimited(w)
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

// writeAnswer lets fill write a report to path, which appears as a whole.
func writeAnswer(path string, b Behaviour, info answerInfo, fill func(answer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".answer-*")
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	w := bufio.NewWriter(f)
	a := newAnswer(b, w)
	err = a.begin(info)
	if err == nil {
		err = fill(a)
	}
	if err == nil {
		err = a.end()
	}
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error to tell is the first one
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}

// ackBatch writes a batch of acknowledgements in the way ImmTrac2 does: AE for
// a mere warning, the code and its text in ERR-8.
type ackBatch struct {
	w     io.Writer
	info  answerInfo
	count int
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

func (a *ackBatch) line(fields ...string) error {
	_, err := io.WriteString(a.w, strings.TrimRight(strings.Join(fields, "|"), "|")+"\r")
	return err
}

func (a *ackBatch) begin(info answerInfo) error {
	a.info = info
	// FHS-9 names the file that is answered, FHS-12 its control ID.
	head := func(id string) error {
		return a.line(id, `^~\&`, "ImmTrac24.16", "TEXIIS", "", info.orgCode, stamp(info.at), "",
			info.name, info.reportID, info.reportID, info.controlID)
	}
	return errors.Join(head("FHS"), head("BHS"))
}

func (a *ackBatch) verdict(v *verdict) error {
	a.count++
	id := v.ControlID
	if v.Ordinal == 0 {
		id = a.info.controlID
	}
	own, processing := id, v.Processing
	if own == "" {
		own = fmt.Sprintf("%s-%d", a.info.reportID, a.count)
	}
	if processing == "" {
		processing = "P"
	}
	err := errors.Join(
		a.line("MSH", `^~\&`, "ImmTrac24.16", "TEXIIS", "", a.info.orgCode, stamp(a.info.at), "",
			"ACK^V04^ACK", own, processing, "2.5.1", "", "", "NE", "NE", "", "", "", "",
			"Z23^CDCPHINVS", "TEXIIS", a.info.orgCode),
		a.line("MSA", v.ack(), id))
	for _, c := range v.Complaints {
		err = errors.Join(err, a.complaint(c))
	}
	return err
}

func (a *ackBatch) complaint(c complaint) error {
	kind, special := condition[c.Code]
	switch {
	case c.Missing:
		kind = "101^Required field missing"
	case c.family() == registry.FamilyFile:
		kind = "100^Segment sequence error"
	case !special:
		kind = "102^Data type error"
	}
	return a.line("ERR", "", c.place(), kind+"^HL70357", string(c.Severity), "4^Invalid value^HL70533", "", "",
		c.Code+"::"+c.Text)
}

// condition is ERR-3 (table HL70357) of the codes that have one of their own.
var condition = map[string]string{
	"MER-902": "205^Duplicate key identifier",
	"MER-903": "202^Unsupported processing id",
	"MER-904": "200^Unsupported message type",
	"MER-905": "203^Unsupported version id",
}

// place is ERR-2. Like ImmTrac2's it counts a whole segment as field 0, after
// an empty occurrence where there is only one.
func (c complaint) place() string {
	occurrence := ""
	if c.Occurrence > 0 {
		occurrence = strconv.Itoa(c.Occurrence)
	}
	return fmt.Sprintf("%s^%s^%d", c.Segment, occurrence, c.Field)
}

func (a *ackBatch) end() error {
	return errors.Join(a.line("BTS", strconv.Itoa(a.count)), a.line("FTS", "1"))
}
