package conformance_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/conformance/codes"
	"immtrail/registry"
)

// Dose 1 of the sound message was given here, to a child of two; dose 2 is
// history.
func init() {
	maps.Copy(breaches, map[string][]struct {
		path  string
		edits []edit
	}{
		"R-05.newer":  {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "480")}}, {"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "590")}}},
		"R-05.not":    {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "76")}}},
		"R-06.never":  {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "61")}}},
		"R-06.before": {{"RXA[2]-3", []edit{set("RXA[2]-5.1", "116"), set("PID-7", "19990115"), set("RXA[2]-3", "19990401"), adult, set("RXA[2]-5.1", "116")}}},
		"R-06.early":  {{"RXA[2]-3", []edit{set("PID-7", "20050115"), set("RXA[2]-3", "20050401"), adult, set("RXA[2]-5.1", "116")}}},
		"R-06.after": {
			// A code of which a product is still listed, so that R-06 is silent.
			{"RXA[1]-3", []edit{set("RXA-5.1", "207"), given("20231101"), set("PID-7", "20100115"), set("RXA-17.1", "MOD"), set("OBX[3]-5.1", "213"), set("OBX[4]-5", "20231019")}},
		},
		"R-06.late": {
			{"RXA[1]-3", []edit{set("RXA-5.1", "62"), set("PID-7", "20100115"), set("OBX[3]-5.1", "62"), set("OBX[4]-5", "20191030")}},
		},
		"R-06.ndc": {{"RXA[1]-3", []edit{set("RXA-5", "58160-0806-01^Hiberix^NDC"), set("RXA-17.1", "SKB"), set("OBX[3]-5.1", "48"), set("OBX[4]-5", "20210806")}}},
		"R-06.age": {
			{"RXA[2]-3", []edit{set("RXA[2]-5.1", "119"), set("RXA[2]-3", "20250303")}},
			{"RXA[2]-3", []edit{set("RXA[2]-5.1", "115"), set("RXA[2]-3", "20250303")}},
		},
		"R-10.pattern": {{"RXA[1]-15", []edit{set("RXA-15", "UJ123AA")}}},
		"R-12.other":   {{"RXA[1]-17", []edit{set("RXA-5.1", "20"), set("RXA-17.1", "PFR"), set("OBX[3]-5.1", "20")}}},
		"R-12.ndc":     {{"RXA[1]-17", []edit{set("RXA-5", "58160-0831-03^Priorix^NDC")}}},
		"X-01.fit":     {{"RXR[1]-1", []edit{set("RXR-1", "C38288^Oral^NCIT")}}, {"RXR[1]-1", []edit{set("RXR-1", "C38284^Nasal^NCIT")}}},
		"X-02.twice":   {{"RXR[2]-2", twoNirsevimab}},
		"B-07.table": {
			{"RXA[1] OBX", []edit{set("RXA-5.1", "216"), set("RXA-17.1", "PFR"), drop("OBX[5]"), drop("OBX[4]"), drop("OBX[3]")}},
		},
		"B-07.newer":   {{"OBX[3]-5", []edit{set("OBX[3]-3.1", "69764-9"), set("OBX[3]-5", "253088698300012711260101^x^cdcgs1vis"), drop("OBX[4]"), set("OBX[4]-1", "4")}}},
		"B-07.fit":     {{"OBX[3]-5", []edit{set("OBX[3]-5.1", "21")}}, {"OBX[3]-5", []edit{set("OBX[3]-3.1", "69764-9"), set("OBX[3]-5", "253088698300029511210806^x^cdcgs1vis"), drop("OBX[4]"), set("OBX[4]-1", "4")}}},
		"B-07.edition": {{"OBX[4]-5", []edit{set("OBX[4]-5", "20210805")}}},
	})
}

// twoNirsevimab makes both doses nirsevimab of the same day and site.
var twoNirsevimab = []edit{
	set("PID-7", "20251015"), set("RXA-5.1", "307"), set("RXA-17.1", "PMC"), set("RXA[2]-5.1", "306"), set("RXA[2]-3", "20260303"),
	set("OBX[3]-5.1", "307"), set("OBX[4]-5", "20230925"),
	after("RXA[2]", "RXR|C28161^Intramuscular^NCIT|LT^Left Thigh^HL70163"), set("RXR-1.1", "C28161"),
}

