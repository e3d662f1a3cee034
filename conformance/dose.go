package conformance

import (
	"bytes"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

// dose is what is known of the vaccination of an order group.
type dose struct {
	given        hl7.Date
	vaccine      *codes.Vaccine // nil where the code is not known
	pack         *codes.Package // by NDC, where one is known
	code         string         // CVX as sent or by NDC; "998" for none
	completion   []byte
	administered bool // given here: RXA-9 is 00, complete or partial
	late         bool // and more than 30 days ago
	present      bool // RXA-20 says, or by its absence lets one think, that something was given
}

// checkOrder judges one order group.
func (c *checker) checkOrder(o *order) {
	switch {
	case o.rxa == nil:
		c.hit(ruleOrphanORC, o.orc)
		return
	case o.orc == nil:
		c.hitNone(ruleOrphanRXA, "ORC")
	}
	d := &o.dose
	d.completion = o.rxa.Field(20)
	// An empty RXA-20 is a warning of its own; most senders mean "complete".
	d.present = hl7.Empty(d.completion) || same(d.completion, "CP") || same(d.completion, "PA")
	d.administered = d.present && same(o.rxa.Component(9, 1), "00")
	c.checkRXA(o.rxa, d)
	if o.orc != nil {
		c.checkORC(o.orc, d)
	}
	c.checkRXR(o)
	c.checkOBXs(o)
}

func (c *checker) checkORC(s *segment, d *dose) {
	if !same(s.Field(1), "RE") {
		c.hit(ruleControl1, s, 1)
	}
	id := s.Rep(3)
	number := id.Component(1)
	if hl7.Empty(number) {
		c.hit(ruleFiller, s, 3)
	} else if hl7.Empty(id.Component(2)) && hl7.Empty(id.Component(3)) {
		c.hit(ruleFillerAuthority, s, 3, 2)
	}
	notGiven := same(d.completion, "RE") || same(d.completion, "NA")
	if same(number, "9999") {
		if d.present && d.code != "998" {
			c.hit(ruleFillerNone, s, 3)
		}
	} else {
		if notGiven {
			c.hit(ruleFillerNone, s, 3)
		}
		c.checkFillerTwice(s, id)
	}
	if !d.administered {
		if o := s.Rep(12); !o.Empty() && hl7.Empty(o.Component(1)) && hl7.Empty(o.Component(2)) && hl7.Empty(o.Component(3)) {
			c.hit(ruleOrderer, s, 12)
		}
		return
	}
	who := s.Component(12, 1)
	switch {
	case hl7.Empty(who):
		c.hit(ruleOrderer, s, 12)
	case len(c.sites.signs) > 0 && !c.sites.signs[string(who)]:
		c.hit(rulePrescriber, s, 12)
	}
}

// checkFillerTwice compares with the groups before this one; messages have few.
func (c *checker) checkFillerTwice(s *segment, id hl7.Rep) {
	if id.Empty() || len(c.m.orders) > 500 {
		return
	}
	for i := range c.m.orders {
		o := &c.m.orders[i]
		if o == c.m.order {
			return
		}
		if o.orc != nil && bytes.Equal(o.orc.Rep(3).Bytes(), id.Bytes()) {
			c.hit(ruleFillerTwice, s, 3)
			return
		}
	}
}

func (c *checker) checkRXA(s *segment, d *dose) {
	if !same(s.Field(1), "0") {
		c.hit(ruleRXASet, s, 1)
	}
	if !same(s.Field(2), "1") {
		c.hit(ruleRXASub, s, 2)
	}
	c.checkVaccine(s, d)
	c.checkGiven(s, d)
	c.checkUse(s, d)
	c.checkStatus(s, d)
	c.checkCompletion(s, d)
	c.checkAmount(s, d)
	c.checkSource(s, d)
	c.checkGiver(s, d)
	c.checkLot(s, d)
	c.checkMaker(s, d)
	if at := s.Field(22); !hl7.Empty(at) {
		if t, ok := day(s.Component(22, 1)); !ok {
			c.hit(ruleEnteredForm, s, 22)
		} else if t > c.today || (d.given != 0 && t < d.given) {
			c.hit(ruleEntered, s, 22)
		}
	}
}

func (c *checker) checkGiven(s *segment, d *dose) {
	m := &c.m
	date := s.Component(3, 1)
	if hl7.Empty(date) {
		c.hit(ruleGiven, s, 3)
		return
	}
	given, ok := day(date)
	if !ok {
		c.hit(ruleGivenForm, s, 3)
		return
	}
	d.given = given
	if given > c.today || (m.sent != 0 && given > m.sent) {
		c.hit(ruleGivenFuture, s, 3)
	}
	if m.birth != 0 && given < m.birth {
		c.hit(ruleGivenUnborn, s, 3)
	}
	if m.death != 0 && given > m.death && d.present {
		c.hit(ruleGivenDead, s, 3)
	}
	if end := s.Field(4); !hl7.Empty(end) {
		if e, ok := day(s.Component(4, 1)); !ok || e != given {
			c.hit(ruleGivenEnd, s, 4)
		}
	}
	if d.administered && given < c.monthAgo {
		d.late = true
		c.hit(ruleLate, s, 3)
	}
}

func (c *checker) checkCompletion(s *segment, d *dose) {
	if !hl7.Empty(d.completion) && !completions.has(d.completion) {
		c.hit(ruleCompletionCode, s, 20)
	}
	switch reason := s.Component(18, 1); {
	case !same(d.completion, "RE"):
		if !hl7.Empty(s.Field(18)) {
			c.hit(ruleRefusalExtra, s, 18)
		}
	case hl7.Empty(reason):
		c.hit(ruleRefusal, s, 18)
	case !refusals.has(reason):
		c.hit(ruleRefusalCode, s, 18)
	}
	switch action := s.Field(21); {
	case hl7.Empty(action):
		if d.code != "998" {
			c.hit(ruleAction, s, 21)
		}
	case !actions.has(action):
		c.hit(ruleActionCode, s, 21)
	case same(action, "D"):
		c.hit(ruleDelete, s, 21)
	}
}

func (c *checker) checkAmount(s *segment, d *dose) {
	amount, unit := s.Field(6), s.Rep(7)
	unknown := same(amount, "999")
	switch {
	case hl7.Empty(amount):
		c.hit(ruleAmount, s, 6)
	case !decimal(amount):
		c.hit(ruleAmountForm, s, 6)
	case !unknown && (d.code == "998" || same(d.completion, "RE")):
		c.hit(ruleAmountNone, s, 6)
	case unknown && d.administered && d.code != "998":
		c.hit(ruleAmountUnknown, s, 6)
	case !unknown && d.present:
		c.checkHowMuch(s, d, amount, unit.Component(1))
	}
	switch code := unit.Component(1); {
	case unknown && !unit.Empty():
		c.hit(ruleUnitExtra, s, 7)
	case !unknown && hl7.Empty(code) && decimal(amount):
		c.hit(ruleUnit, s, 7)
	case hl7.Empty(code) || same(code, "mL"):
	case !units.has(code):
		c.hit(ruleUnitCode, s, 7)
	case !doseUnits.has(code):
		c.hit(ruleUnitKind, s, 7)
	}
}

// checkHowMuch judges the amount of a dose that was given. What is no vaccine,
// such as an immune globulin, is given by body weight.
func (c *checker) checkHowMuch(s *segment, d *dose, amount, unit []byte) {
	whole, zero := wholeOf(amount)
	most := 999
	switch {
	case zero:
		c.hit(ruleAmountZero, s, 6)
		return
	case whole < 10, d.vaccine == nil, d.vaccine.NotVaccine:
	case d.vaccine.Routes&codes.Oral != 0:
		most = 200
	case same(unit, "mL"), same(unit, "cm3"), same(unit, "1"), same(unit, "{dose}"):
		most = 9
	}
	if whole > most {
		c.hit(ruleAmountMuch, s, 6)
	}
}

// wholeOf is the whole part of a plain number, at most 10,000, and whether the
// number is 0.
func wholeOf(b []byte) (whole int, zero bool) {
	zero = true
	fraction := false
	for _, d := range b {
		if d == '.' {
			fraction = true
			continue
		}
		zero = zero && d == '0'
		if !fraction {
			whole = min(whole*10+int(d-'0'), 10_000)
		}
	}
	return whole, zero
}

func (c *checker) checkSource(s *segment, d *dose) {
	source := s.Component(9, 1)
	switch none := hl7.Empty(source); {
	case hl7.Empty(d.completion) && none:
		c.hit(ruleSourceNone, s, 9)
	case hl7.Empty(d.completion):
		c.hit(ruleCompletion, s, 20)
		if !sources.has(source) {
			c.hit(ruleSourceCode, s, 9)
		}
	case d.present && none:
		c.hit(ruleSource, s, 9)
	case d.present && !sources.has(source):
		c.hit(ruleSourceCode, s, 9)
	case !d.present && !none && completions.has(d.completion):
		c.hit(ruleSourceExtra, s, 9)
	}
	if !d.present || d.given == 0 || hl7.Empty(source) {
		return
	}
	lot, maker := !hl7.Empty(s.Field(15)), !hl7.Empty(s.Field(17))
	recent := d.given >= c.monthAgo
	amount := !hl7.Empty(s.Field(6)) && !same(s.Field(6), "999")
	switch {
	case d.administered && !lot && !maker && (!recent || !amount):
		c.hit(ruleLooksHistoric, s, 9)
	case !d.administered && lot && recent && amount:
		c.hit(ruleLooksGiven, s, 9)
	}
}

func (c *checker) checkGiver(s *segment, d *dose) {
	place := s.Rep(11)
	facility := place.Component(4)
	if !place.Empty() && hl7.Empty(facility) {
		c.hit(rulePlaceID, s, 11, 4)
	}
	if !d.administered {
		return
	}
	if s.Rep(10).Empty() {
		c.hit(ruleGiver, s, 10)
	}
	if place.Empty() {
		c.hit(rulePlace, s, 11)
	}
	if c.sites.active && !hl7.Empty(facility) {
		id := place.Sub(4, 1)
		if _, ok := c.sites.site[string(id)]; !ok && !c.sites.parent[string(id)] {
			c.hit(rulePlaceForeign, s, 11, 4)
		}
	}
}

func (c *checker) checkLot(s *segment, d *dose) {
	lot, expiry := s.Field(15), s.Component(16, 1)
	switch {
	case hl7.Empty(lot):
		if d.administered {
			c.hit(ruleLot, s, 15)
		}
	case junkLot(lot):
		c.hit(ruleLotJunk, s, 15)
	case !oneLot(lot):
		c.hit(ruleLotForm, s, 15)
	case wordyLot(lot):
		c.hit(ruleLotWords, s, 15)
	case len(lot) < 4:
		c.hit(ruleLotShort, s, 15)
	}
	switch {
	case !hl7.Empty(s.Field(16)):
		if e, ok := expiryDay(expiry); !ok {
			c.hit(ruleExpiryForm, s, 16)
		} else if d.given > e {
			c.hit(ruleExpired, s, 3)
		}
	case !hl7.Empty(lot) && d.administered:
		c.hit(ruleExpiry, s, 16)
	}
}

// expiryDay reads an expiry date; one to the month ends with the month, as
// vials mean it.
func expiryDay(b []byte) (hl7.Date, bool) {
	if len(b) != 6 || !formMonth.fits(b) {
		return day(b)
	}
	first, ok := hl7.ParseDate(append(append(make([]byte, 0, 8), b...), '0', '1'))
	return first.AddDays(31 - first.AddDays(31).Day()), ok
}
