package activities_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// send brings a file from the outbox to the registry, and returns what our check
// said of it.
func (b *bundle) send(t *testing.T, lane registry.Lane, name string, content []byte) (registry.FileRef, registry.CheckSummary) {
	t.Helper()
	f := b.stage(t, lane, name, content)
	summary := b.check(t, f, lane)
	p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
	return f, summary
}

// fired are the rules that fired in a file's last check, with their counts.
func (b *bundle) fired(t *testing.T, f registry.FileRef) map[string]int {
	t.Helper()
	counts, err := b.db.RuleCounts(t.Context(), f.ID)
	require.NoError(t, err)
	out := map[string]int{}
	for _, c := range counts {
		out[c.Rule] = c.Count
	}
	return out
}

func TestControlIDsAcrossFiles(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	lane := registry.LaneTest
	content, _ := b.batch(t, 1, lane, 5)
	corrected := bytes.ReplaceAll(content, []byte("|0.5|"), []byte("|0.25|"))
	require.NotEqual(t, content, corrected)
	_, summary := b.send(t, lane, "first.hl7", content)
	require.True(t, summary.ErrorFree)

	t.Run("a correction, or a second test file that counts anew, passes with a warning each", func(t *testing.T) {
		f, summary := b.send(t, lane, "second.hl7", corrected)
		require.True(t, summary.ErrorFree)
		require.Equal(t, 5, b.fired(t, f)["F-07.before"])
		require.Equal(t, summary, b.check(t, f, lane), "judged again it is the same")
		found, err := b.db.Findings(t.Context(), f.ID, 0, 1000)
		require.NoError(t, err)
		i := slices.IndexFunc(found, func(x registry.Finding) bool { return x.Rule == "F-07.before" })
		require.Equal(t, "MSH-10", found[i].Path)
		require.Equal(t, 1, found[i].Message)
		require.Positive(t, found[i].Line)
	})
	t.Run("a second EHR counts for itself", func(t *testing.T) {
		f := b.stage(t, lane, "ehr2.hl7", bytes.ReplaceAll(corrected, []byte("SAMPLEEHR"), []byte("OTHEREHR")))
		b.check(t, f, lane)
		require.Zero(t, b.fired(t, f)["F-07.before"])
	})
	t.Run("what was exported again at another time is a note", func(t *testing.T) {
		f := b.stage(t, lane, "again.hl7", bytes.ReplaceAll(content, []byte("|20260302090000-0600|"), []byte("|20260302083000-0600|")))
		require.True(t, b.check(t, f, lane).ErrorFree)
		require.Equal(t, 5, b.fired(t, f)["F-07.again"])
		require.Zero(t, b.fired(t, f)["F-07.before"])
	})
	t.Run("with OpenEMR's one control ID for everybody, a later file is still judged", func(t *testing.T) {
		same := func(seed uint64) []byte {
			content, facts := b.batch(t, seed, lane, 3)
			for _, id := range facts.ControlIDs {
				content = bytes.ReplaceAll(content, []byte("|"+id+"|T|"), []byte("|1|T|"))
			}
			return content
		}
		f := b.stage(t, lane, "openemr.hl7", same(20))
		require.True(t, b.check(t, f, lane).HoldFile)
		require.Equal(t, 2, b.fired(t, f)["F-07"])
	})
}

func TestSameFileAgain(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	content, _ := b.batch(t, 1, registry.LaneTest, 2)
	f, _ := b.send(t, registry.LaneTest, "a.hl7", content)

	t.Run("the same bytes are the same file, and that they came again can be seen", func(t *testing.T) {
		require.Equal(t, f, b.stage(t, registry.LaneTest, "copy.hl7", content))
		events, err := b.db.FileEvents(t.Context(), "sunrise", f.ID)
		require.NoError(t, err)
		require.Equal(t, db.EventCameAgain, events[len(events)-1].Kind)
	})
	t.Run("the same messages in another envelope are not sent", func(t *testing.T) {
		other := b.stage(t, registry.LaneTest, "b.hl7", bytes.Replace(content, []byte("FHS|^~\\&|SAMPLEEHR"), []byte("FHS|^~\\&|EXPORT2"), 1))
		require.NotEqual(t, f.ID, other.ID)
		b.check(t, other, registry.LaneTest)
		in := activities.PrepareDeliveryInput{Scope: scope(), File: other, Lane: registry.LaneTest, Attempt: 1}
		for range 2 {
			require.True(t, must(t, b.deliveries.PrepareDelivery, in).Already)
		}
		events, err := b.db.FileEvents(t.Context(), "sunrise", other.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Contains(t, events[0].Reason, "F-09")
		require.Contains(t, string(events[0].Detail), f.ID)
	})
}

func TestRemoteNameIsJudged(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	content, _ := b.batch(t, 1, registry.LaneTest, 2)
	f := b.stage(t, registry.LaneTest, "an EHR's own name (1).TXT", content)
	require.True(t, b.check(t, f, registry.LaneTest).ErrorFree, "which is never an error")
	in := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneTest, Attempt: 1}
	good := b.profile.File.NameTemplate

	for template, words := range map[string][]string{
		"{org}_{seq}.txt":        {"F-01.extension", "file.name_template"},
		"{lane}_{seq}.HL7":       {"F-01.id", "file.name_template"},
		"{org} {lane} {seq}.HL7": {"file.name_template", "letters"},
	} {
		b.profile.File.NameTemplate = template
		_, err := run(t, b.deliveries.PrepareDelivery, in)
		requireKind(t, registry.NotAllowed, err)
		for _, w := range words {
			require.ErrorContains(t, err, w)
		}
	}
	b.profile.File.NameTemplate = good
	require.Regexp(t, `^TEST0001_TEST_\d{14}_\d{6}\.HL7$`, must(t, b.deliveries.PrepareDelivery, in).RemoteName)
}

