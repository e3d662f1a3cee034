package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/transfer"
	"immtrail/workflows"
)

func TestSubmit(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	file := b.file(t, "Quarrow Zebedine.hl7", cleanMessage)
	outbox := func(lane string) string { return filepath.Join(b.dir, "outbox", "sunrise-plano", lane) }

	t.Run("puts the whole file into the outbox and starts a submission", func(t *testing.T) {
		r := b.run(t, "submit", "sunrise-plano", file).exits(0).fits().shows("the test file is in the outbox", "has been started")
		require.NotContains(t, r.stdout, "Quarrow", "an EHR may put a patient into a file's name")
		got, err := os.ReadFile(filepath.Join(outbox("test"), "Quarrow Zebedine.hl7"))
		require.NoError(t, err)
		require.Equal(t, cleanMessage, string(got))
		require.Equal(t, []string{"cycle-sunrise-plano"}, b.eng.triggered)
	})
	t.Run("the file counts as complete at once and yours stays", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(outbox("test"), "Quarrow Zebedine.hl7"))
		require.NoError(t, err)
		require.Greater(t, b.at().Sub(info.ModTime()), 30*time.Second)
		require.FileExists(t, file)
	})
	t.Run("the audit log knows who, and no name of the file", func(t *testing.T) {
		e := b.events(t, "file-submitted")
		require.Len(t, e, 1)
		require.Equal(t, "Mary Major", e[0].By.Name)
		require.NotContains(t, e[0].Reason+string(e[0].Detail), "Quarrow")
	})
	t.Run("a file of that name that waits is not overwritten", func(t *testing.T) {
		b.run(t, "submit", "sunrise-plano", file).exits(1).complains("already")
	})
	t.Run("nothing half-copied stays behind", func(t *testing.T) {
		entries, err := os.ReadDir(outbox("test"))
		require.NoError(t, err)
		require.Len(t, entries, 2, "the file and the folder's marker")
	})
	t.Run("a mount point without its share gets no file", func(t *testing.T) {
		marker := filepath.Join(outbox("test"), activities.OutboxMarker)
		require.NoError(t, os.Rename(marker, marker+".away"))
		b.runIn(t, cleanMessage, "submit", "sunrise-plano", "-").exits(3).complains("mount the share", "touch")
		require.NoError(t, os.Rename(marker+".away", marker))
	})
	t.Run("true patient data is refused before the Production email", func(t *testing.T) {
		b.run(t, "submit", "sunrise-plano", file, "--production").exits(1).complains("Production email", "starter production approve")
		b.run(t, "submit", "sunrise-plano", file, "--historical").exits(1)
	})
	t.Run("two ways at once are wrong usage", func(t *testing.T) {
		b.run(t, "submit", "sunrise-plano", file, "--test", "--production").exits(2)
	})
	t.Run("a Temporal that does not answer loses nothing", func(t *testing.T) {
		b.eng.trigger = os.ErrDeadlineExceeded
		defer func() { b.eng.trigger = nil }()
		var got struct {
			Started bool
			Words   string
		}
		b.runIn(t, cleanMessage, "submit", "sunrise-plano", "-", "-o", "json").exits(0).json(&got)
		require.False(t, got.Started)
		require.Contains(t, got.Words, "next submission on schedule")
	})
	t.Run("an outbox that is not mounted exits with 3", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(outbox("test")))
		b.run(t, "submit", "sunrise-plano", file).exits(3).complains("outbox", "starter setup")
	})
	t.Run("submission run starts one by itself", func(t *testing.T) {
		b.run(t, "submission", "run", "sunrise-plano").exits(2)
		b.run(t, "submission", "run", "sunrise-plano", "--reason", "the export is mended").exits(0)
		require.Equal(t, "the export is mended", b.events(t, "submission-run")[0].Reason)
		b.eng.trigger = cli.ErrGone
		defer func() { b.eng.trigger = nil }()
		b.run(t, "submission", "run", "sunrise-plano", "--reason", "again").exits(1).complains("starter onboard")
	})
	t.Run("submission skip leaves out the next one on schedule, with who and why, once", func(t *testing.T) {
		skip := []string{"submission", "skip", "sunrise-plano", "--reason", "the EHR is upgraded"}
		b.run(t, skip...).exits(1).complains("no submission on schedule")
		b.eng.next = time.Date(2026, 4, 1, 1, 15, 0, 0, time.UTC)
		b.run(t, skip...).exits(0).fits().shows("the submission of 2026-03-31 20:15 CDT is left out; its files go with the one after")
		b.run(t, skip...).exits(0).fits().shows("the submission of 2026-03-31 20:15 CDT is left out, as was asked before")
		got := b.events(t, "submission-skip")
		require.Len(t, got, 1)
		require.Equal(t, "the EHR is upgraded", got[0].Reason)
		wish, err := b.open(t).OpenSkip(t.Context(), "sunrise-plano")
		require.NoError(t, err)
		require.True(t, b.eng.next.Equal(wish.Due))
		require.NoError(t, b.open(t).RecordAct(t.Context(), "sunrise-plano", "", db.SubmissionSkipped, db.Act{Key: wish.Key, By: registry.System, At: b.at()}))
		wish, err = b.open(t).OpenSkip(t.Context(), "sunrise-plano")
		require.NoError(t, err)
		require.Empty(t, wish.Key, "it was left out")
	})
}

