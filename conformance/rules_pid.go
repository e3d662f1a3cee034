package conformance

import (
	"bytes"

	"immtrail/hl7"
)

var (
	rulePIDSet = declare(Rule{
		ID: "P-02", Where: "PID-1", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 4,
		Says:   "The set ID of the patient segment is not 1.",
		Remedy: "Ask the EHR vendor to set PID-1 to 1.",
		Source: "IZ-46",
	})
	ruleChartMissing = declare(Rule{
		ID: "P-03", Where: "PID-3", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient has no identifier, such as a chart number.",
		Remedy: "Give the patient a chart number in the EHR.",
		Source: "Z22 PID-3 R",
	})
	ruleChartParts = declare(Rule{
		ID: "P-03.number", Where: "PID-3.1", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "A patient identifier lacks its number.",
		Remedy: "Ask the EHR vendor to fill PID-3.1, PID-3.4 and PID-3.5.",
		Source: "Z22 CX-1 R",
	})
	ruleChartAuthority = declareLike(ruleChartParts, Rule{
		ID: "P-03.authority", Where: "PID-3.4", Says: "A patient identifier does not say whose number it is.", Source: "Z22 CX-4 R",
	})
	ruleChartType = declareLike(ruleChartParts, Rule{
		ID: "P-03.type", Where: "PID-3.5", Says: "A patient identifier does not say what kind of number it is.", Source: "Z22 CX-5 R",
	})
	ruleChartKind = declare(Rule{
		ID: "P-03.kind", Where: "PID-3.5", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "None of the patient's identifiers is a chart number (MR, PI, PT, PN, U or AN).",
		Remedy: "Ask the EHR vendor to send the chart number with type MR.",
		Source: "HL70203; Texas matches by chart number",
	})
	ruleChartCode = declare(Rule{
		ID: "P-03.code", Where: "PID-3.5", Severity: isError, Drops: DropsMessage, Code: 103, Detail: 5,
		Says:   "The type of a patient identifier is no code of table HL70203.",
		Remedy: "Ask the EHR vendor to send MR for the chart number, SS for the social security number.",
		Source: "Z22 CX-5 R; HL70203",
	})
	ruleNameMissing = declare(Rule{
		ID: "P-04", Where: "PID-5.1", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient's last name is missing.",
		Remedy: "Enter the patient's legal name.",
		Source: "Z22 XPN-1 R; Texas: names cannot be empty",
	})
	ruleFirstNameMissing = declareLike(ruleNameMissing, Rule{
		ID: "P-04.first", Where: "PID-5.2", Says: "The patient's first name is missing.", Source: "Z22 XPN-2 R; Texas: names cannot be empty",
	})
	ruleNameJunk = declare(Rule{
		ID: "P-04.junk", Where: "PID-5", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 3,
		Says:   "The patient's name is not a name: one letter, digits, signs, or a word such as UNKNOWN.",
		Remedy: "Enter the patient's legal name.",
		Source: "Texas: names must be more than one character; CDC K.01.03",
	})
	ruleNameNewborn = declare(Rule{
		ID: "P-04.newborn", Where: "PID-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient still bears a placeholder for a newborn (BABY, BOY, GIRL) as a name.",
		Remedy: "Enter the child's name as soon as it is known; Texas refuses BABY.",
		Source: "Texas: names not BABY",
	})
	ruleNameType = declare(Rule{
		ID: "P-04.type", Where: "PID-5.7", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient's name does not say what kind of name it is.",
		Remedy: "Ask the EHR vendor to set PID-5.7 to L, the legal name.",
		Source: "Z22 XPN-7 R",
	})
	ruleNameLegal = declare(Rule{
		ID: "P-04.legal", Where: "PID-5.7", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The patient's first name in the message is not marked as the legal name (L).",
		Remedy: "Ask the EHR vendor to send the legal name first.",
		Source: "Z22 PID-5; HL70200",
	})
	ruleMaiden = declare(Rule{
		ID: "P-05", Where: "PID-6", Severity: isWarning, Code: 101,
		Says:   "A child's record lacks the mother's maiden name.",
		Remedy: "Enter the mother's maiden name; the registry matches children by it.",
		Source: "Z22 PID-6 RE",
	})
	ruleMaidenLast = declareLike(ruleMaiden, Rule{
		ID: "P-05.last", Where: "PID-6.1", Says: "The mother's maiden name has no last name.", Source: "Z22 XPN_M-1 R",
	})
	ruleMaidenJunk = declareLike(ruleMaiden, Rule{
		ID: "P-05.junk", Where: "PID-6.1", Code: 102, Detail: 3, Says: "The mother's maiden name is not a name: one letter, digits, signs, or a word such as UNKNOWN.", Source: "CDC data quality",
	})
	ruleMaidenType = declare(Rule{
		ID: "P-05.type", Where: "PID-6.7", Severity: isError, Code: 102, Detail: 4,
		Says:   "The mother's name is not marked as a maiden name (M).",
		Remedy: "Ask the EHR vendor to set PID-6.7 to M.",
		Source: "IZ-66",
	})
	ruleBirthMissing = declare(Rule{
		ID: "P-06", Where: "PID-7", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient's birth date is missing.",
		Remedy: "Enter the birth date.",
		Source: "Z22 PID-7 R",
	})
	ruleBirthForm = declare(Rule{
		ID: "P-06.form", Where: "PID-7", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 2,
		Says:   "The patient's birth date is not a date.",
		Remedy: "Enter the full birth date: year, month and day.",
		Source: "IZ-TS_NZ",
	})
	ruleBirthFuture = declare(Rule{
		ID: "P-06.future", Where: "PID-7", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 1,
		Says:   "The patient's birth date is in the future, or after the message was made.",
		Remedy: "Correct the birth date.",
		Source: "CDC K.01.06",
	})
	ruleBirthOld = declare(Rule{
		ID: "P-06.old", Where: "PID-7", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 3,
		Says:   "The patient would be more than 120 years old.",
		Remedy: "Correct the birth date.",
		Source: "No living person is older",
	})
	ruleSex = declare(Rule{
		ID: "P-07", Where: "PID-8", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient's sex is missing.",
		Remedy: "Enter F, M or U (unknown).",
		Source: "Z22 PID-8 R",
	})
	ruleSexCode = declare(Rule{
		ID: "P-07.code", Where: "PID-8", Severity: isError, Drops: DropsMessage, Code: 103, Detail: 5,
		Says:   "The patient's sex is not F, M or U.",
		Remedy: "Ask the EHR vendor to map it to F, M or U.",
		Source: "HL70001",
	})
	ruleRace = declare(Rule{
		ID: "P-08", Where: "PID-10", Severity: isWarning, Code: 101,
		Says:   "The patient's race is missing.",
		Remedy: "Enter one race; ask the EHR vendor to send CDC race codes.",
		Source: "Z22 PID-10 RE; Texas IEE-319 to 321",
	})
	ruleRaceCode = declareLike(ruleRace, Rule{
		ID: "P-08.code", Where: "PID-10", Code: 103, Detail: 5, Says: "The patient's race is no code of the registry.", Source: "CDCREC; Texas IEE-319 to 321",
	})
	ruleRaceMore = declareLike(ruleRace, Rule{
		ID: "P-08.more", Where: "PID-10", Code: 102, Detail: 3, Says: "The patient has more than one race; the registry takes one.", Source: "Texas IEE-319 to 321",
	})
	ruleEthnicity = declare(Rule{
		ID: "P-08.ethnicity", Where: "PID-22", Severity: isWarning, Code: 101,
		Says:   "The patient's ethnicity is missing.",
		Remedy: "Enter Hispanic, not Hispanic, or unknown.",
		Source: "Z22 PID-22 RE; Texas IEE-319 to 321",
	})
	ruleEthnicityCode = declareLike(ruleEthnicity, Rule{
		ID: "P-08.ethnicitycode", Where: "PID-22", Code: 103, Detail: 5, Says: "The patient's ethnicity is no code of the registry.", Source: "CDCREC; Texas IEE-319 to 321",
	})
	ruleEthnicityMore = declareLike(ruleEthnicity, Rule{
		ID: "P-08.ethnicities", Where: "PID-22", Code: 102, Detail: 3, Says: "The patient has more than one ethnicity.", Source: "Z22 PID-22 [0..1]; Texas IEE-319 to 321",
	})
	ruleBirthPlace = declare(Rule{
		ID: "P-11", Where: "PID-24", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "Whether the child is one of several is neither Y nor N.",
		Remedy: "Enter whether the child is one of several, and if so which.",
		Source: "HL70136",
	})
	ruleBirthOrder = declareLike(ruleBirthPlace, Rule{
		ID: "P-11.order", Where: "PID-25", Code: 102, Detail: 4, Says: "The birth order is not a number from 1 to 99.", Source: "Z22 PID-25 NM",
	})
	ruleBirthOrderNone = declareLike(ruleBirthPlace, Rule{
		ID: "P-11.noorder", Where: "PID-25", Code: 101, Says: "A child who is one of several has no birth order.", Source: "Z22 PID-25 C(RE)",
	})
	ruleBirthOrderHigh = declareLike(ruleBirthPlace, Rule{
		ID: "P-11.high", Where: "PID-25", Code: 102, Detail: 3, Says: "The birth order is above 9, and no birth has so many children.",
		Remedy: "Enter the birth order, or leave it out where it is not known.", Source: "CDC data quality: 99 stands for unknown in some EHRs",
	})
	ruleBirthOrderSingle = declareLike(ruleBirthPlace, Rule{
		ID: "P-11.single", Where: "PID-25", Code: 102, Detail: 3, Says: "A child who is not one of several is the second or a later one by birth order.", Source: "Z22 PID-25 C(RE)",
	})
	ruleDeathDate = declare(Rule{
		ID: "P-12", Where: "PID-29", Severity: isError, Code: 102, Detail: 1,
		Says:   "The date of death is in the future, or before birth.",
		Remedy: "Correct the date of death.",
		Source: "Nobody dies before birth; CDC data quality",
	})
	ruleDeathForm = declareLike(ruleDeathDate, Rule{
		ID: "P-12.form", Where: "PID-29", Code: 102, Detail: 2, Says: "The date of death is not a date.", Source: "Z22 PID-29 TS",
	})
	ruleDeath = declare(Rule{
		ID: "P-12.indicator", Where: "PID-30", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "There is a date of death, and the death indicator is not Y.",
		Remedy: "Set the death indicator in the EHR.",
		Source: "Z22 PID-29 C(X)",
	})
	ruleDeathNoDate = declareLike(ruleDeath, Rule{
		ID: "P-12.nodate", Where: "PID-29", Code: 101, Says: "The patient is said to have died, and there is no date of death.",
		Remedy: "Enter the date of death.", Source: "Z22 PID-29 C(RE)",
	})
	ruleDeathCode = declareLike(ruleDeath, Rule{
		ID: "P-12.code", Where: "PID-30", Code: 103, Detail: 5, Says: "The death indicator is neither Y nor N.", Source: "HL70136",
	})
	ruleUnused = declare(Rule{
		ID: "P-13", Where: "PID-2", Severity: isWarning, Code: 102,
		Says:   "The old patient ID (PID-2), which the guide forbids, has a value.",
		Remedy: "Ask the EHR vendor to leave PID-2, 4, 9, 12, 19, 20 and 21 empty.",
		Source: "Z22 PID-2 X",
	})
	rulesUnused = [22]*Rule{
		2: ruleUnused,
		4: declareLike(ruleUnused, Rule{
			ID: "P-13.alternate", Where: "PID-4", Says: "The alternate patient ID (PID-4), which the guide forbids, has a value.", Source: "Z22 PID-4 X",
		}),
		9: declareLike(ruleUnused, Rule{
			ID: "P-13.alias", Where: "PID-9", Says: "The patient's alias (PID-9), which the guide forbids, has a value.",
			Remedy: "Ask the EHR vendor to send an alias as a further name in PID-5.", Source: "Z22 PID-9 X",
		}),
		12: declareLike(ruleUnused, Rule{
			ID: "P-13.county", Where: "PID-12", Says: "The county (PID-12), which the guide forbids, has a value.",
			Remedy: "Ask the EHR vendor to send the county in PID-11.9.", Source: "Z22 PID-12 X",
		}),
		19: declareLike(ruleUnused, Rule{
			ID: "P-13.ssn", Where: "PID-19", Says: "The social security number stands in PID-19, which the guide forbids.",
			Remedy: "Ask the EHR vendor to send it in PID-3 with type SS, or not at all.", Source: "Z22 PID-19 X",
		}),
		20: declareLike(ruleUnused, Rule{
			ID: "P-13.license", Where: "PID-20", Says: "The driver's license (PID-20), which the guide forbids, has a value.", Source: "Z22 PID-20 X",
		}),
		21: declareLike(ruleUnused, Rule{
			ID: "P-13.mother", Where: "PID-21", Says: "The mother's identifier (PID-21), which the guide forbids, has a value.", Source: "Z22 PID-21 X",
		}),
	}
	ruleSSN = declare(Rule{
		ID: "P-14", Where: "PID-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The social security number cannot be one.",
		Remedy: "Correct it, or leave it out.",
		Source: "SSA: no number begins with 000, 666 or 9, or has group 00 or serial 0000",
	})
	ruleTestPatient = declare(Rule{
		ID: "F-11", Where: "PID-5", Severity: isLiveError, Drops: DropsMessage, Code: 102, Detail: 3,
		Says:   "This looks like a test patient; production takes only true patients.",
		Remedy: "Keep test patients out of production exports.",
		Source: "DSHS job aide: only true patient data",
	})
)

