package conformance

import (
	"bytes"
	"strconv"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
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
	if tell, weight := c.count(r); tell {
		c.tell(r, weight, s, path(s, field, rep, component))
	}
}

// hitNone tells of a segment that is missing from the message, or from the
// order group at hand.
func (c *checker) hitNone(r *Rule, name string) {
	tell, weight := c.count(r)
	if !tell {
		return
	}
	s := c.m.msh
	if o := c.m.order; o != nil {
		if s = o.rxa; s == nil {
			s = o.orc
		}
		if name != s.name {
			name = path(s, 0, 1, 0) + " " + name
		}
	}
	c.tell(r, weight, s, name)
}

// count is fire within a message: it also draws the consequences for message
// and dose.
func (c *checker) count(r *Rule) (tell bool, weight registry.Severity) {
	weight, tell = c.fire(r)
	m := &c.m
	switch weight {
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
			c.broken = true
		case DropsNothing:
		}
		if c.holds[r.n] {
			m.held = true
		}
	case warningGrade:
		m.warnings++
	case infoGrade:
	}
	return tell, weight
}

func (c *checker) tell(r *Rule, weight registry.Severity, s *segment, path string) {
	c.in.OnFinding(registry.Finding{
		Rule: r.ID, Severity: weight,
		Place: registry.Place{
			Message: c.m.unit.Ordinal, ControlID: c.m.controlID,
			Path: path, Offset: s.Offset, Line: s.Line,
		},
	})
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
func path(s *segment, field, rep, component int) string {
	if s.name == "" {
		return "line"
	}
	var b strings.Builder
	b.WriteString(s.name)
	if !single(s.name) {
		b.WriteString("[" + strconv.Itoa(s.occ) + "]")
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
