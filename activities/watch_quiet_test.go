package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// morning is a practice as a look finds it, with what was told before.
type morning struct {
	date   time.Time
	facts  db.WatchFacts
	policy registry.Policy
	open   []db.Incident
	// business are the registry's days; weeks are judged by them.
	business registry.BusinessDays
}

func newMorning() *morning {
	begin := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	return &morning{
		date:   begin.AddDate(0, 0, 60),
		facts:  db.WatchFacts{Practice: "sunrise", Phase: registry.PhaseProduction, ProductionSince: begin, FirstDelivery: begin},
		policy: registry.Policy{QuietSiteDays: 14, FloorDays: 30, FloorWarnings: []int{20, 25, 28}},
	}
}

func (m *morning) ago(days int) time.Time { return m.date.AddDate(0, 0, -days) }

// site adds one that was in files, the last of them days ago, gap days apart.
func (m *morning) site(id string, days, files, gap int) *morning {
	m.facts.Sites = append(m.facts.Sites, db.SiteWatch{
		ID: id, Last: m.ago(days), LastName: "x", Files: files, Gap: time.Duration(gap) * 24 * time.Hour,
	})
	m.facts.LastDelivery = later(m.facts.LastDelivery, m.ago(days))
	return m
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *morning) look() []db.IncidentSeed {
	return activities.Incidents(m.facts, m.policy, registry.ReportSettings{}, m.date, m.open, m.business)
}

func TestQuietSites(t *testing.T) {
	t.Parallel()
	t.Run("a site that sent each week and stopped is told by name", func(t *testing.T) {
		got := newMorning().site("plano", 1, 30, 1).site("elgin", 15, 8, 7).look()
		require.Len(t, got, 1)
		require.Equal(t, "elgin", got[0].Site)
		require.Contains(t, got[0].Words, "Site elgin has had no record in a file for 15 days")
	})
	t.Run("a small clinic that sends once a month is not called quiet after two weeks", func(t *testing.T) {
		m := newMorning().site("plano", 1, 30, 1)
		require.Empty(t, m.site("alpine", 29, 4, 20).look())
		m.facts.Sites[1].Last = m.ago(30)
		require.Equal(t, activities.IncidentFloor, m.look()[0].Kind, "but the registry's limit is the same for all")
		m.site("marfa", 22, 4, 11)
		m.facts.Sites[1].Last = m.ago(1)
		require.Equal(t, activities.IncidentFloorWarning, m.look()[0].Kind, "and twice as long as ever before is told")
	})
	t.Run("a site without a rhythm of its own is told by the last warning", func(t *testing.T) {
		m := newMorning().site("plano", 1, 30, 1)
		require.Empty(t, m.site("new", 27, 3, 1).look())
		m.facts.Sites[1].Last = m.ago(28)
		require.Equal(t, activities.IncidentFloorWarning, m.look()[0].Kind)
	})
	t.Run("sites that were in no file yet are one matter, and only once the practice sends", func(t *testing.T) {
		m := newMorning()
		for _, id := range []string{"a", "b", "c"} {
			m.facts.Sites = append(m.facts.Sites, db.SiteWatch{ID: id})
		}
		m.facts.FirstDelivery, m.facts.ProductionSince = time.Time{}, m.ago(10)
		require.Empty(t, m.look(), "it came in with history and sent nothing from here yet")
		m.facts.ProductionSince = m.ago(60)
		m.facts.FirstDelivery = m.ago(27)
		m.site("plano", 1, 25, 1)
		require.Empty(t, m.look())
		m.facts.FirstDelivery = m.ago(28)
		got := m.look()
		require.Len(t, got, 1)
		require.Contains(t, got[0].Words, "3 sites have had no record in a file for up to 28 days: a, b, c.")
	})
	t.Run("clinics of one broken export are one alert, also those that are missed days later", func(t *testing.T) {
		m := newMorning().site("plano", 1, 30, 1).site("austin", 16, 10, 3)
		first := m.look()
		require.Len(t, first, 1)
		m.open = []db.Incident{{ID: "1", Kind: first[0].Kind, Site: first[0].Site, OpenedAt: m.ago(2)}}
		m.site("buda", 14, 10, 3)
		joined := m.look()
		require.Len(t, joined, 1)
		require.Equal(t, "austin", joined[0].Site, "the incident keeps its name")
		require.Contains(t, joined[0].Words, "2 sites")

		m.facts.Sites[1].Last = m.ago(1)
		require.Equal(t, "austin", m.look()[0].Site, "and goes on while one of them is silent")
		m.facts.Sites[2].Last = m.ago(1)
		require.Empty(t, m.look())
	})
	t.Run("a clinic that falls silent weeks later is another matter", func(t *testing.T) {
		m := newMorning().site("plano", 1, 30, 1).site("austin", 40, 10, 3).site("buda", 14, 10, 3)
		m.open = []db.Incident{{ID: "1", Kind: activities.IncidentFloor, Level: 30, Site: "austin", OpenedAt: m.ago(26)}}
		got := m.look()
		require.Len(t, got, 2)
		require.Equal(t, "buda", got[1].Site)
	})
	t.Run("a practice that sends nothing is told as that, and by the floor alone from then on", func(t *testing.T) {
		m := newMorning()
		for _, id := range []string{"a", "b", "c"} {
			m.site(id, 14, 20, 1)
		}
		got := m.look()
		require.Len(t, got, 1)
		require.Empty(t, got[0].Site)
		require.Contains(t, got[0].Words, "Nothing of any site for 14 days")
		m.date = m.date.AddDate(0, 0, 6)
		got = m.look()
		require.Len(t, got, 1)
		require.Equal(t, activities.IncidentFloorWarning, got[0].Kind)
		require.Contains(t, got[0].Replaces, activities.IncidentQuietSite, "without an all-clear between")
	})
	t.Run("many sites are told in a sentence that stays short", func(t *testing.T) {
		m := newMorning().site("plano", 1, 30, 1)
		for i := range 59 {
			m.site(string(rune('a'+i%26))+string(rune('a'+i/26)), 20, 20, 1)
		}
		got := m.look()
		require.Len(t, got, 1)
		require.Contains(t, got[0].Words, "and 49 more")
		require.Less(t, len(got[0].Words), 500)
	})
}
