package e2e_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
)

// neverRun are activity types that no journey of the three sample practices
// comes to, and why. They have tests of their own.
var neverRun = map[string]string{
	"ConfirmByReport":    "nobody uploads by hand",
	"GiveUpNotice":       "no letter has to be given up",
	"DecideDelivery":     "every delivery's outcome can be told",
	"EndHandUpload":      "nobody uploads by hand",
	"LayOutFile":         "nobody uploads by hand",
	"ListAnswered":       "no report speaks of more files than one page holds",
	"RecordEvidence":     "every approval comes with its email",
	"SeeVersion":         "every prerequisite is there from the start",
	"SettlePrerequisite": "every prerequisite is there from the start",
	"WriteNotice":        "letters to the registry go by themselves there",
	"WaivePrerequisites": "every prerequisite is there from the start",
}

// mayRun are those that run where a kill falls between an upload's last step and its
// record, and the registry has picked the file up meanwhile: nobody can tell then
// whether it arrived, until the report comes.
var mayRun = []string{"OpenHold", "CloseHold", "ProveDelivery"}

// activityTypes are the names under which the worker registers activities: the
// exported methods of the structs of package activities.
func activityTypes() []string {
	var names []string
	for _, a := range []any{
		&activities.Files{}, &activities.Practices{}, &activities.Deliveries{}, &activities.Reports{},
		&activities.Notices{}, &activities.Watches{}, &activities.Histories{}, &activities.Schedules{},
		&activities.Hosts{}, &activities.Hands{},
	} {
		kind := reflect.TypeOf(a)
		for i := range kind.NumMethod() {
			names = append(names, kind.Method(i).Name)
		}
	}
	return names
}

// TestKills kills the worker, as kill -9 does, before and after the first run of
// each activity type of a journey. The oracle says whether anything came twice
// or was lost.
func TestKills(t *testing.T) {
	var want []string
	for _, name := range activityTypes() {
		if neverRun[name] == "" && !slices.Contains(mayRun, name) {
			want = append(want, "after-"+name, "before-"+name)
		}
	}
	kills, dir := filepath.Join(root, "kills"), filepath.Join(root, "killed-workers")

	p := start(t, "-journey", "-json", "-no-ui", "-data", dir, "-kill", kills)
	code := p.within(2 * journeyPatience)

	var got []string
	entries, err := os.ReadDir(kills)
	require.NoError(t, err)
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Zero(t, code, "%s\n%s", p.stdout, p.stderr)
	always := slices.DeleteFunc(slices.Clone(got), func(name string) bool {
		_, activity, _ := strings.Cut(name, "-")
		return slices.Contains(mayRun, activity)
	})
	require.ElementsMatch(t, want, always, "an activity type that a journey runs was not killed, or a list of this test is out of date:\n%s", p.stdout)
	t.Logf("%d kills of %d activity types", len(got), len(got)/2)
	v := parse(t, p.stdout.String())
	require.True(t, v.OK)
	require.Equal(t, len(got), v.WorkerRestarts, "each kill took the worker")
	for _, practice := range v.Practices {
		require.Empty(t, practice.Missing, practice.Practice)
		require.GreaterOrEqual(t, practice.FilesSent, leastFiles[practice.Practice], practice.Practice)
		require.Equal(t, practice.FilesSent, practice.Verified, practice.Practice)
		require.Equal(t, practice.ErrorsOpened, practice.ErrorsSettled, practice.Practice)
	}
	nothingLeft(t, dir)
}