func TestSubmitInProduction(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	file := b.file(t, "a.hl7", cleanMessage)
	t.Run("no test file is taken", func(t *testing.T) {
		b.run(t, "submit", "sunrise-plano", file, "--test").exits(1).complains("only true patient data")
	})
	t.Run("a historical file waits for its plan and starts nothing", func(t *testing.T) {
		b.run(t, "submit", "sunrise-plano", file, "--historical").exits(0).shows("starter history status sunrise-plano")
		require.Empty(t, b.eng.triggered)
	})
}

func TestHold(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	require.NoError(t, b.open(t).OpenHold(t.Context(), db.Hold{
		ID: "h-1-1", Practice: "sunrise-plano", WorkflowID: "file/f-1", Reason: registry.HoldDeliveryUnknown,
		What: "upload of BURL6343_PROD_1.HL7", Words: "the connection broke after the rename", OpenedAt: b.at().AddDate(0, 0, -3),
	}))

	t.Run("list says what waits, since when, and each way to go on", func(t *testing.T) {
		b.run(t, "hold", "list").exits(0).fits().
			shows("h-1-1 of sunrise-plano waits for you since 2026-03-28 (3 days)", "upload of BURL6343_PROD_1.HL7",
				"  > starter hold resolve h-1-1 --action arrived\n",
				"  > starter hold resolve h-1-1 --action resend\n    To send it again under a new name.")
		b.run(t, "hold", "list", "--practice", "other").exits(1).complains("starter practice list")
	})
	t.Run("explain says what each way does, for the command line and the Web UI, and who is told when", func(t *testing.T) {
		b.run(t, "hold", "explain", "h-1-1").exits(0).fits().shows(
			"h-1-1: nobody can tell whether the file arrived.", "since 2026-03-28, 2 business days.",
			"The lead hears of it on 2026-04-03.", "morning letter again on 2026-04-01.",
			"> starter hold resolve h-1-1 --action retry\n    To look at the registry once more; nothing is sent.",
			"open file/f-1, send the update resolve-hold", `{"hold_id": "h-1-1", "action": "resend", "by": {"name": "YOUR NAME"}}`,
			`More: docs/runbook.md, section "delivery-unknown"`)
		require.NotContains(t, b.run(t, "hold", "explain", "h-1-1").stdout, "continue", "no way that it does not take")
		b.run(t, "hold", "explain", "h-9").exits(1)
	})
	t.Run("resolve asks the workflow that waits", func(t *testing.T) {
		b.run(t, "hold", "resolve", "h-1-1", "--action", "arrived", "--reason", "DSHS has it").exits(0)
		got := b.last(t)
		require.Equal(t, "file/f-1", got.workflowID)
		require.Equal(t, workflows.ResolveHold{HoldID: "h-1-1", Action: "arrived", By: mary, Reason: "DSHS has it"}, got.arg)
	})
	t.Run("an action that the reason does not allow is refused with the possible ones", func(t *testing.T) {
		b.run(t, "hold", "resolve", "h-1-1", "--action", "continue").exits(1).complains("retry, arrived, resend, drop")
	})
	t.Run("an ID that is not there and one that is settled are refused", func(t *testing.T) {
		b.run(t, "hold", "resolve", "h-9", "--action", "retry").exits(1).complains("starter hold list")
		require.NoError(t, b.open(t).CloseHold(t.Context(), "h-1-1", "arrived", b.act("x")))
		b.run(t, "hold", "resolve", "h-1-1", "--action", "retry").exits(1).complains("was settled", "Test")
	})
}

