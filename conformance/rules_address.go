package conformance

import (
	"strings"

	"immtrail/hl7"
)

// What an address says that no place answers to: placeholders, and a ZIP code or
// a county of another state.

var (
	ruleStreetJunk = declareLike(ruleAddressPart, Rule{
		ID: "P-09.placeholder", Where: "PID-11.1", Code: 102, Detail: 3, Says: "The street of the patient's address is no street: a word such as UNKNOWN, BAD ADDRESS or HOMELESS, or one sign.",
		Remedy: "Ask the family for the address; where there is none, ask the EHR vendor to mark it with BA in PID-11.7.", Source: "CDC data quality; Texas IEE-998",
	})
	ruleZIPState = declareLike(ruleAddressPart, Rule{
		ID: "P-09.zipstate", Where: "PID-11.5", Code: 102, Detail: 3, Says: "The ZIP code of the patient's address is not one of the state.",
		Remedy: "Correct ZIP code or state.", Source: "USPS three-digit ZIP code prefixes; Texas IEE-998",
	})
	ruleCounty = declare(Rule{
		ID: "P-09.county", Where: "PID-11.9", Severity: isInfo, Code: 103, Detail: 5,
		Says:   "The county of the patient's address is no FIPS code.",
		Remedy: "Ask the EHR vendor to send the county as five digits (FIPS 6-4), or not at all.",
		Source: "HL70289; FIPS 6-4",
	})
	ruleCountyState = declareLike(ruleAddressPart, Rule{
		ID: "P-09.countystate", Where: "PID-11.9", Code: 102, Detail: 3, Says: "The county of the patient's address is none of the state.",
		Remedy: "Correct county or state.", Source: "FIPS 6-4",
	})
	ruleKinStreetJunk = declareLike(ruleStreetJunk, Rule{
		ID: "N-03.placeholder", Where: "NK1-4.1", Says: "The street of the parent's or guardian's address is no street: a word such as UNKNOWN, BAD ADDRESS or HOMELESS, or one sign.",
		Remedy: "Ask the family for the address; where there is none, leave it out.", Source: "CDC data quality",
	})
	ruleKinZIPState = declareLike(ruleZIPState, Rule{
		ID: "N-03.zipstate", Where: "NK1-4.5", Says: "The ZIP code of the parent's or guardian's address is not one of the state.", Source: "USPS three-digit ZIP code prefixes",
	})
	ruleKinCounty = declareLike(ruleCounty, Rule{
		ID: "N-03.county", Where: "NK1-4.9", Says: "The county of the parent's or guardian's address is no FIPS code.",
	})
	ruleKinCountyState = declareLike(ruleCountyState, Rule{
		ID: "N-03.countystate", Where: "NK1-4.9", Says: "The county of the parent's or guardian's address is none of the state.",
	})
	ruleKinAddressBad = declareLike(ruleAddressBad, Rule{
		ID: "N-03.bad", Where: "NK1-4.7", Says: "The parent's or guardian's address is marked as a bad one (BA).",
	})
)

var junkStreets = set(`UNKNOWN UNKNOWNADDRESS ADDRESSUNKNOWN UNK UNKN NONE NA N/A NULL NOTAVAILABLE NOTKNOWN NOTGIVEN BADADDRESS
	ADDRESSBAD BAD BADADDR INVALIDADDRESS INVALID NOADDRESS NOADDRESSGIVEN NOADDRESSONFILE NOADDRESSAVAILABLE NOSTREET ADDRESS STREET
	HOMELESS TRANSIENT NOFIXEDADDRESS NOFIXEDABODE NOPERMANENTADDRESS RETURNEDMAIL MAILRETURNED RETURNTOSENDER
	MOVED UPDATEADDRESS NEEDADDRESS NEEDSADDRESS SAME SAMEASABOVE REFUSED DECLINED TEST TESTADDRESS XXX XXXX`)

// junkStreet reports whether a street is a word for none. One that begins with
// a house number is not looked at.
func junkStreet(street []byte) bool {
	if c := street[0]; len(street) > 1 && c >= '1' && c <= '9' {
		return false
	}
	var buf [24]byte
	s := squeeze(&buf, street)
	return s != nil && (len(s) < 2 || junkStreets.has(s) || allSame(s))
}

