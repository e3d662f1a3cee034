package conformance_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// edges has, for every rule that looks into messages, edits of the sound message
// that just satisfy it: the longest value, the last day, the last code. None:
// the sound message itself is the edge, since one value alone is right.
var edges = map[string][]edit{
	"F-03.line": {after("PID", "ZZZ|1")}, "F-03.control": {set("PID-11.1", "12\tPoruvikalemo Street")},
	"F-03.nul": {set("RXA[2]-5.2", `Hep\X00\B`)}, "F-03.bytes": {set("PID-11.1", "12 Poruvíka Street")},
	"F-03.charset": {set("MSH-18", "UNICODE UTF-8"), set("PID-11.1", "12 Poruvíka Street")}, "F-03.latin": {set("MSH-18", "8859/1")},
	"F-03.repeats": {set("PID-3", strings.Repeat("K1^^^SUNR1234^MR~", 199)+"K1^^^SUNR1234^MR")},

	"M-01": nil, "M-01.order": {after("OBX[5]", "NTE|1||seen")}, "M-02": nil, "M-03": nil, "M-03.form": {set("MSH-7", "20260304101500.0001-0600")},
	"M-03.future": {set("MSH-7", "20260304140000-0600")}, "M-03.zone": {set("MSH-7", "20260304161500+0000")}, "M-04": nil, "M-05": nil,
	"M-06": nil, "M-06.application": nil, "M-07": nil, "M-08": {set("MSH-4", "S")}, "M-08.application": {set("MSH-3", "E")}, "M-08.receiver": nil,
	"M-08.sender": {set("MSH-4", "OTHER999")}, "M-08.site": {set("MSH-4", "SUNR1234")}, "M-09": {set("MSH-5", "I")}, "M-10": {set("MSH-10", "1")},
	"M-10.length": {set("MSH-10", strings.Repeat("9", 198)+"é")}, "F-10": nil, "F-10.missing": nil,

	"P-01": {after("PID", "PD1|")}, "P-02": nil, "P-03": {set("PID-3", "1^^^A^MR")}, "P-03.number": {set("PID-3.1", "1")}, "P-03.authority": {set("PID-3.4", "A")},
	"P-03.type": nil, "P-03.code": {set("PID-3", "K1^^^A^MR~K2^^^B^XX")}, "P-03.kind": {set("PID-3", "K1^^^A^AN~219-09-9998^^^SSA^SS")},
	"P-04": {set("PID-5.1", "Wu")}, "P-04.first": {set("PID-5.2", "Bo")}, "P-04.junk": {set("PID-5.1", "Oh"), set("PID-5.2", "Xi")},
	"P-04.newborn": {set("PID-5.2", "Babette")}, "P-04.type": nil, "P-04.legal": nil, "P-05": {set("PID-7", "20080304"), adult},
	"P-05.last": {set("PID-6.1", "B")}, "P-05.type": nil, "P-06": nil, "P-06.form": {set("PID-7", "20240229")},
	"P-06.future": {set("PID-7", "20260304"), unborn}, "P-06.old": {set("PID-7", "19050305"), adult}, "P-07": {set("PID-8", "U")}, "P-07.code": {set("PID-8", "U")},
	"P-08": nil, "P-08.code": {set("PID-10.1", "2131-1")}, "P-08.more": nil, "P-08.ethnicity": nil, "P-08.ethnicitycode": {set("PID-22.1", "2135-2")},
	"P-08.ethnicities": nil, "P-09": nil, "P-09.city": {set("PID-11.3", "Ty")}, "P-09.cityname": {set("PID-11.3", "Ty")}, "P-09.type": nil,
	"P-09.kind": {set("PID-11.7", "BDL")}, "P-09.street": {set("PID-11.1", "1")}, "P-09.state": {set("PID-11.4", "WY")}, "P-09.zip": {set("PID-11.5", "00501-0001")},
	"P-09.country": {set("PID-11.6", "ZWE"), set("PID-11.4", ""), set("PID-11.5", "")},
	"P-10":         {set("PID-13.7", "2000001")}, "P-10.area": {set("PID-13.6", "201")}, "P-10.use": {set("PID-13.2", "BPN")}, "P-10.equipment": {set("PID-13.3", "TTY")},
	"P-10.nouse": nil, "P-10.noemail": {set("PID-13", "^NET^Internet^a@b.example")}, "P-10.nonumber": nil,
	"P-11": {set("PID-24", "Y"), set("PID-25", "2")}, "P-11.order": {set("PID-24", "Y"), set("PID-25", "99")}, "P-11.noorder": {set("PID-24", "Y"), set("PID-25", "1")},
	"P-05.junk": {set("PID-6.1", "Li")}, "P-09.bad": {set("PID-11.7", "B")}, "P-10.email": {set("PID-13", "^NET^Internet^a@b.c")},
	"P-12.nodate": {set("PID-30", "Y"), set("PID-29", "20260304")}, "N-02.junk": {set("NK1-2.1", "Li")}, "N-03.email": {set("NK1-5", "^NET^Internet^a@b.c")},
	"R-10.form": {set("RXA-15", "K-44/17.1")},
	"P-12":      {set("PID-29", "20260304"), set("PID-30", "Y")}, "P-12.form": {set("PID-29", "202603042359"), set("PID-30", "Y")},
	"P-12.indicator": {set("PID-29", "20260304"), set("PID-30", "Y")}, "P-12.code": {set("PID-30", "Y")},
	"P-13": {set("PID-2", `""`)}, "P-13.alternate": {set("PID-4", `""`)}, "P-13.alias": {set("PID-9", `""`)}, "P-13.county": {set("PID-12", `""`)},
	"P-13.ssn": {set("PID-19", `""`)}, "P-13.license": {set("PID-20", `""`)}, "P-13.mother": {set("PID-21", `""`)},
	"P-14": {set("PID-3", "K1^^^A^MR~899-99-9999^^^SSA^SS")},

	"D-01": {set("PD1-11.1", "12")}, "D-01.protection": nil, "D-01.status": {set("PD1-16", "U")}, "D-01.protectionday": {set("PD1-13", "20240229")},
	"D-01.statusday": {set("PD1-17", "20240229")}, "D-01.publicityday": {set("PD1-18", "20240229")}, "D-01.nopublicity": {set("PD1-18", "")},
	"D-01.noprotection": {set("PD1-13", "")}, "D-01.nostatus": {set("PD1-17", "")}, "D-02": {set("PD1-12", "N")},

	"N-01": {set("PID-7", "20080304"), adult}, "N-02": {after("NK1", "NK1|2|Kavorimdelta^Tularivedoga^^^^^L|FTH^Father^HL70063|12 Poruvikalemo Street^^Plano^TX^75023^USA^H|^PRN^PH^^^972^4830172")},
	"N-02.name": {set("NK1-2", "Wu^Bo^^^^^L")}, "N-02.last": {set("NK1-2.1", "W")}, "N-02.first": {set("NK1-2.2", "B")}, "N-02.nametype": nil, "N-02.relation": nil,
	"N-02.relationcode": {set("NK1-3.1", "CGV")}, "N-03": {set("NK1-3.1", "GRP")}, "N-03.contact": {set("NK1-4", "")},
	"N-03.self":   {set("NK1-3.1", "SEL"), set("NK1-2", "Kavorimdelta^Nemurilasopo^^^^^L")},
	"N-03.street": {set("NK1-4.1", "1")}, "N-03.city": {set("NK1-4.3", "Ty")}, "N-03.cityname": {set("NK1-4.3", "Ty")}, "N-03.state": {set("NK1-4.4", "WY")},
	"N-03.zip": {set("NK1-4.5", "00501-0001")}, "N-03.country": {set("NK1-4.6", "ZWE")}, "N-03.noaddresstype": nil, "N-03.addresstype": {set("NK1-4.7", "BDL")},
	"N-03.phone": {set("NK1-5.7", "2000001")}, "N-03.area": {set("NK1-5.6", "201")}, "N-03.use": {set("NK1-5.2", "BPN")}, "N-03.equipment": {set("NK1-5.3", "TTY")},
	"N-03.nouse": nil, "N-03.noemail": {set("NK1-5", "^NET^Internet^a@b.example")}, "N-03.nonumber": nil,

	"O-01": nil, "O-01.control": nil, "O-02": {set("ORC-3.1", "1")}, "O-02.authority": {set("ORC-3", "d-1^^2.16.840.1^ISO")}, "O-02.unique": {set("ORC[2]-3", "d-1^OTHER")},
	"O-02.none": {refused, set("RXA[2]-18", "00^Parental decision^NIP002")}, "O-03": nil, "O-03.agreement": nil,

	"R-01": {drop("RXA[2]"), drop("ORC[2]")}, "R-01.group": nil, "R-02": nil, "R-02.administration": nil, "R-03": nil, "R-03.form": {set("RXA[2]-3", "20240229093000")},
	"R-03.future": {set("RXA-3", "20260304")}, "R-03.birth": {set("RXA[2]-3", "20240115")}, "R-03.death": {set("PID-29", "20260303"), set("PID-30", "Y")},
	"R-04": {set("RXA-4", "20260303")}, "R-05": nil, "R-05.notable": nil, "R-05.table": {set("RXA-5", "00006-4681-01^M-M-R II^NDC")}, "R-05.code": {set("RXA[2]-5.1", "334")},
	"R-05.ndc": {set("RXA-5", "00006-4681-01^M-M-R II^NDC")}, "R-05.unknown": nil, "R-05.unspecified": {set("RXA[2]-5.1", "45")}, "R-05.none": {set("RXA[2]-5.1", "998")},
	"R-05.pair": {set("RXA-5", "03^MMR^CVX^90707^MMR^C4")}, "R-05.form": {set("RXA-5", "00006-4681-01^M-M-R II^NDC")}, "R-05.newer": {set("RXA[2]-5.1", "334")},
	"R-05.not": {set("RXA[2]-5.1", "75")}, "R-06": {set("RXA[2]-5.1", "01"), set("RXA[2]-3", "20240401")}, "R-06.never": nil,
	"R-06.before": {set("PID-7", "20031101"), set("RXA[2]-3", "20040101"), adult, set("RXA[2]-5.1", "116")},
	"R-06.early":  {set("PID-7", "20060101"), set("RXA[2]-3", "20060203"), adult, set("RXA[2]-5.1", "116")},
	"R-06.after":  {set("RXA-5.1", "121"), set("RXA-3", "20221118"), set("PID-7", "19500115"), adult},
	"R-06.late":   {set("RXA-5.1", "121"), set("RXA-3", "20201118"), set("PID-7", "19500115"), adult},
	"R-06.age":    {set("RXA[2]-5.1", "116"), set("RXA[2]-3", "20241014")},
	"R-06.ndc":    {set("RXA-5", "58160-0806-01^Hiberix^NDC"), set("RXA-3", "20141214"), set("PID-7", "20101115")},
	"R-07":        {set("RXA-6", "1")}, "R-07.form": {set("RXA-6", ".5")}, "R-07.none": {refused, set("RXA[2]-18", "00^Parental decision^NIP002")}, "R-07.unknown": nil,
	"R-07.unit": {set("RXA-7", "g^g^UCUM")}, "R-07.nounit": nil, "R-07.code": {set("RXA-7.1", "{dose}")}, "R-08": {set("RXA[2]-9.1", "08")}, "R-08.code": {set("RXA[2]-9.1", "08")},
	"R-08.extra": {refused, set("RXA[2]-18", "00^Parental decision^NIP002")}, "R-08.none": nil,
	"R-08.given":    {set("RXA[2]-3", "20260201"), set("RXA[2]-6", "0.5"), set("RXA[2]-7", "mL^mL^UCUM"), set("RXA[2]-15", "K99A")},
	"R-08.historic": {set("RXA-15", ""), set("RXA-16", ""), set("RXA-17", ""), set("RXA-3", "20260202")},
	"R-09":          nil, "R-09.place": nil, "R-09.facility": nil, "R-09.foreign": {set("RXA-11.4", "SUNRFRISCO")}, "R-10": {set("RXA-15", "K1")}, "R-10.junk": {set("RXA-15", "K1")},
	"R-10.pattern": {set("RXA-5.1", "101"), set("RXA-17.1", "PMC"), set("RXA-15", "UJ123AA")}, "R-11": nil, "R-11.form": {set("RXA-16", "202712")},
	"R-11.expired": {set("RXA-16", "20260303")}, "R-12": nil, "R-12.code": nil, "R-12.pair": nil, "R-12.other": {set("RXA-5.1", "20"), set("RXA-17.1", "SKB"), set("OBX[3]-5.1", "20")}, "R-12.ndc": {set("RXA-5", "00006-4681-01^M-M-R II^NDC")},
	"R-13": {refused, set("RXA[2]-18", "03^Patient decision^NIP002")}, "R-13.code": {refused, set("RXA[2]-18", "03^Patient decision^NIP002")},
	"R-13.extra": {refused, set("RXA[2]-18", "03^Patient decision^NIP002")}, "R-14": {set("RXA[2]-20", ""), set("RXA[2]-9", "")}, "R-14.code": {set("RXA[2]-20", "PA")},
	"R-15": {set("RXA[2]-5.1", "998"), set("RXA[2]-21", "")}, "R-15.code": {set("RXA-21", "U")}, "R-15.delete": {set("RXA-21", "U")},
	"R-16": {set("RXA-22", "20260303")}, "R-16.form": {set("RXA-22", "20260304101500-0600")},

	"X-01": nil, "X-01.code": {set("RXR-1.1", "C38305")}, "X-01.old": nil, "X-01.none": nil, "X-01.fit": {set("RXR-1", "C28161^Intramuscular^NCIT")},
	"X-02": {set("RXR-2.1", "RLFA")}, "X-02.none": {set("RXR-1", "C38284^Nasal^NCIT"), set("RXR-2", "")}, "X-02.twice": append(slices.Clone(twoNirsevimab), set("RXR[2]-2.1", "RT")),

	"B-01": nil, "B-01.type": nil, "B-01.question": nil, "B-01.group": {set("OBX[2]-4", "999")}, "B-01.answer": {set("OBX[2]-5", "PHC70^^CDCPHINVS")}, "B-01.status": nil,
	"B-02": {set("OBX[5]-2", "DT")}, "B-02.value": {set("OBX[2]-5", "VXC50^^CDCPHINVS")}, "B-02.unit": {numbered("12", "mo^month^UCUM")},
	"B-03": {after("OBX[5]", "OBX|6|TX|48767-8^Annotation comment^LN|3|seen||||||F|||20260303")}, "B-04": {set("RXA-20", "PA")}, "B-04.code": {set("OBX-5.1", "V23")},
	"B-04.way": {set("OBX-17.1", "VXC41")}, "B-05": {set("PID-7", "20070303"), adult, set("OBX-5.1", "V24")}, "B-06": {set("OBX[2]-5.1", "PHC70")},
	"B-07": {barcoded}, "B-07.code": {barcoded}, "B-07.type": nil, "B-07.date": {set("OBX[5]-5", "20210806")}, "B-07.table": nil, "B-07.newer": {barcoded}, "B-07.fit": {barcoded},
	"B-07.edition": nil, "B-08": nil, "B-08.form": {set("OBX-14", "20240229101500-0600")},
}

