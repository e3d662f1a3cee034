package conformance

import (
	"bytes"
	"math/bits"
	"slices"
	"unicode/utf8"

	"immtrail/conformance/z22"
	"immtrail/hl7"
)

// The walk over what a message has, against the plan of its segment. It is on
// the way of every byte, so: fields are found by number, code tables compare
// numbers, and a field whose bytes were found clean before is not looked at
// again. What the walk asks of a field depends on that field's bytes alone
// (conditions across fields are asked at the segment), so equal bytes have an
// equal answer; and most fields of a file (codes, senders, providers) have a
// handful of values.

// walker is what the walk keeps between segments.
type walker struct {
	last  [32]lastClean // by rank
	clean []memory      // by field id
	told  int           // rules that fired, whatever their weight but off
	wrong int           // of these, those that tell more than that something is empty
	at    whereabouts
	parts [2]pieces // components and subcomponents of the value at hand
}

// maxParts is more components than any data type has.
const maxParts = 32

// pieces are the parts of a value: where each ends. A part begins behind the
// end of the one before it.
type pieces struct {
	b   []byte
	n   int
	end [maxParts]int32
}

// at is part i, from 0; nil where there is none.
func (p *pieces) at(i int) []byte {
	if uint(i) >= uint(p.n) || i >= maxParts {
		return nil
	}
	from := int32(0)
	if i > 0 {
		from = p.end[i-1] + 1
	}
	return p.b[from:p.end[i]]
}

func (p *pieces) cut(r hl7.Rep) {
	p.b = r.Bytes()
	p.n = r.Cuts(p.end[:])
}

// split cuts what nobody has indexed.
func (p *pieces) split(b []byte, sep byte) {
	p.b, p.n = b, 0
	for at := 0; p.n < maxParts; p.n++ {
		i := bytes.IndexByte(b[at:], sep)
		if i < 0 {
			p.end[p.n] = int32(len(b)) //nolint:gosec // a segment is far shorter than 2 GB
			p.n++
			return
		}
		at += i
		p.end[p.n] = int32(at) //nolint:gosec // see above
		at++
	}
}

// whereabouts is where the walk is.
type whereabouts struct {
	s                     *segment
	field, rep, comp, sub int
}

// walk judges a segment by the general rules.
func (c *checker) walk(s *segment) {
	p := plans[s.rank]
	if p == nil {
		return
	}
	c.walker.at = whereabouts{s: s}
	filled := filledFields(s)
	for w := p.must &^ filled; w != 0; w &= w - 1 {
		n := bits.TrailingZeros64(w)
		f := p.fields[n-1]
		c.walker.at.field = n
		c.absent(f, f.usageIn(s))
	}
	data, seps := s.Bytes(), s.Separators()
	last, before, fresh := &c.walker.last[s.rank], c.walker.told, 0
	for w := filled & p.asked; w != 0; w &= w - 1 {
		n := bits.TrailingZeros64(w)
		b := data[seps[n-1]+1 : seps[n]]
		f := p.fields[n-1]
		if c.usual && !f.apart && string(b) == string(last.field(n)) {
			continue
		}
		fresh++
		c.field(f, s, n, b)
	}
	if fresh > fewFresh && c.usual && c.walker.told == before {
		last.keep(s)
	}
	for n := maskedFields; n <= min(s.Fields(), len(p.fields)); n++ { // IN2 has so many
		c.field(p.fields[n-1], s, n, s.Field(n))
	}
	if p.cases != nil {
		if f := p.cases[string(s.Field(2))]; f != nil && !hl7.Empty(s.Field(5)) {
			c.walker.at.field = 5
			c.value(f, s, 5, s.Field(5))
		}
	}
}

// maskedFields and more are too many for a bit each.
const maskedFields = 64

// filledFields has bit n set where field n is there, for the fields that a
// segment's index reaches. MSH-1, the separator, is M-02's.
func filledFields(s *segment) (filled uint64) {
	data, seps := s.Bytes(), s.Separators()
	before := seps[0]
	for n, at := range seps[1:min(len(seps), maskedFields)] {
		size := at - before - 1
		filled |= uint64(uint32(-size)>>31) << (n + 1) // 1 where it is above 0
		if size == 2 && data[before+1] == '"' && data[before+2] == '"' {
			filled &^= 1 << (n + 1)
		}
		before = at
	}
	return filled
}

// field judges field n of a segment.
func (c *checker) field(f *node, s *segment, n int, b []byte) {
	if f == nil || hl7.Empty(b) {
		return
	}
	c.walker.at.field = n
	if f.apart {
		if f.usageIn(s) == z22.Forbidden {
			c.facet(f, facetExtra, f.extra)
			return // what should not be there is not looked at further
		}
	}
	c.value(f, s, n, b)
}

// value judges field n of a segment, which is b and there.
func (c *checker) value(f *node, s *segment, n int, b []byte) {
	w := &c.walker
	m := &w.clean[f.id]
	row := -1
	if c.usual {
		row = m.row(b)
	}
	if row >= 0 && m.has(row, b) {
		return
	}
	before := w.told
	c.reps(f, s, n)
	if row >= 0 && w.told == before {
		m.add(row, b)
	}
}

func (c *checker) reps(f *node, s *segment, n int) {
	w := &c.walker
	if s.Single() {
		w.at.rep = 1
		c.repetition(f, s.Rep(n))
	} else {
		for i, one := range s.Reps(n) {
			if w.at.rep = i; i > mostReps {
				w.told++ // so that the field is not remembered as clean
				at := w.at
				c.hit(ruleRepeats, at.s, at.field)
				break
			}
			if i == 2 && f.repeat != nil {
				c.general(f.repeat)
			}
			if !one.Empty() {
				c.repetition(f, one)
			}
		}
	}
	w.at.rep, w.at.comp, w.at.sub = 0, 0, 0
}

