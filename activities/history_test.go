package activities_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/hl7"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

func (b *bundle) histories() *activities.Histories {
	return &activities.Histories{DB: b.db, Files: b.files, Clock: func() time.Time { return b.now }}
}

func planInput(part int) activities.PlanHistoryInput {
	return activities.PlanHistoryInput{Scope: scope(), PartMessages: part}
}

func (b *bundle) setHistory(t *testing.T, state registry.HistoryState) {
	t.Helper()
	must(t, b.practices.SetHistory, activities.SetHistoryInput{Scope: scope(), State: state, By: maria, Key: "history/" + string(state)})
}

// messagesOf are the messages of a batch, byte for byte.
func messagesOf(t *testing.T, batch []byte) []string {
	t.Helper()
	var out []string
	r := hl7.NewReader(bytes.NewReader(batch), hl7.Limits{})
	for {
		u, err := r.Next()
		if err != nil {
			return out
		}
		if u.Kind == hl7.KindMessage {
			out = append(out, string(u.Raw()))
		}
	}
}

func (b *bundle) bytes(t *testing.T, id string) []byte {
	t.Helper()
	f, err := b.db.File(t.Context(), id)
	require.NoError(t, err)
	return b.stored(t, f.VaultKey)
}

// stored is what lies in the file store under a key.
func (b *bundle) stored(t *testing.T, key string) []byte {
	t.Helper()
	src, err := b.vault.Open(t.Context(), key)
	require.NoError(t, err)
	defer src.Close()
	content, err := io.ReadAll(src)
	require.NoError(t, err)
	return content
}

func TestPlanHistory(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)

	t.Run("there is nothing to plan before something came", func(t *testing.T) {
		require.Equal(t, activities.HistoryPlan{}, must(t, a.PlanHistory, planInput(10)))
	})

	first, _ := b.batch(t, 1, registry.LaneHistorical, 25, hl7gen.MissingBirthDate, hl7gen.TestPatient)
	second, _ := b.batch(t, 2, registry.LaneHistorical, 7)
	b.put(t, registry.LaneHistorical, "2019.hl7", second)
	b.put(t, registry.LaneHistorical, "2018.hl7", first)
	plan := must(t, a.PlanHistory, planInput(10))

	t.Run("sources are split on message boundaries and counted", func(t *testing.T) {
		require.NotEmpty(t, plan.Digest)
		require.Equal(t, 2, plan.Files)
		require.Equal(t, 32, plan.Messages)
		require.Equal(t, 4, plan.Parts, "10, 10, 5 of the first and 7 of the second")
		require.Positive(t, plan.Doses)
		require.Equal(t, 1, plan.Held, "the test patient")
		require.Positive(t, plan.Errors)
		require.NotEmpty(t, plan.Top)
		require.Positive(t, plan.FirstYear)
		require.LessOrEqual(t, plan.FirstYear, plan.LastYear)
	})

	t.Run("planning again, and on another day, gives the same plan", func(t *testing.T) {
		b.now = b.now.AddDate(0, 0, 1)
		require.Equal(t, plan, must(t, a.PlanHistory, planInput(10)))
	})

	t.Run("parts of another size are another plan", func(t *testing.T) {
		other := must(t, a.PlanHistory, planInput(16))
		require.NotEqual(t, plan.Digest, other.Digest)
		require.Equal(t, plan.Messages, other.Messages)
		require.Equal(t, plan, must(t, a.PlanHistory, planInput(10)))
	})
}

