package activities_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func zipOf(t *testing.T, files map[string][]byte, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range names {
		out, err := w.Create(name)
		require.NoError(t, err)
		_, err = out.Write(files[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func gzipOf(t *testing.T, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func (b *bundle) lying(t *testing.T, lane registry.Lane) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.outbox, "sunrise", string(lane)))
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			n++
		}
	}
	return n
}

func TestArchivesOfALoad(t *testing.T) {
	t.Parallel()
	first, second, third := 5, 4, 3

	t.Run("a zip and a gzip give the same plan as their files", func(t *testing.T) {
		t.Parallel()
		plain, packed := open(t, registry.PhaseProduction), open(t, registry.PhaseProduction)
		one, _ := plain.batch(t, 1, registry.LaneHistorical, first)
		two, _ := plain.batch(t, 2, registry.LaneHistorical, second)
		three, _ := plain.batch(t, 3, registry.LaneHistorical, third)
		plain.put(t, registry.LaneHistorical, "a.hl7", one)
		plain.put(t, registry.LaneHistorical, "b.hl7", two)
		plain.put(t, registry.LaneHistorical, "c.hl7", three)
		want := must(t, plain.histories().PlanHistory, planInput(2))

		files := map[string][]byte{"2018/one.hl7": one, "2019/two.hl7": two}
		packed.put(t, registry.LaneHistorical, "a.zip", zipOf(t, files, "2019/two.hl7", "2018/one.hl7"))
		packed.put(t, registry.LaneHistorical, "c.hl7.gz", gzipOf(t, three))
		got := must(t, packed.histories().PlanHistory, planInput(2))
		require.Equal(t, want, got)
		require.Zero(t, packed.lying(t, registry.LaneHistorical), "they have left the outbox")
		require.Equal(t, got, must(t, packed.histories().PlanHistory, planInput(2)))

		packed.now = packed.now.AddDate(0, 0, 1)
		packed.put(t, registry.LaneHistorical, "again.zip", zipOf(t, files, "2018/one.hl7"))
		require.Equal(t, got, must(t, packed.histories().PlanHistory, planInput(2)), "the same file packed again is the same file")
	})

	t.Run("a bomb stays in the outbox, the rest is planned, and the plan says so", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		one, _ := b.batch(t, 1, registry.LaneHistorical, first)
		b.put(t, registry.LaneHistorical, "a.hl7", one)
		b.put(t, registry.LaneHistorical, "b.gz", gzipOf(t, bytes.Repeat([]byte("M"), 40<<20)))
		b.put(t, registry.LaneHistorical, "c.zip", zipOf(t, map[string][]byte{"DOE^JANE/../../x": one}, "DOE^JANE/../../x"))
		for range 2 {
			plan := must(t, b.histories().PlanHistory, planInput(2))
			require.Equal(t, 1, plan.Files)
			require.Equal(t, first, plan.Messages)
			require.Equal(t, 2, plan.RefusedArchives)
			require.Contains(t, plan.RefusedWhy, "bomb")
			require.NotContains(t, plan.RefusedWhy, "DOE")
			require.Equal(t, 2, b.lying(t, registry.LaneHistorical))
		}
	})

	t.Run("more refused archives than fit a page do not hide what is behind them", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		for i := range 120 {
			b.put(t, registry.LaneHistorical, "a"+string(rune('a'+i/26))+string(rune('a'+i%26))+".gz", []byte("\x1f\x8b no gzip"))
		}
		one, _ := b.batch(t, 1, registry.LaneHistorical, first)
		b.put(t, registry.LaneHistorical, "z.hl7", one)
		plan := must(t, b.histories().PlanHistory, planInput(2))
		require.Equal(t, 120, plan.RefusedArchives)
		require.Equal(t, first, plan.Messages)
	})

	t.Run("an archive in the daily outbox is still no HL7", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		one, _ := b.batch(t, 1, registry.LaneProduction, first)
		b.put(t, registry.LaneProduction, "a.gz", gzipOf(t, one))
		found := must(t, b.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: registry.LaneProduction, Max: 5})
		staged := must(t, b.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: registry.LaneProduction, Name: found.Files[0].Name})
		require.True(t, b.check(t, staged.File, registry.LaneProduction).HoldFile)
	})
}

