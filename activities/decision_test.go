package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

// move takes arrows of the phase diagram, each on the bundle's day.
func (b *bundle) move(t *testing.T, events ...registry.PhaseEvent) {
	t.Helper()
	for _, e := range events {
		in := activities.MovePhaseInput{Scope: scope(), Event: e, By: maria, Key: string(e) + b.now.String()}
		if e == registry.EventApproved {
			in.Approval = &registry.Approval{Practice: "sunrise", ApprovedBy: "J. Ortiz, DSHS", EmailDate: b.now.Format(time.DateOnly)}
		}
		must(t, b.practices.MovePhase, in)
	}
}

func TestJudgeApproval(t *testing.T) {
	t.Parallel()
	good := registry.Approval{
		Practice: "sunrise", ApprovedBy: "J. Ortiz, DSHS", EmailDate: "2026-03-03", MessageID: "<p@dshs.texas.gov>", From: "j.ortiz@dshs.texas.gov",
	}
	overridden := func(a registry.Approval) registry.Approval {
		a.OverrideBy, a.OverrideReason = "Maria Ortega", "she telephoned"
		return a
	}
	with := func(change func(*registry.Approval)) registry.Approval {
		a := good
		change(&a)
		return a
	}
	judge := func(t *testing.T, b *bundle, a registry.Approval) string {
		t.Helper()
		return must(t, b.practices.JudgeApproval, activities.JudgeApprovalInput{Scope: scope(), Approval: a}).Fault
	}
	b := open(t, registry.PhaseTesting)
	old := with(func(a *registry.Approval) { a.EmailDate = "2026-03-01" })
	unknown := with(func(a *registry.Approval) { a.From = "j.ortiz@elsewhere.example" })
	other := with(func(a *registry.Approval) { a.Practice = "hill-country" })

	t.Run("before any review nothing is too old: it is kept until the review is reached", func(t *testing.T) {
		require.Empty(t, judge(t, b, old))
	})
	b.move(t, registry.EventReviewRequested) // on 2026-03-02
	t.Run("of the day of the request or later, from a known sender or from nobody yet", func(t *testing.T) {
		require.Empty(t, judge(t, b, good))
		require.Empty(t, judge(t, b, with(func(a *registry.Approval) { a.EmailDate = "2026-03-02" })))
		require.Empty(t, judge(t, b, with(func(a *registry.Approval) { a.From = "" })), "the sender may follow with the email")
		require.Empty(t, judge(t, b, with(func(a *registry.Approval) { a.From = "x@mail.DSHS.texas.gov" })))
	})
	t.Run("one older than the review request is refused, unless a named person says why not", func(t *testing.T) {
		fault := judge(t, b, old)
		require.Contains(t, fault, "of 2026-03-01, older than the review request of 2026-03-02")
		require.Contains(t, fault, "--override-by NAME --reason WHY")
		require.Empty(t, judge(t, b, overridden(old)))
		require.Contains(t, judge(t, b, with(func(a *registry.Approval) { a.OverrideBy = "Maria Ortega" })), "go together")
	})
	t.Run("one of a day that has not come is a slip of the pen, by a signal too", func(t *testing.T) {
		slip := with(func(a *registry.Approval) { a.EmailDate = "2027-03-03" })
		require.Equal(t, "the email is of 2027-03-03, and that day has not come: is the year right?", judge(t, b, slip))
		require.NotEmpty(t, judge(t, b, overridden(slip)))
	})
	t.Run("one from an unknown sender is refused, unless a named person says why not", func(t *testing.T) {
		fault := judge(t, b, unknown)
		require.Contains(t, fault, "none of the registry's contacts")
		require.NotContains(t, fault, "elsewhere.example", "an address is nothing for a screen that others see")
		require.Empty(t, judge(t, b, overridden(unknown)))
	})
	t.Run("one for another practice is refused, whoever says otherwise", func(t *testing.T) {
		require.Contains(t, judge(t, b, other), "another practice")
		require.Contains(t, judge(t, b, overridden(other)), "another practice")
	})
	b.now = b.now.AddDate(0, 0, 4)
	b.move(t, registry.EventChangesNeeded) // on 2026-03-06
	t.Run("what came before the registry asked for changes is no decision on what comes after", func(t *testing.T) {
		require.Contains(t, judge(t, b, good), "on 2026-03-06 the registry asked for changes")
		require.Empty(t, judge(t, b, with(func(a *registry.Approval) { a.EmailDate = "2026-03-07" })))
	})
	b.now = b.now.AddDate(0, 0, 2)
	b.move(t, registry.EventReviewRequested, registry.EventApproved) // on 2026-03-08, a Sunday
	t.Run("the same again is no second one, a different one is refused, whoever says otherwise", func(t *testing.T) {
		same := with(func(a *registry.Approval) { a.EmailDate = "2026-03-08" })
		require.Empty(t, judge(t, b, same))
		differs := with(func(a *registry.Approval) { a.EmailDate = "2026-03-09" })
		require.Contains(t, judge(t, b, differs), "another approval is already recorded")
		require.Contains(t, judge(t, b, overridden(differs)), "another approval is already recorded")
		_, err := run(t, b.practices.RecordEvidence, activities.RecordEvidenceInput{Scope: scope(), By: maria, Approval: differs})
		requireKind(t, registry.NotAllowed, err)
	})
}

