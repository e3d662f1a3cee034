package conformance

import "immtrail/hl7"

// checkVaccine finds the vaccine by RXA-5 and judges its code.
func (c *checker) checkVaccine(s *segment, d *dose) {
	f := s.Rep(5)
	code, table := f.Component(1), f.Component(3)
	if hl7.Empty(code) {
		c.hit(ruleVaccine, s, 5, 1)
		return
	}
	if hl7.Empty(table) {
		c.hit(ruleVaccine, s, 5, 3)
		return
	}
	t := codeTables()
	switch string(table) {
	case "CVX":
		d.vaccine = t.cvx[string(code)]
	case "NDC":
		d.vaccine = t.cvx[t.ndc[string(code)]]
		if d.vaccine != nil && !hyphens542(code) {
			c.hit(ruleVaccineNDCForm, s, 5, 1)
		}
	default:
		c.hit(ruleVaccineTable, s, 5, 3)
		return
	}
	if d.vaccine == nil {
		unknown := ruleVaccineCode
		if same(table, "NDC") && hyphens542(code) {
			unknown = ruleVaccineNDC
		}
		c.hit(unknown, s, 5, 1)
		return
	}
	d.code = d.vaccine.code
	c.checkSecondCode(f, s, d)
	v := d.vaccine
	switch {
	case d.code == "999" || d.code == "99":
		c.hit(ruleVaccineUnknown, s, 5, 1)
	case v.status == 'n':
		c.hit(ruleVaccineOld, s, 5, 1)
	case !d.administered:
	case d.code == "998":
		c.hit(ruleVaccineNone, s, 5, 1)
	case v.unspecified:
		c.hit(ruleVaccineVague, s, 5, 1)
	case v.status == 'f', v.status == 'i' && !v.marketed && c.recent(s):
		// An old dose may well bear a code that was retired since.
		c.hit(ruleVaccineOld, s, 5, 1)
	}
}

// recent reports whether the dose was given within the last year.
func (c *checker) recent(s *segment) bool {
	given, ok := day(s.Field(3))
	return ok && given > c.today.AddDays(-365)
}

// checkSecondCode compares RXA-5.4 with RXA-5.1 where both are known.
func (c *checker) checkSecondCode(f hl7.Rep, s *segment, d *dose) {
	code := f.Component(4)
	if hl7.Empty(code) {
		return
	}
	t := codeTables()
	differs := false
	switch string(f.Component(6)) {
	case "CVX":
		v := t.cvx[string(code)]
		differs = v != nil && v != d.vaccine
	case "NDC":
		cvx, known := t.ndc[string(code)]
		differs = known && cvx != d.code
	case "C4", "CPT", "CPT4":
		means := t.cpt[string(code)]
		differs = means != nil && !means[d.code]
	}
	if differs {
		c.hit(ruleVaccinePair, s, 5)
	}
}

func hyphens542(b []byte) bool {
	return len(b) == 13 && b[5] == '-' && b[10] == '-' && digits(b[:5]) && digits(b[6:10]) && digits(b[11:])
}

func (c *checker) checkMaker(s *segment, d *dose) {
	maker := s.Component(17, 1)
	if hl7.Empty(maker) {
		if d.administered {
			c.hit(ruleMaker, s, 17)
		}
		return
	}
	if _, ok := codeTables().mvx[string(maker)]; !ok {
		c.hit(ruleMakerCode, s, 17)
		return
	}
	if v := d.vaccine; d.administered && v != nil && v.makers != nil && !v.makers.has(maker) {
		c.hit(ruleMakerPair, s, 17)
	}
}
