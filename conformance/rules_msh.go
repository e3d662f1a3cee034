package conformance

import (
	"time"
	"unicode/utf8"

	"immtrail/hl7"
)

var (
	ruleMessageDelims = declare(Rule{
		ID: "M-02", Where: "MSH-2", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 4,
		Says:   "The message does not use the delimiters |^~\\&.",
		Remedy: "Ask the EHR vendor to use the standard delimiters.",
		Source: "IZ-12, IZ-13",
	})
	ruleSentMissing = declare(Rule{
		ID: "M-03", Where: "MSH-7", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The message does not say when it was made.",
		Remedy: "Ask the EHR vendor to fill MSH-7.",
		Source: "Z22 MSH-7 R",
	})
	ruleSentForm = declare(Rule{
		ID: "M-03.form", Where: "MSH-7", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 2,
		Says:   "The time of the message is not a date and time to the second.",
		Remedy: "Ask the EHR vendor to write MSH-7 as YYYYMMDDHHMMSS with the offset.",
		Source: "IZ-TS_Z",
	})
	ruleSentFuture = declare(Rule{
		ID: "M-03.future", Where: "MSH-7", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 1,
		Says:   "The message says that it was made in the future.",
		Remedy: "Set the clock of the EHR's server.",
		Source: "A message cannot be older than its making; two hours of grace",
	})
	ruleSentZone = declare(Rule{
		ID: "M-03.zone", Where: "MSH-7", Severity: isWarning, Code: 102, Detail: 4,
		Says:   "The time of the message has no time zone.",
		Remedy: "Ask the EHR vendor to add the offset, such as -0600.",
		Source: "IZ-TS_Z",
	})
	ruleMessageType = declare(Rule{
		ID: "M-04", Where: "MSH-9", Severity: isError, Drops: DropsMessage, Code: 200, Detail: 4,
		Says:   "The message is not an immunization report (VXU^V04^VXU_V04).",
		Remedy: "Ask the EHR vendor to export immunization reports only.",
		Source: "IZ-17",
	})
	ruleVersion = declare(Rule{
		ID: "M-05", Where: "MSH-12", Severity: isError, Drops: DropsMessage, Code: 203, Detail: 4,
		Says:   "The message is not of HL7 version 2.5.1.",
		Remedy: "Ask the EHR vendor to export version 2.5.1.",
		Source: "IZ-15",
	})
	ruleAcks = declare(Rule{
		ID: "M-06", Where: "MSH-15", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 4,
		Says:   "The accept acknowledgement asked for is not ER.",
		Remedy: "Ask the EHR vendor to set MSH-15 to ER and MSH-16 to AL.",
		Source: "IZ-42",
	})
	ruleAppAck = declareLike(ruleAcks, Rule{
		ID: "M-06.application", Where: "MSH-16", Says: "The application acknowledgement asked for is not AL.", Source: "IZ-41",
	})
	ruleProfileID = declare(Rule{
		ID: "M-07", Where: "MSH-21", Severity: isError, Drops: DropsMessage, Code: 102, Detail: 4,
		Says:   "The message does not name the profile Z22^CDCPHINVS.",
		Remedy: "Ask the EHR vendor to set MSH-21.",
		Source: "IZ-43",
	})
	ruleSender = declare(Rule{
		ID: "M-08", Where: "MSH-4", Severity: isWarning, Code: 101,
		Says:   "The sending facility is empty.",
		Remedy: "Ask the EHR vendor to fill MSH-3, MSH-4 and MSH-6.",
		Source: "Z22 MSH-4 RE",
	})
	ruleSenderApp = declareLike(ruleSender, Rule{
		ID: "M-08.application", Where: "MSH-3", Says: "The sending application is empty.", Source: "Z22 MSH-3 RE",
	})
	ruleNoReceiver = declareLike(ruleSender, Rule{
		ID: "M-08.noreceiver", Where: "MSH-6", Says: "The receiving facility is empty.", Source: "Z22 MSH-6 RE",
	})
	ruleForeignSender = declare(Rule{
		ID: "M-08.sender", Where: "MSH-4", Severity: isError, Drops: DropsMessage, Code: 204, Detail: 3,
		Says:   "The sending facility belongs to no site of this practice.",
		Remedy: "Add the identifier to the right site, or see whether the file is another practice's.",
		Source: "Texas: org code or IIS ID in MSH-4 or MSH-22",
	})
	ruleReceiver = declare(Rule{
		ID: "M-08.receiver", Where: "MSH-6", Severity: isError, Code: 204, Detail: 3,
		Says:   "The receiving facility is not the registry's.",
		Remedy: "Ask the EHR vendor to set MSH-6 to the registry's identifier.",
		Source: "Setting message.receiving_facility",
	})
	ruleNoSite = declare(Rule{
		ID: "M-08.site", Where: "MSH-4", Severity: isWarning,
		Says:   "The message does not tell which site of the practice it comes from.",
		Remedy: "Ask the EHR vendor to put the site's identifier into MSH-4, MSH-22 or RXA-11.4.",
		Source: "Counts per site need it",
	})
	ruleReceivingApp = declare(Rule{
		ID: "M-09", Where: "MSH-5", Severity: isWarning, Code: 101,
		Says:   "The receiving application is empty.",
		Remedy: "Ask the EHR vendor to fill MSH-5.",
		Source: "Texas: required field MSH-5 missing",
	})
	ruleControlID = declare(Rule{
		ID: "M-10", Where: "MSH-10", Severity: isError, Drops: DropsMessage, Code: 101,
		Says:   "The message has no control ID.",
		Remedy: "Ask the EHR vendor to give every message an ID of its own.",
		Source: "Z22 MSH-10 R",
	})
	ruleControlIDLong = declareLike(ruleControlID, Rule{
		ID: "M-10.length", Where: "MSH-10", Code: 102, Detail: 4, Says: "The control ID has more than 199 characters.", Source: "Z22 MSH-10 length",
	})
	ruleProcessing = declare(Rule{
		ID: "F-10", Where: "MSH-11", Severity: isError, Drops: DropsMessage, Code: 202, Detail: 4,
		Says:   "The message is marked for another use (test or production) than this file.",
		Remedy: "Export from the EHR's production system for production, from its test setting for tests.",
		Source: "HL70103; settings message.*_processing_id",
	})
	ruleProcessingNone = declareLike(ruleProcessing, Rule{
		ID: "F-10.missing", Where: "MSH-11", Code: 101, Says: "The message does not say whether it is for test or production.", Source: "Z22 MSH-11 R",
	})
)

