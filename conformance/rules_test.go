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

// breaches has, for every rule that looks into messages, edits of the sound
// message that break this rule and no other, and where the finding points.
var breaches = map[string][]struct {
	path  string
	edits []edit
	also  []string // rules that cannot but be broken with it
}{
	"F-03.line":    {{"line", []edit{after("PID", "and a second line")}, nil}},
	"F-03.control": {{"PID", []edit{set("PID-11.1", "12 Poru\fvika Street")}, nil}},
	"F-03.nul":     {{"RXA[2]", []edit{set("RXA[2]-5.2", "Hep\x00B")}, nil}},
	"F-03.bytes":   {{"PID", []edit{set("PID-11.1", "12 Poru\xe9vika Street")}, nil}},
	"F-03.charset": {
		{"MSH-18", []edit{set("MSH-18", "KLINGON")}, nil},
		{"MSH-18", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poruvíka Street")}, nil},
		{"MSH-18", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poru\x93vika Street")}, nil},
		{"MSH-18", []edit{set("MSH-18", "ASCII"), set("PID-11.1", "12 Poruvíka Street")}, nil},
	},
	"F-03.latin": {
		{"PID", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poru\xe9vika Street")}, nil},
		{"PID", []edit{set("MSH-18", "WINDOWS-1252"), set("PID-11.1", "12 Poru\x93vika Street")}, nil},
	},
	"F-03.repeats": {{"PID-3", []edit{set("PID-3", strings.Repeat("K1^^^SUNR1234^MR~", 300)+"K1^^^SUNR1234^MR")}, nil}},
	"M-01":         {{"PID", []edit{drop("PID"), drop("NK1")}, nil}},
	"M-01.order":   {{"PD1", []edit{drop("PD1"), after("NK1", "PD1")}, nil}},
	"M-02":         {{"MSH-2", []edit{set("MSH-2", `^~\&#`)}, nil}},
	"M-03":         {{"MSH-7", []edit{set("MSH-7", "")}, nil}},
	"M-03.form":    {{"MSH-7", []edit{set("MSH-7", "20260304-0600")}, nil}, {"MSH-7", []edit{set("MSH-7", "yesterday")}, nil}},
	"M-03.future":  {{"MSH-7", []edit{set("MSH-7", "20260304141500-0600")}, nil}},
	"M-03.zone":    {{"MSH-7", []edit{set("MSH-7", "20260304101500")}, nil}},
	"M-04":         {{"MSH-9", []edit{set("MSH-9.2", "A08")}, nil}},
	"M-05":         {{"MSH-12", []edit{set("MSH-12", "2.3.1")}, nil}},
	"M-06":         {{"MSH-15", []edit{set("MSH-15", "AL")}, nil}, {"MSH-16", []edit{set("MSH-16", "")}, nil}},
	"M-07":         {{"MSH-21", []edit{set("MSH-21", "Z23^CDCPHINVS")}, nil}},
	"M-08":         {{"MSH-3", []edit{set("MSH-3", "")}, nil}, {"MSH-4", []edit{set("MSH-4", "")}, nil}},
	"M-08.sender":  {{"MSH-4", []edit{set("MSH-4", "OTHER999"), set("MSH-22", "ELSEWHERE"), set("RXA-11", ""), set("RXA-9.1", "01"), set("RXA-3", "20250303")}, nil}},
	"M-08.receiver": {
		{"MSH-6", []edit{set("MSH-6", "ELSEWHERE")}, nil},
	},
	"M-08.site":    {{"MSH-4", []edit{set("MSH-4", "SUNR1234"), set("RXA-11.4", "SUNR1234")}, nil}},
	"M-09":         {{"MSH-5", []edit{set("MSH-5", "")}, nil}},
	"M-10":         {{"MSH-10", []edit{set("MSH-10", "")}, nil}, {"MSH-10", []edit{set("MSH-10", strings.Repeat("9", 200))}, nil}},
	"F-10":         {{"MSH-11", []edit{set("MSH-11", "P")}, nil}, {"MSH-11", []edit{set("MSH-11", "")}, nil}},
	"P-01":         {{"PID", []edit{after("NK1", "ZZZ|1"), func(d doc) doc { return after("PID", d[1])(d) }}, nil}},
	"P-02":         {{"PID-1", []edit{set("PID-1", "2")}, nil}},
	"P-03":         {{"PID-3", []edit{set("PID-3", "")}, nil}},
	"P-03.parts":   {{"PID-3.4", []edit{set("PID-3", "KAVORI017^^^^MR")}, nil}, {"PID-3[2].5", []edit{set("PID-3", "K1^^^A^MR~K2^^^A")}, nil}},
	"P-03.code":    {{"PID-3.5", []edit{set("PID-3", "K1^^^A^QQ")}, nil}},
	"P-03.kind":    {{"PID-3.5", []edit{set("PID-3", "219-09-9998^^^SSA^SS")}, nil}},
	"P-04":         {{"PID-5.1", []edit{set("PID-5.1", "")}, nil}, {"PID-5.2", []edit{set("PID-5.2", `""`)}, nil}},
	"P-04.junk":    {{"PID-5.2", []edit{set("PID-5.2", "X")}, nil}, {"PID-5.1", []edit{set("PID-5.1", "Unknown")}, nil}, {"PID-5.1", []edit{set("PID-5.1", "Nemur1")}, nil}},
	"P-04.newborn": {{"PID-5.2", []edit{set("PID-5.2", "Baby Girl")}, nil}},
	"P-04.type":    {{"PID-5.7", []edit{set("PID-5.7", "")}, nil}},
	"P-04.legal":   {{"PID-5.7", []edit{set("PID-5.7", "A")}, nil}},
	"P-05":         {{"PID-6", []edit{set("PID-6", "")}, nil}},
	"P-05.type":    {{"PID-6.7", []edit{set("PID-6.7", "L")}, nil}},
	"P-06":         {{"PID-7", []edit{set("PID-7", "")}, nil}},
	"P-06.form":    {{"PID-7", []edit{set("PID-7", "20240230")}, nil}, {"PID-7", []edit{set("PID-7", "2024")}, nil}},
	"P-06.future":  {{"PID-7", []edit{set("PID-7", "20260401"), set("RXA-3", "20260303"), unborn}, nil}},
	"P-06.old":     {{"PID-7", []edit{set("PID-7", "19010101"), adult}, nil}},
	"P-07":         {{"PID-8", []edit{set("PID-8", "")}, nil}},
	"P-07.code":    {{"PID-8", []edit{set("PID-8", "W")}, nil}},
	"P-08":         {{"PID-10", []edit{set("PID-10.1", "W")}, nil}, {"PID-10", []edit{set("PID-10", "2106-3^White^CDCREC~2028-9^Asian^CDCREC")}, nil}, {"PID-10", []edit{set("PID-10", "")}, nil}},
	"P-08.ethnicity": {
		{"PID-22", []edit{set("PID-22.1", "H")}, nil},
	},
	"P-09":           {{"PID-11", []edit{set("PID-11", "")}, nil}, {"PID-11.3", []edit{set("PID-11.3", "")}, nil}},
	"P-09.type":      {{"PID-11.7", []edit{set("PID-11.7", "")}, nil}},
	"P-09.kind":      {{"PID-11.7", []edit{set("PID-11.7", "Q")}, nil}},
	"P-09.part":      {{"PID-11.4", []edit{set("PID-11.4", "XX")}, nil}, {"PID-11.5", []edit{set("PID-11.5", "7502")}, nil}, {"PID-11.6", []edit{set("PID-11.6", "ZZZ")}, nil}},
	"P-10":           {{"PID-13.7", []edit{set("PID-13.7", "483")}, nil}, {"PID-13.2", []edit{set("PID-13.2", "HOME")}, nil}, {"PID-13.6", []edit{set("PID-13.6", "")}, nil}},
	"P-10.part":      {{"PID-13.2", []edit{set("PID-13.2", "")}, nil}, {"PID-13.4", []edit{set("PID-13", "^NET^Internet")}, nil}, {"PID-13.7", []edit{set("PID-13.7", "")}, nil}},
	"P-11":           {{"PID-25", []edit{set("PID-24", "Y")}, nil}, {"PID-24", []edit{set("PID-24", "X")}, nil}},
	"P-12":           {{"PID-29", []edit{set("PID-29", "20200101"), set("PID-30", "Y")}, nil}},
	"P-12.indicator": {{"PID-30", []edit{set("PID-29", "20260304")}, nil}},
	"P-13":           {{"PID-19", []edit{set("PID-19", "219099998")}, nil}},
	"P-14":           {{"PID-3[2].1", []edit{set("PID-3", "K1^^^A^MR~666-12-3456^^^SSA^SS")}, nil}},
	"D-01":           {{"PD1-12", []edit{set("PD1-12", "X")}, nil}, {"PD1-11", []edit{set("PD1-11.1", "77")}, nil}},
	"D-01.date":      {{"PD1-13", []edit{set("PD1-13", "soon")}, nil}},
	"D-01.partner":   {{"PD1-18", []edit{set("PD1-11", "")}, []string{"Z-PD1-11.empty"}}},
	"D-02":           {{"PD1-12", []edit{set("PD1-12", "Y")}, nil}},
	"N-01":           {{"NK1", []edit{drop("NK1")}, nil}},
	"N-02":           {{"NK1[1]-1", []edit{set("NK1-1", "2")}, nil}},
	"N-02.name":      {{"NK1[1]-2.2", []edit{set("NK1-2.2", "")}, nil}},
	"N-02.relation":  {{"NK1[1]-3", []edit{set("NK1-3.1", "MOM")}, nil}},
	"N-03":           {{"NK1[1]-3", []edit{set("NK1-3.1", "SIB")}, nil}},
	"N-03.contact":   {{"NK1[1]-4", []edit{set("NK1-4", ""), set("NK1-5", "")}, nil}, {"NK1[1]-5.7", []edit{set("NK1-5.7", "0000000")}, nil}},
	"N-03.self":      {{"NK1[1]-2", []edit{set("NK1-3.1", "SEL")}, nil}},
	"O-01":           {{"RXA[2] ORC", []edit{drop("ORC[2]")}, nil}},
	"O-01.control":   {{"ORC[1]-1", []edit{set("ORC-1", "OK")}, nil}},
	"O-02":           {{"ORC[1]-3", []edit{set("ORC-3", "")}, nil}, {"ORC[1]-3", []edit{set("ORC-3", "d-1")}, nil}},
	"O-02.unique":    {{"ORC[2]-3", []edit{set("ORC[2]-3", "d-1^SUNR1234")}, nil}},
	"O-02.none":      {{"ORC[1]-3", []edit{set("ORC-3", "9999^SUNR1234")}, nil}},
	"O-03":           {{"ORC[1]-12", []edit{set("ORC-12", "")}, nil}},
	"O-03.agreement": {{"ORC[1]-12", []edit{set("ORC-12.1", "9999999999")}, nil}},
	"R-01":           {{"RXA", []edit{drop("ORC"), drop("RXA"), drop("RXR"), drop("OBX"), drop("OBX"), drop("OBX"), drop("OBX"), drop("OBX"), drop("ORC"), drop("RXA")}, nil}},
	"R-01.group":     {{"ORC[2]", []edit{drop("RXA[2]")}, nil}},
	"R-02":           {{"RXA[1]-2", []edit{set("RXA-2", "999")}, nil}},
	"R-03":           {{"RXA[2]-3", []edit{set("RXA[2]-3", "20240230")}, nil}, {"RXA[2]-3", []edit{set("RXA[2]-3", "")}, nil}},
	"R-03.future":    {{"RXA[1]-3", []edit{set("RXA-3", "20260401")}, nil}},
	"R-03.birth":     {{"RXA[2]-3", []edit{set("RXA[2]-3", "20230101")}, nil}},
	"R-03.death":     {{"RXA[1]-3", []edit{set("PID-29", "20250101"), set("PID-30", "Y")}, nil}},
	"R-04":           {{"RXA[1]-4", []edit{set("RXA-4", "20260304")}, nil}},
	"R-05":           {{"RXA[2]-5.1", []edit{set("RXA[2]-5", "")}, nil}, {"RXA[2]-5.3", []edit{set("RXA[2]-5.3", "")}, nil}},
	"R-05.table":     {{"RXA[2]-5.3", []edit{set("RXA[2]-5.3", "ICD10")}, nil}},
	"R-05.code":      {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "777")}, nil}},
	"R-05.ndc":       {{"RXA[2]-5.1", []edit{set("RXA[2]-5", "11111-1111-11^none^NDC")}, nil}},
	"R-05.unknown":   {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "999")}, nil}},
	"R-05.unspecified": {
		{"RXA[1]-5.1", []edit{set("RXA-5.1", "45"), set("OBX[3]-5.1", "45"), set("OBX[4]-5", "20211015")}, nil},
	},
	"R-05.none":    {{"RXA[1]-5.1", []edit{set("RXA-5.1", "998"), set("RXA-6", "999"), set("RXA-7", "")}, nil}},
	"R-05.pair":    {{"RXA[1]-5", []edit{set("RXA-5", "03^MMR^CVX^49281-0560-05^Pentacel^NDC")}, nil}, {"RXA[1]-5", []edit{set("RXA-5", "03^MMR^CVX^90744^Hep B^C4")}, nil}},
	"R-05.form":    {{"RXA[2]-5.1", []edit{set("RXA[2]-3", "20250303"), set("RXA[2]-5", "00006468101^M-M-R II^NDC")}, nil}},
	"R-06":         {{"RXA[1]-5.1", []edit{set("RXA-5.1", "138"), set("RXA-17", "PMC^Sanofi Pasteur^MVX"), set("PID-7", "20150115"), set("OBX[3]-5.1", "139"), set("OBX[4]-5", "20210806")}, nil}},
	"R-07":         {{"RXA[1]-6", []edit{set("RXA-6", "half")}, nil}, {"RXA[1]-6", []edit{set("RXA-6", "")}, nil}},
	"R-07.unknown": {{"RXA[1]-6", []edit{set("RXA-6", "999"), set("RXA-7", "")}, nil}},
	"R-07.unit":    {{"RXA[1]-7", []edit{set("RXA-7", "")}, nil}, {"RXA[2]-7", []edit{set("RXA[2]-7", "mL")}, nil}},
	"R-07.code":    {{"RXA[1]-7", []edit{set("RXA-7.1", "ML")}, nil}},
	"R-08":         {{"RXA[2]-9", []edit{set("RXA[2]-9", "")}, nil}, {"RXA[2]-9", []edit{set("RXA[2]-9.1", "77")}, nil}},
	"R-08.extra":   {{"RXA[2]-9", []edit{set("RXA[2]-20", "NA"), set("ORC[2]-3.1", "9999")}, nil}},
	"R-08.none":    {{"RXA[2]-9", []edit{set("RXA[2]-9", ""), set("RXA[2]-20", "")}, []string{"R-14"}}},
	"R-08.given":   {{"RXA[2]-9", []edit{set("RXA[2]-3", "20260303"), set("RXA[2]-6", "0.5"), set("RXA[2]-7", "mL^mL^UCUM"), set("RXA[2]-15", "K99A")}, nil}},
	"R-08.historic": {
		{"RXA[1]-9", []edit{set("RXA-15", ""), set("RXA-16", ""), set("RXA-17", ""), set("RXA-3", "20250303")}, []string{"R-10", "R-12"}},
	},
	"R-09":          {{"RXA[1]-10", []edit{set("RXA-10", "")}, nil}},
	"R-09.place":    {{"RXA[1]-11", []edit{set("RXA-11", "")}, nil}},
	"R-09.facility": {{"RXA[1]-11.4", []edit{set("RXA-11", "room 2")}, nil}},
	"R-09.foreign":  {{"RXA[1]-11.4", []edit{set("RXA-11.4", "ELSEWHERE")}, nil}},
	"R-10":          {{"RXA[1]-15", []edit{set("RXA-15", "")}, nil}},
	"R-10.junk":     {{"RXA[1]-15", []edit{set("RXA-15", "none")}, nil}},
	"R-11":          {{"RXA[1]-16", []edit{set("RXA-16", "")}, nil}},
	"R-11.form":     {{"RXA[1]-16", []edit{set("RXA-16", "never")}, nil}, {"RXA[1]-16", []edit{set("RXA-16", "202713")}, nil}},
	"R-11.expired":  {{"RXA[1]-3", []edit{set("RXA-16", "20260302")}, nil}},
	"R-12":          {{"RXA[1]-17", []edit{set("RXA-17", "")}, nil}},
	"R-12.code":     {{"RXA[1]-17", []edit{set("RXA-17.1", "QQQ")}, nil}},
	"R-12.pair":     {{"RXA[1]-17", []edit{set("RXA-17.1", "PFR")}, nil}},
	"R-13":          {{"RXA[1]-18", []edit{set("RXA-18.1", "00")}, nil}, {"RXA[2]-18", []edit{set("RXA[2]-20", "RE"), set("RXA[2]-9", ""), set("ORC[2]-3.1", "9999")}, nil}},
	"R-14":          {{"RXA[2]-20", []edit{set("RXA[2]-20", "")}, []string{"R-08.extra"}}},
	"R-14.code":     {{"RXA[2]-20", []edit{set("RXA[2]-20", "XX"), set("RXA[2]-9", "")}, nil}},
	"R-15.delete":   {{"RXA[1]-21", []edit{set("RXA-21", "D")}, nil}},
	"R-15":          {{"RXA[1]-21", []edit{set("RXA-21", "")}, nil}, {"RXA[1]-21", []edit{set("RXA-21", "X")}, nil}},
	"R-16":          {{"RXA[1]-22", []edit{set("RXA-22", "20260301")}, nil}},
	"X-01":          {{"RXR[1]-1", []edit{set("RXR-1.1", "ARM")}, nil}},
	"X-01.old":      {{"RXR[1]-1", []edit{set("RXR-1", "SC^^HL70162")}, nil}},
	"X-01.none":     {{"RXA[1] RXR", []edit{drop("RXR")}, nil}},
	"X-02.none":     {{"RXR[1]-2", []edit{set("RXR-2", "")}, nil}},
	"X-02":          {{"RXR[1]-2", []edit{set("RXR-2.1", "ARM")}, nil}},
	"B-01":          {{"OBX[2]-1", []edit{set("OBX[2]-1", "3")}, nil}},
	"B-01.part":     {{"OBX[2]-11", []edit{set("OBX[2]-11", "P")}, nil}, {"OBX[2]-5", []edit{set("OBX[2]-5", "")}, nil}, {"OBX[2]-4", []edit{set("OBX[2]-4", "")}, nil}},
	"B-02":          {{"OBX[5]-2", []edit{set("OBX[5]-2", "XX")}, nil}, {"OBX[2]-5", []edit{set("OBX[2]-5", "VXC50")}, nil}},
	"B-03":          {{"OBX[2]-3", []edit{set("OBX[2]-3.1", "11111-1")}, nil}},
	"B-04":          {{"RXA[1] OBX", []edit{set("OBX-3.1", "31044-1"), set("OBX-5", "PHC78^x^CDCPHINVS")}, nil}},
	"B-04.code":     {{"OBX[1]-5", []edit{set("OBX-5.1", "V99")}, nil}},
	"B-04.way":      {{"OBX[1]-17", []edit{set("OBX-17", "")}, nil}},
	"B-05":          {{"OBX[1]-5", []edit{set("OBX-5.1", "V24")}, nil}},
	"B-06":          {{"OBX[2]-5", []edit{set("OBX[2]-5.1", "VXC99")}, nil}},
	"B-07":          {{"RXA[1] OBX", []edit{drop("OBX[5]")}, nil}, {"RXA[1] OBX", []edit{set("OBX[5]-4", "3")}, nil}},
	"B-07.code":     {{"OBX[3]-5", []edit{set("OBX[3]-5.1", "777")}, nil}},
	"B-07.date":     {{"OBX[5]-5", []edit{set("OBX[5]-5", "20200101")}, nil}, {"OBX[5]-5", []edit{set("OBX[5]-5", "20260401")}, nil}},
	"B-08.form":     {{"OBX[1]-14", []edit{set("OBX-14", "2026")}, nil}},
	"B-08":          {{"OBX[1]-14", []edit{set("OBX-14", "")}, nil}},
}

