package hl7

import (
	"bytes"
	"math/bits"
)

// maxSeps is how many field separators of a segment are remembered. No segment
// of HL7 has so many fields; those beyond are found by looking.
const maxSeps = 64

// message reads a message that begins at begins, in one pass over its bytes:
// 64 at a time are turned into one bit each for "field separator", "component
// separator" and "line end or control character", and the bits are walked.
// Those of components are kept: see [Rep].
func (p *Parser) message(begins int) error {
	m := unitBuilder{p: p, first: p.pos, begins: begins, start: begins, lineStart: p.pos}
	m.open(begins)
	by := patterns{
		field: uint64(p.unit.Delims.Field) * ones, component: uint64(p.unit.Delims.Component) * ones,
		repetition: uint64(p.unit.Delims.Repetition) * ones,
	}
	p.comps = p.comps[:0]
	lineFeed := false // the LF of a CRLF is still to come
	for base := begins; base < len(p.data); base += 64 {
		seps, comps, lows, flags := classify((*[64]byte)(p.padded[base:base+64]), &by)
		p.comps = append(p.comps, comps)
		if rest := len(p.data) - base; rest < 64 {
			seps &= 1<<rest - 1
			lows &= 1<<rest - 1
		}
		if lineFeed {
			lows &^= 1
			lineFeed = false
		}
		m.flags |= flags
		for lows != 0 {
			at := bits.TrailingZeros64(lows)
			lows &= lows - 1
			if c := p.padded[base+at]; c != '\r' && c != '\n' {
				m.flags |= flagOdd
				continue
			}
			before := seps & (1<<at - 1)
			seps &^= before
			m.add(before, base)
			next, done, err := m.line(base + at)
			if done || err != nil {
				return err
			}
			if next == base+at+2 { // CRLF
				lows &^= 2 << at
				lineFeed = at == 63
			}
			m.flags = flags
		}
		m.add(seps, base)
	}
	if m.lineStart < len(p.data) {
		if _, done, err := m.line(len(p.data)); done || err != nil {
			return err
		}
	}
	m.close()
	return nil
}

// unitBuilder puts the lines of a message together.
type unitBuilder struct {
	p         *Parser
	first     int // where the message begins, with its framing
	lineStart int // where the line at hand begins, with its framing
	start     int // where its segment begins
	from      int // its first separator in p.seps
	begins    int // where the message begins, without framing
	flags     uint8
	segments  []Segment
	rawEnd    int
}

func (m *unitBuilder) open(begins int) {
	p, u := m.p, &m.p.unit
	p.ordinal++
	p.notes.MLLP += begins - p.pos
	u.Kind, u.Ordinal = KindMessage, p.ordinal
	u.Offset, u.Line = p.offset+int64(begins), p.line
	u.Delims, u.DelimsOK = messageDelims(p.data[begins:])
	u.plain = true
	m.segments = u.Segments[:0]
	p.seps = append(p.seps[:0], beforeHeader)
}

// messageDelims looks at the beginning of MSH.
func messageDelims(b []byte) (Delims, bool) {
	if len(b) > 8 && string(b[3:9]) == `|^~\&|` {
		return StandardDelims, true
	}
	head := b[:min(len(b), 16)]
	switch i := bytes.IndexAny(head, "\r\n\x1c"); {
	case i < 0:
		b = head
	case head[i] != 0x1c:
		b = head[:i]
	default: // framing, if the line ends with it
		if end := bytes.IndexAny(b, "\r\n"); end >= 0 {
			b = b[:end]
		}
		b = bytes.TrimRight(b, "\x1c")
	}
	return parseDelims(b)
}

// add remembers separators: a bit each, for the 64 bytes from base.
func (m *unitBuilder) add(found uint64, base int) {
	if found == 0 {
		return
	}
	seps := m.p.seps
	n := len(seps)
	if n-m.from > maxSeps {
		return // enough of this segment
	}
	if cap(seps)-n < 64 {
		grown := make([]int32, n, 2*cap(seps)+1024)
		copy(grown, seps)
		seps = grown
	}
	room := (*[64]int32)(seps[n : n+64])
	shift := base - m.start
	count := bits.OnesCount64(found)
	for i := 0; i < count; i += 4 { // four at a time: what is too much is overwritten
		four := room[i&60:][:4]
		four[0] = int32(shift + bits.TrailingZeros64(found))
		found &= found - 1
		four[1] = int32(shift + bits.TrailingZeros64(found))
		found &= found - 1
		four[2] = int32(shift + bits.TrailingZeros64(found))
		found &= found - 1
		four[3] = int32(shift + bits.TrailingZeros64(found))
		found &= found - 1
	}
	m.p.seps = seps[:n+count]
}

// line ends the line at hand at end. done says that the message is complete.
func (m *unitBuilder) line(end int) (next int, done bool, err error) {
	p := m.p
	if end-m.lineStart > p.lim.Segment {
		return 0, false, p.tooLong(limitSegment, p.lim.Segment, m.lineStart, p.line)
	}
	if end == m.lineStart || blankLine(p.data[m.lineStart:end]) {
		p.notes.MLLP += end - m.lineStart
		next = p.lineEnd(end)
		if next-m.first > p.lim.Message { // a storm of blank lines is no part of a message
			m.close()
			return next, true, nil
		}
	} else {
		m.segment(end)
		next = p.lineEnd(end)
		if m.start+len(m.segments[len(m.segments)-1].data) == end {
			m.rawEnd = next
		}
		switch {
		case end-m.first > p.lim.Message:
			return 0, false, p.tooLong(limitMessage, p.lim.Message, m.first, p.unit.Line)
		case len(m.segments) > p.lim.Segments:
			return 0, false, p.tooLong(limitSegments, p.lim.Segments, m.first, p.unit.Line)
		}
	}
	m.from, m.lineStart, m.start = len(p.seps), next, next
	if next < len(p.data) {
		// Framing stays in a line unless a header comes after it.
		if _, kind := p.lead(next); kind != 0 {
			m.close()
			return next, true, nil
		}
	}
	return next, false, nil
}

// segment adds the line at hand to the message.
func (m *unitBuilder) segment(end int) {
	p, u := m.p, &m.p.unit
	data := p.trim(m.start, end)
	m.rawEnd = m.start + len(data)
	seps := p.seps[m.from:]
	more := len(seps) > maxSeps
	if more {
		seps = seps[:maxSeps]
	} else {
		p.seps = append(p.seps, int32(len(data)))
		seps = p.seps[m.from:]
	}
	odd := m.flags&flagOdd != 0 && !printable(data)
	if odd {
		u.plain = false
	}
	at := m.start - m.begins
	single := m.flags&flagRepeat == 0
	if len(m.segments) == 0 && len(data) > 9 { // MSH-2 holds every delimiter
		single = bytes.IndexByte(data[9:], u.Delims.Repetition) < 0
	}
	m.segments = append(m.segments, Segment{
		Offset: p.offset + int64(m.start), Line: p.line,
		data: data, seps: seps[:len(seps):len(seps)], delims: &u.Delims,
		header: len(m.segments) == 0, more: more, odd: odd, single: single,
		comps: p.comps[at>>6:], shift: int32(at & 63),
		tag: tagOf(data, u.Delims.Field),
	})
}

func (m *unitBuilder) close() {
	u := &m.p.unit
	u.Segments = m.segments
	u.raw = m.p.data[int(u.Offset-m.p.offset):m.rawEnd]
}

// printable reports whether b is ASCII without control characters other than
// tabs.
func printable(b []byte) bool {
	for _, c := range b {
		if (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}
