package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func TestLateDosesAreAnIncident(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin, look := b.now, b.watcher(t, nil)
	late := func(t *testing.T, r activities.LookResult) []activities.Incident {
		t.Helper()
		var found []activities.Incident
		for _, i := range r.Current {
			if i.Kind == activities.IncidentLateDoses {
				found = append(found, i)
			}
		}
		return found
	}
	send := func(t *testing.T, day int, seed uint64, old int) string {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		d, _ := b.delivered(t, seed, registry.LaneProduction, 4)
		b.exec(t, `update dose_counts set late = 0 where file_id = $1`, d.FileID)
		b.exec(t, `update dose_counts set late = $2 where file_id = $1 and (site, vaccine) =
			(select site, vaccine from dose_counts where file_id = $1 order by given desc, vaccine limit 1)`, d.FileID, old)
		return d.FileID
	}
	t.Run("a file without any is none", func(t *testing.T) {
		send(t, 0, 1, 0)
		require.Empty(t, late(t, look(t, 1)))
	})
	t.Run("the morning after they came it is told once, with numbers and where to look", func(t *testing.T) {
		file := send(t, 2, 2, 1)
		got := look(t, 3)
		require.Equal(t, []string{activities.IncidentLateDoses}, kinds(got.Opened))
		words := late(t, got)[0].Words
		require.Contains(t, words, "1 dose was sent more than 30 days after it was given (25 TAC 100.6(b)): plano 1 of ")
		require.Contains(t, words, file)
		require.Equal(t, "starter quality sunrise", late(t, got)[0].Move)
		require.Empty(t, look(t, 4).Opened)
	})
	t.Run("more of them in the same week is no second alarm", func(t *testing.T) {
		send(t, 5, 3, 1)
		got := look(t, 6)
		require.Empty(t, got.Opened)
		require.Contains(t, late(t, got)[0].Words, "2 doses were")
	})
	t.Run("without a file after it nobody knows, and it stays", func(t *testing.T) {
		require.Len(t, late(t, look(t, 15)), 1)
	})
	t.Run("a file without any ends it", func(t *testing.T) {
		send(t, 16, 4, 0)
		got := look(t, 17)
		require.Equal(t, []string{activities.IncidentLateDoses}, kinds(got.Closed))
		require.Empty(t, late(t, got))
	})
}
