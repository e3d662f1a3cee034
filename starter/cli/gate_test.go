package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/workflows"
)

// answerEmail is what DSHS writes about a test file.
const answerEmail = "From: \"J. Ortiz\" <j.ortiz@dshs.texas.gov>\r\nTo: mary@example.org\r\n" +
	"Date: Tue, 31 Mar 2026 09:00:00 -0500\r\nMessage-ID: <a-1@dshs.texas.gov>\r\nSubject: BURL6343\r\n\r\nNo errors.\r\n"

func TestOnboardingExplainAndAnswer(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	t.Run("nothing came yet", func(t *testing.T) {
		b.run(t, "onboarding", "explain", "sunrise-plano").exits(0).fits().
			shows("0 of 3 error-free test files", "silence of the registry never counts", "starter submit sunrise-plano FILE --test")
	})
	b.tested(t, "a", b.at().AddDate(0, 0, -3), 2)
	b.tested(t, "b", b.at().AddDate(0, 0, -2), 3)
	eml := b.file(t, "answer.eml", answerEmail)

	t.Run("an email answers a file and is kept as it is", func(t *testing.T) {
		var got struct {
			From, Date, Evidence string
			Again                bool
		}
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--email", eml, "-o", "json").exits(0).json(&got)
		require.Equal(t, "j.ortiz@dshs.texas.gov", got.From)
		require.Equal(t, "2026-03-31", got.Date)
		require.False(t, got.Again)
		require.FileExists(t, filepath.Join(b.dir, "files", filepath.FromSlash(got.Evidence)))
		require.Equal(t, []string{"file/f-1 report-imported", "onboarding/sunrise-plano file-settled"}, b.eng.signals)
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--email", eml).exits(0).shows("recorded already")
	})
	t.Run("one that nobody can read, or from nobody known, asks for more", func(t *testing.T) {
		pdf := b.file(t, "answer.pdf", "%PDF-1.7 …")
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-2", "--errors", "--email", pdf).exits(1).complains("--from", "--email-date")
		args := []string{"onboarding", "answer", "sunrise-plano", "f-2", "--errors", "--email", pdf, "--email-date", "2026-03-31", "--from"}
		b.run(t, append(args, "someone@elsewhere.example")...).exits(1).complains("approval_senders", "--override-by")
		b.run(t, append(args, "x@elsewhere.example", "--override-by", "mary")...).exits(2).complains("go together")
		b.run(t, append(args, "x@elsewhere.example", "--override-by", "mary", "--reason", "she works there")...).exits(0)
		e := b.events(t, "file-answered-by-email")
		require.Contains(t, e[0].Reason, "accepted by Mary Major: she works there")
	})
	t.Run("every file is listed with its reason", func(t *testing.T) {
		b.run(t, "onboarding", "explain", "sunrise-plano").exits(0).fits().
			shows("1 of 3 error-free test files").
			line("f-1", "2026-03-28", "2", "yes, email", "answered without an error").
			line("f-2", "2026-03-29", "3", "no", "the registry found errors")
		var got struct {
			Counted, Needed int
			Files           []struct {
				File, Name, Because string
				Counts              bool
			}
		}
		b.run(t, "onboarding", "explain", "sunrise-plano", "-o", "json").exits(0).json(&got)
		require.Equal(t, 1, got.Counted)
		require.Len(t, got.Files, 2)
		require.NotEmpty(t, got.Files[0].Name)
	})
	t.Run("the rules are those of the running onboarding", func(t *testing.T) {
		b.eng.queries["onboarding/sunrise-plano status"] = workflows.Status{
			Rules: &activities.GateRules{Min: 1, Max: 5, Rule: registry.GateStreak, SilentDays: 4, FirstSingle: true, KeepCount: true},
		}
		b.run(t, "onboarding", "explain", "sunrise-plano").exits(0).fits().
			shows("1 to 5 error-free test files", "in a row", "within 4 business days", "one message with one vaccination", "count on")
	})
	t.Run("an email about another practice, or of a day that has not come, answers nothing", func(t *testing.T) {
		b.add(t, "lakeside", "LAKE0001")
		other := b.file(t, "other.eml", strings.Replace(answerEmail, "BURL6343", "LAKE0001", 1))
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--email", other).exits(1).complains("about lakeside, not about sunrise-plano")
		late := b.file(t, "late.eml", strings.Replace(answerEmail, "31 Mar 2026", "31 Mar 2027", 1))
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--email", late).exits(1).complains("2027-03-31", "is the year right?")
	})
	t.Run("what the registry wanted changed stands above the count", func(t *testing.T) {
		store := b.open(t)
		_, err := store.MovePhase(t.Context(), "sunrise-plano", registry.EventReviewRequested, b.act("review"), nil)
		require.NoError(t, err)
		act := b.act("changes")
		act.Reason = "consent is missing"
		_, err = store.MovePhase(t.Context(), "sunrise-plano", registry.EventChangesNeeded, act, nil)
		require.NoError(t, err)
		b.run(t, "onboarding", "explain", "sunrise-plano").exits(0).fits().shows("- the registry asked for changes on 2026-03-31: consent is missing")
	})
	t.Run("a file that is not there, or both verdicts, are refused", func(t *testing.T) {
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-9", "--clean", "--email", eml).exits(1).
			complains("f-9", "starter onboarding explain sunrise-plano")
		b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--errors", "--email", eml).exits(2)
		b.run(t, "onboarding", "explain", "nobody").exits(1)
	})
}

