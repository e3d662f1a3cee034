package activities_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func TestDigests(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	b.profile.Policy.AcceptanceMessages = 4
	b.profile.Policy.WaitReminders, b.profile.Policy.StepDueDays = []int{400}, 0
	reports := b.reports(t)
	a, man := b.notices(t)
	begin := b.now // Monday, 2 March
	until := func(t *testing.T, day int) []string {
		t.Helper()
		return b.mornings(t, a, man, begin.AddDate(0, 0, day), "America/Chicago")
	}
	_, facts := b.delivered(t, 1, registry.LaneProduction, 10)
	b.answers(t, reports, facts, "IMR-111", "IMR-111", "IEE-296")

	t.Run("a practice that has just come hears nothing yet", func(t *testing.T) {
		require.Empty(t, until(t, 6), "Sunday")
	})
	t.Run("without a contact of the practice the week is the coordinator's, on its weekday, once", func(t *testing.T) {
		require.Equal(t, on("maria@sunrise.example", "2026-03-09 08:00"), until(t, 13))
		l := man.last()
		for _, want := range []string{
			"Subject: 2026-03-09: the registry's answers of the week, 1 practice", "Sunrise Pediatrics (sunrise), the week 2026-03-02 to 2026-03-08",
			"sent: 10 messages; answered: 10, of which 3 refused", "70.0 % (the registry's mark is 90 %)",
			"errors: 3 open, 0 overdue, 0 due within a week", "IMR-111, 2 times; who can mend it: practice", "maker of the vaccine",
			"> starter errors worklist sunrise -d lists/",
		} {
			require.Contains(t, "Subject: "+l.Subject+"\n"+l.Body, want)
		}
		require.NotContains(t, l.Body, "HOPPER")
		require.NotContains(t, l.Body, "waits for you")
	})
	t.Run("a contact of the practice gets a letter of its own, and the coordinator none", func(t *testing.T) {
		p := b.load(t)
		p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactPractice, Name: "Desk", Email: "front@sunrise.example"})
		b.save(t, p, "contact")
		told := until(t, 20)
		require.Contains(t, told, "front@sunrise.example 2026-03-16 08:00")
		require.NotContains(t, lettersTo(man, "maria@sunrise.example"), "2026-03-15", "of the week")
		require.Contains(t, lettersTo(man, "front@sunrise.example"), "Before:    70.0 %")
		require.Contains(t, lettersTo(man, "front@sunrise.example"), "comes from Maria, maria@sunrise.example")
		require.NotContains(t, lettersTo(man, "front@sunrise.example"), "starter", "nobody there has it")
	})
	t.Run("the month goes to the coordinator, by site, with whatever else waits", func(t *testing.T) {
		until(t, 29)
		require.Contains(t, until(t, 31), "maria@sunrise.example 2026-04-01 08:00")
		text := lettersTo(man, "maria@sunrise.example")
		require.Contains(t, text, "the month 2026-03-01 to 2026-03-31")
		require.Contains(t, text, "site plano: 10 messages sent, 70.0 %")
	})
	t.Run("a letter that was lost is said with the next", func(t *testing.T) {
		until(t, 59)
		man.gone = []string{"maria@sunrise.example"}
		for _, day := range []int{1, 4} { // a Friday, and the Monday after it
			b.now = time.Date(2026, 5, day, 14, 0, 0, 0, time.UTC)
			for _, event := range must(t, a.DueReminders, activities.DueRemindersInput{}).Events {
				must(t, a.SendNotice, activities.LetterOf(event))
			}
			man.gone = nil
		}
		require.Contains(t, lettersTo(man, "maria@sunrise.example"), "the month 2026-04-01 to 2026-04-30")
	})
	t.Run("without a weekday there is none", func(t *testing.T) {
		b.profile.Policy.DigestWeekday = ""
		require.NotContains(t, strings.Join(until(t, 120), "\n"), "front@")
	})
}

