package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/workflows"
)

func TestPractice(t *testing.T) {
	b := newBench(t)
	path := b.file(t, "practice.yaml", practiceFile)

	t.Run("list says how to begin when there is none", func(t *testing.T) {
		b.run(t, "practice", "list").exits(0).shows("starter practice add FILE.yaml")
	})
	t.Run("add needs the connection first", func(t *testing.T) {
		b.run(t, "practice", "add", path).exits(1).complains("dshs", "starter connection add")
	})
	b.connection(t)
	t.Run("add makes it known, with its outbox and an audit row", func(t *testing.T) {
		b.run(t, "practice", "add", path).exits(0).fits().shows("1 site", "starter onboard sunrise-plano")
		for _, lane := range []string{"test", "production", "historical"} {
			require.DirExists(t, filepath.Join(b.dir, "outbox", "sunrise-plano", lane))
		}
		events := b.events(t, "practice-added")
		require.Len(t, events, 1)
		require.Equal(t, "Mary Major", events[0].By.Name)
	})
	t.Run("adding it again changes its data and nothing else", func(t *testing.T) {
		again := b.file(t, "again.yaml", strings.Replace(practiceFile, "Pediatrics of Plano", "Family Care", 1)+"phase: production\n")
		var p registry.Practice
		b.run(t, "practice", "add", again, "-o", "json").exits(0).json(&p)
		require.Equal(t, "Sunrise Family Care", p.Name)
		require.Equal(t, registry.PhaseRegistered, p.Phase)
	})
	t.Run("list and show agree", func(t *testing.T) {
		b.run(t, "practice", "list").exits(0).fits().line("sunrise-plano", "registered", "1 site", "dshs")
		b.run(t, "practice", "list", "--phase", "production").exits(0).shows("There is none")
		b.run(t, "practice", "show", "sunrise-plano").exits(0).fits().line("Org code", "BURL6343").line("ehr-vendor", "desk@ehr.example")
		var p registry.Practice
		b.run(t, "practice", "show", "sunrise-plano", "-o", "json").json(&p)
		require.Equal(t, "0001112000", p.IISID)
	})
	t.Run("what is shown as a file can be changed there and added again", func(t *testing.T) {
		shown := b.run(t, "practice", "show", "sunrise-plano", "-o", "yaml").exits(0).stdout
		require.NotContains(t, shown, "phase", "where it stands is not typed")
		var p registry.Practice
		b.run(t, "practice", "add", b.file(t, "shown.yaml", strings.Replace(shown, "0001112000", "0001112009", 1)), "-o", "json").exits(0).json(&p)
		require.Equal(t, "0001112009", p.IISID)
		require.Equal(t, "Sunrise Family Care", p.Name)
		require.Len(t, p.Contacts, 2)
	})
	t.Run("a practice that is not there exits with 1", func(t *testing.T) {
		b.run(t, "practice", "show", "nobody").exits(1).complains(`no practice "nobody"`, "starter practice list")
	})
	t.Run("every fault of a file is said at once", func(t *testing.T) {
		bad := b.file(t, "bad.yaml", "id: Sunrise Plano\nname: ''\norg_code: x\n")
		b.run(t, "practice", "add", bad).exits(1).complains("id:", "name:", "org_code:", "connection:", "sites:")
	})
	t.Run("a slip of the pen in a file is no empty value", func(t *testing.T) {
		b.run(t, "practice", "add", b.file(t, "slip.yaml", "identifier: x")).exits(1).complains("identifier")
		b.run(t, "practice", "add", b.file(t, "slip.yaml", "id: 7")).exits(1).complains("id: is text")
	})
}