func TestReviewLetter(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	b.eng.queries["onboarding/sunrise-plano status"] = workflows.Status{Rules: &activities.GateRules{Min: 1}}
	b.tested(t, "a", b.at().AddDate(0, 0, -3), 2)

	t.Run("preview says what is missing", func(t *testing.T) {
		b.run(t, "review", "preview", "sunrise-plano").exits(0).fits().shows("not sent yet", "It cannot be sent yet: 0 of 1")
	})
	b.run(t, "onboarding", "answer", "sunrise-plano", "f-1", "--clean", "--email", b.file(t, "a.eml", answerEmail)).exits(0)
	t.Run("preview is the letter, with the evidence and the covering words", func(t *testing.T) {
		b.run(t, "review", "edit", "sunrise-plano", "--words", b.file(t, "w.txt", "We go live in May.\r\nPlease hurry.\n")).exits(0)
		b.run(t, "review", "preview", "sunrise-plano").exits(0).fits().
			shows("ImmTracMU@dshs.texas.gov", "Request for review", "BURL_TEST_", "error-free, by your email of 2026-03-31",
				"We go live in May.\nPlease hurry.", "starter review send sunrise-plano")
		require.Len(t, b.events(t, "review-words"), 1)
	})
	t.Run("words that cannot go out are refused at once", func(t *testing.T) {
		b.runIn(t, "", "review", "edit", "sunrise-plano", "--words", "-").exits(1).complains("--remove")
		b.runIn(t, "PID|1||123", "review", "edit", "sunrise-plano", "--words", "-").exits(1).complains("HL7")
		b.runIn(t, "a\x1b[2J", "review", "edit", "sunrise-plano", "--words", "-").exits(1).complains("control characters")
		b.runIn(t, strings.Repeat("x", 5000), "review", "edit", "sunrise-plano", "--words", "-").exits(1).complains("longer")
		b.run(t, "review", "edit", "sunrise-plano").exits(2).complains("--words")
		b.run(t, "review", "preview", "sunrise-plano").shows("We go live in May.")
	})
	t.Run("an editor does as well", func(t *testing.T) {
		editor := b.file(t, "editor.sh", "#!/bin/sh\necho 'In my editor.' > \"$1\"\n")
		require.NoError(t, os.Chmod(editor, 0o700))
		b.keys["EDITOR"], b.env.IsTerminal = editor, true
		b.run(t, "review", "edit", "sunrise-plano").exits(0)
		b.env.IsTerminal = false
		b.run(t, "review", "preview", "sunrise-plano").shows("In my editor.")
		b.run(t, "review", "edit", "sunrise-plano", "--remove").exits(0)
		require.NotContains(t, b.run(t, "review", "preview", "sunrise-plano").stdout, "In my editor.")
	})
	t.Run("send asks the onboarding", func(t *testing.T) {
		b.run(t, "review", "send", "sunrise-plano").exits(0)
		require.Equal(t, "request-review", b.last(t).name)
	})
	t.Run("what was sent is shown as it was sent, and its words stay", func(t *testing.T) {
		store := b.open(t)
		_, err := store.MovePhase(t.Context(), "sunrise-plano", registry.EventReviewRequested, b.act("rr"), nil)
		require.NoError(t, err)
		event := workflows.ReviewNotice("sunrise-plano", 1)
		_, err = store.PrepareNotice(t.Context(), db.Notice{
			Event: event, Kind: registry.LetterReviewRequest, Practice: "sunrise-plano", MessageID: "abc@example.org",
			Recipients: []string{"r@dshs.texas.gov"}, Subject: "Request", Body: "As it was.", PreparedAt: b.at(),
		})
		require.NoError(t, err)
		_, err = store.SettleNotice(t.Context(), event, true, b.at())
		require.NoError(t, err)
		b.run(t, "review", "preview", "sunrise-plano").exits(0).fits().shows("sent on 2026-03-31", "abc@example.org", "As it was.")
		b.runIn(t, "late", "review", "edit", "sunrise-plano", "--words", "-").exits(1).complains("its letter is written")
	})
}

