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
		c.hit(ruleVaccineCode, s, 5, 1)
		return
	}
	d.code = d.vaccine.code
	c.checkSecondCode(f, s, d)
	switch {
	case d.code == "999" || d.code == "99" || d.vaccine.status == 'n':
		c.hit(ruleVaccineUnknown, s, 5, 1)
	case !d.administered || d.code == "998":
	case d.vaccine.unspecified:
		c.hit(ruleVaccineVague, s, 5, 1)
	case d.vaccine.status == 'f', d.vaccine.status == 'i' && d.vaccine.makers == nil:
		// An inactive code with a product was licensed once; an old dose may bear it.
		c.hit(ruleVaccineOld, s, 5, 1)
	}
}

// checkSecondCode compares RXA-5.4 with RXA-5.1 where both are known.
func (c *checker) checkSecondCode(f hl7.Rep, s *segment, d *dose) {
	code := f.Component(4)
	if hl7.Empty(code) {
		return
	}
	other := ""
	switch string(f.Component(6)) {
	case "CVX":
		if v := codeTables().cvx[string(code)]; v != nil {
			other = v.code
		}
	case "NDC":
		other = codeTables().ndc[string(code)]
	}
	if other != "" && other != d.code {
		c.hit(ruleVaccinePair, s, 5)
	}
}

func hyphens542(b []byte) bool {
	return len(b) == 13 && b[5] == '-' && b[10] == '-'
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
