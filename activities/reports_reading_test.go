package activities_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/dqa"
	"immtrail/internal/hl7gen"
	"immtrail/internal/reportgen"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// forms are all in which a registry may answer.
var forms = []string{"ack", "csv", "xlsx", "xls", "pdf"}

// written is a report of made lines.
func written(t *testing.T, form string, lines []reportgen.Line) []byte {
	t.Helper()
	var (
		out []byte
		err error
	)
	switch form {
	case "ack":
		out = reportgen.Acknowledgements(lines, "\r", "utf-8")
	case "csv":
		out = reportgen.Delimited(lines, ";", "\r\n", "windows-1252", true)
	case "xlsx":
		out, err = reportgen.XLSX(reportgen.Table(lines))
	case "xls":
		out = reportgen.HTML(reportgen.Table(lines))
	case "pdf":
		out, err = reportgen.PDF(reportgen.Table(lines))
	}
	require.NoError(t, err)
	return out
}

// fetch lays a report into the registry's folder and brings it into the file
// store.
func (b *bundle) fetch(t *testing.T, a *activities.Reports, name string, content []byte) db.Report {
	t.Helper()
	b.layReport(t, name, string(content))
	got := must(t, a.FetchReport, activities.FetchReportInput{Connection: "texas-sftp", Name: name})
	r, err := b.db.Report(t.Context(), got.ReportID)
	require.NoError(t, err)
	return r
}

// readItems are all items of a report as they are kept.
func (b *bundle) readItems(t *testing.T, report string) []db.ReportItem {
	t.Helper()
	var all []db.ReportItem
	for {
		after := 0
		if len(all) > 0 {
			after = all[len(all)-1].Ordinal
		}
		page, err := b.db.ReportItems(t.Context(), report, after, 100)
		require.NoError(t, err)
		if all = append(all, page...); len(page) < 100 {
			return all
		}
	}
}

// What the reader tells is what the database keeps: items in = items kept +
// sealed lines, nothing twice, also where the report comes again.
func TestNothingOfAReportIsDroppedOnItsWayIntoTheDatabase(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	known, err := a.Known()
	require.NoError(t, err)
	for seed := range uint64(3) {
		_, facts := b.delivered(t, seed+1, registry.LaneProduction, 12)
		for _, form := range forms[:3+seed%3] {
			t.Run(fmt.Sprintf("%s, seed %d", form, seed), func(t *testing.T) {
				lines := reportgen.Lines(seed, append(facts.ControlIDs, "stranger"))
				if form == "pdf" {
					lines = lines[1:]
				}
				content := written(t, form, lines)
				var want []registry.ReportItem
				sum, err := dqa.Read(t.Context(), bytes.NewReader(content), dqa.Options{Catalogue: known.Catalogue, Mappings: known.Mappings},
					func(i registry.ReportItem) error { want = append(want, i); return nil })
				require.NoError(t, err)

				name := fmt.Sprintf("report-%d.%s", seed, form)
				r := b.fetch(t, a, name, content)
				in := activities.ImportReportInput{ReportID: r.ID}
				imported := must(t, a.ImportReport, in)
				for range 2 {
					require.Equal(t, imported, must(t, a.ImportReport, in))
					require.Equal(t, sum.Items, imported.Items)
					require.Equal(t, sum.NotUnderstood, imported.NotUnderstood)
					var got []registry.ReportItem
					sealed := 0
					for _, i := range b.readItems(t, r.ID) {
						if i.Expected > 0 {
							continue // a difference, which no line tells
						}
						if i.Line {
							sealed++
						}
						got = append(got, i.ReportItem)
					}
					require.Equal(t, want, got)
					require.Equal(t, sum.NotUnderstood, sealed)
				}
				again := b.fetch(t, a, "again-"+name, content)
				require.Equal(t, r.ID, again.ID, "the same bytes under another name are the same report")
			})
		}
	}
}

