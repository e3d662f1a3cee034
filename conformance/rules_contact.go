package conformance

import "immtrail/hl7"

var (
	ruleAddress = declare(Rule{
		ID: "P-09", Where: "PID-11", Severity: isError, Code: 101,
		Says:   "The patient's address is missing, or its city is.",
		Remedy: "Enter the patient's address.",
		Source: "Texas: PID-11 missing, PID-11-3 missing",
	})
	ruleAddressType = declare(Rule{
		ID: "P-09.type", Where: "PID-11.7", Severity: isError, Code: 101,
		Says:   "The patient's address does not say what kind of address it is.",
		Remedy: "Ask the EHR vendor to send PID-11.7, such as H for home.",
		Source: "Z22 XAD-7 R",
	})
	ruleAddressKind = declare(Rule{
		ID: "P-09.kind", Where: "PID-11.7", Severity: isError, Code: 103, Detail: 5,
		Says:   "The kind of the patient's address is not a code of the guide.",
		Remedy: "Ask the EHR vendor to send a code such as H, L or M in PID-11.7.",
		Source: "HL70190",
	})
	ruleAddressPart = declare(Rule{
		ID: "P-09.part", Where: "PID-11", Severity: isWarning, Code: 102, Detail: 4,
		Says:   "Street, state, ZIP code or country of the patient's address is missing or not valid.",
		Remedy: "Correct the address: two-letter state, ZIP code of five or nine digits, USA.",
		Source: "Texas IEE-998",
	})
	rulePhone = declare(Rule{
		ID: "P-10", Where: "PID-13", Severity: isWarning, Code: 102, Detail: 4,
		Says:   "A phone number or email of the patient is incomplete or not valid.",
		Remedy: "Correct it: three digits of area code and seven of number.",
		Source: "Z22 XTN; Texas IEE-413",
	})
	rulePhonePart = declare(Rule{
		ID: "P-10.part", Where: "PID-13", Severity: isError, Code: 101,
		Says:   "A phone number or email of the patient lacks its use code, its number or its address.",
		Remedy: "Ask the EHR vendor to send PID-13.2 and, by it, the email in PID-13.4 or the number in PID-13.7.",
		Source: "Z22 XTN-2 R, XTN-4 and XTN-7 C",
	})
	ruleNextOfKin = declare(Rule{
		ID: "N-01", Where: "NK1", Severity: isWarning, Code: 101,
		Says:   "A child's record names no parent or guardian.",
		Remedy: "Enter the parent or guardian.",
		Source: "Texas IEE-519",
	})
	ruleKinSet = declare(Rule{
		ID: "N-02", Where: "NK1-1", Severity: isError, Code: 102, Detail: 4,
		Says:   "The parents or guardians are not numbered 1, 2, 3.",
		Remedy: "Ask the EHR vendor to number NK1 segments from 1.",
		Source: "IZ-70",
	})
	ruleKinName = declare(Rule{
		ID: "N-02.name", Where: "NK1-2", Severity: isError, Code: 101,
		Says:   "The parent's or guardian's name is incomplete.",
		Remedy: "Enter first and last name; ask the EHR vendor to set NK1-2.7 to L.",
		Source: "Z22 NK1-2 R",
	})
	ruleKinRelation = declare(Rule{
		ID: "N-02.relation", Where: "NK1-3", Severity: isError, Code: 103, Detail: 5,
		Says:   "How the parent or guardian is related to the patient is missing or no code of the guide.",
		Remedy: "Enter mother, father or guardian.",
		Source: "Z22 NK1-3 R; HL70063",
	})
	ruleKinUnexpected = declare(Rule{
		ID: "N-03", Where: "NK1-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "None of a child's relatives is a parent or guardian.",
		Remedy: "Enter the parent or guardian.",
		Source: "Texas: responsible person",
	})
	ruleKinContact = declare(Rule{
		ID: "N-03.contact", Where: "NK1-4", Severity: isWarning, Code: 101,
		Says:   "The parent's or guardian's address and phone are missing or not valid.",
		Remedy: "Enter address or phone of the parent or guardian.",
		Source: "Texas IEE-411, IEE-413",
	})
	ruleKinSelf = declare(Rule{
		ID: "N-03.self", Where: "NK1-2", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The responsible person is said to be the patient, but the names differ.",
		Remedy: "Correct the relation or the name.",
		Source: "Texas IEE-409",
	})
	rulePublicity = declare(Rule{
		ID: "D-01", Where: "PD1", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "Publicity code, protection indicator or registry status is no code of the guide.",
		Remedy: "Ask the EHR vendor to map PD1-11, PD1-12 and PD1-16.",
		Source: "HL70215, HL70136, HL70441",
	})
	rulePublicityDate = declare(Rule{
		ID: "D-01.date", Where: "PD1-13", Severity: isError, Code: 102, Detail: 2,
		Says:   "A date in the patient's sharing preferences is not a date.",
		Remedy: "Ask the EHR vendor to correct PD1-13, PD1-17 and PD1-18.",
		Source: "IZ-DT_D",
	})
	rulePublicityPartner = declare(Rule{
		ID: "D-01.partner", Where: "PD1-13", Severity: isWarning, Code: 102,
		Says:   "A date in the patient's sharing preferences stands without the code that it belongs to.",
		Remedy: "Ask the EHR vendor to send PD1-13, PD1-17 and PD1-18 only beside PD1-12, PD1-16 and PD1-11.",
		Source: "Z22 PD1-13, 17, 18 C(X)",
	})
	ruleProtected = declare(Rule{
		ID: "D-02", Where: "PD1-12", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient asked that the record be not shared.",
		Remedy: "Do not send it; clear the mark in the EHR if the patient has changed their mind.",
		Source: "Z22 PD1-12: Y protects the data",
	})
)

