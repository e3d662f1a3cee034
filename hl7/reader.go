package hl7

import (
	"errors"
	"io"
)

// Limits bound what a reader keeps in memory. Zero values mean the defaults.
type Limits struct {
	// Segment is the longest segment in bytes; 1 MiB by default.
	Segment int
	// Message is the longest message in bytes; 4 MiB by default. Blank lines
	// that reach beyond it end a message; other lines break the limit.
	Message int
	// Segments is how many segments a message may have; 20,000 by default.
	Segments int
}

func (l Limits) orDefaults() Limits {
	if l.Segment <= 0 {
		l.Segment = 1 << 20
	}
	if l.Message <= 0 {
		l.Message = 4 << 20
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
	// Bytes is how much of the stream has been understood so far.
	Bytes int64
}

// Add counts what was seen after n in the stream.
func (n *Notes) Add(later Notes) {
	n.CR += later.CR
	n.LF += later.LF
	n.CRLF += later.CRLF
	n.MLLP += later.MLLP
	n.BOM = n.BOM || later.BOM
	n.Unterminated = later.Unterminated
	n.Bytes = max(n.Bytes, later.Bytes)
}

// A Reader reads units from a stream: a [Splitter] and a [Parser] in one. It is
// not safe for concurrent use.
type Reader struct {
	split *Splitter
	parse *Parser
	block Block
	begun bool
	notes Notes // of the blocks before
	err   error // sticky
}

// NewReader reads src. Nothing is read before the first call of [Reader.Next].
func NewReader(src io.Reader, lim Limits) *Reader {
	return &Reader{split: NewSplitter(src, lim), parse: NewParser(lim)}
}

// Notes returns what was seen so far.
func (r *Reader) Notes() Notes {
	n := r.notes
	if r.begun {
		n.Add(r.parse.Notes())
	}
	n.BOM = r.split.BOM()
	return n
}

// Next returns the next unit, or io.EOF after the last. The unit is valid until
// the next call. Errors are [ErrEmpty], [*FormatError] (both at the first call
// only), [*LimitError], or whatever the source returned; each of them is final.
func (r *Reader) Next() (*Unit, error) {
	for r.err == nil {
		if r.begun {
			u, err := r.parse.Next()
			if err == nil {
				return u, nil
			}
			if !errors.Is(err, io.EOF) {
				r.err = err
				break
			}
			r.notes.Add(r.parse.Notes())
		}
		if err := r.split.Next(&r.block); err != nil {
			r.begun, r.err = false, err
			break
		}
		r.parse.Reset(&r.block, r.parse.Lines(), r.parse.Messages())
		r.begun = true
	}
	return nil, r.err
}