// adult makes the sound message's child an adult with an adult's dose.
func adult(d doc) doc {
	for _, e := range []edit{
		set("PID-6", ""), drop("NK1"), set("ZTX-1", "TXA"), set("OBX-5", "V01^Not eligible^HL70064"), set("RXA[2]-5.1", "43"),
	} {
		d = e(d)
	}
	return d
}

// unborn leaves no dose that could be before birth.
func unborn(d doc) doc {
	for _, e := range []edit{set("RXA-3", "20260304"), set("RXA[2]-3", "20260304")} {
		d = e(d)
	}
	return d
}

func TestEveryRuleIsBrokenAloneAndPointsAtItsPlace(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(breaches)) {
		for i, b := range breaches[id] {
			name := id
			if i > 0 {
				name += " again"
			}
			t.Run(name, func(t *testing.T) {
				v := judge(t, batch(soundWith("c-1", b.edits...)))
				require.ElementsMatch(t, append(b.also, id), v.rules(), "%v", v.findings)
				f := v.findings[slices.IndexFunc(v.findings, func(f registry.Finding) bool { return f.Rule == id })]
				require.Equal(t, b.path, f.Path)
				require.Equal(t, 1, f.Message)
				require.Positive(t, f.Line)
			})
		}
	}
}

func TestEveryRuleHasABreach(t *testing.T) {
	for _, r := range conformance.Rules() {
		inFile := strings.HasPrefix(r.ID, "F-0") && breaches[r.ID] == nil ||
			strings.HasSuffix(r.ID, ".everybody") || strings.HasSuffix(r.ID, ".file")
		if inFile || r.ID == "F-11" || r.ID == "R-17" || strings.HasPrefix(r.ID, "Z-") || strings.HasPrefix(r.ID, "C-0") {
			continue // file_test.go, lane_test.go, rules_everybody_test.go, rules_consent_test.go, z22_test.go
		}
		require.NotEmpty(t, breaches[r.ID], r.ID)
	}
}

func TestEveryRuleSpeaksInSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range conformance.Rules() {
		require.False(t, seen[r.ID], "%s twice", r.ID)
		seen[r.ID] = true
		require.True(t, seen[r.ID] && strings.HasSuffix(r.Says, ".") && strings.HasSuffix(r.Remedy, "."), r.ID)
		require.NotEmpty(t, r.Source, r.ID)
		require.NotEmpty(t, r.Where, r.ID)
		if !strings.HasPrefix(r.ID, "Z-") || strings.HasPrefix(r.ID, "C-0") { // some of which wait to be switched on
			require.NotEqual(t, conformance.Lanes{}, r.Severity, r.ID)
		}
		if r.Drops == conformance.DropsDose {
			require.Equal(t, registry.SeverityError, r.Severity.Production, r.ID)
		}
	}
	_, ok := conformance.Lookup("R-03.future")
	require.True(t, ok)
	_, ok = conformance.Lookup("R-99")
	require.False(t, ok)
	require.Equal(t, []string{"R-99", "R-03.past"}, conformance.UnknownRules([]string{"R-03", "R-99", "R-03.past", "F-11"}))
}
