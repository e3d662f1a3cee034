package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/internal/reconcile"
	"immtrail/registry"
)

func TestReconcile(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseInReview)
	b.eng.believed = map[string]registry.Phase{"sunrise-plano": registry.PhaseInReview}
	b.run(t, "reconcile").exits(0).fits().shows("Temporal and the database agree")

	day := b.at().Add(-2 * time.Hour)
	travelled := func(id, digest string, sent reconcile.Sent, running bool) reconcile.File {
		f := reconcile.File{
			ID: id, Practice: "sunrise-plano", Lane: registry.LaneProduction, Digest: strings.Repeat(digest, 64), Size: 10,
			Started: day, Sent: sent, Running: running, RemoteName: "SUNR_" + id + ".HL7", Messages: 2,
		}
		if sent == reconcile.WasSent {
			f.At = day
		}
		return f
	}
	b.eng.travelled = []reconcile.File{
		travelled("f-41", "a", reconcile.WasSent, false), travelled("f-42", "b", reconcile.PerhapsSent, true),
		travelled("f-43", "c", reconcile.NotSent, true),
	}
	b.eng.believed["sunrise-plano"] = registry.PhaseProduction
	b.eng.believed["lakeside"] = registry.PhaseTesting

	t.Run("it names each difference and what to do, and changes nothing", func(t *testing.T) {
		b.run(t, "reconcile").exits(0).fits().
			line("f-41", "sent as SUNR_f-41.HL7").line("f-42", "perhaps as SUNR_f-42.HL7", "look there").
			line("f-43", "not sent").line("sunrise-plano", "production", "in review").line("lakeside", "unknown").
			shows("Temporal up to f-43", "starter reconcile --apply")
		require.Empty(t, b.eng.terminated)
		require.Empty(t, b.events(t, "numbers-skipped"))
	})
	t.Run("who settles it says why", func(t *testing.T) {
		b.run(t, "reconcile", "--apply").exits(2)
	})
	t.Run("what was sent is known as sent, what cannot go on is ended, and numbers are not given twice", func(t *testing.T) {
		b.run(t, "reconcile", "--apply", "--reason", "backup restored").exits(0).fits().line("f-41", "recorded").shows("Settled")
		require.ElementsMatch(t, []string{"file/f-42", "file/f-43", "onboarding/sunrise-plano"}, b.eng.terminated)
		require.Contains(t, b.eng.onboarded, "sunrise-plano")
		require.NotContains(t, b.eng.onboarded, "lakeside")
		recorded, err := b.open(t).WasRecordedSent(t.Context(), "sunrise-plano", registry.LaneProduction, strings.Repeat("a", 64))
		require.NoError(t, err)
		require.True(t, recorded)
		perhaps, err := b.open(t).WasRecordedSent(t.Context(), "sunrise-plano", registry.LaneProduction, strings.Repeat("b", 64))
		require.NoError(t, err)
		require.False(t, perhaps, "a person finds that out")
		mark, err := b.open(t).FileMark(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 43, mark.Last)
		require.Equal(t, "backup restored", b.events(t, "numbers-skipped")[0].Reason)
	})
	t.Run("twice is once", func(t *testing.T) {
		b.run(t, "reconcile", "--apply", "--reason", "backup restored").exits(0)
		require.Len(t, b.events(t, "numbers-skipped"), 1)
		require.Len(t, b.events(t, "file-sent-before"), 1)
	})
}

func TestReconcileAfterTemporalWasLost(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	id := b.stagedLongAgo(t)
	b.run(t, "reconcile").exits(0).fits().line(id, "sunrise-plano", "production").shows("nobody is at work")

	b.run(t, "reconcile", "--apply", "--reason", "Temporal was lost").exits(0).shows("Settled")
	require.Len(t, b.eng.started, 1)
	require.Equal(t, id, b.eng.started[0].File.ID)

	b.eng.running = map[string]bool{id: true}
	b.run(t, "reconcile").exits(0).shows("agree")
}

// stagedLongAgo is a production file that nobody has judged.
func (b *bench) stagedLongAgo(t *testing.T) string {
	t.Helper()
	staged, err := b.open(t).StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneProduction, Digest: strings.Repeat("d", 64), Size: 10, VaultKey: "sha256/dd",
		At: b.at().Add(-48 * time.Hour),
	})
	require.NoError(t, err)
	return staged.File.ID
}