// Every form of report, under every way of answering.
func TestEveryFormAnswersUnderEverySetting(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	seed := uint64(0)
	for _, form := range forms {
		for _, per := range []string{"file", "day", "week"} {
			for _, lists := range []string{"all", "bad-only"} {
				t.Run(form+" per "+per+" listing "+lists, func(t *testing.T) {
					seed++
					b.now = b.now.AddDate(0, 0, 7) // a Monday
					b.profile.Reports.Per, b.profile.Reports.Lists, b.profile.Reports.Weekday = per, lists, "friday"
					d, facts := b.delivered(t, seed, registry.LaneProduction, 4)
					ids := facts.ControlIDs
					lines := []reportgen.Line{
						{ControlID: ids[0]},
						{ControlID: ids[1], Code: "CLR-100", Place: "PID-22", Text: "Client Rejected. No consent"},
						{ControlID: ids[2], Code: "IEE-519", Place: "NK1", Text: "Warning. Missing"},
						{ControlID: ids[3]},
					}
					want := activities.AnswerResult{Messages: 4, Accepted: 2, Warned: 1, Rejected: 1}
					if lists == "bad-only" {
						lines = lines[1:3]
						want.Accepted, want.NotObjected = 0, 2
					}
					answer := func() activities.AnswerResult {
						got := must(t, a.Answer, activities.AnswerInput{Scope: scope(), FileID: d.FileID})
						got.ErrorFree = false
						return got
					}

					// A report that covers something else leaves silence unanswered.
					other, name := "other-"+b.now.AddDate(0, 0, -14).Format("20060102"), "dqa-"+b.now.Format("20060102")
					switch per {
					case "file":
						name = "dqa-" + strings.TrimSuffix(d.RemoteName, filepath.Ext(d.RemoteName))
					case "week":
						name = "dqa-" + b.now.AddDate(0, 0, 4).Format("20060102") // of the week to Friday
					}
					_, none := b.collect(t, a, b.lay(t, other+"."+form, written(t, form, []reportgen.Line{{ControlID: "other" + ids[0]}})))
					require.Zero(t, none.Opened)
					require.Equal(t, 4, answer().Unanswered)

					imported, settled := b.collect(t, a, b.lay(t, name+"."+form, written(t, form, lines)))
					require.Equal(t, len(lines), imported.Items)
					require.Zero(t, imported.Unmatched)
					require.Contains(t, imported.Files, activities.AnsweredFile{FileID: d.FileID, Practice: "sunrise"})
					require.Equal(t, 1, settled.Opened)
					require.Equal(t, want, answer())
				})
			}
		}
	}
}

// lay is layReport for bytes; it returns the name.
func (b *bundle) lay(t *testing.T, name string, content []byte) string {
	t.Helper()
	b.layReport(t, name, string(content))
	return name
}

