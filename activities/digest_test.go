package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func TestDigests(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	b.profile.Policy.AcceptanceMessages = 4
	reports := b.reports(t)
	letters, man := b.notices(t)
	begin := b.now // Monday, 2 March
	w := &activities.Watches{DB: b.db, Profiles: b, Known: reports.Known, Clock: func() time.Time { return b.now }}
	due := func(t *testing.T, day int) []activities.DueLetter {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: b.profile.Policy})
		require.NoError(t, err)
		return got.Letters
	}
	send := func(t *testing.T, l activities.DueLetter) {
		t.Helper()
		in := letterInput(l.Kind, l.Event)
		in.Period = l.Period
		must(t, letters.SendNotice, in)
		must(t, letters.SendNotice, in)
	}
	_, facts := b.delivered(t, 1, registry.LaneProduction, 10)
	b.answers(t, reports, facts, "IMR-111", "IMR-111", "IEE-296")

	t.Run("a practice that has just come hears nothing yet", func(t *testing.T) {
		require.Empty(t, due(t, 0))
		require.Empty(t, due(t, 6), "Sunday")
	})
	t.Run("the week's letter is due on its weekday, once", func(t *testing.T) {
		got := due(t, 7)
		require.Equal(t, []activities.DueLetter{{Kind: "digest-week", Event: "digest/sunrise/week/2026-03-09", Period: "2026-03-09"}}, got)
		require.Equal(t, got, due(t, 9), "a look that comes late finds it too")
		send(t, got[0])
		require.Empty(t, due(t, 9))
		require.Len(t, man.letters, 1, "sent twice, it is one letter")
	})
	t.Run("it tells numbers, causes and what to do, and no patient", func(t *testing.T) {
		l := man.last()
		require.Equal(t, "maria@sunrise.example", man.to(t), "the practice has no contact of its own")
		for _, want := range []string{
			"2026-03-02 to 2026-03-08", "Sent:      10 messages", "10 so far, of which 3 refused", "70.0 % (the registry's mark is 90 %)",
			"Open:      3 errors; overdue: 0; due within a week: 2", "IMR-111, 2 times; who can mend it: practice", "maker of the vaccine",
		} {
			require.Contains(t, l.Subject+l.Body, want)
		}
		require.NotContains(t, l.Body, "HOPPER")
	})
	t.Run("a contact of the practice gets it", func(t *testing.T) {
		p, err := b.db.Practice(t.Context(), "sunrise")
		require.NoError(t, err)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactPractice, Name: "Desk", Email: "front@sunrise.example"})
		require.NoError(t, b.db.SavePractice(t.Context(), p, b.act("contact")))
		got := due(t, 14)
		require.Len(t, got, 1)
		send(t, got[0])
		require.Equal(t, "front@sunrise.example", man.to(t))
		require.Contains(t, man.last().Body, "Sent:      0 messages")
		require.Contains(t, man.last().Body, "Before:    70.0 %")
	})
	t.Run("the month's letter goes to the coordinator, by site", func(t *testing.T) {
		got := due(t, 31)
		require.Len(t, got, 2)
		require.Equal(t, "digest/sunrise/month/2026-04", got[1].Event)
		send(t, got[1])
		require.Equal(t, "maria@sunrise.example", man.to(t))
		require.Contains(t, man.last().Body, "2026-03-01 to 2026-03-31")
		require.Contains(t, man.last().Body, "plano: 10 messages sent, 70.0 %")
		require.Contains(t, man.last().Body, "starter quality sunrise")
	})
	t.Run("without a weekday there is none", func(t *testing.T) {
		b.profile.Policy.DigestWeekday = ""
		require.Empty(t, due(t, 70))
	})
}