// kept are the files of the file store.
func (b *bundle) kept(t *testing.T) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(b.store, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

func TestAPlanThatWaitsIsNotCutAgain(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	batch, _ := b.batch(t, 1, registry.LaneHistorical, 25, hl7gen.TestPatient)
	b.put(t, registry.LaneHistorical, "2018.hl7", batch)
	plan := must(t, a.PlanHistory, planInput(10))
	require.NotEmpty(t, b.kept(t))

	away := b.store + ".away"
	require.NoError(t, os.Rename(b.store, away))
	require.NoError(t, os.MkdirAll(b.store, 0o755))
	b.now = b.now.AddDate(0, 0, 1)
	require.Equal(t, plan, must(t, a.PlanHistory, planInput(10)), "it needs nothing of the file store")
	require.Empty(t, b.kept(t), "and puts nothing there")
	require.NoError(t, os.RemoveAll(b.store))
	require.NoError(t, os.Rename(away, b.store))

	t.Run("another way to cut is another plan", func(t *testing.T) {
		in := planInput(10)
		in.PartBy = "year"
		other := must(t, a.PlanHistory, in)
		require.NotEqual(t, plan.Digest, other.Digest)
		require.Greater(t, other.Parts, plan.Parts)
		require.Equal(t, plan, must(t, a.PlanHistory, planInput(10)))
	})
	t.Run("what another rule finds is in it, and what it holds back makes it another", func(t *testing.T) {
		b.profile.Rules.Held = nil
		other := must(t, a.PlanHistory, planInput(10))
		require.Zero(t, other.Held)
		require.NotEqual(t, plan.Digest, other.Digest, "more would be sent than was approved")
		b.profile.Rules.Held = []string{"F-11"}
		b.profile.Rules.Grades = map[string]string{"F-11": "warning"}
		graded := must(t, a.PlanHistory, planInput(10))
		require.Equal(t, []int{plan.Errors - 1, plan.Warnings + 1}, []int{graded.Errors, graded.Warnings})
		b.profile.Rules.Grades = nil
		require.Equal(t, plan.Errors, must(t, a.PlanHistory, planInput(10)).Errors)
	})
	t.Run("what was sent since makes it another", func(t *testing.T) {
		b.send(t, registry.LaneProduction, "daily.hl7", []byte(messagesOf(t, batch)[4]))
		other := must(t, a.PlanHistory, planInput(10))
		require.NotEqual(t, plan.Digest, other.Digest)
		require.Equal(t, []int{24, 25, 1}, []int{other.Messages, other.Came, other.SentBefore})
		require.Less(t, other.Doses, plan.Doses, "doses are of what goes")
	})
	t.Run("a file more makes it another", func(t *testing.T) {
		more, _ := b.batch(t, 2, registry.LaneHistorical, 3)
		b.put(t, registry.LaneHistorical, "2019.hl7", more)
		require.Equal(t, 27, must(t, a.PlanHistory, planInput(10)).Messages)
	})
}

func TestApproveHistory(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	first, _ := b.batch(t, 1, registry.LaneHistorical, 25)
	second, _ := b.batch(t, 2, registry.LaneHistorical, 7)
	b.put(t, registry.LaneHistorical, "2019.hl7", second)
	b.put(t, registry.LaneHistorical, "2018.hl7", first)
	plan := must(t, a.PlanHistory, planInput(10))

	t.Run("nothing is listed before it is approved", func(t *testing.T) {
		_, err := run(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 10})
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("the approval is of exactly this plan", func(t *testing.T) {
		b.setHistory(t, registry.HistoryPlanned)
		approve := activities.ApproveHistoryInput{Scope: scope(), Digest: "0" + plan.Digest[1:], By: maria, Key: "approve"}
		if approve.Digest == plan.Digest {
			approve.Digest = "1" + plan.Digest[1:]
		}
		_, err := run(t, a.ApproveHistory, approve)
		requireKind(t, registry.NotAllowed, err)
		approve.Digest = plan.Digest
		must(t, a.ApproveHistory, approve)
		must(t, a.ApproveHistory, approve)
	})

	t.Run("the parts hold every message of the sources, in order, byte for byte", func(t *testing.T) {
		var got []string
		for after := 0; ; {
			page := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), After: after, Max: 3})
			for _, part := range page.Parts {
				got = append(got, messagesOf(t, b.bytes(t, part.File.ID))...)
				after = part.Ordinal
			}
			if len(page.Parts) == 0 {
				break
			}
		}
		require.Equal(t, append(messagesOf(t, first), messagesOf(t, second)...), got)
	})

	t.Run("an approved load is not planned again", func(t *testing.T) {
		_, err := run(t, a.PlanHistory, planInput(10))
		requireKind(t, registry.NotAllowed, err)
	})
}

func TestPlanHistoryOfBadSources(t *testing.T) {
	t.Parallel()

	t.Run("a source that is no HL7 gives an error and no part", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		good, _ := b.batch(t, 1, registry.LaneHistorical, 3)
		b.put(t, registry.LaneHistorical, "a.hl7", good)
		b.put(t, registry.LaneHistorical, "b.hl7", []byte("%PDF-1.7 patients"))
		plan := must(t, b.histories().PlanHistory, planInput(10))
		require.Equal(t, 1, plan.Files)
		require.Equal(t, 3, plan.Messages)
		require.Positive(t, plan.Errors)
	})

	t.Run("half a source is none", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		good, _ := b.batch(t, 1, registry.LaneHistorical, 3)
		long := append(append([]byte{}, good...), []byte("MSH|^~\\&|"+string(bytes.Repeat([]byte("x"), 2<<20)))...)
		b.put(t, registry.LaneHistorical, "a.hl7", long)
		plan := must(t, b.histories().PlanHistory, planInput(2))
		require.Empty(t, plan.Digest)
		require.Zero(t, plan.Parts)
		require.Positive(t, plan.Errors)
	})

	t.Run("what two sources have in common is sent once", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		good, _ := b.batch(t, 1, registry.LaneHistorical, 4)
		b.put(t, registry.LaneHistorical, "a.hl7", good)
		b.put(t, registry.LaneHistorical, "b.hl7", bytes.Replace(good, []byte("FHS|^~\\&|"), []byte("FHS|^~\\&|OTHER"), 1))
		plan := must(t, b.histories().PlanHistory, planInput(2))
		require.Equal(t, 2, plan.Parts)
		require.Equal(t, 4, plan.Messages)
	})
}

