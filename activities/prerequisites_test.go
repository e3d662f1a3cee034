package activities_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// settle gives the practice all that the checklist asks for.
func (b *bundle) settle(t *testing.T) {
	t.Helper()
	p := b.load(t)
	p.Agreement = "2028-12-31"
	p.Contacts = append(p.Contacts, registry.Contact{Role: registry.ContactPractice, Name: "Desk", Email: "desk@sunrise.example"})
	b.save(t, p, "settled")
	c, err := b.db.Connection(t.Context(), p.Connection)
	require.NoError(t, err)
	_, err = b.db.ConnectionTested(t.Context(), c, b.act("tested"))
	require.NoError(t, err)
	b.say(t, registry.PrerequisiteRecord{Key: "intent", State: registry.PrerequisiteDone, Evidence: "confirmed by email"})
	b.say(t, registry.PrerequisiteRecord{Key: "hl7-version", State: registry.PrerequisiteDone, Evidence: "the vendor says so"})
}

func (b *bundle) load(t *testing.T) *registry.Practice {
	t.Helper()
	p, err := b.db.Practice(t.Context(), "sunrise")
	require.NoError(t, err)
	return p
}

func (b *bundle) save(t *testing.T, p *registry.Practice, key string) {
	t.Helper()
	require.NoError(t, b.db.SavePractice(t.Context(), p, b.act(key)))
}

func (b *bundle) say(t *testing.T, r registry.PrerequisiteRecord) {
	t.Helper()
	_, err := b.db.RecordPrerequisites(t.Context(), "sunrise", []registry.PrerequisiteRecord{r}, b.act("said/"+r.Key+r.Site+string(r.State)))
	require.NoError(t, err)
}

// wants are the keys of what keeps testing from starting.
func (b *bundle) wants(t *testing.T) []string {
	t.Helper()
	keys := []string{}
	for _, w := range must(t, b.practices.LoadPractice, activities.LoadPracticeInput{Scope: scope()}).Wanted {
		keys = append(keys, w.Key)
	}
	return keys
}

func TestWantedPrerequisites(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseRegistered)
	load := activities.LoadPracticeInput{Scope: scope()}

	t.Run("what a new practice lacks, in the order of the profile", func(t *testing.T) {
		require.Equal(t, []string{"agreement", "site-agreement", "intent", "contact-practice", "connection", "hl7-version"}, b.wants(t))
	})

	t.Run("each says why, who owes it, and the command that moves it", func(t *testing.T) {
		for _, w := range must(t, b.practices.LoadPractice, load).Wanted {
			require.NotEmpty(t, w.Words, w.Key)
			require.NotEmpty(t, w.Owner, w.Key)
			require.Regexp(t, `^starter (prerequisite done|connection test|practice add) `, w.Move, w.Key)
		}
	})

	t.Run("sixty sites without an agreement are one line that fits into history", func(t *testing.T) {
		b.settle(t)
		p := b.load(t)
		for i := range 59 {
			id := "site-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
			p.Sites = append(p.Sites, registry.Site{ID: id, Facilities: []string{id}, Prescribers: []string{"1234567893"}})
		}
		p.Sites = append(p.Sites, registry.Site{ID: "closed", Facilities: []string{"CL1"}, Until: "2020-01-01"})
		b.save(t, p, "sixty")
		wanted := must(t, b.practices.LoadPractice, load).Wanted
		require.Len(t, wanted, 1)
		require.Contains(t, wanted[0].Words, "60 sites: plano, site-aa, site-ab and 57 more")
		require.Contains(t, wanted[0].Move, "--all-sites")
	})

	t.Run("waiving settles all of it in one person's name, and again changes nothing", func(t *testing.T) {
		in := activities.WaivePrerequisitesInput{Scope: scope(), By: maria, Reason: "the agreements are at the lawyer's", Key: "w1"}
		must(t, b.practices.WaivePrerequisites, in)
		must(t, b.practices.WaivePrerequisites, in)
		require.Empty(t, b.wants(t))
		events, err := b.db.Events(t.Context(), db.EventQuery{Kind: "prerequisite", Max: 1000})
		require.NoError(t, err)
		require.Len(t, events, 2+60)
		in.Reason = ""
		b.say(t, registry.PrerequisiteRecord{Key: "intent", State: registry.PrerequisiteOpen, Reason: "lost"})
		_, err = run(t, b.practices.WaivePrerequisites, in)
		requireKind(t, registry.Invalid, err)
	})
}

