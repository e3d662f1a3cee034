package fakeregistry

import (
	"slices"
	"strings"
	"time"

	"immtrail/registry"
)

// judge holds what the rules need to know about the file at hand.
type judge struct {
	// wanted is the MSH-11 of the folder.
	wanted string
	lane   registry.Lane
	// today is the calendar's day on which the file came, as YYYYMMDD.
	today       string
	prescribers []string
	facilities  []string
	objections  map[string][]Objection
	// known tells whether a dose was brought in by an earlier file.
	known func(doseKey) bool

	controlIDs map[string]bool
	inFile     map[doseKey]bool
	accepted   []doseKey
}

func newJudge(a *Account, lane registry.Lane, wanted string, today time.Time, known func(doseKey) bool) *judge {
	return &judge{
		wanted: wanted, lane: lane, today: today.Format(dayForm), known: known,
		prescribers: a.Prescribers, facilities: a.Facilities, objections: a.Objections,
		controlIDs: map[string]bool{}, inFile: map[doseKey]bool{},
	}
}

const dayForm = "20060102"

// Marks at the end of a chart number (PID-3.1) stand for what only a registry
// can know: that there is no consent, and that the dose is there already. The
// generator of sample messages sets them.
const (
	noConsentMark     = "NC"
	duplicateDoseMark = "DU"
)

// judgeMessage applies every rule to one message and remembers the doses that
// it brings in.
func (j *judge) judgeMessage(m *message) verdict {
	msh := m.segments[0]
	v := verdict{Ordinal: m.ordinal, ControlID: msh.field(10), Processing: msh.part(11, 1)}
	pid := m.first("PID")
	if pid != nil {
		v.Patient = patient{
			Chart: pid.part(3, 1), Last: pid.part(5, 1), First: pid.part(5, 2), Born: pid.field(7),
		}
	}
	add := func(cs ...complaint) { v.Complaints = append(v.Complaints, cs...) }
	add(j.header(msh)...)
	add(j.person(pid)...)
	if len(m.doses()) == 0 {
		add(fail("MER-907", "RXA", 0, "Message rejected. It holds no immunization."))
	}
	objected := map[int]complaint{} // by dose
	for _, o := range j.objections[v.ControlID] {
		if o.Dose > 0 {
			objected[o.Dose] = o.complaint()
			continue
		}
		add(o.complaint())
	}
	if badness(v.outcome()) >= badness(registry.OutcomePatientRejected) {
		return v
	}
	add(j.contact(m, pid)...)
	for _, d := range m.doses() {
		c, bad := objected[d.ordinal]
		if bad {
			add(c)
		}
		if !bad || c.harmless() || c.Severity == registry.SeverityWarning {
			add(j.dose(d, v.Patient)...)
		}
	}
	return v
}

func fail(code, segment string, field int, text string) complaint {
	return complaint{Code: code, Severity: registry.SeverityError, Segment: segment, Field: field, Text: text}
}

func missing(code, segment string, field int, text string) complaint {
	c := fail(code, segment, field, text)
	c.Missing = true
	return c
}

func warn(code, segment string, field int, text string) complaint {
	c := fail(code, segment, field, text)
	c.Severity = registry.SeverityWarning
	return c
}

// header judges MSH. What is wrong there rejects the message.
func (j *judge) header(msh segment) []complaint {
	var cs []complaint
	id := msh.field(10)
	switch {
	case id == "":
		cs = append(cs, missing("MER-901", "MSH", 10, "Message rejected. MSH-10 is required and missing."))
	case j.controlIDs[id]:
		cs = append(cs, fail("MER-902", "MSH", 10, "Message rejected. The message control ID is used twice in this file."))
	}
	j.controlIDs[id] = true
	if j.wanted != "" && msh.part(11, 1) != j.wanted {
		cs = append(cs, fail("MER-903", "MSH", 11, "Message rejected. This processing ID is not allowed in this folder."))
	}
	if len(j.facilities) > 0 && !slices.Contains(j.facilities, msh.part(4, 1)) {
		cs = append(cs, fail("MER-911", "MSH", 4, "Message rejected. The sending facility is none of this organization's."))
	}
	if msh.part(9, 1) != "VXU" || msh.part(9, 2) != "V04" {
		cs = append(cs, fail("MER-904", "MSH", 9, "Message rejected. Only VXU^V04 is taken."))
	}
	if msh.part(12, 1) != "2.5.1" {
		cs = append(cs, fail("MER-905", "MSH", 12, "Message rejected. Only HL7 version 2.5.1 is taken."))
	}
	return cs
}

