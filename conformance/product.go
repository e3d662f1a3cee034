package conformance

import (
	"slices"

	"immtrail/conformance/codes"
	"immtrail/hl7"
)

// checkVaccine finds the vaccine by RXA-5 and judges its code.
func (c *checker) checkVaccine(s *segment, d *dose) {
	f := s.Rep(5)
	code, table := f.Component(1), f.Component(3)
	if hl7.Empty(code) {
		c.hit(ruleVaccine, s, 5, 1)
		return
	}
	if hl7.Empty(table) {
		c.hit(ruleVaccineNoTable, s, 5, 3)
		return
	}
	switch {
	case same(table, "CVX"):
		d.vaccine = c.codes.CVX(code)
		if d.vaccine == nil {
			if c.codes.NewerCVX(code) {
				c.hit(ruleVaccineNewer, s, 5, 1)
			} else {
				c.hit(ruleVaccineCode, s, 5, 1)
			}
		}
	case same(table, "NDC"):
		c.checkNDC(code, s, d)
	default:
		c.hit(ruleVaccineTable, s, 5, 3)
	}
	if d.vaccine == nil {
		return
	}
	d.code = d.vaccine.Code
	c.checkSecondCode(f, s, d)
}

// checkNDC finds package and vaccine by an NDC.
func (c *checker) checkNDC(code []byte, s *segment, d *dose) {
	pack, form := c.codes.NDC(code)
	switch {
	case pack == nil && form == codes.Hyphens:
		c.hit(ruleVaccineNDC, s, 5, 1)
		return
	case pack == nil || len(pack.Vaccines) == 0:
		c.hit(ruleVaccineCode, s, 5, 1)
		return
	case form != codes.Hyphens:
		c.hit(ruleVaccineNDCForm, s, 5, 1)
	}
	d.pack, d.vaccine = pack, pack.Vaccines[0]
}

// checkStatus judges a known code by what CDC says of it.
func (c *checker) checkStatus(s *segment, d *dose) {
	v := d.vaccine
	switch {
	case v == nil:
	case d.code == "999" || d.code == "99":
		c.hit(ruleVaccineUnknown, s, 5, 1)
	case v.Status == codes.NeverActive:
		c.hit(ruleVaccineNever, s, 5, 1)
	case d.code == "76": // Staphylococcus phage lysate
		c.hit(ruleVaccineNot, s, 5, 1)
	case !d.administered:
	case d.code == "998":
		c.hit(ruleVaccineNone, s, 5, 1)
	case v.Unspecified:
		c.hit(ruleVaccineVague, s, 5, 1)
	case v.Status == codes.NonUS, v.Status == codes.Inactive && !v.Marketed && c.retired(s, v):
		c.hit(ruleVaccineOld, s, 5, 1)
	}
}

// retired reports whether the vaccine was out of use when the dose was given:
// an old dose may well bear a code that was retired since.
func (c *checker) retired(s *segment, v *codes.Vaccine) bool {
	given, ok := day(s.Field(3))
	until := v.Use.ExpectedUntil
	return ok && (given > c.yearAgo || until != 0 && given > until)
}

// checkSecondCode compares RXA-5.4 with RXA-5.1 where both are known.
func (c *checker) checkSecondCode(f hl7.Rep, s *segment, d *dose) {
	code := f.Component(4)
	if hl7.Empty(code) {
		return
	}
	differs := false
	var unknown *Rule
	switch table := f.Component(6); {
	case same(table, "CVX"):
		v := c.codes.CVX(code)
		if v == nil {
			unknown = ruleAlternateCVX
		}
		differs = v != nil && v != d.vaccine && (d.pack == nil || !d.pack.Holds(v))
	case same(table, "NDC"):
		if pack, _ := c.codes.NDC(code); pack != nil {
			differs = !pack.Holds(d.vaccine)
			if d.pack == nil {
				d.pack = pack
			}
		} else {
			unknown = ruleAlternateNDC
		}
	case same(table, "C4"), same(table, "CPT"), same(table, "CPT4"):
		means := c.codes.CPT(code)
		if means == nil {
			unknown = ruleAlternateCPT
		}
		differs = means != nil && !means.Means(d.vaccine)
	}
	if unknown != nil {
		c.hit(unknown, s, 5, 4)
	}
	if differs {
		d.pack = nil // which of the two is wrong nobody knows
		c.hit(ruleVaccinePair, s, 5)
	}
}

// checkMaker judges RXA-17 alone, and against vaccine, NDC and lot.
func (c *checker) checkMaker(s *segment, d *dose) {
	code := s.Component(17, 1)
	if hl7.Empty(code) {
		if d.administered || !s.Rep(17).Empty() {
			c.hit(ruleMaker, s, 17)
		}
		return
	}
	maker := c.codes.MVX(code)
	if maker == nil {
		c.hit(ruleMakerCode, s, 17)
		return
	}
	if !d.administered {
		return
	}
	switch v, p := d.vaccine, d.pack; {
	case v != nil && len(v.Products) > 0 && !v.MadeBy(maker):
		if v.OtherMakers {
			c.hit(ruleMakerOther, s, 17)
		} else {
			c.hit(ruleMakerPair, s, 17)
		}
	case p != nil && len(p.Makers) > 0 && !slices.Contains(p.Makers, maker):
		c.hit(ruleMakerNDC, s, 17)
	case maker.Status == codes.Inactive && d.given > c.yearAgo && v != nil && !v.SoldBy(maker):
		c.hit(ruleMakerOld, s, 17)
	}
	c.checkLotShape(s, maker)
}

