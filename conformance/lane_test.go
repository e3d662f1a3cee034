package conformance_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

func live(id string, edits ...edit) string {
	return soundWith(id, append([]edit{set("MSH-11", "P")}, edits...)...)
}

func chart(n string) edit {
	return func(d doc) doc { return set("PID-5.2", "Nemuri"+worded(n))(set("PID-3.1", n)(d)) }
}

// worded writes digits as letters, since no name has any.
func worded(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'a' + r - '0'
		}
		return r
	}, text)
}

func TestTestPatientsStayOutOfProduction(t *testing.T) {
	dummies := []edit{set("PID-3", "K1^^^A^MR~999-99-9999^^^SSA^SS"), set("PID-13.7", "0000000")}
	for name, edits := range map[string][]edit{
		"last name":            {set("PID-5.1", "Test")},
		"last name ZZTEST":     {set("PID-5.1", "zz-test")},
		"first name":           {set("PID-5.2", "TESTING")},
		"dummy SSN and phone":  dummies,
		"all in a test person": {set("PID-5.1", "TESTPATIENT"), set("PID-5.2", "DUMMY")},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, batch(live("c-1", edits...), live("c-2", chart("OTHER"))), production)
			require.Contains(t, v.rules(), "F-11")
			require.Equal(t, 1, v.Held)
			require.True(t, v.messages[0].Held)
			require.False(t, v.messages[1].Held)
			require.False(t, v.HoldFile, "the other patient's record goes")
			tested := judge(t, batch(soundWith("c-1", edits...)))
			require.NotContains(t, tested.rules(), "F-11")
		})
	}
	t.Run("one dummy alone is a typing habit", func(t *testing.T) {
		v := judge(t, batch(live("c-1", dummies[0])), production)
		require.Equal(t, []string{"P-14"}, v.rules())
	})
}

func TestInTheTestLaneOneErrorHoldsTheFile(t *testing.T) {
	file := batch(soundWith("c-1", set("RXA-15", "")), soundWith("c-2", chart("OTHER")))
	v := judge(t, file)
	require.Equal(t, []string{"R-10"}, v.rules())
	require.True(t, v.HoldFile)
	require.Zero(t, v.Held)

	sent := judge(t, batch(live("c-1", set("RXA-15", "")), live("c-2", chart("OTHER"))), production)
	require.False(t, sent.HoldFile, "in production the record is the unit")
	require.False(t, sent.ErrorFree)

	warned := judge(t, batch(soundWith("c-1", set("RXA-10", ""))))
	require.True(t, warned.ErrorFree, "a warning does not break error-free")
	require.False(t, warned.HoldFile)
	require.Equal(t, registry.OutcomeWarned, warned.Outcome)
}

func TestHeldFamiliesHoldWhatCostsTheMessage(t *testing.T) {
	heldBy := func(ids []string, edits ...edit) int {
		return judge(t, batch(live("c-1", edits...)), production, func(in *conformance.Options) { in.Profile.Rules.Held = ids }).Held
	}
	misplaced := []edit{drop("PD1"), after("NK1", "PD1")}
	require.Equal(t, 1, heldBy([]string{"M-01"}, drop("PID"), drop("NK1")))
	require.Equal(t, 0, heldBy([]string{"M-01"}, misplaced...), "the registry ignores a misplaced segment and can judge the rest")
	require.Equal(t, 1, heldBy([]string{"M-01.order"}, misplaced...))
	require.Equal(t, 1, heldBy([]string{"P-06"}, set("PID-7", "2024")), "a family means its parts")
	require.Equal(t, 0, heldBy(nil, set("PID-7", "")))
	none := judge(t, batch(live("c-1", set("PID-5.1", "TEST"))), production, func(in *conformance.Options) { in.Profile = nil })
	require.Equal(t, 1, none.Held, "without a profile test patients stay behind all the same")
}

func TestARecordThatIsNotToBeSharedStaysBehindAsAWarning(t *testing.T) {
	judged := func(grades map[string]string) verdict {
		return judge(t, batch(live("c-1", set("PD1-12", "Y"))), production, func(in *conformance.Options) {
			in.Profile.Rules.Held, in.Profile.Rules.Grades = []string{"D-02"}, grades
		})
	}
	v := judged(nil)
	require.Equal(t, []string{"D-02"}, v.rules())
	require.True(t, v.ErrorFree, "nothing is wrong with the message")
	require.Equal(t, 1, v.Held)
	require.Equal(t, 1, judged(map[string]string{"D-02": "error"}).Held)
	require.Zero(t, judged(map[string]string{"D-02": "warning"}).Held, "somebody decided otherwise")
	require.Zero(t, judged(map[string]string{"D-02": "off"}).Held)
}

