package conformance

import (
	"slices"

	"immtrail/hl7"
)

// From these numbers on, one value for everybody is no chance any more. Below
// them a small honest file looks the same.
const (
	// leastMessages is for control IDs, which may never repeat, and for fields
	// that are empty everywhere.
	leastMessages = 3
	// leastPatients is for what tells people apart: in ten patients not even a
	// large family shares it.
	leastPatients = 10
	// leastPatientsByRace is for race alone. Where nine in ten patients are of
	// one race, thirty of one race are met once in 24 files; ten of one race and
	// of one ethnicity once in 35 files even where seven in ten share both.
	leastPatientsByRace = 30
	// leastDoses and leastVaccines are for makers and lots: one maker is usual
	// on the day of a flu clinic, and odd among ten doses of three vaccines.
	leastDoses    = 10
	leastVaccines = 3
)

// Dummy values are usual in test files.
var isDummy = Lanes{infoGrade, warningGrade, warningGrade}

var (
	ruleNoEnvelope = declare(Rule{
		ID: "F-06.none", Where: "file", Severity: isWarning,
		Says:   "The file has no batch envelope (FHS, BHS, BTS, FTS), so nobody can see whether it is whole.",
		Remedy: "Ask the EHR vendor to wrap the messages in FHS, BHS, BTS with the count, and FTS.",
		Source: "CDC guide r1.5 5.1; stock exports of open-source EHRs",
	})
	ruleOneControlID = declare(Rule{
		ID: "F-07.everybody", Where: "MSH-10", Severity: isError, Code: 205, Detail: 3,
		Says:   "Every message has the same control ID, so no answer of the registry can be told from another.",
		Remedy: "Ask the EHR vendor: the export writes a constant into MSH-10; it must give every message an ID of its own.",
		Source: "HL7 v2.5.1 MSH-10; from 3 messages on",
		Covers: []string{"F-07"},
	})
	ruleTestFile = declare(Rule{
		ID: "F-11.file", Where: "PID-5", Severity: Lanes{"", warningGrade, warningGrade}, Code: 102, Detail: 3,
		Says:   "More than half of the messages are about test patients: this looks like a test file.",
		Remedy: "Export from the EHR's production system, or send the file as a test file.",
		Source: "DSHS job aide: only true patient data; from 3 messages on",
	})
	ruleNobodyNamed = declare(Rule{
		ID: "M-08.file", Where: "MSH-4", Severity: isWarning, Code: 101,
		Says:   "Every message leaves the same header field empty: who sends (MSH-4) or who is to receive (MSH-5, MSH-6).",
		Remedy: "Ask the EHR vendor for the setting of the export; one setting mends every message.",
		Source: "Z22 MSH-4, 5, 6 RE; Texas: required field MSH-5 missing; from 3 messages on",
		Covers: []string{"M-08", "M-08.noreceiver", "M-09"},
	})
	ruleOneFamily = declare(Rule{
		ID: "P-04.everybody", Where: "PID-5.1", Severity: isDummy, Code: 102, Detail: 3,
		Says:   "All patients have the same last name.",
		Remedy: "See whether these are invented patients; otherwise ask the EHR vendor where PID-5.1 comes from.",
		Source: "CDC data quality: values that are typical of tests; from 10 patients on",
	})
	ruleOneBirth = declare(Rule{
		ID: "P-06.everybody", Where: "PID-7", Severity: isDummy, Code: 102, Detail: 1,
		Says:   "All patients have the same birth date.",
		Remedy: "Ask the EHR vendor where PID-7 comes from; a default was probably sent for everybody.",
		Source: "CDC data quality: default values; from 10 patients on",
	})
	ruleOneRace = declare(Rule{
		ID: "P-08.everybody", Where: "PID-10", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "Every patient with a race has the same one.",
		Remedy: "Ask the EHR vendor whether PID-10 is a constant of the export; where race is not known it must be left empty.",
		Source: "CDC data quality: default values; from 30 patients on, or 10 where ethnicity is the same for all too",
	})
	ruleOneAddress = declare(Rule{
		ID: "P-09.everybody", Where: "PID-11", Severity: isDummy, Code: 102, Detail: 3,
		Says:   "Every patient with an address has the same one.",
		Remedy: "Unless all of them live in one house, ask the EHR vendor: the clinic's address was probably sent.",
		Source: "CDC data quality: default values; from 10 patients on",
	})
	ruleOnePhone = declare(Rule{
		ID: "P-10.everybody", Where: "PID-13", Severity: isDummy, Code: 102, Detail: 3,
		Says:   "Every patient with a phone number has the same one.",
		Remedy: "Leave the phone empty where it is not known; the clinic's number or a dummy was probably typed.",
		Source: "CDC data quality: default values; from 10 patients on",
	})
	ruleOneSSN = declare(Rule{
		ID: "P-14.everybody", Where: "PID-3", Severity: isDummy, Code: 102, Detail: 3,
		Says:   "Every patient with a social security number has the same one.",
		Remedy: "Leave the number out where it is not known.",
		Source: "CDC data quality: default values; from 10 patients on",
	})
	ruleOneLot = declare(Rule{
		ID: "R-10.everybody", Where: "RXA-15", Severity: isDummy, Code: 102, Detail: 3,
		Says:   "Different vaccines all have the same lot number.",
		Remedy: "Enter the lot number that stands on each package; a dummy was probably typed.",
		Source: "A lot is of one product; from 10 doses of 3 vaccines on",
	})
	ruleOneMaker = declare(Rule{
		ID: "R-12.everybody", Where: "RXA-17", Severity: isWarning, Code: 102, Detail: 3,
		Says:   "Different vaccines all name the same manufacturer.",
		Remedy: "Ask the EHR vendor whether RXA-17 is a constant of the export; it must be the maker of each dose.",
		Source: "CDC data quality: default values; from 10 doses of 3 vaccines on",
	})
)

