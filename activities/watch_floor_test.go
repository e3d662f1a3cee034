package activities_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func TestFloorOfSite(t *testing.T) {
	t.Parallel()
	// Elgin sent each day and stopped; the others of the practice go on.
	silent := func(days int) *morning { return newMorning().site("plano", 1, 30, 1).site("elgin", days, 30, 1) }
	only := func(t *testing.T, m *morning) db.IncidentSeed {
		t.Helper()
		got := m.look()
		require.Len(t, got, 1)
		require.Equal(t, "elgin", got[0].Site)
		return got[0]
	}

	t.Run("it is quiet, warned of at 20, 25 and 28 days, and alarmed at 30", func(t *testing.T) {
		for _, c := range []struct {
			days  int
			kind  string
			level int
		}{
			{14, activities.IncidentQuietSite, 0},
			{19, activities.IncidentQuietSite, 0},
			{20, activities.IncidentFloorWarning, 20},
			{25, activities.IncidentFloorWarning, 25},
			{28, activities.IncidentFloorWarning, 28},
			{29, activities.IncidentFloorWarning, 28},
			{30, activities.IncidentFloor, 30},
			{45, activities.IncidentFloor, 30},
		} {
			got := only(t, silent(c.days))
			require.Equal(t, c.kind, got.Kind, c.days)
			require.Equal(t, c.level, got.Level, c.days)
			require.NotContains(t, got.Replaces, got.Kind)
		}
		require.Empty(t, silent(13).look())
		require.Contains(t, only(t, silent(28)).Words, "2 days are left until the registry's limit of 30.")
		require.Contains(t, only(t, silent(30)).Words, "it was last in x on 2026-04-01")
	})
	t.Run("a worker that was away for long tells the gravest at once", func(t *testing.T) {
		m := silent(31)
		m.open = []db.Incident{{Kind: activities.IncidentQuietSite, Site: "elgin", OpenedAt: m.ago(17)}}
		require.Equal(t, []string{activities.IncidentQuietSite, activities.IncidentFloorWarning}, only(t, m).Replaces)
	})
	t.Run("the days are the profile's", func(t *testing.T) {
		m := silent(10)
		m.policy.QuietSiteDays, m.policy.FloorWarnings, m.policy.FloorDays = 5, []int{7}, 10
		require.Equal(t, activities.IncidentFloor, only(t, m).Kind)
		m = silent(8)
		m.policy.QuietSiteDays, m.policy.FloorWarnings = 60, []int{7}
		require.Equal(t, activities.IncidentFloorWarning, only(t, m).Kind, "a patience longer than the warning does not hide it")
	})
	t.Run("a word for the site, or for the practice, begins its days anew", func(t *testing.T) {
		m := silent(35)
		m.facts.Sites[1].Attested = m.ago(3)
		require.Empty(t, m.look())
		m.facts.Sites[1].Attested, m.facts.Attested = m.ago(90), m.ago(3)
		require.Empty(t, m.look())
		m.facts.Attested = m.ago(21)
		require.Equal(t, 20, only(t, m).Level, "and they count from there")
	})
	t.Run("a word for another site does not", func(t *testing.T) {
		m := silent(35)
		m.facts.Sites[0].Attested = m.ago(3)
		require.Equal(t, activities.IncidentFloor, only(t, m).Kind)
	})
	t.Run("what was told as grave stays so while one site of it is silent", func(t *testing.T) {
		m := silent(2).site("buda", 21, 10, 3)
		m.open = []db.Incident{{Kind: activities.IncidentFloor, Level: 30, Site: "elgin", OpenedAt: m.ago(7)}}
		got := only(t, m)
		require.Equal(t, activities.IncidentFloor, got.Kind, "no all-clear and new alert between")
		require.Contains(t, got.Words, "buda")
	})
	t.Run("a practice that sends nothing at all does not make its sites graver", func(t *testing.T) {
		m := newMorning().site("plano", 20, 30, 1).site("elgin", 34, 30, 1)
		m.open = []db.Incident{{Kind: activities.IncidentQuietSite, Site: "elgin", OpenedAt: m.ago(20)}}
		got := m.look()
		require.Len(t, got, 2)
		require.Empty(t, got[0].Site)
		require.Equal(t, activities.IncidentFloorWarning, got[0].Kind)
		require.Equal(t, activities.IncidentQuietSite, got[1].Kind)
	})
	t.Run("a site that has ended is not asked for", func(t *testing.T) {
		m := silent(40)
		m.facts.Sites[1].Ends = m.ago(38)
		require.Empty(t, m.look())
	})
}