func TestPersons(t *testing.T) {
	b := newBench(t)
	b.connection(t)
	path := b.file(t, "practice.yaml", practiceFile)

	t.Run("a login that nobody knows is refused, with the lines to add", func(t *testing.T) {
		b.env.Login = "eve"
		b.run(t, "practice", "add", path).exits(1).complains("eve:", "people:")
	})
	t.Run("root is refused", func(t *testing.T) {
		b.env.Login = "root"
		b.run(t, "practice", "add", path).exits(1).complains("root changes nothing")
		b.run(t, "practice", "add", path, "--as", "mary").exits(1)
	})
	t.Run("everybody may look", func(t *testing.T) {
		b.run(t, "practice", "list").exits(0)
		b.run(t, "status").exits(0)
	})
	t.Run("a person may not act for another without leave", func(t *testing.T) {
		b.env.Login = "mary"
		b.run(t, "practice", "add", path, "--as", "sam").exits(1).complains("may_act_for")
	})
	t.Run("with leave the audit log names both", func(t *testing.T) {
		b.env.Login = "sam"
		b.run(t, "practice", "add", path, "--as", "mary").exits(0)
		require.Equal(t, "Mary Major (entered by Sam Minor)", b.events(t, "practice-added")[0].By.Name)
	})
	t.Run("in a rehearsal anybody may, and the act is marked as claimed", func(t *testing.T) {
		b.env.Login = "root"
		b.vars["IMMTRAIL_ALLOW_AS"] = "1"
		b.run(t, "practice", "add", path).exits(1)
		b.run(t, "practice", "add", path, "--as", "Tess Tester").exits(0)
		e := b.events(t, "practice-changed")[0]
		require.Equal(t, "Tess Tester", e.By.Name)
		require.True(t, e.By.Claimed)
		b.run(t, "audit", "list").exits(0).fits().line("practice changed", "Tess Tester", "claimed")
	})
	t.Run("logins of a Windows domain are found", func(t *testing.T) {
		b.env.Login = `CLINIC\Mary`
		b.run(t, "practice", "add", path).exits(0)
	})
}

func TestOnboard(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseRegistered)

	t.Run("begins once, in the name of the person", func(t *testing.T) {
		b.run(t, "onboard", "sunrise-plano").exits(0).shows("is on its way.", "starter status sunrise-plano")
		require.Equal(t, mary, b.eng.onboarded["sunrise-plano"].By)
		b.run(t, "onboard", "sunrise-plano").exits(0).shows("already")
	})
	t.Run("a practice that is not there is not begun", func(t *testing.T) {
		b.run(t, "onboard", "nobody").exits(1)
		require.NotContains(t, b.eng.onboarded, "nobody")
	})
	t.Run("acts go to the workflow that decides them", func(t *testing.T) {
		for _, c := range []struct {
			args           []string
			workflow, name string
		}{
			{[]string{"review", "request", "sunrise-plano"}, "onboarding/sunrise-plano", "request-review"},
			{[]string{"review", "changes", "sunrise-plano", "--reason", "consent"}, "onboarding/sunrise-plano", "record-revision"},
			{[]string{"practice", "waive", "sunrise-plano", "--reason", "later"}, "onboarding/sunrise-plano", "waive-prerequisites"},
			{[]string{"practice", "pause", "sunrise-plano", "--reason", "upgrade"}, "watch/sunrise-plano", "pause"},
			{[]string{"submission", "pause", "sunrise-plano", "--reason", "upgrade"}, "watch/sunrise-plano", "pause"},
			{[]string{"submission", "resume", "sunrise-plano", "--reason", "done"}, "watch/sunrise-plano", "resume"},
			{[]string{"practice", "withdraw", "sunrise-plano", "--reason", "closed", "--yes"}, "watch/sunrise-plano", "withdraw"},
		} {
			b.run(t, c.args...).exits(0).shows("sunrise-plano: done.")
			sent := b.last(t)
			require.Equal(t, c.workflow, sent.workflowID)
			require.Equal(t, c.name, sent.name)
			require.Equal(t, mary, sent.arg.(workflows.Act).By)
		}
	})
	t.Run("attesting nothing to send carries the site", func(t *testing.T) {
		b.run(t, "submission", "attest", "sunrise-plano", "--reason", "closed", "--site", "plano").exits(0)
		b.run(t, "submission", "attest", "sunrise-plano", "--reason", "closed", "--site", "plamo").exits(1).complains("no site")
		require.Equal(t, "plano", b.last(t).arg.(workflows.Attest).Site)
	})
	t.Run("a refusal is said in the workflow's words and exits with 1", func(t *testing.T) {
		b.eng.answer = func(string, string, any) (workflows.Answer, error) {
			return workflows.Answer{}, cli.Refused("2 of 3 error-free test files are answered")
		}
		b.run(t, "review", "request", "sunrise-plano").exits(1).complains("2 of 3 error-free test files")
	})
	t.Run("without the workflow it says how to begin", func(t *testing.T) {
		b.eng.answer = func(string, string, any) (workflows.Answer, error) { return workflows.Answer{}, cli.ErrGone }
		b.run(t, "review", "request", "sunrise-plano").exits(1).complains("starter onboard sunrise-plano")
	})
	t.Run("one that was only made known is withdrawn all the same", func(t *testing.T) {
		b.add(t, "never-begun", "NEVE0001")
		b.run(t, "practice", "withdraw", "never-begun", "--reason", "a double", "--yes").exits(0).shows("withdrawn; nothing was under way")
		p, err := b.open(t).Practice(t.Context(), "never-begun")
		require.NoError(t, err)
		require.Equal(t, registry.PhaseWithdrawn, p.Phase)
		b.run(t, "audit", "list", "--practice", "never-begun").exits(0).shows("a double", "Mary Major")
		b.run(t, "practice", "withdraw", "never-begun", "--reason", "a double", "--yes").exits(1).complains("never-begun is withdrawn")
	})
	t.Run("withdrawing asks twice, and every act for a reason", func(t *testing.T) {
		b.run(t, "practice", "withdraw", "sunrise-plano", "--reason", "x").exits(2).complains("--yes")
		b.run(t, "practice", "pause", "sunrise-plano").exits(2).complains("reason")
	})
}