// The values that are watched over the file.
const (
	watchControlID = iota
	watchFamily
	watchBirth
	watchRace
	watchRaceAndEthnicity
	watchAddress
	watchPhone
	watchSSN
	watchLot
	watchMaker
	watches
)

// watched says for each of them which rule it breaks and from which numbers on.
var watched = [watches]struct {
	rule  *Rule
	path  string
	seen  int // times that the value stood there
	crowd int // different patients, or vaccines, that it stood with
}{
	watchControlID:        {ruleOneControlID, "MSH-10", leastMessages, 0},
	watchFamily:           {ruleOneFamily, "PID-5.1", 0, leastPatients},
	watchBirth:            {ruleOneBirth, "PID-7", 0, leastPatients},
	watchRace:             {ruleOneRace, "PID-10", 0, leastPatientsByRace},
	watchRaceAndEthnicity: {ruleOneRace, "PID-10", 0, leastPatients},
	watchAddress:          {ruleOneAddress, "PID-11", 0, leastPatients},
	watchPhone:            {ruleOnePhone, "PID-13", 0, leastPatients},
	watchSSN:              {ruleOneSSN, "PID-3", 0, leastPatients},
	watchLot:              {ruleOneLot, "RXA-15", leastDoses, leastVaccines},
	watchMaker:            {ruleOneMaker, "RXA-17", leastDoses, leastVaccines},
}

// spot is where a value stood first.
type spot struct {
	offset int64
	line   int
}

// watch notes whether a value has been the same wherever it stood: a digest of
// it, and who had it. In an ordinary file it is over with the second message.
type watch struct {
	differs bool
	seen    int
	value   uint64
	crowd   [leastPatientsByRace]uint64 // digests, in no order
	n       int                         // of crowd
	first   spot
}

func (w *watch) note(value, who uint64, s *segment) {
	switch {
	case w.differs:
		return
	case w.seen == 0:
		w.value, w.first = value, spot{s.Offset, s.Line}
	case w.value != value:
		w.differs = true
		return
	}
	w.seen++
	w.join(who)
}

func (w *watch) join(who uint64) {
	if w.n < len(w.crowd) && !slices.Contains(w.crowd[:w.n], who) {
		w.crowd[w.n] = who
		w.n++
	}
}

// merge adds what was noted of later messages.
func (w *watch) merge(later *watch) {
	switch {
	case w.differs, later.seen == 0 && !later.differs:
	case later.differs, w.seen > 0 && w.value != later.value:
		w.differs = true
	case w.seen == 0:
		*w = *later
	default:
		w.seen += later.seen
		for _, who := range later.crowd[:later.n] {
			w.join(who)
		}
	}
}

// headerFields are those that somebody must have set for the whole export.
var headerFields = [...]struct {
	field  int
	path   string
	covers string // the rule that says so of single messages
}{{4, "MSH-4", "M-08"}, {5, "MSH-5", "M-09"}, {6, "MSH-6", "M-08.noreceiver"}}

// everybody is what the rules on the whole file remember of its messages:
// constant memory, one for each block of messages, merged in their order.
type everybody struct {
	messages int
	first    spot
	empty    [len(headerFields)]int
	values   [watches]watch
}

