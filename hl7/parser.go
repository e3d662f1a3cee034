package hl7

import (
	"bytes"
	"io"
)

// A Parser takes a block apart into units. It is not safe for concurrent use.
type Parser struct {
	lim Limits

	data   []byte // of the block
	padded []byte // data with padding behind
	pos    int    // where the next unit is looked for
	offset int64  // of data[0] in the stream
	line   int    // at pos
	err    error  // sticky

	unit    Unit
	ordinal int
	by      patterns // the delimiters of the unit
	seps    []int32  // of its segments, one after another: see Segment
	comps   []uint64
	notes   Notes
}

// NewParser has no block yet: see [Parser.Reset].
func NewParser(lim Limits) *Parser { return &Parser{lim: lim.orDefaults(), line: 1} }

// Reset begins a block that comes after the given numbers of lines and
// messages in the stream. Notes begin anew.
func (p *Parser) Reset(b *Block, lines, messages int) {
	p.data, p.padded, p.offset = b.Data, b.buf, b.Offset
	p.pos, p.line, p.ordinal, p.err = 0, lines+1, messages, nil
	p.notes = Notes{}
}

// Notes returns what was seen of the block so far. Bytes count from the
// beginning of the stream.
func (p *Parser) Notes() Notes {
	n := p.notes
	n.Bytes = p.offset + int64(p.pos)
	return n
}

// Lines and Messages are how many the stream has up to where the parser is.
func (p *Parser) Lines() int { return p.line - 1 }

// Messages is described at [Parser.Lines].
func (p *Parser) Messages() int { return p.ordinal }

// Next returns the next unit, valid until the next call, or io.EOF at the end
// of the block. The only other error is a [*LimitError].
func (p *Parser) Next() (*Unit, error) {
	if p.err != nil {
		return nil, p.err
	}
	if p.err = p.next(); p.err != nil {
		return nil, p.err
	}
	return &p.unit, nil
}

func (p *Parser) next() error {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case '\r', '\n':
			p.lineEnd(p.pos)
			continue
		}
		begins, kind := p.lead(p.pos)
		if kind == KindMessage {
			return p.message(begins)
		}
		found, err := p.single(begins, kind)
		if found || err != nil {
			return err
		}
	}
	return io.EOF
}

// lead skips framing before a header segment. Other lines begin where they
// begin.
func (p *Parser) lead(at int) (begins int, kind Kind) {
	begins = at
	for begins < len(p.data) && framing(p.data[begins]) {
		begins++
	}
	if kind = kindOf(p.data[begins:]); kind == 0 {
		return at, 0
	}
	return begins, kind
}

// mayLead reports whether a header segment, or framing before it, can begin
// with c.
func mayLead(c byte) bool { return c == 'M' || c == 'F' || c == 'B' || framing(c) }

// single reads a unit of one line: an envelope segment or a stray line. A line
// of framing only is none.
func (p *Parser) single(begins int, kind Kind) (found bool, err error) {
	u := &p.unit
	end := len(p.data)
	if n := bytes.IndexAny(p.data[p.pos:min(len(p.data), p.pos+p.lim.Segment+1)], "\r\n"); n >= 0 {
		end = p.pos + n
	}
	if end-p.pos > p.lim.Segment {
		return false, p.tooLong(limitSegment, p.lim.Segment, p.pos, p.line)
	}
	if blankLine(p.data[p.pos:end]) {
		p.notes.MLLP += end - p.pos
		p.lineEnd(end)
		return false, nil
	}
	u.Ordinal, u.Line, u.Offset = 0, p.line, p.offset+int64(begins)
	p.notes.MLLP += begins - p.pos
	line := p.trim(begins, end)
	u.Kind, u.Delims, u.DelimsOK = kind, StandardDelims, true
	switch kind {
	case KindFileHeader, KindBatchHeader:
		u.Delims, u.DelimsOK = parseDelims(line)
	case KindBatchTrailer, KindFileTrailer:
		if len(line) > 3 && delimiter(line[3]) { // a trailer names no other
			u.Delims.Field = line[3]
		}
	default:
		u.Kind = KindStray
	}
	p.unindexed()
	u.Segments = append(u.Segments[:0], Segment{
		Offset: u.Offset, Line: u.Line, data: line, parser: p, tag: tagOf(line, u.Delims.Field),
		header: kind == KindFileHeader || kind == KindBatchHeader, odd: !printable(line),
	})
	next := p.lineEnd(end)
	u.raw = p.data[begins:next]
	if begins+len(line) < end {
		u.raw = line // framing came where the line end should be
	}
	return true, nil
}

// trim cuts framing off the end of a line.
func (p *Parser) trim(begins, end int) []byte {
	for end > begins && p.data[end-1] == 0x1c {
		end--
		p.notes.MLLP++
	}
	return p.data[begins:end]
}

// lineEnd takes note of the line end at end, or of its absence, and moves on.
func (p *Parser) lineEnd(end int) (next int) {
	p.line++
	next = end + 1
	switch {
	case end >= len(p.data):
		p.notes.Unterminated = true
		next = len(p.data)
	case p.data[end] == '\n':
		p.notes.LF++
	case next < len(p.data) && p.data[next] == '\n':
		p.notes.CRLF++
		next++
	default:
		p.notes.CR++
	}
	p.pos = next
	return next
}

func (p *Parser) tooLong(what string, limit, at, line int) error {
	return &LimitError{What: what, Max: limit, Offset: p.offset + int64(at), Line: line}
}
