package conformance

import (
	"bytes"

	"immtrail/hl7"
)

var (
	ruleRoute = declare(Rule{
		ID: "X-01", Where: "RXR-1", Severity: isError, Code: 101,
		Says:   "The route of a vaccination is missing from its segment.",
		Remedy: "Enter the route; ask the EHR vendor to send NCIT codes.",
		Source: "Z22 RXR-1 R; Texas IEE-570",
	})
	ruleRouteCode = declareLike(ruleRoute, Rule{
		ID: "X-01.code", Where: "RXR-1", Code: 103, Detail: 5, Says: "The route of a vaccination is no code of the guide.", Source: "NCIT; Texas IEE-570",
	})
	ruleRouteOld = declare(Rule{
		ID: "X-01.old", Where: "RXR-1", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The route is given by an old code (HL70162).",
		Remedy: "Ask the EHR vendor to send NCIT codes.",
		Source: "CDC guide r1.5, RXR-1",
	})
	ruleNoRoute = declare(Rule{
		ID: "X-01.none", Where: "RXR", Severity: isWarning, Code: 101,
		Says:   "An administered dose has no route and body site.",
		Remedy: "Enter route and body site.",
		Source: "Z22 RXR RE",
	})
	ruleBodySite = declare(Rule{
		ID: "X-02", Where: "RXR-2", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The body site of a vaccination is no code of the guide.",
		Remedy: "Choose the body site from the list.",
		Source: "HL70163; Texas IEE-571",
	})
	ruleNoBodySite = declare(Rule{
		ID: "X-02.none", Where: "RXR-2", Severity: isInfo, Code: 101,
		Says:   "An injected dose has no body site.",
		Remedy: "Enter the body site; if it never comes, ask the EHR vendor.",
		Source: "Z22 RXR-2 RE",
	})
	ruleSiteless = declare(Rule{
		ID: "X-02.route", Where: "RXR-2", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A dose that was swallowed or sprayed has a body site.",
		Remedy: "Leave the body site out, or choose the route by which the dose was given.",
		Source: "CDC guide r1.5, RXR-2: the site of an injection", SilencedBy: []string{"X-01.fit"},
	})
	ruleOBXSet = declare(Rule{
		ID: "B-01", Where: "OBX-1", Severity: isError, Code: 102, Detail: 4,
		Says:   "The observations are not numbered 1, 2, 3.",
		Remedy: "Ask the EHR vendor to number OBX segments from 1 in each vaccination.",
		Source: "NIST-01",
	})
	ruleOBXPart = declare(Rule{
		ID: "B-01.type", Where: "OBX-2", Severity: isError, Code: 101,
		Says:   "An observation does not say of what type its answer is.",
		Remedy: "Ask the EHR vendor to fill OBX-2, 3, 4, 5 and 11.",
		Source: "Z22 OBX-2 R",
	})
	ruleOBXNoQuestion = declareLike(ruleOBXPart, Rule{
		ID: "B-01.question", Where: "OBX-3", Says: "An observation has no question.", Source: "Z22 OBX-3 R",
	})
	ruleOBXGroup = declareLike(ruleOBXPart, Rule{
		ID: "B-01.group", Where: "OBX-4", Code: 102, Detail: 4, Says: "The group of an observation is missing or not a positive whole number.", Source: "Z22 OBX-4 R; IZ-44",
	})
	ruleOBXNoAnswer = declareLike(ruleOBXPart, Rule{
		ID: "B-01.answer", Where: "OBX-5", Says: "An observation has no answer.", Source: "Z22 OBX-5 R",
	})
	ruleOBXStatus = declareLike(ruleOBXPart, Rule{
		ID: "B-01.status", Where: "OBX-11", Code: 102, Detail: 4, Says: "The status of an observation is not F (final).", Source: "Z22 OBX-11 R; IZ-22",
	})
	ruleOBXType = declare(Rule{
		ID: "B-02", Where: "OBX-2", Severity: isError, Code: 103, Detail: 5,
		Says:   "The type of an observation's answer is no code of the guide.",
		Remedy: "Ask the EHR vendor to correct OBX-2 or OBX-5.",
		Source: "HL70125",
	})
	ruleOBXValue = declareLike(ruleOBXType, Rule{
		ID: "B-02.value", Where: "OBX-5", Code: 102, Detail: 4, Says: "The answer of an observation does not fit its type.", Source: "HL7 v2.5.1 data types",
	})
	ruleOBXUnit = declareLike(ruleOBXType, Rule{
		ID: "B-02.unit", Where: "OBX-6", Code: 101, Says: "A number as an answer has no unit.",
		Remedy: "Ask the EHR vendor to send a unit of UCUM in OBX-6.", Source: "Z22 OBX-6 C(R)",
	})
	ruleOBXQuestion = declare(Rule{
		ID: "B-03", Where: "OBX-3", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The question of an observation is no LOINC code of the guide.",
		Remedy: "Ask the EHR vendor to send codes of table NIP003.",
		Source: "NIP003",
	})
	ruleEligibility = declare(Rule{
		ID: "B-04", Where: "OBX", Severity: isError, Code: 101, Detail: 6,
		Says:   "An administered dose has no funding eligibility (VFC).",
		Remedy: "Enter the patient's eligibility for this dose.",
		Source: "IZ-23",
	})
	ruleEligibilityCode = declare(Rule{
		ID: "B-04.code", Where: "OBX-5", Severity: isError, Code: 103, Detail: 5,
		Says:   "The funding eligibility is no code of the guide.",
		Remedy: "Choose the eligibility from the list.",
		Source: "IZ-35; HL70064; Texas IEE-104, 533, 563",
	})
	ruleEligibilityWay = declare(Rule{
		ID: "B-04.way", Where: "OBX-17", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The funding eligibility does not say whether it was asked per dose or per visit.",
		Remedy: "Ask the EHR vendor to send VXC40 or VXC41 in OBX-17.",
		Source: "Z22 OBX-17 C",
	})
	ruleEligibilityAge = declare(Rule{
		ID: "B-05", Where: "OBX-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The funding eligibility does not fit the patient's age.",
		Remedy: "Choose a code for adults from 19 years on, one for children before.",
		Source: "Texas IEE-539, 540, 541",
	})
	ruleFunding = declare(Rule{
		ID: "B-06", Where: "OBX-5", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The funding source of the vaccine is no code of the guide.",
		Remedy: "Ask the EHR vendor to send PHC70, VXC50, VXC51 or VXC52.",
		Source: "CDC guide r1.5, 30963-3",
	})
	ruleVIS = declare(Rule{
		ID: "B-07", Where: "OBX", Severity: isError, Code: 101, Detail: 6,
		Says:   "An administered dose does not say which vaccine information statement was handed out, and when.",
		Remedy: "Enter the statement and the day on which it was given to the patient.",
		Source: "IZ-24",
	})
	ruleVISCode = declare(Rule{
		ID: "B-07.code", Where: "OBX-5", Severity: isError, Code: 103, Detail: 5,
		Says:   "The bar code of the vaccine information statement is not known.",
		Remedy: "Scan the statement again; ask the EHR vendor to renew the table.",
		Source: "IZ-36; CDC VIS table",
	})
	ruleVISType = declareLike(ruleVISCode, Rule{
		ID: "B-07.type", Where: "OBX-5", Says: "The vaccine that an information statement is for is no CVX code.",
		Remedy: "Ask the EHR vendor to send the CVX code of the statement's vaccine.", Source: "IZ-37",
	})
	ruleVISDate = declare(Rule{
		ID: "B-07.date", Where: "OBX-5", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "A date of a vaccine information statement is not a date, in the future, or before its edition.",
		Remedy: "Correct the day on which the statement was given.",
		Source: "CDC VIS table",
	})
	ruleObserved = declare(Rule{
		ID: "B-08", Where: "OBX-14", Severity: isWarning, Code: 101,
		Says:   "An observation has no date.",
		Remedy: "Ask the EHR vendor to fill OBX-14.",
		Source: "Z22 OBX-14 RE; Texas: required field OBX-14 missing",
	})
	ruleObservedForm = declare(Rule{
		ID: "B-08.form", Where: "OBX-14", Severity: isWarning, Code: 102, Detail: 2,
		Says:   "The date of an observation is not a date.",
		Remedy: "Ask the EHR vendor to write OBX-14 as YYYYMMDD.",
		Source: "IZ-TS_NZ",
	})
	ruleImmunity = declare(Rule{
		ID: "B-09", Where: "OBX-5", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The disease to which the patient is said to be immune is no code of the guide.",
		Remedy: "Choose the disease from the list; ask the EHR vendor to send SNOMED CT codes.",
		Source: "Value sets of evidence of immunity, CDC guide r1.5",
	})
	ruleContraindication = declare(Rule{
		ID: "B-09.contraindication", Where: "OBX-5", Severity: isInfo, Code: 103, Detail: 5,
		Says:   "The contraindication is no code of the guide.",
		Remedy: "Choose it from the list; ask the EHR vendor to renew the codes.",
		Source: "Value set of contraindications, CDC guide r1.5",
	})
	ruleReaction = declareLike(ruleContraindication, Rule{
		ID: "B-09.reaction", Where: "OBX-5", Says: "The reaction to a vaccine is no code of the guide.", Source: "Value set of reactions, CDC guide r1.5",
	})
	ruleObservedWhen = declareLike(ruleObservedForm, Rule{
		ID: "B-08.when", Where: "OBX-14", Code: 102, Detail: 1, Says: "The date of an observation is in the future, or before the patient's birth.",
		Remedy: "Correct the date, or ask the EHR vendor to.", Source: "CDC data quality",
	})
	ruleFundingFit = declareLike(ruleFunding, Rule{
		ID: "B-06.fit", Where: "OBX-5", Code: 102, Detail: 3, Says: "The funding source of the vaccine does not fit the patient's eligibility: private stock for a VFC child, or public stock for a child who is not eligible.",
		Remedy: "Correct the eligibility of the patient or the stock that the dose came from.", Source: "VFC: its vaccine is for eligible children only; immregistries/codebase",
	})
)

