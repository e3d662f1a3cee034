package conformance

import "immtrail/hl7"

var (
	ruleAddress = declare(Rule{
		ID: "P-09", Where: "PID-11", Severity: isError, Code: 101,
		Says:   "The patient's address is missing.",
		Remedy: "Enter the patient's address.",
		Source: "Texas: PID-11 missing",
	})
	ruleCity = declareLike(ruleAddress, Rule{
		ID: "P-09.city", Where: "PID-11.3", Says: "The patient's address has no city.", Source: "Texas: PID-11-3 missing",
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
	ruleAddressBad = declare(Rule{
		ID: "P-09.bad", Where: "PID-11.7", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient's address is marked as a bad one (BA).",
		Remedy: "Ask the family for the address, and enter it.",
		Source: "HL70190; CDC data quality",
	})
	ruleAddressPart = declare(Rule{
		ID: "P-09.street", Where: "PID-11.1", Severity: isWarning, Code: 101,
		Says:   "The patient's address has no street.",
		Remedy: "Correct the address: two-letter state, ZIP code of five or nine digits, USA.",
		Source: "Z22 XAD-1 RE; Texas IEE-998",
	})
	ruleAddressCity = declareLike(ruleAddressPart, Rule{
		ID: "P-09.cityname", Where: "PID-11.3", Code: 102, Detail: 4, Says: "The city of the patient's address is not the name of one.", Source: "Texas IEE-998",
	})
	ruleAddressState = declareLike(ruleAddressPart, Rule{
		ID: "P-09.state", Where: "PID-11.4", Code: 103, Detail: 5, Says: "The state of the patient's address is missing or not one.", Source: "Z22 XAD-4 RE; Texas IEE-998",
	})
	ruleAddressZIP = declareLike(ruleAddressPart, Rule{
		ID: "P-09.zip", Where: "PID-11.5", Code: 102, Detail: 4, Says: "The ZIP code of the patient's address is missing or not one.", Source: "Z22 XAD-5 RE; Texas IEE-998",
	})
	ruleAddressCountry = declareLike(ruleAddressPart, Rule{
		ID: "P-09.country", Where: "PID-11.6", Code: 103, Detail: 5, Says: "The country of the patient's address is none of ISO 3166-1 (three letters).", Source: "Z22 XAD-6 RE; HL70399; Texas IEE-998",
	})
	rulePhone = declare(Rule{
		ID: "P-10", Where: "PID-13.7", Severity: isWarning, Code: 102, Detail: 4,
		Says:   "A phone number of the patient is not valid.",
		Remedy: "Correct it: three digits of area code and seven of number.",
		Source: "Z22 XTN-7; Texas IEE-413",
	})
	rulePhoneArea = declareLike(rulePhone, Rule{
		ID: "P-10.area", Where: "PID-13.6", Says: "The area code of a patient's phone number is missing or not valid.", Source: "Z22 XTN-6; Texas IEE-413",
	})
	rulePhoneUse = declareLike(rulePhone, Rule{
		ID: "P-10.use", Where: "PID-13.2", Code: 103, Detail: 5, Says: "The use code of a patient's phone number or email is no code of the guide.",
		Remedy: "Ask the EHR vendor to send a code of HL70201 in PID-13.2, such as PRN or NET.", Source: "HL70201",
	})
	rulePhoneKind = declareLike(rulePhone, Rule{
		ID: "P-10.equipment", Where: "PID-13.3", Code: 103, Detail: 5, Says: "The equipment type of a patient's phone number or email is no code of the guide.",
		Remedy: "Ask the EHR vendor to send a code of HL70202 in PID-13.3, such as PH or CP.", Source: "HL70202",
	})
	rulePhonePart = declare(Rule{
		ID: "P-10.nouse", Where: "PID-13.2", Severity: isError, Code: 101,
		Says:   "A phone number or email of the patient has no use code.",
		Remedy: "Ask the EHR vendor to send PID-13.2 and, by it, the email in PID-13.4 or the number in PID-13.7.",
		Source: "Z22 XTN-2 R",
	})
	ruleEmailNone = declareLike(rulePhonePart, Rule{
		ID: "P-10.noemail", Where: "PID-13.4", Says: "An email of the patient has no address.", Source: "Z22 XTN-4 C(R)",
	})
	ruleEmail = declareLike(rulePhone, Rule{
		ID: "P-10.email", Where: "PID-13.4", Says: "An email address of the patient is not one.", Remedy: "Correct it.", Source: "RFC 5322; CDC data quality",
	})
	ruleNumberNone = declareLike(rulePhonePart, Rule{
		ID: "P-10.nonumber", Where: "PID-13.7", Says: "A phone of the patient has no number.", Source: "Z22 XTN-7 C(R)",
	})
	rulePublicity = declare(Rule{
		ID: "D-01", Where: "PD1-11", Severity: isWarning, Code: 103, Detail: 5,
		Says:   "The publicity code is no code of the guide.",
		Remedy: "Ask the EHR vendor to map PD1-11, PD1-12 and PD1-16.",
		Source: "HL70215",
	})
	ruleProtection = declareLike(rulePublicity, Rule{
		ID: "D-01.protection", Where: "PD1-12", Says: "The protection indicator is neither Y nor N.", Source: "HL70136",
	})
	ruleStatus = declareLike(rulePublicity, Rule{
		ID: "D-01.status", Where: "PD1-16", Says: "The registry status is no code of the guide.", Source: "HL70441",
	})
	rulePublicityDate = declare(Rule{
		ID: "D-01.publicityday", Where: "PD1-18", Severity: isError, Code: 102, Detail: 2,
		Says:   "The day of the publicity code is not a date.",
		Remedy: "Ask the EHR vendor to correct PD1-13, PD1-17 and PD1-18.",
		Source: "IZ-DT_D",
	})
	ruleProtectionDate = declareLike(rulePublicityDate, Rule{
		ID: "D-01.protectionday", Where: "PD1-13", Says: "The day of the protection indicator is not a date.",
	})
	ruleStatusDate = declareLike(rulePublicityDate, Rule{
		ID: "D-01.statusday", Where: "PD1-17", Says: "The day of the registry status is not a date.",
	})
	rulePublicityAlone = declare(Rule{
		ID: "D-01.nopublicity", Where: "PD1-18", Severity: isWarning, Code: 102,
		Says:   "The day of the publicity code stands without the code.",
		Remedy: "Ask the EHR vendor to send PD1-13, PD1-17 and PD1-18 only beside PD1-12, PD1-16 and PD1-11.",
		Source: "Z22 PD1-18 C(X)",
	})
	ruleProtectionAlone = declareLike(rulePublicityAlone, Rule{
		ID: "D-01.noprotection", Where: "PD1-13", Says: "The day of the protection indicator stands without the indicator.", Source: "Z22 PD1-13 C(X)",
	})
	ruleStatusAlone = declareLike(rulePublicityAlone, Rule{
		ID: "D-01.nostatus", Where: "PD1-17", Says: "The day of the registry status stands without the status.", Source: "Z22 PD1-17 C(X)",
	})
	ruleProtected = declare(Rule{
		ID: "D-02", Where: "PD1-12", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The patient asked that the record be not shared.",
		Remedy: "Do not send it; clear the mark in the EHR if the patient has changed their mind.",
		Source: "Z22 PD1-12: Y protects the data",
	})
)

// addressOf are the rules for an address.
type addressOf struct {
	missing, noCity, street, city, state, zip, country, noType, badType, bad *Rule
	placeholder, zipState, county, countyState                               *Rule
}

var addressOfPatient = addressOf{
	ruleAddress, ruleCity, ruleAddressPart, ruleAddressCity, ruleAddressState, ruleAddressZIP, ruleAddressCountry,
	ruleAddressType, ruleAddressKind, ruleAddressBad,
	ruleStreetJunk, ruleZIPState, ruleCounty, ruleCountyState,
}

func (c *checker) checkAddress(s *segment, n int, rules *addressOf) {
	a := s.Rep(n)
	if a.Empty() {
		if rules.missing != nil {
			c.hit(rules.missing, s, n)
		}
		return
	}
	if city := a.Component(3); hl7.Empty(city) {
		c.hit(rules.noCity, s, n, 3)
	} else if !wordy(city) {
		c.hit(rules.city, s, n, 3)
	}
	if street := a.Sub(1, 1); hl7.Empty(street) {
		c.hit(rules.street, s, n, 1)
	} else if junkStreet(street) {
		c.hit(rules.placeholder, s, n, 1)
	}
	if country := a.Component(6); hl7.Empty(country) || same(country, "USA") {
		c.checkState(s, n, a, rules)
	} else if !countries.has(country) {
		c.hit(rules.country, s, n, 6)
	}
	if kind := a.Component(7); same(kind, "BA") {
		c.hit(rules.bad, s, n, 7)
	} else if hl7.Empty(kind) {
		c.hit(rules.noType, s, n, 7)
	} else if !addressTypes.has(kind) {
		c.hit(rules.badType, s, n, 7)
	}
}

// checkState judges what an address of the USA has.
func (c *checker) checkState(s *segment, n int, a hl7.Rep, rules *addressOf) {
	state, code := a.Component(4), a.Component(5)
	known := states.has(state)
	if !known {
		c.hit(rules.state, s, n, 4)
	}
	if !zip(code) {
		c.hit(rules.zip, s, n, 5)
	} else if known && zipElsewhere(code, state) {
		c.hit(rules.zipState, s, n, 5)
	}
	c.checkCounty(s, n, a.Component(9), state, rules)
}

var junkCities = set(`ANYTOWN ANYCITY ANYWHERE UNKNOWN UNKNOWNCITY UNK NONE NA N/A NULL CITY TOWN TEST NOCITY XXX BAD BADADDRESS NOADDRESS
	HOMELESS TRANSIENT INVALID RETURNEDMAIL NOTAVAILABLE`)

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

// phones are the rules for a field of phone numbers and emails.
type phones struct{ number, area, use, equipment, noUse, noEmail, noNumber, email *Rule }

var phonesOfPatient = phones{rulePhone, rulePhoneArea, rulePhoneUse, rulePhoneKind, rulePhonePart, ruleEmailNone, ruleNumberNone, ruleEmail}

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
			c.hitRep(rules.noUse, s, n, i, 2)
		} else if !phoneUses.has(use) {
			c.hitRep(rules.use, s, n, i, 2)
		}
		if !hl7.Empty(kind) && !phoneKinds.has(kind) {
			c.hitRep(rules.equipment, s, n, i, 3)
		}
		if same(use, "NET") {
			if hl7.Empty(p.Component(4)) {
				c.hitRep(rules.noEmail, s, n, i, 4)
			} else if !email(p.Component(4)) {
				c.hitRep(rules.email, s, n, i, 4)
			}
			continue
		}
		area, number := p.Component(6), p.Component(7)
		if !areaCode(area) {
			c.hitRep(rules.area, s, n, i, 6)
		}
		placeholder := dummyPhone(area, number)
		dummy = dummy || placeholder
		if hl7.Empty(number) {
			c.hitRep(rules.noNumber, s, n, i, 7)
		} else if len(number) != 7 || !digits(number) || number[0] < '2' || placeholder {
			c.hitRep(rules.number, s, n, i, 7)
		}
	}
	return dummy
}

