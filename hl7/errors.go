package hl7

import (
	"errors"
	"fmt"
)

// ErrEmpty means that there is nothing in the stream but, at most, blanks.
var ErrEmpty = errors.New("the file is empty")

// A FormatError means that the stream is not HL7 v2 at all.
type FormatError struct {
	// Found is what it seems to be, such as "a PDF document".
	Found string
}

// Error says what was found.
func (e *FormatError) Error() string { return "the file is not HL7: it is " + e.Found }

// A LimitError means that a segment or a message is larger than allowed. What
// follows it in the stream has not been read.
type LimitError struct {
	// What is "segment", "message" or "segments in a message".
	What string
	// Max is the limit: bytes, or a count.
	Max int
	// Offset and Line are where the segment or message begins.
	Offset int64
	Line   int
}

// Error names the limit and the place.
func (e *LimitError) Error() string {
	unit := " bytes"
	if e.What == limitSegments {
		unit = ""
	}
	return fmt.Sprintf("more than %d%s: %s at line %d, byte %d", e.Max, unit, e.What, e.Line, e.Offset)
}

const (
	limitSegment  = "segment"
	limitMessage  = "message"
	limitSegments = "segments in a message"
)
