package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// asked sets where the profile reads consent.
func asked(status, date string, disaster ...string) func(*conformance.Options) {
	return func(in *conformance.Options) {
		in.Profile.Rules.ConsentField, in.Profile.Rules.ConsentDateField = status, date
		in.Profile.Rules.DisasterVaccines = disaster
	}
}

// grown makes the sound message's child a person of that birth date.
func grown(birth string) []edit {
	return []edit{set("PID-7", birth), adult, set("RXA[2]-3", "20250303"), set("RXA[2]-5.1", "09")}
}

func TestConsentRules(t *testing.T) {
	for name, c := range map[string]struct {
		edits []edit
		rules []string
		path  string
	}{
		"fits":                          {nil, nil, ""},
		"none":                          {[]edit{set("ZTX-1", "")}, []string{"C-01"}, "ZTX[1]-1.1"},
		"no segment for it":             {[]edit{drop("ZTX")}, []string{"C-01"}, "ZTX"},
		"a word":                        {[]edit{set("ZTX-1", "Y")}, []string{"C-01.code"}, "ZTX[1]-1.1"},
		"an adult's for a child":        {[]edit{set("ZTX-1", "TXA")}, []string{"C-02"}, "ZTX[1]-1.1"},
		"a family member who is minor":  {[]edit{set("ZTX-1", "TXM")}, nil, ""},
		"a responder who is minor":      {[]edit{set("ZTX-1", "TXF")}, []string{"C-02"}, "ZTX[1]-1.1"},
		"a child's for an adult":        {append(grown("19800101"), set("ZTX-1", "TXY")), []string{"C-02"}, "ZTX[1]-1.1"},
		"an adult's own":                {grown("19800101"), nil, ""},
		"an adult today":                {append(grown("20080304"), set("ZTX-2", "20260304")), nil, ""},
		"a child's, who is eighteen":    {append(grown("20080304"), set("ZTX-1", "TXY")), []string{"C-05"}, "ZTX[1]-1.1"},
		"a child's, who is twenty-five": {append(grown("20000305"), set("ZTX-1", "TXY"), set("ZTX-2", "20180304")), []string{"C-05"}, "ZTX[1]-1.1"},
		"a child's, who is twenty-six":  {append(grown("20000304"), set("ZTX-1", "TXY"), set("ZTX-2", "20180303")), []string{"C-02"}, "ZTX[1]-1.1"},
		"a child's, given as an adult":  {append(grown("20050304"), set("ZTX-1", "TXY"), set("ZTX-2", "20230304")), []string{"C-02"}, "ZTX[1]-1.1"},
		"without a date":                {[]edit{set("ZTX-2", "")}, []string{"C-03"}, "ZTX[1]-2.1"},
		"a date that is none":           {[]edit{set("ZTX-2", "20240230")}, []string{"C-03"}, "ZTX[1]-2.1"},
		"today":                         {[]edit{set("ZTX-2", "20260304")}, nil, ""},
		"tomorrow":                      {[]edit{set("ZTX-2", "20260305")}, []string{"C-03.future"}, "ZTX[1]-2.1"},
		"on the day of birth":           {[]edit{set("ZTX-2", "20240115")}, nil, ""},
		"before birth":                  {[]edit{set("ZTX-2", "20240114")}, []string{"C-03.birth"}, "ZTX[1]-2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, batch(soundWith("c-1", c.edits...)), asked("ZTX-1", "ZTX-2"))
			require.Equal(t, c.rules, v.rules(), "%v", v.findings)
			if c.path != "" {
				require.Equal(t, c.path, v.findings[0].Path)
			}
		})
	}
}

func TestConsentForADisasterCoversItsVaccines(t *testing.T) {
	disaster := soundWith("c-1", set("ZTX-1", "TXD"))
	v := judge(t, batch(disaster), asked("ZTX-1", "", "03"))
	require.Equal(t, []string{"C-04"}, v.rules())
	require.Equal(t, "RXA[2]-5", v.findings[0].Path)
	require.Equal(t, registry.OutcomeDoseRejected, v.Outcome, "the dose of the disaster is kept")
	require.Empty(t, judge(t, batch(disaster), asked("ZTX-1", "", "03", "08")).rules())
	require.Equal(t, 2, judge(t, batch(disaster), asked("ZTX-1", "")).Errors, "while none is declared it covers nothing")
	none := soundWith("c-1", set("ZTX-1", ""))
	require.Empty(t, judge(t, batch(none), asked("ZTX-1", "", "03", "08")).rules(), "what a disaster covers is reported without consent")
	require.Equal(t, []string{"C-01"}, judge(t, batch(none), asked("ZTX-1", "", "03")).rules())
}

func TestConsentIsReadWhereTheProfileSays(t *testing.T) {
	answer := after("OBX[5]", "OBX|6|CE|59784-9^Consent^LN|3|TXY^Child^L||||||F|||20260303")
	for where, edits := range map[string][]edit{
		"ZTX-1.1":        nil,
		"OBX(59784-9)":   {answer, set("ZTX-1", "")},
		"OBX(59784-9).2": {answer, set("OBX[6]-5", "TX^TXY^L"), set("ZTX-1", "")},
		"PD1-19":         {set("PD1-19", "TXY"), set("ZTX-1", "")},
	} {
		v := judge(t, batch(soundWith("c-1", edits...)), asked(where, ""), func(in *conformance.Options) {
			in.Profile.Rules.Grades = map[string]string{"Z": "off"}
		})
		require.Empty(t, v.rules(), where)
	}
	for _, nowhere := range []string{"PD1", "consent", "PD1-0", "PD1(1)", "OBX()", "ZTX-1.", "OBX(5^9)"} {
		_, err := conformance.ParseLocation(nowhere)
		require.Equal(t, registry.Invalid, registry.KindOf(err), nowhere)
		in := conformance.Options{Lane: registry.LaneTest, Now: now, Profile: &registry.Profile{Rules: registry.RuleSettings{ConsentField: nowhere}}}
		_, err = conformance.Check(t.Context(), nil, in)
		require.Equal(t, registry.Invalid, registry.KindOf(err), nowhere)
	}
}

func TestConsentThatNobodyCanReadIsSaidOnce(t *testing.T) {
	v := judge(t, batch(soundWith("c-1", set("ZTX-1", "")), soundWith("c-2", chart("OTHER"), set("ZTX-1", ""))), asked("", ""))
	require.Equal(t, []string{"C-01.unknown"}, v.rules())
	require.Equal(t, 1, v.Infos)
	require.True(t, v.ErrorFree)
	require.Equal(t, registry.OutcomeAccepted, v.Outcome)

	t.Run("and once for all files of a run", func(t *testing.T) {
		run := &conformance.Run{}
		inRun := func(in *conformance.Options) { in.Run = run }
		require.Equal(t, []string{"C-01.unknown"}, judge(t, batch(soundWith("c-1")), asked("", ""), inRun).rules())
		require.Empty(t, judge(t, batch(soundWith("c-1")), asked("", ""), inRun).rules())
		require.Equal(t, []string{"C-01.unknown"}, judge(t, batch(soundWith("c-1")), asked("", "")).rules(), "another run is told again")
	})
}