// A practice that left from production is not said to submit daily by the way.
func TestStatusOfAPracticeThatLeft(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	for _, p := range []db.Progress{
		{Source: "onboarding", Stage: "production: live", Next: "daily submission runs by itself", Whose: "nobody", Ended: true},
		{Source: "watch", Stage: "withdrawn", Next: "nothing", Whose: "nobody", Ended: true},
	} {
		p.Practice, p.At = "sunrise-plano", b.at()
		require.NoError(t, b.open(t).RecordProgress(t.Context(), p))
	}
	b.run(t, "status", "sunrise-plano").exits(0).shows("production: live")
	_, err := b.open(t).MovePhase(t.Context(), "sunrise-plano", registry.EventWithdrawn, b.act("gone"), nil)
	require.NoError(t, err)
	require.NotContains(t, b.run(t, "status", "sunrise-plano").exits(0).shows("withdrawn").stdout, "daily submission")
}

func TestStatus(t *testing.T) {
	b := newBench(t)
	t.Run("an empty house says how to begin", func(t *testing.T) {
		b.run(t, "status").exits(0).shows("starter practice add FILE.yaml")
	})
	b.practice(t, registry.PhaseTesting)
	t.Run("a practice that nobody began says the command", func(t *testing.T) {
		b.run(t, "status").exits(0).fits().shows("> starter onboard sunrise-plano")
	})
	say := func(p db.Progress) {
		t.Helper()
		p.Practice, p.At = "sunrise-plano", b.at()
		require.NoError(t, b.open(t).RecordProgress(t.Context(), p))
	}
	say(db.Progress{
		Source: "onboarding", Stage: "in review", Next: "the registry's Production email", Whose: "registry",
		Since: b.at().AddDate(0, 0, -9), Move: "starter production approve sunrise-plano",
	})
	say(db.Progress{
		Source: "watch", Stage: "testing", Next: "settle 2 open errors", Whose: "you", Attention: true,
		Move: "starter errors list --practice sunrise-plano", Due: b.at().AddDate(0, 0, 2),
	})
	say(db.Progress{Source: "history", Stage: "closed", Next: "nothing", Whose: "nobody", Ended: true})

	t.Run("what needs you comes first, each row with what moves it", func(t *testing.T) {
		r := b.run(t, "status").exits(0).fits().
			shows("waits for registry since 2026-03-22, 9 days", "due 2026-04-02", "> starter errors list --practice sunrise-plano")
		require.Less(t, strings.Index(r.stdout, "settle 2 open errors"), strings.Index(r.stdout, "Production email"))
		require.NotContains(t, r.stdout, "closed", "what has ended is not in the list")
	})
	t.Run("where the registry is waited for its telephone stands there", func(t *testing.T) {
		b.run(t, "status").shows("800-348-9158")
	})
	t.Run("a row that asks nobody for anything stands in the overview only where there is no other", func(t *testing.T) {
		say(db.Progress{Source: "idle", Stage: "all quiet", Next: "nothing", Whose: "nobody"})
		require.NotContains(t, b.run(t, "status").exits(0).stdout, "all quiet")
		b.run(t, "status", "sunrise-plano").exits(0).shows("all quiet")
	})
	t.Run("--attention leaves the rest out", func(t *testing.T) {
		var lines []struct{ Source, Move string }
		b.run(t, "status", "--attention", "-o", "json").exits(0).json(&lines)
		require.Len(t, lines, 1)
		require.Equal(t, "watch", lines[0].Source)
	})
	t.Run("of one practice it shows test files, files and what waits", func(t *testing.T) {
		b.eng.queries["onboarding/sunrise-plano status"] = map[string]any{"gate": map[string]any{
			"counted": 2, "files": []map[string]any{{"file_id": "f-1", "because": "answered without an error"}},
		}}
		sentFile(t, b, "a")
		b.run(t, "status", "sunrise-plano").exits(0).fits().
			shows("2 test files count so far", "f-1: answered without an error").line("f-1", "test", "at the registry")
	})
	t.Run("without a worker the rest is still shown", func(t *testing.T) {
		clear(b.eng.queries)
		b.run(t, "status", "sunrise-plano").exits(0).complains("No worker answers").shows("settle 2 open errors")
	})
	t.Run("a practice that is not there exits with 1", func(t *testing.T) {
		b.run(t, "status", "nobody").exits(1)
	})
}

