package activities_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// weekly adds a site that sent so many messages in each of the weeks before this
// one, the oldest first, of five vaccines.
func (m *morning) weekly(id string, records ...int) *morning {
	m.policy.VolumeLeast, m.policy.VolumeFactor, m.policy.VolumeVaccines = 30, 3, 3
	m.business = registry.BusinessDays{Zone: "UTC"}
	monday := m.date.AddDate(0, 0, -(int(m.date.Weekday())+6)%7).Truncate(24 * time.Hour)
	last := time.Time{}
	for i, n := range records {
		week := monday.AddDate(0, 0, -7*(len(records)-i))
		if n == 0 {
			continue
		}
		last = week.AddDate(0, 0, 4)
		m.facts.Weeks = append(m.facts.Weeks, db.SiteWeek{
			Week: week.Format(time.DateOnly), Site: id, Records: n, Given: n, Vaccines: 5, Top: "08",
		})
	}
	m.facts.Submission = registry.SubmissionOn
	m.facts.Sites = append(m.facts.Sites, db.SiteWatch{ID: id, Last: last, LastName: "x", Files: 30, Gap: 24 * time.Hour})
	m.facts.LastDelivery = later(m.facts.LastDelivery, last)
	return m
}

func kindsOf(seeds []db.IncidentSeed) []string {
	out := []string{}
	for _, s := range seeds {
		out = append(out, s.Kind)
	}
	return out
}

func TestVolume(t *testing.T) {
	t.Parallel()
	usual := []int{50, 60, 55, 52, 58, 50}
	with := func(last ...int) []int { return append(append([]int{}, usual...), last...) }

	t.Run("a week like the others is no alarm", func(t *testing.T) {
		require.Empty(t, newMorning().weekly("elgin", with(20)...).look(), "nor one of a bit less")
		require.Empty(t, newMorning().weekly("elgin", with(150)...).look())
	})
	t.Run("a third of usual, and three times usual, are told with numbers", func(t *testing.T) {
		got := newMorning().weekly("plano", with(55)...).weekly("elgin", with(15)...).look()
		require.Equal(t, []string{activities.IncidentVolumeLow}, kindsOf(got))
		require.Equal(t, "elgin", got[0].Site)
		require.Contains(t, got[0].Words, "elgin: 15 messages, where about 55 are usual")
		got = newMorning().weekly("plano", with(55)...).weekly("elgin", with(170)...).look()
		require.Equal(t, []string{activities.IncidentVolumeHigh}, kindsOf(got))
		require.Contains(t, got[0].Words, "elgin: 170 messages, where about 55 are usual")
	})
	t.Run("one vaccine only is told where several are usual", func(t *testing.T) {
		m := newMorning().weekly("elgin", with(50)...)
		last := &m.facts.Weeks[len(m.facts.Weeks)-1]
		last.Vaccines, last.Top = 1, "141"
		got := m.look()
		require.Equal(t, []string{activities.IncidentOneVaccine}, kindsOf(got))
		require.Contains(t, got[0].Words, "elgin: 50 doses, all of CVX 141, where 5 vaccines are usual")
		for i := range m.facts.Weeks {
			m.facts.Weeks[i].Vaccines = 1
		}
		require.Empty(t, m.look(), "a flu clinic always gives one")
	})
	t.Run("a site that vanished is told after a week, not after its patience", func(t *testing.T) {
		m := newMorning().weekly("plano", with(55)...).weekly("elgin", with(0)...)
		got := m.look()
		require.Equal(t, []string{activities.IncidentQuietSite}, kindsOf(got))
		require.Equal(t, "elgin", got[0].Site)
		m.facts.Sites[1].Last = m.ago(0)
		require.Empty(t, m.look(), "until its next record")
	})
	t.Run("a practice of which nothing came is one alarm", func(t *testing.T) {
		got := newMorning().weekly("plano", with(0)...).weekly("elgin", with(0)...).look()
		require.Equal(t, []string{activities.IncidentQuietSite}, kindsOf(got))
		require.Empty(t, got[0].Site)
		require.Contains(t, got[0].Words, "Nothing of any site")
	})
	t.Run("nothing to send, as a person said, is not nothing that came", func(t *testing.T) {
		m := newMorning().weekly("plano", with(55)...).weekly("elgin", with(0)...)
		m.facts.Sites[1].Attested = m.ago(3)
		require.Empty(t, m.look())
	})
	t.Run("what was not sent in a week makes the next one large, and is no alarm", func(t *testing.T) {
		require.Empty(t, newMorning().weekly("plano", with(55, 55)...).weekly("elgin", with(0, 170)...).look())
	})
	t.Run("a week of holidays is not judged", func(t *testing.T) {
		m := newMorning().weekly("elgin", with(10)...)
		require.NotEmpty(t, m.look())
		monday := m.date.AddDate(0, 0, -(int(m.date.Weekday())+6)%7-7)
		m.business.Holidays = []string{monday.Format(time.DateOnly), monday.AddDate(0, 0, 1).Format(time.DateOnly)}
		require.Empty(t, m.look())
	})
	t.Run("it is one incident while it lasts, and clinics of one cause are one", func(t *testing.T) {
		m := newMorning().weekly("plano", with(55)...).weekly("buda", with(10)...).weekly("elgin", with(15)...)
		got := m.look()
		require.Len(t, got, 1)
		require.Contains(t, got[0].Words, "2 sites sent far fewer")
		m.open = []db.Incident{{Kind: got[0].Kind, Site: got[0].Site, OpenedAt: m.date}}
		m.facts.Weeks = nil
		m.facts.Sites = nil
		m.date = m.date.AddDate(0, 0, 7)
		m.weekly("plano", with(55, 55)...).weekly("buda", with(10, 50)...).weekly("elgin", with(15, 12)...)
		again := m.look()
		require.Len(t, again, 1)
		require.Equal(t, got[0].Site, again[0].Site)
	})
	t.Run("what lasts for twelve weeks is the new usual", func(t *testing.T) {
		low := with(15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15)
		require.NotEmpty(t, newMorning().weekly("plano", 55).weekly("elgin", low...).look())
		require.Empty(t, newMorning().weekly("plano", 55).weekly("elgin", append(low, 15)...).look())
	})
	t.Run("small clinics are not judged by their weeks", func(t *testing.T) {
		require.Empty(t, newMorning().weekly("plano", with(55)...).weekly("alpine", 20, 20, 20, 20, 20, 20, 3).look())
	})
	t.Run("a pause is its own alarm", func(t *testing.T) {
		m := newMorning().weekly("elgin", with(10)...)
		m.facts.Submission = registry.SubmissionPaused
		require.NotContains(t, kindsOf(m.look()), activities.IncidentVolumeLow)
	})
}

