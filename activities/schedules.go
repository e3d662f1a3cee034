package activities

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/db"
	"immtrail/registry"
)

// Schedules keeps the Temporal Schedules of practices and connections.
type Schedules struct {
	Client client.Client
	// TaskQueue is where the workflows that Schedules start are worked on.
	TaskQueue string
	// DB knows the cadences that persons set; nil: none is known.
	DB *db.Store
}

// EnsureSchedulesInput asks for a practice's schedules as they should be.
type EnsureSchedulesInput struct {
	Scope
	Connection string `json:"connection"`
	Zone       string `json:"zone"`
	// CadenceDays between submissions, where nobody set a cadence.
	CadenceDays int `json:"cadence_days"`
	// Cadence is what a person set, where the caller knows it; the worker looks it
	// up itself.
	Cadence *registry.Cadence `json:"cadence,omitempty"`
	// Holidays of the registry, YYYY-MM-DD, for a cadence that leaves them out.
	Holidays []string `json:"holidays,omitempty"`
	// Paused pauses the submission schedule. Where it is not set a schedule
	// that exists stays as it is, so that what somebody paused in the Web UI
	// is not set going by the way.
	Paused bool `json:"paused"`
	// Resume sets a paused submission schedule going again.
	Resume bool `json:"resume,omitempty"`
	// Remove takes the submission schedule away (withdrawal); the connection's
	// report schedule stays, since others may use it.
	Remove bool `json:"remove,omitempty"`
	// Nominal is that of the submissions, see [CycleInput]; a calendar whose days are
	// begun by backfills implies it.
	Nominal bool            `json:"nominal,omitempty"`
	Policy  registry.Policy `json:"policy"`
}

// When files and reports travel on a real calendar: in the evening, when the
// EHR has written its day, an hour that no change to summer time touches; and
// four times a day for reports.
const (
	submissionHour = 20
	jitter         = 10 * time.Minute
	realCatchup    = 24 * time.Hour
	// Temporal allows no shorter catch-up window and no shorter interval.
	shortCatchup = 10 * time.Second
	// Longer than the longest cadence: what an outage left out is made up for, and
	// one submission takes all that lies there.
	submissionCatchup = 35 * 24 * time.Hour

	shortInterval = time.Second
	reportsPerDay = 4
)

// practiceAttribute is the search attribute by which a practice's workflows
// are found. `starter setup` registers it.
var practiceAttribute = temporal.NewSearchAttributeKeyKeyword("PracticeID")

// EnsureSchedules creates or updates the submission schedule of the practice
// and the report schedule of its connection: in the practice's zone with
// jitter when a day lasts 24 hours, by interval otherwise; catch-up window and
// overlap policy explicit. Repeating it changes nothing.
func (a *Schedules) EnsureSchedules(ctx context.Context, in EnsureSchedulesInput) (Done, error) {
	if in.Practice == "" || in.Connection == "" && !in.Remove {
		return Done{}, fail(ctx, registry.Errorf(registry.Invalid, "schedules", "practice or connection is missing"))
	}
	if in.Remove {
		return Done{}, fail(ctx, a.remove(ctx, CycleScheduleID(in.Practice)))
	}
	want, err := a.submission(ctx, in)
	if err == nil {
		err = a.ensure(ctx, want, in.Resume)
	}
	if err != nil {
		return Done{}, fail(ctx, err)
	}
	if err := a.ensure(ctx, a.collection(in), false); err != nil {
		return Done{}, fail(ctx, err)
	}
	return Done{}, nil
}

