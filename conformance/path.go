package conformance

import (
	"bytes"
	"strconv"
	"strings"

	"immtrail/hl7"
)

// hit tells of a rule broken in segment s; at are field and component.
func (c *checker) hit(r *Rule, s *segment, at ...int) {
	field, component := 0, 0
	if len(at) > 0 {
		field = at[0]
	}
	if len(at) > 1 {
		component = at[1]
	}
	c.hitRep(r, s, field, 1, component)
}

// hitRep is hit at a repetition of a field.
func (c *checker) hitRep(r *Rule, s *segment, field, rep, component int) {
	if c.silent(r, s) {
		return
	}
	if c.count(r) {
		c.b.hits = append(c.b.hits, hit{
			rule: r, name: s.name, occ: s.occ, field: field, rep: rep, component: component,
			offset: s.Offset, line: s.Line,
		})
	}
}

// hitNone tells of a segment that is missing from the message, or from the
// order group at hand.
func (c *checker) hitNone(r *Rule, name string) {
	if !c.count(r) {
		return
	}
	s := c.m.msh
	h := hit{rule: r, name: name, occ: -1}
	if o := c.m.order; o != nil {
		if s = o.rxa; s == nil {
			s = o.orc
		}
		if name != s.name {
			h.name, h.occ, h.missing = s.name, s.occ, name
		}
	}
	h.offset, h.line = s.Offset, s.Line
	c.b.hits = append(c.b.hits, h)
}

// count counts a broken rule, draws the consequences for message and dose, and
// says whether its place is wanted.
func (c *checker) count(r *Rule) (tell bool) {
	m, b := &c.m, c.b
	m.hits++
	switch c.weigh[r.n] {
	case errorGrade:
		m.errors++
		switch r.Drops {
		case DropsMessage:
			m.rejected = true
		case DropsDose:
			if m.order != nil {
				m.order.dropped = true
			}
		case DropsFile:
			m.broken = true
		case DropsNothing:
		}
		if c.holds[r.n] {
			m.held = true
		}
	case warningGrade:
		m.warnings++
		if c.policy[r.n] {
			m.held = true
		}
	case infoGrade:
	default:
		return false
	}
	b.counts[r.n]++
	if m.headerOnly {
		m.fired = append(m.fired, r)
	}
	if !c.wanted(r) {
		return false
	}
	b.told[r.n]++
	return true
}

// wanted reports whether anybody wants another finding of a rule.
func (c *checker) wanted(r *Rule) bool {
	return c.in.OnFinding != nil && c.b.told[r.n] < c.max && !c.full[r.n].Load()
}

// where puts the place into words.
func (h *hit) where() string {
	switch {
	case h.path != "":
		return h.path
	case h.occ < 0:
		return h.name
	case h.missing != "":
		return path(h.name, h.occ, 0, 1, 0) + " " + h.missing
	}
	at := path(h.name, h.occ, h.field, h.rep, h.component)
	if h.sub > 0 {
		at += "." + strconv.Itoa(h.sub)
	}
	return at
}

// single are the segments that a message has once; others carry their
// occurrence in paths.
func single(name string) bool {
	switch name {
	case "MSH", "PID", "PD1":
		return true
	}
	return false
}

// path writes RXA[2]-5.1, PID-3[2].5, or "line" for what is no segment.
func path(name string, occ, field, rep, component int) string {
	if name == "" {
		return "line"
	}
	var b strings.Builder
	b.WriteString(name)
	if !single(name) {
		b.WriteString("[" + strconv.Itoa(occ) + "]")
	}
	if field > 0 {
		b.WriteString("-" + strconv.Itoa(field))
		if rep > 1 {
			b.WriteString("[" + strconv.Itoa(rep) + "]")
		}
		if component > 0 {
			b.WriteString("." + strconv.Itoa(component))
		}
	}
	return b.String()
}

// text is a value as a string that a database takes: at most limit bytes,
// valid UTF-8, no NUL, no blanks around.
func text(b []byte, limit int) string {
	b = bytes.TrimSpace(b)
	if hl7.Empty(b) {
		return ""
	}
	if len(b) > limit {
		b = b[:limit]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "?"), "\x00", "?")
}

// same compares a value with a code.
func same(b []byte, code string) bool { return string(b) == code }
