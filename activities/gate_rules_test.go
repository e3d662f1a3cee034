package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// told is the gate by rules, with the words on each file, newest first.
func (b *bundle) told(t *testing.T, rules activities.GateRules) (activities.GateStory, []string) {
	t.Helper()
	story, err := activities.TellGate(t.Context(), b.db, &b.profile, "sunrise", rules, b.now)
	require.NoError(t, err)
	words := []string{}
	for _, v := range story.Verdicts {
		words = append(words, v.Because)
	}
	return story, words
}

func TestGateByTotalAndByStreak(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	for seed, outcome := range []registry.Outcome{
		registry.OutcomeAccepted, registry.OutcomeMessageRejected, registry.OutcomeAccepted, registry.OutcomeWarned,
	} {
		id := b.deliver(t, uint64(seed+1))
		b.replied(t, id, 2, outcome)
		b.now = b.now.AddDate(0, 0, 1)
	}
	waiting := b.deliver(t, 9)
	require.NotEmpty(t, waiting)

	total, _ := b.told(t, activities.GateRules{Min: 3, Rule: registry.GateTotal})
	require.Equal(t, 3, total.Counted)
	require.True(t, total.Open)

	streak, words := b.told(t, activities.GateRules{Min: 3, Rule: registry.GateStreak})
	require.Equal(t, 2, streak.Counted, "the file with an error sets the count to nothing; one that waits does not")
	require.False(t, streak.Open)
	require.Equal(t, "answered without an error, but the registry found an error in a later file: the count began anew", words[4])
	require.Equal(t, "the registry refused 2 of 2 messages", words[3])
}

func TestGateBySilence(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	b.now = time.Date(2026, 5, 22, 15, 0, 0, 0, time.UTC) // a Friday; Monday the 25th is a holiday
	b.deliver(t, 1)
	rules := activities.GateRules{Min: 1, SilentDays: 2}

	none, _ := b.told(t, activities.GateRules{Min: 1})
	require.Zero(t, none.Counted)
	require.True(t, none.Next.IsZero(), "silence counts only where the profile says so")

	b.now = b.now.AddDate(0, 0, 4) // Tuesday: the first business day
	got, words := b.told(t, rules)
	require.Zero(t, got.Counted)
	require.Equal(t, 1, got.Waiting)
	require.Equal(t, "2026-05-27", got.Next.Format(time.DateOnly), "neither the weekend nor the holiday counts")
	require.Contains(t, words[0], "counts without an answer on 2026-05-27")

	b.now = got.Next
	got, words = b.told(t, rules)
	require.True(t, got.Open)
	require.Equal(t, 1, got.Silent)
	require.Equal(t, "no objection within 2 business days", words[0])

	n, _ := b.notices(t)
	in := letterInput(activities.NoticeReviewRequest, "review/sunrise/1")
	in.Gate = &rules
	letter, err := activities.PreviewLetter(t.Context(), n, in)
	require.NoError(t, err)
	require.Contains(t, letter.Body, "no objection within 2 business days (no report and no email)")
}

func TestGateByEmail(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	one, two := b.deliver(t, 1), b.deliver(t, 2)
	say := func(file string, verdict registry.Verdict, evidence, day string) (bool, error) {
		return b.db.RecordMailAnswer(t.Context(), "sunrise", db.MailAnswer{
			FileID: file, Verdict: verdict, Evidence: evidence, Sender: "a@dshs.texas.gov", Dated: day,
		}, b.act("mail/"+file+evidence+string(verdict)))
	}
	rules := activities.GateRules{Min: 1}

	t.Run("an email says that a file is clean, another one that it is not", func(t *testing.T) {
		for i, file := range []string{one, two} {
			again, err := say(file, []registry.Verdict{registry.VerdictClean, registry.VerdictErrors}[i], "e1", "2026-03-03")
			require.NoError(t, err)
			require.False(t, again)
		}
		got, words := b.told(t, rules)
		require.Equal(t, 1, got.Counted)
		require.Equal(t, []string{
			"the registry found errors in it, by its email of 2026-03-03",
			"answered without an error by the registry's email of 2026-03-03",
		}, words)
		r := b.reports(t)
		a := must(t, r.Answer, activities.AnswerInput{Scope: scope(), FileID: one})
		require.True(t, a.Complete() && a.ErrorFree)
		a = must(t, r.Answer, activities.AnswerInput{Scope: scope(), FileID: two})
		require.True(t, a.Complete() && a.Found())
		require.False(t, a.ErrorFree)
	})
	t.Run("the same again changes nothing", func(t *testing.T) {
		again, err := say(one, registry.VerdictClean, "e1", "2026-03-03")
		require.NoError(t, err)
		require.True(t, again)
		events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "file-answered-by-email"})
		require.NoError(t, err)
		require.Len(t, events, 2)
	})
	t.Run("a report that finds an error counts more than a kind email", func(t *testing.T) {
		b.replied(t, one, 1, registry.OutcomeDoseRejected)
		got, words := b.told(t, rules)
		require.Zero(t, got.Counted)
		require.Equal(t, "the registry refused 1 of 2 messages", words[1])
	})
	t.Run("what was not sent, and an email from before it was, are refused", func(t *testing.T) {
		_, err := say(two, registry.VerdictClean, "e2", "2026-03-01")
		require.ErrorContains(t, err, "delivered on 2026-03-02")
		content, _ := b.batch(t, 7, registry.LaneTest, 2)
		f := b.stage(t, registry.LaneTest, "x.hl7", content)
		_, err = say(f.ID, registry.VerdictClean, "e3", "2026-03-03")
		require.ErrorContains(t, err, "was not delivered")
		_, err = say("f-999", registry.VerdictClean, "e3", "2026-03-03")
		require.Equal(t, registry.Missing, registry.KindOf(err))
	})
}