func (c *checker) checkRXR(o *order) {
	s := o.rxr
	if s == nil {
		if o.dose.administered {
			c.hitNone(ruleNoRoute, "RXR")
		}
		return
	}
	route := s.Component(1, 1)
	c.checkRouteFit(s, &o.dose, route)
	switch {
	case routes.has(route):
	case oldRoutes.has(route):
		c.hit(ruleRouteOld, s, 1)
	case hl7.Empty(route):
		c.hit(ruleRoute, s, 1)
	default:
		c.hit(ruleRouteCode, s, 1)
	}
	site := s.Component(2, 1)
	switch {
	case hl7.Empty(s.Field(2)):
		if !siteless.has(route) {
			c.hit(ruleNoBodySite, s, 2)
		}
	case !hl7.Empty(site) && !bodySites.has(site):
		c.hit(ruleBodySite, s, 2)
	case !hl7.Empty(site) && siteless.has(route):
		c.hit(ruleSiteless, s, 2)
	}
	c.checkTwoSites(o, site)
}

// What an observation can be about, as far as rules care.
const (
	aboutOther = iota
	aboutEligibility
	aboutFunding
	aboutBarcode // of an information statement, and so on
	aboutDocument
	aboutEdition
	aboutPresented
)

func questionOf(code []byte) byte {
	switch string(code) {
	case "64994-7":
		return aboutEligibility
	case "30963-3":
		return aboutFunding
	case "69764-9":
		return aboutBarcode
	case "30956-7":
		return aboutDocument
	case "29768-9":
		return aboutEdition
	case "29769-7":
		return aboutPresented
	}
	return aboutOther
}