// What cannot be read is kept as it came, with why and what to do; a layout that
// is taught later takes it in.
func TestHostileReportIsQuarantinedAndKept(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	xlsx := written(t, "xlsx", []reportgen.Line{{ControlID: "1"}})
	pdf := written(t, "pdf", []reportgen.Line{{ControlID: "1"}})
	for name, c := range map[string]struct {
		content []byte
		why     string
	}{
		"long.csv":     {[]byte("Control ID,Code\n1,CLR-100\n" + strings.Repeat(secretName, 10<<20/len(secretName)) + "\n"), "line 3 is longer than 1 MiB: no report has such lines; ask the registry for it anew"},
		"report.gz":    {[]byte("\x1f\x8b\x08" + secretName), "the report is a compressed archive: unpack it"},
		"cut.xlsx":     {xlsx[:len(xlsx)/2], "the spreadsheet is damaged, cut off, locked by a password, or not one: open it and save it anew"},
		"cut.pdf":      {pdf[:len(pdf)-200], "the PDF document is cut off, its end is missing: ask the registry for it anew"},
		"letter.txt":   {[]byte("Dear practice,\n" + secretName + "\n"), "no mapping understands this report: teach its layout"},
		"binary.dat":   {[]byte("ab\x00cd" + secretName), "the report is binary data: ask the registry"},
		"broken.xls":   {[]byte("<table><tr><td>" + strings.Repeat("<td>", 2<<20)), "row 1 is longer than 1 MiB"},
		"segments.hl7": {[]byte(ack("1", "", "") + "ERR|" + strings.Repeat("x", 10<<20) + "\r"), "segment at line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			r := b.fetch(t, a, name, c.content)
			got := must(t, a.ImportReport, activities.ImportReportInput{ReportID: r.ID})
			require.True(t, got.Unreadable)
			require.Zero(t, got.Items)
			require.Contains(t, got.Reason, c.why)
			require.NotContains(t, got.Reason, secretName)
			require.Equal(t, got, must(t, a.ImportReport, activities.ImportReportInput{ReportID: r.ID}))
			require.Empty(t, b.readItems(t, r.ID), "all or nothing")

			kept, err := b.vault.Open(t.Context(), r.VaultKey)
			require.NoError(t, err)
			defer func() { require.NoError(t, kept.Close()) }()
			whole, err := io.ReadAll(kept)
			require.NoError(t, err)
			require.True(t, bytes.Equal(c.content, whole), "the original is kept")
		})
	}
	t.Run("taken in once its layout is taught", func(t *testing.T) {
		_, facts := b.delivered(t, 1, registry.LaneProduction, 2)
		r := b.fetch(t, a, "odd.txt", []byte("Wer;Was\n"+facts.ControlIDs[0]+";gut\n"+facts.ControlIDs[1]+";gut\n"))
		in := activities.ImportReportInput{ReportID: r.ID}
		require.True(t, must(t, a.ImportReport, in).Unreadable)
		loaded, err := texas.Load()
		require.NoError(t, err)
		a.Known = func() (activities.ReportKnowledge, error) {
			return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: []registry.ReportMapping{{
				Name: "taught", Lines: []string{`^(?P<control_id>G\d-\S+|\d\S*|[A-Z]\S*);(?P<message>gut)$`}, BlankAccepted: true,
			}}}, nil
		}
		got := must(t, a.ImportReport, in)
		require.False(t, got.Unreadable, got.Reason)
		require.Empty(t, got.Reason)
		require.Equal(t, 3, got.Items)
		require.Equal(t, 1, got.NotUnderstood, "the line of headers")
		require.Equal(t, got, must(t, a.ImportReport, in))
		listed, err := b.db.ListReports(t.Context(), db.ReportFilter{State: "quarantined"})
		require.NoError(t, err)
		for _, q := range listed {
			require.NotEqual(t, r.ID, q.ID)
		}
	})
}

// A chart entry that is mended at the practice comes with another control ID and
// another chart number; the record is the same.
func TestACorrectedChartEntryIsLinkedToItsError(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	_, first := b.delivered(t, 7, registry.LaneProduction, 3)
	b.layReport(t, "dqa1.hl7", ack(first.ControlIDs[0], "", "")+ack(first.ControlIDs[1], "CLR-101", secretName)+ack(first.ControlIDs[2], "", ""))
	_, settled := b.collect(t, a, "dqa1.hl7")
	require.Equal(t, 1, settled.Opened)
	theOne := func(t *testing.T) db.RecordError {
		t.Helper()
		found, err := b.db.ListErrors(t.Context(), db.ErrorFilter{Practice: "sunrise", State: db.AllErrors})
		require.NoError(t, err)
		require.Len(t, found, 1)
		return found[0]
	}
	require.Equal(t, registry.ErrorOpen, theOne(t).State)

	b.now = b.now.AddDate(0, 0, 2)
	var buf bytes.Buffer
	second, err := hl7gen.New(7, hl7gen.Options{
		OrgCode: "TEST0001", Now: b.now.AddDate(0, 0, -2), ProcessingID: b.profile.Message.ProcessingID(registry.LaneProduction), Series: 1,
	}).Batch(&buf, hl7gen.BatchOptions{Messages: 3})
	require.NoError(t, err)
	require.NotEqual(t, first.ControlIDs[1], second.ControlIDs[1])
	who := second.Patients[1]
	require.Equal(t, first.Patients[1].Family, who.Family)
	content := bytes.ReplaceAll(buf.Bytes(), []byte(who.MRN), []byte("9"+who.MRN[1:]))
	require.NotEqual(t, buf.Bytes(), content, "the chart number was mended")

	f := b.stage(t, registry.LaneProduction, "corrected.hl7", content)
	b.check(t, f, registry.LaneProduction)
	require.Equal(t, registry.ErrorOpen, theOne(t).State, "what was not sent claims nothing")
	p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
	require.Equal(t, registry.ErrorFixSent, theOne(t).State)
	require.Equal(t, f.ID, theOne(t).FixFile)

	b.layReport(t, "dqa2.hl7", ack(second.ControlIDs[1], "", ""))
	_, settled = b.collect(t, a, "dqa2.hl7")
	require.Equal(t, 1, settled.Verified)
	require.Equal(t, registry.ErrorVerified, theOne(t).State)
}

