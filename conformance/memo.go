package conformance

import (
	"bytes"
	"hash/maphash"
	"slices"

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
	question         byte     // of OBX-3: see questionOf
	set              int      // of OBX-1; 0 where it is no number
	group, answer    span     // OBX-4 and OBX-5.1
	seen             hl7.Date // OBX-14; zero where it is no date
	payer            payer    // of OBX-5, where the question is eligibility or stock
	childOnly, adult bool     // what OBX-5 means where the question is eligibility
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

// lastHeader is the last message, where it was a header and nothing else. Of ten
// million in a row only the first are worth more than a count.
type lastHeader struct {
	raw [memoLength]byte
	n   int // of raw; 0 where there is none
}

func (h *lastHeader) remember(u *hl7.Unit, m *message) {
	h.n = 0
	if m.headerOnly && len(u.Raw()) <= len(h.raw) {
		h.n = copy(h.raw[:], u.Raw())
	}
}

// sameHeader counts a message that is a header as the last message was, unless
// somebody wants to know where it stands. What was found out of the last one
// then holds of this one.
func (c *checker) sameHeader(u *hl7.Unit) bool {
	h, m := &c.header, &c.m
	if h.n == 0 || !bytes.Equal(h.raw[:h.n], u.Raw()) || slices.ContainsFunc(m.fired, c.wanted) {
		return false
	}
	for _, r := range m.fired {
		c.b.counts[r.n]++
	}
	return true
}
