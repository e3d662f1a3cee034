package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestPrerequisites(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.practice(t, "sunrise", registry.PhaseRegistered)
	intent := registry.PrerequisiteRecord{Key: "intent", State: registry.PrerequisiteDone, Evidence: "an email"}
	say := func(key string, r registry.PrerequisiteRecord) (int, error) {
		return b.RecordPrerequisites(t.Context(), "sunrise", []registry.PrerequisiteRecord{r}, act(key))
	}

	t.Run("a word is kept with its person and its audit event; again changes nothing", func(t *testing.T) {
		changed, err := say("p1", intent)
		require.NoError(t, err)
		require.Equal(t, 1, changed)
		changed, err = say("p2", intent)
		require.NoError(t, err)
		require.Zero(t, changed)
		facts, err := b.PrerequisiteFacts(t.Context(), "sunrise")
		require.NoError(t, err)
		require.Len(t, facts.Records, 1)
		require.Equal(t, maria.Name, facts.Records[0].By)
		require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'prerequisite'`))
	})
	t.Run("without reason or evidence it is refused, by the store and by the schema", func(t *testing.T) {
		for _, r := range []registry.PrerequisiteRecord{
			{Key: "intent", State: registry.PrerequisiteWaived},
			{Key: "intent", State: registry.PrerequisiteDone},
			{Key: "intent", State: registry.PrerequisiteOpen},
		} {
			_, err := say("p3", r)
			requireKind(t, registry.Invalid, err)
		}
		_, err := b.sql.Exec(t.Context(), `update prerequisites set state = 'waived', reason = ' '`)
		require.Error(t, err)
		_, err = b.sql.Exec(t.Context(), `update prerequisites set evidence = ''`)
		require.Error(t, err)
	})
	t.Run("a test of the connection counts while its login is the same", func(t *testing.T) {
		c, err := b.Connection(t.Context(), "texas-sftp")
		require.NoError(t, err)
		waiting, err := b.ConnectionTested(t.Context(), c, act("t1"))
		require.NoError(t, err)
		require.Equal(t, []string{"sunrise"}, waiting)
		facts, err := b.PrerequisiteFacts(t.Context(), "sunrise")
		require.NoError(t, err)
		require.Equal(t, day0, facts.ConnectionTested)
		require.Contains(t, facts.ConnectionHow, maria.Name)
		require.NoError(t, b.RotateSecret(t.Context(), c.Name, "env:OTHER", c.Settings, db.Expiry{Connection: c.Name, What: db.CredentialPassword}, act("r1")))
		facts, err = b.PrerequisiteFacts(t.Context(), "sunrise")
		require.NoError(t, err)
		require.Zero(t, facts.ConnectionTested)
	})
	t.Run("of a practice that is not there nothing is known", func(t *testing.T) {
		_, err := b.PrerequisiteFacts(t.Context(), "nobody")
		requireKind(t, registry.Missing, err)
		_, err = b.RecordPrerequisites(t.Context(), "nobody", nil, act("n"))
		requireKind(t, registry.Missing, err)
	})
}

func TestEnter(t *testing.T) {
	t.Parallel()
	b := open(t)
	since := day0.AddDate(0, -6, 0).Format(time.DateOnly)
	approval := &registry.Approval{ApprovedBy: "DSHS", EmailDate: since}
	enter := func(id string, e db.Entry, key string) (bool, error) {
		a := *approval
		a.Practice = id
		return b.Enter(t.Context(), id, e, &a, act(key))
	}

	for id, from := range map[string]registry.Phase{
		"from-testing": registry.PhaseTesting, "from-review": registry.PhaseInReview, "from-production": registry.PhaseProduction,
	} {
		t.Run("into "+string(from)+": each arrow is recorded and not witnessed", func(t *testing.T) {
			b.practice(t, id, registry.PhaseRegistered)
			e := db.Entry{From: from, Since: since, History: db.EntryHistoryDue, Evidence: "the list of 2025"}
			again, err := enter(id, e, id)
			require.NoError(t, err)
			require.False(t, again)
			again, err = enter(id, e, id+"-again")
			require.NoError(t, err)
			require.True(t, again)
			p, err := b.Practice(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, from, p.Phase)
			arrows, err := registry.EventsTo(from)
			require.NoError(t, err)
			require.Equal(t, len(arrows), b.count(t, `select count(*) from events where kind = 'phase' and recorded and practice = $1`, id))
			require.Zero(t, b.count(t, `select count(*) from events where kind = 'phase' and not recorded and practice = $1`, id))
			got, ok, err := b.EntryOf(t.Context(), id)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, e, got)
		})
	}
	t.Run("what comes after is witnessed", func(t *testing.T) {
		_, err := b.MovePhase(t.Context(), "from-testing", registry.EventReviewRequested, act("witnessed"), nil)
		require.NoError(t, err)
		events, err := b.Events(t.Context(), db.EventQuery{Practice: "from-testing", Kind: "phase"})
		require.NoError(t, err)
		require.False(t, events[0].Recorded)
		require.True(t, events[1].Recorded)
	})
	t.Run("the historical load is none, done or due", func(t *testing.T) {
		for history, want := range map[string]registry.HistoryState{
			"none": registry.HistoryNone, "done": registry.HistoryClosed, "due": registry.HistoryNotAsked,
		} {
			id := "history-" + history
			b.practice(t, id, registry.PhaseRegistered)
			_, err := enter(id, db.Entry{From: registry.PhaseProduction, Since: since, History: history}, id)
			require.NoError(t, err)
			p, err := b.Practice(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, p.History)
		}
	})
	t.Run("what was witnessed is not overwritten, nor is another entry", func(t *testing.T) {
		b.practice(t, "under-way", registry.PhaseRegistered)
		_, err := b.MovePhase(t.Context(), "under-way", registry.EventPrerequisitesDone, act("uw"), nil)
		require.NoError(t, err)
		for _, from := range []registry.Phase{registry.PhaseTesting, registry.PhaseProduction} {
			_, err = enter("under-way", db.Entry{From: from, Since: since, History: "due"}, "uw2")
			requireKind(t, registry.NotAllowed, err)
		}
		_, err = enter("from-production", db.Entry{From: registry.PhaseProduction, Since: "2024-01-01", History: "due"}, "other")
		requireKind(t, registry.NotAllowed, err)
	})
	t.Run("into production without an approval nobody comes", func(t *testing.T) {
		b.practice(t, "bare", registry.PhaseRegistered)
		_, err := b.Enter(t.Context(), "bare", db.Entry{From: registry.PhaseProduction, Since: since, History: "due"}, nil, act("bare"))
		requireKind(t, registry.Invalid, err)
		p, err := b.Practice(t.Context(), "bare")
		require.NoError(t, err)
		require.Equal(t, registry.PhaseRegistered, p.Phase)
	})
	t.Run("a practice that was added as live gets its date afterwards", func(t *testing.T) {
		b.practice(t, "added-live", registry.PhaseProduction)
		e, ok, err := b.EntryOf(t.Context(), "added-live")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, registry.PhaseProduction, e.From)
		_, err = enter("added-live", db.Entry{From: registry.PhaseProduction, Since: since, History: "none"}, "al")
		require.NoError(t, err)
		e, _, err = b.EntryOf(t.Context(), "added-live")
		require.NoError(t, err)
		require.Equal(t, since, e.Since)
	})
	t.Run("an entry that cannot be is refused in words", func(t *testing.T) {
		for want, e := range map[string]db.Entry{
			"from":    {From: registry.PhaseRegistered, Since: since},
			"since":   {From: registry.PhaseTesting, Since: "yesterday"},
			"future":  {From: registry.PhaseTesting, Since: "2030-01-01"},
			"history": {From: registry.PhaseProduction, Since: since},
			"before":  {From: registry.PhaseTesting, Since: since, History: "done"},
		} {
			require.Contains(t, e.Fault(day0.Format(time.DateOnly)), want)
		}
	})
}

func TestSentBeforeImmtrail(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.practice(t, "sunrise", registry.PhaseProduction)
	sent := db.SentFile{
		Lane: registry.LaneProduction, Digest: digest("a"), ContentDigest: digest("b"), Size: 10, Messages: 2, SentOn: "2026-02-01",
	}
	for _, key := range []string{"s2", "s1"} {
		_, err := b.RecordSent(t.Context(), "sunrise", []db.SentFile{sent}, act(key))
		require.NoError(t, err)
	}
	require.Equal(t, 1, b.count(t, `select count(*) from sent_before`))
	require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'file-sent-before' and recorded`))

	prepare := func(t *testing.T, f registry.FileRef, content string) (db.Delivery, bool) {
		t.Helper()
		d, already, err := b.PrepareDelivery(t.Context(), db.NewDelivery{
			FileID: f.ID, Practice: "sunrise", Lane: registry.LaneProduction, Attempt: 1, Connection: "texas-sftp", Folder: "in",
			ContentDigest: content, Digest: digest("e"), VaultKey: "k/" + f.ID, Size: 12, Messages: 2, At: day0,
			Name: func(int64) (string, error) { return "X_" + f.ID + ".HL7", nil },
		})
		require.NoError(t, err)
		return d, already
	}
	t.Run("the same bytes are not sent", func(t *testing.T) {
		d, already := prepare(t, b.file(t, "sunrise", registry.LaneProduction, "a"), digest("c"))
		require.True(t, already)
		require.Equal(t, "a file of 2026-02-01", d.RemoteName)
	})
	t.Run("nor are the same messages under another envelope, on repetition either", func(t *testing.T) {
		f := b.file(t, "sunrise", registry.LaneProduction, "d")
		for range 2 {
			_, already := prepare(t, f, digest("b"))
			require.True(t, already)
		}
		require.Zero(t, b.count(t, `select count(*) from deliveries`))
		events, err := b.FileEvents(t.Context(), "sunrise", f.ID)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Contains(t, events[0].Reason, "sent on 2026-02-01")
		require.Contains(t, events[0].Reason, maria.Name)
	})
	t.Run("another file is", func(t *testing.T) {
		_, already := prepare(t, b.file(t, "sunrise", registry.LaneProduction, "f"), digest("f"))
		require.False(t, already)
	})
	t.Run("of a file of the historical load no plan is made", func(t *testing.T) {
		old := sent
		old.Lane, old.Digest = registry.LaneHistorical, digest("9")
		_, err := b.RecordSent(t.Context(), "sunrise", []db.SentFile{old}, act("old"))
		require.NoError(t, err)
		staged, err := b.StageFile(t.Context(), db.NewFile{
			Practice: "sunrise", Lane: registry.LaneHistorical, Digest: digest("9"), Size: 10, VaultKey: "k9", At: day0,
		})
		require.NoError(t, err)
		require.True(t, staged.Known)
		f, err := b.File(t.Context(), staged.File.ID)
		require.NoError(t, err)
		require.Equal(t, registry.FileDropped, f.State)
	})
}