const productionEmail = "From: \"J. Ortiz\" <immtracmu@dshs.example>\r\nTo: mary@example.org\r\n" +
	"Date: Tue, 31 Mar 2026 09:00:00 -0500\r\nMessage-ID: <prod-1@dshs.example>\r\nSubject: Production\r\n\r\nBURL6343 is live.\r\n"

func TestProductionApprovedEarly(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	require.NoError(t, b.open(t).RecordEarly(t.Context(), "sunrise-plano",
		registry.Approval{Practice: "sunrise-plano", ApprovedBy: "the reviewer", EmailDate: "2026-03-30"}, b.act("early")))

	t.Run("it is shown with the practice, and that it is kept", func(t *testing.T) {
		b.run(t, "practice", "show", "sunrise-plano").exits(0).fits().
			shows("Approved early", "by the reviewer, email of 2026-03-30 (the email is not on file); kept until the", "review is reached")
		var out map[string]any
		b.run(t, "practice", "show", "sunrise-plano", "-o", "json").exits(0).json(&out)
		require.Equal(t, "2026-03-30", out["early_approval"].(map[string]any)["email_date"])
		require.NotContains(t, out, "approval")
	})
	t.Run("and with its status", func(t *testing.T) {
		b.run(t, "status", "sunrise-plano").exits(0).fits().shows("A Production email came early (by the reviewer, email of 2026-03-30", "applied when the")
	})
	t.Run("its email may follow, and is the same approval's", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano", "--email", b.file(t, "production.eml", productionEmail)).exits(0)
		got := b.last(t).arg.(workflows.ApproveProduction)
		require.Equal(t, "the reviewer", got.ApprovedBy)
		require.Equal(t, "2026-03-30", got.EmailDate)
		require.Equal(t, "<prod-1@dshs.example>", got.MessageID)
	})
	t.Run("it is in the evidence pack", func(t *testing.T) {
		b.run(t, "evidence", "sunrise-plano", "-o", filepath.Join(b.dir, "pack.zip")).exits(0)
		require.Contains(t, unzip(t, filepath.Join(b.dir, "pack.zip")), "came before the review")
	})
}