// TestSecondProductionFile: the second one waits until the first is confirmed, the
// registry was told of it, and has answered it or had its days.
func TestSecondProductionFile(t *testing.T) {
	t.Parallel()
	second := func(t *testing.T, b *bundle) activities.Second {
		t.Helper()
		return must(t, b.practices.LoadPractice, activities.LoadPracticeInput{Scope: scope()}).Second
	}
	approved := func(t *testing.T) *bundle {
		t.Helper()
		b := open(t, registry.PhaseTesting)
		b.move(t, registry.EventReviewRequested, registry.EventApproved)
		b.now = time.Date(2026, 4, 2, 15, 0, 0, 0, time.UTC) // a Thursday
		return b
	}
	first := func(t *testing.T, b *bundle) (fileID string) {
		t.Helper()
		p := b.prepare(t, 1, registry.LaneProduction, 2)
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Contains(t, second(t, b).Waits, "on its way", "uploaded is not confirmed")
		require.True(t, must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p)).First)
		d, err := b.db.Delivery(t.Context(), "sunrise", p.DeliveryID)
		require.NoError(t, err)
		return d.FileID
	}
	tell := func(t *testing.T, b *bundle) {
		t.Helper()
		n, _ := b.notices(t)
		must(t, n.SendNotice, letterInput(activities.NoticeFirstFile, activities.FirstFileNotice("sunrise")))
	}

	t.Run("one file may go, and no other while it is on its way", func(t *testing.T) {
		t.Parallel()
		b := approved(t)
		require.Equal(t, activities.Second{FirstOnly: true}, second(t, b))
		b.prepare(t, 1, registry.LaneProduction, 2)
		require.Contains(t, second(t, b).Waits, "on its way")
		content, _ := b.batch(t, 2, registry.LaneProduction, 2)
		f := b.stage(t, registry.LaneProduction, "second.hl7", content)
		b.check(t, f, registry.LaneProduction)
		_, err := run(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
		requireKind(t, registry.NotAllowed, err)
	})
	t.Run("it waits until the registry was told, and then for the report: which lets it go", func(t *testing.T) {
		t.Parallel()
		b := approved(t)
		file := first(t, b)
		require.Contains(t, second(t, b).Waits, "until the registry was told of the first")
		tell(t, b)
		waits := second(t, b)
		require.Contains(t, waits.Waits, "report on the first, until 2026-04-06 at the latest")
		b.replied(t, file, 1, registry.OutcomeAccepted)
		require.NotEmpty(t, second(t, b).Waits, "half a report is none")
		b.replied(t, file, 2, registry.OutcomeDoseRejected)
		require.Equal(t, activities.Second{}, second(t, b), "an answer is an answer; what it finds becomes errors to settle")
	})
	t.Run("without a report the business days of the profile let it go", func(t *testing.T) {
		t.Parallel()
		b := approved(t)
		first(t, b)
		tell(t, b)
		until := second(t, b).Until
		b.now = until.Add(-time.Minute)
		require.NotEmpty(t, second(t, b).Waits)
		b.now = until
		require.Equal(t, activities.Second{}, second(t, b))
	})
	t.Run("days without the letter do not: a letter that failed keeps it back until a person lets the letter go", func(t *testing.T) {
		t.Parallel()
		b := approved(t)
		first(t, b)
		b.now = b.now.AddDate(0, 1, 0)
		require.Contains(t, second(t, b).Waits, "until the registry was told")
		n, _ := b.notices(t)
		must(t, n.GiveUpNotice, activities.GiveUpNoticeInput{Scope: scope(), Event: activities.FirstFileNotice("sunrise"), By: maria})
		require.Equal(t, activities.Second{}, second(t, b))
	})
	t.Run("where the profile names no days, the letter lets it go", func(t *testing.T) {
		t.Parallel()
		b := approved(t)
		b.profile.Policy.SecondFileDays = 0
		first(t, b)
		require.NotEmpty(t, second(t, b).Waits)
		tell(t, b)
		require.Equal(t, activities.Second{}, second(t, b))
	})
	t.Run("a practice that was live before it came here has had its first file", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		require.Equal(t, activities.Second{}, second(t, b))
	})
}
