package hl7

import (
	"encoding/binary"
	"math/bits"
)

// maxSeps is how many field separators of a segment are remembered. No segment
// of HL7 has so many fields; those beyond are found by looking.
const maxSeps = 64

// message reads a message that begins at begins, in one pass over its bytes:
// 64 at a time are turned into one bit each for "field separator" and for
// "line end or control character", and the bits are walked.
func (p *Parser) message(begins int) error {
	m := unitBuilder{p: p, first: p.pos, start: begins, lineStart: p.pos}
	m.open(begins)
	sep := uint64(p.unit.Delims.Field) * ones
	lineFeed := false // the LF of a CRLF is still to come
	for base := begins; base < len(p.data); base += 64 {
		seps, lows, highs := classify((*[64]byte)(p.padded[base:base+64]), sep)
		if rest := len(p.data) - base; rest < 64 {
			seps &= 1<<rest - 1
			lows &= 1<<rest - 1
		}
		if lineFeed {
			lows &^= 1
			lineFeed = false
		}
		m.odd = m.odd || highs
		for lows != 0 {
			at := bits.TrailingZeros64(lows)
			lows &= lows - 1
			if c := p.padded[base+at]; c != '\r' && c != '\n' {
				m.odd = true
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
			m.odd = highs
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

const (
	ones   = 0x0101010101010101
	tops   = 0x8080808080808080
	gather = 0x0102040810204080 // moves the lowest bit of each byte into the highest byte
)

// classify gives one bit for each of 64 bytes: which are the separator, and
// which are below the blank; and whether any may be 0x7f or above.
func classify(b *[64]byte, sep uint64) (seps, lows uint64, highs bool) {
	var high uint64
	for i := 0; i < 64; i += 8 {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		low7 := x &^ tops
		high |= x | (low7 + ones)
		low := ^((low7 + 0x60*ones) | x) & tops
		y := x ^ sep
		eq := ^(((y &^ tops) + 0x7f*ones) | y) & tops
		seps |= (eq >> 7) * gather >> 56 << i
		lows |= (low >> 7) * gather >> 56 << i
	}
	return seps, lows, high&tops != 0
}

// unitBuilder puts the lines of a message together.
type unitBuilder struct {
	p         *Parser
	first     int  // where the message begins, with its framing
	lineStart int  // where the line at hand begins, with its framing
	start     int  // where its segment begins
	from      int  // its first separator in p.seps
	odd       bool // the line may hold other bytes than printable ASCII
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
	p.seps = p.seps[:0]
}

// messageDelims looks at the beginning of MSH.
func messageDelims(b []byte) (Delims, bool) {
	if len(b) > 8 && string(b[3:9]) == `|^~\&|` {
		return StandardDelims, true
	}
	b = b[:min(len(b), 16)]
	for i, c := range b {
		if lineEnd(c) || c == 0x1c {
			b = b[:i]
			break
		}
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
	room := seps[n : n+64]
	shift := base - m.start
	i := 0
	for ; found != 0; i++ {
		room[i&63] = int32(shift + bits.TrailingZeros64(found))
		found &= found - 1
	}
	m.p.seps = seps[:n+i]
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
	odd := m.odd && !printable(data)
	if odd {
		u.plain = false
	}
	m.segments = append(m.segments, Segment{
		Offset: p.offset + int64(m.start), Line: p.line,
		data: data, seps: seps[:len(seps):len(seps)], delims: &u.Delims,
		header: len(m.segments) == 0, more: more, odd: odd,
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
