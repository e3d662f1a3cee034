package cli

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"immtrail/conformance"
	"immtrail/internal/cells"
	"immtrail/registry"
)

// jsonReport prints one document at the end.
type jsonReport struct{ w io.Writer }

func (*jsonReport) finding(string, registry.Finding)        {}
func (*jsonReport) message(string, conformance.MessageFact) {}
func (*jsonReport) wantsMessages() bool                     { return false }
func (*jsonReport) file(*verdict) error                     { return nil }

func (r *jsonReport) end(t *total) error {
	enc := json.NewEncoder(r.w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(t)
}

// hl7Error is the number of table HL70357 that an acknowledgement would carry,
// nil for a rule that has none.
func hl7Error(rule string) *int {
	if r, ok := conformance.Lookup(rule); ok && r.Code != 0 {
		return &r.Code
	}
	return nil
}

// ndjsonLine is one message; message 0 is the file itself, in the last line of
// each file. The names are a promise.
type ndjsonLine struct {
	File      string           `json:"file"`
	Message   int              `json:"message"`
	ControlID string           `json:"control_id"`
	Outcome   registry.Outcome `json:"outcome"`
	Findings  []ndjsonFinding  `json:"findings"`
	// Omitted counts findings of a message that has more than mostOfMessage.
	Omitted int `json:"omitted,omitempty"`
	// Error says why the file could not be read; only in its line of message 0.
	Error string `json:"error,omitempty"`
}

type ndjsonFinding struct {
	Rule     string            `json:"rule"`
	Severity registry.Severity `json:"severity"`
	Location string            `json:"location"`
	Offset   int64             `json:"offset"`
	HL7Error *int              `json:"hl7_error"`
}

// mostOfMessage bounds the memory for the findings of one message. A real one
// has some dozens.
const mostOfMessage = 10_000

// ndjsonReport prints a line for each message as soon as it is judged.
type ndjsonReport struct {
	w     *bufio.Writer
	enc   *json.Encoder
	err   error // the first of writing
	codes map[string]*int
	// message at hand, and the file
	line, whole ndjsonLine
}

func newNDJSON(w io.Writer) *ndjsonReport {
	r := &ndjsonReport{w: bufio.NewWriterSize(w, 64<<10), codes: map[string]*int{}}
	r.enc = json.NewEncoder(r.w)
	r.enc.SetEscapeHTML(false)
	r.line.Findings, r.whole.Findings = []ndjsonFinding{}, []ndjsonFinding{}
	return r
}

func (*ndjsonReport) wantsMessages() bool { return true }

func (r *ndjsonReport) finding(_ string, f registry.Finding) {
	into := &r.line
	if f.Message == 0 {
		into = &r.whole
	}
	if len(into.Findings) == mostOfMessage {
		into.Omitted++
		return
	}
	code, known := r.codes[f.Rule]
	if !known {
		code = hl7Error(f.Rule)
		r.codes[f.Rule] = code
	}
	into.Findings = append(into.Findings, ndjsonFinding{f.Rule, f.Severity, f.Path, f.Offset, code})
}

func (r *ndjsonReport) message(file string, m conformance.MessageFact) {
	r.line.File, r.line.Message, r.line.ControlID, r.line.Outcome = file, m.Ordinal, m.ControlID, m.Outcome
	r.write(&r.line)
}

// write prints a line and makes it ready for the next, keeping its memory.
func (r *ndjsonReport) write(l *ndjsonLine) {
	if r.err == nil {
		r.err = r.enc.Encode(l)
	}
	*l = ndjsonLine{Findings: l.Findings[:0]}
}

func (r *ndjsonReport) file(v *verdict) error {
	r.whole.File, r.whole.Outcome, r.whole.Error = v.File, v.Summary.Outcome, v.Problem
	if v.Problem != "" {
		r.whole.Outcome = registry.OutcomeUnknown
	}
	r.line.Findings, r.line.Omitted = r.line.Findings[:0], 0 // of a message that was cut off by an error of reading
	r.write(&r.whole)
	if err := r.w.Flush(); r.err == nil {
		r.err = err
	}
	return r.err
}

func (r *ndjsonReport) end(*total) error { return r.err }

// csvReport prints a row for each finding as soon as it is made.
type csvReport struct{ w *csv.Writer }

func newCSV(w io.Writer) *csvReport {
	r := &csvReport{w: csv.NewWriter(w)}
	_ = r.w.Write([]string{
		"file", "severity", "rule", "message", "control_id", "place", "line", "offset", "hl7_error", "says", "remedy",
	}) // the writer keeps its first error for Flush
	return r
}

func (*csvReport) message(string, conformance.MessageFact) {}
func (*csvReport) wantsMessages() bool                     { return false }

func (r *csvReport) finding(file string, f registry.Finding) {
	rule, _ := conformance.Lookup(f.Rule)
	code := ""
	if rule.Code != 0 {
		code = strconv.Itoa(rule.Code)
	}
	_ = r.w.Write([]string{
		plain(file), f.Severity.Words(), f.Rule, strconv.Itoa(f.Message), plain(f.ControlID), f.Path,
		strconv.Itoa(f.Line), strconv.FormatInt(f.Offset, 10), code, rule.Says, rule.Remedy,
	}) // as above
}

func (r *csvReport) file(v *verdict) error {
	if v.Problem != "" {
		_ = r.w.Write([]string{plain(v.File), "unreadable", "", "0", "", "", "", "", "", plain(v.Problem), ""}) // as above
	}
	r.w.Flush()
	return r.w.Error()
}

func (r *csvReport) end(*total) error {
	r.w.Flush()
	return r.w.Error()
}

// plain keeps a cell from being taken for a formula.
func plain(cell string) string { return cells.Plain(cell) }