// checkLotShape compares the lot number with shapes that only one manufacturer
// uses.
func (c *checker) checkLotShape(s *segment, maker *codes.Maker) {
	lot := s.Field(15)
	for _, shape := range c.codes.Lots() {
		if shape.Maker != maker && shaped(lot, shape.Shape) {
			c.hit(ruleLotPattern, s, 15)
			return
		}
	}
}

// shaped: A in the shape is a capital letter, # a digit, all else itself.
func shaped(b []byte, shape string) bool {
	if len(b) != len(shape) {
		return false
	}
	for i, c := range b {
		switch want := shape[i]; want {
		case 'A':
			if c < 'A' || c > 'Z' {
				return false
			}
		case '#':
			if c < '0' || c > '9' {
				return false
			}
		default:
			if c != want {
				return false
			}
		}
	}
	return true
}

// checkUse compares the day of the dose with the vaccine's time of use and the
// patient's age then.
func (c *checker) checkUse(s *segment, d *dose) {
	v := d.vaccine
	if v == nil || d.given == 0 || !d.present || d.given > c.today {
		return
	}
	u := &v.Use
	switch {
	case d.given < u.ImpossibleBefore && u.StartProven():
		c.hit(ruleUseBefore, s, 3)
		return // the age then says nothing
	case d.given < max(u.ExpectedFrom, u.ImpossibleBefore): // also where the latter is not proven
		c.hit(ruleUseEarly, s, 3)
	case !d.administered: // what is over here may go on abroad
	case u.ImpossibleAfter != 0 && d.given > u.ImpossibleAfter && u.EndProven():
		c.hit(ruleUseAfter, s, 3)
	case u.ExpectedUntil != 0 && d.given > u.ExpectedUntil:
		c.hit(ruleUseLate, s, 3)
	case d.pack != nil && outOfSale(d.pack, d.given):
		c.hit(ruleUseNDC, s, 3)
	}
	if months := monthsBetween(c.m.birth, d.given); months >= 0 &&
		(months < u.FromMonths || u.UntilMonths >= 0 && months > u.UntilMonths) {
		c.hit(ruleUseAge, s, 3)
	}
}

// outOfSale leaves half a year before the first day of sale. After the last it
// leaves three years, which is as long as a vaccine keeps, and a quarter to
// influenza vaccine, whose NDC is of one season.
func outOfSale(p *codes.Package, given hl7.Date) bool {
	switch {
	case p.First != 0 && given < p.First:
		return given.AddDays(182) < p.First
	case p.Last != 0 && given > p.Last:
		keeps := 3 * 365
		if seasonal(p) {
			keeps = 92
		}
		return given > p.Last.AddDays(keeps)
	}
	return false
}

func seasonal(p *codes.Package) bool {
	for _, g := range p.Vaccines[0].Groups {
		if g.Name == "FLU" {
			return true
		}
	}
	return false
}

// monthsBetween is whole months from birth to day; -1 where birth is not known
// or later.
func monthsBetween(birth, day hl7.Date) int {
	if birth == 0 || birth > day {
		return -1
	}
	months := (day.Year()-birth.Year())*12 + day.Month() - birth.Month()
	if day.Day() < birth.Day() {
		months--
	}
	return months
}

// checkRouteFit compares the route with the ways in which the vaccine's
// packages are given.
func (c *checker) checkRouteFit(s *segment, d *dose, route []byte) {
	if v := d.vaccine; v != nil && d.present && !v.NotVaccine && (same(route, "C38276") || same(route, "IV")) {
		c.hit(ruleRouteFit, s, 1) // into a vein: globulins only
	} else if v != nil && d.present && v.Routes != 0 {
		if way := routeClass(route); way != 0 && v.Routes&way == 0 {
			c.hit(ruleRouteFit, s, 1)
		}
	}
}

// routeClass is how a route of NCIT or HL70162 gets in; zero for others.
func routeClass(route []byte) codes.Routes {
	switch string(route) {
	case "C28161", "C38299", "C38238", "C38276", "IM", "SC", "ID", "IV":
		return codes.Injected
	case "C38676":
		return codes.Pricked
	case "C38288", "PO":
		return codes.Oral
	case "C38284", "NS", "IN":
		return codes.Nasal
	}
	return 0
}

// nirsevimab: two syringes for one child are two doses with two sites.
func nirsevimab(v *codes.Vaccine) bool { return v != nil && (v.Code == "306" || v.Code == "307") }

// checkTwoSites looks for a second dose of nirsevimab on the same day at the
// same site.
func (c *checker) checkTwoSites(o *order, site []byte) {
	if !nirsevimab(o.dose.vaccine) || hl7.Empty(site) || !o.dose.present || len(c.m.orders) > 500 {
		return
	}
	for i := range c.m.orders {
		other := &c.m.orders[i]
		if other == o {
			return
		}
		if nirsevimab(other.dose.vaccine) && other.dose.present && other.dose.given == o.dose.given && other.rxr != nil &&
			string(other.rxr.Component(2, 1)) == string(site) {
			c.hit(ruleTwoSites, o.rxr, 2)
			return
		}
	}
}
