package crowd_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/workflows"
)

// One folder of two practices, as an operator sets it up: what is one's by pattern or
// by its messages goes under that one's login, once; what is nobody's or of two waits
// for a person while the others go, and a folder without its marker is a question.
func TestOneFolderOfTwoPractices(t *testing.T) {
	w := newWorld(t, 0)
	dir := filepath.Join(t.TempDir(), "ehr-east")
	w.share(t, "east", dir, "east_*")
	w.share(t, "west", dir, "")
	for org, id := range []string{"east", "west"} {
		w.enrol(t, id, org, nil)
	}
	w.startWorker(t)
	w.starter(t, "setup") // before they send, so that no schedule is made
	for id := range w.roots {
		require.NoError(t, w.store.SetSubmission(t.Context(), id, registry.SubmissionOn, db.Act{
			Key: "on/" + id, By: registry.Actor{Name: "Maria Ortega", Via: "cli"}, At: time.Now(),
		}))
	}
	require.Contains(t, w.doctor(t), "east, west take from")

	w.lay(t, dir, "east_0412.hl7", 0)
	w.lay(t, dir, "export-7.hl7", 1)
	w.lay(t, dir, "export-8.hl7", 99)
	w.lay(t, dir, "export-9.hl7", 0, 1)
	results := map[string]workflows.SubmissionCycleResult{}
	for _, id := range []string{"east", "west"} {
		results[id] = w.cycle(t, id, 1)
	}
	w.until(t, "", 2)
	t.Run("each goes under the login of its practice, once", func(t *testing.T) {
		for id, at := range results {
			require.Equal(t, 1, at.Started, id)
			require.Len(t, w.atRegistry(t, id), 1, id)
		}
		require.Zero(t, w.cycle(t, "east", 2).Started)
	})
	t.Run("of nobody and of two: left there, and one person is asked, once", func(t *testing.T) {
		require.FileExists(t, filepath.Join(dir, "production", "export-8.hl7"))
		require.FileExists(t, filepath.Join(dir, "production", "export-9.hl7"))
		hold := w.question(t, registry.HoldNotAllowed)
		require.Contains(t, w.starter(t, "hold", "show", hold), "2 files in the shared folder")
	})
	t.Run("what a person left is not asked about again; a new one is, and goes once it is somebody's", func(t *testing.T) {
		w.starter(t, "hold", "resolve", w.question(t, registry.HoldNotAllowed), "--action", "drop", "--reason", "not ours")
		require.Eventually(t, func() bool { return w.cycle(t, "east", 3).Stray == 0 }, patience, tick)
		require.Empty(t, w.questions(t))
		w.lay(t, dir, "export-10.hl7", 98)
		require.Equal(t, 1, w.cycle(t, "east", 4).Stray)
		hold := w.question(t, registry.HoldNotAllowed)
		w.share(t, "west", dir, "*-10.*")
		require.Zero(t, w.cycle(t, "east", 5).Stray)
		w.starter(t, "hold", "resolve", hold, "--action", "retry")
		require.Equal(t, 1, w.cycle(t, "west", 6).Started)
	})
	t.Run("without its marker it is a question of each, and no day without files", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(dir, "production", activities.OutboxMarker)))
		w.begin(t, "west", 7)
		hold := w.question(t, registry.HoldOutbox)
		require.Contains(t, w.starter(t, "hold", "show", hold), activities.OutboxMarker)
	})
}

// share writes the override of a practice that shares the folder.
func (w *world) share(t *testing.T, id, dir, pattern string) {
	t.Helper()
	text := "file:\n  shared_outbox: " + dir + "\n"
	if pattern != "" {
		text += "  shared_patterns: ['" + pattern + "']\n"
	}
	path := filepath.Join(w.cfg.Profile.Dir, "practices", id+".yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// lay puts a file of one message of each org into a shared folder.
func (w *world) lay(t *testing.T, dir, name string, orgs ...int) {
	t.Helper()
	var content bytes.Buffer
	for _, org := range orgs {
		w.seed++
		gen := hl7gen.New(w.seed, hl7gen.Options{OrgCode: orgCode(org), Now: time.Now(), ProcessingID: "P"})
		_, err := gen.Batch(&content, hl7gen.BatchOptions{Messages: 1})
		require.NoError(t, err)
	}
	path := filepath.Join(dir, "production", name)
	require.NoError(t, os.WriteFile(path, content.Bytes(), 0o600))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
}

// doctor says what it finds; not all is well where no mail server is.
func (w *world) doctor(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	cli.Run(t.Context(), cli.Env{
		Args: []string{"--config", w.settings(t), "doctor"}, Stdout: &out, Stderr: &out, Getenv: w.getenv,
		Login: "mary", Now: time.Now, Stdin: bytes.NewReader(nil),
	})
	return out.String()
}

// begin starts a submission, as the schedule does; cycle waits for it.
func (w *world) begin(t *testing.T, id string, n int) client.WorkflowRun {
	t.Helper()
	run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: fmt.Sprintf("cycle/%s/%d", id, n), TaskQueue: w.cfg.Temporal.TaskQueue,
	}, workflows.SubmissionCycle, activities.CycleInput{Version: 1, Practice: id})
	require.NoError(t, err)
	return run
}

func (w *world) cycle(t *testing.T, id string, n int) workflows.SubmissionCycleResult {
	t.Helper()
	var result workflows.SubmissionCycleResult
	require.NoError(t, w.begin(t, id, n).Get(t.Context(), &result))
	require.Empty(t, result.Why)
	return result
}

// questions are the holds that are open.
func (w *world) questions(t *testing.T) []db.Hold {
	t.Helper()
	holds, err := w.store.Holds(t.Context(), "", true)
	require.NoError(t, err)
	return holds
}

// question waits until one of that reason is all that is open: what was decided before
// it closes a moment after the decision.
func (w *world) question(t *testing.T, reason registry.HoldReason) string {
	t.Helper()
	var open []db.Hold
	require.Eventually(t, func() bool {
		open = w.questions(t)
		return len(open) == 1 && open[0].Reason == reason
	}, patience, tick, "%s", reason)
	return open[0].ID
}