func TestPlanHistoryOfWhatIsNotThere(t *testing.T) {
	t.Parallel()

	t.Run("a file that is still being written is waited for", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		good, _ := b.batch(t, 1, registry.LaneHistorical, 2)
		b.put(t, registry.LaneHistorical, "a.hl7.part", good)
		plan := must(t, b.histories().PlanHistory, planInput(2))
		require.Equal(t, activities.HistoryPlan{Unstable: 1}, plan)
	})

	t.Run("a worker stopped in the middle plans the same afterwards", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		good, _ := b.batch(t, 1, registry.LaneHistorical, 9)
		b.put(t, registry.LaneHistorical, "a.hl7", good)
		ctx, cancel := context.WithCancel(t.Context())
		b.files.Clock = func() time.Time { // first asked for while the source is staged
			cancel()
			return b.now
		}
		_, err := b.histories().PlanHistory(ctx, planInput(2))
		require.Error(t, err)
		b.files.Clock = func() time.Time { return b.now }
		plan := must(t, b.histories().PlanHistory, planInput(2))
		require.Equal(t, 5, plan.Parts)
		require.Equal(t, 9, plan.Messages)
		require.Empty(t, b.arrived(t, b.profile.Folders.Historical), "planning sends nothing")
	})

	t.Run("a folder that is not there is no empty load", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		require.NoError(t, os.RemoveAll(filepath.Join(b.outbox, "sunrise", "historical")))
		_, err := run(t, b.histories().PlanHistory, planInput(2))
		requireKind(t, registry.Missing, err)
		_, err = run(t, b.histories().PlanHistory, planInput(0))
		requireKind(t, registry.Invalid, err)
	})
}

func TestReconcileHistory(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, r := b.histories(), b.reports(t)
	b.setHistory(t, registry.HistoryAsked)
	content, facts := b.batch(t, 1, registry.LaneHistorical, 6, hl7gen.TestPatient)
	b.put(t, registry.LaneHistorical, "a.hl7", content)
	plan := must(t, a.PlanHistory, planInput(3))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	count := func(t *testing.T) activities.HistoryCounts {
		t.Helper()
		c := must(t, a.ReconcileHistory, activities.ReconcileHistoryInput{Scope: scope()})
		require.Zero(t, c.Difference)
		return c
	}

	t.Run("before anything was sent", func(t *testing.T) {
		require.Equal(t, activities.HistoryCounts{Loads: 1, Came: 6, Parts: 2, Messages: 6, NotSent: 6}, count(t))
	})

	t.Run("after the parts went out", func(t *testing.T) {
		for _, part := range must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 10}).Parts {
			b.deliverPart(t, part)
		}
		require.Equal(t, activities.HistoryCounts{Loads: 1, Came: 6, Parts: 2, Delivered: 2, Messages: 6, Held: 1, Sent: 5, Unanswered: 5}, count(t))
	})

	t.Run("after the registry has answered", func(t *testing.T) {
		report := ""
		for i, id := range facts.ControlIDs {
			if i == 2 {
				report += ack(id, "IMR-111", "x")
			} else {
				report += ack(id, "", "")
			}
		}
		b.layReport(t, "ack.hl7", report)
		b.collect(t, r, "ack.hl7")
		c := count(t)
		require.Equal(t, 5, c.Answered())
		require.Zero(t, c.Unanswered)
		require.Equal(t, 1, c.Rejected)
	})
}

// What stops a load is what the catalogue calls an error.
func TestDuplicatesAreNoErrorsOfALoad(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, r := b.histories(), b.reports(t)
	b.setHistory(t, registry.HistoryAsked)
	content, facts := b.batch(t, 1, registry.LaneHistorical, 6)
	b.put(t, registry.LaneHistorical, "a.hl7", content)
	plan := must(t, a.PlanHistory, planInput(3))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	for _, part := range must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 10}).Parts {
		b.deliverPart(t, part)
	}
	rate := func() [2]int {
		page := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 1})
		return [2]int{page.Rejected, page.Answered}
	}
	require.Equal(t, [2]int{0, 0}, rate())

	report := ""
	for _, id := range facts.ControlIDs[:4] {
		report += ack(id, "IMR-109", "Immunization rejected. Duplicate immunization.")
	}
	b.layReport(t, "duplicates.hl7", report)
	b.collect(t, r, "duplicates.hl7")
	require.Equal(t, [2]int{0, 4}, rate(), "a duplicate is at the registry: that is no error")

	b.layReport(t, "error.hl7", ack(facts.ControlIDs[4], "IMR-111", "x")+ack(facts.ControlIDs[5], "", ""))
	b.collect(t, r, "error.hl7")
	require.Equal(t, [2]int{1, 6}, rate())
}

func (b *bundle) deliverPart(t *testing.T, part activities.Part) {
	t.Helper()
	b.check(t, part.File, registry.LaneHistorical)
	p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{
		Scope: scope(), File: part.File, Lane: registry.LaneHistorical, Attempt: 1,
	})
	must(t, b.deliveries.UploadFile, b.uploadInput(p))
	must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
}