func TestEveryRuleIsJustSatisfied(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(edges)) {
		v := judge(t, batch(soundWith("c-1", edges[id]...)))
		require.NotContains(t, v.rules(), id, "%v", v.findings)
	}
	for id := range breaches {
		_, ok := edges[id]
		require.True(t, ok || id == "M-08.noreceiver", "%s has no message that just satisfies it", id)
	}
	none := func(in *conformance.Options) { in.Profile.Message.ReceivingFacility = "" }
	require.Empty(t, judge(t, batch(soundWith("c-1", set("MSH-6", "T"))), none).rules())
	require.Equal(t, []string{"M-08.noreceiver"}, judge(t, batch(soundWith("c-1", set("MSH-6", ""))), none).rules())
}

// What is one cause is told once: of two rules that are broken together the one
// that names the cause speaks, unless it is off or weighs less.
func TestARuleIsSilentBehindItsCause(t *testing.T) {
	silenced := 0
	for _, r := range conformance.Rules() {
		for _, by := range r.SilencedBy {
			silenced++
			_, ok := conformance.Lookup(by)
			require.True(t, ok, "%s is silenced by %s, which is no rule", r.ID, by)
		}
	}
	require.Positive(t, silenced)
	alone := []edit{set("PD1-11", "")}
	graded := func(grade string) []string {
		return judge(t, batch(soundWith("c-1", alone...)), func(in *conformance.Options) {
			in.Profile.Rules.Grades = map[string]string{"D-01.nopublicity": grade, "Z-PD1-11.empty": "warning"}
		}).rules()
	}
	require.Equal(t, []string{"D-01.nopublicity"}, graded("error"))
	require.Equal(t, []string{"Z-PD1-11.empty"}, graded("off"), "the cause is not looked at")
	require.Equal(t, []string{"D-01.nopublicity", "Z-PD1-11.empty"}, graded("info"), "a warning is not hidden behind a note")
	historic := judge(t, batch(soundWith("c-1", breaches["R-08.historic"][0].edits...)))
	require.Equal(t, []string{"R-08.historic", "R-10", "R-12"}, historic.rules(), "a conclusion from two errors, and no reason to hide them")
}