// sentFile brings a test file of one message to the registry, as activities
// would, and returns its ID.
func sentFile(t *testing.T, b *bench, content string) string {
	t.Helper()
	store, ctx := b.open(t), t.Context()
	digest := strings.Repeat(content, 64)
	staged, err := store.StageFile(ctx, db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: digest, Size: 10, VaultKey: "sha256/" + content, At: b.at(),
	})
	require.NoError(t, err)
	id := staged.File.ID
	require.NoError(t, store.SaveCheck(ctx, "sunrise-plano", id, func(w *db.CheckWriter) (db.CheckResult, error) {
		w.Message(db.CheckedMessage{
			Ordinal: 1, ControlID: "m-" + content, Site: "plano", Outcome: registry.OutcomeAccepted, Length: 100,
			Patient: []byte(`{"family":"Quarrow","given":"Zebedine","birth_date":"20200115","sex":"F","chart_number":"4711"}`),
			Chart:   "4711", Doses: []db.CheckedDose{{
				Ordinal: 1, RecordKey: content, Year: 2026, Details: []byte(`{"vaccine":"MMR","cvx":"03","date":"20260329","lot":"L1"}`),
			}},
		})
		return db.CheckResult{At: b.at(), Summary: registry.CheckSummary{
			Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: 1, Doses: 1, RuleSet: "r",
		}}, w.Err()
	}))
	d, _, err := store.PrepareDelivery(ctx, db.NewDelivery{
		FileID: id, Practice: "sunrise-plano", Lane: registry.LaneTest, Attempt: 1, Connection: "dshs", Folder: "in",
		ContentDigest: digest, Digest: digest, VaultKey: "sha256/o" + content, Size: 20, Messages: 1, At: b.at(),
		Name: func(int64) (string, error) { return "BURL6343_TEST_" + content + ".HL7", nil },
	})
	require.NoError(t, err)
	_, err = store.BeginUpload(ctx, "sunrise-plano", d.ID)
	require.NoError(t, err)
	require.NoError(t, store.Published(ctx, "sunrise-plano", d.ID, b.at()))
	_, err = store.ConfirmProven(ctx, "sunrise-plano", d.ID, db.Proof{
		How: registry.ConfirmedByStat, By: registry.System, At: b.at(),
		Evidence: transfer.Evidence{How: registry.ConfirmedByStat, Size: 20, ModTime: b.at(), Server: "SSH-2.0-OpenSSH_9.2", HostKey: "SHA256:abc"},
	})
	require.NoError(t, err)
	require.NoError(t, store.SettleFile(ctx, "sunrise-plano", id, registry.FileDelivered, b.at()))
	return id
}

// ackOf refuses the message of a file for want of consent.
func ackOf(content string) string {
	return "MSH|^~\\&|ImmTrac24.16|TEXIIS||BURL6343|20260331044526-0500||ACK^V04^ACK|7|P|2.5.1\r" +
		"MSA|AE|m-" + content + "\r" +
		"ERR||PID^1|101^Required field missing^HL70357|E||||CLR-100::Client Rejected. No existing consent for Zebedine Quarrow.\r"
}

