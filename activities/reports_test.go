package activities_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// reports are the activities under test, on the parts of b.
func (b *bundle) reports(t *testing.T) *activities.Reports {
	t.Helper()
	loaded, err := texas.Load()
	require.NoError(t, err)
	return &activities.Reports{
		DB: b.db, Vault: b.vault, Dialer: b.deliveries.Dialer, Connections: b.deliveries.Connections, Profiles: b,
		Known: func() (activities.ReportKnowledge, error) {
			return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings, Foretold: loaded.Foretold}, nil
		},
		Clock: func() time.Time { return b.now },
	}
}

// delivered brings a batch all the way to the registry.
func (b *bundle) delivered(t *testing.T, seed uint64, lane registry.Lane, messages int) (db.Delivery, hl7gen.Facts) {
	t.Helper()
	content, facts := b.batch(t, seed, lane, messages)
	f := b.stage(t, lane, fmt.Sprintf("export%d.hl7", seed), content)
	b.check(t, f, lane)
	p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
	d, err := b.db.Delivery(t.Context(), "sunrise", p.DeliveryID)
	require.NoError(t, err)
	return d, facts
}

// ack is one acknowledgement as ImmTrac2 writes it; code "" is an acceptance.
func ack(control, code, text string) string {
	msa, errs := "AA", ""
	if code != "" {
		msa = "AE"
		errs = "ERR||RXA^1^5|102^Data type error^HL70357|E||||" + code + "::" + text + "\r"
	}
	return "MSH|^~\\&|ImmTrac24.16|TEXIIS||TEST0001|20260303044526-0500||ACK^V04^ACK|" + control + "|P|2.5.1\r" +
		"MSA|" + msa + "|" + control + "\r" + errs
}

// layReport lays a report into the registry's folder.
func (b *bundle) layReport(t *testing.T, name string, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.drop, b.profile.Folders.Reports, name), []byte(content), 0o644))
}

const secretName = "HOPPER GRACE"

func listInput() activities.ListReportsInput {
	return activities.ListReportsInput{Connection: "texas-sftp", Max: 10}
}

// collect takes in one report that lies at the registry, each step twice.
func (b *bundle) collect(t *testing.T, a *activities.Reports, name string) (activities.ImportReportResult, activities.ReconcileErrorsResult) {
	t.Helper()
	fetch := activities.FetchReportInput{Connection: "texas-sftp", Name: name}
	fetched := must(t, a.FetchReport, fetch)
	require.False(t, fetched.Known)
	require.Equal(t, fetched, must(t, a.FetchReport, fetch))
	in := activities.ImportReportInput{ReportID: fetched.ReportID}
	imported := must(t, a.ImportReport, in)
	require.Equal(t, imported, must(t, a.ImportReport, in), "importing again answers the same")
	if imported.Unreadable {
		return imported, activities.ReconcileErrorsResult{}
	}
	settle := activities.ReconcileErrorsInput{ReportID: fetched.ReportID}
	settled := must(t, a.ReconcileErrors, settle)
	require.Equal(t, settled, must(t, a.ReconcileErrors, settle), "so does settling its errors")
	require.True(t, must(t, a.FetchReport, fetch).Known)
	return imported, settled
}