// repetition judges one repetition of a field: whole, then part by part.
func (c *checker) repetition(f *node, r hl7.Rep) {
	b, before := r.Bytes(), c.walker.wrong
	if len(f.parts) == 0 {
		c.leaf(f, b)
	} else {
		p := &c.walker.parts[0]
		p.cut(r)
		if f.code != nil || f.system != nil {
			c.coded(f, p, &c.walker.at.comp)
		}
		c.parts(f, p, 0)
	}
	c.length(f, b, before)
}

// length judges how long an element is, unless something else is wrong with it:
// before is what was wrong before it was looked at.
func (c *checker) length(e *node, b []byte, before int) {
	if e.length != nil && c.walker.wrong == before && tooLong(e, b) {
		c.facet(e, facetLength, e.length)
	}
}

// element judges a component, or one of its parts.
func (c *checker) element(e *node, b []byte, level int) {
	before := c.walker.wrong
	if len(e.parts) == 0 {
		c.leaf(e, b)
	} else if level <= 1 { // nothing is divided further
		p := &c.walker.parts[1]
		p.split(b, c.m.unit.Delims.Sub)
		if e.code != nil || e.system != nil {
			c.coded(e, p, &c.walker.at.sub)
		}
		c.parts(e, p, level)
	}
	c.length(e, b, before)
}

// parts judges the parts of an element: components at level 0, subcomponents
// at level 1.
func (c *checker) parts(e *node, p *pieces, level int) {
	w, missed := &c.walker, uint64(0)
	for look := e.suspects(p); look != 0; look &= look - 1 {
		at := bits.TrailingZeros32(look)
		if level == 0 {
			w.at.comp, w.at.sub = at+1, 0
		} else {
			w.at.sub = at + 1
		}
		part, v := &e.parts[at], p.at(at)
		usage := part.usage
		if usage == z22.Conditional {
			usage = part.usageAmong(p, c.m.unit.Delims.Sub)
		}
		switch {
		case hl7.Empty(v):
			before := w.wrong
			if c.absent(part, usage); w.wrong != before {
				missed |= 1<<at | part.without()
			}
		case usage == z22.Forbidden:
			// What is out of place only because another part is missing: the
			// missing part is said.
			if !part.dependsOn(missed) {
				c.facet(part, facetExtra, part.extra)
			}
		default:
			c.element(part, v, level+1)
		}
	}
	if level == 0 {
		w.at.comp = 0
	}
	w.at.sub = 0
}

// suspects are the parts of an element that may break a rule, a bit each: those
// that are absent, or there, or so long that something is asked of them. Most
// values have one or two.
func (n *node) suspects(p *pieces) uint32 {
	var there, long uint32
	from := int32(0)
	for i := range min(p.n, len(n.longest)) {
		to := p.end[i]
		if from < to && (to-from != 2 || !hl7.Empty(p.b[from:to])) {
			there |= 1 << i
		}
		if to-from > n.longest[i] {
			long |= 1 << i
		}
		from = to + 1
	}
	return n.whenAbsent&^there | (n.whenThere|long)&there
}

func (c *checker) absent(e *node, usage z22.Usage) {
	switch usage {
	case z22.Required:
		c.facet(e, facetMissing, e.missing)
	case z22.MayBeEmpty:
		c.facet(e, facetEmpty, e.empty)
	case z22.Optional, z22.Forbidden, z22.Conditional:
	}
}

func (c *checker) leaf(e *node, b []byte) {
	switch {
	case e.form != anyForm && !e.form.fits(b):
		if e.value != nil {
			c.facet(e, facetValue, e.value)
		} else {
			c.facet(e, facetType, e.kind)
		}
	case e.code != nil && !e.set.has(b):
		c.facet(e, facetCode, e.code)
	}
}

// coded judges the code of a field against its table, and the name that it
// gives to the table. part is where the number of a part of e is noted.
func (c *checker) coded(e *node, p *pieces, part *int) {
	code := p.at(0)
	if hl7.Empty(code) {
		return
	}
	if !e.set.has(code) {
		c.facet(e, facetCode, e.code)
		return
	}
	if e.system == nil {
		return
	}
	if system := p.at(2); !hl7.Empty(system) && !slices.Contains(e.set.systems, string(system)) {
		was := *part
		*part = 3
		c.facet(e, facetSystem, e.system)
		*part = was
	}
}

// tooLong counts characters, but only where the bytes are too many.
func tooLong(e *node, b []byte) bool {
	if len(b) > e.high {
		return utf8.RuneCount(b) > e.high
	}
	return len(b) < e.low
}

// facet fires the rule of an element, unless one written by hand looks after
// this repetition.
func (c *checker) facet(e *node, f facet, r *Rule) {
	if r != nil && (e.byHand&f == 0 || c.walker.at.rep > 1) {
		c.general(r)
	}
}

// general fires a general rule at the walk's place.
func (c *checker) general(r *Rule) {
	if c.weigh[r.n] == "" {
		return
	}
	w := &c.walker
	w.told++
	if r.about.facet != facetEmpty {
		w.wrong++
	}
	if c.silent(r, w.at.s) {
		return
	}
	if c.count(r) {
		at := w.at
		c.b.hits = append(c.b.hits, hit{
			rule: r, name: at.s.name, occ: at.s.occ, field: at.field, rep: at.rep, component: at.comp, sub: at.sub,
			offset: at.s.Offset, line: at.s.Line,
		})
	}
}
