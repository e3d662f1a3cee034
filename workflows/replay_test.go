package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/workflows"
)

// TestReplay runs today's code over histories that were recorded from real
// journeys: a difference would strand whoever is in the middle of one.
//
// Recordings are made with `go run ./sandbox -journey -record DIR` (those of
// OutboxQuestion and ReportQuestion, which no journey has, by tests of sandbox/engine),
// from the commit that is released. Until v0.1.0 those below testdata/replay/unreleased
// may be made anew; from then on a release adds a folder and changes none.
func TestReplay(t *testing.T) {
	t.Parallel()
	recordings, err := filepath.Glob("testdata/replay/*/*.json")
	require.NoError(t, err)
	replayed := map[string]int{}
	for _, path := range recordings {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer func() { _ = f.Close() }()
			history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
			require.NoError(t, err)
			replayer := worker.NewWorkflowReplayer()
			for name, wf := range workflows.Types() {
				replayer.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: name})
			}
			require.NoError(t, replayer.ReplayWorkflowHistory(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)), history))
			replayed[history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()]++
		})
	}
	for name := range workflows.Types() {
		require.Positive(t, replayed[name], "no recording of %s: nothing would notice a change that strands it", name)
	}
}
