package activities_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/registry"
)

// scheduler keeps Schedules the way the server does: unique by ID.
type scheduler struct {
	client.ScheduleClient
	kept   map[string]*client.Schedule
	writes int
	refuse error
}

func (s *scheduler) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	if s.refuse != nil {
		return nil, s.refuse
	}
	if s.kept[o.ID] != nil {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	s.writes++
	s.kept[o.ID] = &client.Schedule{
		Action: o.Action, Spec: &o.Spec,
		Policy: &client.SchedulePolicies{Overlap: o.Overlap, CatchupWindow: o.CatchupWindow},
		State:  &client.ScheduleState{Paused: o.Paused, Note: o.Note},
	}
	return nil, nil
}

func (s *scheduler) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &scheduleHandle{s: s, id: id}
}

type scheduleHandle struct {
	client.ScheduleHandle
	s  *scheduler
	id string
}

func (h *scheduleHandle) Update(_ context.Context, o client.ScheduleUpdateOptions) error {
	kept := h.s.kept[h.id]
	if kept == nil {
		return serviceerror.NewNotFound("no such schedule")
	}
	changed, err := o.DoUpdate(client.ScheduleUpdateInput{Description: client.ScheduleDescription{Schedule: *kept}})
	if err != nil {
		return err
	}
	h.s.kept[h.id] = changed.Schedule
	return nil
}

func (h *scheduleHandle) Delete(context.Context) error {
	if h.s.kept[h.id] == nil {
		return serviceerror.NewNotFound("no such schedule")
	}
	delete(h.s.kept, h.id)
	return nil
}

func newScheduler(t *testing.T) (*scheduler, *activities.Schedules) {
	t.Helper()
	s := &scheduler{kept: map[string]*client.Schedule{}}
	c := mocks.NewClient(t)
	c.On("ScheduleClient").Maybe().Return(s)
	return s, &activities.Schedules{Client: c, TaskQueue: "immtrail"}
}

func scheduleInput(day time.Duration, cadence int) activities.EnsureSchedulesInput {
	return activities.EnsureSchedulesInput{
		Scope:      activities.Scope{Practice: "sunrise-plano", Calendar: registry.Calendar{Day: day}},
		Connection: "texas-sftp", Zone: "America/Chicago", CadenceDays: cadence,
	}
}

func TestEnsureSchedules(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("a real calendar gives evenings in the practice's zone, with jitter", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		_, err := a.EnsureSchedules(ctx, scheduleInput(0, 1))
		require.NoError(t, err)

		cycle := s.kept[activities.CycleScheduleID("sunrise-plano")]
		require.NotNil(t, cycle)
		require.Equal(t, "America/Chicago", cycle.Spec.TimeZoneName)
		require.Positive(t, cycle.Spec.Jitter)
		require.Len(t, cycle.Spec.Calendars, 1)
		require.Empty(t, cycle.Spec.Intervals)
		require.Empty(t, cycle.Spec.Calendars[0].DayOfMonth, "every day")
		require.Greater(t, cycle.Policy.CatchupWindow, 31*24*time.Hour, "an outage at the moment of a monthly submission costs no month")
		require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE, cycle.Policy.Overlap)

		action, ok := cycle.Action.(*client.ScheduleWorkflowAction)
		require.True(t, ok)
		require.Equal(t, "cycle/sunrise-plano", action.ID)
		require.Equal(t, activities.CycleWorkflow, action.Workflow)
		practice, ok := action.TypedSearchAttributes.GetKeyword(temporal.NewSearchAttributeKeyKeyword("PracticeID"))
		require.True(t, ok)
		require.Equal(t, "sunrise-plano", practice)

		reports := s.kept[activities.CollectionScheduleID("texas-sftp")]
		require.NotNil(t, reports)
		require.Equal(t, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, reports.Policy.Overlap)
	})

	t.Run("a cadence of some days is never stretched by the end of a month", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		_, err := a.EnsureSchedules(ctx, scheduleInput(0, 7))
		require.NoError(t, err)
		days := s.kept[activities.CycleScheduleID("sunrise-plano")].Spec.Calendars[0].DayOfMonth
		require.Equal(t, []client.ScheduleRange{{Start: 1, End: 31, Step: 7}}, days)
	})
}

func TestEnsureSchedulesOfARehearsal(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	for _, c := range []struct {
		name    string
		day     time.Duration
		cadence int
		want    time.Duration
	}{
		{"a rehearsal goes by interval", 2 * time.Second, 3, 6 * time.Second},
		{"no interval is shorter than a second", 100 * time.Millisecond, 1, time.Second},
		{"a cadence that was not set is a day", 5 * time.Second, 0, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, a := newScheduler(t)
			_, err := a.EnsureSchedules(ctx, scheduleInput(c.day, c.cadence))
			require.NoError(t, err)
			cycle := s.kept[activities.CycleScheduleID("sunrise-plano")]
			require.Empty(t, cycle.Spec.Calendars)
			require.Equal(t, c.want, cycle.Spec.Intervals[0].Every)
			require.Equal(t, 10*time.Second, cycle.Policy.CatchupWindow)
		})
	}
}