func TestSeeVersion(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseRegistered)
	b.settle(t)
	b.say(t, registry.PrerequisiteRecord{Key: "hl7-version", State: registry.PrerequisiteOpen, Reason: "another EHR"})
	see := activities.SeeVersionInput{Scope: scope(), Key: "v1"}
	requireOpen := func(t *testing.T) {
		t.Helper()
		must(t, b.files.SeeVersion, see)
		require.Equal(t, []string{"hl7-version"}, b.wants(t))
	}

	t.Run("an empty outbox, rubbish and another version show nothing", func(t *testing.T) {
		requireOpen(t)
		b.put(t, registry.LaneTest, "a.hl7", []byte("no message"))
		b.put(t, registry.LaneTest, "b.hl7", []byte("MSH|^~\\&|A|B|C|D|20260302||VXU^V04^VXU_V04|1|T|2.3.1\r"))
		requireOpen(t)
	})
	t.Run("a file in 2.5.1 is proof, and stays where it is", func(t *testing.T) {
		content, _ := b.batch(t, 7, registry.LaneTest, 1)
		b.put(t, registry.LaneTest, "c.hl7", content)
		must(t, b.files.SeeVersion, see)
		must(t, b.files.SeeVersion, see)
		require.Empty(t, b.wants(t))
		require.FileExists(t, filepath.Join(b.outbox, "sunrise", "test", "c.hl7"))
	})
	t.Run("an outbox that is not there shows nothing", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(filepath.Join(b.outbox, "sunrise")))
		must(t, b.files.SeeVersion, see)
	})
}

func TestACheckedFileProvesTheVersion(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	b.settle(t)
	b.say(t, registry.PrerequisiteRecord{Key: "hl7-version", State: registry.PrerequisiteOpen, Reason: "another EHR"})
	b.now = b.now.AddDate(0, 0, 1)
	content, _ := b.batch(t, 8, registry.LaneTest, 2, hl7gen.MissingLot)
	b.check(t, b.stage(t, registry.LaneTest, "d.hl7", content), registry.LaneTest)
	require.Empty(t, b.wants(t))
}

func TestAgreementsThatEnd(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	b.settle(t)
	p := b.load(t)
	day := func(n int) string { return b.now.AddDate(0, 0, n).Format("2006-01-02") }
	p.Sites[0].Agreement = day(14)
	for _, id := range []string{"allen", "frisco", "mckinney", "prosper"} {
		p.Sites = append(p.Sites, registry.Site{ID: id, Facilities: []string{id}, Prescribers: []string{"1234567893"}, Agreement: day(14)})
	}
	p.Sites = append(p.Sites, registry.Site{ID: "celina", Facilities: []string{"celina"}, Agreement: day(-1)})
	p.Agreement = day(400)
	b.save(t, p, "agreements")
	watches := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	look := activities.LookInput{Scope: scope(), Policy: registry.Policy{CredentialWarnings: []int{1, 7, 14, 30}}}

	ending := must(t, watches.LookAtPractice, look).Ending
	require.Len(t, ending, 2, "a warning for each day of end, not for each site")
	require.Contains(t, ending[0].Words, "celina: it ended on "+day(-1))
	require.Contains(t, ending[1].Words, "of plano, allen, frisco and 2 more: it ends on "+day(14))
	require.Contains(t, ending[1].Move, "starter prerequisite done sunrise site-agreement --all-sites")
	require.Empty(t, ending[1].Connection)
	require.Equal(t, "agreement/sunrise/site-agreement/"+day(14)+"/14", ending[1].Event)
	b.now = b.now.AddDate(0, 0, 8)
	require.Equal(t, "agreement/sunrise/site-agreement/"+day(6)+"/7", must(t, watches.LookAtPractice, look).Ending[1].Event, "the next day of the policy warns anew")
}
