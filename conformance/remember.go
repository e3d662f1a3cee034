package conformance

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
)

// digests writes down what tells duplicates apart: 64 bits for the control ID
// and for each dose, under a key that this check alone has. Two different ones
// meet by chance once in some hundred thousand files of ten million doses.
func (c *checker) digests(r *unitResult) {
	m := &c.m
	if id := m.msh.Field(10); c.weigh[ruleControlIDTwice.n] != "" && !hl7.Empty(id) {
		r.idKey = maphash.Bytes(c.key, id) | 1
	}
	if c.weigh[ruleDoseTwice.n] == "" || len(m.orders) == 0 {
		return
	}
	who := c.patientDigest()
	if who == 0 {
		return
	}
	for i := range m.orders {
		o := &m.orders[i]
		d := &o.dose
		if o.rxa == nil || d.given == 0 || d.code == "" || d.code == "998" {
			continue
		}
		c.b.doses = append(c.b.doses, doseKey{c.doseDigest(who, d), o.rxa.occ, o.rxa.Offset, o.rxa.Line})
	}
}

// patientDigest tells patients apart as [PatientRef.key] does: by name, birth
// date and sex, because the same child may have two chart numbers and two
// children may share one; by the chart number where these are missing. It is 0
// where nothing tells.
func (c *checker) patientDigest() uint64 {
	m := &c.m
	if m.pid == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(c.key)
	name := m.pid.Rep(5)
	family, given := bytes.TrimSpace(name.Unescape(1)), bytes.TrimSpace(name.Unescape(2))
	if !hl7.Empty(family) && !hl7.Empty(given) && m.birth != 0 {
		writeUpper(&h, family)
		writeUpper(&h, given)
		writeUpper(&h, m.pid.Field(8))
		writeDate(&h, m.birth)
		return max(h.Sum64(), 1)
	}
	number := bytes.TrimSpace(m.chart.Unescape(1))
	if m.chart.Empty() || hl7.Empty(number) {
		return 0
	}
	_, _ = h.Write(m.chart.Sub(4, 1))
	_ = h.WriteByte(0)
	_, _ = h.Write(number)
	return max(h.Sum64(), 1)
}

// doseDigest is of patient, vaccine and date. It is even and not 0, and that of
// a control ID odd.
func (c *checker) doseDigest(who uint64, d *dose) uint64 {
	var h maphash.Hash
	h.SetSeed(c.key)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], who)
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(d.code)
	_ = h.WriteByte(0)
	writeDate(&h, d.given)
	return max(h.Sum64()&^1, 2)
}

func writeDate(h *maphash.Hash, d hl7.Date) {
	_, _ = h.Write([]byte{byte(d), byte(d >> 8), byte(d >> 16), byte(d >> 24)})
}

// writeUpper writes a part in capitals, with an end that no part has.
func writeUpper(h *maphash.Hash, b []byte) {
	for _, x := range b {
		if x >= 'a' && x <= 'z' {
			x -= 'a' - 'A'
		}
		_ = h.WriteByte(x)
	}
	_ = h.WriteByte(0)
}

// FNV-1a of 64 bits, with a separator after each part.
const fnvStart uint64 = 14695981039346656037

func mix(h uint64, b []byte) uint64 {
	const prime = 1099511628211
	for _, x := range b {
		h = (h ^ uint64(x)) * prime
	}
	return (h ^ 0xff) * prime
}

// fact copies what the caller is told of the message, but for its outcome.
func (c *checker) fact(u *hl7.Unit, r *unitResult) MessageFact {
	m := &c.m
	msh := m.msh
	f := MessageFact{
		ControlID:  text(r.value, 199),
		SendingApp: text(msh.Component(3, 1), 200), SendingFacility: text(msh.Component(4, 1), 200),
		ReceivingApp: text(msh.Component(5, 1), 200), ReceivingFacility: text(msh.Component(6, 1), 200),
		SendingOrganization: text(msh.Component(22, 1), 200),
		Sent:                m.sent.String(), Site: m.site,
		Offset: u.Offset, Length: int64(len(u.Raw())), Line: u.Line,
	}
	if c.in.Contents {
		f.Content, f.Says = contentOf(u)
	}
	if m.pid != nil {
		name := m.pid.Rep(5)
		birth, _ := day(m.pid.Field(7))
		f.Patient = PatientRef{
			Family: text(name.Unescape(1), 200), Given: text(name.Unescape(2), 200),
			BirthDate: birth.String(), Sex: text(m.pid.Field(8), 20),
			ChartNumber: text(m.chart.Unescape(1), 200), ChartAuthority: text(m.chart.Sub(4, 1), 200),
		}
	}
	who := f.Patient.Key()
	f.Doses = make([]DoseFact, 0, len(m.orders))
	for i := range m.orders {
		f.Doses = append(f.Doses, m.doseFact(i, who))
	}
	return f
}

func (m *message) doseFact(i int, who string) DoseFact {
	o := &m.orders[i]
	d := DoseFact{Ordinal: i + 1, Outcome: registry.OutcomeAccepted}
	switch {
	case m.rejected:
		d.Outcome = registry.OutcomeMessageRejected
	case o.dropped:
		d.Outcome = registry.OutcomeDoseRejected
	}
	if o.rxa == nil {
		return d
	}
	d.CVX, d.Date = o.dose.code, o.dose.given.String()
	d.Completion, d.Action = text(o.dose.completion, 20), text(o.rxa.Field(21), 20)
	d.Administered = o.dose.administered
	d.Late = o.dose.late && d.Action != "D" && d.Action != "U"
	if who != "" && d.CVX != "" && d.Date != "" {
		d.RecordKey = Private(who + "|" + d.CVX + "|" + d.Date)
	}
	d.Details = doseRef(o.rxa, d)
	return d
}

func doseRef(rxa *segment, d DoseFact) DoseRef {
	vaccine, giver := rxa.Rep(5), rxa.Rep(10)
	ref := DoseRef{
		Vaccine: text(vaccine.Unescape(2), 200), CVX: d.CVX, Date: d.Date, Lot: text(rxa.Field(15), 60),
		Provider: text(giver.Component(2), 100), Clinic: text(rxa.Sub(11, 4, 1), 100),
	}
	if ref.Vaccine == "" {
		ref.Vaccine = text(vaccine.Component(1), 50)
	}
	if given := text(giver.Component(3), 100); given != "" {
		ref.Provider = strings.TrimPrefix(ref.Provider+", "+given, ", ")
	}
	return ref
}

// Key tells patients apart the way that the registry does: by name, birth date
// and sex, since the same child may have two chart numbers (after a change of
// EHR, or in a corrected file). The chart number is the last resort. It names the
// patient: only its keyed digest may be kept.
func (p *PatientRef) Key() string {
	if p.Family != "" && p.Given != "" && p.BirthDate != "" {
		return strings.ToUpper(p.Family + "^" + p.Given + "|" + p.BirthDate + "|" + p.Sex)
	}
	if p.ChartNumber == "" {
		return ""
	}
	return p.ChartAuthority + "|" + p.ChartNumber
}
