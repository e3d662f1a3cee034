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
		ID: "P-03.parts", Where: "PID-3", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "A patient identifier lacks its number, its assigning authority or its type.",
		Remedy: "Ask the EHR vendor to fill PID-3.1, PID-3.4 and PID-3.5.",
		Source: "Z22 CX-1, 4, 5 R",
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
		ID: "P-04", Where: "PID-5", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The patient's first or last name is missing.",
		Remedy: "Enter the patient's legal name.",
		Source: "Z22 XPN-1, 2 R; Texas: names cannot be empty",
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
		Says:   "A child's record lacks the mother's maiden name, or the name has no last name.",
		Remedy: "Enter the mother's maiden name; the registry matches children by it.",
		Source: "Z22 PID-6 RE",
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
		ID: "P-08", Where: "PID-10", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The patient's race is missing, not known to the registry, or more than one.",
		Remedy: "Enter one race; ask the EHR vendor to send CDC race codes.",
		Source: "Z22 PID-10 RE; Texas IEE-319 to 321",
	})
	ruleEthnicity = declare(Rule{
		ID: "P-08.ethnicity", Where: "PID-22", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The patient's ethnicity is missing, not known to the registry, or more than one.",
		Remedy: "Enter Hispanic, not Hispanic, or unknown.",
		Source: "Z22 PID-22 RE; Texas IEE-319 to 321",
	})
	ruleBirthPlace = declare(Rule{
		ID: "P-11", Where: "PID-24", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "Multiple birth and birth order do not fit together or are not codes.",
		Remedy: "Enter whether the child is one of several, and if so which.",
		Source: "Z22 PID-24 RE, PID-25 C",
	})
	ruleDeathDate = declare(Rule{
		ID: "P-12", Where: "PID-29", Severity: isError, Code: 102, Detail: 1,
		Says:   "The date of death is not a date, in the future, or before birth.",
		Remedy: "Correct the date of death.",
		Source: "Z22 PID-29",
	})
	ruleDeath = declare(Rule{
		ID: "P-12.indicator", Where: "PID-30", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The death indicator is not Y or N, or does not fit the date of death.",
		Remedy: "Set the death indicator in the EHR.",
		Source: "Z22 PID-30 RE",
	})
	ruleUnused = declare(Rule{
		ID: "P-13", Where: "PID", Severity: isWarning, Code: 102,
		Says:   "A field of the patient segment that the guide forbids has a value.",
		Remedy: "Ask the EHR vendor to leave PID-2, 4, 9, 12, 19, 20 and 21 empty.",
		Source: "Z22 PID X",
	})
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
	for _, n := range [...]int{2, 4, 9, 12, 19, 20, 21} {
		if !hl7.Empty(s.Field(n)) {
			c.hit(ruleUnused, s, n)
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
		c.hit(ruleMaiden, s, 6)
	} else if !same(name.Component(7), "M") {
		c.hit(ruleMaidenType, s, 6, 7)
	}
	if sex := s.Field(8); hl7.Empty(sex) {
		c.hit(ruleSex, s, 8)
	} else if !sexes.has(sex) {
		c.hit(ruleSexCode, s, 8)
	}
	if !oneOf(s, 10, races) {
		c.hit(ruleRace, s, 10)
	}
	if !oneOf(s, 22, ethnicities) {
		c.hit(ruleEthnicity, s, 22)
	}
	c.checkAddress(s, 11, addressOfPatient)
	dummyPhone := c.checkPhones(s, 13, phonesOfPatient)
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
		for _, part := range [...]int{1, 4, 5} {
			if hl7.Empty(id.Component(part)) {
				c.hitRep(ruleChartParts, s, 3, i, part)
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
	for _, part := range [...]int{1, 2} {
		switch value := name.Component(part); {
		case hl7.Empty(bytes.TrimSpace(value)):
			c.hit(ruleNameMissing, s, 5, part)
		case newbornName(value):
			c.hit(ruleNameNewborn, s, 5, part)
		case junkName(value):
			c.hit(ruleNameJunk, s, 5, part)
		}
	}
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
	case !hl7.Empty(rank) && (!digits(rank) || same(rank, "0")):
		c.hit(ruleBirthPlace, s, 25)
	case same(several, "Y") && hl7.Empty(rank):
		c.hit(ruleBirthPlace, s, 25)
	}
}

func (c *checker) checkDeath(s *segment) {
	m := &c.m
	date, dead := s.Component(29, 1), s.Field(30)
	if !hl7.Empty(date) {
		death, ok := day(date)
		if !ok || death > c.today || (m.birth != 0 && death < m.birth) {
			c.hit(ruleDeathDate, s, 29)
		} else {
			m.death = death
		}
		if !same(dead, "Y") {
			c.hit(ruleDeath, s, 30)
		}
	} else if !hl7.Empty(dead) && !yesNo.has(dead) {
		c.hit(ruleDeath, s, 30)
	}
}

// oneOf reports whether field n holds exactly one code, and one of codes.
func oneOf(s *segment, n int, codes *wordSet) bool {
	count := 0
	for _, r := range s.Reps(n) {
		if count++; count > mostReps {
			break
		}
		if !codes.has(r.Component(1)) {
			return false
		}
	}
	return count == 1
}