// inFiles has, for every rule on the file as a whole, a file that breaks only it
// and one that just satisfies it.
func inFiles() map[string]struct{ broken, fine string } {
	one, other := soundWith("c-1"), soundWith("c-2", chart("OTHER"))
	in := func(text string, of ...string) string { return strings.NewReplacer(of...).Replace(text) }
	head := "FHS|^~\\&|EHR\rBHS|^~\\&|EHR\r"
	return map[string]struct{ broken, fine string }{
		"F-02":        {head + "BTS|0\rFTS|1\r", batch(one)},
		"F-03.format": {`{"resourceType":"Bundle"}`, batch(one)},
		"F-03.gzip":   {"\x1f\x8b\x08\x00", batch(one)},
		"F-03.zip":    {"PK\x03\x04\x14\x00", batch(one)},
		"F-03.ends":   {in(batch(one), "\r", "\n"), batch(one)},
		"F-03.mixed":  {strings.Replace(batch(one), "\r", "\n", 1), in(batch(one), "\r", "\n")},
		"F-03.bom":    {"\xef\xbb\xbf" + batch(one), batch(one)},
		"F-03.mllp":   {in(batch(one), "MSH|", "\x0bMSH|", "BTS|", "\x1c\rBTS|"), batch(one)},
		"F-03.stray":  {batch(one) + "-- end of file --\r", batch(one) + "\r\r"},
		"F-04":        {in(batch(one), `BHS|^~\&`, `BHS|~^\&`), batch(one)},
		"F-05":        {in(batch(one), "BTS|1", "BTS|2"), in(batch(one), "BTS|1", "BTS|01")},
		"F-06":        {head + one + "BTS|1\r", in(batch(one), "FTS|1", "FTS")},
		"F-06.none":   {one, "BHS|^~\\&|EHR\r" + one + "BTS|1\r"},
		"F-07":        {batch(one, soundWith("c-1", chart("OTHER"))), batch(one, soundWith("C-1", chart("OTHER")))},
		"F-08":        {batch(one, soundWith("c-2")), batch(one, other)},
		"F-02.size":   {batch(one, other), batch(one)},
		"F-02.messages": {
			in(batch(soundWith("1", drop("ZTX"), drop("OBX[5]")), soundWith("2", chart("OTHER"), drop("ZTX"))), "", ""), batch(one),
		},
	}
}