// missingOn looks every morning until a report is said to be missing.
func (b *bundle) missingOn(t *testing.T, until int) (day string, got activities.LookResult) {
	t.Helper()
	a := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	policy := b.profile.Policy
	policy.ReportDueDays = b.profile.Reports.DueBusinessDays
	zone := b.profile.BusinessDays().Location()
	y, m, d := b.now.In(zone).Date()
	for n := range until {
		b.now = time.Date(y, m, d+n, 8, 0, 0, 0, zone)
		got, err := a.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		if got.MissingReports > 0 {
			return b.now.Format(time.DateOnly), got
		}
	}
	return "never", got
}

// A missing report is told on the first morning after it is due, under every way
// of answering; weekends and holidays do not count.
func TestAReportIsMissedWhenItIsDueAndNotBefore(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	seed := uint64(0)
	for name, c := range map[string]struct {
		sent         time.Time // UTC; Chicago is six hours behind in winter and five in summer
		per, weekday string
		back, due    int
		want         string
	}{
		"for each file":                              {sent: time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC), per: "file", due: 2, want: "2026-03-06"},
		"for each file, over a weekend":              {sent: time.Date(2026, 3, 6, 13, 0, 0, 0, time.UTC), per: "file", due: 1, want: "2026-03-10"},
		"for each file, over a holiday":              {sent: time.Date(2026, 5, 22, 12, 0, 0, 0, time.UTC), per: "file", due: 1, want: "2026-05-27"},
		"for each file, just before midnight":        {sent: time.Date(2026, 3, 4, 5, 59, 0, 0, time.UTC), per: "file", due: 1, want: "2026-03-05"},
		"of the day":                                 {sent: time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC), per: "day", due: 1, want: "2026-03-05"},
		"of the day before":                          {sent: time.Date(2026, 3, 3, 15, 0, 0, 0, time.UTC), per: "day", back: 1, due: 1, want: "2026-03-06"},
		"of the day, just before midnight":           {sent: time.Date(2026, 3, 4, 5, 59, 0, 0, time.UTC), per: "day", due: 1, want: "2026-03-05"},
		"of the day, over a weekend":                 {sent: time.Date(2026, 3, 6, 15, 0, 0, 0, time.UTC), per: "day", due: 1, want: "2026-03-10"},
		"of the week, at its beginning":              {sent: time.Date(2026, 3, 7, 15, 0, 0, 0, time.UTC), per: "week", weekday: "friday", due: 1, want: "2026-03-17"},
		"of the week, on its last day":               {sent: time.Date(2026, 3, 6, 21, 0, 0, 0, time.UTC), per: "week", weekday: "friday", due: 1, want: "2026-03-10"},
		"of the week, on its last day before twelve": {sent: time.Date(2026, 3, 7, 5, 59, 0, 0, time.UTC), per: "week", weekday: "friday", due: 1, want: "2026-03-10"},
		"of the week, a holiday after it":            {sent: time.Date(2026, 5, 20, 15, 0, 0, 0, time.UTC), per: "week", weekday: "friday", due: 1, want: "2026-05-27"},
		"of any seven days":                          {sent: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), per: "week", due: 1, want: "2026-03-10"},
	} {
		for _, lists := range []string{"all", "bad-only"} {
			t.Run(name+", listing "+lists, func(t *testing.T) {
				seed++
				b.now = c.sent
				s := &b.profile.Reports
				s.Per, s.Weekday, s.DaysBack, s.DueBusinessDays, s.Lists = c.per, c.weekday, c.back, c.due, lists
				d, facts := b.delivered(t, seed, registry.LaneProduction, 2)
				day, got := b.missingOn(t, 20)
				require.Equal(t, c.want, day)
				require.Equal(t, []string{activities.IncidentReportMissing}, kinds(got.Opened))
				said := words(got, activities.IncidentReportMissing)
				require.Contains(t, said, d.RemoteName+" ("+d.FileID+")")
				require.Contains(t, said, "starter report import FILE --connection texas-sftp")

				late := fmt.Sprintf("late-%d.hl7", seed)
				b.layReport(t, late, ack(facts.ControlIDs[0], "", "")+ack(facts.ControlIDs[1], "", ""))
				b.collect(t, a, late)
				day, _ = b.missingOn(t, 2)
				require.Equal(t, "never", day)
			})
		}
	}
}