func (c *checker) checkPID(s *segment) {
	m := &c.m
	if !same(s.Field(1), "1") {
		c.hit(rulePIDSet, s, 1)
	}
	for n, r := range rulesUnused {
		if r != nil && !hl7.Empty(s.Field(n)) {
			c.hit(r, s, n)
		}
	}
	c.checkBirth(s)
	m.age = m.ageOn(c.today)
	dummySSN := c.checkIdentifiers(s)
	c.checkName(s)
	if name := s.Rep(6); name.Empty() {
		if m.minor() {
			c.hit(ruleMaiden, s, 6)
		}
	} else if hl7.Empty(name.Component(1)) {
		c.hit(ruleMaidenLast, s, 6, 1)
	} else if junkName(name.Component(1)) {
		c.hit(ruleMaidenJunk, s, 6, 1)
	} else if !same(name.Component(7), "M") {
		c.hit(ruleMaidenType, s, 6, 7)
	}
	if sex := s.Field(8); hl7.Empty(sex) {
		c.hit(ruleSex, s, 8)
	} else if !sexes.has(sex) {
		c.hit(ruleSexCode, s, 8)
	}
	c.checkOne(s, 10, races, ruleRace, ruleRaceCode, ruleRaceMore)
	c.checkOne(s, 22, ethnicities, ruleEthnicity, ruleEthnicityCode, ruleEthnicityMore)
	c.checkAddress(s, 11, &addressOfPatient)
	dummyPhone := c.checkPhones(s, 13, phonesOfPatient)
	c.checkLanguage(s)
	c.checkMultipleBirth(s)
	c.checkDeath(s)
	name := s.Rep(5)
	if testName(name.Component(1), name.Component(2)) || (dummySSN && dummyPhone) {
		c.hit(ruleTestPatient, s, 5)
	}
}

