package conformance

import (
	"regexp"
	"slices"
	"strconv"

	"immtrail/hl7"
	"immtrail/registry"
)

var (
	ruleConsentUnknown = declare(Rule{
		ID: "C-01.unknown", Where: "file", Severity: isInfo,
		Says:   "Consent was not checked: the profile does not know where the registry reads it.",
		Remedy: "Ask the registry for the field, and set rules.consent_field and rules.consent_date_field.",
		Source: "25 TAC 100.5; the field is in no public DSHS document",
	})
	ruleConsent = declare(Rule{
		ID: "C-01", Where: "consent", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The message carries no consent to keep the patient's record.",
		Remedy: "Obtain consent and record it in the EHR before the patient is sent.",
		Source: "25 TAC 100.5(c), (d); Texas CLR-100",
	})
	ruleConsentCode = declare(Rule{
		ID: "C-01.code", Where: "consent", Severity: isError, Drops: DropsMessage, Code: 103, Detail: 5,
		Says:   "The consent is none of TXA, TXY, TXF, TXM and TXD.",
		Remedy: "Ask the EHR vendor to map consent to the codes of the registry.",
		Source: "Texas consent status codes (USCDI comment, 2021)",
	})
	ruleConsentAge = declare(Rule{
		ID: "C-02", Where: "consent", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 3,
		Says:   "The kind of consent does not fit the patient's age: TXY and TXM are for minors, TXA and TXF for adults.",
		Remedy: "Record the consent of the adult, or of the child's parent.",
		Source: "HSC 161.007; Texas CLR-101",
	})
	ruleConsentDate = declare(Rule{
		ID: "C-03", Where: "consent date", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 2,
		Says:   "The date of the consent is missing or not a date.",
		Remedy: "Record the day on which consent was given or changed.",
		Source: "Texas CLR-105",
	})
	ruleConsentFuture = declare(Rule{
		ID: "C-03.future", Where: "consent date", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 1,
		Says:   "The date of the consent is in the future.",
		Remedy: "Correct the date of the consent.",
		Source: "Texas CLR-106",
	})
	ruleConsentUnborn = declare(Rule{
		ID: "C-03.birth", Where: "consent date", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 1,
		Says:   "The date of the consent is before the patient's birth.",
		Remedy: "Correct the date of the consent or the birth date.",
		Source: "Nobody consents for the unborn",
	})
	ruleConsentDisaster = declare(Rule{
		ID: "C-04", Where: "RXA-5", Severity: isError, Drops: DropsDose, Code: 102, Detail: 3,
		Says:   "Consent for a disaster alone (TXD) does not cover this vaccine.",
		Remedy: "Obtain standard consent, or set rules.disaster_vaccines while a disaster is declared.",
		Source: "25 TAC 100.7; Texas IMR-132, IMR-133",
	})
	ruleConsentGrown = declare(Rule{
		ID: "C-05", Where: "consent", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The consent was given for a child who is now an adult; it ends on the 26th birthday.",
		Remedy: "Ask the patient for consent as an adult.",
		Source: "HSC 161.007(a-1)",
	})
)

// A Location is where in a message a value stands that no guide places:
// "PD1-12", "PID-27.2", "ZTX-3", or "OBX(59784-9)" and "OBX(59784-9).2" for the
// answer of the observation with that question.
type Location struct {
	Segment string
	// Question is OBX-3.1; empty outside of observations.
	Question string
	// Field and Component count from 1.
	Field, Component int
}

var locationForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})(?:-([1-9]\d{0,2})|\(([^()|^~\\&\s]{1,20})\))(?:\.([1-9]\d?))?$`)

// ParseLocation reads a location as settings write it. The error is of kind
// [registry.Invalid].
func ParseLocation(text string) (Location, error) {
	m := locationForm.FindStringSubmatch(text)
	if m == nil || (m[3] != "" && m[1] != "OBX") {
		return Location{}, registry.Errorf(registry.Invalid, "location", "%q is none: write PD1-12, ZTX-3.1 or OBX(59784-9)", text)
	}
	l := Location{Segment: m[1], Question: m[3], Field: 5, Component: 1}
	if l.Question == "" {
		l.Field, _ = strconv.Atoi(m[2])
	}
	if m[4] != "" {
		l.Component, _ = strconv.Atoi(m[4])
	}
	return l, nil
}

// find is the value at a location, and its segment; s is nil where the message
// has no such segment.
func (m *message) find(l *Location) (s *segment, value []byte) {
	for i := range m.segs {
		s := &m.segs[i]
		if s.Is(l.Segment) && (l.Question == "" || same(s.Component(3, 1), l.Question)) {
			return s, s.Component(l.Field, l.Component)
		}
	}
	return nil, nil
}

// consent is where the profile reads consent; status is nil while it does not
// know.
type consent struct {
	status, date *Location
	disaster     []string // CVX codes of a declared disaster
	observed     bool     // the status is the answer of an observation
}

func newConsent(p *registry.Profile) (consent, error) {
	if p == nil || p.Rules.ConsentField == "" {
		return consent{}, nil
	}
	status, err := ParseLocation(p.Rules.ConsentField)
	if err != nil {
		return consent{}, err
	}
	c := consent{status: &status, disaster: p.Rules.DisasterVaccines, observed: status.Question != ""}
	if p.Rules.ConsentDateField != "" {
		date, err := ParseLocation(p.Rules.ConsentDateField)
		if err != nil {
			return consent{}, err
		}
		c.date = &date
	}
	return c, nil
}

// hitLocation tells of a rule broken at a location.
func (c *checker) hitLocation(r *Rule, l *Location, s *segment) {
	if s == nil {
		c.hitNone(r, l.Segment)
		return
	}
	if s.name == "" {
		// A segment of the profile's own: its name is the setting's, and it has
		// not been counted.
		named := *s
		named.name, named.occ = l.Segment, 1
		s = &named
	}
	c.hit(r, s, l.Field, l.Component)
}

// checkConsent judges the consent that the message carries.
func (c *checker) checkConsent() {
	if c.consent.status == nil || c.m.pid == nil {
		return
	}
	at, code := c.m.find(c.consent.status)
	given := c.checkConsentDate()
	minor := c.m.age >= 0 && c.m.age < 18
	adult := c.m.age >= 18
	switch string(code) {
	case "", `""`:
		if !c.disasterDosesOnly() {
			c.hitLocation(ruleConsent, c.consent.status, at)
		}
	case "TXA", "TXF":
		if minor {
			c.hitLocation(ruleConsentAge, c.consent.status, at)
		}
	case "TXY", "TXM":
		if adult && c.m.age < 26 && given != 0 && c.m.birth.YearsUntil(given) < 18 {
			c.hitLocation(ruleConsentGrown, c.consent.status, at)
		} else if adult {
			c.hitLocation(ruleConsentAge, c.consent.status, at)
		}
	case "TXD":
		c.checkDisaster()
	default:
		c.hitLocation(ruleConsentCode, c.consent.status, at)
	}
}

// checkConsentDate returns the day of consent, 0 where there is none.
func (c *checker) checkConsentDate() hl7.Date {
	l := c.consent.date
	if l == nil {
		return 0
	}
	at, value := c.m.find(l)
	if hl7.Empty(value) {
		if _, code := c.m.find(c.consent.status); !hl7.Empty(code) {
			c.hitLocation(ruleConsentDate, l, at)
		}
		return 0
	}
	given, ok := day(value)
	switch {
	case !ok:
		c.hitLocation(ruleConsentDate, l, at)
	case given > c.today:
		c.hitLocation(ruleConsentFuture, l, at)
	case c.m.birth != 0 && given < c.m.birth:
		c.hitLocation(ruleConsentUnborn, l, at)
	}
	return given
}

// checkDisaster asks of every dose whether consent for a disaster covers it.
func (c *checker) checkDisaster() {
	for i := range c.m.orders {
		o := &c.m.orders[i]
		if o.rxa != nil && o.dose.present && !c.ofDisaster(o) {
			c.m.order = o
			c.hit(ruleConsentDisaster, o.rxa, 5)
		}
	}
	c.m.order = nil
}

// disasterDosesOnly: medication given for a declared disaster is reported
// without consent.
func (c *checker) disasterDosesOnly() bool {
	for i := range c.m.orders {
		if o := &c.m.orders[i]; o.rxa != nil && !c.ofDisaster(o) {
			return false
		}
	}
	return len(c.m.orders) > 0
}

func (c *checker) ofDisaster(o *order) bool { return slices.Contains(c.consent.disaster, o.dose.code) }