// person judges PID: who it is, and whether the registry may keep it.
func (j *judge) person(pid segment) []complaint {
	if pid == nil {
		return []complaint{missing("MER-906", "PID", 0, "Message rejected. Required segment PID missing.")}
	}
	var cs []complaint
	chart, last, first := pid.part(3, 1), pid.part(5, 1), pid.part(5, 2)
	if chart == "" {
		cs = append(cs, missing("MER-908", "PID", 3, "Message rejected. PID-3 is required and missing."))
	}
	switch {
	case last == "" || first == "":
		cs = append(cs, missing("CLR-901", "PID", 5, "Client rejected. First and last name cannot be empty."))
	case len(last) < 2 || len(first) < 2 || isOneOf(first, "BABY", "NEWBORN"):
		cs = append(cs, fail("CLR-902", "PID", 5, "Client rejected. A name has one character only or is BABY."))
	case j.lane != registry.LaneTest && testPatient(pid):
		cs = append(cs, fail("CLR-903", "PID", 5, "Client rejected. Test patients are not kept."))
	}
	born, ok := day(pid.field(7))
	switch {
	case pid.field(7) == "":
		cs = append(cs, missing("MER-909", "PID", 7, "Message rejected. PID-7 is required and missing."))
	case !ok || born > j.today:
		cs = append(cs, fail("MER-910", "PID", 7, "Message rejected. The birth date is not a date or a Future Date."))
	}
	switch sex := pid.field(8); {
	case sex == "":
		cs = append(cs, missing("CLR-904", "PID", 8, "Client rejected. PID-8 is required and missing."))
	case !isOneOf(sex, "F", "M", "U"):
		cs = append(cs, fail("CLR-905", "PID", 8, "Client rejected. The code for sex is not known."))
	}
	if strings.HasSuffix(chart, noConsentMark) {
		cs = append(cs, fail("CLR-100", "PID", 3, "Client Rejected. No existing consent on file for "+
			patient{Last: last, First: first}.full()+". Check that the client is one with a record here."))
	}
	return cs
}

// contact judges what the registry asks for and can do without.
func (j *judge) contact(m *message, pid segment) []complaint {
	var cs []complaint
	nk1 := m.first("NK1")
	if nk1 == nil && minor(pid.field(7), j.today) {
		c := warn("IEE-519", "NK1", 0, "Warning. No NK1 segment: a responsible person is missing.")
		c.Missing = true
		cs = append(cs, c)
	}
	if dummyPhone(pid, 13) {
		cs = append(cs, warn("IEE-413", "PID", 13, "Warning. The telephone number is not valid."))
	}
	if nk1 != nil && dummyPhone(nk1, 5) {
		cs = append(cs, warn("IEE-413", "NK1", 5, "Warning. The telephone number is not valid."))
	}
	if pid.part(11, 1) == "" || pid.part(11, 3) == "" {
		cs = append(cs, warn("IEE-998", "PID", 11, "Warning. The address is not valid: PID-11 or PID-11-3 missing."))
	}
	return cs
}

// minor tells whether somebody born on that day is under 18 today.
func minor(born, today string) bool {
	b, ok := day(born)
	if !ok {
		return false
	}
	from, err := time.Parse(dayForm, b)
	if err != nil {
		return false
	}
	return from.AddDate(18, 0, 0).Format(dayForm) > today
}

// testPatient tells names that nobody bears.
func testPatient(pid segment) bool {
	for _, name := range []string{pid.part(5, 1), pid.part(5, 2)} {
		if isOneOf(name, "TEST", "TESTPATIENT", "ZZTEST", "PATIENT", "DUMMY", "UNKNOWN") {
			return true
		}
	}
	return false
}

// dummyPhone tells a number that is a filler: one digit seven times, or
// counted up.
func dummyPhone(s segment, field int) bool {
	for _, phone := range s.repeats(field) {
		local := component(phone, 7)
		if local == "" {
			continue
		}
		if local == "1234567" || strings.Count(local, local[:1]) == len(local) {
			return true
		}
	}
	return false
}

func isOneOf(value string, all ...string) bool {
	for _, a := range all {
		if strings.EqualFold(value, a) {
			return true
		}
	}
	return false
}

func realDay(yyyymmdd string) bool {
	_, err := time.Parse(dayForm, yyyymmdd)
	return err == nil
}