// submission describes the schedule that starts [CycleWorkflow]. One that is due
// while another runs is kept for after it; a second one would find nothing more.
// Rehearsals, where the next is seconds away, leave it out.
func (a *Schedules) submission(ctx context.Context, in EnsureSchedulesInput) (client.ScheduleOptions, error) {
	spec, overlap, window := submissionSpec(in), enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, shortCatchup
	if in.Calendar.Dated() {
		overlap, window = enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE, submissionCatchup
	}
	if in.Cadence == nil && a.DB != nil {
		set, ok, err := a.DB.Cadence(ctx, in.Practice)
		if err != nil {
			return client.ScheduleOptions{}, err
		}
		if ok {
			in.Cadence = &set
		}
	}
	if in.Cadence != nil {
		spec = cadenceSpec(*in.Cadence, in.Calendar, in.Holidays)
	}
	return client.ScheduleOptions{
		ID:            CycleScheduleID(in.Practice),
		Spec:          spec,
		Overlap:       overlap,
		CatchupWindow: window,
		Paused:        in.Paused || in.Calendar.Backfilled, // by the wall clock nothing is due
		Action: &client.ScheduleWorkflowAction{
			ID:        CycleID(in.Practice),
			Workflow:  CycleWorkflow,
			TaskQueue: a.TaskQueue,
			Args:      []any{CycleInput{Version: 1, Practice: in.Practice, Calendar: in.Calendar, Nominal: in.Nominal || in.Calendar.Backfilled}},
			TypedSearchAttributes: temporal.NewSearchAttributes(
				practiceAttribute.ValueSet(in.Practice)),
		},
	}, nil
}

// collection describes the schedule that starts [CollectionWorkflow]. It
// belongs to the connection, which several practices may share.
func (a *Schedules) collection(in EnsureSchedulesInput) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:            CollectionScheduleID(in.Connection),
		Spec:          collectionSpec(in),
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: catchup(in.Calendar),
		Action: &client.ScheduleWorkflowAction{
			ID:        "reports/" + in.Connection,
			Workflow:  CollectionWorkflow,
			TaskQueue: a.TaskQueue,
			Args: []any{CollectionInput{
				Version: 1, Connection: in.Connection, Calendar: in.Calendar, Policy: in.Policy,
			}},
		},
	}
}

// ensure creates the schedule, or makes the one that exists the same. What is
// paused stays paused unless resume asks otherwise.
func (a *Schedules) ensure(ctx context.Context, want client.ScheduleOptions, resume bool) error {
	schedules := a.Client.ScheduleClient()
	_, err := schedules.Create(ctx, want)
	if err == nil {
		return nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return scheduleError("schedule create", err)
	}
	handle := schedules.GetHandle(ctx, want.ID)
	err = handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := in.Description.Schedule
			schedule.Action = want.Action
			schedule.Spec = &want.Spec
			schedule.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow}
			if schedule.State == nil {
				schedule.State = &client.ScheduleState{}
			}
			schedule.State.Paused = want.Paused || schedule.State.Paused && !resume
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
	if err != nil {
		return scheduleError("schedule update", err)
	}
	return nil
}

func (a *Schedules) remove(ctx context.Context, id string) error {
	err := a.Client.ScheduleClient().GetHandle(ctx, id).Delete(ctx)
	if notFound := (*serviceerror.NotFound)(nil); err == nil || errors.As(err, &notFound) {
		return nil
	}
	return scheduleError("schedule delete", err)
}

// scheduleError keeps the kinds apart that trying again cannot mend.
func scheduleError(op string, err error) error {
	kind := registry.Transient
	var argument *serviceerror.InvalidArgument
	var exhausted *serviceerror.ResourceExhausted
	switch {
	case errors.As(err, &argument):
		kind = registry.Invalid
	case errors.As(err, &exhausted):
		kind = registry.Busy
	}
	return &registry.Error{Kind: kind, Op: op, Err: err}
}

func catchup(c registry.Calendar) time.Duration {
	if c.Real() {
		return realCatchup
	}
	return shortCatchup
}

// submissionSpec is every CadenceDays days. On a real calendar the days of the
// month are counted from the first, so that the distance is never longer than
// the cadence, whatever the month; the minute is spread by the practice's name.
func submissionSpec(in EnsureSchedulesInput) client.ScheduleSpec {
	cadence := max(1, in.CadenceDays)
	if !in.Calendar.Dated() {
		return every(time.Duration(cadence) * in.Calendar.Day)
	}
	spec := client.ScheduleCalendarSpec{
		Minute: []client.ScheduleRange{{Start: spread(in.Practice, 60)}},
		Hour:   []client.ScheduleRange{{Start: submissionHour}},
	}
	if cadence > 1 {
		spec.DayOfMonth = []client.ScheduleRange{{Start: 1, End: 31, Step: cadence}}
	}
	dated := onCalendar(spec, in.Zone)
	if in.Calendar.Backfilled {
		dated.Jitter = 0
	}
	return dated
}

