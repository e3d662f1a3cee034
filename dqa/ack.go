package dqa

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"immtrail/hl7"
	"immtrail/registry"
)

// ackLimits bound one acknowledgement. Some registries answer a whole file
// with pairs of MSA and ERR in a single message.
var ackLimits = hl7.Limits{Segment: lineMax, Message: 16 << 20, Segments: 200_000}

// batch keeps count of an envelope.
type batch struct {
	fileOpen, batchOpen bool
	messages, batches   int
	// file is what FHS tells of the file that is answered, of what BHS tells of
	// it or FHS does.
	file, of string
}

// answered is what a header tells of the file that it answers: FHS-12 and
// BHS-12 refer to it, FHS-9 and BHS-9 are a name, perhaps it.
func answered(head *hl7.Segment) string {
	if of := text(head.Field(12)); of != "" {
		return of
	}
	return text(head.Field(9))
}

// names notes the file of ours that an envelope tells, which may hold nothing
// because nothing is wrong with the file.
func (s *sink) names(file string) {
	const most = 1000
	if file != "" && registry.CheckRemoteName(file) == nil && len(s.sum.Answered) < most && !slices.Contains(s.sum.Answered, file) {
		s.sum.Answered = append(s.sum.Answered, file)
	}
}

func (s *sink) readACK(src io.Reader) error {
	r := hl7.NewReader(src, ackLimits)
	var b batch
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sourceError(err)
		}
		if err := s.unit(u, &b); err != nil {
			return err
		}
	}
	if b.batchOpen {
		s.fault("the end of a batch (BTS) is missing")
	}
	if b.fileOpen {
		s.fault("the end of the file (FTS) is missing")
	}
	return nil
}

func (s *sink) unit(u *hl7.Unit, b *batch) error {
	head := &u.Segments[0]
	switch u.Kind {
	case hl7.KindFileHeader:
		if b.fileOpen {
			s.fault("the end of the file (FTS) is missing")
		}
		*b = batch{fileOpen: true, file: answered(head)}
		b.of = b.file
		s.names(b.file)
	case hl7.KindBatchHeader:
		if b.batchOpen {
			s.fault("the end of a batch (BTS) is missing")
		}
		b.batchOpen, b.messages = true, 0
		b.batches++
		if b.of = answered(head); b.of == "" {
			b.of = b.file
		}
		s.names(b.of)
	case hl7.KindBatchTrailer:
		s.compare("batch", head.Field(1), b.messages)
		b.batchOpen, b.messages, b.of = false, 0, b.file
		s.whole = true
	case hl7.KindFileTrailer:
		s.compare("file", head.Field(1), b.batches)
		s.whole = true
		*b = batch{}
	case hl7.KindStray:
		return s.loose(text(head.Bytes()))
	case hl7.KindMessage:
		b.messages++
		return s.message(u, b.of)
	}
	return nil
}

// compare holds a trailer's count, where it has one, against what came.
func (s *sink) compare(what string, said []byte, got int) {
	n, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err == nil && n != got && (what != "file" || got != 0) {
		s.fault(fmt.Sprintf("the %s says that it holds %d and holds %d", what, n, got))
	}
}

// fault notes that a report is not whole, at most twenty times.
func (s *sink) fault(words string) {
	if len(s.sum.Faults) < 20 {
		s.sum.Faults = append(s.sum.Faults, words)
	}
}