func TestFloorOfPractice(t *testing.T) {
	t.Parallel()
	t.Run("a word for each of its sites is one for the practice, from the earliest on", func(t *testing.T) {
		m := newMorning().site("plano", 32, 30, 1).site("elgin", 33, 30, 1)
		require.Equal(t, activities.IncidentFloor, m.look()[0].Kind)
		m.facts.Sites[0].Attested = m.ago(2)
		require.Equal(t, activities.IncidentFloor, m.look()[0].Kind, "one site's word is not the practice's")
		m.facts.Sites[1].Attested = m.ago(4)
		for _, s := range m.look() {
			require.NotContains(t, []string{activities.IncidentFloor, activities.IncidentFloorWarning}, s.Kind)
		}
	})
	t.Run("the alarm says since when and the last file", func(t *testing.T) {
		m := newMorning().site("plano", 31, 30, 1)
		m.facts.LastName = "x"
		got := m.look()
		require.Contains(t, got[0].Words, "Nothing since 2026-03-31, 31 days")
		require.Contains(t, got[0].Words, "The last file confirmed was x on 2026-03-31")
	})
}

// A look at a real database: what counts is of the site, and as the profile says.
func TestFloorFrom(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin := b.now
	look := b.watcher(t, nil)
	accepted := b.watcher(t, func(p *registry.Policy) { p.FloorFrom = registry.FloorAccepted })
	b.now = begin.AddDate(0, 0, 5)
	b.delivered(t, 1, registry.LaneProduction, 2)

	require.Equal(t, 15, look(t, 20).FloorDays, "from the confirmed delivery")
	require.Equal(t, 20, accepted(t, 20).FloorDays, "which the registry has not answered yet")
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `update answer_counts set answer = 'accepted'`)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
	require.Equal(t, 16, accepted(t, 21).FloorDays)
}

func TestLettersOfSilence(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	notices, man := b.notices(t)
	begin, look := b.now, b.watcher(t, nil)
	letter := func(t *testing.T, day int) string {
		t.Helper()
		seen := look(t, day)
		require.Len(t, seen.Opened, 1)
		id := seen.Opened[0].ID
		must(t, notices.SendNotice, activities.SendNoticeInput{
			Scope: scope(), Kind: activities.NoticeWatch, IncidentID: id, Event: "incident/" + id,
		})
		return man.last().Body
	}

	t.Run("nothing arrived is told as that, with whom to call and what ends it", func(t *testing.T) {
		body := letter(t, 20)
		require.Contains(t, body, "No production file was ever confirmed")
		require.Contains(t, body, "Nothing arrived: no production file has ever come into the outbox")
		require.Contains(t, body, "Whom to call: ")
		require.Contains(t, body, "at the EHR vendor")
		require.Contains(t, body, `starter submission attest sunrise --reason`)
	})
	t.Run("while nothing can be taken from the outbox, nobody is sent to the EHR vendor or told to attest", func(t *testing.T) {
		b.now = begin.AddDate(0, 0, 21)
		must(t, b.practices.OpenHold, activities.OpenHoldInput{
			Scope: scope(), ID: "h-out", WorkflowID: "cycle/sunrise-1", Reason: registry.HoldOutbox, What: "look into the outbox",
			Words: "the folder /srv/sunrise is there without its file", Actions: registry.HoldOutbox.Actions(),
		})
		seen := look(t, 22)
		require.Len(t, seen.Current, 1)
		require.Contains(t, seen.Current[0].Words, "Nothing can be taken from the outbox since ")
		require.NotContains(t, seen.Current[0].Words, "attest")
		require.Equal(t, "starter hold explain h-out", seen.Current[0].Move)
		must(t, notices.SendNotice, activities.SendNoticeInput{
			Scope: scope(), Kind: activities.NoticeWatch, IncidentID: seen.Current[0].ID, Event: "incident/again",
		})
		require.Contains(t, man.last().Body, "starter hold show h-out")
		require.NotContains(t, man.last().Body, "Nothing arrived", "nobody can tell")
		b.now = begin.AddDate(0, 0, 22)
		must(t, b.practices.CloseHold, activities.CloseHoldInput{Scope: scope(), ID: "h-out", Action: registry.ActionRetry, By: maria})
		require.Contains(t, look(t, 23).Current[0].Words, "attest that there was nothing to send")
	})
	t.Run("a pause and files that wait come first", func(t *testing.T) {
		b.now = begin.AddDate(0, 0, 21)
		must(t, b.practices.SetSubmission, activities.SetSubmissionInput{
			Scope: scope(), State: registry.SubmissionPaused, By: maria, Reason: "upgrade", Key: "pause/1",
		})
		content, _ := b.batch(t, 9, registry.LaneProduction, 2)
		b.stage(t, registry.LaneProduction, "nine.hl7", content)
		body := letter(t, 25)
		require.Contains(t, body, "Submission has been paused since ")
		require.Contains(t, body, "1 file has come in and is not sent yet")
		require.NotContains(t, body, "Nothing arrived")
		require.Less(t, strings.Index(body, "paused since"), strings.Index(body, "has come in"))
	})
}