func TestRulesThatPersonsChanged(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	b.enrol2(t)
	content, _ := b.batch(t, 1, registry.LaneTest, 3, hl7gen.MissingLot)
	f := b.stage(t, registry.LaneTest, "a.hl7", content)
	require.True(t, b.check(t, f, registry.LaneTest).HoldFile)

	change := func(rule, grade string) {
		_, err := b.db.SetRuleGrade(t.Context(), "sunrise", rule, grade, db.Act{Key: rule + grade, By: maria, Reason: "DSHS said so", At: b.now})
		require.NoError(t, err)
	}
	t.Run("the file is judged by them, and its verdict says so", func(t *testing.T) {
		change("R-10", "warning")
		got := b.check(t, f, registry.LaneTest)
		require.True(t, got.ErrorFree)
		require.Equal(t, []registry.RuleGrade{{Rule: "R-10", Grade: "warning", By: maria.Name}}, got.Changed)
		require.Equal(t, 1, got.ChangedRules)
		stored, err := b.db.File(t.Context(), f.ID)
		require.NoError(t, err)
		require.Equal(t, got.Changed, stored.Changed)
		require.Equal(t, &got, stored.Check)
	})
	t.Run("they lie above the profile's grades", func(t *testing.T) {
		b.profile.Rules.Grades = map[string]string{"R-10": "error"}
		defer func() { b.profile.Rules.Grades = nil }()
		require.True(t, b.check(t, f, registry.LaneTest).ErrorFree)
		require.Equal(t, map[string]string{"R-10": "error"}, b.profile.Rules.Grades)
	})
	t.Run("another practice does not see them", func(t *testing.T) {
		grades, err := b.db.RuleGrades(t.Context(), "other")
		require.NoError(t, err)
		require.Empty(t, grades)
	})
	t.Run("many of them do not swell the history", func(t *testing.T) {
		for i := range 15 {
			change(fmt.Sprintf("P-%02d", i+1), "info")
		}
		got := b.check(t, f, registry.LaneTest)
		require.Len(t, got.Changed, 10)
		require.Equal(t, 16, got.ChangedRules)
	})
}

// enrol2 adds a second practice.
func (b *bundle) enrol2(t *testing.T) {
	t.Helper()
	require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
		ID: "other", Name: "Other", Registry: "texas", OrgCode: "TEST0002", Zone: "America/Chicago", Connection: "texas-sftp",
		Phase: registry.PhaseTesting, Sites: []registry.Site{{ID: "one", Name: "One", Facilities: []string{"TEST0002"}}},
	}, b.act("practice-added/other")))
}

func TestSentAnyway(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a := b.reports(t)
	content, facts := b.batch(t, 1, registry.LaneTest, 3, hl7gen.MissingLot)
	f := b.stage(t, registry.LaneTest, "a.hl7", content)
	in := activities.CheckFileInput{Scope: scope(), File: f, Lane: registry.LaneTest}
	require.True(t, must(t, b.files.CheckFile, in).Refused())
	prepare := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneTest, Attempt: 1}
	_, err := run(t, b.deliveries.PrepareDelivery, prepare)
	requireKind(t, registry.NotAllowed, err)
	must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileRefused})

	_, _, err = b.db.SendAnyway(t.Context(), f.ID, db.Act{Key: "k", By: maria, Reason: "DSHS wants to see it", At: b.now})
	require.NoError(t, err)

	t.Run("it goes, whole, with its verdict as it was", func(t *testing.T) {
		got := must(t, b.files.CheckFile, in)
		require.False(t, got.Refused())
		require.Equal(t, maria.Name, got.Anyway)
		require.True(t, got.Summary.HoldFile)
		p := must(t, b.deliveries.PrepareDelivery, prepare)
		require.Equal(t, 3, p.Messages)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileDelivered})
	})
	t.Run("it does not count as error-free, whatever the registry answers", func(t *testing.T) {
		var acks strings.Builder
		for _, id := range facts.ControlIDs {
			acks.WriteString(ack(id, "", ""))
		}
		b.layReport(t, "ack.hl7", acks.String())
		b.collect(t, a, "ack.hl7")
		gate := must(t, b.files.JudgeGate, activities.GateInput{Scope: scope(), GateRules: activities.GateRules{Min: 1}})
		require.Zero(t, gate.Counted)
		require.Equal(t, "sent by Maria Ortega in spite of our check", gate.Files[0].Because)
	})
	t.Run("the evidence for the review says so", func(t *testing.T) {
		n, _ := b.notices(t)
		letter, err := activities.PreviewLetter(t.Context(), n, letterInput(activities.NoticeReviewRequest, "review/sunrise/1"))
		require.NoError(t, err)
		require.Contains(t, letter.Body, "sent by Maria Ortega in spite of 1 error that our check found")
	})
	t.Run("our error that the registry did not share is remembered as a false alarm", func(t *testing.T) {
		got, err := b.db.Predictions(t.Context(), db.PredictionFilter{Practice: "sunrise"})
		require.NoError(t, err)
		require.Equal(t, []db.RuleScore{{Rule: "R-10", FalseAlarms: 1}}, got.Rules)
		require.Equal(t, db.Agreement{BothTook: 2, TheyTook: 1}, got.Agreement)
	})
}

