package hl7

import (
	"bytes"
	"iter"
	"math/bits"
)

// A Segment is one line of a message. Every slice that it hands out points into
// the reader's buffer and is valid until the next call of [Reader.Next].
type Segment struct {
	// Offset is the byte offset of the segment in the original stream.
	Offset int64
	// Line is its line in the original stream, from 1.
	Line int

	data   []byte
	parser *Parser
	tag    Tag
	header bool // MSH, FHS, BHS
	odd    bool // see Plain

	// What follows is found when it is asked for: see index.

	// seps has the positions in data of the field separators, and len(data) at
	// the end: field n lies between the n-th and the one after it. In a header,
	// whose field 1 is the separator itself, one stands before them all for it.
	seps []int32
	// comps has a bit for each component separator in data, as far as there are
	// seps.
	comps  []uint64
	more   bool // there are separators beyond seps, which has no len(data) then
	single bool // no field has a second repetition; false where that is not known
}

// A Tag is the name of a segment as a number, for switches; 0 is no name.
type Tag uint32

// TagOf is the tag of a name of three letters.
func TagOf(name string) Tag { return Tag(name[0])<<16 | Tag(name[1])<<8 | Tag(name[2]) }

// tagOf is the tag of a line: three capitals or, after the first, digits,
// followed by a separator or nothing.
func tagOf(line []byte, sep byte) Tag {
	if len(line) < 3 || (len(line) > 3 && line[3] != sep) {
		return 0
	}
	a, b, c := line[0], line[1], line[2]
	if a-'A' > 'Z'-'A' || (b-'A' > 'Z'-'A' && b-'0' > 9) || (c-'A' > 'Z'-'A' && c-'0' > 9) {
		return 0
	}
	return Tag(a)<<16 | Tag(b)<<8 | Tag(c)
}

// Tag is the name as a number, or 0 where the line does not begin with one.
func (s *Segment) Tag() Tag {
	if s == nil {
		return 0
	}
	return s.tag
}

// Plain reports whether every byte is printable ASCII or a tab.
func (s *Segment) Plain() bool { return s == nil || !s.odd }

// Name is the three-letter name, or nil where the line does not begin with one.
func (s *Segment) Name() []byte {
	if s == nil || s.tag == 0 {
		return nil
	}
	return s.data[:3]
}

// Is reports whether the segment is called name.
func (s *Segment) Is(name string) bool { return s != nil && string(s.Name()) == name }

// Bytes is the segment without its line end.
func (s *Segment) Bytes() []byte { return s.data }

// Fields is the number of the last field present.
func (s *Segment) Fields() int {
	s.index()
	if !s.more {
		return len(s.seps) - 1
	}
	n := bytes.Count(s.data, []byte{s.delims().Field})
	if s.header {
		n++
	}
	return n
}

// Field returns field n (from 1) whole, with its repetitions; nil where the
// segment ends before it. Fields 1 and 2 of MSH, FHS and BHS are the separator
// and the encoding characters, as HL7 counts them.
func (s *Segment) Field(n int) []byte {
	if s == nil || n < 1 || n >= len(s.seps) || n == 1 && s.header {
		return s.rareField(n)
	}
	return s.data[s.seps[n-1]+1 : s.seps[n]]
}

// Separators are the positions in [Segment.Bytes] between which the fields lie,
// at least the first 64 of them: field n between the n-th and the one after it.
// Field 1 of MSH, FHS and BHS, which is the separator itself, is empty there.
func (s *Segment) Separators() []int32 {
	s.index()
	return s.seps
}

// rareField returns fields that the index does not reach, or not yet.
func (s *Segment) rareField(n int) []byte {
	switch {
	case s == nil || n < 1:
		return nil
	case s.seps == nil:
		s.index()
		return s.Field(n)
	case n == 1 && s.header:
		if len(s.data) < 4 {
			return nil
		}
		return s.data[3:4]
	case !s.more || n < len(s.seps):
		return nil
	}
	last := len(s.seps) - 1
	return part(s.data[s.seps[last]+1:], s.delims().Field, n-last)
}

// Single reports whether no field can have a second repetition.
func (s *Segment) Single() bool {
	if s == nil {
		return false
	}
	s.index()
	return s.single
}

// Rep returns the first repetition of field n.
func (s *Segment) Rep(n int) Rep {
	if s != nil && s.single && 1 <= n && n < len(s.seps) && !s.header {
		return s.rep(s.seps[n-1]+1, s.seps[n])
	}
	f := s.Field(n)
	if len(f) == 0 {
		return Rep{}
	}
	if !s.single && (!s.header || n != 2) {
		if i := bytes.IndexByte(f, s.delims().Repetition); i >= 0 {
			f = f[:i]
		}
	}
	return s.repOf(f)
}

