package fakeregistry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxSegment bounds one segment; the registry refuses a file with a longer one.
const maxSegment = 1 << 20

var errSegmentTooLong = errors.New("a segment is longer than 1 MiB")

// segment is one line of a file, split at the field separator and no further.
type segment []string

func (s segment) id() string { return s[0] }

// header reports whether the segment's first field is the separator itself, so
// that field numbers are shifted by one.
func (s segment) header() bool {
	return s.id() == "MSH" || s.id() == "FHS" || s.id() == "BHS"
}

// field is field n (from 1), with all of its repetitions.
func (s segment) field(n int) string {
	if s.header() {
		if n == 1 {
			return "|"
		}
		n--
	}
	if n >= len(s) {
		return ""
	}
	return strings.TrimSpace(s[n])
}

// repeats are the repetitions of field n; none where it is empty.
func (s segment) repeats(n int) []string {
	f := s.field(n)
	if f == "" {
		return nil
	}
	return strings.Split(f, "~")
}

// part is component c (from 1) of the first repetition of field n.
func (s segment) part(n, c int) string {
	first, _, _ := strings.Cut(s.field(n), "~")
	return component(first, c)
}

func component(value string, c int) string {
	parts := strings.Split(value, "^")
	if c > len(parts) {
		return ""
	}
	return strings.TrimSpace(parts[c-1])
}

// day is the day that a date or a time of HL7 starts with, and whether the
// calendar has it.
func day(value string) (string, bool) {
	if len(value) < 8 {
		return "", false
	}
	d := value[:8]
	for _, r := range d {
		if r < '0' || r > '9' {
			return "", false
		}
	}
	return d, realDay(d)
}

// segmentReader cuts a file into segments. CR, LF and CRLF all end one; blank
// lines are skipped.
type segmentReader struct {
	in   *bufio.Reader
	line []byte
}

func newSegmentReader(r io.Reader) *segmentReader {
	return &segmentReader{in: bufio.NewReaderSize(r, 64<<10)}
}

// next returns the text of the next segment, valid until the call after it.
// It returns io.EOF at the end and errSegmentTooLong.
func (r *segmentReader) next() ([]byte, error) {
	r.line = r.line[:0]
	for {
		b, err := r.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(r.line) > 0:
			return r.line, nil
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("read segment: %w", err)
		case b != '\r' && b != '\n':
			if len(r.line) == maxSegment {
				return nil, errSegmentTooLong
			}
			r.line = append(r.line, b)
		case len(r.line) > 0:
			return r.line, nil
		}
	}
}

func parseSegment(text []byte) segment { return strings.Split(string(text), "|") }

// kind is the first three bytes of a segment's text.
func kind(text []byte) string { return string(text[:min(3, len(text))]) }

// message is one MSH and what follows it.
type message struct {
	// ordinal is the position in the file, from 1.
	ordinal  int
	segments []segment
}

// first is the first segment called id, or nil.
func (m *message) first(id string) segment {
	for _, s := range m.segments {
		if s.id() == id {
			return s
		}
	}
	return nil
}

// dose is one vaccination of a message: its order and what belongs to it.
type dose struct {
	// ordinal is the number of the RXA in the message, from 1.
	ordinal int
	orc     segment
	rxa     segment
}

// doses pairs each RXA with the ORC before it.
func (m *message) doses() []dose {
	var all []dose
	var orc segment
	for _, s := range m.segments {
		switch s.id() {
		case "ORC":
			orc = s
		case "RXA":
			all = append(all, dose{ordinal: len(all) + 1, orc: orc, rxa: s})
			orc = nil
		}
	}
	return all
}

// eachMessage calls judge for each message of a file, in order, holding one
// message at a time.
func eachMessage(r io.Reader, judge func(*message) error) error {
	segments := newSegmentReader(r)
	var current *message
	count := 0
	flush := func() error {
		if current == nil {
			return nil
		}
		done := current
		current = nil
		return judge(done)
	}
	for {
		text, err := segments.next()
		if errors.Is(err, io.EOF) {
			return flush()
		}
		if err != nil {
			return err
		}
		switch kind(text) {
		case "MSH":
			if err := flush(); err != nil {
				return err
			}
			count++
			current = &message{ordinal: count, segments: []segment{parseSegment(text)}}
		case "FHS", "BHS", "BTS", "FTS":
			if err := flush(); err != nil {
				return err
			}
		default:
			if current != nil {
				current.segments = append(current.segments, parseSegment(text))
			}
		}
	}
}
