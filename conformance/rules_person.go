package conformance

import (
	"bytes"

	"immtrail/hl7"
)

// What the data of a person say that cannot be, though it is well formed.

var (
	ruleChartJunk = declare(Rule{
		ID: "P-03.junk", Where: "PID-3.1", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A number of the patient is a placeholder: one digit over and over, 123456789, or a word such as UNKNOWN.",
		Remedy: "Correct the number, or leave it out.",
		Source: "CDC data quality",
	})
	ruleNameSigns = declare(Rule{
		ID: "P-04.signs", Where: "PID-5", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient's name holds signs that no name has: a bracket, a slash or a comma, as of a nickname, a title or a second name.",
		Remedy: "Enter the legal name alone; titles and nicknames have parts of their own.",
		Source: "CDC data quality",
	})
	ruleNameMiddle = declare(Rule{
		ID: "P-04.middle", Where: "PID-5.3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient's middle name is not a name: digits, signs, or a word such as NMN or UNKNOWN.",
		Remedy: "Correct the middle name, or leave it out.",
		Source: "CDC data quality",
	})
	ruleNameSuffix = declareLike(ruleNameMiddle, Rule{
		ID: "P-04.suffix", Where: "PID-5.3", Says: "The suffix of the patient's name stands as the middle name, too.",
		Remedy: "Enter the suffix in its own place only.",
	})
	ruleLanguage = declare(Rule{
		ID: "P-15", Where: "PID-15", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The patient's language is no code of ISO 639-2.",
		Remedy: "Ask the EHR vendor to send a code of three small letters, such as eng or spa.",
		Source: "CDC guide r1.5, PID-15; HL70296",
	})
	rulePublicityWhen = declare(Rule{
		ID: "D-01.publicitywhen", Where: "PD1-18", Severity: isWarning, Code: 102, Detail: 1,
		Says:   "The day of the publicity code is in the future, or before the patient's birth.",
		Remedy: "Correct the day, or ask the EHR vendor to.",
		Source: "CDC data quality",
	})
	ruleProtectionWhen = declareLike(rulePublicityWhen, Rule{
		ID: "D-01.protectionwhen", Where: "PD1-13", Says: "The day of the protection indicator is in the future, or before the patient's birth.",
	})
	ruleStatusWhen = declareLike(rulePublicityWhen, Rule{
		ID: "D-01.statuswhen", Where: "PD1-17", Says: "The day of the registry status is in the future, or before the patient's birth.",
	})
	ruleKinOwn = declare(Rule{
		ID: "N-03.own", Where: "NK1-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "A child is said to be responsible for itself.",
		Remedy: "Enter the parent or guardian, unless the minor may consent alone.",
		Source: "Texas: responsible person; CDC data quality", SilencedBy: []string{"N-03.self"},
	})
	ruleKinSame = declare(Rule{
		ID: "N-03.same", Where: "NK1-2", Severity: isInfo, Code: 102, Detail: 3,
		Says:   "A child's parent or guardian bears the child's own first and last name.",
		Remedy: "Check the name; it is right where a child is named after a parent.",
		Source: "CDC data quality",
	})
)

var (
	noMiddleNames = set("NMN NMI NOMIDDLENAME NOMIDDLE MIDDLE MIDDLENAME NA N/A NULL NO")
	junkNumbers   = set("UNKNOWN UNK NONE NA N/A NULL TEST PENDING 123456789 12345678 1234567 0123456789 1234567890 987654321")
)

// junkNumber reports whether an identifier stands for none. Those of two signs
// and less may be real in a small practice.
func junkNumber(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	if b[0] == b[1] && b[1] == b[2] && len(b) > 3 && allSame(b) {
		return true
	}
	var buf [24]byte
	s := squeeze(&buf, b)
	return s != nil && junkNumbers.has(s)
}

// checkNameParts judges what the legal name has besides first and last name.
func (c *checker) checkNameParts(s *segment, name hl7.Rep) {
	for part := 1; part <= 2; part++ {
		if bytes.ContainsAny(name.Component(part), "(),/") {
			c.hit(ruleNameSigns, s, 5, part)
			break
		}
	}
	middle := name.Component(3)
	if hl7.Empty(middle) {
		return
	}
	var buf [24]byte
	switch short := squeeze(&buf, middle); {
	case len(short) > 1 && (junkName(middle) || noMiddleNames.has(short)), len(middle) == 1 && noLetter[middle[0]]:
		c.hit(ruleNameMiddle, s, 5, 3)
	case bytes.EqualFold(middle, name.Component(4)):
		c.hit(ruleNameSuffix, s, 5, 3)
	}
}

// checkLanguage judges the language of a patient where one is given.
func (c *checker) checkLanguage(s *segment) {
	if code := s.Component(15, 1); !hl7.Empty(code) && !languages.has(code) {
		c.hit(ruleLanguage, s, 15)
	}
}

// checkKinOfChild looks for a child that is its own responsible person.
func (c *checker) checkKinOfChild(s *segment, name hl7.Rep, self bool) {
	m := &c.m
	if !m.minor() || m.pid == nil {
		return
	}
	if self {
		c.hit(ruleKinOwn, s, 3)
		return
	}
	own := m.pid.Rep(5)
	if last := name.Component(1); !hl7.Empty(last) && bytes.Equal(own.Component(2), name.Component(2)) && bytes.Equal(own.Component(1), last) {
		c.hit(ruleKinSame, s, 2)
	}
}