type addressOf struct{ missing, noType, badType, part *Rule }

var (
	addressOfPatient = addressOf{ruleAddress, ruleAddressType, ruleAddressKind, ruleAddressPart}
	addressOfKin     = addressOf{nil, ruleKinContact, ruleKinContact, ruleKinContact}
)

func (c *checker) checkAddress(s *segment, n int, rules addressOf) {
	a := s.Rep(n)
	if a.Empty() {
		if rules.missing != nil {
			c.hit(rules.missing, s, n)
		}
		return
	}
	if city := a.Component(3); hl7.Empty(city) {
		c.hit(orElse(rules.missing, rules.part), s, n, 3)
	} else if !wordy(city) {
		c.hit(rules.part, s, n, 3)
	}
	if hl7.Empty(a.Sub(1, 1)) {
		c.hit(rules.part, s, n, 1)
	}
	country := a.Component(6)
	abroad := !hl7.Empty(country) && !same(country, "USA")
	if len(a.Component(4)) > 50 {
		c.hit(rules.part, s, n, 4)
		return
	}
	if abroad && !countries.has(country) {
		c.hit(rules.part, s, n, 6)
	}
	if !abroad || !countries.has(country) {
		if !states.has(a.Component(4)) {
			c.hit(rules.part, s, n, 4)
		}
		if !zip(a.Component(5)) {
			c.hit(rules.part, s, n, 5)
		}
	}
	if kind := a.Component(7); hl7.Empty(kind) {
		c.hit(rules.noType, s, n, 7)
	} else if !addressTypes.has(kind) {
		c.hit(rules.badType, s, n, 7)
	}
}

func orElse(a, b *Rule) *Rule {
	if a != nil {
		return a
	}
	return b
}

var junkCities = set("ANYTOWN ANYCITY ANYWHERE UNKNOWN NONE CITY TOWN TEST NOCITY XXX")

// wordy reports whether a city's name can be one: two letters at least, no
// digit, no placeholder.
func wordy(city []byte) bool {
	var buf [24]byte
	if junkCities.has(squeeze(&buf, city)) {
		return false
	}
	letters := 0
	for _, b := range city {
		if b >= '0' && b <= '9' {
			return false
		}
		if b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80 {
			letters++
		}
	}
	return letters >= 2
}

// phones are the rules for a field of phone numbers.
type phones struct{ wrong, missing *Rule }

