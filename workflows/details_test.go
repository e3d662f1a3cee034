package workflows

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

// The Web UI shows nothing but these details, so what to do has to stand there
// in a form that can be pasted.
func TestDetails(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	p := &process{
		policy: registry.Policy{HoldDueDays: 5},
		progress: activities.Progress{
			Stage: "in review", Next: "the registry's Production email", Whose: "registry", Since: since,
			Move: "starter production approve sunrise-plano --email FILE.eml (when the email is there), or call 800-348-9158",
		},
		refused: "A signal was not accepted: it names another practice.",
		notes:   []string{"file f-1: answered without an error"},
		holds: map[string]*openHold{"h-1": {Hold: Hold{
			ID: "h-1", Reason: registry.HoldConnection, What: "send BURL6343_TEST_1.HL7", Words: "login refused", Since: since,
			Actions: registry.HoldConnection.Actions(),
		}}},
	}
	text := p.details()
	for _, words := range []string{
		"## in review\n", "**Whose turn:** registry, since Monday 2 March 2026", "`starter production approve sunrise-plano --email FILE.eml` (when the email is there), or call",
		"### Waiting for you", "login refused", "`starter hold resolve h-1 --action retry`", "`starter hold resolve h-1 --action drop`",
		"### Not accepted", "another practice", "- file f-1: answered without an error",
	} {
		require.Contains(t, text, words)
	}
	require.NotContains(t, text, "|---", "the Web UI runs the cells of tables together")

	require.Contains(t, text, "Send an Update, name `"+UpdateResolveHold.Name+"`")
	require.Contains(t, text, "**Since:** Monday 2 March 2026, **due:** Monday 9 March 2026")
	typed := regexp.MustCompile("- to .*: `({.*})`").FindAllStringSubmatch(text, -1)
	require.Len(t, typed, 2, "one for each action")
	for _, one := range typed {
		var pasted ResolveHold
		require.NoError(t, json.Unmarshal([]byte(one[1]), &pasted))
		require.ErrorContains(t, unfilled(pasted), "YOUR NAME", "nobody is called so")
		pasted.By.Name = "Mary Major"
		require.NoError(t, unfilled(pasted))
		require.NoError(t, p.checkResolve(pasted), "what is to be pasted is accepted, with a name")
	}
}

func TestForRecord(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	p := &process{source: "file f-1", holds: map[string]*openHold{}, policy: registry.Policy{HoldDueDays: 5}}
	h := &openHold{Hold: Hold{ID: "h-1", Reason: registry.HoldConflict, What: "upload X.HL7", Since: since, Actions: []registry.HoldAction{"retry"}}}

	p.holds["h-1"] = h
	require.Equal(t, activities.Progress{
		Source: "file f-1", Stage: "waiting for you: upload X.HL7", Next: registry.HoldConflict.Words(), Whose: "you", Since: since,
		Move: "starter hold resolve h-1 --action retry", Attention: true, Due: since.AddDate(0, 0, 7), Wait: registry.WaitHold,
	}, p.forRecord(), "a file that waits stands in the overview, with its due day")

	delete(p.holds, "h-1")
	require.Equal(t, activities.Progress{Source: "file f-1", Stage: "settled", Whose: "nobody", Ended: true}, p.forRecord())
}

func TestVerdictNotes(t *testing.T) {
	t.Parallel()
	checked := activities.CheckFileResult{
		Anyway: "Ana Example",
		Summary: registry.CheckSummary{
			HoldFile: true, ChangedRules: 3,
			Changed: []registry.RuleGrade{{Rule: "P-06", Grade: "warning", By: "Max"}, {Rule: "R-10", Grade: "off", By: "Max"}},
		},
	}
	f := &fileSubmission{process: &process{}, verdict: verdictNotes(checked)}
	f.note("delivered as X.HL7")
	require.Equal(t, []string{
		"judged with 3 rules changed: P-06 warning (Max), R-10 off (Max), and 1 more",
		"sent by Ana Example in spite of our check",
		"delivered as X.HL7",
	}, f.notes)
	require.Empty(t, verdictNotes(activities.CheckFileResult{Anyway: "Ana Example"}), "a file that may go goes by itself")
}

func TestOpenErrorsNote(t *testing.T) {
	t.Parallel()
	require.Equal(t, "open errors: 4, of which overdue: 1; most: CLR-100 (3)",
		openErrorsNote(activities.LookResult{OpenErrors: 4, OverdueErrors: 1, TopCause: "CLR-100", TopErrors: 3}))
	require.Equal(t, "open errors: 1, of which overdue: 0", openErrorsNote(activities.LookResult{OpenErrors: 1}))
}