// ProfileCadence says in words when files of a practice are sent for which nobody set a
// cadence.
func ProfileCadence(practice string, cadenceDays int, zone string) string {
	how := "every day"
	if cadenceDays > 1 {
		how = fmt.Sprintf("every %d days from the first of a month on", cadenceDays)
	}
	return fmt.Sprintf("%s at %02d:%02d (%s), beginning up to %d minutes later",
		how, submissionHour, spread(practice, 60), zone, int(jitter/time.Minute))
}

func collectionSpec(in EnsureSchedulesInput) client.ScheduleSpec {
	if !in.Calendar.Real() {
		return every(in.Calendar.Day / reportsPerDay)
	}
	return onCalendar(client.ScheduleCalendarSpec{
		Minute: []client.ScheduleRange{{Start: spread(in.Connection, 60)}},
		Hour:   []client.ScheduleRange{{Start: 5, End: 23, Step: 24 / reportsPerDay}},
	}, in.Zone)
}

func every(interval time.Duration) client.ScheduleSpec {
	return client.ScheduleSpec{
		Intervals: []client.ScheduleIntervalSpec{{Every: max(shortInterval, interval)}},
	}
}

func onCalendar(spec client.ScheduleCalendarSpec, zone string) client.ScheduleSpec {
	return client.ScheduleSpec{
		Calendars:    []client.ScheduleCalendarSpec{spec},
		TimeZoneName: zone,
		Jitter:       jitter,
	}
}

// spread gives each name its own place below n, the same on every machine.
func spread(name string, n uint32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32() % n)
}

// Workflow types that Schedules start. Their names and inputs are frozen: a
// schedule that exists keeps starting them.
const (
	CycleWorkflow      = "SubmissionCycle"
	CollectionWorkflow = "ReportCollection"
)

// CycleInput is the input of the workflow SubmissionCycle.
type CycleInput struct {
	Version  int               `json:"version"`
	Practice string            `json:"practice"`
	Calendar registry.Calendar `json:"calendar"`
	// Nominal makes the time for which the Schedule meant it the date on which it
	// begins, and its files' with it: for rehearsals of years, which a backfill drives.
	// What is done in earnest is dated by the clock, also where it comes late. All that
	// lies in the outbox has its date: one of a later day is refused as of the future.
	Nominal bool `json:"nominal,omitempty"`
}

// CollectionInput is the input of the workflow ReportCollection.
type CollectionInput struct {
	Version    int               `json:"version"`
	Connection string            `json:"connection"`
	Calendar   registry.Calendar `json:"calendar"`
	// Policy gives the patience of its steps.
	Policy registry.Policy `json:"policy"`
}

// CycleID is the ID of a practice's submissions; Temporal adds a hyphen and the time
// for which each was due.
func CycleID(practice string) string { return "cycle/" + practice }

// CycleScheduleID is the ID of a practice's submission schedule.
func CycleScheduleID(practice string) string { return "cycle-" + practice }

// CollectionScheduleID is the ID of a connection's report schedule.
func CollectionScheduleID(connection string) string { return "reports-" + connection }

// EnsureRemindersInput gives the calendar and the patience of the reminders.
type EnsureRemindersInput struct {
	Scope
	Policy registry.Policy `json:"policy"`
}

// RemindersInput starts [RemindersWorkflow].
type RemindersInput struct {
	Version  int               `json:"version"`
	Calendar registry.Calendar `json:"calendar"`
	Policy   registry.Policy   `json:"policy"`
}

// EnsureReminders starts the workflow that writes people's reminders, where it does
// not run. Repeating it changes nothing.
func (a *Schedules) EnsureReminders(ctx context.Context, in EnsureRemindersInput) (Done, error) {
	_, err := a.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: RemindersID, TaskQueue: a.TaskQueue, StaticSummary: "one letter a person and day of what waits",
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    temporal.NewSearchAttributes(needsAttention.ValueSet(false)),
	}, RemindersWorkflow, RemindersInput{Version: 1, Calendar: in.Calendar, Policy: in.Policy})
	return Done{}, fail(ctx, err)
}