func TestAFileWhoseMessagesAreAllHeldIsHeld(t *testing.T) {
	v := judge(t, batch(soundWith("c-1"), soundWith("c-2", chart("OTHER"))), production)
	require.Equal(t, []string{"F-10"}, v.rules())
	require.Equal(t, 2, v.Held)
	require.True(t, v.HoldFile)
}

func TestLateDosesAreWarnedOfInProductionOnly(t *testing.T) {
	old := []edit{given("20260115"), set("RXA-16", "20270801")}
	require.Equal(t, []string{"R-17"}, judge(t, batch(live("c-1", old...)), production).rules())
	require.Empty(t, judge(t, batch(soundWith("c-1", old...))).rules())
	historical := func(in *conformance.Options) { in.Lane = registry.LaneHistorical }
	require.Empty(t, judge(t, batch(live("c-1", old...)), historical).rules())
}

// Table 3-1 of the guide: what a receiver does with what is wrong.
func TestErrorsCascadeAsInTheGuide(t *testing.T) {
	accepted, dropped, rejected := registry.OutcomeAccepted, registry.OutcomeDoseRejected, registry.OutcomeMessageRejected
	for name, c := range map[string]struct {
		edits     []edit
		outcome   registry.Outcome
		doses     []registry.Outcome
		errorFree bool
	}{
		"nothing wrong":                                   {nil, accepted, []registry.Outcome{accepted, accepted}, true},
		"an empty field that may be empty":                {[]edit{set("ORC-2", "")}, accepted, []registry.Outcome{accepted, accepted}, true},
		"a field after the last of the profile":           {[]edit{set("PID-45", "new")}, accepted, []registry.Outcome{accepted, accepted}, true},
		"a segment that the profile has not":              {[]edit{after("PID", "ARV|1")}, accepted, []registry.Outcome{accepted, accepted}, true},
		"a component beyond its type":                     {[]edit{set("RXR-1", "C38299^Subcutaneous^NCIT^^^^^^9")}, accepted, []registry.Outcome{accepted, accepted}, true},
		"a forbidden field with a value":                  {[]edit{set("PID-19", "219099998")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, true},
		"a bad value where the field may be empty":        {[]edit{set("PID-10.1", "W")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, true},
		"a required part of a field that may be empty":    {[]edit{set("ORC-10.13", "")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, true},
		"a required field of a segment that may be empty": {[]edit{set("NK1-3.1", "MOM")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, false},
		"a required field of an observation":              {[]edit{set("OBX[2]-11", "")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, false},
		"a required field of the header":                  {[]edit{set("MSH-12", "")}, rejected, []registry.Outcome{rejected, rejected}, false},
		"a required field of the patient":                 {[]edit{set("PID-7", "")}, rejected, []registry.Outcome{rejected, rejected}, false},
		"a required part of a required field":             {[]edit{set("PID-3.4", "&")}, rejected, []registry.Outcome{rejected, rejected}, false},
		"bad data in a required field":                    {[]edit{set("PID-8", "W")}, rejected, []registry.Outcome{rejected, rejected}, false},
		"no patient":                                      {[]edit{drop("PID"), drop("NK1")}, rejected, []registry.Outcome{rejected, rejected}, false},
		"a required field of one order":                   {[]edit{set("ORC[2]-3", "")}, dropped, []registry.Outcome{accepted, dropped}, false},
		"a required field of one vaccination":             {[]edit{set("RXA[2]-3", "")}, dropped, []registry.Outcome{accepted, dropped}, false},
		"bad data in one vaccination":                     {[]edit{set("RXA-6", "half")}, dropped, []registry.Outcome{dropped, accepted}, false},
		"a condition of one vaccination":                  {[]edit{set("RXA-15", "")}, dropped, []registry.Outcome{dropped, accepted}, false},
		"both doses":                                      {[]edit{set("RXA-3", ""), set("RXA[2]-3", "")}, dropped, []registry.Outcome{dropped, dropped}, false},
		"an order without its vaccination":                {[]edit{drop("RXA[2]")}, dropped, []registry.Outcome{accepted, dropped}, false},
		"a segment out of order":                          {[]edit{drop("PD1"), after("NK1", "PD1")}, registry.OutcomeWarned, []registry.Outcome{accepted, accepted}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, batch(soundWith("c-1", c.edits...)))
			require.Equal(t, c.outcome, v.messages[0].Outcome, "%v", v.findings)
			require.Equal(t, c.outcome, v.Outcome)
			require.Equal(t, c.errorFree, v.ErrorFree, "%v", v.findings)
			var doses []registry.Outcome
			for _, d := range v.messages[0].Doses {
				doses = append(doses, d.Outcome)
			}
			require.Equal(t, c.doses, doses)
		})
	}
}

func TestProfilesRegradeRulesAndFamilies(t *testing.T) {
	graded := func(grades map[string]string) verdict {
		return judge(t, batch(soundWith("c-1", set("RXA-3", "20260401"))), func(in *conformance.Options) {
			in.Profile.Rules.Grades = grades
		})
	}
	require.False(t, graded(nil).ErrorFree)
	require.Empty(t, graded(map[string]string{"R-03": "off"}).findings)
	down := graded(map[string]string{"R-03.future": "warning"})
	require.True(t, down.ErrorFree)
	require.Equal(t, registry.OutcomeAccepted, down.messages[0].Doses[0].Outcome, "a warning drops no dose")
	exact := graded(map[string]string{"R-03": "off", "R-03.future": "error"})
	require.Equal(t, []string{"R-03.future"}, exact.rules(), "the exact ID wins over its family")
}

func TestMessagesAreCountedForTheirSite(t *testing.T) {
	v := judge(t, batch(
		soundWith("c-1"),
		soundWith("c-2", chart("B"), set("MSH-4", "SUNRFRISCO"), set("RXA-11.4", "SUNRFRISCO")),
		soundWith("c-3", chart("C"), set("MSH-4", "SUNR1234"), set("RXA-11.4", "SUNRFRISCO")),
		soundWith("c-4", chart("D"), set("MSH-4", "SUNR1234"), set("RXA-11.4", "0001112000")),
	))
	require.Equal(t, map[string]int{"plano": 1, "frisco": 2, "": 1}, v.Sites)
	require.Equal(t, "frisco", v.messages[2].Site)
	require.Equal(t, []string{"M-08.site"}, v.rules())

	single := judge(t, batch(soundWith("c-1", set("MSH-4", "SUNR1234"), set("RXA-11.4", "SUNR1234"))), func(in *conformance.Options) {
		p := *practice
		p.Sites = p.Sites[:1]
		in.Practice = &p
	})
	require.Equal(t, map[string]int{"plano": 1}, single.Sites, "a practice with one site has no other")
}

func TestFactsOfAMessage(t *testing.T) {
	file := batch(soundWith("c-1", set("PID-5.1", `Kavori\T\mdelta`)))
	m := judge(t, file).messages[0]
	require.Equal(t, "c-1", m.ControlID)
	require.Equal(t, "SUNRPLANO", m.SendingFacility)
	require.Equal(t, "SUNR1234", m.SendingOrganization)
	require.Equal(t, "20260304", m.Sent)
	require.Equal(t, soundWith("c-1", set("PID-5.1", `Kavori\T\mdelta`)), file[m.Offset:m.Offset+m.Length], "ready to be sent again")
	require.Equal(t, conformance.PatientRef{
		Family: "Kavori&mdelta", Given: "Nemurilasopo", BirthDate: "20240115", Sex: "F",
		ChartNumber: "KAVORI017", ChartAuthority: "SUNR1234",
	}, m.Patient)
	require.Len(t, m.Doses, 2)
	d := m.Doses[0]
	require.Equal(t, "03", d.CVX)
	require.Equal(t, "20260303", d.Date)
	require.Equal(t, "CP", d.Completion)
	require.Equal(t, "A", d.Action)
	require.True(t, d.Administered)
	require.False(t, m.Doses[1].Administered)
}

func TestRecordsAreToldApartByPatientVaccineAndDate(t *testing.T) {
	key := func(edits ...edit) string {
		return string(judge(t, batch(soundWith("c-1", edits...))).messages[0].Doses[0].RecordKey)
	}
	same := key()
	require.NotEmpty(t, same)
	require.Equal(t, same, key(set("PID-3.1", "OTHER")), "a corrected chart number is the same record")
	require.Equal(t, same, key(set("PID-5.2", "NEMURILASOPO")), "and so is another way to write the name")
	for _, other := range []edit{set("PID-5.2", "Tularivedoga"), set("PID-7", "20240116"), set("RXA-3", "20260302"), set("RXA-5.1", "94")} {
		require.NotEqual(t, same, key(other))
	}
	nameless := key(set("PID-7", ""))
	require.NotEmpty(t, nameless, "the chart number is the last resort")
	require.NotEqual(t, nameless, key(set("PID-7", ""), chart("OTHER")))
	require.Empty(t, key(set("RXA-3", "")))
}

func TestPatientsDoNotPrint(t *testing.T) {
	m := judge(t, batch(soundWith("c-1"))).messages[0]
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "patient", m.Patient, "message", m, "key", m.Doses[0].RecordKey)
	key, err := json.Marshal(m.Doses)
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(m), fmt.Sprintf("%v %+v %#v %s %q", m.Patient, m, m.Patient, m.Patient, m.Patient),
		fmt.Sprintf("%v %+v %s %q %x", m.Doses, m.Doses, m.Doses[0].RecordKey, m.Doses[0].RecordKey, m.Doses[0].RecordKey),
		log.String(), string(key),
	} {
		require.NotContains(t, text, "Kavori")
		require.NotContains(t, text, "KAVORI017")
		require.NotContains(t, text, "20240115")
	}
}