func TestDeliveryShow(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	file := sentFile(t, b, "a")
	for _, id := range []string{"d-1", file, "BURL6343_TEST_a.HL7"} {
		b.run(t, "delivery", "show", id).exits(0).fits().
			shows("d-1, attempt 1 of file "+file, "seen at the registry with the right size", "20 bytes", "OpenSSH_9.2", "SHA256:abc", "by the server's clock")
	}
	var got []struct {
		State    string
		Evidence struct{ Size int64 }
	}
	b.run(t, "delivery", "show", "d-1", "-o", "json").exits(0).json(&got)
	require.Equal(t, "confirmed", got[0].State)
	require.EqualValues(t, 20, got[0].Evidence.Size)
	b.run(t, "delivery", "show", "d-77").exits(1).complains("no delivery")
}

func TestReportsAndErrors(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	file := sentFile(t, b, "a")
	report := b.file(t, "ack.hl7", ackOf("a"))

	t.Run("lists are empty at first", func(t *testing.T) {
		b.run(t, "report", "list").exits(0).shows("There is none")
		b.run(t, "errors", "list").exits(0).shows("There is none")
	})
	t.Run("a report by hand opens errors and tells the file that waits", func(t *testing.T) {
		b.run(t, "report", "import", report, "--connection", "dshs").exits(0).fits().
			shows("1 answer about 1 file", "1 error opened", "starter errors list")
		require.Equal(t, []string{"file/" + file + " report-imported"}, b.eng.signals)
	})
	t.Run("the same report again changes nothing", func(t *testing.T) {
		var got struct {
			Again  bool
			Report string
		}
		b.run(t, "report", "import", report, "--connection", "dshs", "-o", "json").exits(0).json(&got)
		require.True(t, got.Again)
		b.run(t, "report", "list").exits(0).fits().line(got.Report, "dshs", "read", "1 answer")
		var errors []any
		b.run(t, "errors", "list", "-o", "json").json(&errors)
		require.Len(t, errors, 1)
	})
	t.Run("what nothing understands is kept and exits with 1", func(t *testing.T) {
		b.run(t, "report", "import", b.file(t, "odd.bin", "\x00\x01\x02 nothing"), "--connection", "dshs").exits(1)
	})
	t.Run("an unknown connection and an empty file are refused", func(t *testing.T) {
		b.run(t, "report", "import", report, "--connection", "none").exits(1).complains("starter connection list")
		b.run(t, "report", "import", b.file(t, "empty", ""), "--connection", "dshs").exits(1).complains("empty")
	})
	t.Run("the list names code, owner and due date, and no patient", func(t *testing.T) {
		r := b.run(t, "errors", "list", "--practice", "sunrise-plano", "--each").exits(0).fits().line("CLR-100", "practice", "open")
		require.NotContains(t, r.stdout, "Quarrow")
	})
	t.Run("show says what it means and what to do, and no patient", func(t *testing.T) {
		r := b.run(t, "errors", "show", "e-1").exits(0).fits().shows("What to do", "consent", "--reveal")
		require.NotContains(t, r.stdout, "Quarrow")
		require.Empty(t, b.events(t, "patient-shown"))
	})
	t.Run("the patient is shown on request, with an audit row", func(t *testing.T) {
		b.run(t, "errors", "show", "e-1", "--patient").exits(0).fits().shows("Quarrow, Zebedine; born ", "No existing consent")
		require.Equal(t, "Mary Major", b.events(t, "patient-shown")[0].By.Name)
	})
	t.Run("who is nobody does not see the patient", func(t *testing.T) {
		b.env.Login = "eve"
		defer func() { b.env.Login = "mary" }()
		r := b.run(t, "errors", "show", "e-1", "--patient").exits(1)
		require.NotContains(t, r.stdout+r.stderr, "Quarrow")
	})
	t.Run("the list by cause says what each means", func(t *testing.T) {
		b.run(t, "errors", "list").exits(0).fits().line("1", "CLR-100", "sunrise-plano", "1", "practice", "consent").shows("Ended so far: 0 proven")
	})
	t.Run("each site's list is for the eyes of who asked for it", func(t *testing.T) {
		r := b.run(t, "errors", "worklist", "sunrise-plano", "-d", filepath.Join(b.dir, "friday")).exits(0).line("sunrise-plano", "plano", "1 record")
		require.NotContains(t, r.stdout, "Quarrow")
		path := filepath.Join(b.dir, "friday", "sunrise-plano_plano_2026-03-31.xlsx")
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		book, err := excelize.OpenFile(path)
		require.NoError(t, err)
		rows, err := book.GetRows("To mend")
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Equal(t, []string{"Quarrow, Zebedine", "2020-01-15"}, rows[1][:2])
		require.Contains(t, rows[1][9], "CLR-100")
		e := b.events(t, "worklist-written")
		require.Equal(t, "plano", e[0].Site)
		require.Equal(t, "1 record", e[0].Reason)
		b.run(t, "errors", "worklist", "sunrise-plano", "-d", filepath.Join(b.dir, "friday")).exits(1).complains("is there already")
		b.run(t, "errors", "worklist", "-d", b.dir).exits(2).complains("--all")
	})
	t.Run("one child's records are found by chart number", func(t *testing.T) {
		b.run(t, "find", "sunrise-plano", "--mrn", "4711").exits(0).fits().
			shows("Quarrow, Zebedine").line("2026-03-29", "refused by the registry (CLR-100)")
		b.run(t, "find", "sunrise-plano", "--mrn", "4712").exits(1).shows("was ever in a file")
		b.runIn(t, "4711\n", "find", "sunrise-plano", "--mrn", "-").exits(0)
		e := b.events(t, "patient-looked-up")
		require.Len(t, e, 3)
		require.NotContains(t, e[0].Reason+string(e[0].Detail), "4711")
	})
	t.Run("it is put into somebody's hands", func(t *testing.T) {
		b.run(t, "errors", "assign", "e-1", "--to", "Tess").exits(0)
		b.run(t, "errors", "list", "--assignee", "Tess").exits(0).line("e-1", "assigned")
		b.run(t, "errors", "show", "e-1").exits(0).fits().line("In hand of", "Tess, since 2026-03-31 (Mary Major)")
		b.run(t, "errors", "assign", "e-1", "--to", "Tess", "--owner", "aunt").exits(2).complains("ehr-vendor")
	})
	t.Run("codes are explained, and new ones taught", func(t *testing.T) {
		b.run(t, "errors", "explain", "clr-100").exits(0).fits().shows("consent", "the patient: one error for each")
		b.run(t, "errors", "explain", "imr-111").exits(0).fits().line("It is about", "the dose").
			line("Our check", "foretells it by R-12").line("How sure", "medium").line("More", "section vaccine-and-maker")
		b.run(t, "errors", "explain", "IEE-526").exits(0).shows("where the practice's own data are known, by O-03.agreement")
		b.run(t, "errors", "explain", "IMR-160").exits(1).complains("starter errors classify IMR-160")
		b.run(t, "errors", "classify", "IMR-160", "--owner", "practice", "--meaning", "The interval is too short.",
			"--remedy", "Check the dates.", "--to", filepath.Join(b.dir, "catalogue.yaml")).exits(0).fits().shows("our own")
		b.run(t, "errors", "classify", "IMR-160", "--owner", "aunt", "--meaning", "m", "--remedy", "r",
			"--to", filepath.Join(b.dir, "catalogue.yaml")).exits(1).complains("owner: one of")
	})
	t.Run("waiving wants a reason and a person", func(t *testing.T) {
		b.run(t, "errors", "waive", "e-1").exits(2)
		b.run(t, "errors", "waive", "e-1", "--reason", "the family refused").exits(0)
		b.run(t, "errors", "list").exits(0).shows("There is none")
		b.run(t, "errors", "list", "--state", "waived", "--each").exits(0).line("e-1", "waived")
		b.run(t, "errors", "waive", "e-1", "--reason", "again").exits(1).complains("already")
		b.run(t, "errors", "show", "e-99").exits(1).complains("starter errors list")
	})
}