// The edge of each rule: one step further it fires.
func TestProductsThatJustFitAreNoFinding(t *testing.T) {
	for name, edits := range map[string][]edit{
		"the highest code of the table":                {set("RXA[2]-5.1", "334"), set("PID-7", "20100101"), set("RXA[2]-3", "20250901")},
		"a vaccine on the day of its licence":          {set("PID-7", "20060101"), set("RXA[2]-3", "20060203"), adult, set("RXA[2]-5.1", "116")},
		"rotavirus at eight months":                    {set("RXA[2]-5.1", "116"), set("RXA[2]-3", "20241014")},
		"DTP from abroad is history long after":        {set("RXA[2]-5.1", "01"), set("RXA[2]-3", "20240401")},
		"a lot of the same shape and its own maker":    {set("RXA-5.1", "101"), set("RXA-17.1", "PMC"), set("RXA-15", "UJ123AA"), set("OBX[3]-5.1", "101"), set("OBX[4]-5", "20191030")},
		"MMR into the muscle":                          {set("RXR-1", "C28161^Intramuscular^NCIT")},
		"live flu vaccine sprayed":                     {set("RXA-5.1", "111"), set("RXA-17.1", "MED"), set("RXR-1", "C38284^Nasal^NCIT"), set("OBX[3]-5.1", "88"), set("OBX[4]-5", "20210806"), set("RXR-2", "")},
		"nirsevimab in both thighs":                    append(append([]edit{}, twoNirsevimab...), set("RXR[2]-2.1", "RT")),
		"MMR by NDC of its maker":                      {set("RXA-5", "00006-4681-01^M-M-R II^NDC")},
		"the statement of each part of a combination":  {set("RXA-5.1", "94"), set("OBX[3]-5.1", "21")},
		"a package with two codes, either of them":     {set("RXA-5", "43^Hep B^CVX^58160-0821-01^Engerix^NDC"), set("RXA-17.1", "SKB"), set("PID-7", "19900101"), adult, set("OBX[3]-5.1", "45"), set("OBX[4]-5", "20211015")},
		"a vaccine of which no statement was there":    {set("RXA-5.1", "216"), set("RXA-17.1", "PFR"), set("OBX[3]-5.1", "152"), set("OBX[4]-5", "20230512")},
		"a refused dose is not asked when it was used": {set("RXA[2]-5.1", "116"), set("RXA[2]-3", "20250303"), set("RXA[2]-20", "RE"), set("RXA[2]-9", ""), set("RXA[2]-18", "00^Parental decision^NIP002"), set("ORC[2]-3.1", "9999")},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, batch(soundWith("c-1", edits...)))
			for _, f := range v.findings {
				if f.Rule == "F-08" || strings.HasPrefix(f.Rule, "P-05") {
					continue
				}
				t.Errorf("%s at %s", f.Rule, f.Path)
			}
		})
	}
}

// A day that only one source knows makes a warning, never an error.
func TestADayThatIsNotProvenIsAWarning(t *testing.T) {
	unproven := 0
	for n := range 1000 {
		v := codes.Embedded().CVX(fmt.Appendf(nil, "%02d", n))
		if v == nil || v.Use.ImpossibleBefore < 19300101 || v.Use.StartProven() || v.Status == codes.NeverActive {
			continue
		}
		unproven++
		day := v.Use.ImpossibleBefore.AddDays(-1).String()
		got := judge(t, batch(soundWith("c-1", set("PID-7", "19300115"), adult, set("RXA[2]-5.1", v.Code), set("RXA[2]-3", day))))
		require.Contains(t, got.rules(), "R-06.early", v.Code)
		require.NotContains(t, got.rules(), "R-06.before", v.Code)
	}
	require.Positive(t, unproven)
}

func TestVerdictsCarryTheVersionOfTheTables(t *testing.T) {
	v := judge(t, batch(soundWith("c-1")))
	require.Equal(t, conformance.RuleSet+" "+codes.Embedded().Version(), v.RuleSet)
	require.Equal(t, conformance.Version(nil), v.RuleSet)
}

func TestNewerTablesKnowNewerCodes(t *testing.T) {
	set2, err := codes.EmbeddedSet()
	require.NoError(t, err)
	cvx := set2[codes.CVX]
	cvx.Rows = append(append([]string{}, cvx.Rows...), "480|a||20260601|")
	cvx.Edition = 20260601
	set2[codes.CVX] = cvx
	newer, err := codes.Build(set2)
	require.NoError(t, err)
	file := batch(soundWith("c-1", set("RXA[2]-5.1", "480")))
	require.Equal(t, []string{"R-05.newer"}, judge(t, file).rules())
	v := judge(t, file, func(o *conformance.Options) { o.Codes = newer })
	require.Empty(t, v.findings)
	require.NotEqual(t, conformance.Version(nil), v.RuleSet)

	rule, _ := conformance.Lookup("R-05.newer")
	require.Contains(t, rule.Sentence(nil), "(Table of 2025-11-19.)")
	require.Contains(t, rule.Sentence(newer), "(Table of 2026-06-01.)")
	rule, _ = conformance.Lookup("R-03")
	require.Equal(t, rule.Says, rule.Sentence(nil))
}

func TestUnknownCodesAreWarningsWhereTheTableMayBeOld(t *testing.T) {
	for code, want := range map[string]registry.Severity{
		"335^x^CVX": "W", "99999-9999-99^x^NDC": "W", "124^x^CVX": "E", "640^x^CVX": "E", "3^x^CVX": "E", "0003^x^CVX": "E", "99999999999^x^NDC": "E",
	} {
		v := judge(t, batch(soundWith("c-1", set("RXA[2]-5", code))))
		require.Len(t, v.findings, 1, code)
		require.Equal(t, want, v.findings[0].Severity, code)
	}
}
