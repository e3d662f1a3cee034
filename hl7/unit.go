package hl7

// Kind tells what a [Unit] is.
type Kind uint8

// The kinds of units.
const (
	// KindMessage is MSH with everything up to the next message or envelope segment.
	KindMessage Kind = iota + 1
	KindFileHeader
	KindBatchHeader
	KindBatchTrailer
	KindFileTrailer
	// KindStray is a line that belongs to no message: garbage before the first
	// or after a trailer.
	KindStray
)

// String is the segment that begins such a unit.
func (k Kind) String() string {
	switch k {
	case KindMessage:
		return "MSH"
	case KindFileHeader:
		return "FHS"
	case KindBatchHeader:
		return "BHS"
	case KindBatchTrailer:
		return "BTS"
	case KindFileTrailer:
		return "FTS"
	case KindStray:
		return "stray line"
	}
	return "unknown"
}

// A Unit is an envelope segment, a stray line or a whole message. It and its
// segments are valid until the next call of [Reader.Next].
type Unit struct {
	Kind Kind
	// Ordinal numbers the messages of the stream from 1; 0 for other units.
	Ordinal int
	// Offset and Line say where the unit begins in the original stream.
	Offset int64
	Line   int
	// Segments are the lines of the unit, at least one.
	Segments []Segment
	// Delims are in force; DelimsOK is false where the header's own were
	// nonsense or incomplete and the standard ones were taken instead.
	Delims   Delims
	DelimsOK bool

	raw   []byte
	plain bool
}

// Plain reports whether every segment of a message is plain: see
// [Segment.Plain].
func (u *Unit) Plain() bool { return u.plain }

// Raw is the unit byte for byte as it came, from its first segment to the line
// end of its last; without MLLP framing and without blank lines that follow.
func (u *Unit) Raw() []byte { return u.raw }

// Segment returns the first segment called name, or nil. A nil segment answers
// every question with "nothing there".
func (u *Unit) Segment(name string) *Segment {
	for i := range u.Segments {
		if string(u.Segments[i].Name()) == name {
			return &u.Segments[i]
		}
	}
	return nil
}