// Two EHRs of one practice: each counts its control IDs for itself, and the same
// child has another chart number in each.
func TestTwoSourcesOfALoad(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	present, facts := b.batch(t, 1, registry.LaneHistorical, 8)
	old := regexp.MustCompile(`MSH\|\^~\\&\|[^|]*`).ReplaceAll(present, []byte(`MSH|^~\&|OLDCHART`))
	old = regexp.MustCompile(`PID\|1\|\|`).ReplaceAll(old, []byte(`PID|1||9`))
	require.NotEqual(t, messagesOf(t, present), messagesOf(t, old))
	b.put(t, registry.LaneHistorical, "a-old.hl7", old)
	b.put(t, registry.LaneHistorical, "b-present.hl7", present)
	plan := must(t, b.histories().PlanHistory, planInput(100))
	require.Equal(t, 16, plan.Came)
	require.Equal(t, len(facts.ControlIDs), plan.Repeated, "the same doses of the same children, whatever their charts are called")
	require.Equal(t, 8, plan.Messages)
	require.Zero(t, plan.Errors)
	for _, c := range plan.Top {
		require.NotContains(t, c.Rule, "F-07", "the same control IDs of another system are no repetition")
	}
}

// The overlap with the daily feed, from both sides: what either has brought word for
// word the other leaves behind.
func TestDailyMessagesAfterALoad(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	load, _ := b.batch(t, 1, registry.LaneHistorical, 6)
	b.put(t, registry.LaneHistorical, "a.hl7", load)
	plan := must(t, a.PlanHistory, planInput(3))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	parts := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 10}).Parts
	require.Len(t, parts, 2)
	b.deliverPart(t, parts[0])
	messages := messagesOf(t, load)

	file, _ := b.send(t, registry.LaneProduction, "daily.hl7", []byte(strings.Join(messages[1:5], "")))
	sent, err := b.db.Deliveries(t.Context(), file.ID)
	require.NoError(t, err)
	require.Equal(t, 2, sent[0].Messages, "two of them are word for word what the part has brought")

	b.check(t, parts[1].File, registry.LaneHistorical)
	p := must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{
		Scope: scope(), File: parts[1].File, Lane: registry.LaneHistorical, Attempt: 1,
	})
	require.Equal(t, 1, p.Messages, "the load leaves behind what the daily feed has sent since")
}

func TestADailyFileWaitsForThePartThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	load, _ := b.batch(t, 1, registry.LaneHistorical, 4)
	b.put(t, registry.LaneHistorical, "a.hl7", load)
	plan := must(t, a.PlanHistory, planInput(4))
	b.setHistory(t, registry.HistoryPlanned)
	must(t, a.ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
	part := must(t, a.ListParts, activities.ListPartsInput{Scope: scope(), Max: 10}).Parts[0]
	b.check(t, part.File, registry.LaneHistorical)
	must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{
		Scope: scope(), File: part.File, Lane: registry.LaneHistorical, Attempt: 1,
	})

	f := b.stage(t, registry.LaneProduction, "daily.hl7", []byte(strings.Join(messagesOf(t, load)[1:3], "")))
	b.check(t, f, registry.LaneProduction)
	daily := activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: registry.LaneProduction, Attempt: 1}
	for range 2 {
		_, err := run(t, b.deliveries.PrepareDelivery, daily)
		requireKind(t, registry.Transient, err)
		require.ErrorContains(t, err, "is on its way")
	}
	b.deliverPart(t, part)
	require.True(t, must(t, b.deliveries.PrepareDelivery, daily).Already, "the part has brought all of it")
}