// repOf is f, a part of the segment, as a repetition.
func (s *Segment) repOf(f []byte) Rep {
	at := int32(cap(s.data) - cap(f))
	return s.rep(at, at+int32(len(f)))
}

// rep is a part of the segment with the bits of its component separators.
func (s *Segment) rep(from, to int32) Rep {
	n, first, last := to-from, uint(from)>>6, uint(to)>>6
	if n > 63 || last >= uint(len(s.comps)) {
		return Rep{seg: s, from: from, to: to, comps: unindexed}
	}
	w := s.comps[first] >> (from & 63)
	if last > first {
		w |= s.comps[last] << (64 - from&63)
	}
	return Rep{seg: s, from: from, to: to, comps: w & (1<<(n&63) - 1)}
}

// Reps yields the repetitions of field n with their ordinals from 1. An empty
// field yields nothing.
func (s *Segment) Reps(n int) iter.Seq2[int, Rep] {
	return func(yield func(int, Rep) bool) {
		rest := s.Field(n)
		if len(rest) == 0 {
			return
		}
		if s.single {
			yield(1, s.repOf(rest))
			return
		}
		for i := 1; len(rest) > 0; i++ {
			one := rest
			if cut := bytes.IndexByte(rest, s.delims().Repetition); cut >= 0 {
				one, rest = rest[:cut], rest[cut+1:]
			} else {
				rest = nil
			}
			if !yield(i, s.repOf(one)) {
				return
			}
		}
	}
}

// Component returns component c (from 1) of the first repetition of field n.
func (s *Segment) Component(n, c int) []byte { return s.Rep(n).Component(c) }

// Sub returns subcomponent i of component c of the first repetition of field n.
func (s *Segment) Sub(n, c, i int) []byte { return s.Rep(n).Sub(c, i) }

// A Rep is one repetition of a field. It has few words, so that it is passed
// in registers.
type Rep struct {
	seg      *Segment
	from, to int32 // in seg.data
	// comps has a bit for each component separator, or is unindexed.
	comps uint64
}

// unindexed says that separators have to be searched: a repetition of 64 bytes
// or more.
const unindexed = 1 << 63

// Bytes is the repetition whole.
func (r Rep) Bytes() []byte {
	if r.seg == nil {
		return nil
	}
	return r.seg.data[r.from:r.to]
}

// Empty reports whether nothing is there, or HL7's explicit null ("").
func (r Rep) Empty() bool { return Empty(r.Bytes()) }

// Component returns component c (from 1), nil where there is none.
func (r Rep) Component(c int) []byte {
	if r.from == r.to || c < 1 {
		return nil
	}
	w := r.comps
	if w == unindexed {
		return part(r.Bytes(), r.seg.delims().Component, c)
	}
	from, to := r.from, r.to
	if c > 1 {
		for ; c > 2; c-- {
			w &= w - 1
		}
		if w == 0 {
			return nil
		}
		from += int32(bits.TrailingZeros64(w)) + 1
		w &= w - 1
	}
	if w != 0 {
		to = r.from + int32(bits.TrailingZeros64(w))
	}
	return r.seg.data[from:to]
}

// Cuts writes where the components end, as many as there is room for, and says
// how many those are. Each begins behind the end of the one before.
func (r Rep) Cuts(ends []int32) (n int) {
	if r.comps != unindexed {
		for w := r.comps; w != 0 && n < len(ends); w &= w - 1 {
			ends[n] = int32(bits.TrailingZeros64(w))
			n++
		}
	} else {
		b := r.Bytes()
		for at := 0; n < len(ends); n++ {
			i := bytes.IndexByte(b[at:], r.seg.delims().Component)
			if i < 0 {
				break
			}
			at += i
			ends[n] = int32(at)
			at++
		}
	}
	if n < len(ends) {
		ends[n] = r.to - r.from
		n++
	}
	return n
}

// Sub returns subcomponent i of component c.
func (r Rep) Sub(c, i int) []byte {
	b := r.Component(c)
	if len(b) == 0 {
		return nil
	}
	return part(b, r.seg.delims().Sub, i)
}

// Unescape returns component c with HL7 escapes resolved; it allocates only
// where there is one.
func (r Rep) Unescape(c int) []byte {
	b := r.Component(c)
	if len(b) == 0 {
		return nil
	}
	return Unescape(b, *r.seg.delims())
}

// Empty reports whether a value is absent or HL7's explicit null ("").
func Empty(b []byte) bool { return len(b) == 0 || (len(b) == 2 && b[0] == '"' && b[1] == '"') }

// part is the n-th piece (from 1) of b between separators.
func part(b []byte, sep byte, n int) []byte {
	for ; n > 1; n-- {
		i := bytes.IndexByte(b, sep)
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	if n < 1 {
		return nil
	}
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i]
	}
	return b
}