// sixty is a coordinator's worst day: every practice of hers has something due.
func sixty(t *testing.T, b *bundle) (reports *activities.Reports) {
	t.Helper()
	maria := registry.Contact{Role: registry.ContactCoordinator, Name: "Maria", Email: "maria@sunrise.example"}
	reports = b.reports(t)
	_, facts := b.delivered(t, 1, registry.LaneProduction, 10)
	b.answers(t, reports, facts, "IMR-111", "IMR-111", "IEE-296")
	phases := []registry.Phase{registry.PhaseProduction, registry.PhaseTesting, registry.PhaseInReview}
	for n := range 59 {
		id, phase := fmt.Sprintf("clinic-%02d", n), phases[n%3]
		require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
			ID: id, Name: "Clinic " + id, Registry: "texas", OrgCode: fmt.Sprintf("TEST1%03d", n), Zone: "America/Chicago", Connection: "texas-sftp", Phase: phase,
			Agreement: b.now.AddDate(0, 0, 30).Format(time.DateOnly),
			Sites:     []registry.Site{{ID: "main", Name: "Main", Facilities: []string{fmt.Sprintf("TEST1%03d", n)}, Agreement: b.now.AddDate(0, 0, 30).Format(time.DateOnly)}},
			Contacts:  []registry.Contact{maria},
		}, b.act("practice-added/"+id)))
		b.waits(t, id, activities.Progress{Stage: "testing: no file yet", Whose: "EHR vendor"})
		must(t, b.practices.OpenHold, activities.OpenHoldInput{
			Scope: activities.Scope{Practice: id}, ID: "h-" + id, WorkflowID: "file/" + id, Reason: registry.HoldConflict, What: "upload of a file",
		})
	}
	require.NoError(t, b.db.SetExpiry(t.Context(), db.Expiry{
		Connection: "texas-sftp", What: db.CredentialPassword, Expires: b.now.AddDate(0, 0, 30),
	}, b.act("expiry")))
	return reports
}

// The rule: at most one letter a person and day, besides alerts of incidents and their
// all-clears.
func TestOneLetterAPersonAndDay(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	b.now = time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	b.profile.Policy.CredentialWarnings, b.profile.Policy.Lead = []int{7, 14, 30}, "lead@group.example"
	a, man := b.notices(t)
	reports := sixty(t, b)
	w := &activities.Watches{DB: b.db, Profiles: b, Known: reports.Known, Clock: func() time.Time { return b.now }}
	known, err := b.db.WaitPractices(t.Context())
	require.NoError(t, err)
	require.Len(t, known, 60)
	for _, day := range []int{4, 31, 32} { // of March; the last one is the first of April
		b.now = time.Date(2026, 3, day, 12, 0, 0, 0, time.UTC)
		for id := range known { // what each watch does in the morning
			look, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: activities.Scope{Practice: id}, Policy: b.profile.Policy})
			require.NoError(t, err)
			for _, i := range look.Opened {
				must(t, a.SendNotice, activities.SendNoticeInput{Scope: activities.Scope{Practice: id}, Kind: activities.NoticeWatch, IncidentID: i.ID, Event: "incident/" + i.ID})
			}
		}
		b.mornings(t, a, man, b.now.AddDate(0, 0, 1), "America/Chicago")
	}
	letters, err := b.db.ListNotices(t.Context(), db.NoticeFilter{Limit: 1000})
	require.NoError(t, err)
	chicago, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	days := map[string]int{}
	for _, l := range letters {
		incidents := []activities.NoticeKind{ // something happened, and a person is needed now
			activities.NoticeWatch, activities.NoticeResolved, activities.NoticeHold, activities.NoticeByHand, activities.NoticeApprovalRefused,
		}
		if slices.Contains(incidents, l.Kind) {
			require.NotContains(t, l.Body, "password", "what the calendar brings is no incident")
			require.NotContains(t, l.Body, "agreement")
			continue
		}
		for _, to := range l.Recipients {
			days[to+" "+l.PreparedAt.In(chicago).Format(time.DateOnly)]++
		}
	}
	for who, n := range days {
		require.Equal(t, 1, n, who)
	}
	require.Equal(t, 1, days["maria@sunrise.example 2026-04-01"])

	text := lettersTo(man, "maria@sunrise.example")
	require.Equal(t, 2, strings.Count(text, "The password of connection texas-sftp works until"), "30 and 7 days before, once for all of its practices")
	for _, l := range man.letters {
		require.LessOrEqual(t, strings.Count(l.Body, "\n    > starter"), 50+12, "%s is bounded", l.Subject)
	}
	for _, l := range man.letters {
		require.Less(t, len(l.Body), 40_000, "%s is bounded", l.Subject)
	}
	t.Run("the first of the month has a section a practice, the most urgent first, and a count of the rest", func(t *testing.T) {
		first := ""
		for _, l := range man.letters {
			if l.To[0].Email == "maria@sunrise.example" && strings.Contains(l.Body, "the month 2026-03-01") {
				require.Empty(t, first, "once")
				first = l.Body
			}
		}
		require.Equal(t, 12, strings.Count(first, ", the month 2026-03-01 to 2026-03-31"))
		begin := strings.Index(first, "that needs you most first")
		require.Positive(t, begin)
		require.Regexp(t, `^that needs you most first:\n\nSunrise Pediatrics \(sunrise\)`, first[begin:], "the one with errors")
		require.Contains(t, first, "And 9 more practices: 0 messages sent, 0 refused; 0 errors open, 0 overdue")
	})
}
