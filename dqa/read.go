package dqa

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"immtrail/dqa/extract"
	"immtrail/hl7"
	"immtrail/registry"
)

// Mapping tells how to read one layout of a report.
type Mapping = registry.ReportMapping

// Options are what reading depends on beside the report itself.
type Options struct {
	// Catalogue is what is known of codes; a code that is not in it is judged
	// by its family and by ERR-4, and named in Summary.NewCodes.
	Catalogue map[string]registry.CatalogueEntry
	// Mappings are the layouts of reports that are known.
	Mappings []Mapping
	// Verdict, where set, is called once for every record, after its items.
	Verdict func(Verdict) error

	// look, where set, takes the rows of a report that is only looked at.
	look func(sheet int, line string, cells []string) error
}

// A Verdict is what became of one record: the worst of its items. The same
// control ID may come again later in a report; the caller then keeps the worst
// (see [Worse]).
type Verdict struct {
	// ControlID is the MSH-10 of ours that is answered; empty where the report
	// does not tell.
	ControlID string
	Outcome   registry.Outcome
	// Ordinal is the record's position in the report, from 1.
	Ordinal int
	// File is the name of our file, where the report tells one that is a plain
	// file name.
	File string
	// FirstItem and LastItem are the ordinals of the record's items.
	FirstItem, LastItem int
}

// Summary is what a report comes to.
type Summary struct {
	Format Format `json:"format"`
	// Mapping is the layout that fitted; empty for acknowledgements and where
	// none did.
	Mapping string `json:"mapping,omitempty"`
	// Records is how many records were answered; the four after it add up to it.
	Records  int `json:"records"`
	Accepted int `json:"accepted"`
	Warned   int `json:"warned"`
	Rejected int `json:"rejected"`
	Unknown  int `json:"unknown"`
	// Items counts everything that was emitted.
	Items int `json:"items"`
	// NotUnderstood counts lines that nobody understands; each is an item.
	NotUnderstood int `json:"not_understood"`
	// Answered are the files of ours that envelopes of acknowledgements tell, by
	// name or control ID, at most 1,000. Such an envelope may hold nothing.
	Answered []string `json:"answered,omitempty"`
	// NewCodes are codes that the catalogue does not have, in the order of
	// their coming, at most 50.
	NewCodes []string `json:"new_codes,omitempty"`
	// Faults say in words what shows that the report is not whole: a missing
	// end, a count that differs.
	Faults []string `json:"faults,omitempty"`
}

const (
	headLen = 64 << 10
	lineMax = 1 << 20
	textMax = 8 << 10
	idMax   = 199 // MSH-10 is at most this long in the CDC guide's Z22
)

// Read reads a report from src and calls emit for every item, in order. Memory
// does not grow with the report; a line may have at most 1 MiB, an
// acknowledgement 16 MiB.
//
// Errors are of kind Invalid when nothing in the report is understood, when it
// is empty, or when it is of a form that is not read: the caller quarantines
// it. Items may have been emitted before an error, so the caller keeps all of
// them or none. What emit and Verdict return is returned as it is.
func Read(ctx context.Context, src io.Reader, opts Options, emit func(registry.ReportItem) error) (Summary, error) {
	br := bufio.NewReaderSize(src, headLen)
	head, err := br.Peek(headLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return Summary{}, sourceError(err)
	}
	if br2 := decoded(br, head); br2 != br {
		if head, err = br2.Peek(headLen); err != nil && !errors.Is(err, io.EOF) {
			return Summary{}, sourceError(err)
		}
		br = br2
	}
	s := &sink{ctx: ctx, opts: opts, emit: emit, sum: Summary{Format: DetectFormat(head)}, news: map[string]bool{}}
	switch s.sum.Format {
	case FormatEmpty:
		return s.sum, refusal("the report is empty", "ask the registry for it anew")
	case FormatACK:
		err = s.readACK(br)
	case FormatText:
		err = s.readText(br, head)
	case FormatHTML:
		err = s.readHTML(br)
	case FormatSpreadsheet:
		err = s.readExtracted(br, extract.XLSX)
	case FormatPDF:
		err = s.readExtracted(br, extract.PDF)
	default:
		return s.sum, refusal("the report is "+string(s.sum.Format), remedies[s.sum.Format])
	}
	if err != nil {
		return s.sum, err
	}
	if s.sum.Records == 0 && s.sum.Mapping == "" && !s.nothingToSay() {
		return s.sum, refusal("no mapping understands this report", "teach its layout: starter report learn FILE")
	}
	return s.sum, nil
}

