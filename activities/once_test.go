package activities_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func TestWriteNoticeOnce(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	b.delivered(t, 1, registry.LaneProduction, 2)
	in := letterInput(activities.NoticeFirstFile, activities.FirstFileNotice("sunrise"))
	kept := func(t *testing.T) db.Notice {
		t.Helper()
		n, ok, err := b.db.NoticeOf(t.Context(), in.Event)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 1, b.count(t, `select count(*) from notices`))
		return n
	}

	must(t, a.WriteNotice, in)
	first := kept(t)
	require.Equal(t, db.NoticePrepared, first.State)
	require.Contains(t, first.Body, "delivered 2026-03-02, 2 messages")

	t.Run("written again it is the letter that the person has read, and nothing goes out", func(t *testing.T) {
		b.now = b.now.AddDate(0, 0, 1)
		again := in
		again.Words = "Other words."
		must(t, a.WriteNotice, again)
		require.Equal(t, first, kept(t))
		require.Empty(t, man.letters)
	})
	t.Run("what is sent then is exactly that, once", func(t *testing.T) {
		for range 2 {
			require.Equal(t, first.MessageID, must(t, a.SendNotice, in).MessageID)
		}
		require.Len(t, man.letters, 1)
		require.Equal(t, first.Body, man.last().Body)
		require.Equal(t, first.Subject, man.last().Subject)
	})
	t.Run("written after it was sent it stays sent", func(t *testing.T) {
		sent := kept(t)
		must(t, a.WriteNotice, in)
		require.Equal(t, sent, kept(t))
		must(t, a.SendNotice, in)
		require.Len(t, man.letters, 1)
	})
	t.Run("another letter under the same event is refused", func(t *testing.T) {
		other := in
		other.Kind = activities.NoticeHistoryQuestions
		_, err := run(t, a.WriteNotice, other)
		requireKind(t, registry.Invalid, err)
	})
}

func TestSettlePrerequisiteOnce(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseRegistered)
	p := b.load(t)
	p.Sites = append(p.Sites, registry.Site{ID: "allen", Name: "Allen", Facilities: []string{"TEST0002"}, Prescribers: []string{"1234567893"}})
	b.save(t, p, "two sites")
	words := func(t *testing.T) int {
		t.Helper()
		events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "prerequisite", Max: 100})
		require.NoError(t, err)
		return len(events)
	}
	// twice says it, and says it again as a worker does that was killed in between.
	twice := func(t *testing.T, in activities.SettlePrerequisiteInput) activities.SettlePrerequisiteResult {
		t.Helper()
		in.Scope, in.By, in.Key = scope(), maria, "settle/"+in.Item+in.Site+in.Evidence+in.Reason
		first := must(t, b.practices.SettlePrerequisite, in)
		before, wants := words(t), b.wants(t)
		again := must(t, b.practices.SettlePrerequisite, in)
		require.Zero(t, again.Changed, "said twice, it is one word")
		require.Equal(t, first.Refused, again.Refused)
		require.Equal(t, before, words(t))
		require.Equal(t, wants, b.wants(t))
		return first
	}

	t.Run("evidence settles an item", func(t *testing.T) {
		require.Contains(t, b.wants(t), "intent")
		require.Equal(t, 1, twice(t, activities.SettlePrerequisiteInput{Item: "intent", Evidence: "confirmed by email"}).Changed)
		require.NotContains(t, b.wants(t), "intent")
		require.Equal(t, 1, words(t))
	})
	t.Run("a reason waives one, in that person's name", func(t *testing.T) {
		require.Equal(t, 1, twice(t, activities.SettlePrerequisiteInput{Item: "hl7-version", Reason: "the vendor upgrades in June"}).Changed)
		require.NotContains(t, b.wants(t), "hl7-version")
		events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "prerequisite", Max: 100})
		require.NoError(t, err)
		said := map[string]string{}
		for _, e := range events {
			require.Equal(t, maria.Name, e.By.Name)
			said[e.Reason] = e.Kind
		}
		require.Contains(t, said, "the vendor upgrades in June")
	})
	t.Run("without a site it is every site's for which it is open", func(t *testing.T) {
		one := activities.SettlePrerequisiteInput{Item: "site-agreement", Site: "plano", Evidence: "signed", Expires: "2028-12-31"}
		require.Equal(t, 1, twice(t, one).Changed)
		require.Contains(t, b.wants(t), "site-agreement")
		one.Site = ""
		require.Equal(t, 1, twice(t, one).Changed, "that of the other one")
		require.NotContains(t, b.wants(t), "site-agreement")
	})
	t.Run("what cannot be recorded is told, and nothing is written", func(t *testing.T) {
		before := words(t)
		for what, in := range map[string]activities.SettlePrerequisiteInput{
			"there is no item":       {Item: "nothing", Evidence: "x"},
			"is not asked of a site": {Item: "intent", Site: "plano", Evidence: "x"},
			`give "evidence"`:        {Item: "contact-practice"},
			"not both":               {Item: "agreement", Evidence: "x", Reason: "y"},
			"when does it end":       {Item: "agreement", Evidence: "signed"},
			"it ended before today":  {Item: "agreement", Evidence: "signed", Expires: "2026-03-01"},
			"does not end on a day":  {Item: "intent", Evidence: "x", Expires: "2028-12-31"},
			"at most 500 characters": {Item: "intent", Evidence: strings.Repeat("x", 501)},
		} {
			got := twice(t, in)
			require.Contains(t, got.Refused, what)
			require.Zero(t, got.Changed)
		}
		require.Equal(t, before, words(t))
	})
}