// zipOwners are the states by the first three digits of a ZIP code, as the
// postal service sorts them; where a prefix serves addresses of a neighbour, too,
// both are there. Empty: nobody's, or not known.
var zipOwners = func() (owners [1000]string) {
	const table = `005 NY|006-007 PR|008 VI|009 PR|010-027 MA|028-029 RI|030-038 NH|039-049 ME|050-054 VT|055 MA|056-059 VT|
		060-062 CT|063 CT NY|064-069 CT|070-089 NJ|090-098 AE|100-149 NY|150-196 PA|197-199 DE|200-205 DC VA MD|206-212 MD DC|
		214-219 MD|220-223 VA DC|224-246 VA|247-268 WV|270-289 NC|290-299 SC|300-319 GA|320-339 FL|340 AA|341-342 FL|344 FL|346-347 FL|
		349 FL|350-352 AL|354-369 AL|370-372 TN KY|373-385 TN|386-397 MS|398-399 GA|400-421 KY|422 KY TN|423-427 KY|430-459 OH|
		460-479 IN|480-498 MI|499 MI WI|500-516 IA|520-528 IA|530-532 WI|534-535 WI|537-549 WI|550-551 MN|553-567 MN|569 DC|
		570-577 SD|580-588 ND|590-599 MT|600-620 IL|622-629 IL|630-631 MO|633-641 MO|644-658 MO|660-662 KS|664-679 KS|
		680-681 NE|683-693 NE|700-701 LA|703-708 LA|710-714 LA|716-729 AR|730-731 OK|733 TX|734-738 OK|739 OK TX|740-741 OK|743-749 OK|
		750-799 TX|800-816 CO|820-831 WY|832-833 ID|834 ID WY|835-838 ID|840-844 UT|845 UT AZ|846-847 UT|850-853 AZ|855-857 AZ|859-860 AZ|
		863-864 AZ|865 AZ NM|870-884 NM|885 TX|889-891 NV|893-895 NV|897-898 NV|900-908 CA|910-928 CA|930-961 CA|962-966 AP|
		967-968 HI AS|969 GU MP PW FM MH|970-979 OR|980-986 WA|988-994 WA|995-999 AK`
	for entry := range strings.SplitSeq(table, "|") {
		prefixes, states, _ := strings.Cut(strings.TrimSpace(entry), " ")
		first, last, isRange := strings.Cut(prefixes, "-")
		if !isRange {
			last = first
		}
		from, _ := positive([]byte(first))
		to, _ := positive([]byte(last))
		for n := from; n <= to; n++ {
			owners[n] = states
		}
	}
	return owners
}()

// zipElsewhere reports whether a ZIP code is known to be none of the state.
func zipElsewhere(code, state []byte) bool {
	owners := zipOwners[int(code[0]-'0')*100+int(code[1]-'0')*10+int(code[2]-'0')]
	for ; len(owners) >= 2; owners = owners[min(3, len(owners)):] {
		if owners[0] == state[0] && owners[1] == state[1] {
			return false
		}
	}
	return zipOwners[int(code[0]-'0')*100+int(code[1]-'0')*10+int(code[2]-'0')] != ""
}

// stateNumbers are the first two digits of the FIPS codes of a state's counties.
var stateNumbers = func() map[string]string {
	numbers := map[string]string{}
	for _, s := range strings.Fields(`AL01 AK02 AZ04 AR05 CA06 CO08 CT09 DE10 DC11 FL12 GA13 HI15 ID16 IL17 IN18 IA19 KS20 KY21 LA22
		ME23 MD24 MA25 MI26 MN27 MS28 MO29 MT30 NE31 NV32 NH33 NJ34 NM35 NY36 NC37 ND38 OH39 OK40 OR41 PA42 RI44 SC45 SD46 TN47 TX48
		UT49 VT50 VA51 WA53 WV54 WI55 WY56 AS60 FM64 GU66 MH68 MP69 PW70 PR72 VI78`) {
		numbers[s[:2]] = s[2:]
	}
	return numbers
}()

// checkCounty judges the county of an address in a known state.
func (c *checker) checkCounty(s *segment, n int, county, state []byte, rules *addressOf) {
	if hl7.Empty(county) {
		return
	}
	if len(county) == 5 && digits(county) {
		number, known := stateNumbers[string(state)]
		if known && (string(county[:2]) != number || !countyOf(number, county[2:])) {
			c.hit(rules.countyState, s, n, 9)
		}
		return
	}
	if len(county) != 3 || !digits(county) {
		c.hit(rules.county, s, n, 9)
	}
}

// countyOf: the counties of Texas have the odd numbers up to 507, and no state
// has one with 000.
func countyOf(state string, county []byte) bool {
	n, _ := positive(county)
	return n > 0 && (state != "48" || n <= 507 && n%2 == 1)
}
