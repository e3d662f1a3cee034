package crowd_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
	"immtrail/workflows"
)

// view is a row of the table of saved views in docs/operations.md.
var view = regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`|]+)` \\|$")

// views reads that table: what each is called and its query as the server gets it.
func views(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(page), "\n## Views of the Web UI\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	found := map[string]string{}
	for _, m := range view.FindAllStringSubmatch(section, -1) {
		query, err := url.QueryUnescape(m[2])
		require.NoError(t, err, m[1])
		found[m[1]] = query
	}
	return found
}

// Each view that the page tells a coordinator to save is taken by the server, and
// finds what its name says, among real workflows.
func TestSavedViews(t *testing.T) {
	w := newWorld(t, 1)
	plain := func(id string, org int, phase registry.Phase) {
		w.enrolIn(t, id, org, phase, nil)
		w.onboard(t, id)
	}
	plain("new-one", 1, registry.PhaseRegistered)
	plain("tester", 2, registry.PhaseTesting)
	plain("sunrise-plano", 3, registry.PhaseInReview)
	// It stays open: nothing was sent yet.
	plain("live-one", 4, registry.PhaseInReview)
	w.refused(t, "live-one", w.stage(t, "live-one", 4, 1)[0].ID) // before its watch looks for the first time
	w.approve(t, "live-one")
	// A file that nobody knows is a step that only a person can settle.
	w.submit(t, "sunrise-plano", []registry.FileRef{{ID: "f-999", Digest: strings.Repeat("a", 64), Size: 1}})
	_, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "onboarding/malformed", TaskQueue: w.cfg.Temporal.TaskQueue,
	}, "Onboarding", "no input")
	require.NoError(t, err)

	want := map[string][]string{
		"who needs you":                     {"file/f-999"},
		"waiting for prerequisites":         {"onboarding/new-one"},
		"live, and the onboarding not over": {"onboarding/live-one"},
		"one practice":                      {"file/f-999", "onboarding/sunrise-plano", "watch/sunrise-plano"},
		"everybody in testing":              {"onboarding/tester"},
		"waiting for the registry's review": {"onboarding/sunrise-plano"},
		"open errors":                       {"watch/live-one"},
		"what failed":                       {"onboarding/malformed"},
		"due by a day":                      {},
	}
	told := views(t)
	for name, ids := range want {
		require.Contains(t, told, name, "docs/operations.md")
		w.finds(t, told[name], ids...)
	}
	require.Len(t, told, len(want), "a view that is not tried here")

	t.Run("due by a day: on the day after its own each wait is found, on the day before it is not", func(t *testing.T) {
		query := told["due by a day"]
		const day = "2026-04-01"
		require.Contains(t, query, day)
		due := w.dueOf(t, "onboarding/sunrise-plano")
		found := w.list(t, strings.Replace(query, day, due.AddDate(0, 0, 1).Format(time.DateOnly), 1))
		require.Contains(t, found, "onboarding/sunrise-plano")
		require.NotContains(t, found, "onboarding/malformed", "it waits for nothing")
		require.NotContains(t, w.list(t, strings.Replace(query, day, due.Format(time.DateOnly), 1)), "onboarding/sunrise-plano")
	})
	t.Run("profile apply reaches what runs, also files on their way and the reminders", func(t *testing.T) {
		// The onboarding starts it once the vendor is told and the schedule stands.
		require.Eventually(t, func() bool { return w.stageOf(t, "history/live-one") != "" }, patience, tick)
		var out []struct {
			Practice string
			Took     []string
		}
		require.NoError(t, json.Unmarshal([]byte(w.starter(t, "profile", "apply", "--all", "-o", "json")), &out))
		took := map[string][]string{}
		for _, p := range out {
			took[p.Practice] = p.Took
		}
		require.Equal(t, []string{"onboarding/sunrise-plano", "watch/sunrise-plano", "file/f-999"}, took["sunrise-plano"])
		require.Equal(t, []string{"onboarding/live-one", "history/live-one", "watch/live-one"}, took["live-one"])
		require.Equal(t, []string{"reminders"}, took[""])
		w.finds(t, told["who needs you"], "file/f-999") // a policy decides nothing
	})
}

// onboard starts a practice's onboarding, as the starter does.
func (w *world) onboard(t *testing.T, id string) {
	t.Helper()
	_, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: workflows.OnboardingID(id), TaskQueue: w.cfg.Temporal.TaskQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(id)),
	}, workflows.Onboarding, workflows.OnboardingInput{Version: 1, Practice: id, By: registry.System})
	require.NoError(t, err)
}

// approve relays the registry's Production email.
func (w *world) approve(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return w.stageOf(t, workflows.OnboardingID(id)) != "" }, patience, tick)
	handle, err := w.temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflows.OnboardingID(id), UpdateName: workflows.UpdateApproveProduction.Name,
		Args: []any{workflows.ApproveProduction{
			By: registry.Actor{Name: "Maria Ortega", Via: "cli"},
			Approval: registry.Approval{
				Practice: id, ApprovedBy: "J. Ortiz, DSHS", EmailDate: time.Now().Format(time.DateOnly), MessageID: "m1@dshs.example",
			},
		}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(t.Context(), nil))
}

// finds waits until the query finds exactly these workflows.
func (w *world) finds(t *testing.T, query string, ids ...string) {
	t.Helper()
	slices.Sort(ids)
	var found []string
	require.Eventually(t, func() bool {
		found = w.list(t, query)
		return slices.Equal(ids, found)
	}, patience, tick, "%s finds %v and not %v", query, &found, ids)
}

func (w *world) list(t *testing.T, query string) []string {
	t.Helper()
	answer, err := w.temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 100})
	require.NoError(t, err, query)
	ids := []string{}
	for _, e := range answer.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// dueOf is the due day that a workflow has among its search attributes.
func (w *world) dueOf(t *testing.T, id string) time.Time {
	t.Helper()
	var due time.Time
	require.Eventually(t, func() bool {
		d, err := w.temporal.DescribeWorkflow(t.Context(), id, "")
		require.NoError(t, err)
		at, ok := d.TypedSearchAttributes.GetTime(searchattr.DueBy)
		due = at
		return ok
	}, patience/10, tick)
	return due
}

// refused is an error that the registry reported about a file of a practice.
func (w *world) refused(t *testing.T, practice, file string) {
	t.Helper()
	for _, sql := range []string{
		`set session_replication_role = replica`, // without its report
		`insert into errors (practice, site, code, cause, owner, severity, opened_at, due_at, times,
			first_report, first_item, last_report, last_item, file_id, message)
		values ('` + practice + `', 'main', 'IMR-111', sha256('x'), 'practice', 'E', now(), now() + interval '9 days', 1,
			'r-1', 1, 'r-1', 1, '` + file + `', 1)`,
		`set session_replication_role = default`,
	} {
		_, err := w.sql.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}