func TestProductionApprove(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseInReview)

	t.Run("reads who, when and which from the email and keeps it", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano", "--email", b.file(t, "production.eml", productionEmail)).exits(0)
		got := b.last(t).arg.(workflows.ApproveProduction)
		require.Equal(t, "J. Ortiz", got.ApprovedBy)
		require.Equal(t, "2026-03-31", got.EmailDate)
		require.Equal(t, "<prod-1@dshs.example>", got.MessageID)
		require.True(t, strings.HasPrefix(got.EvidenceID, "sha256/"))
		require.FileExists(t, filepath.Join(b.dir, "files", filepath.FromSlash(got.EvidenceID)))
		require.Equal(t, mary, got.By)
	})
	t.Run("what is given by hand counts more than the email", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano", "--email", "production.eml", "--approved-by", "A. Boss").exits(0)
		require.Equal(t, "A. Boss", b.last(t).arg.(workflows.ApproveProduction).ApprovedBy)
	})
	t.Run("without the email, name and date are asked for", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano").exits(1).shows("approved_by is missing", "--email")
		b.run(t, "production", "approve", "sunrise-plano", "--approved-by", "A", "--email-date", "31.3.").exits(1).shows("email_date")
	})
	t.Run("of several practices each is answered; one refusal exits with 1", func(t *testing.T) {
		var got []struct {
			Practice string
			Accepted bool
			Refused  string
		}
		b.run(t, "production", "approve", "sunrise-plano", "nobody", "--approved-by", "A", "--email-date", "2026-03-31", "-o", "json").
			exits(1).json(&got)
		require.True(t, got[0].Accepted)
		require.False(t, got[1].Accepted)
		require.NotEmpty(t, got[1].Refused)
	})
	t.Run("an email that follows is evidence of the approval on record, whoever sent it and when", func(t *testing.T) {
		_, err := b.open(t).MovePhase(t.Context(), "sunrise-plano", registry.EventApproved,
			db.Act{Key: "approved", By: mary, At: b.at()},
			&registry.Approval{Practice: "sunrise-plano", ApprovedBy: "the reviewer", EmailDate: "2026-03-30"})
		require.NoError(t, err)
		b.run(t, "production", "approve", "sunrise-plano", "--email", "production.eml").exits(0).
			complains("the email is of 2026-03-31, the approval on record says 2026-03-30")
		got := b.last(t).arg.(workflows.ApproveProduction)
		require.Equal(t, "the reviewer", got.ApprovedBy)
		require.Equal(t, "2026-03-30", got.EmailDate)
		require.Equal(t, "<prod-1@dshs.example>", got.MessageID)
		require.NotEmpty(t, got.EvidenceID)
		b.run(t, "audit", "list", "--kind", "phase").exits(0).fits().shows("in review to production")
	})
	t.Run("after the onboarding the same approval is still answered, and another one refused", func(t *testing.T) {
		before := b.eng.answer
		defer func() { b.eng.answer = before }()
		b.eng.answer = func(string, string, any) (workflows.Answer, error) { return workflows.Answer{}, cli.ErrGone }
		b.run(t, "production", "approve", "sunrise-plano", "--approved-by", "the reviewer", "--email-date", "2026-03-30").
			exits(0).shows("it was approved before")
		b.run(t, "production", "approve", "sunrise-plano", "--approved-by", "A", "--email-date", "2026-03-30").
			exits(1).shows("refused")
	})
	t.Run("after the onboarding an email is still filed as evidence, once, with whoever accepts its sender", func(t *testing.T) {
		before := b.eng.answer
		defer func() { b.eng.answer = before }()
		b.eng.answer = func(string, string, any) (workflows.Answer, error) { return workflows.Answer{}, cli.ErrGone }
		approve := []string{"production", "approve", "sunrise-plano", "--email", "production.eml"}
		b.run(t, approve...).exits(1).shows("refused", "approval_senders")
		require.Empty(t, b.events(t, "evidence"))
		approve = append(approve, "--override-by", "mary", "--reason", "it was forwarded")
		b.run(t, approve...).exits(0).shows("what was missing of the evidence is filed now")
		b.run(t, approve...).exits(0).shows("it was approved before; the connection is live")
		require.Len(t, b.events(t, "evidence"), 1)
		stored, _, err := b.open(t).Approval(t.Context(), "sunrise-plano")
		require.NoError(t, err)
		require.Equal(t, "<prod-1@dshs.example>", stored.MessageID)
		require.Equal(t, "Mary Major", stored.OverrideBy)
		require.FileExists(t, filepath.Join(b.dir, "files", filepath.FromSlash(stored.EvidenceID)))
	})
	t.Run("an email that cannot be read exits with 3", func(t *testing.T) {
		b.run(t, "production", "approve", "sunrise-plano", "--email", "none.eml").exits(3)
		require.NoError(t, os.WriteFile("empty.eml", nil, 0o600))
		b.run(t, "production", "approve", "sunrise-plano", "--email", "empty.eml").exits(1).complains("empty")
	})
}