func TestFirstTestFile(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	rules := activities.GateRules{Min: 2, FirstSingle: true}
	early := b.deliver(t, 1)
	b.replied(t, early, 2, registry.OutcomeAccepted)
	got, words := b.told(t, rules)
	require.Zero(t, got.Counted)
	require.True(t, got.NeedsSingle)
	require.Contains(t, words[0], "has to be one message with one vaccination (RXA); this one has 2 messages")

	b.now = b.now.AddDate(0, 0, 1)
	var single string
	for seed := uint64(20); single == ""; seed++ { // one dose each is drawn for some patients
		content, facts := b.batch(t, seed, registry.LaneTest, 1)
		if facts.Doses != 1 {
			continue
		}
		f := b.stage(t, registry.LaneTest, "one.hl7", content)
		b.check(t, f, registry.LaneTest)
		p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneTest, Attempt: 1})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		single = f.ID
	}
	b.replied(t, single, 1, registry.OutcomeAccepted)
	b.now = b.now.AddDate(0, 0, 1)
	b.replied(t, b.deliver(t, 3), 2, registry.OutcomeAccepted)
	got, _ = b.told(t, rules)
	require.False(t, got.NeedsSingle)
	require.Equal(t, 2, got.Counted, "what came before it does not count later either")
	require.True(t, got.Open)
}

// TestFirstTestFileIsRefused: where the profile wants a single message first, a
// larger file is not sent, and its letter says what to do.
func TestFirstTestFileIsRefused(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	larger, _ := b.batch(t, 1, registry.LaneTest, 2)
	f := b.stage(t, registry.LaneTest, "larger.hl7", larger)
	require.True(t, b.check(t, f, registry.LaneTest).ErrorFree, "the profile wants nothing of the kind")
	b.profile.Policy.FirstTestSingle = true

	require.True(t, b.check(t, f, registry.LaneTest).HoldFile)
	require.Equal(t, 1, b.fired(t, f)["F-02.first"])
	must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileRefused})
	n, man := b.notices(t)
	in := letterInput(activities.NoticeFileRefused, "refused/"+f.ID)
	in.FileID = f.ID
	must(t, n.SendNotice, in)
	require.Equal(t, "hl7@vendor.example", man.to(t))
	require.Contains(t, man.last().Subject, "was not sent")
	require.Contains(t, man.last().Body, "one message with one vaccination")
	require.Contains(t, man.last().Attachment.Text, "F-02.first")

	single := func(seed uint64) registry.FileRef {
		for ; ; seed++ {
			content, facts := b.batch(t, seed, registry.LaneTest, 1)
			if facts.Doses == 1 {
				f := b.stage(t, registry.LaneTest, fmt.Sprintf("one%d.hl7", seed), content)
				require.True(t, b.check(t, f, registry.LaneTest).ErrorFree)
				return f
			}
		}
	}
	next := func(seed uint64) bool {
		content, _ := b.batch(t, seed, registry.LaneTest, 3)
		f := b.stage(t, registry.LaneTest, fmt.Sprintf("next%d.hl7", seed), content)
		return b.check(t, f, registry.LaneTest).ErrorFree
	}
	require.False(t, next(40))
	one := single(50)
	require.True(t, next(41), "a single message is on its way")
	b.replied(t, one.ID, 1, registry.OutcomeDoseRejected)
	require.False(t, next(42), "the registry found an error in it: the first one is still to come")
	b.now = b.now.AddDate(0, 0, 1)
	b.replied(t, single(60).ID, 1, registry.OutcomeAccepted)
	require.True(t, next(43))
	for _, e := range []registry.PhaseEvent{registry.EventReviewRequested, registry.EventChangesNeeded} {
		b.move(t, e)
	}
	require.False(t, next(44), "the count began anew")
	b.profile.Policy.KeepCount = true
	require.True(t, next(45))
}

func TestCountAfterChanges(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	b.replied(t, b.deliver(t, 1), 2, registry.OutcomeAccepted)
	for _, e := range []registry.PhaseEvent{registry.EventReviewRequested, registry.EventChangesNeeded} {
		must(t, b.practices.MovePhase, activities.MovePhaseInput{
			Scope: scope(), Event: e, By: maria, Key: string(e), Evidence: "sha256/e",
		})
	}
	anew, words := b.told(t, activities.GateRules{Min: 1})
	require.Zero(t, anew.Counted)
	require.Equal(t, []string{"came before the registry asked for changes; the count began anew"}, words, "it is listed with its reason")
	keep, _ := b.told(t, activities.GateRules{Min: 1, KeepCount: true})
	require.True(t, keep.Open)
	events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "phase"})
	require.NoError(t, err)
	require.Contains(t, string(events[0].Detail), "sha256/e", "the registry's words are kept as evidence")
}