// ageOn is the patient's age in years on a day, -1 where it is not known.
func (m *message) ageOn(day hl7.Date) int {
	if m.birth == 0 || m.birth > day {
		return -1
	}
	return m.birth.YearsUntil(day)
}

func (m *message) minor() bool { return m.age >= 0 && m.age < 18 }

func (c *checker) checkBirth(s *segment) {
	b := s.Component(7, 1)
	if hl7.Empty(b) {
		c.hit(ruleBirthMissing, s, 7)
		return
	}
	birth, ok := day(b)
	switch {
	case !ok:
		c.hit(ruleBirthForm, s, 7)
		return
	case birth > c.today, c.m.sent != 0 && birth > c.m.sent:
		c.hit(ruleBirthFuture, s, 7)
		return // no dose can be compared with it
	case birth.YearsUntil(c.today) > 120:
		c.hit(ruleBirthOld, s, 7)
	}
	c.m.birth = birth
}

var chartParts = [...]*Rule{1: ruleChartParts, 4: ruleChartAuthority, 5: ruleChartType}

// checkIdentifiers reports whether a dummy social security number is there.
func (c *checker) checkIdentifiers(s *segment) (dummy bool) {
	if hl7.Empty(s.Field(3)) {
		c.hit(ruleChartMissing, s, 3)
		return false
	}
	charted, odd := false, false
	for i, id := range s.Reps(3) {
		if i > mostReps {
			break
		}
		number, kind := id.Component(1), id.Component(5)
		for part, r := range chartParts {
			if r != nil && hl7.Empty(id.Component(part)) {
				c.hitRep(r, s, 3, i, part)
			}
		}
		if !hl7.Empty(kind) && !idKinds.has(kind) {
			odd = true
			c.hitRep(ruleChartCode, s, 3, i, 5)
		}
		if chartKinds.has(kind) && !charted {
			charted = true
			c.m.chart = id
		}
		if same(kind, "SS") && c.m.ssn == nil {
			c.m.ssn = number
		}
		if !same(kind, "SS") && junkNumber(number) {
			c.hitRep(ruleChartJunk, s, 3, i, 1)
		}
		if same(kind, "SS") && !hl7.Empty(number) {
			plausible, placeholder := ssn(number)
			dummy = dummy || placeholder
			if !plausible {
				c.hitRep(ruleSSN, s, 3, i, 1)
			}
		}
	}
	if !charted {
		c.m.chart = s.Rep(3)
		if !odd && !hl7.Empty(c.m.chart.Component(5)) {
			c.hit(ruleChartKind, s, 3, 5)
		}
	}
	return dummy
}