func TestPracticeOfSeveralSites(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
		ID: "sunrise", Name: "Sunrise Pediatrics", Registry: "texas", OrgCode: "TEST0001", IISID: "0001112000",
		Zone: "America/Chicago", Connection: "texas-sftp", Phase: registry.PhaseProduction,
		Sites: []registry.Site{
			{ID: "plano", Name: "Plano", Facilities: []string{"PL1"}, Prescribers: []string{"9990000001"}},
			{ID: "allen", Name: "Allen", Facilities: []string{"AL1", "AL2"}, Prescribers: []string{"1234567893"}},
			{ID: "frisco", Name: "Frisco", Facilities: []string{"FR1"}},
		},
	}, b.act("sites")))
	var buf bytes.Buffer
	gen := hl7gen.New(1, hl7gen.Options{
		OrgCode: "TEST0001", Now: b.now, ProcessingID: "P",
		Facilities: []hl7gen.Facility{{ID: "PL1", Weight: 3}, {ID: "AL1", Weight: 2}, {ID: "AL2"}, {ID: "FR1"}, {ID: "XX9"}},
	})
	facts, err := gen.Batch(&buf, hl7gen.BatchOptions{Messages: 40})
	require.NoError(t, err)
	for id := range map[string]bool{"PL1": true, "AL1": true, "AL2": true, "FR1": true, "XX9": true} {
		require.Positive(t, facts.Facilities[id], "the sample has all sites")
	}
	// One prescriber whom no agreement names.
	content := bytes.Replace(buf.Bytes(), []byte("||1234567893^Ordering"), []byte("||7777777777^Ordering"), 1)
	f := b.stage(t, registry.LaneProduction, "a.hl7", content)
	summary := b.check(t, f, registry.LaneProduction)
	fired := b.fired(t, f)

	t.Run("each site has its own messages, and those of an unknown site are told", func(t *testing.T) {
		for site, facilities := range map[string][]string{"plano": {"PL1"}, "allen": {"AL1", "AL2"}, "frisco": {"FR1"}} {
			want := 0
			for _, id := range facilities {
				want += facts.Facilities[id]
			}
			require.Equal(t, want, b.count(t, fmt.Sprintf(`select count(*) from messages where site = '%s'`, site)), site)
		}
		require.Zero(t, summary.Held, "MSH-22 says that they are the practice's")
		require.Equal(t, facts.Facilities["XX9"], fired["M-08.site"])
		require.Equal(t, facts.Facilities["XX9"], b.count(t, `select count(*) from messages where site = ''`))
		require.Positive(t, fired["R-09.foreign"])
	})
	t.Run("the registry's IEE-526 is foretold for exactly the dose of the unknown prescriber", func(t *testing.T) {
		require.Equal(t, 1, fired["O-03.agreement"])
		p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		found, err := b.db.Findings(t.Context(), f.ID, 0, 1000)
		require.NoError(t, err)
		i := slices.IndexFunc(found, func(x registry.Finding) bool { return x.Rule == "O-03.agreement" })
		b.layReport(t, "ack.hl7", strings.Replace(ack(found[i].ControlID, "IEE-526", "Not associated"), "|E|", "|W|", 1))
		b.collect(t, a, "ack.hl7")
		got, err := b.db.Predictions(t.Context(), db.PredictionFilter{Practice: "sunrise"})
		require.NoError(t, err)
		require.Equal(t, []db.CodeScore{{Code: "IEE-526", Hits: 1, Rules: []string{"O-03.agreement"}}}, got.Codes)
	})
}

func TestNoNameOfAnEHRGoesIntoTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	content, _ := b.batch(t, 1, registry.LaneTest, 1)
	b.stage(t, registry.LaneTest, "QUARROW_ZEBEDINE.hl7", content)
	b.stage(t, registry.LaneTest, "QUARROW_ZEBEDINE_2.hl7", content)
	require.Zero(t, b.count(t, `select count(*) from events e where e::text like '%QUARROW%'`))
	require.FileExists(t, filepath.Join(b.outbox, "sunrise", "taken", "test", "f-1_QUARROW_ZEBEDINE_2.hl7"))
}
