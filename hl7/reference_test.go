package hl7_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"immtrail/hl7"
)

// A refUnit is a unit as the slow and plain reader of this file sees it.
type refUnit struct {
	kind          hl7.Kind
	ordinal, line int
	offset        int64
	raw           string
	segments      []refSegment
}

type refSegment struct {
	offset int64
	line   int
	fields []string // from the name on
	plain  bool
}

// reference reads a whole file at once, line after line, with the standard
// library's string functions: everything that the Reader does quickly, done
// plainly. It expects what passed the look at its first bytes.
func reference(data string, lim hl7.Limits) (units []refUnit, notes hl7.Notes, limit string) {
	const bom = "\xef\xbb\xbf"
	at := 0
	if strings.HasPrefix(data, bom) {
		notes.BOM, at = true, len(bom)
	}
	var open *refUnit // the message at hand
	first, line, ordinal := 0, 0, 0
	broken := func(what string, at, line int) string { return fmt.Sprintf("%s %d %d", what, at, line) }
	for at < len(data) {
		line++
		text, end, next := refLine(data, at, &notes)
		if end-at > lim.Segment {
			if kind, _ := refKind(text); open != nil && kind == 0 {
				units = units[:len(units)-1] // the message is not whole
			}
			return units, notes, broken("segment", at, line)
		}
		if strings.Trim(text, "\x0b\x1c") == "" {
			notes.MLLP += len(text)
			if open != nil && next-first > lim.Message {
				open = nil
			}
			at = next
			continue
		}
		kind, begins := refKind(text)
		body := strings.TrimRight(text[begins:], "\x1c")
		notes.MLLP += len(text) - len(body)
		rawEnd := next
		if at+begins+len(body) < end {
			rawEnd = at + begins + len(body)
		}
		if kind != 0 || open == nil {
			u := refUnit{kind: kind, line: line, offset: int64(at + begins)}
			if open = nil; kind == 0 {
				u.kind = hl7.KindStray
			}
			if kind == hl7.KindMessage {
				ordinal++
				u.ordinal = ordinal
			}
			units = append(units, u)
			if kind == hl7.KindMessage {
				open, first = &units[len(units)-1], at
			}
		}
		u := &units[len(units)-1]
		u.segments = append(u.segments, refSegment{
			offset: int64(at + begins), line: line, fields: strings.Split(body, string(refSep(u, body))),
			plain: strings.IndexFunc(body, func(r rune) bool { return (r < ' ' && r != '\t') || r >= 0x7f }) < 0,
		})
		u.raw = data[u.offset:rawEnd]
		if open != nil && end-first > lim.Message {
			return units[:len(units)-1], notes, broken("message", first, u.line)
		}
		if open != nil && len(u.segments) > lim.Segments {
			return units[:len(units)-1], notes, broken("segments in a message", first, u.line)
		}
		at = next
	}
	return units, notes, ""
}

// refLine cuts one line and counts its end.
func refLine(data string, at int, notes *hl7.Notes) (text string, end, next int) {
	n := strings.IndexAny(data[at:], "\r\n")
	switch {
	case n < 0:
		notes.Unterminated = true
		return data[at:], len(data), len(data)
	case strings.HasPrefix(data[at+n:], "\r\n"):
		notes.CRLF++
		return data[at : at+n], at + n, at + n + 2
	case data[at+n] == '\r':
		notes.CR++
	default:
		notes.LF++
	}
	return data[at : at+n], at + n, at + n + 1
}

func refKind(text string) (kind hl7.Kind, begins int) {
	rest := strings.TrimLeft(text, "\x0b\x1c")
	for name, kind := range map[string]hl7.Kind{
		"MSH": hl7.KindMessage, "FHS": hl7.KindFileHeader, "BHS": hl7.KindBatchHeader,
		"BTS": hl7.KindBatchTrailer, "FTS": hl7.KindFileTrailer,
	} {
		if strings.HasPrefix(rest, name) {
			return kind, len(text) - len(rest)
		}
	}
	return 0, 0
}

// refSep is the field separator in force in the unit.
func refSep(u *refUnit, body string) byte {
	if u.kind == hl7.KindStray {
		return '|'
	}
	if len(u.segments) > 0 {
		body = u.raw
	}
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	fit := func(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte(letters, c) < 0 }
	if len(body) < 4 || !fit(body[3]) {
		return '|'
	}
	sep := body[3]
	if u.kind == hl7.KindBatchTrailer || u.kind == hl7.KindFileTrailer {
		return sep
	}
	header := strings.TrimRight(strings.FieldsFunc(body, func(r rune) bool { return r == '\r' || r == '\n' })[0], "\x1c")
	enc, _, _ := strings.Cut(header[4:], string(sep))
	all := []byte{sep, '^', '~', '\\', '&'}
	copy(all[1:], enc)
	for i, c := range all {
		if !fit(c) || bytes.IndexByte(all[:i], c) >= 0 {
			return '|'
		}
	}
	return sep
}