func (c *checker) checkMSH(s *segment) {
	m := &c.m
	if m.unit.Delims.Field != '|' || !same(s.Field(2), `^~\&`) {
		c.hit(ruleMessageDelims, s, 2)
	}
	c.checkSent(s)
	if t := s.Rep(9); !same(t.Component(1), "VXU") || !same(t.Component(2), "V04") || !same(t.Component(3), "VXU_V04") {
		c.hit(ruleMessageType, s, 9)
	}
	if !same(s.Component(12, 1), "2.5.1") {
		c.hit(ruleVersion, s, 12)
	}
	if !same(s.Field(15), "ER") {
		c.hit(ruleAcks, s, 15)
	}
	if !same(s.Field(16), "AL") {
		c.hit(ruleAppAck, s, 16)
	}
	named := false
	for i, id := range s.Reps(21) {
		if i > mostReps {
			break
		}
		named = named || (same(id.Component(1), "Z22") && same(id.Component(2), "CDCPHINVS"))
	}
	if !named {
		c.hit(ruleProfileID, s, 21)
	}
	for n, r := range [...]*Rule{3: ruleSenderApp, ruleSender, ruleReceivingApp, ruleNoReceiver} {
		if r != nil && hl7.Empty(s.Field(n)) && (n != 6 || c.receiver() == "") {
			c.hit(r, s, n)
		}
	}
	if id := s.Field(10); hl7.Empty(id) {
		c.hit(ruleControlID, s, 10)
	} else if len(id) > 199 && utf8.RuneCount(id) > 199 {
		c.hit(ruleControlIDLong, s, 10)
	}
	c.checkProcessing(s)
	if want := c.receiver(); want != "" && !same(s.Component(6, 1), want) && !same(s.Component(6, 2), want) {
		c.hit(ruleReceiver, s, 6)
	}
}

// receiver is what MSH-6 must be; empty where the profile does not know.
func (c *checker) receiver() string {
	if c.in.Profile == nil {
		return ""
	}
	return c.in.Profile.Message.ReceivingFacility
}

func (c *checker) checkSent(s *segment) {
	b := s.Component(7, 1)
	if hl7.Empty(b) {
		c.hit(ruleSentMissing, s, 7)
		return
	}
	t, ok := hl7.ParseTime(b)
	if !ok || t.Digits < 14 {
		c.hit(ruleSentForm, s, 7)
		if !ok {
			return
		}
	}
	c.m.sent = t.Date
	moment, zoned := t.Std()
	if !zoned {
		c.hit(ruleSentZone, s, 7)
		if t.Date > c.tomorrow {
			c.hit(ruleSentFuture, s, 7)
		}
		return
	}
	if moment.After(c.in.Now.Add(2 * time.Hour)) {
		c.hit(ruleSentFuture, s, 7)
	}
}

func (c *checker) checkProcessing(s *segment) {
	id := s.Component(11, 1)
	if hl7.Empty(id) {
		c.hit(ruleProcessingNone, s, 11)
		return
	}
	ok := same(id, "T") || same(id, "P") || same(id, "D")
	if p := c.in.Profile; ok && p != nil {
		if want := p.Message.ProcessingID(c.in.Lane); want != "" {
			ok = same(id, want)
		}
	} else if ok && p == nil && c.in.Lane != "test" {
		ok = same(id, "P")
	}
	if !ok {
		c.hit(ruleProcessing, s, 11)
	}
}
