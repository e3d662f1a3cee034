package workflows_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

var update = flag.Bool("update", false, "write testdata/wire.golden anew (only before the first release)")

// What runs today may have been started months ago: names on the wire are
// frozen. A changed line here is a change of running workflows.
func TestWireNames(t *testing.T) {
	t.Parallel()
	var lines []string
	add := func(kind, name string) { lines = append(lines, kind+" "+name) }
	for name := range workflows.Types() {
		add("workflow", name)
	}
	for _, s := range []string{
		workflows.SignalProductionApproved.Name, workflows.SignalFileSettled.Name, workflows.SignalReportImported.Name,
		workflows.SignalCalendarMoved.Name, workflows.SignalWithdrawn.Name, workflows.SignalHistoryEnded.Name, workflows.SignalPhaseMoved.Name,
		workflows.SignalFileSentAnyway.Name,
		workflows.SignalFileUploadedByHand.Name, workflows.SignalPermitAsked.Name, workflows.SignalPermitGranted.Name, workflows.SignalPermitReleased.Name,
		workflows.SignalPrerequisitesChanged.Name,
	} {
		add("signal", s)
	}
	for _, u := range []string{
		workflows.UpdateWaivePrerequisites.Name, workflows.UpdateRequestReview.Name, workflows.UpdateApproveProduction.Name,
		workflows.UpdateRecordRevision.Name, workflows.UpdateAskHistorical.Name, workflows.UpdateAnswerHistorical.Name, workflows.UpdateApproveHistorical.Name, workflows.UpdateCloseHistorical.Name,
		workflows.UpdatePlanHistorical.Name,
		workflows.UpdateAttestNothing.Name, workflows.UpdatePause.Name, workflows.UpdateResume.Name,
		workflows.UpdateWithdraw.Name, workflows.UpdateResolveHold.Name, workflows.UpdateSettlePrerequisite.Name, workflows.UpdateSendLetter.Name, workflows.UpdateSetPolicy.Name,
	} {
		add("update", u)
	}
	add("query", workflows.QueryStatus.Name)
	add("query", workflows.QueryHistoryProgress.Name)
	add("id", workflows.OnboardingID("PRACTICE"))
	add("id", workflows.HistoryID("PRACTICE"))
	add("id", workflows.WatchID("PRACTICE"))
	add("id", workflows.FileID("FILE"))
	add("id", workflows.HostID("HOST"))
	add("id", workflows.OutboxQuestionID("PRACTICE", "TOKEN"))
	add("id", workflows.ReportQuestionID("REPORT"))
	add("id", activities.RemindersID)
	add("schedule", activities.CycleScheduleID("PRACTICE"))
	add("schedule", activities.CollectionScheduleID("CONNECTION"))
	sort.Strings(lines)
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("testdata/wire.golden", []byte(got), 0o600))
	}
	want, err := os.ReadFile("testdata/wire.golden")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), got))
}

// A state that loses a field on its way through JSON is reset by the next
// continue-as-new, and nobody notices.
func TestStatesSurviveJSON(t *testing.T) {
	t.Parallel()
	policy := registry.Policy{TestFilesMin: 4, HoldReminders: []int{1, 2}}
	onboarding := workflows.OnboardingState{
		Round: 2, Approval: &approval, ApprovedVia: ana, EarlyKept: 6, ReviewAsked: epoch, FirstFile: true, FirstTold: true,
		Refused: "why", Refusals: 1, WatchStarted: true, HistoryStarted: true, Policy: &policy,
		Review: &changes, Revision: &changes, Waived: &changes,
		Waiting: "w", SentLetter: "s", Settlings: 5,
	}
	history := workflows.HistoricalState{
		State: registry.HistoryLoading, Plan: activities.HistoryPlan{Digest: "d", Parts: 3}, Next: 2, Sent: 1,
		Plans: 5, Tolerated: 6, Waiting: true, Parts: 7, Answered: 1, Flying: []string{"f-2"}, Explained: 1,
		Switches: 1, Opened: 2, Paused: &workflows.HistoryPause{By: ana, Reason: "asked for", Since: epoch},
		Sources: []workflows.HistorySource{{
			HistoryEHR: workflows.HistoryEHR{EHR: "e", Vendor: "v", From: "2012-01-01", To: "2019-01-01"}, AskedAt: epoch,
			Answer: &activities.HistoryAnswer{Can: true, Since: "2012-01-01", Form: "f", Size: "s"}, AnsweredBy: "Ana", AnsweredAt: epoch,
		}},
	}
	watch := workflows.WatchState{Acts: 1, Mornings: 2, OpenErrors: 3}
	host := workflows.HostState{
		Permits: 1, Inside: []workflows.HostVisit{{Visit: activities.Visit{Workflow: "file/f-1", Ask: 1}, Permit: 1, Connection: "c", Port: 22, Seen: epoch}},
		Servers: map[string]workflows.HostLink{"s:22": {Since: epoch, Faults: 1}},
		Links:   map[string]workflows.HostLink{"c": {Since: epoch, Faults: 1, Next: epoch, Hold: "h-1", Settled: "h-0"}}, HourFrom: epoch,
		ThisHour: 2, Settled: []string{"h-0"}, Released: []workflows.PermitReleased{{
			Workflow: "file/f-1", Ask: 1, Permit: 1, Outcome: workflows.VisitFault, Kind: registry.Busy, Words: "full", Server: "s:22",
		}},
	}
	roundTrip(t, onboarding)
	roundTrip(t, host)
	roundTrip(t, host.Links["c"])
	roundTrip(t, host.Released[0])
	roundTrip(t, history)
	roundTrip(t, watch)
}

func roundTrip[T any](t *testing.T, in T) {
	t.Helper()
	data, err := json.Marshal(in)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(data, &fields))
	require.Len(t, fields, numFields[T](), "set every field of %T in this test", in)
	var out T
	require.NoError(t, json.Unmarshal(data, &out))
	require.Empty(t, cmp.Diff(in, out))
}

func numFields[T any]() int { return reflect.TypeFor[T]().NumField() }
