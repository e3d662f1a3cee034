package cli_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/vault"
)

// leftOut keeps a production file that was sent without some of its messages.
func (b *bench) leftOut(t *testing.T, rules ...string) string {
	t.Helper()
	ctx := t.Context()
	store := b.open(t)
	v, err := vault.Open(ctx, vault.Options{
		URL: "file://" + b.dir + "/files", Recipients: []string{b.recipient}, Identities: []string{b.keys["IDENTITY"]},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, v.Close()) }()
	kept, err := v.Put(ctx, strings.NewReader(strings.Repeat(cleanMessage, len(rules)+1)))
	require.NoError(t, err)
	staged, err := store.StageFile(ctx, db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneProduction, Digest: kept.SHA256, Size: kept.Size, VaultKey: kept.Key, At: b.at(),
	})
	require.NoError(t, err)
	require.NoError(t, store.SaveCheck(ctx, "sunrise-plano", staged.File.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		w.Message(db.CheckedMessage{Ordinal: 1, Outcome: registry.OutcomeAccepted, Length: 1})
		for i, rule := range rules {
			w.Message(db.CheckedMessage{Ordinal: i + 2, Outcome: registry.OutcomeMessageRejected, Held: true, Length: 1, Site: "plano"})
			w.Finding(registry.Finding{Rule: rule, Severity: "E", Place: registry.Place{Message: i + 2, Path: "PID-5"}})
		}
		return db.CheckResult{At: b.at(), Summary: registry.CheckSummary{
			Outcome: registry.OutcomeMessageRejected, Messages: len(rules) + 1, Held: len(rules), Errors: len(rules), RuleSet: "r1",
		}}, nil
	}))
	require.NoError(t, store.SettleFile(ctx, "sunrise-plano", staged.File.ID, registry.FileDelivered, b.at()))
	return staged.File.ID
}

func TestHeld(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.run(t, "held", "list").exits(0).shows("No message is left out")
	id := b.leftOut(t, "F-11", "D-02", "M-08.sender", "F-10")

	t.Run("the list says which rule holds what, and how to decide", func(t *testing.T) {
		b.run(t, "held", "list").exits(0).fits().line(id+"/2", "sunrise-plano", "plano", "F-11", "waits for you").
			line(id+"/4", "M-08.sender").shows("starter held release", "starter held drop")
		b.run(t, "status", "sunrise-plano").exits(0).fits().shows("4 messages were left out", "starter held list --practice sunrise-plano")
	})
	t.Run("a decision wants a person, a reason and a message that is held", func(t *testing.T) {
		b.run(t, "held", "drop", id+"/2").exits(2)
		b.run(t, "held", "drop", id+"/x", "--reason", "x").exits(2)
		b.run(t, "held", "drop", id+"/1", "--reason", "x").exits(1).complains("was not left out of its file")
		b.env.Login = "nobody"
		b.run(t, "held", "drop", id+"/2", "--reason", "x").exits(1)
		b.run(t, "held", "release", id+"/2", "--reason", "x").exits(1)
		b.env.Login = "mary"
		require.Empty(t, b.eng.sent)
	})
	t.Run("what a patient asked not to share is not released, nor what goes with it", func(t *testing.T) {
		b.run(t, "held", "release", id+"/2", id+"/3", "--reason", "x").exits(1).complains("asked not to be shared")
		b.run(t, "held", "release", id, "--reason", "x").exits(1)
		require.Empty(t, b.eng.sent)
	})
	t.Run("a release is kept where it could not be started, and the repeat starts it, once", func(t *testing.T) {
		release := []string{"held", "release", id + "/4", id + "/2", "--reason", "the names are real"}
		b.eng.sendFails = errors.New("gone")
		b.run(t, release...).exits(3).complains("the decision is kept", "Run the command again")
		b.eng.sendFails = nil
		b.run(t, release...).exits(0).fits().shows("nothing is sent twice", "starter file show f-")
		require.Len(t, b.eng.sent, 1)
		in := b.eng.sent[0]
		require.NotEqual(t, id, in.File.ID)
		require.Equal(t, registry.LaneProduction, in.Lane)
		require.NoError(t, b.open(t).SettleFile(t.Context(), "sunrise-plano", in.File.ID, registry.FileDelivered, b.at()))
		b.run(t, release...).exits(0)
		require.Len(t, b.eng.sent, 1)
		require.Len(t, b.events(t, "held-released"), 1)
	})
	t.Run("the rest is dropped with the file's ID, once", func(t *testing.T) {
		b.run(t, "held", "drop", id, "--reason", "test patients").exits(0).shows("2 messages are dropped")
		b.run(t, "held", "drop", id+"/3", id+"/5", "--reason", "again").exits(0).shows("before")
		b.run(t, "held", "drop", id, "--reason", "again").exits(1).complains("no message of")
		e := b.events(t, "held-dropped")
		require.Len(t, e, 1)
		require.Equal(t, "test patients", e[0].Reason)
	})
	t.Run("then nothing waits, and all of it can be seen", func(t *testing.T) {
		b.run(t, "held", "list").exits(0).shows("No message is left out")
		b.run(t, "held", "list", "--all").exits(0).fits().line(id+"/2", "released by Mary Major").line(id+"/3", "dropped by Mary Major")
		var got []struct{ ID, State, By, Reason, Into string }
		b.run(t, "held", "list", "--all", "-o", "json").exits(0).json(&got)
		require.Len(t, got, 4)
		require.Equal(t, "released", got[0].State)
		require.Equal(t, "the names are real", got[0].Reason)
		require.NotContains(t, b.run(t, "status", "sunrise-plano").stdout, "left out and wait")
	})
}