func TestReportsOfAFile(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	d, facts := b.delivered(t, 1, registry.LaneProduction, 4)
	ids := facts.ControlIDs
	b.layReport(t, "ack1.hl7", "FHS|^~\\&\rBHS|^~\\&\r"+ack(ids[0], "", "")+ack(ids[1], "IMR-111", secretName)+
		ack(ids[2], "IMR-109", "Duplicate")+ack("stranger", "", "")+"BTS|4\rFTS|1\r")

	t.Run("one that was not taken in is listed", func(t *testing.T) {
		got := must(t, a.ListReports, listInput())
		require.Len(t, got.Reports, 1)
		require.Equal(t, "ack1.hl7", got.Reports[0].Name)
	})

	t.Run("it answers messages, and an error is opened for what was refused", func(t *testing.T) {
		imported, settled := b.collect(t, a, "ack1.hl7")
		require.Equal(t, 4, imported.Items)
		require.Equal(t, 1, imported.Unmatched)
		require.Equal(t, []activities.AnsweredFile{{FileID: d.FileID, Practice: "sunrise"}}, imported.Files)
		require.Equal(t, 1, settled.Opened, "a duplicate is none")
		require.Equal(t, []activities.PracticeErrors{{Practice: "sunrise", Open: 1}}, settled.Open)

		answer := must(t, a.Answer, activities.AnswerInput{Scope: scope(), FileID: d.FileID})
		require.Equal(t, activities.AnswerResult{Messages: 4, Accepted: 1, Warned: 1, Rejected: 1, Unanswered: 1}, answer)
		require.False(t, answer.Complete())
	})

	t.Run("what was taken in is not listed again", func(t *testing.T) {
		require.Empty(t, must(t, a.ListReports, listInput()).Reports)
	})

	t.Run("the rest comes with another report, and then the file is answered", func(t *testing.T) {
		b.layReport(t, "ack2.hl7", ack(ids[1], "", "")+ack(ids[3], "", ""))
		_, settled := b.collect(t, a, "ack2.hl7")
		require.Equal(t, 1, settled.Verified)
		answer := must(t, a.Answer, activities.AnswerInput{Scope: scope(), FileID: d.FileID})
		require.True(t, answer.Complete())
		require.True(t, answer.ErrorFree)
	})

	t.Run("the registry's sentence is nowhere in clear", func(t *testing.T) {
		items, err := b.db.ReportItems(t.Context(), "r-1", 0, 10)
		require.NoError(t, err)
		require.Contains(t, items[1].Text, secretName)
		require.Empty(t, items[0].Text)
	})

	t.Run("another practice cannot ask", func(t *testing.T) {
		_, err := run(t, a.Answer, activities.AnswerInput{Scope: activities.Scope{Practice: "other"}, FileID: d.FileID})
		requireKind(t, registry.Missing, err)
	})
}

func TestReportOfARefusedFile(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	d, _ := b.delivered(t, 1, registry.LaneProduction, 3)
	control := d.FileID + "-1" // of our envelope
	head := "|^~\\&|ImmTrac24.16|TEXIIS||TEST0001|20260303044526-0500||" + d.RemoteName + "||R1|" + control + "\r"
	b.layReport(t, "ack.hl7", "FHS"+head+"BHS"+head+ack(control, "FIR-001", "File rejected")+"BTS|1\rFTS|1\r")
	imported, settled := b.collect(t, a, "ack.hl7")
	require.Zero(t, imported.Unmatched)
	require.Equal(t, 1, settled.Opened)
	answer := must(t, a.Answer, activities.AnswerInput{Scope: scope(), FileID: d.FileID})
	require.Equal(t, 3, answer.Rejected)
}

func TestReportThatNobodyUnderstands(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	b.layReport(t, "report.pdf", "%PDF-1.7 "+secretName)
	imported, _ := b.collect(t, a, "report.pdf")
	require.True(t, imported.Unreadable)
	require.Contains(t, imported.Reason, "PDF")
	require.Empty(t, imported.Files)
	require.Empty(t, must(t, a.ListReports, listInput()).Reports, "it is kept and not fetched again")
	list, err := b.db.ListReports(t.Context(), db.ReportFilter{State: "quarantined"})
	require.NoError(t, err)
	require.Contains(t, list[0].Reason, "PDF")
	require.NotContains(t, list[0].Reason, secretName)
}

func TestListReports(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	b.profile.Reports.NamePattern = "dqa*"
	for i, name := range []string{"dqa-b.txt", "dqa-a.txt", "dqa-c.txt.part", "readme.txt"} {
		b.layReport(t, name, name)
		at := b.now.Add(time.Duration(i) * time.Minute)
		require.NoError(t, os.Chtimes(filepath.Join(b.drop, b.profile.Folders.Reports, name), at, at))
	}

	t.Run("oldest first, by pattern, without what is still being written", func(t *testing.T) {
		got := must(t, a.ListReports, listInput())
		require.Equal(t, []activities.RemoteReport{{Name: "dqa-b.txt", Size: 9}, {Name: "dqa-a.txt", Size: 9}}, got.Reports)
		require.False(t, got.More)
	})
	t.Run("a bound is kept and told", func(t *testing.T) {
		in := listInput()
		in.Max = 1
		got := must(t, a.ListReports, in)
		require.Len(t, got.Reports, 1)
		require.True(t, got.More)
	})
	t.Run("a connection that nobody uses is missing", func(t *testing.T) {
		_, err := run(t, a.ListReports, activities.ListReportsInput{Connection: "nowhere"})
		requireKind(t, registry.Missing, err)
	})
	t.Run("a refused login is not tried again", func(t *testing.T) {
		b.server.SetFaults(sftptest.Faults{RefuseAuth: true})
		defer b.server.SetFaults(sftptest.Faults{})
		_, err := run(t, a.ListReports, listInput())
		requireKind(t, registry.Unauthorised, err)
	})
}