func TestWhoseEmail(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseInReview)
	other := strings.NewReplacer("sunrise-plano", "hill-country", "BURL6343", "HILL0001", "Sunrise Pediatrics of Plano", "Hill Country Clinic",
		"0001112000", "0001112001", "Sunrise Plano", "Hill").Replace(practiceFile)
	b.run(t, "practice", "add", b.file(t, "other.yaml", other+"phase: in_review\n")).exits(0)
	write := func(name, head, body string) string {
		return b.file(t, name, "From: j.ortiz@dshs.texas.gov\r\nDate: Tue, 31 Mar 2026 09:00:00 -0500\r\n"+head+"Subject: Production\r\n\r\n"+body+"\r\n")
	}
	approve := func(args ...string) result {
		return b.run(t, append([]string{"production", "approve"}, args...)...)
	}

	t.Run("one email approves all whom it names", func(t *testing.T) {
		both := write("both.eml", "", "Hill Country Clinic and BURL6343 are in Production.")
		approve("sunrise-plano", "hill-country", "--email", both).exits(0).fits()
		require.Equal(t, "j.ortiz@dshs.texas.gov", b.last(t).arg.(workflows.ApproveProduction).From)
	})
	t.Run("an email about another practice is refused, and nobody can override that", func(t *testing.T) {
		wrong := write("wrong.eml", "", "HILL0001 is in Production.")
		approve("sunrise-plano", "--email", wrong).exits(1).shows("is about hill-country, not about sunrise-plano")
		approve("sunrise-plano", "--email", wrong, "--override-by", "mary", "--reason", "x").exits(1)
		b.run(t, "review", "changes", "sunrise-plano", "--reason", "x", "--email", wrong).exits(1).complains("hill-country")
	})
	nameless := write("nameless.eml", "", "You are in Production.")
	t.Run("one that names nobody needs a person's word", func(t *testing.T) {
		approve("sunrise-plano", "--email", nameless).exits(1).fits().shows("names neither name, org code nor IIS ID")
		approve("sunrise-plano", "--email", nameless, "--override-by", "mary", "--reason", "she said so by phone").exits(0)
		got := b.last(t).arg.(workflows.ApproveProduction)
		require.Equal(t, "Mary Major", got.OverrideBy)
		require.Equal(t, "she said so by phone", got.OverrideReason)
	})
	t.Run("or answers the practice's review letter", func(t *testing.T) {
		_, err := b.open(t).PrepareNotice(t.Context(), db.Notice{
			Event: workflows.ReviewNotice("sunrise-plano", 1), Kind: registry.LetterReviewRequest, Practice: "sunrise-plano",
			MessageID: "abc@example.org", Recipients: []string{"r@dshs.texas.gov"}, Subject: "Request", Body: "x", PreparedAt: b.at(),
		})
		require.NoError(t, err)
		answer := write("answer.eml", "In-Reply-To: <abc@example.org>\r\n", "You are in Production.")
		approve("sunrise-plano", "--email", answer).exits(0)
		approve("hill-country", "--email", answer).exits(1).shows("is about sunrise-plano")
	})
	t.Run("a PDF is kept as it is and the flags tell the rest", func(t *testing.T) {
		pdf := b.file(t, "p.pdf", "%PDF-1.7 …")
		approve("sunrise-plano", "--email", pdf).exits(1).shows("approved_by is missing")
		approve("sunrise-plano", "--email", pdf, "--approved-by", "J. Ortiz", "--email-date", "2026-03-31", "--from", "J@dshs.texas.gov").
			exits(0).complains("cannot be read")
		got := b.last(t).arg.(workflows.ApproveProduction)
		require.Equal(t, "j@dshs.texas.gov", got.From)
		require.FileExists(t, filepath.Join(b.dir, "files", filepath.FromSlash(got.EvidenceID)))
	})
	t.Run("the registry's wish for changes is kept with its email", func(t *testing.T) {
		changes := write("changes.eml", "", "BURL6343: please add consent.")
		b.run(t, "review", "changes", "sunrise-plano", "--reason", "consent", "--email", changes).exits(0)
		require.True(t, strings.HasPrefix(b.last(t).arg.(workflows.Act).EvidenceID, "sha256/"))
	})
	t.Run("a refusal of the process is shown with its practice", func(t *testing.T) {
		b.eng.answer = func(string, string, any) (workflows.Answer, error) {
			return workflows.Answer{}, cli.Refused("older than the review request")
		}
		approve("sunrise-plano", "--email", "answer.eml").exits(1).shows("sunrise-plano: refused: older than the review request")
	})
}

// tested brings a test file of n messages to a confirmed delivery.
func (b *bench) tested(t *testing.T, c string, at time.Time, n int) {
	t.Helper()
	b.sent(t, registry.LaneTest, c, at, n)
}