func TestHistory(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	digest := strings.Repeat("3f9c", 16)

	t.Run("the vendor's answer is passed on", func(t *testing.T) {
		b.run(t, "history", "answer", "sunrise-plano", "--yes", "--since", "2019-01-01").exits(0)
		got := b.last(t)
		require.Equal(t, "history/sunrise-plano", got.workflowID)
		require.Equal(t, "2019-01-01", got.arg.(workflows.AnswerHistorical).Since)
		b.run(t, "history", "answer", "sunrise-plano", "--no").exits(0)
		require.False(t, b.last(t).arg.(workflows.AnswerHistorical).Can)
	})
	t.Run("yes without a date, and neither yes nor no, are wrong usage", func(t *testing.T) {
		b.run(t, "history", "answer", "sunrise-plano", "--yes").exits(2).complains("--since")
		b.run(t, "history", "answer", "sunrise-plano").exits(2)
		b.run(t, "history", "answer", "sunrise-plano", "--yes", "--no").exits(2)
	})
	t.Run("another EHR is asked about, and its answer told apart", func(t *testing.T) {
		b.run(t, "history", "ask", "sunrise-plano").exits(2).complains("ehr")
		b.run(t, "history", "ask", "sunrise-plano", "--ehr", "OldChart", "--vendor", "Old Inc.", "--to", "2019-06-30").exits(0)
		require.Equal(t, workflows.HistoryEHR{EHR: "OldChart", Vendor: "Old Inc.", To: "2019-06-30"}, b.last(t).arg.(workflows.AskHistorical).HistoryEHR)
		b.run(t, "history", "answer", "sunrise-plano", "--ehr", "OldChart", "--yes", "--since", "2012-01-01", "--form", "zip", "--size", "40,000").exits(0)
		got := b.last(t).arg.(workflows.AnswerHistorical)
		require.Equal(t, "OldChart", got.EHR)
		require.Equal(t, "zip", got.Form)
		require.Equal(t, "40,000", got.Size)
	})
	t.Run("without a load under way it says where the practice stands", func(t *testing.T) {
		b.run(t, "history", "status", "sunrise-plano").exits(1).complains("starter status sunrise-plano")
	})
	progress := workflows.HistoryProgress{State: registry.HistoryPlanned, Waiting: true}
	progress.Plan.Digest, progress.Plan.Parts, progress.Plan.Messages = digest, 12, 5000
	b.eng.queries["history/sunrise-plano history-progress"] = progress
	t.Run("status lists the EHRs where there are several", func(t *testing.T) {
		several := progress
		several.Sources = []workflows.HistorySource{
			{AskedAt: b.at()},
			{
				HistoryEHR: workflows.HistoryEHR{EHR: "OldChart", Vendor: "Old Inc.", From: "2012-01-01", To: "2019-06-30"}, AnsweredBy: "Mary",
				Answer: &activities.HistoryAnswer{Can: true, Since: "2012-01-01", Form: "zip, a file a year", Size: "40,000 records"},
			},
		}
		b.eng.queries["history/sunrise-plano history-progress"] = several
		b.run(t, "history", "status", "sunrise-plano").exits(0).fits().line("the present EHR", "asked on").line("OldChart", "yes")
		several.Sources = several.Sources[:1]
		b.eng.queries["history/sunrise-plano history-progress"] = several
		b.run(t, "history", "status", "sunrise-plano").exits(0).shows("The EHR's vendor was asked on " + b.at().Format("2006-01-02"))
		several.Sources[0].AnsweredBy = "Mary"
		several.Sources[0].Answer = &activities.HistoryAnswer{Can: true, Since: "2015-01-01", Form: "zip"}
		several.Plan.Came, several.Aside = 5100, "archives that are refused: 1"
		b.eng.queries["history/sunrise-plano history-progress"] = several
		b.run(t, "history", "status", "sunrise-plano").exits(0).fits().shows("said yes, back to 2015-01-01; zip; told by Mary.").
			line("Messages", "5000 of 5100 with").shows("Archives that are refused: 1.")
		b.eng.queries["history/sunrise-plano history-progress"] = progress
	})
	t.Run("status shows the plan and the command that approves it", func(t *testing.T) {
		b.run(t, "history", "status", "sunrise-plano").exits(0).fits().
			line("Parts", "12").shows("starter history approve sunrise-plano --plan 3f9c3f9c3f9c")
	})
	t.Run("approve sends the whole digest of exactly what was seen", func(t *testing.T) {
		b.run(t, "history", "approve", "sunrise-plano", "--plan", "3F9C3F9C3F9C").exits(0)
		require.Equal(t, digest, b.last(t).arg.(workflows.ApproveHistorical).Digest)
	})
	t.Run("another plan than the one that waits is refused", func(t *testing.T) {
		sent := len(b.eng.updates)
		b.run(t, "history", "approve", "sunrise-plano", "--plan", "aaaaaaaaaaaa").exits(1).complains("the plan has changed")
		b.run(t, "history", "approve", "sunrise-plano", "--plan", "3f").exits(2)
		require.Len(t, b.eng.updates, sent)
	})
	t.Run("while it loads it tells parts and answers", func(t *testing.T) {
		progress.State, progress.Sent, progress.InFlight = registry.HistoryLoading, 3, 2
		progress.Waiting, progress.Parts = false, 12
		progress.Counts.Sent, progress.Counts.Accepted = 1200, 1000
		b.eng.queries["history/sunrise-plano history-progress"] = progress
		b.run(t, "history", "status", "sunrise-plano").exits(0).fits().line("Parts", "3 of 12 sent").shows("1000 of 1200 messages")
	})
	t.Run("a load that has ended says so, and takes no file", func(t *testing.T) {
		b := newBench(t)
		b.practice(t, registry.PhaseProduction)
		ctx, store := t.Context(), b.open(t)
		for _, state := range []registry.HistoryState{registry.HistoryAsked, registry.HistoryNone} {
			require.NoError(t, store.SetHistory(ctx, "sunrise-plano", state, nil, db.Act{Key: string(state), By: registry.System, At: b.at()}))
		}
		b.run(t, "history", "status", "sunrise-plano").exits(1).complains("has no historical load")
		b.run(t, "submit", "sunrise-plano", "-", "--historical").exits(1).complains("nothing is taken for it")
	})
	t.Run("closing takes a person, and a reason goes along", func(t *testing.T) {
		b.run(t, "history", "close", "sunrise-plano", "--reason", "three test patients").exits(0)
		got := b.last(t).arg.(workflows.CloseHistorical)
		require.Equal(t, "three test patients", got.Reason)
		require.NotEmpty(t, got.By.Name)
	})
}