func (c *checker) checkName(s *segment) {
	name := s.Rep(5)
	for part, missing := range [...]*Rule{1: ruleNameMissing, ruleFirstNameMissing} {
		switch value := name.Component(part); {
		case part == 0:
		case hl7.Empty(bytes.TrimSpace(value)):
			c.hit(missing, s, 5, part)
		case newbornName(value):
			c.hit(ruleNameNewborn, s, 5, part)
		case junkName(value), maybeJunkNames(name.Component(1), name.Component(2)):
			c.hit(ruleNameJunk, s, 5, part)
		}
	}
	c.checkNameParts(s, name)
	switch kind := name.Component(7); {
	case hl7.Empty(kind):
		c.hit(ruleNameType, s, 5, 7)
	case !same(kind, "L"):
		c.hit(ruleNameLegal, s, 5, 7)
	}
}

func (c *checker) checkMultipleBirth(s *segment) {
	several, rank := s.Field(24), s.Field(25)
	switch {
	case !hl7.Empty(several) && !yesNo.has(several):
		c.hit(ruleBirthPlace, s, 24)
	case !hl7.Empty(rank) && (!digits(rank) || len(rank) > 2 || same(rank, "0") || same(rank, "00")):
		c.hit(ruleBirthOrder, s, 25)
	case len(rank) == 2 && rank[0] != '0' && rank[0] != '"':
		c.hit(ruleBirthOrderHigh, s, 25)
	case same(several, "N") && !hl7.Empty(rank) && !same(rank, "1") && !same(rank, "01"):
		c.hit(ruleBirthOrderSingle, s, 25)
	case same(several, "Y") && hl7.Empty(rank):
		c.hit(ruleBirthOrderNone, s, 25)
	}
}

