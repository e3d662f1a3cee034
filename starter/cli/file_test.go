package cli_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// refusedFile keeps a test file that our check did not let go.
func (b *bench) refusedFile(t *testing.T, c string) string {
	t.Helper()
	store := b.open(t)
	digest := c + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	staged, err := store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: digest, Size: 1234, VaultKey: "k" + c, At: b.at(),
	})
	require.NoError(t, err)
	require.NoError(t, store.SaveCheck(t.Context(), "sunrise-plano", staged.File.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		for i := range 2 {
			w.Message(db.CheckedMessage{Ordinal: i + 1, Outcome: registry.OutcomeAccepted, Length: 1})
		}
		return db.CheckResult{
			At: b.at(), Counts: []registry.RuleCount{{Rule: "R-10", Severity: "E", Count: 3}, {Rule: "P-08", Severity: "W", Count: 1}},
			Changed: []registry.RuleGrade{{Rule: "P-08", Grade: "warning", By: "Sam Minor"}},
			Summary: registry.CheckSummary{
				Outcome: registry.OutcomeMessageRejected, HoldFile: true, Messages: 2, Doses: 4, Errors: 3, Warnings: 1, RuleSet: "r1",
			},
		}, nil
	}))
	require.NoError(t, store.SettleFile(t.Context(), "sunrise-plano", staged.File.ID, registry.FileRefused, b.at()))
	return staged.File.ID
}

func TestFile(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	id := b.refusedFile(t, "1")

	t.Run("show says what our check found, by which rules, and what one can do", func(t *testing.T) {
		b.run(t, "file", "show", id).exits(0).fits().
			shows("test file of sunrise-plano", "not sent: our check found errors", "3 errors, 1 warning",
				"1 rule changed: P-08 warning (Sam Minor)", "starter file send-anyway "+id, "starter rules show R-10").
			line("R-10", "error", "3", "no lot number")
		b.run(t, "file", "list", "sunrise-plano").exits(0).fits().line(id, "test", "not sent", "3 errors")
		b.run(t, "file", "show", "f-99").exits(1)
		b.run(t, "file", "list", "nowhere").exits(1)
	})

	send := []string{"file", "send-anyway", id, "--by", "Mary Major", "--reason", "DSHS wants to see it"}
	t.Run("sending it anyway wants a reason and a person", func(t *testing.T) {
		b.run(t, "file", "send-anyway", id).exits(2)
		b.env.Login = "nobody"
		b.run(t, send...).exits(1)
		b.env.Login = "mary"
		require.Empty(t, b.eng.sent)
	})
	t.Run("the decision is kept where the submission could not be started, and the repeat starts it", func(t *testing.T) {
		b.eng.sendFails = errors.New("gone")
		b.run(t, send...).exits(3).complains("the decision is kept", "Run the command again")
		b.eng.sendFails = nil
		b.run(t, send...).exits(0).shows("on Mary Major's word")
		require.Len(t, b.eng.sent, 1)
		in := b.eng.sent[0]
		require.Equal(t, id, in.File.ID)
		require.Equal(t, registry.LaneTest, in.Lane)
		require.Equal(t, "onboarding/sunrise-plano", in.Tell)
		require.Positive(t, in.Policy.TestFilesMin)
		require.Len(t, b.events(t, "file-sent-anyway"), 1)
	})
	t.Run("who and why stands with the file and in the audit", func(t *testing.T) {
		b.run(t, "file", "show", id).exits(0).fits().shows("by Mary Major on 2026-03-31: DSHS wants to see it")
		b.run(t, "file", "list", "sunrise-plano").exits(0).fits().line(id, "sent anyway by Mary Major")
		b.run(t, "audit", "list", "--kind", "file-sent-anyway").exits(0).line("Mary Major", "DSHS wants to see it")
	})
	t.Run("once it is at the registry nothing is started again", func(t *testing.T) {
		require.NoError(t, b.open(t).SettleFile(t.Context(), "sunrise-plano", id, registry.FileDelivered, b.at()))
		b.run(t, send...).exits(0).shows("already")
		require.Len(t, b.eng.sent, 1)
	})
	t.Run("a file that was not refused stays as it is", func(t *testing.T) {
		other := b.refusedFile(t, "2")
		require.NoError(t, b.open(t).SettleFile(t.Context(), "sunrise-plano", other, registry.FileDropped, b.at()))
		b.run(t, "file", "send-anyway", other, "--reason", "x").exits(1).complains("only a file that our check refused")
	})
}

func TestFileSentAnywayNeedsItsLane(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	id := b.refusedFile(t, "1")
	b.run(t, "file", "send-anyway", id, "--reason", "x").exits(1).complains("only true patient data")
	require.Empty(t, b.events(t, "file-sent-anyway"))
}
