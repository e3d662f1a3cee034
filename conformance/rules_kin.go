package conformance

import "immtrail/hl7"

var (
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
		ID: "N-02.last", Where: "NK1-2.1", Severity: isError, Code: 101,
		Says:   "The parent's or guardian's last name is missing.",
		Remedy: "Enter first and last name; ask the EHR vendor to set NK1-2.7 to L.",
		Source: "Z22 NK1-2 R, XPN-1 R",
	})
	ruleKinFirst = declareLike(ruleKinName, Rule{
		ID: "N-02.first", Where: "NK1-2.2", Says: "The parent's or guardian's first name is missing.", Source: "Z22 XPN-2 R",
	})
	ruleKinNameType = declareLike(ruleKinName, Rule{
		ID: "N-02.nametype", Where: "NK1-2.7", Says: "The parent's or guardian's name does not say what kind of name it is.", Source: "Z22 XPN-7 R",
	})
	ruleKinJunk = declareLike(ruleMaidenJunk, Rule{
		ID: "N-02.junk", Where: "NK1-2", Says: "The parent's or guardian's name is not a name: one letter, digits, signs, or a word such as UNKNOWN.",
		Remedy: "Enter the name of the parent or guardian.",
	})
	ruleKinNoName = declareLike(ruleKinName, Rule{
		ID: "N-02.name", Where: "NK1-2", Says: "The parent's or guardian's name is missing.", Source: "Z22 NK1-2 R",
	})
	ruleKinRelation = declare(Rule{
		ID: "N-02.relation", Where: "NK1-3", Severity: isError, Code: 101,
		Says:   "How the parent or guardian is related to the patient is missing.",
		Remedy: "Enter mother, father or guardian.",
		Source: "Z22 NK1-3 R",
	})
	ruleKinRelationCode = declareLike(ruleKinRelation, Rule{
		ID: "N-02.relationcode", Where: "NK1-3", Code: 103, Detail: 5, Says: "How the parent or guardian is related to the patient is no code of the guide.", Source: "HL70063",
	})
	ruleKinUnexpected = declare(Rule{
		ID: "N-03", Where: "NK1-3", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "None of a child's relatives is a parent or guardian.",
		Remedy: "Enter the parent or guardian.",
		Source: "Texas: responsible person",
	})
	ruleKinContact = declare(Rule{
		ID: "N-03.contact", Where: "NK1-4", Severity: isWarning, Code: 101,
		Says:   "The parent or guardian has neither address nor phone.",
		Remedy: "Enter address or phone of the parent or guardian.",
		Source: "Z22 NK1-4 RE, NK1-5 RE; Texas IEE-411",
	})
	ruleKinStreet = declareLike(ruleAddressPart, Rule{
		ID: "N-03.street", Where: "NK1-4.1", Says: "The parent's or guardian's address has no street.", Source: "Z22 XAD-1 RE",
	})
	ruleKinNoCity = declareLike(ruleAddressPart, Rule{
		ID: "N-03.city", Where: "NK1-4.3", Says: "The parent's or guardian's address has no city.", Source: "Z22 XAD-3 RE",
	})
	ruleKinCity = declareLike(ruleAddressPart, Rule{
		ID: "N-03.cityname", Where: "NK1-4.3", Code: 102, Detail: 4, Says: "The city of the parent's or guardian's address is not the name of one.", Source: "CDC data quality",
	})
	ruleKinState = declareLike(ruleAddressPart, Rule{
		ID: "N-03.state", Where: "NK1-4.4", Code: 103, Detail: 5, Says: "The state of the parent's or guardian's address is missing or not one.", Source: "Z22 XAD-4 RE",
	})
	ruleKinZIP = declareLike(ruleAddressPart, Rule{
		ID: "N-03.zip", Where: "NK1-4.5", Code: 102, Detail: 4, Says: "The ZIP code of the parent's or guardian's address is missing or not one.", Source: "Z22 XAD-5 RE",
	})
	ruleKinCountry = declareLike(ruleAddressPart, Rule{
		ID: "N-03.country", Where: "NK1-4.6", Code: 103, Detail: 5, Says: "The country of the parent's or guardian's address is none of ISO 3166-1 (three letters).", Source: "Z22 XAD-6 RE; HL70399",
	})
	ruleKinNoAddressType = declareLike(ruleAddressPart, Rule{
		ID: "N-03.noaddresstype", Where: "NK1-4.7", Says: "The parent's or guardian's address does not say what kind of address it is.",
		Remedy: "Ask the EHR vendor to send NK1-4.7, such as H for home.", Source: "Z22 XAD-7 R",
	})
	ruleKinAddressType = declareLike(ruleKinNoAddressType, Rule{
		ID: "N-03.addresstype", Where: "NK1-4.7", Code: 103, Detail: 5, Says: "The kind of the parent's or guardian's address is no code of the guide.", Source: "HL70190",
	})
	ruleKinPhone = declareLike(rulePhone, Rule{
		ID: "N-03.phone", Where: "NK1-5.7", Says: "A phone number of the parent or guardian is not valid.",
	})
	ruleKinArea = declareLike(rulePhone, Rule{
		ID: "N-03.area", Where: "NK1-5.6", Says: "The area code of a parent's or guardian's phone number is missing or not valid.", Source: "Z22 XTN-6; Texas IEE-413",
	})
	ruleKinUse = declareLike(rulePhone, Rule{
		ID: "N-03.use", Where: "NK1-5.2", Code: 103, Detail: 5, Says: "The use code of a parent's or guardian's phone number or email is no code of the guide.",
		Remedy: "Ask the EHR vendor to send a code of HL70201 in NK1-5.2, such as PRN or NET.", Source: "HL70201",
	})
	ruleKinEquipment = declareLike(rulePhone, Rule{
		ID: "N-03.equipment", Where: "NK1-5.3", Code: 103, Detail: 5, Says: "The equipment type of a parent's or guardian's phone number or email is no code of the guide.",
		Remedy: "Ask the EHR vendor to send a code of HL70202 in NK1-5.3, such as PH or CP.", Source: "HL70202",
	})
	ruleKinNoUse = declareLike(rulePhone, Rule{
		ID: "N-03.nouse", Where: "NK1-5.2", Code: 101, Says: "A phone number or email of the parent or guardian has no use code.",
		Remedy: "Ask the EHR vendor to send NK1-5.2 and, by it, the email in NK1-5.4 or the number in NK1-5.7.", Source: "Z22 XTN-2 R",
	})
	ruleKinNoEmail = declareLike(ruleKinNoUse, Rule{
		ID: "N-03.noemail", Where: "NK1-5.4", Says: "An email of the parent or guardian has no address.", Source: "Z22 XTN-4 C(R)",
	})
	ruleKinEmail = declareLike(ruleEmail, Rule{
		ID: "N-03.email", Where: "NK1-5.4", Says: "An email address of the parent or guardian is not one.",
	})
	ruleKinNoPhone = declareLike(ruleKinNoUse, Rule{
		ID: "N-03.nonumber", Where: "NK1-5.7", Says: "A phone of the parent or guardian has no number.", Source: "Z22 XTN-7 C(R)",
	})
	ruleKinSelf = declare(Rule{
		ID: "N-03.self", Where: "NK1-2", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "The responsible person is said to be the patient, but the names differ.",
		Remedy: "Correct the relation or the name.",
		Source: "Texas IEE-409",
	})
)

