package activities_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

// What lies in the historical outbox after the load is taken by nobody, and nobody
// looks there any more.
func TestLookAtPracticeSeesFilesOfALoadThatIsOver(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin := b.now
	w := &activities.Watches{
		DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }, LeftInHistory: activities.LeftInHistory(b.files),
	}
	b.delivered(t, 1, registry.LaneProduction, 2)
	look := func(day int) activities.LookResult {
		b.now = begin.AddDate(0, 0, day)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: b.profile.Policy})
		require.NoError(t, err)
		return got
	}
	content, _ := b.batch(t, 1, registry.LaneHistorical, 3)
	b.put(t, registry.LaneHistorical, "DOE_JANE.hl7", content)
	b.setHistory(t, registry.HistoryAsked)
	require.NotContains(t, kinds(look(1).Opened), activities.IncidentHistoryOver, "it is taken for the plan")

	b.setHistory(t, registry.HistoryNone)
	told := look(2)
	require.Contains(t, kinds(told.Opened), activities.IncidentHistoryOver)
	said := words(told, activities.IncidentHistoryOver)
	require.Contains(t, said, "1 file lies in the historical outbox")
	require.Contains(t, said, "starter history reopen sunrise")
	require.NotContains(t, said, "DOE")
	b.put(t, registry.LaneHistorical, "late.hl7.part", content[:40])
	again := look(3)
	require.NotContains(t, kinds(again.Opened), activities.IncidentHistoryOver, "told once")
	require.Contains(t, words(again, activities.IncidentHistoryOver), "2 files lie")

	looks := w.LeftInHistory
	w.LeftInHistory = func(string) (int, error) { return 0, registry.Errorf(registry.Refused, "outbox", "no permission") }
	unread := look(4)
	require.NotContains(t, kinds(unread.Closed), activities.IncidentHistoryOver, "that nobody can look is no all-clear, and stops no other alarm")
	require.Contains(t, words(unread, activities.IncidentHistoryOver), "2 files lie")
	w.LeftInHistory = looks

	require.NoError(t, os.RemoveAll(filepath.Join(b.outbox, "sunrise", "historical")))
	require.Contains(t, kinds(look(5).Closed), activities.IncidentHistoryOver, "no folder is an empty one: nobody is to look there")

	closed := open(t, registry.PhaseProduction)
	closed.put(t, registry.LaneHistorical, "a.hl7", content)
	closed.setHistory(t, registry.HistoryClosed)
	w = &activities.Watches{
		DB: closed.db, Profiles: closed, Clock: func() time.Time { return closed.now }, LeftInHistory: activities.LeftInHistory(closed.files),
	}
	said = words(must(t, w.LookAtPractice, activities.LookInput{Scope: scope(), Policy: closed.profile.Policy}), activities.IncidentHistoryOver)
	require.Contains(t, said, "closed for ever")
	require.NotContains(t, said, "reopen")
}