// observe looks at a message that has been judged.
func (e *everybody) observe(m *message) {
	if e.messages == 0 {
		e.first = spot{m.msh.Offset, m.msh.Line}
	}
	e.messages++
	for i := range headerFields {
		if hl7.Empty(m.msh.Field(headerFields[i].field)) {
			e.empty[i]++
		}
	}
	e.value(watchControlID, m.msh, 0, m.msh.Field(10))
	if m.pid != nil {
		e.patient(m)
	}
	if e.values[watchLot].differs && e.values[watchMaker].differs {
		return
	}
	for i := range m.orders {
		if o := &m.orders[i]; o.rxa != nil && o.dose.administered {
			vaccine := digest(o.rxa.Component(5, 1))
			e.value(watchLot, o.rxa, vaccine, o.rxa.Field(15))
			e.value(watchMaker, o.rxa, vaccine, o.rxa.Component(17, 1))
		}
	}
}

// patient looks at what tells patients apart. In an ordinary file each value is
// over with the second message, or never there.
func (e *everybody) patient(m *message) {
	pid := m.pid
	e.person(watchFamily, m, pid.Component(5, 1))
	e.person(watchBirth, m, pid.Field(7))
	e.person(watchRace, m, pid.Field(10))
	if !e.values[watchRaceAndEthnicity].differs {
		e.person(watchRaceAndEthnicity, m, pid.Field(10), pid.Field(22))
	}
	if !e.values[watchAddress].differs {
		e.person(watchAddress, m, pid.Component(11, 1), pid.Component(11, 5))
	}
	if !e.values[watchPhone].differs {
		e.person(watchPhone, m, pid.Component(13, 7), pid.Component(13, 6))
	}
	e.person(watchSSN, m, m.ssn)
}

// person notes a value of a patient, and whose it is.
func (e *everybody) person(i int, m *message, b []byte, more ...[]byte) {
	if e.values[i].differs || hl7.Empty(b) {
		return
	}
	who := digest(m.chart.Component(4), m.chart.Component(1))
	if m.chart.Empty() {
		who = digest(m.pid.Field(5), m.pid.Field(7))
	}
	e.value(i, m.pid, who, b, more...)
}

// value notes a value with what belongs to it; an empty one says nothing.
func (e *everybody) value(i int, s *segment, who uint64, b []byte, more ...[]byte) {
	w := &e.values[i]
	if w.differs || hl7.Empty(b) {
		return
	}
	d := digest(b)
	for _, part := range more {
		d = d*31 + digest(part)
	}
	w.note(d, who, s)
}

// moveLines counts lines from n lines earlier on.
func (e *everybody) moveLines(n int) {
	e.first.line += n
	for i := range e.values {
		e.values[i].first.line += n
	}
}

// merge adds what was observed of the messages after e's.
func (e *everybody) merge(later *everybody) {
	if later.messages == 0 {
		return
	}
	if e.messages == 0 {
		e.first = later.first
	}
	e.messages += later.messages
	for i, n := range later.empty {
		e.empty[i] += n
	}
	for i := range e.values {
		e.values[i].merge(&later.values[i])
	}
}

// digest tells values apart within one check.
func digest(parts ...[]byte) uint64 {
	h := fnvStart
	for _, b := range parts {
		h = mix(h, b)
	}
	return h
}

// tellEverybody says at the end of the file what holds for all of it, and notes
// which findings on single messages say no more than that.
func (c *fileChecker) tellEverybody() {
	e := &c.everybody
	if e.messages == 0 {
		return
	}
	if !c.file.enveloped {
		c.atFile(ruleNoEnvelope, "file", e.first.offset, e.first.line)
	}
	if e.messages >= leastMessages {
		for i, n := range e.empty {
			if h := headerFields[i]; n == e.messages && c.weigh[ruleNobodyNamed.n] != "" {
				c.atFile(ruleNobodyNamed, h.path, e.first.offset, e.first.line)
				c.cover(h.covers, n)
			}
		}
		if tests := c.counts[ruleTestPatient.n]; tests*2 > e.messages {
			c.atFile(ruleTestFile, ruleTestFile.Where, e.first.offset, e.first.line)
		}
	}
	for i := range e.values {
		w, rule := &e.values[i], watched[i]
		if w.differs || w.seen == 0 || w.seen < rule.seen || w.n < rule.crowd {
			continue
		}
		if i == watchRaceAndEthnicity && e.values[watchRace].n >= leastPatientsByRace && !e.values[watchRace].differs {
			continue // said already
		}
		c.atFile(rule.rule, rule.path, w.first.offset, w.first.line)
		if i == watchControlID && c.weigh[rule.rule.n] != "" {
			c.cover("F-07", w.seen-1)
		}
	}
}

// cover notes that n findings of a rule are told once for the whole file.
func (c *fileChecker) cover(id string, n int) {
	if n = min(n, c.counts[byID()[id].n]); n > 0 {
		if c.covered == nil {
			c.covered = map[string]int{}
		}
		c.covered[id] = min(c.covered[id]+n, c.counts[byID()[id].n])
	}
}