// nothingToSay reports whether the report is a batch of acknowledgements that is
// whole and empty: a list of bad records of which there are none.
func (s *sink) nothingToSay() bool {
	return s.sum.Format == FormatACK && s.whole && s.sum.Items == 0 && len(s.sum.Faults) == 0
}

const askAnew = "no report has such lines; ask the registry for it anew"

// remedies say what to do about a report of a form that is not read.
var remedies = map[Format]string{
	FormatArchive: "unpack it, and take in what is inside",
	FormatOffice:  "save it as XLSX, or ask the registry for HL7, delimited text, XLSX, HTML or PDF",
	FormatBinary:  "ask the registry for HL7, delimited text, XLSX, HTML or PDF",
}

// refusal is why a report is not read, and what somebody can do about it.
func refusal(why, remedy string) error {
	return registry.Errorf(registry.Invalid, "report", "%s: %s", why, remedy)
}

// tooLong refuses what no reader can hold: a line, a row or a text after so many
// others.
func tooLong(what string, after int) error {
	return refusal(fmt.Sprintf("%s %d is longer than %d MiB", what, after+1, lineMax>>20), askAnew)
}

// sourceError keeps the kind of an error from below and grades the reader's own.
func sourceError(err error) error {
	var (
		known  *registry.Error
		format *hl7.FormatError
		limit  *hl7.LimitError
	)
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &limit):
		return refusal(err.Error(), askAnew)
	case errors.Is(err, hl7.ErrEmpty), errors.As(err, &format):
		return registry.Errorf(registry.Invalid, "report", "%w", err)
	}
	return registry.Errorf(registry.Transient, "report", "reading: %w", err)
}

// sink turns claims into items and verdicts.
type sink struct {
	ctx  context.Context //nolint:containedctx // lives for one call of Read
	opts Options
	emit func(registry.ReportItem) error
	sum  Summary
	news map[string]bool
	rec  *record
	// toApp and toFacility are whom the acknowledgement is addressed to.
	toApp, toFacility string
	// whole says that an envelope of acknowledgements came to its end.
	whole bool
}

// record is the one whose items are being emitted.
type record struct {
	address
	ack     string
	outcome registry.Outcome
	first   int
	items   int
	// seen are the codes, places and outcomes told so far: repeats are one item.
	seen map[[3]string]bool
	// strays came while the record was open and are told after it; an
	// acknowledgement's size bounds them.
	strays []string
}

// address is how a report says which message of ours it means.
type address struct {
	id       string // MSH-10
	file     string
	position int
}

// same reports whether two addresses certainly mean one record.
func (a address) same(b address) bool {
	if a.id != "" || b.id != "" {
		return a.id == b.id
	}
	return a.position > 0 && a == b
}

// begin makes the record at an address the one that items belong to. A record
// goes on over several lines or MSA segments as long as they name the same
// control ID.
func (s *sink) begin(at address, ack string) error {
	at.id = cleanID(at.id)
	if at.file != "" && registry.CheckRemoteName(at.file) != nil {
		at.file = ""
	}
	if s.rec != nil && s.rec.same(at) {
		if rejecting(ack) || s.rec.ack == "" {
			s.rec.ack = ack
		}
		return nil
	}
	if err := s.end(); err != nil {
		return err
	}
	s.rec = &record{address: at, ack: ack, outcome: registry.OutcomeAccepted, first: s.sum.Items + 1}
	return nil
}