func (c *checker) checkOBXs(o *order) {
	var room [8]vis
	statements := room[:0]
	eligible := false
	var whose, stock payer
	for _, s := range o.obx {
		facts := c.observation(s)
		o.sets = append(o.sets, facts.set)
		if facts.seen != 0 && facts.seen < c.m.birth {
			c.hit(ruleObservedWhen, s, 14)
		}
		switch facts.question {
		case aboutEligibility:
			eligible, whose = true, facts.payer
			c.checkEligibilityAge(s, &o.dose, facts)
			c.checkFunding(s, &o.dose, whose, stock)
		case aboutFunding:
			stock = facts.payer
			c.checkFunding(s, &o.dose, whose, stock)
		case aboutBarcode, aboutDocument, aboutEdition, aboutPresented:
			statements = c.addVIS(statements, s, &facts)
		}
	}
	if o.dose.administered && !eligible && o.dose.code != "998" {
		c.hitNone(ruleEligibility, "OBX")
	}
	complete := len(statements) > 0
	for i := range statements {
		complete = c.checkStatement(&statements[i], &o.dose) && complete
	}
	if o.dose.administered && !complete {
		c.noVIS(&o.dose)
	}
}

// observation judges what can be judged of an OBX alone.
func (c *checker) observation(s *segment) lineFacts {
	known, room := c.recall(s.Segment)
	if known != nil {
		return known.lineFacts
	}
	before := c.m.hits
	c.checkOBX(s)
	c.walk(s)
	code := s.Component(5, 1)
	c.checkEvidence(s, code)
	facts := lineFacts{
		question: questionOf(s.Component(3, 1)), group: spanOf(s, s.Field(4)), answer: spanOf(s, code),
	}
	facts.set, _ = positive(s.Field(1))
	facts.seen, _ = day(s.Component(14, 1))
	switch facts.question {
	case aboutEligibility:
		if !hl7.Empty(code) && !eligibility.has(code) {
			c.hit(ruleEligibilityCode, s, 5)
		}
		if !eligibilityWays.has(s.Component(17, 1)) {
			c.hit(ruleEligibilityWay, s, 17)
		}
		facts.childOnly, facts.adult = childOnly.has(code), adultOnly.has(code)
		facts.payer = payerOf(code)
	case aboutFunding:
		if !hl7.Empty(code) && !funding.has(code) {
			c.hit(ruleFunding, s, 5)
		}
		facts.payer = payerOf(code)
	}
	if room != nil && c.m.hits == before {
		room.remember(s.Segment, facts)
	}
	return facts
}

