package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/starter/cli"
)

func TestSubmissionSet(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	set := func(args ...string) result {
		return b.run(t, append([]string{"submission", "set", "sunrise-plano"}, args...)...)
	}
	require.NoError(t, b.open(t).SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionOn, b.act("on")))

	t.Run("what cannot be kept is refused before anything is", func(t *testing.T) {
		set().exits(2)
		set("--cadence", "daily", "--profile").exits(2)
		set("--cadence", "daily").exits(1).complains("at what times")
		set("--cadence", "daily", "--at", "02:30").exits(1).complains("put forward")
		set("--cadence", "monthly", "--at", "18:00", "--day", "31").exits(1).complains("1 to 28")
		b.run(t, "submission", "set", "nobody", "--cadence", "daily", "--at", "18:00").exits(1)
		require.Empty(t, b.eng.schedules)
		require.Empty(t, b.events(t, "cadence-set"))
	})
	t.Run("it reaches the schedule in the practice's zone, and the audit", func(t *testing.T) {
		set("--cadence", "weekdays", "--at", "12:00,18:00", "--jitter", "15m", "--reason", "the EHR exports twice").exits(0).fits().
			shows("weekdays at 12:00, 18:00 (America/Chicago), beginning up to 15m later")
		require.Len(t, b.eng.schedules, 1)
		require.Equal(t, "weekdays", b.eng.schedules[0].Cadence.Every)
		require.False(t, b.eng.schedules[0].Paused)
		e := b.events(t, "cadence-set")
		require.Len(t, e, 1)
		require.Equal(t, "the EHR exports twice", e[0].Reason)
	})
	t.Run("again changes nothing, and setup keeps it", func(t *testing.T) {
		set("--cadence", "weekdays", "--at", "12:00,18:00", "--jitter", "15m").exits(0)
		require.Len(t, b.events(t, "cadence-set"), 1)
		b.run(t, "setup").exits(0)
		require.Equal(t, "weekdays", b.eng.schedules[len(b.eng.schedules)-1].Cadence.Every)
	})
	t.Run("the profile's can be had back", func(t *testing.T) {
		set("--profile").exits(0).fits().shows("as the profile says")
		require.Nil(t, b.eng.schedules[len(b.eng.schedules)-1].Cadence)
	})
}

func TestSubmissionSetCron(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	set := func(cron string) result {
		return b.run(t, "submission", "set", "sunrise-plano", "--cadence", "cron", "--cron", cron)
	}
	for cron, words := range map[string]string{
		"0 99 * * *":   "above maximum",
		"0 18 31 2 *":  "never comes due",
		"0 18 1 * *":   "up to 31 days lie between",
		"0 18 13 * 5":  "--cadence monthly", // Temporal wants both, a Friday the 13th
		"0 18 * 1-6 *": "lie between two submissions",
		"30 2 * * *":   "put forward",
		"0 18 ? * *":   "five fields",
	} {
		t.Run("refused before it is kept: "+cron, func(t *testing.T) {
			set(cron).exits(1).fits().complains(words)
			require.Empty(t, b.events(t, "cadence-set"))
		})
	}
	t.Run("what comes due often enough is kept", func(t *testing.T) {
		for _, cron := range []string{"0 18 * * 1-5", "*/30 * * * *", "15 6,18 1,15 * *", "0 18 1-7 * MON,THU"} {
			set(cron).exits(0).fits().shows("by cron " + cron)
		}
	})
}