func (c *checker) checkDeath(s *segment) {
	m := &c.m
	date, dead := s.Component(29, 1), s.Field(30)
	if !hl7.Empty(date) {
		switch death, ok := day(date); {
		case !ok:
			c.hit(ruleDeathForm, s, 29)
		case death > c.today || (m.birth != 0 && death < m.birth):
			c.hit(ruleDeathDate, s, 29)
		default:
			m.death = death
		}
		if !same(dead, "Y") {
			c.hit(ruleDeath, s, 30)
		}
	} else if !hl7.Empty(dead) && !yesNo.has(dead) {
		c.hit(ruleDeathCode, s, 30)
	} else if same(dead, "Y") {
		c.hit(ruleDeathNoDate, s, 29)
	}
}

// checkOne asks for exactly one code in field n, and one of codes.
func (c *checker) checkOne(s *segment, n int, codes *wordSet, missing, wrong, more *Rule) {
	if s.Rep(n).Empty() && hl7.Empty(s.Field(n)) {
		c.hit(missing, s, n)
		return
	}
	count := 0
	for _, r := range s.Reps(n) {
		if count++; count > mostReps {
			break
		}
		if !codes.has(r.Component(1)) {
			c.hit(wrong, s, n)
			return
		}
	}
	if count > 1 {
		c.hit(more, s, n)
	}
}
