package conformance

import (
	"bytes"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

// vis collects the observations on one information statement: those with the
// same OBX-4.
type vis struct {
	group                    []byte
	barcode, kind, published bool
	presented                bool
	edition, given           hl7.Date
	// statement is the bar code's, of is the vaccine of the document type; nil
	// where they are not known.
	statement *codes.Statement
	of        *codes.Vaccine
	// where the bar code, the document type, the edition and the day stand.
	atBarcode, atKind, atEdition, at *segment
}

// addVIS puts an observation to those of its statement.
func (c *checker) addVIS(list []vis, s *segment, facts *lineFacts) []vis {
	group, code := facts.group.in(s), facts.answer.in(s)
	var v *vis
	for i := range list {
		if bytes.Equal(list[i].group, group) {
			v = &list[i]
		}
	}
	if v == nil {
		if len(list) >= 64 { // no dose has so many statements
			return list
		}
		list = append(list, vis{group: group})
		v = &list[len(list)-1]
	}
	switch facts.question {
	case aboutBarcode:
		v.barcode, v.atBarcode = true, s
		c.visBarcode(v, s, code)
	case aboutDocument:
		v.kind, v.atKind = true, s
		v.of = c.codes.CVX(code)
		if v.of == nil && !hl7.Empty(code) && !c.codes.NewerCVX(code) {
			c.hit(ruleVISType, s, 5)
		}
	case aboutEdition:
		v.published, v.atEdition = true, s
		v.edition = c.visDay(s, code)
	case aboutPresented:
		v.presented, v.at = true, s
		v.given = c.visDay(s, code)
	}
	return list
}

func (c *checker) visBarcode(v *vis, s *segment, code []byte) {
	if hl7.Empty(code) {
		return
	}
	v.statement = c.codes.VIS(code)
	switch {
	case v.statement != nil:
		v.edition = v.statement.Edition
	case c.codes.NewerVIS(code):
		c.hit(ruleVISNewer, s, 5)
	default:
		c.hit(ruleVISCode, s, 5)
	}
}

// visDay reads a day of a statement; zero where it is none.
func (c *checker) visDay(s *segment, value []byte) hl7.Date {
	date, ok := day(value)
	if !ok || date > c.today {
		c.hit(ruleVISDate, s, 5)
		return 0
	}
	return date
}

// checkStatement judges one statement as a whole and says whether it is
// complete: bar code, or document type and edition, and the day it was given.
func (c *checker) checkStatement(v *vis, d *dose) (complete bool) {
	if v.given != 0 && v.edition != 0 && v.given < v.edition {
		c.hit(ruleVISDate, v.at, 5)
	} else if v.given != 0 && d.given != 0 && v.given != d.given && d.administered && d.given <= c.today {
		if v.given > d.given {
			c.hit(ruleVISAfter, v.at, 5)
		} else {
			c.hit(ruleVISBefore, v.at, 5)
		}
	}
	if dv := d.vaccine; dv != nil && d.administered {
		switch {
		case v.statement != nil:
			if len(dv.Statements) > 0 && !fitsStatement(v.statement, dv) {
				c.hit(ruleVISFit, v.atBarcode, 5)
			}
		case v.of != nil && v.of != dv && len(v.of.Groups) > 0 && len(dv.Groups) > 0 && !v.of.SharesGroup(dv):
			c.hit(ruleVISFit, v.atKind, 5)
		case v.of != nil && v.published && v.edition != 0:
			c.checkEdition(v, dv)
		}
	}
	return v.presented && (v.barcode || v.kind && v.published)
}

// firstStatement is the day of the act that brought the statements.
const firstStatement = hl7.Date(1986_11_14)

// checkEdition asks for the edition among the statements of the vaccine and of
// its document type. A type that stands for a group has none of its own. What is
// older or newer than the table nobody knows.
func (c *checker) checkEdition(v *vis, dv *codes.Vaccine) {
	if v.edition < firstStatement {
		c.hit(ruleVISEdition, v.atEdition, 5)
		return
	}
	if !dv.NeedsVIS(v.edition) || v.edition > c.codes.VISEdition() ||
		dv.HasEdition(v.edition) || v.of.HasEdition(v.edition) {
		return
	}
	for _, g := range v.of.Groups {
		for _, other := range g.Vaccines {
			if other.HasEdition(v.edition) {
				return
			}
		}
	}
	c.hit(ruleVISEdition, v.atEdition, 5)
}

// fitsStatement: the statement is for the vaccine, or for one against the same
// disease: combined vaccines have no statement of their own.
func fitsStatement(s *codes.Statement, v *codes.Vaccine) bool {
	if s.For(v) {
		return true
	}
	for _, of := range s.Vaccines {
		if of.SharesGroup(v) {
			return true
		}
	}
	return len(s.Vaccines) == 0
}

// noVIS tells of a dose without a complete statement: an error where the guide
// lists the vaccine, a warning where a later table of CDC does.
func (c *checker) noVIS(d *dose) {
	if d.vaccine == nil {
		return
	}
	if visVaccines.has([]byte(d.vaccine.Code)) {
		c.hitNone(ruleVIS, "OBX")
	} else if d.vaccine.NeedsVIS(d.given) {
		c.hitNone(ruleVISTable, "OBX")
	}
}