var (
	addressOfKin = addressOf{
		nil, ruleKinNoCity, ruleKinStreet, ruleKinCity, ruleKinState, ruleKinZIP, ruleKinCountry,
		ruleKinNoAddressType, ruleKinAddressType, ruleKinAddressBad,
		ruleKinStreetJunk, ruleKinZIPState, ruleKinCounty, ruleKinCountyState,
	}
	phonesOfKin = phones{ruleKinPhone, ruleKinArea, ruleKinUse, ruleKinEquipment, ruleKinNoUse, ruleKinNoEmail, ruleKinNoPhone, ruleKinEmail}
)

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
		c.checkKinName(s, name)
		if hl7.Empty(relation) {
			c.hit(ruleKinRelation, s, 3)
		} else if !relations.has(relation) {
			c.hit(ruleKinRelationCode, s, 3)
		}
		responsible = responsible || guardians.has(relation) || !relations.has(relation)
		if s.Rep(4).Empty() && s.Rep(5).Empty() {
			c.hit(ruleKinContact, s, 4)
		}
		c.checkAddress(s, 4, &addressOfKin)
		c.checkPhones(s, 5, phonesOfKin)
		if same(relation, "SEL") && m.pid != nil {
			own := m.pid.Rep(5)
			if string(own.Component(1)) != string(name.Component(1)) || string(own.Component(2)) != string(name.Component(2)) {
				c.hit(ruleKinSelf, s, 2)
			}
		}
		c.checkKinOfChild(s, name, same(relation, "SEL"))
	}
	if m.minor() && !responsible {
		c.hit(ruleKinUnexpected, m.nk1[0], 3)
	}
}

// checkKinName asks for the parts of a name; of none of them it says one thing.
func (c *checker) checkKinName(s *segment, name hl7.Rep) {
	if name.Empty() || hl7.Empty(name.Component(1)) && hl7.Empty(name.Component(2)) {
		c.hit(ruleKinNoName, s, 2)
		return
	}
	for part := range 3 {
		if value := name.Component(part); part > 0 && !hl7.Empty(value) && junkName(value) {
			c.hit(ruleKinJunk, s, 2, part)
		}
	}
	for part, r := range [...]*Rule{1: ruleKinName, 2: ruleKinFirst, 7: ruleKinNameType} {
		if r != nil && hl7.Empty(name.Component(part)) {
			c.hit(r, s, 2, part)
		}
	}
}