var (
	phonesOfPatient = phones{rulePhone, rulePhonePart}
	phonesOfKin     = phones{ruleKinContact, ruleKinContact}
)

// checkPhones looks at every number or email of field n, and reports whether a
// placeholder is among them.
func (c *checker) checkPhones(s *segment, n int, rules phones) (dummy bool) {
	for i, p := range s.Reps(n) {
		if i > mostReps {
			break
		}
		if p.Empty() {
			continue
		}
		use, kind := p.Component(2), p.Component(3)
		if hl7.Empty(use) {
			c.hitRep(rules.missing, s, n, i, 2)
		} else if !phoneUses.has(use) {
			c.hitRep(rules.wrong, s, n, i, 2)
		}
		if !hl7.Empty(kind) && !phoneKinds.has(kind) {
			c.hitRep(rules.wrong, s, n, i, 3)
		}
		if same(use, "NET") {
			if hl7.Empty(p.Component(4)) {
				c.hitRep(rules.missing, s, n, i, 4)
			}
			continue
		}
		area, number := p.Component(6), p.Component(7)
		if len(area) != 3 || !digits(area) || area[0] < '2' {
			c.hitRep(rules.wrong, s, n, i, 6)
		}
		placeholder := dummyPhone(area, number)
		dummy = dummy || placeholder
		if hl7.Empty(number) {
			c.hitRep(rules.missing, s, n, i, 7)
		} else if len(number) != 7 || !digits(number) || number[0] < '2' || placeholder {
			c.hitRep(rules.wrong, s, n, i, 7)
		}
	}
	return dummy
}

func (c *checker) checkNK1s() {
	m := &c.m
	if len(m.nk1) == 0 {
		if m.minor() {
			c.hitNone(ruleNextOfKin, "NK1")
		}
		return
	}
	responsible := false
	for i, s := range m.nk1 {
		if n, ok := positive(s.Field(1)); !ok || n != i+1 {
			c.hit(ruleKinSet, s, 1)
		}
		name, relation := s.Rep(2), s.Component(3, 1)
		for _, part := range [...]int{1, 2, 7} {
			if hl7.Empty(name.Component(part)) {
				c.hit(ruleKinName, s, 2, part)
			}
		}
		if !relations.has(relation) {
			c.hit(ruleKinRelation, s, 3)
		}
		responsible = responsible || guardians.has(relation) || !relations.has(relation)
		if s.Rep(4).Empty() && s.Rep(5).Empty() {
			c.hit(ruleKinContact, s, 4)
		}
		c.checkAddress(s, 4, addressOfKin)
		c.checkPhones(s, 5, phonesOfKin)
		if same(relation, "SEL") && m.pid != nil {
			own := m.pid.Rep(5)
			if string(own.Component(1)) != string(name.Component(1)) || string(own.Component(2)) != string(name.Component(2)) {
				c.hit(ruleKinSelf, s, 2)
			}
		}
	}
	if m.minor() && !responsible {
		c.hit(ruleKinUnexpected, m.nk1[0], 3)
	}
}

// partnerOf is the field of PD1 that a date is the date of.
func partnerOf(date int) int {
	switch date {
	case 13:
		return 12
	case 17:
		return 16
	}
	return 11
}

func (c *checker) checkPD1(s *segment) {
	if s == nil {
		return
	}
	for _, f := range [...]struct {
		n     int
		codes *wordSet
	}{{11, publicity}, {12, yesNo}, {16, registryStatus}} {
		if code := s.Component(f.n, 1); !hl7.Empty(code) && !f.codes.has(code) {
			c.hit(rulePublicity, s, f.n)
		}
	}
	for _, n := range [...]int{13, 17, 18} {
		if b := s.Field(n); !hl7.Empty(b) {
			if len(b) != 8 || !formDate.fits(b) {
				c.hit(rulePublicityDate, s, n)
			} else if hl7.Empty(s.Field(partnerOf(n))) {
				c.hit(rulePublicityPartner, s, n)
			}
		}
	}
	if same(s.Component(12, 1), "Y") {
		c.hit(ruleProtected, s, 12)
	}
}
