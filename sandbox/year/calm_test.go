package year_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/notify"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/sandbox/fakeregistry"
	"immtrail/workflows"
)

const calmSites = 60

// A group of sixty sites, daily clinics and such that give a vaccine now and
// then, is watched for ninety days by the real watch, on a real database, while
// its files go to a registry and are answered.
func TestGroupOfSixtySites(t *testing.T) {
	t.Run("ninety calm days raise no alert", func(t *testing.T) {
		c := newCalm(t)
		c.play(90, nil)
		require.Empty(t, c.alerts())
	})
	t.Run("an export that broke for twelve clinics is one alert and one all-clear", func(t *testing.T) {
		c := newCalm(t)
		c.play(90, func(day, site int) bool { return site >= 16 && site < 28 && day >= 20 && day < 34 })
		require.Equal(t, []string{"alert-watch", "resolved"}, c.alerts())
	})
	t.Run("left broken, the same alert grows: quiet, 20, 25 and 28 days, and the limit", func(t *testing.T) {
		c := newCalm(t)
		c.play(90, func(day, site int) bool { return site >= 16 && site < 28 && day >= 20 && day < 60 })
		require.Equal(t, []string{"alert-watch", "alert-watch", "alert-watch", "alert-watch", "alert-watch", "resolved"}, c.alerts())
	})
	t.Run("a group that came in live and sends nothing yet is told by its floor alone", func(t *testing.T) {
		c := newCalm(t)
		c.play(40, func(day, _ int) bool { return day < 24 })
		require.Equal(t, []string{"alert-watch", "resolved"}, c.alerts(), "twenty days without a file, not sixty quiet sites")
	})
}

// calm is a group and its watch.
type calm struct {
	*world
	notices *activities.Notices
	mu      sync.Mutex
	letters []string
}

func newCalm(t *testing.T) *calm {
	t.Helper()
	names := make([]string, calmSites)
	for i := range names {
		names[i] = fmt.Sprintf("clinic-%02d", i+1)
	}
	c := &calm{world: newGroup(t, names, fakeregistry.Behaviour{Answer: fakeregistry.AnswerACK},
		registry.ReportSettings{Lists: "all", Per: "file"})}
	c.profile.Policy.DigestWeekday = "" // a digest is no alert
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	c.notices = &activities.Notices{
		DB: c.store, Sender: c, Letters: letters, Profiles: c.world,
		From:  registry.Contact{Role: registry.ContactCoordinator, Name: "Carla", Email: "carla@coordinator.example"},
		Clock: func() time.Time { return c.now },
	}
	return c
}

// Send implements notify.Sender.
func (c *calm) Send(_ context.Context, r notify.Rendered, id string) (notify.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters = append(c.letters, r.Subject)
	return notify.Receipt{MessageID: id, Delivered: true}, nil
}

// alerts are the kinds of all letters that were written, in their order.
func (c *calm) alerts() []string {
	c.t.Helper()
	kept, err := c.store.ListNotices(c.t.Context(), db.NoticeFilter{Practice: group, Limit: 500})
	require.NoError(c.t, err)
	kinds := []string{}
	for _, n := range slices.Backward(kept) {
		kinds = append(kinds, string(n.Kind))
		c.t.Logf("%s %s: %s", n.PreparedAt.Format(time.DateOnly), n.Kind, n.Subject)
	}
	require.Len(c.t, c.letters, len(kinds), "every letter went out, once")
	return kinds
}

// sends reports whether a site gives a vaccine on a day: twenty do each day, of the
// others one about every third, eighth or eighteenth day, never quite on time.
func sends(day, site int) bool {
	every := 1
	switch {
	case site >= 50:
		every = 18
	case site >= 40:
		every = 8
	case site >= 20:
		every = 3
	}
	turn, at := (day+site)/every, (day+site)%every
	return at == rand.New(rand.NewPCG(uint64(site), uint64(turn))).IntN(every/2+1)
}

// play lets days pass. silent says on which days which site's records do not
// reach the file.
func (c *calm) play(days int, silent func(day, site int) bool) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(5 * time.Minute)
	begin := c.now
	env.SetStartTime(begin)
	env.RegisterWorkflowWithOptions(workflows.Watch, workflow.RegisterOptions{Name: "Watch"})
	clock := func() time.Time { return c.now }
	env.RegisterActivity(&activities.Watches{DB: c.store, Profiles: c.world, Clock: clock})
	env.RegisterActivity(&activities.Practices{DB: c.store, Profiles: c.world, Clock: clock})
	env.RegisterActivity(c.notices)
	env.RegisterActivity(c.files)
	// Reminders are a workflow of their own, which this world does not play.
	env.RegisterActivityWithOptions(func(context.Context, activities.EnsureRemindersInput) (activities.Done, error) {
		return activities.Done{}, nil
	}, activity.RegisterOptions{Name: "EnsureReminders"})
	for day := range days {
		env.RegisterDelayedCallback(func() { c.day(begin, day, silent) }, time.Duration(day)*24*time.Hour-6*time.Hour)
	}
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Duration(days)*24*time.Hour)
	env.ExecuteWorkflow(workflows.Watch, workflows.WatchInput{Version: 1, Practice: group, Policy: c.profile.Policy})
	require.True(c.t, env.IsWorkflowCompleted())
}

// day is one evening: the day's file goes out, and the registry's answers come in.
func (c *calm) day(begin time.Time, day int, silent func(day, site int) bool) {
	c.now = begin.AddDate(0, 0, day).Add(-6 * time.Hour)
	var file strings.Builder
	for site := range c.sites {
		if !sends(day, site) || silent != nil && silent(day, site) {
			continue
		}
		var b bytes.Buffer
		opt := hl7gen.Options{
			OrgCode: orgCode, Now: c.now, ProcessingID: "P", Series: day*calmSites + site, Prescribers: []string{"1234567893"},
			Facilities: []hl7gen.Facility{{ID: facility(site)}},
		}
		_, err := hl7gen.New(uint64(1+day*calmSites+site), opt).Batch(&b, hl7gen.BatchOptions{Messages: 1})
		require.NoError(c.t, err)
		file.WriteString(strings.Join(messagesOf(b.Bytes()), ""))
	}
	if file.Len() > 0 {
		c.send(fmt.Sprintf("day-%02d.hl7", day), []byte(file.String()), nil)
		c.collect()
	}
	// The watch looks at the same hour of the next morning.
	c.now = begin.AddDate(0, 0, day)
}
