package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func kinds(incidents []activities.Incident) []string {
	out := []string{}
	for _, i := range incidents {
		out = append(out, i.Kind)
	}
	return out
}

// watcher looks at the practice some days after the beginning.
func (b *bundle) watcher(t *testing.T, change func(*registry.Policy)) func(t *testing.T, day int) activities.LookResult {
	t.Helper()
	begin := b.now
	a := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	policy := b.profile.Policy
	policy.QuietSiteDays, policy.FloorWarnings, policy.FloorDays = 14, []int{20, 25, 28}, 30
	if change != nil {
		change(&policy)
	}
	return func(t *testing.T, day int) activities.LookResult {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		// Called as it is: the test environment gives all activities one ID, and
		// they would be repeats of each other.
		got, err := a.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		return got
	}
}

func TestLookAtPracticeFloor(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin, look := b.now, b.watcher(t, nil)

	t.Run("a quiet start is no incident", func(t *testing.T) {
		got := look(t, 0)
		require.Equal(t, -1, got.DaysSince)
		require.Equal(t, "plano", got.QuietestSite)
		require.Empty(t, got.Current)
	})

	t.Run("who never sent from here is not called quiet: the floor tells of it", func(t *testing.T) {
		require.Empty(t, look(t, 14).Opened)
		require.Empty(t, look(t, 19).Opened)
	})

	t.Run("the same date tells the same again", func(t *testing.T) {
		first := look(t, 20)
		require.Equal(t, []string{"floor-warning"}, kinds(first.Opened))
		require.Equal(t, first, look(t, 20))
	})

	t.Run("each warning is told, and the limit itself, without an all-clear between", func(t *testing.T) {
		for _, day := range []int{25, 28} {
			got := look(t, day)
			require.Equal(t, []string{"floor-warning"}, kinds(got.Opened))
			require.Empty(t, got.Closed)
		}
		got := look(t, 30)
		require.Equal(t, []string{"floor"}, kinds(got.Opened))
		require.Contains(t, got.Current[0].Words, "30 days")
		require.Empty(t, got.Closed)
		require.Len(t, got.Current, 1)
	})

	t.Run("a confirmed file ends it", func(t *testing.T) {
		b.now = begin.AddDate(0, 0, 31)
		b.delivered(t, 1, registry.LaneProduction, 2)
		got := look(t, 31)
		require.Equal(t, []string{"floor"}, kinds(got.Closed))
		require.Zero(t, got.DaysSince)
		require.Empty(t, got.Current)
	})
}

func TestLookAtPracticeOther(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin, look := b.now, b.watcher(t, func(p *registry.Policy) { p.ReportDueDays = 5 })
	b.now = begin.AddDate(0, 0, 31) // Thursday, 2 April
	b.delivered(t, 1, registry.LaneProduction, 2)

	t.Run("a report is missing after business days, not days", func(t *testing.T) {
		require.Zero(t, look(t, 36).MissingReports)
		require.Zero(t, look(t, 38).MissingReports)
		got := look(t, 39)
		require.Equal(t, 1, got.MissingReports)
		require.Equal(t, []string{"report-missing"}, kinds(got.Opened))
	})

	t.Run("an attestation counts like a file", func(t *testing.T) {
		must(t, b.practices.RecordAct, activities.RecordActInput{
			Scope: scope(), Kind: "attested-nothing-to-send", By: maria, Key: "attest/1",
		})
		got := look(t, 52)
		require.NotContains(t, kinds(got.Current), "quiet-site")
		require.Equal(t, 21, got.DaysSince, "the last delivery is told as it is")
		require.NotContains(t, kinds(got.Current), "floor-warning")
	})

	t.Run("a long pause is told", func(t *testing.T) {
		must(t, b.practices.SetSubmission, activities.SetSubmissionInput{
			Scope: scope(), State: registry.SubmissionPaused, By: maria, Reason: "new EHR", Key: "pause/1",
		})
		got := look(t, 59)
		require.Contains(t, kinds(got.Opened), "submission-paused-long")
		require.Equal(t, []string{"floor-warning", "submission-paused-long", "report-missing"}, kinds(got.Current), "the gravest first")
	})

	t.Run("leaving production ends everything without a word", func(t *testing.T) {
		must(t, b.practices.MovePhase, activities.MovePhaseInput{Scope: scope(), Event: registry.EventWithdrawn, By: maria, Key: "w", Reason: "sold"})
		got := look(t, 60)
		require.Empty(t, got.Current)
		require.Empty(t, got.Closed)
	})

	t.Run("no practice, no look", func(t *testing.T) {
		a := &activities.Watches{DB: b.db, Profiles: b, Clock: time.Now}
		_, err := run(t, a.LookAtPractice, activities.LookInput{Scope: activities.Scope{Practice: "nobody"}})
		requireKind(t, registry.Missing, err)
	})
}

func TestLookAtPracticeAgain(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	policy := b.profile.Policy
	b.now = b.now.AddDate(0, 0, policy.FloorWarnings[0])
	first := must(t, a.LookAtPractice, activities.LookInput{Scope: scope(), Policy: policy})
	require.NotEmpty(t, first.Opened)
	b.now = b.now.AddDate(0, 0, 1)
	again := must(t, a.LookAtPractice, activities.LookInput{Scope: scope(), Policy: policy})
	require.Equal(t, kinds(first.Opened), kinds(again.Opened), "a repeat of the activity on another day tells again what it opened")
	require.Equal(t, first.Opened[0].ID, again.Opened[0].ID)
}