// message reads one ACK with its pairs of MSA and ERR.
func (s *sink) message(u *hl7.Unit, file string) error {
	s.toApp, s.toFacility = system(u, 5), system(u, 6)
	answered := false
	for i := range u.Segments {
		seg := &u.Segments[i]
		var err error
		switch string(seg.Name()) {
		case "MSH", "SFT", "UAC", "DSC":
		case "MSA":
			answered = true
			err = s.begin(address{id: text(seg.Field(2)), file: file}, strings.ToUpper(text(seg.Field(1))))
			if err == nil {
				err = s.msaText(text(hl7.Unescape(seg.Field(3), u.Delims)))
			}
		case "ERR":
			if s.rec == nil {
				err = s.begin(address{file: file}, "")
			}
			answered = true
			if err == nil {
				err = s.errSegment(seg, u.Delims)
			}
		default:
			err = s.loose(text(seg.Bytes()))
		}
		if err != nil {
			return err
		}
	}
	if !answered {
		return s.stray(text(u.Segments[0].Bytes()))
	}
	return s.end()
}

// system is the name of a system in MSH: its first component.
func system(u *hl7.Unit, field int) string {
	name := text(u.Segments[0].Field(field))
	if i := strings.IndexByte(name, u.Delims.Component); i >= 0 {
		name = name[:i]
	}
	return cleanID(name)
}

// msaText reads MSA-3, where older systems put their sentence.
func (s *sink) msaText(t string) error {
	if t == "" {
		return nil
	}
	if codes := splitCodes(t); len(codes) > 0 {
		return s.told(codes, claim{})
	}
	if out := rejectingWords(t); out != "" {
		return s.claim(claim{text: t})
	}
	return nil
}

// errSegment reads one ERR of HL7 2.5 or, where only ERR-1 is valued, of 2.3.
func (s *sink) errSegment(seg *hl7.Segment, d hl7.Delims) error {
	c := claim{
		severity:  severityWord(text(seg.Field(4))),
		condition: text(seg.Component(3, 1)),
	}
	for _, rep := range seg.Reps(2) {
		if c.location = errLocation(rep); c.location != "" {
			break
		}
	}
	if c.location == "" {
		c.location = errLocation(seg.Rep(1))
	}
	// A sentence with an unescaped separator spills over: the whole line is last.
	for _, field := range [][]byte{
		seg.Field(8), seg.Field(7), seg.Field(5), seg.Field(3), seg.Field(1), seg.Bytes(),
	} {
		t := text(hl7.Unescape(field, d))
		if codes := splitCodes(t); len(codes) > 0 {
			return s.told(codes, c)
		}
		if c.text == "" {
			c.text = t
		}
	}
	return s.claim(c)
}

// told makes one claim of each code. Where several are clumped in one place,
// one severity is given for all of them, and a sentence that says "Warning."
// of itself is believed.
func (s *sink) told(codes []told, c claim) error {
	given, status := c.severity, c.status
	for _, t := range codes {
		c.code, c.text, c.severity, c.status = t.code, t.text, given, status
		if len(codes) > 1 && status.Bad() && rejectsBeside(codes, t.code) {
			c.status = "" // the other code is why
		}
		if len(codes) > 1 && given == registry.SeverityError && rejectsBeside(codes, t.code) {
			c.severity = orSeverity(severityOfText(t.text), given)
		}
		if err := s.claim(c); err != nil {
			return err
		}
	}
	return nil
}

// rejectsBeside reports whether a code other than code explains the severity E.
func rejectsBeside(codes []told, code string) bool {
	for _, t := range codes {
		if t.code != code && registry.FamilyOf(t.code).Outcome().Bad() {
			return true
		}
	}
	return false
}

// loose reads a line that is no segment of an acknowledgement: it may still
// hold a code, and then it belongs to the open record.
func (s *sink) loose(line string) error {
	codes := splitCodes(line)
	if len(codes) == 0 {
		if blank(line) {
			return nil
		}
		return s.stray(line)
	}
	if s.rec != nil {
		return s.told(codes, claim{})
	}
	if err := s.begin(address{}, ""); err != nil {
		return err
	}
	if err := s.told(codes, claim{}); err != nil {
		return err
	}
	return s.end()
}

// blank reports whether a line holds no letter and no digit: a ruler.
func blank(line string) bool {
	for i := range len(line) {
		if isAlnum(line[i]) || line[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