func TestSubmissionShow(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	show := func() result { return b.run(t, "submission", "show", "sunrise-plano").exits(0).fits() }
	store := b.open(t)
	require.NoError(t, store.SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionOn, b.act("on")))
	b.eng.next = time.Date(2026, 4, 1, 23, 0, 0, 0, time.UTC)

	t.Run("where nobody set it the profile's is told in words, with the next times in the practice's zone", func(t *testing.T) {
		show().shows("as the profile says: every day at 20:", "2026-04-01 18:00 CDT; 2026-04-02 18:00 CDT", "of 30 are gone")
		b.run(t, "submission", "set", "sunrise-plano", "--profile").exits(0).shows("every day at 20:")
	})
	t.Run("what somebody set is told with who and why, and again as what it is", func(t *testing.T) {
		for _, words := range []string{"weekdays at 06:00, 18:00", "as before"} {
			b.run(t, "submission", "set", "sunrise-plano", "--cadence", "weekdays", "--at", "18:00,06:00,18:00", "--reason", "two exports").exits(0).shows(words)
		}
		show().shows("weekdays at 06:00, 18:00 (America/Chicago); set by Mary Major on ", "two exports")
		require.Contains(t, b.run(t, "audit", "list", "--kind", "cadence-set").exits(0).stdout, "weekdays at")
	})
	t.Run("a submission that is left out is told", func(t *testing.T) {
		b.run(t, "submission", "skip", "sunrise-plano", "--reason", "upgrade").exits(0)
		show().shows("the submission of 2026-04-01 18:00 CDT, as Mary Major asked")
	})
	t.Run("an outbox from which nothing can be taken is told", func(t *testing.T) {
		marker := filepath.Join(b.dir, "outbox", "sunrise-plano", "production", activities.OutboxMarker)
		require.NoError(t, os.Remove(marker))
		show().shows("nothing can be taken from it", "touch")
		require.NoError(t, os.WriteFile(marker, nil, 0o600))
	})
	t.Run("a pause says who, since when and why, also in status, and nothing is begun in it", func(t *testing.T) {
		require.NoError(t, store.SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionPaused, db.Act{
			Key: "p1", By: mary, At: b.at().AddDate(0, 0, -9), Reason: "EHR upgrade",
		}))
		require.NoError(t, store.SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionPaused, b.act("p2")))
		since := b.at().AddDate(0, 0, -9).Format(time.DateOnly)
		b.eng.next = time.Time{}
		show().shows("paused by Mary Major on "+since+": EHR upgrade", "nothing: it is paused", "> starter submission resume sunrise-plano")
		b.run(t, "status", "sunrise-plano").exits(0).fits().shows("Submission was paused by Mary Major on " + since)
		b.run(t, "submission", "run", "sunrise-plano", "--reason", "now").exits(1).complains("nothing would be sent", "starter submission show sunrise-plano")
		require.Empty(t, b.eng.triggered)
		facts, err := store.PracticeWatch(t.Context(), db.WatchAsk{Practice: "sunrise-plano", Date: b.at(), ReportsBefore: b.at()})
		require.NoError(t, err)
		require.Equal(t, since, facts.PausedSince.Format(time.DateOnly), "whoever pauses it again begins no new count")
	})
	t.Run("a schedule that somebody deleted at the server is told", func(t *testing.T) {
		require.NoError(t, store.SetSubmission(t.Context(), "sunrise-plano", registry.SubmissionOn, b.act("on2")))
		b.eng.trigger = cli.ErrGone
		defer func() { b.eng.trigger = nil }()
		show().shows("it has no schedule at the Temporal server", "starter submission resume")
	})
}

func TestSetupOfOthersWhereOneShareIsAway(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.run(t, "practice", "add", b.file(t, "other.yaml", strings.NewReplacer("sunrise-plano", "another", "BURL6343", "BURL0002", "0001112000", "0001113000").Replace(practiceFile)+"phase: production\n")).exits(0)
	for _, id := range []string{"another", "sunrise-plano"} {
		require.NoError(t, b.open(t).SetSubmission(t.Context(), id, registry.SubmissionOn, b.act("on/"+id)))
	}
	_, err := b.open(t).StageFile(t.Context(), db.NewFile{
		Practice: "another", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 1, VaultKey: "k", At: b.at(),
	})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "outbox", "another")))
	b.eng.schedules = nil
	b.run(t, "setup").exits(3).fits().shows("another has sent files")
	require.Len(t, b.eng.schedules, 2, "each practice has its schedule")
}

func TestHoldsOfOneOutbox(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	for i, id := range []string{"h-1", "h-2"} {
		require.NoError(t, b.open(t).OpenHold(t.Context(), db.Hold{
			ID: id, Practice: "sunrise-plano", WorkflowID: "cycle/" + id, Reason: registry.HoldOutbox,
			What: "look into the outbox", Words: "the shared folder /srv/ehr is not there", OpenedAt: b.at().AddDate(0, 0, i-3),
		}))
	}
	b.run(t, "hold", "list").exits(0).fits().shows("nothing can be taken from the outbox", "The same fault as h-1: mend it once", "the next submission looks again")
	require.NoError(t, b.open(t).OpenHold(t.Context(), db.Hold{
		ID: "h-3", WorkflowID: "reports/east", Reason: registry.HoldReport, What: "report 7", OpenedAt: b.at(),
	}))
	b.run(t, "status").exits(0).fits().shows("1 thing waits for you that concerns no one practice: starter hold list")
}
