package workflows_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/workflows"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

// office is an onboarding beside the reminders, with the real activities on a real
// database; only the mail goes nowhere.
type office struct {
	env     *testsuite.TestWorkflowEnvironment
	db      *db.Store
	profile registry.Profile
	mu      sync.Mutex
	mail    []posted
}

// posted is a letter with the moment at which it went out.
type posted struct {
	notify.Rendered
	at time.Time
}

// Profile implements activities.ProfileSource.
func (o *office) Profile(string) (*registry.Profile, error) { return &o.profile, nil }

// Send implements the postman.
func (o *office) Send(_ context.Context, r notify.Rendered, id string) (notify.Receipt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mail = append(o.mail, posted{r, o.env.Now()})
	return notify.Receipt{MessageID: id, Delivered: true}, nil
}

// reminders are the morning letters that went out so far, as "2026-03-09 08:00".
func (o *office) reminders(t *testing.T) (days, bodies []string) {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.mail {
		if strings.HasPrefix(m.Event, "reminders/") {
			require.Equal(t, "maria@sunrise.example", m.To[0].Email)
			days, bodies = append(days, m.at.In(zone).Format("2006-01-02 15:04")), append(bodies, m.Body)
		}
	}
	return days, bodies
}

func newOffice(t *testing.T, phase registry.Phase) *office {
	t.Helper()
	loaded, err := texas.Load()
	require.NoError(t, err)
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	sealer, err := db.NewSealer(bytes.Repeat([]byte("d"), 32), db.SealKey{ID: "a", Key: bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	o := &office{profile: loaded.Profile}
	o.profile.Policy.Lead = "maria@sunrise.example" // who is late hears of it herself
	o.db, err = db.Open(t.Context(), db.Options{URL: dbtest.New(t, db.Migrate), Sealer: sealer})
	require.NoError(t, err)
	t.Cleanup(o.db.Close)
	act := func(key string) db.Act { return db.Act{Key: key, By: ana, At: epoch} }
	require.NoError(t, o.db.SaveConnection(t.Context(), db.Connection{
		Name: "dshs", Protocol: "sftp", Host: "127.0.0.1", Port: 1, Username: "u", SecretRef: "env:KEY",
	}, act("connection")))
	require.NoError(t, o.db.SavePractice(t.Context(), &registry.Practice{
		ID: practice, Name: "Sunrise Pediatrics", Registry: "texas", OrgCode: "BURL6343", Zone: "America/Chicago", Connection: "dshs", Phase: phase,
		Sites: []registry.Site{{ID: "plano", Name: "Plano", Facilities: []string{"BURL6343"}}},
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Desk", Email: "desk@ehr.example"},
			{Role: registry.ContactCoordinator, Name: "Maria", Email: "maria@sunrise.example"},
		},
	}, act("practice")))

	var s testsuite.WorkflowTestSuite
	s.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	o.env = s.NewTestWorkflowEnvironment()
	o.env.SetTestTimeout(2 * time.Minute)
	o.env.SetStartTime(epoch)
	clock := activities.Clock(o.env.Now)
	o.env.RegisterActivity(&activities.Practices{DB: o.db, Profiles: o, Clock: clock})
	o.env.RegisterActivity(&activities.Notices{
		DB: o.db, Sender: o, Letters: letters, Profiles: o, Catalogue: loaded.Catalogue, Clock: clock,
		From: registry.Contact{Name: "Immunization Desk", Email: "desk@sunrise.example"},
	})
	o.env.RegisterActivity(&activities.Schedules{})
	o.env.OnActivity("EnsureSchedules", mock.Anything, mock.Anything).Return(activities.Done{}, nil)
	for name, wf := range workflows.Types() {
		o.env.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: name})
	}
	o.env.OnWorkflow("Watch", mock.Anything, mock.Anything).Return(nil)
	o.env.OnWorkflow("HistoricalLoad", mock.Anything, mock.Anything).Return(workflows.HistoricalLoadResult{}, nil)
	return o
}