func TestReportsAreRemoved(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	b.layReport(t, "ack.hl7", ack("1", "", ""))
	b.layReport(t, "strange.pdf", "%PDF-1.7")
	b.collect(t, a, "ack.hl7")
	b.collect(t, a, "strange.pdf")
	b.layReport(t, "new.hl7", ack("2", "", ""))
	folder := b.profile.Folders.Reports

	must(t, a.ListReports, listInput())
	require.Equal(t, []string{"ack.hl7", "new.hl7", "strange.pdf"}, b.arrived(t, folder), "not unless the profile allows it")
	b.profile.Transfer.DeleteReports = true
	for range 2 {
		require.Len(t, must(t, a.ListReports, listInput()).Reports, 1)
		require.Equal(t, []string{"new.hl7", "strange.pdf"}, b.arrived(t, folder), "what nobody could read stays")
	}
}

func TestFetchReportFaults(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	b.layReport(t, "ack.hl7", ack("1", "", ""))
	in := activities.FetchReportInput{Connection: "texas-sftp", Name: "ack.hl7"}

	t.Run("half a report is none", func(t *testing.T) {
		b.server.SetFaults(sftptest.Faults{CutDownloadAt: 20})
		_, err := run(t, a.FetchReport, in)
		requireKind(t, registry.Transient, err)
		b.server.SetFaults(sftptest.Faults{})
		list, err := b.db.ListReports(t.Context(), db.ReportFilter{})
		require.NoError(t, err)
		require.Empty(t, list)
		require.NotEmpty(t, must(t, a.FetchReport, in).ReportID)
	})
	t.Run("one that is gone is missing", func(t *testing.T) {
		gone := in
		gone.Name = "gone.hl7"
		_, err := run(t, a.FetchReport, gone)
		requireKind(t, registry.Missing, err)
	})
	t.Run("a worker killed between file store and database does it again", func(t *testing.T) {
		b.layReport(t, "ack2.hl7", ack("2", "", ""))
		twice := in
		twice.Name = "ack2.hl7"
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.FetchReport(ctx, twice)
		require.Error(t, err)
		first := must(t, a.FetchReport, twice)
		require.Equal(t, first, must(t, a.FetchReport, twice))
	})
}

func TestReportDate(t *testing.T) {
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	now := time.Date(2026, 3, 10, 15, 0, 0, 0, time.UTC)
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, zone) }
	for name, c := range map[string]struct {
		file    string
		written time.Time
		want    time.Time
	}{
		"the one in the name":                    {"dqa_20260304.csv", now, day(4)},
		"when it was written":                    {"dqa.csv", now.AddDate(0, 0, -2), day(8)},
		"in the practice's zone":                 {"dqa.csv", time.Date(2026, 3, 9, 2, 0, 0, 0, time.UTC), day(8)},
		"today, where the clock is ahead":        {"dqa.csv", now.AddDate(3, 0, 0), day(10)},
		"today, where the clock is years behind": {"dqa.csv", time.Unix(0, 0), day(10)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, activities.ReportDate(c.file, c.written, now, zone))
		})
	}
}

func TestErrorsAreDueByTheSeverityOfTheirCode(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.reports(t)
	begin := b.now
	_, facts := b.delivered(t, 1, registry.LaneProduction, 4)
	ids := facts.ControlIDs
	b.layReport(t, "ack1.hl7", ack(ids[0], "IMR-111", "x")+ack(ids[1], "CLR-100", "x")+ack(ids[2], "IEE-777", "x")+ack(ids[3], "", ""))
	b.collect(t, a, "ack1.hl7")
	found, err := b.db.ListErrors(t.Context(), db.ErrorFilter{})
	require.NoError(t, err)
	due := map[string]int{}
	for _, e := range found {
		due[e.Code] = int(e.DueAt.Sub(begin).Hours() / 24)
	}
	require.Equal(t, map[string]int{"CLR-100": 7, "IMR-111": 14, "IEE-777": 14}, due, "a code that nobody knows has the usual term")

	t.Run("overdue ones are an incident once; their reminders stand in the morning letter", func(t *testing.T) {
		w := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
		policy := b.profile.Policy
		policy.ErrorOldDays, policy.QuietSiteDays = 365, 0
		var told []int
		for day := range 30 {
			b.now = begin.AddDate(0, 0, day)
			got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
			require.NoError(t, err)
			for _, i := range got.Opened {
				if i.Kind == activities.IncidentErrorsOverdue {
					told = append(told, day)
				}
			}
			require.NotContains(t, kinds(got.Closed), activities.IncidentErrorsOverdue, "no all-clear between")
		}
		require.Equal(t, []int{8}, told)
	})
}
