package conformance

import (
	"bytes"
	"encoding/binary"
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

// memory holds clean values of a field, each at a place that its bytes give;
// the newest wins. Longer ones are looked at each time. A field that hardly
// ever has a value again, such as a name, is not looked up for a while.
type memory struct {
	tries, found uint16
	size         [memoryRows]uint8
	rows         [memoryRows][memoryBytes]byte
}

const (
	memoryRows  = 16
	memoryBytes = 64
	// After so many values less than one in eight of which was known, so many
	// pass unremembered.
	memoryTries = 128
	memoryRest  = 4096
)

// row is where a value would be; -1 where it is not to be remembered.
func (m *memory) row(b []byte) int {
	n := len(b)
	if n > memoryBytes {
		return -1
	}
	if m.tries >= memoryTries {
		if m.found*8 < memoryTries && m.tries < memoryRest {
			m.tries++
			return -1
		}
		m.tries, m.found = 0, 0
	}
	m.tries++
	const mix = 0x9e3779b97f4a7c15
	key := uint64(n)
	if n >= 8 {
		key ^= binary.LittleEndian.Uint64(b)*mix ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[n-8:]), 29)
	} else {
		for _, c := range b {
			key = key<<8 ^ uint64(c)
		}
	}
	return int(key * mix >> 60)
}

func (m *memory) has(row int, b []byte) bool {
	if int(m.size[row]) != len(b) || !bytes.Equal(m.rows[row][:len(b)], b) {
		return false
	}
	m.found++
	return true
}

func (m *memory) add(row int, b []byte) {
	m.size[row] = uint8(len(b)) //nolint:gosec // at most memoryBytes
	copy(m.rows[row][:], b)
}

// walker is what the walk keeps between segments.
type walker struct {
	clean []memory // by field id
	told  int      // rules that fired, whatever their weight but off
	at    whereabouts
	parts [2][maxParts][]byte // components and subcomponents of the value at hand
}

// maxParts is more components than any data type has.
const maxParts = 32

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
	for _, f := range p.must {
		if b := s.Field(f.n); hl7.Empty(b) {
			c.walker.at.field = f.n
			c.absent(f, f.usageIn(s))
		}
	}
	n, data, seps := 0, s.Bytes(), s.Separators()
	if s.rank == rankMSH {
		n = 1
		c.field(p, s, 1, s.Field(1))
	}
	for i := 1; i < len(seps) && n < len(p.fields); i++ {
		n++
		if b := data[seps[i-1]+1 : seps[i]]; len(b) > 0 {
			c.field(p, s, n, b)
		}
	}
	// IN2 has more fields than Separators shows.
	for last := min(s.Fields(), len(p.fields)); n < last; {
		n++
		c.field(p, s, n, s.Field(n))
	}
	if p.cases != nil {
		if f := p.cases[string(s.Field(2))]; f != nil && !hl7.Empty(s.Field(5)) {
			c.walker.at.field = 5
			c.value(f, s.Field(5))
		}
	}
}

// field judges field n of a segment, which is not empty.
func (c *checker) field(p *segmentPlan, s *segment, n int, b []byte) {
	f := p.fields[n-1]
	if f == nil || hl7.Empty(b) {
		return
	}
	c.walker.at.field = n
	if f.usage == z22.Forbidden || f.else_ == z22.Forbidden {
		if f.usageIn(s) == z22.Forbidden {
			c.facet(f, facetExtra, f.extra)
			return // what should not be there is not looked at further
		}
	}
	c.value(f, b)
}

// usageIn is the usage of a field in its segment.
func (n *node) usageIn(s *segment) z22.Usage {
	if n.usage != z22.Conditional {
		return n.usage
	}
	for _, t := range n.cond {
		v := s.Field(t.Field)
		if t.Part > 0 {
			v = s.Component(t.Field, t.Part)
		}
		if !meets(t, v) {
			return n.else_
		}
	}
	return n.then
}

func meets(t z22.Term, v []byte) bool {
	if len(t.OneOf) == 0 {
		return hl7.Empty(v) == t.Not
	}
	for _, code := range t.OneOf {
		if string(v) == code {
			return !t.Not
		}
	}
	return t.Not
}

