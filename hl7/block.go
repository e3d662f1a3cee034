package hl7

import (
	"bytes"
	"errors"
	"io"
)

// blockSize is how many bytes a block has where messages are of ordinary
// length: few enough for the second-level cache of a core, enough that handing
// a block to another goroutine costs nothing to speak of.
const blockSize = 256 << 10

// padding lies after the bytes of a block, so that the indexer may load whole
// words.
const padding = 64

// A Block is a piece of a stream that begins and ends between units. Blocks of
// one stream can be parsed in any order and at the same time, each by a
// [Parser] of its own.
type Block struct {
	// Offset is where the block begins in the stream.
	Offset int64
	// Data are its bytes, as they came.
	Data []byte

	buf []byte // Data with room before and padding after
}

// A Splitter cuts a stream into blocks. How the source hands over its bytes
// may move the cuts, but never into a unit. It is not safe for concurrent use.
type Splitter struct {
	src    io.Reader
	lim    Limits
	rest   []byte // read, and not yet in a block
	offset int64  // of rest in the stream
	begun  bool
	bom    bool
	eof    bool
	err    error // sticky
}

// NewSplitter reads src. Nothing is read before the first call of
// [Splitter.Next].
func NewSplitter(src io.Reader, lim Limits) *Splitter {
	return &Splitter{src: src, lim: lim.orDefaults()}
}

// BOM reports whether the stream began with a UTF-8 byte order mark. It is in
// no block.
func (s *Splitter) BOM() bool { return s.bom }

// Next puts the next block into b, whose memory it uses again, or returns
// io.EOF after the last. Other errors are [ErrEmpty], [*FormatError] (both at
// the first call only), or what the source returned. Where the source fails,
// the whole units before are given out first.
func (s *Splitter) Next(b *Block) error {
	b.Data = nil
	if s.err != nil {
		return s.err
	}
	b.buf = append(b.buf[:0], s.rest...)
	cut, err := s.cut(b)
	if err != nil {
		s.err = err
		s.rest = nil
		return err
	}
	s.rest = append(s.rest[:0], b.buf[cut:]...)
	b.Offset = s.offset
	s.offset += int64(cut)
	b.buf = append(b.buf[:cut], zeros[:]...)
	b.Data = b.buf[:cut:cut]
	return nil
}

var zeros [padding]byte

// cut reads until b.buf holds a block, and says where the block ends.
func (s *Splitter) cut(b *Block) (int, error) {
	searched := 1 // a block may begin with a header; where it ends there is another
	for want := blockSize; ; want *= 2 {
		failed := s.fill(b, want)
		if !s.begun {
			if err := s.begin(b, failed); err != nil {
				return 0, err
			}
		}
		if s.eof {
			if len(b.buf) == 0 {
				return 0, io.EOF
			}
			return len(b.buf), nil
		}
		if at := lastHeader(b.buf, searched); at > 0 {
			if failed != nil { // what comes after it is not whole
				s.err, s.rest = failed, nil
				b.buf = b.buf[:at]
			}
			return at, nil
		}
		if failed != nil {
			return 0, failed
		}
		searched = max(1, len(b.buf)-len("MSH")-1)
		if at := s.cutWithoutHeader(b.buf); at > 0 {
			return at, nil
		}
	}
}

// cutWithoutHeader says where to cut what holds one unit at most: a storm of
// stray or blank lines, or a message that is too long to wait for its end.
func (s *Splitter) cutWithoutHeader(b []byte) int {
	if kindOf(unframed(b)) != KindMessage {
		if at := lastLineEnd(b); at > 0 {
			return at
		}
		if len(b) > s.lim.Segment+1 {
			return len(b) // the parser will refuse it
		}
		return 0
	}
	if len(b) <= s.lim.Message+s.lim.Segment+2 {
		return 0
	}
	if at := closedByBlanks(b, s.lim); at > 0 {
		return at
	}
	return len(b) // the parser will refuse it
}

// begin looks at the head of the stream before anything is believed of it.
func (s *Splitter) begin(b *Block, failed error) error {
	if failed != nil && len(b.buf) < sniffLen {
		return failed
	}
	s.begun = true
	head := b.buf[:min(len(b.buf), sniffLen)]
	if err := sniff(head, s.eof && len(b.buf) <= sniffLen); err != nil {
		return err
	}
	if bytes.HasPrefix(b.buf, utf8BOM) {
		s.bom = true
		s.offset = int64(len(utf8BOM))
		b.buf = append(b.buf[:0], b.buf[len(utf8BOM):]...)
	}
	return nil
}

// fill reads until there are want bytes, the end, or an error of the source.
func (s *Splitter) fill(b *Block, want int) error {
	if cap(b.buf) < want+padding {
		grown := make([]byte, len(b.buf), want+padding)
		copy(grown, b.buf)
		b.buf = grown
	}
	for idle := 0; len(b.buf) < want && !s.eof; {
		n, err := s.src.Read(b.buf[len(b.buf):want])
		b.buf = b.buf[:len(b.buf)+n]
		if errors.Is(err, io.EOF) {
			s.eof = true
		} else if err != nil {
			return err
		}
		if n > 0 {
			idle = 0
		} else if idle++; idle > 100 { // a source that gives nothing is broken
			return io.ErrNoProgress
		}
	}
	return nil
}

// lastHeader finds the last line of b, not before from, that begins a unit; 0
// where there is none. The line begins with MLLP bytes where it has some.
func lastHeader(b []byte, from int) int {
	for i := len(b) - len("MSH"); i >= from; i-- {
		switch b[i] {
		case 'M', 'F', 'B':
		default:
			continue
		}
		if kindOf(b[i:]) == 0 {
			continue
		}
		line := i
		for line > 0 && framing(b[line-1]) {
			line--
		}
		if line > 0 && lineEnd(b[line-1]) {
			return line
		}
	}
	return 0
}

// lastLineEnd finds the last place after a line end where b can be cut: not
// between CR and LF, nor where LF may still follow.
func lastLineEnd(b []byte) int {
	for i := len(b) - 1; i > 0; i-- {
		if lineEnd(b[i-1]) && (b[i-1] != '\r' || b[i] != '\n') {
			return i
		}
	}
	return 0
}

// closedByBlanks walks the lines of a message that is longer than allowed, and
// says where blank lines have ended it (see [Limits.Message]); 0 where a limit
// is broken before.
func closedByBlanks(b []byte, lim Limits) int {
	segments := 0
	for at := 0; at < len(b); {
		n := bytes.IndexAny(b[at:], "\r\n")
		if n < 0 || n > lim.Segment {
			return 0
		}
		end := at + n
		next := end + 1
		if b[end] == '\r' && next < len(b) && b[next] == '\n' {
			next++
		}
		blank := blankLine(b[at:end])
		if !blank {
			segments++
		}
		switch {
		case blank && next > lim.Message:
			return next
		case !blank && (end > lim.Message || segments > lim.Segments):
			return 0
		}
		at = next
	}
	return 0
}

func lineEnd(c byte) bool { return c == '\r' || c == '\n' }

// framing reports whether c is a framing byte of MLLP.
func framing(c byte) bool { return c == 0x0b || c == 0x1c }

// blankLine reports whether a line is empty but for framing.
func blankLine(line []byte) bool {
	for _, c := range line {
		if !framing(c) {
			return false
		}
	}
	return true
}

// unframed skips framing and line ends at the beginning of b.
func unframed(b []byte) []byte {
	for i, c := range b {
		if !framing(c) && !lineEnd(c) {
			return b[i:]
		}
	}
	return nil
}