// run lets both live side by side for so many days.
func (o *office) run(t *testing.T, length int) {
	t.Helper()
	both := func(ctx workflow.Context) error {
		child := func(id string) workflow.Context {
			return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
		}
		workflow.ExecuteChildWorkflow(child(workflows.OnboardingID(practice)), workflows.Onboarding,
			workflows.OnboardingInput{Version: 1, Practice: practice, By: ana})
		workflow.ExecuteChildWorkflow(child(activities.RemindersID), activities.RemindersWorkflow,
			activities.RemindersInput{Version: 1, Policy: o.profile.Policy})
		return workflow.Sleep(ctx, days(length))
	}
	o.env.RegisterWorkflow(both)
	o.env.ExecuteWorkflow(both)
	require.True(t, o.env.IsWorkflowCompleted())
	require.NoError(t, o.env.GetWorkflowError())
}

// What the onboarding says that it waits for is what the reminders tell of, and
// the registry's answer is what ends it: nobody says anything to the reminders.
func TestAWaitIsRemindedOfUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	o := newOffice(t, registry.PhaseInReview)
	at(o.env, days(17), func() { // Thursday 19 March, between the third reminder and the fourth
		told, bodies := o.reminders(t)
		require.Equal(t, []string{"2026-03-09 08:00", "2026-03-16 08:00"}, told, "business days 5 and 10 of the profile")
		for _, body := range bodies {
			require.Contains(t, body, "in review")
			require.Contains(t, body, "waits for registry since 2026-03-02")
			require.Contains(t, body, "> starter production approve "+practice)
		}
		require.NoError(t, o.env.SignalWorkflowByID(workflows.OnboardingID(practice), workflows.SignalProductionApproved.Name, approval))
	})
	o.run(t, 45)

	p, err := o.db.Practice(t.Context(), practice)
	require.NoError(t, err)
	require.Equal(t, registry.PhaseProduction, p.Phase)
	told, bodies := o.reminders(t)
	require.Greater(t, len(told), 2, "what comes next waits too")
	for i, body := range bodies[2:] {
		require.NotContains(t, body, "in review", "answered, it is told no more")
		require.Contains(t, body, "waits for EHR vendor since 2026-03-19", told[i+2])
		require.Contains(t, body, "starter submit "+practice+" FILE --production")
	}
	require.Equal(t, "2026-03-23 08:00", told[2], "two business days after it began")
	require.Equal(t, 1, strings.Count(strings.Join(told, " "), "2026-03-23"))
}

// The registry answers on day 70 of ninety: until then exactly the mornings that
// the profile names, and nothing is decided by waiting.
func TestNinetyDaysWithTheReminders(t *testing.T) {
	t.Parallel()
	o := newOffice(t, registry.PhaseInReview)
	at(o.env, days(70), func() { // Monday 11 May
		p, err := o.db.Practice(context.Background(), practice)
		require.NoError(t, err)
		require.Equal(t, registry.PhaseInReview, p.Phase, "silence is no decision")
		require.NoError(t, o.env.SignalWorkflowByID(workflows.OnboardingID(practice), workflows.SignalProductionApproved.Name, approval))
	})
	o.run(t, 90)
	told, bodies := o.reminders(t)
	var review, firstFile []string
	for i, body := range bodies {
		if strings.Contains(body, "in review") {
			review = append(review, told[i])
			continue
		}
		require.Contains(t, body, "the first production file from the EHR")
		firstFile = append(firstFile, told[i])
	}
	require.Equal(t, []int{5, 10, 15, 20}, o.profile.Policy.ReviewReminders)
	require.Equal(t, []string{
		"2026-03-09 08:00", "2026-03-16 08:00", "2026-03-23 08:00", "2026-03-30 08:00", "2026-04-27 08:00",
	}, review, "business days 5, 10, 15, 20 and 40")
	require.Equal(t, []int{2, 5, 10, 20}, o.profile.Policy.WaitReminders)
	require.Equal(t, []string{"2026-05-13 08:00", "2026-05-18 08:00", "2026-05-26 08:00"}, firstFile, "2, 5 and 10, after Memorial Day")
}
