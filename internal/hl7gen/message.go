package hl7gen

import (
	"bytes"
	"fmt"
	"time"
)

// unknownFacility is no practice's: the form of an org code, all the same letter.
const unknownFacility = "QQQQ0000"

// writer writes the messages of one batch.
type writer struct {
	gen   *Gen
	opt   BatchOptions
	facts *Facts
	local time.Time

	buf    bytes.Buffer
	defect Defect
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(&w.buf, format, args...)
	w.buf.WriteByte('\r')
}

// message writes one message; the bytes are valid until the next call.
func (w *writer) message(ordinal int) []byte {
	g := w.gen
	w.buf.Reset()
	day := w.day()
	months := g.months()
	p := g.patient(day, months)
	facility, org, processing := g.facility(), g.opt.OrgCode, g.opt.ProcessingID
	id := g.nextID()
	switch w.defect {
	case DuplicateControlID:
		id = w.facts.ControlIDs[len(w.facts.ControlIDs)-1]
	case TestPatient:
		p.Family = "TESTPATIENT"
	case WrongProcessingID:
		processing = "D"
	case UnknownFacility:
		facility, org = unknownFacility, unknownFacility
	case NoConsent:
		p.MRN = p.MRN[:len(p.MRN)-2] + NoConsentMark
	case DuplicateDose:
		p.MRN = p.MRN[:len(p.MRN)-2] + DuplicateDoseMark
	case MissingBirthDate, MissingLot, FutureDose, BadCVX, BrokenEnvelope:
	}
	w.line(`MSH|^~\&|%s|%s|%s|%s|%s||VXU^V04^VXU_V04|%s|%s|2.5.1|||ER|AL|||||Z22^CDCPHINVS|%s|%s`,
		sendingApp, facility, receivingApp, g.opt.ReceivingFacility, stamp(w.local), id, processing, org, g.opt.ReceivingFacility)
	w.patient(p, org)
	w.doses(p, facility, day, months)
	w.facts.ControlIDs = append(w.facts.ControlIDs, id)
	w.facts.Patients = append(w.facts.Patients, p)
	w.facts.Facilities[facility]++
	if w.defect != "" {
		w.facts.Planted = append(w.facts.Planted, Planted{w.defect, ordinal, id})
	}
	return w.buf.Bytes()
}

// day draws the date of a dose.
func (w *writer) day() time.Time {
	days := int(w.opt.To.Sub(w.opt.From)/(24*time.Hour)) + 1
	d := w.opt.From.AddDate(0, 0, w.gen.rnd.IntN(max(1, days)))
	if d.After(w.local) {
		d = w.local
	}
	return d
}

func (w *writer) patient(p Patient, org string) {
	g := w.gen
	birth := p.BirthDate
	if w.defect == MissingBirthDate {
		birth = ""
	}
	address := fmt.Sprintf("%s^^%s^TX^%s^USA^H", p.Street, p.city, p.zip)
	phone := fmt.Sprintf("^PRN^PH^^^%s^%s", p.area, p.Phone)
	maiden := ""
	if p.Maiden != "" {
		maiden = p.Maiden + "^^^^^^M"
	}
	race, ethnicity := races[g.rnd.IntN(len(races))], ethnicities[g.rnd.IntN(len(ethnicities))]
	w.line("PID|1||%s^^^%s^MR||%s^%s^^^^^L|%s|%s|%s||%s|%s||%s|||||||||%s||N||||||N",
		p.MRN, org, p.Family, p.Given, maiden, birth, p.Sex, race, address, phone, ethnicity)
	today := w.local.Format("20060102")
	w.line("PD1|||||||||||02^Reminder/Recall - any method^HL70215|N|%s|||A|%s|%s", today, today, today)
	if p.Guardian != "" {
		w.line("NK1|1|%s^%s^^^^^L|MTH^Mother^HL70063|%s|%s", p.Family, p.Guardian, address, phone)
	}
}

// doses writes one to three order groups: given here, from a record, refused.
func (w *writer) doses(p Patient, facility string, day time.Time, months int) {
	g := w.gen
	fit := fitting(months, day.Format("20060102"))
	g.rnd.Shuffle(len(fit), func(i, j int) { fit[i], fit[j] = fit[j], fit[i] })
	n := min(1+g.rnd.IntN(3), len(fit))
	for i := range n {
		kind := g.rnd.IntN(100)
		switch {
		case i == 0 && (!w.opt.Historical || w.defect != ""):
			w.given(fit[i], facility, day, months)
		case w.opt.Historical && kind < 70, !w.opt.Historical && kind < 15:
			w.record(fit[i], p, day)
		case i > 0 && kind > 95:
			w.refused(fit[i], day)
		default:
			w.given(fit[i], facility, day, months)
		}
		w.facts.Doses++
		if w.defect != "" {
			return // one dose, one defect
		}
	}
}