func TestEveryRuleOnTheFileIsBrokenAloneAndJustSatisfied(t *testing.T) {
	limits := func(id string, fine string) func(*conformance.Options) {
		return func(in *conformance.Options) {
			switch id {
			case "F-02.size":
				in.Profile.File.MaxBytes = int64(len(fine))
			case "F-02.messages":
				in.Profile.File.MaxMessages = 1
				in.Profile.Rules.Grades = map[string]string{"C-01": "off", "B-07": "off", "B-01": "off", "B-08": "off"}
			}
		}
	}
	for id, c := range inFiles() {
		v := judge(t, c.broken, limits(id, c.fine))
		require.Equal(t, []string{id}, v.rules(), "%s: %v", id, v.findings)
		require.NotContains(t, judge(t, c.fine, limits(id, c.fine)).rules(), id)
	}
}

// otherwise are the rules that other tests break alone and just satisfy, by the
// test, and those that cannot be broken alone, with the reason.
var otherwise = map[string]string{
	"C-01": "TestConsent", "C-01.code": "TestConsent", "C-01.unknown": "TestConsentThatNobodyCanReadIsSaidOnce", "C-02": "TestConsent", "C-03": "TestConsent",
	"C-03.birth": "TestConsent", "C-03.future": "TestConsent", "C-04": "TestConsentForADisasterCoversItsVaccines", "C-05": "TestConsent",
	"F-02.first": "TestFirstTestFile",
	"F-01":       "TestRemoteName", "F-01.extension": "TestRemoteName", "F-01.id": "TestRemoteName", "F-01.letters": "TestRemoteName",
	"F-07.again": "TestCheckWithPast", "F-07.before": "TestCheckWithPast", "F-11": "TestTestPatients", "R-17": "TestLateDoses",
	"F-09":          "activities: TestStageFile and TestPrepareDelivery; it compares with what was sent before",
	"F-03.limit":    "cannot be alone: what is not read to its end has no trailer either (F-06), or lost half of a message",
	"R-08.historic": "cannot be alone: it concludes from a lot and a manufacturer that are missing, and a warning hides no errors (R-10, R-12)",
	"M-08.file":     "cannot be alone: it says of the file what M-08 and M-09 say of each message (Covers)", "F-11.file": "cannot be alone: it counts F-11",
	"F-07.everybody": "cannot be alone: it says once what F-07 says of each message (Covers)",
}

