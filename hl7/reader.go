package hl7

import (
	"bytes"
	"errors"
	"io"
)

// Limits bound what a reader keeps in memory. Zero values mean the defaults.
type Limits struct {
	// Segment is the longest segment in bytes; 1 MiB by default.
	Segment int
	// Message is the longest message in bytes; 16 MiB by default.
	Message int
	// Segments is how many segments a message may have; 20,000 by default.
	Segments int
}

func (l Limits) orDefaults() Limits {
	if l.Segment <= 0 {
		l.Segment = 1 << 20
	}
	if l.Message <= 0 {
		l.Message = 16 << 20
	}
	if l.Segments <= 0 {
		l.Segments = 20_000
	}
	return l
}

// Notes are what a reader saw of the stream's outer form.
type Notes struct {
	// CR, LF and CRLF count line ends by their kind.
	CR, LF, CRLF int
	// BOM is a UTF-8 byte order mark at the beginning.
	BOM bool
	// MLLP counts framing bytes of the minimal lower layer protocol (VT before
	// a message, FS after it), which belong on a wire and not in a file.
	MLLP int
	// Unterminated means that the last line has no end.
	Unterminated bool
	// Bytes is how much has been read so far.
	Bytes int64
}

const chunk = 64 << 10

// span is a line of the unit being read, relative to the unit's beginning.
type span struct {
	start, end, next, line int
	frames                 int // MLLP bytes around it
}

// A Reader reads units from a stream. It is not safe for concurrent use.
type Reader struct {
	src io.Reader
	lim Limits
	err error // sticky

	buf  []byte
	pos  int   // where the unread part of buf begins
	base int64 // offset in the stream of buf[0]
	line int   // line at pos, from 1
	eof  bool

	cr, lf  finder
	spans   []span
	seps    []int32
	unit    Unit
	used    int // bytes of the current unit, dropped by the next call
	delims  Delims
	ordinal int
	begun   bool
	notes   Notes
}

// NewReader reads src. Nothing is read before the first call of [Reader.Next].
func NewReader(src io.Reader, lim Limits) *Reader {
	return &Reader{
		src: src, lim: lim.orDefaults(), line: 1, delims: StandardDelims,
		cr: finder{c: '\r', at: -1}, lf: finder{c: '\n', at: -1},
	}
}

// Notes returns what was seen so far.
func (r *Reader) Notes() Notes {
	n := r.notes
	n.Bytes = r.base + int64(len(r.buf))
	return n
}

// Next returns the next unit, or io.EOF after the last. The unit is valid until
// the next call. Errors are [ErrEmpty], [*FormatError] (both at the first call
// only), [*LimitError], or whatever the source returned; each of them is final.
func (r *Reader) Next() (*Unit, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.next(); err != nil {
		r.err = err
		return nil, err
	}
	return &r.unit, nil
}

func (r *Reader) next() error {
	if !r.begun {
		if err := r.begin(); err != nil {
			return err
		}
	}
	r.advance(r.used)
	r.used = 0
	r.spans = r.spans[:0]
	at := 0
	for {
		s, ok, err := r.nextLine(at, r.line)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if s.start == s.end { // blank
			r.note(s)
			r.line++
			at = s.next
			if len(r.spans) == 0 {
				r.advance(at)
				at = 0
			}
			continue
		}
		kind := kindOf(r.buf[r.pos+s.start : r.pos+s.end])
		if len(r.spans) > 0 && kind != 0 {
			break // the line begins the next unit
		}
		r.spans = append(r.spans, s)
		r.line++
		at = s.next
		if len(r.spans) == 1 {
			r.unit.Kind = kind
			if kind == 0 {
				r.unit.Kind = KindStray
			}
		}
		if r.unit.Kind != KindMessage {
			break
		}
		if err := r.checkSize(s); err != nil {
			return err
		}
	}
	if len(r.spans) == 0 {
		return io.EOF
	}
	r.used = at
	r.finish()
	return nil
}

func (r *Reader) checkSize(s span) error {
	first := r.spans[0]
	place := func(what string, limit int) error {
		return &LimitError{
			What: what, Max: limit,
			Offset: r.base + int64(r.pos+first.start), Line: first.line,
		}
	}
	if s.end-first.start > r.lim.Message {
		return place(limitMessage, r.lim.Message)
	}
	if len(r.spans) > r.lim.Segments {
		return place(limitSegments, r.lim.Segments)
	}
	return nil
}

// begin looks at the head of the stream before anything is believed of it.
func (r *Reader) begin() error {
	r.begun = true
	for len(r.buf) < sniffLen && !r.eof {
		if err := r.fill(); err != nil {
			return err
		}
	}
	if err := sniff(r.buf[:min(len(r.buf), sniffLen)], r.eof && len(r.buf) <= sniffLen); err != nil {
		return err
	}
	if bytes.HasPrefix(r.buf, utf8BOM) {
		r.notes.BOM = true
		r.advance(len(utf8BOM))
	}
	return nil
}

// nextLine finds the line that begins at (relative to pos). ok is false at the
// end of the stream.
func (r *Reader) nextLine(at, line int) (s span, ok bool, err error) {
	var end int
	for {
		window := r.buf[r.pos:]
		end = first(r.cr.next(window, at), r.lf.next(window, at))
		length := len(window) - at
		if end >= 0 {
			length = end - at
		}
		if length > r.lim.Segment {
			return s, false, &LimitError{
				What: limitSegment, Max: r.lim.Segment,
				Offset: r.base + int64(r.pos+at), Line: line,
			}
		}
		if end >= 0 || r.eof {
			break
		}
		if at > r.lim.Message+r.lim.Segment { // blank lines without end
			return s, false, &LimitError{
				What: limitMessage, Max: r.lim.Message,
				Offset: r.base + int64(r.pos), Line: r.spans[0].line,
			}
		}
		if err := r.fill(); err != nil {
			return s, false, err
		}
	}
	s = span{start: at, end: end, line: line}
	if end < 0 {
		s.end = len(r.buf) - r.pos
		s.next = s.end
		if s.start == s.end {
			return s, false, nil
		}
	} else if s.next, err = r.lineEnd(end); err != nil {
		return s, false, err
	}
	r.unframe(&s)
	return s, true, nil
}