// A play of years sees the changes of the clocks only where its submissions keep to
// dates, and nothing of it is due by the clock on the wall.
func TestEnsureSchedulesOfYears(t *testing.T) {
	t.Parallel()
	in := scheduleInput(2*time.Second, 1)
	in.Calendar.Backfilled = true
	for name, cadence := range map[string]*registry.Cadence{
		"nobody set a cadence": nil,
		"a person set one":     {Every: registry.CadenceDaily, At: []string{"18:00"}, Zone: "America/Chicago", Jitter: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a := newScheduler(t)
			in := in
			in.Cadence, in.Resume = cadence, true
			for range 2 {
				_, err := a.EnsureSchedules(t.Context(), in)
				require.NoError(t, err)
				cycle := s.kept[activities.CycleScheduleID("sunrise-plano")]
				require.Empty(t, cycle.Spec.Intervals)
				require.Len(t, cycle.Spec.Calendars, 1)
				require.Equal(t, "America/Chicago", cycle.Spec.TimeZoneName)
				require.Zero(t, cycle.Spec.Jitter, "the hour is to be seen")
				require.True(t, cycle.State.Paused)
				action, ok := cycle.Action.(*client.ScheduleWorkflowAction)
				require.True(t, ok)
				require.True(t, action.Args[0].(activities.CycleInput).Nominal) //nolint:forcetypeassert // it panics
			}
			require.NotEmpty(t, s.kept[activities.CollectionScheduleID("texas-sftp")].Spec.Intervals, "reports come by the wall")
		})
	}
}

func TestEnsureSchedulesAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cycleID := activities.CycleScheduleID("sunrise-plano")

	t.Run("repeating it leaves two schedules as they were", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		in := scheduleInput(0, 1)
		_, err := a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		before := *s.kept[cycleID]
		_, err = a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		require.Equal(t, 2, s.writes)
		require.Equal(t, before, *s.kept[cycleID])
	})

	t.Run("a new cadence reaches the schedule that exists", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		_, err := a.EnsureSchedules(ctx, scheduleInput(time.Second, 1))
		require.NoError(t, err)
		_, err = a.EnsureSchedules(ctx, scheduleInput(time.Second, 4))
		require.NoError(t, err)
		require.Equal(t, 4*time.Second, s.kept[cycleID].Spec.Intervals[0].Every)
	})

	t.Run("what somebody paused in the Web UI stays paused until resume is asked for", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		in := scheduleInput(0, 1)
		_, err := a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		s.kept[cycleID].State.Paused = true
		_, err = a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		require.True(t, s.kept[cycleID].State.Paused)
		in.Resume = true
		_, err = a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		require.False(t, s.kept[cycleID].State.Paused)
	})
}

func TestEnsureSchedulesPausedAndRemoved(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cycleID := activities.CycleScheduleID("sunrise-plano")

	t.Run("pausing submission does not pause the reports", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		in := scheduleInput(0, 1)
		in.Paused = true
		for range 2 {
			_, err := a.EnsureSchedules(ctx, in)
			require.NoError(t, err)
			require.True(t, s.kept[cycleID].State.Paused)
			require.False(t, s.kept[activities.CollectionScheduleID("texas-sftp")].State.Paused)
		}
		require.Empty(t, s.kept[cycleID].State.Note, "notes skip the codec")
	})

	t.Run("removal is repeatable and leaves the connection's reports", func(t *testing.T) {
		t.Parallel()
		s, a := newScheduler(t)
		in := scheduleInput(0, 1)
		_, err := a.EnsureSchedules(ctx, in)
		require.NoError(t, err)
		in.Remove, in.Connection = true, "" // a withdrawal knows only the practice
		for range 2 {
			_, err = a.EnsureSchedules(ctx, in)
			require.NoError(t, err)
		}
		require.Nil(t, s.kept[cycleID])
		require.NotNil(t, s.kept[activities.CollectionScheduleID("texas-sftp")])
	})
}

func TestEnsureSchedulesFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		kind  registry.Kind
		again bool
	}{
		{"a server that is away is tried again", errors.New("connection refused"), registry.Transient, true},
		{"a zone that the server does not know is not", serviceerror.NewInvalidArgument("unknown zone"), registry.Invalid, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, a := newScheduler(t)
			s.refuse = c.err
			_, err := a.EnsureSchedules(t.Context(), scheduleInput(0, 1))
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, string(c.kind), app.Type())
			require.Equal(t, c.again, !app.NonRetryable())
		})
	}
}