func TestNoRuleIsWithoutABreachAndAnEdge(t *testing.T) {
	files := inFiles()
	for _, r := range conformance.Rules() {
		_, inMessage := breaches[r.ID]
		_, inFile := files[r.ID]
		_, elsewhere := otherwise[r.ID]
		if !inMessage && !inFile && !elsewhere && !strings.HasPrefix(r.ID, "Z-") && !strings.HasSuffix(r.ID, ".everybody") && r.ID != "M-08.noreceiver" {
			t.Errorf("%s has neither", r.ID)
		}
	}
	for _, r := range conformance.Rules() {
		if r.ID == "R-17" {
			day := func(date string) []string {
				return judge(t, batch(live("c-1", given(date))), production).rules()
			}
			require.Empty(t, day("20260202"), "thirty days ago")
			require.Equal(t, []string{"R-17"}, day("20260201"))
		}
	}
	require.Equal(t, []string{"F-11"}, judge(t, batch(live("c-1", set("PID-5.1", "ZZTEST"))), production).rules())
	for _, name := range []string{"Testerman", "Tester", "Testa", "Null", "No", "Last"} {
		require.Empty(t, judge(t, batch(live("c-1", set("PID-5.1", name))), production).rules(), "people bear the name %s", name)
	}
	require.Equal(t, []string{"F-11"}, judge(t, batch(live("c-1", set("PID-5.1", "Tester"), set("PID-5.2", "Testa"))), production).rules())
	require.Equal(t, []string{"P-04.junk"}, judge(t, batch(live("c-1", set("PID-5.1", "Last"), set("PID-5.2", "First"))), production).rules())
	pair := func(lane registry.Lane) registry.Severity { return conformance.Graded(lane, nil)["R-12.pair"] }
	require.Equal(t, registry.SeverityError, pair(registry.LaneTest), "Texas refuses the dose")
	require.Equal(t, registry.SeverityError, pair(registry.LaneProduction))
	require.Equal(t, registry.SeverityWarning, pair(registry.LaneHistorical), "the table knows the past in part")
}
