package hl7

import (
	"bytes"
	"math/bits"
)

// message reads a message that begins at begins, in one pass over its bytes: 64
// at a time are turned into one bit each for "line end or control character",
// and the bits are walked. Where the fields of its segments lie is looked up
// when somebody asks, since many are the same as in the message before: see
// [Segment.index].
func (p *Parser) message(begins int) error {
	m := unitBuilder{p: p, first: p.pos, begins: begins, start: begins, lineStart: p.pos}
	m.open(begins)
	lineFeed := false // the LF of a CRLF is still to come
	for base := begins; base < len(p.data); base += 64 {
		lows, odd := controls((*[64]byte)(p.padded[base : base+64]))
		if rest := len(p.data) - base; rest < 64 {
			lows &= 1<<rest - 1
		}
		if lineFeed {
			lows &^= 1
			lineFeed = false
		}
		m.odd = m.odd || odd
		for lows != 0 {
			at := bits.TrailingZeros64(lows)
			lows &= lows - 1
			if c := p.padded[base+at]; c != '\r' && c != '\n' {
				m.odd = true
				continue
			}
			next, done, err := m.line(base + at)
			if done || err != nil {
				return err
			}
			if next == base+at+2 { // CRLF
				lows &^= 2 << at
				lineFeed = at == 63
			}
			m.odd = odd
		}
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
	first     int  // where the message begins, with its framing
	lineStart int  // where the line at hand begins, with its framing
	start     int  // where its segment begins
	begins    int  // where the message begins, without framing
	odd       bool // the line may have other bytes than printable ASCII
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
	p.unindexed()
}

// messageDelims looks at the beginning of MSH.
func messageDelims(b []byte) (Delims, bool) {
	if len(b) > 8 && string(b[3:8]) == `|^~\&` && (b[8] == '|' || lineEnd(b[8])) {
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

// line ends the line at hand at end. done says that the message is complete.
func (m *unitBuilder) line(end int) (next int, done bool, err error) {
	p := m.p
	if end-m.lineStart > p.lim.Segment {
		return 0, false, p.tooLong(limitSegment, p.lim.Segment, m.lineStart, p.line)
	}
	if end == m.lineStart || framing(p.data[m.lineStart]) && blankLine(p.data[m.lineStart:end]) {
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
	m.lineStart, m.start = next, next
	if next < len(p.data) && mayLead(p.data[next]) {
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
	odd := m.odd && !printable(data)
	if odd {
		u.plain = false
	}
	m.segments = append(m.segments, Segment{
		Offset: p.offset + int64(m.start), Line: p.line,
		data: data, parser: p, tag: tagOf(data, u.Delims.Field),
		header: len(m.segments) == 0, odd: odd,
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