// end closes the open record and tells its verdict.
func (s *sink) end() error {
	r := s.rec
	if r == nil {
		return nil
	}
	if r.items == 0 {
		if err := s.put(registry.ReportItem{Outcome: bareAck(r.ack)}); err != nil {
			return err
		}
	}
	if rejecting(r.ack) && !r.outcome.Bad() { // nothing in it explains the refusal
		if err := s.put(registry.ReportItem{Severity: registry.SeverityError, Outcome: registry.OutcomeMessageRejected}); err != nil {
			return err
		}
	}
	s.rec = nil
	s.count(r.outcome)
	if s.opts.Verdict != nil {
		err := s.opts.Verdict(Verdict{
			ControlID: r.id, Outcome: r.outcome, Ordinal: s.sum.Records, File: r.file,
			FirstItem: r.first, LastItem: s.sum.Items,
		})
		if err != nil {
			return err
		}
	}
	for _, line := range r.strays {
		if err := s.stray(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) count(o registry.Outcome) {
	s.sum.Records++
	switch {
	case o.Bad():
		s.sum.Rejected++
	case o == registry.OutcomeUnknown:
		s.sum.Unknown++
	case o == registry.OutcomeWarned:
		s.sum.Warned++
	default:
		s.sum.Accepted++
	}
}

// claim tells one thing about the open record.
func (s *sink) claim(c claim) error {
	outcome, severity := judge(s.opts.Catalogue, c)
	if c.code != "" {
		s.newCode(c.code)
		key := [3]string{c.code, c.location, string(outcome)}
		if s.rec.seen[key] {
			return nil
		}
		if s.rec.seen == nil {
			s.rec.seen = map[[3]string]bool{}
		}
		if len(s.rec.seen) < 1000 { // bounds memory against a hostile record
			s.rec.seen[key] = true
		}
	}
	if outcome == registry.OutcomeUnknown && c.code == "" && c.line != "" {
		c.text = c.line
	}
	return s.put(registry.ReportItem{
		Code: c.code, Family: registry.FamilyOf(c.code), Severity: severity,
		Location: c.location, Outcome: outcome, Text: cleanText(c.text),
	})
}

// put emits an item of the open record.
func (s *sink) put(it registry.ReportItem) error {
	s.rec.items++
	s.rec.outcome = Worse(s.rec.outcome, it.Outcome)
	it.ControlID, it.Ack, it.File, it.Position = s.rec.id, s.rec.ack, s.rec.file, s.rec.position
	it.ToApp, it.ToFacility = s.toApp, s.toFacility
	return s.out(it)
}

// stray emits a line that nobody understands. It answers no record.
func (s *sink) stray(line string) error {
	if s.rec != nil {
		s.rec.strays = append(s.rec.strays, cleanText(line))
		return nil
	}
	s.sum.NotUnderstood++
	return s.out(registry.ReportItem{Line: true, Outcome: registry.OutcomeUnknown, Text: cleanText(line)})
}

func (s *sink) out(it registry.ReportItem) error {
	if s.sum.Items%256 == 0 {
		if err := s.ctx.Err(); err != nil {
			return err
		}
	}
	s.sum.Items++
	it.Ordinal = s.sum.Items
	return s.emit(it)
}

func (s *sink) newCode(code string) {
	if _, known := s.opts.Catalogue[code]; known || s.news[code] || len(s.news) >= 50 {
		return
	}
	s.news[code] = true
	s.sum.NewCodes = append(s.sum.NewCodes, code)
}

// cleanID drops what cannot be an MSH-10 of ours.
func cleanID(id string) string {
	id = strings.TrimSpace(id)
	if len(id) > idMax || !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return id
}

// cleanText bounds a text and makes it storable.
func cleanText(t string) string {
	t = strings.ReplaceAll(strings.ToValidUTF8(t, "\uFFFD"), "\x00", "")
	if len(t) <= textMax {
		return t
	}
	cut := textMax
	for cut > 0 && !utf8.RuneStart(t[cut]) {
		cut--
	}
	return t[:cut]
}
