package conformance

import (
	"bytes"
	"hash/maphash"

	"immtrail/hl7"
)

// Most segments of a file are not new: an observation on the same vaccine on
// the same day has the same bytes in hundreds of messages. Whatever can be said
// of a segment from its bytes alone is found out once, and remembered for the
// segments that were found clean. A segment that is wrong is judged anew each
// time, and hostile input merely misses.
const (
	memoLines  = 2048 // of each worker
	memoLength = 184  // longest segment remembered
)

// lineMemo remembers clean segments by their bytes: one place for each of some
// thousand digests, the newest wins.
type lineMemo [memoLines]cleanLine

type cleanLine struct {
	length int
	bytes  [memoLength]byte
	lineFacts
}

// lineFacts is what the rules want to know of a segment besides: for one that is
// remembered, nobody has to look where its fields lie.
type lineFacts struct {
	question         byte // of OBX-3: see questionOf
	set              int  // of OBX-1; 0 where it is no number
	group, answer    span // OBX-4 and OBX-5.1
	childOnly, adult bool // what OBX-5 means where the question is eligibility
}

// span is a part of a segment, by its place.
type span struct{ from, to int32 }

// spanOf finds a part of the segment's own bytes.
func spanOf(s *segment, part []byte) span {
	if len(part) == 0 {
		return span{}
	}
	from := cap(s.Bytes()) - cap(part)
	return span{int32(from), int32(from + len(part))} //nolint:gosec // a segment is far shorter than 2 GB
}

func (p span) in(s *segment) []byte { return s.Bytes()[p.from:p.to] }

// recall finds what is known of a segment, or where it is to be remembered.
// Both are nil for one that cannot be: a long one, or one that is read with
// other delimiters than the usual.
func (c *checker) recall(s *hl7.Segment) (known, room *cleanLine) {
	b := s.Bytes()
	if len(b) > memoLength || !s.Plain() || !c.usual {
		return nil, nil
	}
	room = &c.lines[maphash.Bytes(c.key, b)%memoLines]
	if room.length == len(b) && bytes.Equal(room.bytes[:len(b)], b) {
		return room, room
	}
	return nil, room
}

// remember keeps a segment that was found clean.
func (l *cleanLine) remember(s *hl7.Segment, facts lineFacts) {
	l.length = copy(l.bytes[:], s.Bytes())
	l.lineFacts = facts
}

// walkOnce walks a segment unless the same was found clean before.
func (c *checker) walkOnce(s *segment) {
	known, room := c.recall(s.Segment)
	if known != nil {
		return
	}
	before := c.m.hits
	c.walk(s)
	if room != nil && c.m.hits == before {
		room.remember(s.Segment, lineFacts{})
	}
}