// given is a dose that the clinic gave.
func (w *writer) given(v product, facility string, day time.Time, months int) {
	g := w.gen
	date := day.Format("20060102")
	cvx, lot := v.cvx, fmt.Sprintf("%c%c%04d", 'A'+g.rnd.IntN(26), 'A'+g.rnd.IntN(26), 1000+g.rnd.IntN(9000))
	expiry := day.AddDate(0, 3+g.rnd.IntN(18), 0).Format("20060102")
	switch w.defect {
	case MissingLot:
		lot, expiry = "", ""
	case FutureDose:
		date = w.local.AddDate(0, 1, 0).Format("20060102")
		expiry = w.local.AddDate(1, 0, 0).Format("20060102")
	case BadCVX:
		cvx = "777"
	case MissingBirthDate, DuplicateControlID, TestPatient, WrongProcessingID, UnknownFacility,
		BrokenEnvelope, NoConsent, DuplicateDose:
	}
	prescriber := g.opt.Prescribers[g.rnd.IntN(len(g.opt.Prescribers))]
	w.line("ORC|RE|%[1]s^%[2]s|%[1]s^%[2]s|||||||%[3]s^Entry^Clerk^^^^^^NPI^L^^^NPI||%[3]s^Ordering^Provider^^^^^^NPI^L^^^NPI|||||%[4]s^Clinic^HL70362",
		g.nextOrder(), g.opt.OrgCode, prescriber, facility)
	w.line("RXA|0|1|%s||%s^%s^CVX|%s|mL^milliliter^UCUM||00^New Record^NIP001|%s^Giving^Nurse^^^^^^NPI^L^^^NPI|^^^%s||||%s|%s|%s^%s^MVX|||CP|A",
		date, cvx, v.name, v.amount, prescriber, facility, lot, expiry, v.mvx, v.maker)
	if v.route == oral {
		w.line("RXR|%s", v.route)
	} else {
		w.line("RXR|%s|%s", v.route, bodySites[g.rnd.IntN(len(bodySites))])
	}
	w.observations(v, day.Format("20060102"), months)
}

func (w *writer) observations(v product, date string, months int) {
	eligibility, source := "V01^Not VFC eligible^HL70064", "PHC70^Private^CDCPHINVS"
	if months < 18*12 && w.gen.rnd.IntN(2) == 0 {
		eligibility, source = "V02^VFC eligible - Medicaid/Medicaid Managed Care^HL70064", "VXC50^Public^CDCPHINVS"
	}
	edition := v.edition
	if edition > date {
		edition = "19950101" // an older statement, before all tables
	}
	w.line("OBX|1|CE|64994-7^Vaccine funding program eligibility category^LN|1|%s||||||F|||%s|||VXC40^Eligibility captured at the immunization level^CDCPHINVS", eligibility, date)
	w.line("OBX|2|CE|30963-3^Vaccine funding source^LN|1|%s||||||F|||%s", source, date)
	w.line("OBX|3|CE|30956-7^Vaccine type^LN|2|%s^%s^CVX||||||F|||%s", v.cvx, v.name, date)
	w.line("OBX|4|TS|29768-9^Date vaccine information statement published^LN|2|%s||||||F|||%s", edition, date)
	w.line("OBX|5|TS|29769-7^Date vaccine information statement presented^LN|2|%s||||||F|||%s", date, date)
}

// record is a dose from a card or another provider's record.
func (w *writer) record(v product, p Patient, day time.Time) {
	g := w.gen
	date := day
	if !w.opt.Historical {
		if life := int(day.Sub(p.born) / (24 * time.Hour)); life > 60 {
			date = day.AddDate(0, 0, -30-g.rnd.IntN(min(life-45, 700)))
		}
		if date.Before(p.born.AddDate(0, v.from, 0)) {
			date = day // before, nobody gives it
		}
	}
	w.line("ORC|RE|%[1]s^%[2]s|%[1]s^%[2]s|||||||%[3]s^Entry^Clerk^^^^^^NPI^L^^^NPI|||||||%[2]s^Clinic^HL70362",
		g.nextOrder(), g.opt.OrgCode, g.opt.Prescribers[0])
	w.line("RXA|0|1|%s||%s^%s^CVX|999|||01^Historical information - source unspecified^NIP001|||||||||||CP|A",
		date.Format("20060102"), v.cvx, v.name)
}

// refused is a dose that patient or parents did not want. ORC-3 is 9999 (IZ-45).
func (w *writer) refused(v product, day time.Time) {
	w.line("ORC|RE|9999^%[1]s|9999^%[1]s|||||||%[2]s^Entry^Clerk^^^^^^NPI^L^^^NPI|||||||%[1]s^Clinic^HL70362",
		w.gen.opt.OrgCode, w.gen.opt.Prescribers[0])
	w.line("RXA|0|1|%s||%s^%s^CVX|999||||||||||||00^Parental decision^NIP002||RE|A",
		day.Format("20060102"), v.cvx, v.name)
}