// payer is who pays, by eligibility or by stock, where that is plain.
type payer byte

const (
	anybody payer = iota
	payerVFC
	payerPublic
	payerPrivate
)

// payerOf: eligibility V02 to V05 is for the VFC program, V01 for none; PHC70 is
// private stock, VXC51 VFC's, and VXC50 public. VXC52, public and not VFC, may be
// anybody's.
func payerOf(code []byte) payer {
	switch string(code) {
	case "V01", "PHC70":
		return payerPrivate
	case "V02", "V03", "V04", "V05", "VXC51":
		return payerVFC
	case "VXC50":
		return payerPublic
	}
	return anybody
}

// checkFunding compares eligibility and stock. Public stock for an adult who is
// not eligible for VFC may come from another program.
func (c *checker) checkFunding(s *segment, d *dose, whose, stock payer) {
	switch {
	case whose == anybody || stock == anybody || whose == stock:
	case whose == payerVFC && stock == payerPublic:
	case whose == payerPrivate && stock == payerPublic && !c.childAt(d):
	default:
		c.hit(ruleFundingFit, s, 5)
	}
}

// childAt reports whether the patient was under 19, the age at which VFC ends,
// on the day of the dose.
func (c *checker) childAt(d *dose) bool {
	age := c.m.ageOn(d.given)
	return d.given != 0 && age >= 0 && age < 19
}