// A registry that takes a file after midnight, and lists bad records of its days
// only, says nothing of a file that we delivered the day before.
func TestAFileTakenAfterMidnightIsNotPassedOverInSilence(t *testing.T) {
	t.Parallel()
	for phase, lane := range map[registry.Phase]registry.Lane{
		registry.PhaseProduction: registry.LaneProduction, registry.PhaseTesting: registry.LaneTest,
	} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			b := open(t, phase)
			a := b.reports(t)
			b.profile.Reports.Per, b.profile.Reports.Lists, b.profile.Reports.DueBusinessDays = "day", "bad-only", 2
			b.now = time.Date(2026, 3, 3, 5, 59, 0, 0, time.UTC) // 23:59 on Monday in Chicago
			d, _ := b.delivered(t, 1, lane, 3)
			answer := func() activities.AnswerResult {
				return must(t, a.Answer, activities.AnswerInput{Scope: scope(), FileID: d.FileID})
			}
			empty := []byte("FHS|^~\\&|ImmTrac|TEXIIS\rBHS|^~\\&|ImmTrac|TEXIIS\rBTS|0\rFTS|1\r")
			b.collect(t, a, b.lay(t, "dqa-20260303.hl7", empty)) // of Tuesday, on which the registry took it
			require.Equal(t, 3, answer().Unanswered, "silence of another day is no answer")

			day, got := b.missingOn(t, 10)
			require.Equal(t, "2026-03-05", day)
			require.Equal(t, []string{activities.IncidentReportMissing}, kinds(got.Opened))
			said := words(got, activities.IncidentReportMissing)
			require.Contains(t, said, d.RemoteName)
			require.Contains(t, said, "only by a report of the day on which it was delivered")
			require.Contains(t, said, "starter report import FILE --connection texas-sftp")
			if lane == registry.LaneTest {
				require.Contains(t, said, "starter onboarding answer sunrise "+d.FileID)
			}

			t.Run("somebody asks for the report of Monday, and that is an answer", func(t *testing.T) {
				b.collect(t, a, b.lay(t, "dqa-20260302.hl7", append(empty, '\r')))
				require.Equal(t, 3, answer().NotObjected)
				day, got := b.missingOn(t, 3)
				require.Equal(t, "never", day)
				require.Empty(t, got.Current)
			})
		})
	}
	t.Run("an email answers a test file too", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.profile.Reports.DueBusinessDays = 1
		d, _ := b.delivered(t, 1, registry.LaneTest, 1)
		_, err := b.db.RecordMailAnswer(t.Context(), "sunrise", db.MailAnswer{
			FileID: d.FileID, Verdict: registry.VerdictClean, Evidence: "e", Sender: "j.ortiz@dshs.texas.gov", Dated: "2026-03-03",
		}, b.act("answer"))
		require.NoError(t, err)
		day, _ := b.missingOn(t, 10)
		require.Equal(t, "never", day)
	})
	t.Run("and silence does where the profile says so", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.profile.Reports.DueBusinessDays, b.profile.Policy.SilentBusinessDays = 1, 3
		b.delivered(t, 1, registry.LaneTest, 1)
		_, got := b.missingOn(t, 10)
		require.Empty(t, got.Opened)
	})
}