// preferences are the codes of PD1, each with the day from which it holds.
var preferences = [...]struct {
	code, day         int
	codes             *wordSet
	wrong, form, lone *Rule
	when              *Rule
}{
	{11, 18, publicity, rulePublicity, rulePublicityDate, rulePublicityAlone, rulePublicityWhen},
	{12, 13, yesNo, ruleProtection, ruleProtectionDate, ruleProtectionAlone, ruleProtectionWhen},
	{16, 17, registryStatus, ruleStatus, ruleStatusDate, ruleStatusAlone, ruleStatusWhen},
}

func (c *checker) checkPD1(s *segment) {
	if s == nil {
		return
	}
	for i := range preferences {
		p := &preferences[i]
		if code := s.Component(p.code, 1); !hl7.Empty(code) && !p.codes.has(code) {
			c.hit(p.wrong, s, p.code)
		}
		if b := s.Field(p.day); !hl7.Empty(b) {
			if len(b) != 8 || !formDate.fits(b) {
				c.hit(p.form, s, p.day)
			} else if hl7.Empty(s.Field(p.code)) {
				c.hit(p.lone, s, p.day)
			} else if d, _ := hl7.ParseDate(b); d > c.tomorrow || d < c.m.birth {
				c.hit(p.when, s, p.day)
			}
		}
	}
	if same(s.Component(12, 1), "Y") {
		c.hit(ruleProtected, s, 12)
	}
}