func TestCadencesOfPersons(t *testing.T) {
	t.Parallel()
	spec := func(t *testing.T, day time.Duration, c registry.Cadence) client.ScheduleSpec {
		t.Helper()
		require.NoError(t, c.Check())
		s, a := newScheduler(t)
		in := scheduleInput(day, 1)
		in.Cadence = &c
		for range 2 { // the second time it exists
			_, err := a.EnsureSchedules(t.Context(), in)
			require.NoError(t, err)
		}
		return *s.kept[activities.CycleScheduleID("sunrise-plano")].Spec
	}
	days := func(ranges []client.ScheduleRange) []int {
		out := []int{}
		for _, r := range ranges {
			for d := r.Start; d <= max(r.End, r.Start); d++ {
				out = append(out, d)
			}
		}
		return out
	}

	t.Run("times, zone and jitter reach the schedule", func(t *testing.T) {
		t.Parallel()
		got := spec(t, 0, registry.Cadence{Every: "weekdays", At: []string{"06:15", "18:00"}, Zone: "America/Denver", Jitter: 20 * time.Minute})
		require.Equal(t, "America/Denver", got.TimeZoneName)
		require.Equal(t, 20*time.Minute, got.Jitter)
		require.Len(t, got.Calendars, 2)
		require.Equal(t, 6, got.Calendars[0].Hour[0].Start)
		require.Equal(t, 15, got.Calendars[0].Minute[0].Start)
		require.Equal(t, []int{1, 2, 3, 4, 5}, days(got.Calendars[1].DayOfWeek))
	})
	t.Run("a week has its day, a cron stays as it is", func(t *testing.T) {
		t.Parallel()
		got := spec(t, 0, registry.Cadence{Every: "weekly", Weekday: "fri", At: []string{"18:00"}, Zone: "UTC"})
		require.Equal(t, []int{5}, days(got.Calendars[0].DayOfWeek))
		got = spec(t, 0, registry.Cadence{Every: "cron", Cron: "0 6,18 * * 1-5", Zone: "UTC"})
		require.Equal(t, []string{"0 6,18 * * 1-5"}, got.CronExpressions)
		require.Empty(t, got.Calendars)
	})
	t.Run("months are never more than 30 days apart", func(t *testing.T) {
		t.Parallel()
		for day := 1; day <= 28; day++ {
			got := spec(t, 0, registry.Cadence{Every: "monthly", Day: day, At: []string{"18:00"}, Zone: "UTC"})
			last := time.Time{}
			for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2029; at = at.AddDate(0, 0, 1) {
				due := false
				for _, c := range got.Calendars {
					due = due || slices.Contains(days(c.DayOfMonth), at.Day()) &&
						(len(c.Month) == 0 || slices.Contains(days(c.Month), int(at.Month())))
				}
				if !due {
					continue
				}
				if !last.IsZero() {
					require.LessOrEqual(t, at.Sub(last), 30*24*time.Hour, "day %d before %s", day, at)
				}
				last = at
			}
		}
	})
	t.Run("holidays of the registry are left out where the cadence says so", func(t *testing.T) {
		t.Parallel()
		for _, skip := range []bool{true, false} {
			s, a := newScheduler(t)
			in := scheduleInput(0, 1)
			in.Holidays = []string{"2026-11-26", "2026-12-25"}
			in.Cadence = &registry.Cadence{Every: "daily", At: []string{"06:00", "18:00"}, Zone: "UTC", SkipHolidays: skip}
			require.NoError(t, in.Cadence.Check())
			_, err := a.EnsureSchedules(t.Context(), in)
			require.NoError(t, err)
			got := s.kept[activities.CycleScheduleID("sunrise-plano")].Spec
			require.Len(t, got.Calendars, 2, "twice a day")
			if !skip {
				require.Empty(t, got.Skip)
				continue
			}
			require.Len(t, got.Skip, 2)
			day := got.Skip[1]
			require.Equal(t, []int{2026, 12, 25}, []int{day.Year[0].Start, day.Month[0].Start, day.DayOfMonth[0].Start})
			require.Equal(t, 23, day.Hour[0].End)
		}
		monthly := registry.Cadence{Every: "monthly", Day: 1, At: []string{"18:00"}, Zone: "UTC", SkipHolidays: true}
		require.ErrorContains(t, monthly.Check(), "more than 30 days")
	})
	t.Run("a rehearsal keeps the distance", func(t *testing.T) {
		t.Parallel()
		got := spec(t, 2*time.Second, registry.Cadence{Every: "weekly", Weekday: "fri", At: []string{"18:00"}, Zone: "UTC"})
		require.Equal(t, 14*time.Second, got.Intervals[0].Every)
	})
}
