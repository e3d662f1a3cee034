package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// add adds another practice, registered.
func (b *bench) add(t *testing.T, id, org string) {
	t.Helper()
	text := strings.NewReplacer("sunrise-plano", id, "BURL6343", org).Replace(practiceFile)
	b.run(t, "practice", "add", b.file(t, id+".yaml", text)).exits(0)
}

func TestOnboardFrom(t *testing.T) {
	b := newBench(t)
	b.connection(t)
	b.add(t, "live", "LIVE0001")
	b.add(t, "review", "REVI0002")
	b.add(t, "words", "WORD0003")

	t.Run("from production with the email: stage, approval, history, all recorded", func(t *testing.T) {
		b.run(t, "onboard", "live", "--from", "production", "--since", "2025-09-15", "--history", "done",
			"--evidence", b.file(t, "production.eml", productionEmail)).exits(0).fits().
			shows("on its way", "came in at production, since 2025-09-15: recorded, not witnessed")
		require.Contains(t, b.eng.onboarded, "live")
		b.run(t, "practice", "show", "live").exits(0).line("Stage", "production").line("Historical load", "closed").
			line("Production approved", "J. Ortiz", "2026-03-31")
		for _, e := range b.events(t, "phase") {
			require.True(t, e.Recorded)
		}
	})
	t.Run("again changes nothing", func(t *testing.T) {
		before := len(b.events(t, ""))
		b.run(t, "onboard", "live", "--from", "production", "--since", "2025-09-15", "--history", "done").exits(0).shows("already")
		require.Len(t, b.events(t, ""), before)
	})
	t.Run("another story is refused", func(t *testing.T) {
		b.run(t, "onboard", "live", "--from", "production", "--since", "2024-01-01", "--history", "done").exits(1).complains("since 2025-09-15")
		b.run(t, "onboard", "live", "--from", "testing", "--since", "2025-09-15").exits(1)
	})
	t.Run("words are evidence as well, and the email may follow", func(t *testing.T) {
		b.run(t, "onboard", "words", "--from", "production", "--since", "2025-09-15", "--history", "none", "--evidence", "the list of 2025").exits(0)
		known, _, err := b.open(t).Approval(t.Context(), "words")
		require.NoError(t, err)
		require.Equal(t, "not known (recorded by Mary Major)", known.ApprovedBy)
		require.Empty(t, known.EvidenceID)
		b.run(t, "onboard", "words", "--from", "production", "--since", "2025-09-15", "--history", "none", "--evidence", "production.eml").exits(0)
		known, _, err = b.open(t).Approval(t.Context(), "words")
		require.NoError(t, err)
		require.NotEmpty(t, known.EvidenceID)
		require.Equal(t, "<prod-1@dshs.example>", known.MessageID)
	})
	t.Run("from review", func(t *testing.T) {
		b.run(t, "onboard", "review", "--from", "in-review", "--since", "2026-03-02").exits(0)
		e, _, err := b.open(t).EntryOf(t.Context(), "review")
		require.NoError(t, err)
		require.Equal(t, registry.PhaseInReview, e.From)
	})
	t.Run("what is missing or cannot be is said", func(t *testing.T) {
		b.add(t, "fresh", "FRES0004")
		b.run(t, "onboard", "fresh", "--from", "production").exits(2).complains("since")
		b.run(t, "onboard", "fresh", "--from", "live", "--since", "2025-09-15").exits(2).complains("testing, in-review or production")
		b.run(t, "onboard", "fresh", "--from", "production", "--since", "2025-09-15").exits(2).complains("--history: none, due or done")
		b.run(t, "onboard", "fresh", "--from", "production", "--since", "2027-09-15", "--history", "due").exits(2).complains("future")
		b.run(t, "onboard", "fresh", "--history", "due").exits(2).complains("--from")
		require.NotContains(t, b.eng.onboarded, "fresh")
	})
}

func TestFileRecord(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	one, two := b.file(t, "one.hl7", batchOf("MSH|^~\\&|A|B|C|D|20260302||VXU^V04^VXU_V04|1|P|2.5.1\rPID|1\r")), b.file(t, "no.hl7", "nothing\n")

	t.Run("digests are kept, once", func(t *testing.T) {
		b.run(t, "file", "record", "sunrise-plano", one, "--sent", "2026-02-27").exits(0).shows("1 file is recorded as sent on 2026-02-27, 1 of them new")
		b.run(t, "file", "record", "sunrise-plano", one, "--sent", "2026-02-27").exits(0).shows("0 of them new")
		events := b.events(t, "file-sent-before")
		require.Len(t, events, 1)
		require.True(t, events[0].Recorded)
	})
	t.Run("what is no batch, and a day that is none, are refused", func(t *testing.T) {
		b.run(t, "file", "record", "sunrise-plano", two, "--sent", "2026-02-27").exits(1).complains("no.hl7")
		b.run(t, "file", "record", "sunrise-plano", one, "--sent", "2026-12-31").exits(2).complains("past")
		b.run(t, "file", "record", "sunrise-plano", one).exits(2)
	})
	t.Run("before testing somebody says which files they were", func(t *testing.T) {
		b.add(t, "fresh", "FRES0004")
		b.run(t, "file", "record", "fresh", one, "--sent", "2026-02-27").exits(2).complains("--historical")
		b.run(t, "file", "record", "fresh", one, "--sent", "2026-02-27", "--historical").exits(0)
	})
}