// refShow writes what the Reader makes of the same bytes in the same form.
func refShow(t *testing.T, src io.Reader, lim hl7.Limits) (units []refUnit, notes hl7.Notes, limit string, sniffed bool) {
	t.Helper()
	r := hl7.NewReader(src, lim)
	for {
		u, err := r.Next()
		var format *hl7.FormatError
		var long *hl7.LimitError
		switch {
		case errors.Is(err, io.EOF):
			return units, r.Notes(), "", false
		case errors.Is(err, hl7.ErrEmpty), errors.As(err, &format):
			return nil, hl7.Notes{}, "", true
		case errors.As(err, &long):
			return units, r.Notes(), fmt.Sprintf("%s %d %d", long.What, long.Offset, long.Line), false
		}
		require.NoError(t, err)
		ref := refUnit{kind: u.Kind, ordinal: u.Ordinal, line: u.Line, offset: u.Offset, raw: string(u.Raw())}
		for i := range u.Segments {
			s := &u.Segments[i]
			one := refSegment{offset: s.Offset, line: s.Line, plain: s.Plain(), fields: []string{string(s.Bytes())}}
			if f := bytes.IndexByte(s.Bytes(), u.Delims.Field); f >= 0 {
				one.fields[0] = string(s.Bytes()[:f])
			}
			from := 1
			if u.Kind <= hl7.KindBatchHeader && i == 0 {
				from = 2
			}
			for n := from; n <= s.Fields(); n++ {
				one.fields = append(one.fields, string(s.Field(n)))
			}
			ref.segments = append(ref.segments, one)
		}
		units = append(units, ref)
	}
}

// sameAsReference holds the Reader against the reference, in one read, in
// single bytes and in blocks of random lengths.
func sameAsReference(t *testing.T, data string, lim hl7.Limits) {
	t.Helper()
	want, wantNotes, wantLimit := reference(data, lim)
	for name, src := range map[string]io.Reader{
		"whole": strings.NewReader(data), "single bytes": iotest.OneByteReader(strings.NewReader(data)),
		"halves": iotest.DataErrReader(iotest.HalfReader(strings.NewReader(data))),
	} {
		units, notes, limit, sniffed := refShow(t, src, lim)
		if sniffed {
			continue
		}
		require.Equal(t, wantLimit, limit, name)
		require.Len(t, units, len(want), name)
		for i := range want {
			require.Equal(t, want[i], units[i], name)
		}
		if limit == "" {
			wantNotes.Bytes = int64(len(data))
			require.Equal(t, wantNotes, notes, name)
		}
	}
}

var refLimits = hl7.Limits{Segment: 300, Message: 700, Segments: 12}

// pieces are what hostile and careless files are made of.
var pieces = []string{
	"MSH|^~\\&|A|B\r", "MSH|^~\\&|A\n", "MSH|^~\\&\r\n", "MSH#*!?%#A#B\r", "MSH", "MSHX|1\r", "MSH|^^\\&|\r", "MSH|^~\\&#|a\r", "MSH|\r",
	"FHS|^~\\&|E\r", "BHS#*!?%#E\n", "BTS|2\r", "FTS#1\r\n", "BTS", "PID|1||x^^^y\r", "PID|1\n", "OBX|||||||\r\n", "ZZZ\r",
	"\r", "\n", "\r\n", "\x0b", "\x1c", "\x1c\r", "\x0bMSH|^~\\&|V\r", "\x00", "\x7f", "é", "\xe9", "\t", "|", "^", "\\", "hello\r", "|||||||||||||||||\r",
}

func TestReaderSeesWhatAPlainReaderSees(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 2_000 {
		var b strings.Builder
		if rnd.IntN(4) > 0 {
			b.WriteString("MSH|^~\\&|A\r")
		}
		for range rnd.IntN(40) {
			b.WriteString(strings.Repeat(pieces[rnd.IntN(len(pieces))], 1+rnd.IntN(4)*rnd.IntN(4)))
		}
		sameAsReference(t, b.String(), refLimits)
	}
	t.Run("in files of many blocks", func(t *testing.T) {
		var b strings.Builder
		b.WriteString("MSH|^~\\&|A\r")
		for b.Len() < 1<<20 {
			b.WriteString(strings.Repeat(pieces[rnd.IntN(len(pieces))], 1+rnd.IntN(9)*rnd.IntN(9)))
		}
		sameAsReference(t, b.String(), hl7.Limits{Segment: 1 << 20, Message: 1 << 22, Segments: 20_000})
	})
}

// FuzzReaderAgainstReference holds the Reader against the reference.
func FuzzReaderAgainstReference(f *testing.F) {
	f.Add([]byte(twoMessages))
	for i := range pieces {
		f.Add([]byte("MSH|^~\\&|A\r" + strings.Join(pieces[i:], "")))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameAsReference(t, string(data), refLimits) })
}