// checkEvidence judges the codes of what a patient had.
func (c *checker) checkEvidence(s *segment, code []byte) {
	if hl7.Empty(code) {
		return
	}
	switch string(s.Component(3, 1)) {
	case "59784-9", "75505-8":
		if !immunities.has(code) && !c.consent.observed {
			c.hit(ruleImmunity, s, 5)
		}
	case "30945-0":
		if !contraindications.has(code) {
			c.hit(ruleContraindication, s, 5)
		}
	case "31044-1":
		if !reactions.has(code) {
			c.hit(ruleReaction, s, 5)
		}
	}
}

func (c *checker) checkEligibilityAge(s *segment, d *dose, facts lineFacts) {
	age := -1
	if d.given != 0 {
		age = c.m.ageOn(d.given)
	}
	if age >= 0 && ((age >= 19 && facts.childOnly) || (age < 19 && facts.adult)) {
		c.hit(ruleEligibilityAge, s, 5)
	}
}

func (c *checker) checkOBX(s *segment) {
	for n, r := range [...]*Rule{2: ruleOBXPart, 3: ruleOBXNoQuestion, 5: ruleOBXNoAnswer} {
		if r != nil && hl7.Empty(s.Field(n)) {
			c.hit(r, s, n)
		}
	}
	if _, ok := positive(s.Field(4)); !ok {
		c.hit(ruleOBXGroup, s, 4)
	}
	if !same(s.Field(11), "F") {
		c.hit(ruleOBXStatus, s, 11)
	}
	if question := s.Component(3, 1); !hl7.Empty(question) && !observations.has(question) {
		c.hit(ruleOBXQuestion, s, 3)
	}
	c.checkOBXType(s)
	if hl7.Empty(s.Field(14)) {
		c.hit(ruleObserved, s, 14)
	} else if seen, ok := day(s.Component(14, 1)); !ok {
		c.hit(ruleObservedForm, s, 14)
	} else if seen > c.tomorrow {
		c.hit(ruleObservedWhen, s, 14)
	}
}

func (c *checker) checkOBXType(s *segment) {
	kind, value := s.Field(2), s.Rep(5)
	if hl7.Empty(kind) || value.Empty() {
		return
	}
	fits := true
	switch string(kind) {
	case "CE", "CWE":
		fits = !hl7.Empty(value.Component(1)) && !hl7.Empty(value.Component(3))
	case "DT", "TS", "DTM":
		_, fits = day(value.Bytes())
	case "NM":
		fits = decimal(bytes.TrimPrefix(value.Bytes(), []byte("-")))
		if fits && s.Rep(6).Empty() {
			c.hit(ruleOBXUnit, s, 6)
		}
	default:
		if !valueTypes.has(kind) {
			c.hit(ruleOBXType, s, 2)
		}
	}
	if !fits {
		c.hit(ruleOBXValue, s, 5)
	}
}

// checkOBXSequence accepts numbers that begin with 1 in every group, and
// numbers that run through the message; the first that breaks both is told.
func (c *checker) checkOBXSequence() {
	running, perGroup, perMessage := 0, true, true
	var first *segment
	for i := range c.m.orders {
		o := &c.m.orders[i]
		for j, s := range o.obx {
			running++
			var n int
			if j < len(o.sets) {
				n = o.sets[j]
			} else { // of a group without RXA, which nobody looked into
				n, _ = positive(s.Field(1))
			}
			perGroup = perGroup && n == j+1
			perMessage = perMessage && n == running
			if !perGroup && !perMessage && first == nil {
				first = s
			}
		}
	}
	if first != nil {
		c.hit(ruleOBXSet, first, 1)
	}
}

// positive reads a positive whole number.
func positive(b []byte) (int, bool) {
	if !digits(b) || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		n = n*10 + int(c-'0')
	}
	return n, n > 0
}