// Sixty clinics that give 35 to 300 vaccines a week, by chance, through a year with
// its holidays: no week is called unusual.
func TestVolumeOfACalmYear(t *testing.T) {
	t.Parallel()
	m := newMorning()
	m.policy.VolumeLeast, m.policy.VolumeFactor, m.policy.VolumeVaccines = 30, 3, 3
	m.business = registry.BusinessDays{Zone: "UTC", Holidays: []string{"2026-05-25", "2026-09-07", "2026-11-26", "2026-11-27", "2026-12-24", "2026-12-25"}}
	m.facts.Submission = registry.SubmissionOn
	rnd := rand.New(rand.NewPCG(1, 60))
	chance := func(mean float64) (n int) { // Poisson, by Knuth
		for limit, p := math.Exp(-mean), rnd.Float64(); p > limit; n++ {
			p *= rnd.Float64()
		}
		return n
	}
	for site := range 60 {
		m.facts.Sites = append(m.facts.Sites, db.SiteWatch{ID: fmt.Sprintf("clinic-%d", site), Files: 30, Gap: 72 * time.Hour})
	}
	begin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for week := range 52 {
		monday := begin.AddDate(0, 0, 7*week)
		for site := range m.facts.Sites {
			w := db.SiteWeek{Week: monday.Format(time.DateOnly), Site: m.facts.Sites[site].ID, Vaccines: 1 + rnd.IntN(6), Top: "08"}
			for day := range 5 {
				if at := monday.AddDate(0, 0, day).Add(12 * time.Hour); m.business.Is(at) {
					w.Records += chance(float64(7 + site))
					m.facts.Sites[site].Last = at
				}
			}
			w.Given = w.Records
			if week%9 == 8 {
				w.Vaccines = 5
			}
			w.Vaccines = max(2, w.Vaccines)
			m.facts.Weeks = append(m.facts.Weeks, w)
			m.facts.LastDelivery = later(m.facts.LastDelivery, m.facts.Sites[site].Last)
		}
		m.date = monday.AddDate(0, 0, 7).Add(7 * time.Hour)
		require.Empty(t, m.look(), monday)
	}
}

// Doses are counted by file, site and vaccine where they are checked, and told in
// the weeks and as late ones; what comes again is not late.
func TestDosesAreCounted(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	begin := b.now
	deliver := func(t *testing.T, name string, content []byte) string {
		t.Helper()
		f := b.stage(t, registry.LaneProduction, name, content)
		b.check(t, f, registry.LaneProduction)
		b.check(t, f, registry.LaneProduction) // a repeat counts nothing twice
		p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1})
		must(t, b.deliveries.UploadFile, b.uploadInput(p))
		must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		must(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: activities.FileDelivered})
		return f.ID
	}
	late := func(t *testing.T, file string) db.LateDoses {
		t.Helper()
		rows, err := b.db.LateDoses(t.Context(), db.LateFilter{Practice: "sunrise", File: file})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		return rows[0]
	}

	content, facts := b.batch(t, 1, registry.LaneProduction, 4)
	require.Positive(t, facts.Doses)
	first := deliver(t, "one.hl7", content)
	got := late(t, first)
	require.Equal(t, "plano", got.Site)
	require.Positive(t, got.Given)
	require.LessOrEqual(t, got.Given, facts.Doses)
	require.Zero(t, got.Late)

	old, _ := b.batch(t, 2, registry.LaneProduction, 4)
	b.now = begin.AddDate(0, 0, 45)
	second := deliver(t, "two.hl7", old)
	got = late(t, second)
	require.Positive(t, got.Late)
	require.Equal(t, got.Given, got.Late, "all of it was given 45 days before")

	weeks, err := b.db.SiteWeeks(t.Context(), "sunrise", "America/Chicago", begin.AddDate(0, 0, -7), b.now.AddDate(0, 0, 7))
	require.NoError(t, err)
	require.Len(t, weeks, 2)
	require.Equal(t, "2026-03-02", weeks[0].Week)
	require.Equal(t, 4, weeks[0].Records)
	require.Positive(t, weeks[0].Vaccines)

	t.Run("a record that was sent in time is not late when it comes again", func(t *testing.T) {
		again := content
		for _, id := range facts.ControlIDs {
			again = bytes.ReplaceAll(again, []byte(id), []byte("R"+id[1:]))
		}
		got := late(t, deliver(t, "three.hl7", again))
		require.Positive(t, got.Given)
		require.Zero(t, got.Late)
	})
	t.Run("nothing of a patient is in the counts", func(t *testing.T) {
		require.Zero(t, b.count(t, `select count(*) from dose_counts where vaccine !~ '^[0-9]{0,4}$'`))
	})
}