// value judges a field that is there.
func (c *checker) value(f *node, b []byte) {
	w := &c.walker
	m := &w.clean[f.id]
	row := m.row(b)
	if row >= 0 && m.has(row, b) {
		return
	}
	before := w.told
	c.reps(f, b)
	if row >= 0 && w.told == before {
		m.add(row, b)
	}
}

func (c *checker) reps(f *node, b []byte) {
	w := &c.walker
	d := c.m.unit.Delims
	w.at.rep = 0
	for len(b) > 0 {
		one := b
		if cut := bytes.IndexByte(b, d.Repetition); cut >= 0 {
			one, b = b[:cut], b[cut+1:]
		} else {
			b = nil
		}
		if w.at.rep++; w.at.rep > mostReps {
			w.told++ // so that the field is not remembered as clean
			at := w.at
			c.hit(ruleRepeats, at.s, at.field)
			break
		}
		if w.at.rep == 2 && f.repeat != nil {
			c.general(f.repeat)
		}
		if !hl7.Empty(one) {
			c.element(f, one, d.Component, 0)
		}
	}
	w.at.rep, w.at.comp, w.at.sub = 0, 0, 0
}

// element judges a value: whole, then part by part.
func (c *checker) element(e *node, b []byte, sep byte, level int) {
	if e.length != nil && tooLong(e, b) {
		c.facet(e, facetLength, e.length)
	}
	if len(e.parts) == 0 {
		c.leaf(e, b)
		return
	}
	if e.code != nil || e.system != nil {
		c.coded(e, b, sep)
	}
	if level > 1 {
		return
	}
	w := &c.walker
	parts := &w.parts[level]
	n := split(b, sep, parts)
	for i := range max(min(n, e.asked), e.needed) {
		p := &e.parts[i]
		if p.nothing {
			continue
		}
		var v []byte
		if i < n {
			v = parts[i]
		}
		if level == 0 {
			w.at.comp, w.at.sub = i+1, 0
		} else {
			w.at.sub = i + 1
		}
		usage := p.usage
		if usage == z22.Conditional {
			usage = p.usageAmong(parts[:n], c.m.unit.Delims.Sub)
		}
		if hl7.Empty(v) {
			c.absent(p, usage)
			continue
		}
		if usage == z22.Forbidden {
			c.facet(p, facetExtra, p.extra)
			continue
		}
		c.element(p, v, c.m.unit.Delims.Sub, level+1)
	}
	if level == 0 {
		w.at.comp = 0
	}
	w.at.sub = 0
}

// usageAmong is the usage of a component beside its siblings.
func (n *node) usageAmong(parts [][]byte, sub byte) z22.Usage {
	for _, t := range n.cond {
		var v []byte
		if t.Field <= len(parts) {
			v = parts[t.Field-1]
		}
		if t.Part > 0 {
			v = piece(v, sub, t.Part)
		}
		if !meets(t, v) {
			return n.else_
		}
	}
	return n.then
}

func piece(b []byte, sep byte, n int) []byte {
	for ; n > 1; n-- {
		i := bytes.IndexByte(b, sep)
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i]
	}
	return b
}

func split(b []byte, sep byte, into *[maxParts][]byte) int {
	for n := 0; ; n++ {
		if n == maxParts-1 {
			into[n] = b
			return maxParts
		}
		i := bytes.IndexByte(b, sep)
		if i < 0 {
			into[n] = b
			return n + 1
		}
		into[n] = b[:i]
		b = b[i+1:]
	}
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
// gives to the table.
func (c *checker) coded(e *node, b []byte, sep byte) {
	code := piece(b, sep, 1)
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
	if system := piece(b, sep, 3); !hl7.Empty(system) && !slices.Contains(e.set.systems, string(system)) {
		at := c.walker.at
		c.walker.at.comp = 3
		c.facet(e, facetSystem, e.system)
		c.walker.at = at
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
	if c.count(r) {
		at := w.at
		c.b.hits = append(c.b.hits, hit{
			rule: r, name: at.s.name, occ: at.s.occ, field: at.field, rep: at.rep, component: at.comp, sub: at.sub,
			offset: at.s.Offset, line: at.s.Line,
		})
	}
}