// lineEnd returns where the line after the one that ends at end begins.
func (r *Reader) lineEnd(end int) (next int, err error) {
	if r.buf[r.pos+end] == '\n' {
		return end + 1, nil
	}
	if r.pos+end+1 == len(r.buf) && !r.eof {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	if r.pos+end+1 < len(r.buf) && r.buf[r.pos+end+1] == '\n' {
		return end + 2, nil
	}
	return end + 1, nil
}

// note counts the outer form of a line, once, when it is consumed.
func (r *Reader) note(s span) {
	r.notes.MLLP += s.frames
	switch ends := r.buf[r.pos+s.end : r.pos+s.next]; {
	case bytes.HasSuffix(ends, []byte("\r\n")):
		r.notes.CRLF++
	case bytes.HasSuffix(ends, []byte("\r")):
		r.notes.CR++
	case bytes.HasSuffix(ends, []byte("\n")):
		r.notes.LF++
	default:
		r.notes.Unterminated = true
	}
}

// unframe drops MLLP bytes: VT before a header segment, FS at a line's end.
func (r *Reader) unframe(s *span) {
	b := r.buf[r.pos:]
	for s.end > s.start && b[s.end-1] == 0x1c {
		s.end--
		s.frames++
	}
	lead := s.start
	for lead < s.end && (b[lead] == 0x0b || b[lead] == 0x1c) {
		lead++
	}
	if lead > s.start && kindOf(b[lead:s.end]) != 0 {
		s.frames += lead - s.start
		s.start = lead
	}
}

// finish turns the collected lines into the unit.
func (r *Reader) finish() {
	window := r.buf[r.pos:]
	head, last := r.spans[0], r.spans[len(r.spans)-1]
	u := &r.unit
	u.Offset, u.Line = r.base+int64(r.pos+head.start), head.line
	u.Ordinal = 0
	u.DelimsOK = true
	switch u.Kind {
	case KindMessage, KindFileHeader, KindBatchHeader:
		r.delims, u.DelimsOK = parseDelims(window[head.start:head.end])
	case KindBatchTrailer, KindFileTrailer, KindStray:
	}
	if u.Kind == KindMessage {
		r.ordinal++
		u.Ordinal = r.ordinal
	}
	u.Delims = r.delims
	rawEnd := last.next
	if last.end < last.next && window[last.end] == 0x1c {
		rawEnd = last.end // framing came where the line end should be
	}
	u.raw = window[head.start:rawEnd]
	r.index(window)
}

// index finds the field separators of every segment of the unit.
func (r *Reader) index(window []byte) {
	u := &r.unit
	u.Segments = u.Segments[:0]
	seps := r.seps[:0]
	for i, s := range r.spans {
		r.note(s)
		data := window[s.start:s.end]
		from := len(seps)
		seps = appendSeps(seps, data, u.Delims.Field)
		u.Segments = append(u.Segments, Segment{
			Offset: r.base + int64(r.pos+s.start), Line: s.line,
			data: data, seps: seps[from:len(seps):len(seps)], delims: &u.Delims,
			header: i == 0 && u.Kind <= KindBatchHeader,
		})
	}
	r.seps = seps
}

func appendSeps(seps []int32, data []byte, sep byte) []int32 {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], sep)
		if i < 0 {
			return append(seps, int32(len(data)))
		}
		at += i
		seps = append(seps, int32(at))
		at++
	}
}

// advance drops n unread bytes.
func (r *Reader) advance(n int) {
	r.pos += n
	r.cr.shift(n)
	r.lf.shift(n)
}

// fill reads more, moving the unread part to the front where that makes room.
func (r *Reader) fill() error {
	if r.pos > 0 && cap(r.buf)-len(r.buf) < chunk {
		n := copy(r.buf, r.buf[r.pos:])
		r.base += int64(r.pos)
		r.buf = r.buf[:n]
		r.pos = 0
	}
	if cap(r.buf)-len(r.buf) < chunk {
		grown := make([]byte, len(r.buf), max(4*chunk, 2*cap(r.buf)))
		copy(grown, r.buf)
		r.buf = grown
	}
	for range 100 { // a source that gives nothing a hundred times is broken
		n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if errors.Is(err, io.EOF) {
			r.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// finder remembers where a byte comes next, so that a stream with one kind of
// line end is not searched again and again for the other.
type finder struct {
	c    byte
	at   int // where it was found; smaller than what is asked for: not known
	seen int // how far was searched
}

func (f *finder) next(b []byte, from int) int {
	if f.at >= from {
		return f.at
	}
	f.seen = max(f.seen, from)
	i := bytes.IndexByte(b[f.seen:], f.c)
	if i < 0 {
		f.seen = len(b)
		return -1
	}
	f.at = f.seen + i
	f.seen = f.at + 1
	return f.at
}

func (f *finder) shift(n int) {
	f.at -= n
	f.seen -= n
}

func first(a, b int) int {
	if a < 0 || (b >= 0 && b < a) {
		return b
	}
	return a
}
