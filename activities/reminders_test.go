package activities_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// mornings plays the workflow of the reminders from b.now until a date: each letter
// is asked for twice. It returns who got one when, on the reader's clock.
func (b *bundle) mornings(t *testing.T, a *activities.Notices, man *postman, until time.Time, zone string) []string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	var told []string
	for b.now.Before(until) {
		due := must(t, a.DueReminders, activities.DueRemindersInput{})
		for _, event := range due.Events {
			before := len(man.letters)
			in := activities.LetterOf(event)
			first := must(t, a.SendNotice, in)
			require.Equal(t, first, must(t, a.SendNotice, in))
			require.Len(t, man.letters, before+1, "asked for twice, it is one letter")
			told = append(told, strings.ToLower(man.to(t))+" "+b.now.In(loc).Format("2006-01-02 15:04"))
		}
		again := must(t, a.DueReminders, activities.DueRemindersInput{})
		require.Empty(t, again.Events, "looked twice, nobody is told twice")
		require.True(t, due.Next.After(b.now))
		b.now = due.Next
	}
	return told
}

// waits writes a line of a practice, begun now.
func (b *bundle) waits(t *testing.T, practice string, line activities.Progress) {
	t.Helper()
	if line.Since.IsZero() {
		line.Since = b.now
	}
	if line.Source == "" {
		line.Source = "onboarding"
	}
	must(t, b.practices.RecordProgress, activities.RecordProgressInput{Scope: activities.Scope{Practice: practice}, Progress: line})
}

var inReview = activities.Progress{
	Stage: "in review", Next: "the registry's Production email", Whose: "registry", Wait: registry.WaitReview,
	Move: "starter production approve sunrise --email FILE.eml (when the email is there), or call 800-348-9158, option 3",
}

func on(who string, days ...string) []string {
	out := make([]string, len(days))
	for i, d := range days {
		out[i] = who + " " + d
	}
	return out
}

func TestRemindersOfAReview(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseInReview)
	a, man := b.notices(t)
	b.now = time.Date(2026, 2, 24, 21, 30, 0, 0, time.UTC) // Tuesday, 15:30 in Texas
	b.waits(t, "sunrise", inReview)

	// Ninety days, over the begin of summer time (8 March) and Memorial Day.
	told := b.mornings(t, a, man, b.now.AddDate(0, 0, 90), "America/Chicago")
	maria, lead := "maria@sunrise.example", "desk@sunrise.example"
	var hers, theirs []string
	for _, s := range told {
		if strings.HasPrefix(s, maria) {
			hers = append(hers, s)
		} else {
			theirs = append(theirs, s)
		}
	}
	require.Equal(t, on(maria,
		"2026-03-03 08:00", "2026-03-10 08:00", "2026-03-17 08:00", "2026-03-24 08:00", // business days 5, 10, 15, 20
		"2026-04-21 08:00", "2026-05-19 08:00", // 40 and 60
	), hers)
	require.Equal(t, on(lead, "2026-03-24 08:00", "2026-04-21 08:00", "2026-05-19 08:00"), theirs, "from the day on which it is late")
	for _, want := range []string{"Sunrise Pediatrics (sunrise): in review [reminder 6]", "waits for registry since 2026-02-24, 60 business days, due 2026-03-24", "> starter production approve sunrise"} {
		require.Contains(t, man.last().Body, want)
	}
	require.Equal(t, registry.PhaseInReview, b.phase(t), "silence is no decision")

	t.Run("answered, nobody is told any more", func(t *testing.T) {
		b.waits(t, "sunrise", activities.Progress{Stage: "production: live", Whose: "nobody", Ended: true})
		require.Empty(t, b.mornings(t, a, man, b.now.AddDate(0, 0, 60), "America/Chicago"))
	})
}

func (b *bundle) phase(t *testing.T) registry.Phase {
	t.Helper()
	p, err := b.db.Practice(t.Context(), "sunrise")
	require.NoError(t, err)
	return p.Phase
}

func TestRemindersOfOnePersonAreOneLetter(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	b.enrolAt(t, "west", "TEST0002", "America/Denver", registry.Contact{Role: registry.ContactCoordinator, Name: "Maria", Email: "Maria@Sunrise.example"})
	step := activities.Progress{Stage: "testing: no file yet", Next: "the first test file", Whose: "EHR vendor", Move: "starter submit west FILE"}
	b.waits(t, "west", step)
	b.now = b.now.Add(time.Hour)
	b.waits(t, "sunrise", activities.Progress{Stage: "registered: prerequisites are missing", Next: "the site agreement", Whose: "you", Move: "starter prerequisite done sunrise site-agreement"})
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		Scope: scope(), ID: "h-1", WorkflowID: "file/f-1", Reason: registry.HoldConflict, What: "upload of a file",
		Actions: []registry.HoldAction{registry.ActionRetry, registry.ActionResend},
	})

	told := b.mornings(t, a, man, b.now.AddDate(0, 0, 4), "America/Chicago")
	require.Equal(t, on("maria@sunrise.example", "2026-03-03 08:00", "2026-03-04 08:00", "2026-03-05 08:00"), told,
		"the hold after 1 and 3 business days, the others after 2")
	body := man.letters[1].Body
	require.Less(t, strings.Index(body, "starter submit west FILE"), strings.Index(body, "starter prerequisite done"), "oldest first")
	require.Contains(t, body, "> starter hold resolve h-1 --action retry\n      (or --action resend; starter hold explain h-1 says what each does)\n", "no action that this step does not take")
	require.Contains(t, body, "a different file lies at the registry under our name\n", "it waits too, and is not due today")
	require.Equal(t, 3, strings.Count(body, "waits for"))

	t.Run("on its reader's clock, over the end of summer time too", func(t *testing.T) {
		p, err := b.db.Practice(t.Context(), "sunrise")
		require.NoError(t, err)
		p.Contacts[1].Zone = "America/Denver"
		require.NoError(t, b.db.SavePractice(t.Context(), p, b.act("zone")))
		b.close(t, "h-1")
		b.waits(t, "west", activities.Progress{Stage: "done", Whose: "nobody", Ended: true})
		b.now = time.Date(2026, 10, 29, 20, 0, 0, 0, time.UTC)
		b.waits(t, "sunrise", step)
		require.Equal(t, on("maria@sunrise.example", "2026-11-02 08:00", "2026-11-05 08:00"),
			b.mornings(t, a, man, time.Date(2026, 11, 6, 20, 0, 0, 0, time.UTC), "America/Denver"))
	})
}

// A person lives on one clock, however many practices in however many zones.
func TestRemindersComeOnTheReadersClock(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting) // its practice is in America/Chicago
	a, man := b.notices(t)
	step := activities.Progress{Stage: "testing: no file yet", Whose: "EHR vendor", Move: "starter submit sunrise FILE"}
	next := func(t *testing.T, monday int, month time.Month) []string {
		t.Helper()
		b.now = time.Date(2026, month, monday, 15, 0, 0, 0, time.UTC)
		b.waits(t, "sunrise", activities.Progress{Stage: step.Stage, Whose: step.Whose, Move: step.Move, Since: b.now})
		return b.mornings(t, a, man, b.now.AddDate(0, 0, 4), "America/Chicago")
	}
	t.Run("that of the practice, where nobody says", func(t *testing.T) {
		require.Equal(t, on("maria@sunrise.example", "2026-03-04 08:00"), next(t, 2, time.March))
	})
	t.Run("that of the settings, for the coordinator and for the lead", func(t *testing.T) {
		a.People = []registry.Contact{
			{Name: "Maria", Email: "Maria@sunrise.example", Zone: "America/Denver"},
			{Name: "Immunization Desk", Email: "desk@sunrise.example", Zone: "America/New_York"},
		}
		b.profile.Policy.StepDueDays = 2
		require.ElementsMatch(t, []string{"maria@sunrise.example 2026-03-18 09:00", "desk@sunrise.example 2026-03-18 07:00"}, next(t, 16, time.March))
	})
	t.Run("that of any of the person's practices that names one, before the practices' own", func(t *testing.T) {
		a.People, b.profile.Policy.StepDueDays = nil, 0
		b.enrolAt(t, "west", "TEST0002", "America/Los_Angeles",
			registry.Contact{Role: registry.ContactCoordinator, Name: "Maria", Email: "maria@sunrise.example", Zone: "America/Denver"})
		require.Equal(t, on("maria@sunrise.example", "2026-04-01 08:00"), next(t, 30, time.March), "a practice that has nothing for her")
		b.waits(t, "west", activities.Progress{Stage: step.Stage, Whose: step.Whose, Move: step.Move, Since: time.Date(2026, 4, 13, 15, 0, 0, 0, time.UTC)})
		require.Equal(t, on("maria@sunrise.example", "2026-04-15 09:00"), next(t, 13, time.April))
	})
}

func (b *bundle) close(t *testing.T, id string) {
	t.Helper()
	must(t, b.practices.CloseHold, activities.CloseHoldInput{Scope: scope(), ID: id, Action: registry.ActionRetry, By: maria})
}

// enrolAt enrols another practice on the same connection.
func (b *bundle) enrolAt(t *testing.T, id, org, zone string, contacts ...registry.Contact) {
	t.Helper()
	require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
		ID: id, Name: "West " + id, Registry: "texas", OrgCode: org, Zone: zone, Connection: "texas-sftp", Phase: registry.PhaseTesting,
		Sites: []registry.Site{{ID: "main", Name: "Main", Facilities: []string{org}}}, Contacts: contacts,
	}, b.act("practice-added/"+id)))
}

func TestRemindersFollowThePolicy(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	w := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	b.waits(t, "sunrise", activities.Progress{Stage: "testing: no file yet", Whose: "EHR vendor"})
	require.Equal(t, on("maria@sunrise.example", "2026-03-04 08:00"), b.mornings(t, a, man, b.now.AddDate(0, 0, 3), "America/Chicago"))
	require.Contains(t, man.last().Body, "> starter status sunrise")

	policy := b.profile.Policy
	policy.WaitReminders, policy.ReminderTime, policy.StepDueDays, policy.Lead = []int{4, 6}, "13:30", 6, "lead@group.example"
	in := activities.KeepPolicyInput{Scope: scope(), Policy: policy}
	must(t, w.KeepPolicy, in)
	must(t, w.KeepPolicy, in)
	told := b.mornings(t, a, man, time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC), "America/Chicago")
	require.ElementsMatch(t, append(on("maria@sunrise.example", "2026-03-10 13:30"), on("lead@group.example", "2026-03-10 13:30")...), told,
		"day 4 is the first of the new policy, and was said; the lead is another")

	t.Run("a practice that is not there has no policy", func(t *testing.T) {
		in.Practice = "nobody"
		_, err := run(t, w.KeepPolicy, in)
		requireKind(t, registry.Missing, err)
	})
	t.Run("a worker that was down writes one letter, and not at night", func(t *testing.T) {
		b.now = time.Date(2026, 4, 2, 1, 0, 0, 0, time.UTC) // 20:00 in Texas
		due := must(t, a.DueReminders, activities.DueRemindersInput{})
		require.Empty(t, due.Events)
		told := b.mornings(t, a, man, time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC), "America/Chicago")
		require.ElementsMatch(t, append(on("maria@sunrise.example", "2026-04-02 13:30"), on("lead@group.example", "2026-04-02 13:30")...), told)
		require.Contains(t, man.last().Body, "[reminder 4]", "those of days 12 and 18 are one")
	})
}

// What holds a connection stands with one of its practices; whose policy that one
// has is no matter to the others.
func TestRemindersOfAHeldConnectionAreTheRegistrys(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	b.enrolAt(t, "a-first", "TEST0002", "America/Chicago")
	own := b.profile.Policy
	own.HoldReminders, own.Lead = []int{9}, "boss@a-first.example"
	require.NoError(t, b.db.KeepPolicy(t.Context(), "a-first", own))
	must(t, b.practices.OpenHold, activities.OpenHoldInput{
		ID: "h-7", WorkflowID: "host/127.0.0.1", Connection: "texas-sftp", Reason: registry.HoldConnection, What: "connection texas-sftp",
		Actions: []registry.HoldAction{registry.ActionRetry},
	})
	told := b.mornings(t, a, man, b.now.AddDate(0, 0, 8), "America/Chicago")
	require.Contains(t, man.letters[0].Body, "starter hold resolve h-7 --action retry")
	require.NotEmpty(t, told)
	require.Contains(t, told, "maria@sunrise.example 2026-03-03 08:00", "the first business day, not the ninth")
	for _, line := range told {
		require.NotContains(t, line, "boss@", "the lead of one practice")
	}
}

// The alarm that nobody settles what holds a connection is the connection's: told by
// the registry's days, to all coordinators on it and the registry's lead, once for each
// of its steps; and all who were told hear of its end.
func TestStillNothingOfAHeldConnection(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	b.profile.Policy.WaitAlarmDays, b.profile.Policy.DigestWeekday = 30, ""
	b.enrolAt(t, "a-first", "TEST0002", "America/Chicago", registry.Contact{Role: registry.ContactCoordinator, Name: "Ada", Email: "ada@first.example"})
	own := b.profile.Policy
	own.WaitAlarmDays, own.Lead = 3, "boss@a-first.example"
	require.NoError(t, b.db.KeepPolicy(t.Context(), "a-first", own))
	hold := activities.OpenHoldInput{
		ID: "h-7", WorkflowID: "host/127.0.0.1", Connection: "texas-sftp", Reason: registry.HoldConnection, What: "connection texas-sftp",
		Actions: []registry.HoldAction{registry.ActionRetry},
	}
	must(t, b.practices.OpenHold, hold)
	begin := b.now
	w := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	alarms := func(day int) (events []string) {
		b.now = begin.AddDate(0, 0, day)
		for _, practice := range []string{"sunrise", "a-first"} {
			look, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: activities.Scope{Practice: practice}, Policy: own})
			require.NoError(t, err)
			for _, i := range look.Current {
				require.NotEqual(t, activities.IncidentStillNothing, i.Kind, "no practice's own incident")
			}
		}
		for _, event := range must(t, a.DueReminders, activities.DueRemindersInput{}).Events {
			in := activities.LetterOf(event)
			if in.Kind == activities.NoticeHold {
				events = append(events, event)
				must(t, a.SendNotice, in)
				must(t, a.SendNotice, in)
			}
		}
		return events
	}
	require.Empty(t, alarms(7), "not by the three days of one of its practices")
	require.Equal(t, []string{"hold/h-7/still-nothing/1"}, alarms(43))
	require.Empty(t, alarms(44), "once")
	require.ElementsMatch(t, []string{"maria@sunrise.example", "ada@first.example", "desk@sunrise.example"}, emails(man.last()))
	require.Equal(t, "texas-sftp: waiting for you: still nothing: "+registry.HoldConnection.Words(), man.last().Subject)
	require.Contains(t, man.last().Body, "Nobody has settled this in 31 business days")
	require.Contains(t, man.last().Body, "starter hold resolve h-7 --action retry")
	require.Equal(t, []string{"hold/h-7/still-nothing/2"}, alarms(85), "and again after as many")

	must(t, b.practices.CloseHold, activities.CloseHoldInput{ID: "h-7", Action: registry.ActionRetry, By: maria})
	require.Empty(t, alarms(140))
	must(t, a.SendNotice, activities.SendNoticeInput{Kind: activities.NoticeResolved, HoldID: "h-7", Event: "hold/h-7/over"})
	require.ElementsMatch(t, []string{"maria@sunrise.example", "ada@first.example", "desk@sunrise.example"}, emails(man.last()), "the lead too")
}

func emails(l notify.Rendered) (out []string) {
	for _, c := range l.To {
		out = append(out, c.Email)
	}
	return out
}

func TestRemindersOfALetterThatDidNotGoOut(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, man := b.notices(t)
	b.waits(t, "sunrise", activities.Progress{Stage: "testing: no file yet", Whose: "EHR vendor"})
	b.now = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	due := must(t, a.DueReminders, activities.DueRemindersInput{})
	require.Len(t, due.Events, 1)
	in := activities.SendNoticeInput{Kind: activities.NoticeReminders, Event: due.Events[0]}
	man.fail = registry.Errorf(registry.Refused, "mail", "no such mailbox")
	_, err := run(t, a.SendNotice, in)
	require.Error(t, err)

	require.Equal(t, due.Events, must(t, a.DueReminders, activities.DueRemindersInput{}).Events, "the same one on the same day")
	man.fail = nil
	b.now = b.now.AddDate(0, 0, 1)
	next := must(t, a.DueReminders, activities.DueRemindersInput{})
	require.Len(t, next.Events, 1)
	require.NotEqual(t, due.Events, next.Events)
	must(t, a.SendNotice, activities.SendNoticeInput{Kind: activities.NoticeReminders, Event: next.Events[0]})
	require.Contains(t, man.last().Body, "[reminder 1]", "what the lost letter told of is told by the next")

	t.Run("what is settled by then is not written of", func(t *testing.T) {
		b.now = time.Date(2026, 3, 9, 14, 0, 0, 0, time.UTC)
		due := must(t, a.DueReminders, activities.DueRemindersInput{})
		require.Len(t, due.Events, 1)
		b.waits(t, "sunrise", activities.Progress{Stage: "live", Whose: "nobody", Ended: true})
		n := len(man.letters)
		must(t, a.SendNotice, activities.SendNoticeInput{Kind: activities.NoticeReminders, Event: due.Events[0]})
		require.Len(t, man.letters, n)
	})
}

func TestRemindersOfErrors(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a, man := b.notices(t)
	a.People = []registry.Contact{{Name: "Tess Mallow", Email: "tess@sunrise.example"}}
	reports := b.reports(t)
	_, facts := b.delivered(t, 1, registry.LaneProduction, 3)
	b.answers(t, reports, facts, "IMR-111", "IMR-111", "IMR-111") // due on 16 March
	found, err := b.db.ListErrors(t.Context(), db.ErrorFilter{})
	require.NoError(t, err)
	require.Len(t, found, 3)
	assign := func(id, to string) {
		require.NoError(t, b.db.AssignError(t.Context(), id, to, "", b.act("assign/"+id+to)))
	}
	assign(found[0].ID, "Tess Mallow")
	assign(found[1].ID, "Somebody Else")

	told := b.mornings(t, a, man, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), "America/Chicago")
	require.ElementsMatch(t, append(on("tess@sunrise.example", "2026-03-03 08:00"), on("maria@sunrise.example", "2026-03-03 08:00")...), told,
		"in hand is new; of a name without a mailbox the coordinator hears")
	for _, l := range man.letters {
		require.Contains(t, l.Body, "1 error of the registry in your hands, 0 overdue; most: IMR-111 [new]")
		require.NotContains(t, l.Body, "HOPPER")
		if l.To[0].Email == "tess@sunrise.example" {
			require.Contains(t, l.Body, `> starter errors list --practice sunrise --assignee "Tess Mallow"`)
		}
	}
	t.Run("another one in hand is told the next morning", func(t *testing.T) {
		assign(found[1].ID, "Tess Mallow")
		require.Equal(t, on("tess@sunrise.example", "2026-03-04 08:00"), b.mornings(t, a, man, time.Date(2026, 3, 4, 20, 0, 0, 0, time.UTC), "America/Chicago"))
		require.Contains(t, man.last().Body, "2 errors of the registry in your hands")
	})
	t.Run("overdue ones go to the coordinator, after the days of the policy", func(t *testing.T) {
		told := b.mornings(t, a, man, time.Date(2026, 3, 24, 0, 0, 0, 0, time.UTC), "America/Chicago")
		require.Contains(t, told, "tess@sunrise.example 2026-03-17 08:00", "hers are overdue")
		require.Contains(t, told, "maria@sunrise.example 2026-03-18 08:00")
		require.Contains(t, told, "maria@sunrise.example 2026-03-23 08:00")
		require.Contains(t, lettersTo(man, "maria@sunrise.example"), "1 error of the registry, overdue; most: IMR-111 [reminder 2]")
		require.Contains(t, lettersTo(man, "maria@sunrise.example"), "> starter errors list --practice sunrise --overdue")
	})
}

func lettersTo(man *postman, who string) string {
	out := ""
	for _, l := range man.letters {
		if l.To[0].Email == who {
			out += l.Body
		}
	}
	return out
}

func TestRemindersPageByPage(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	a, _ := b.notices(t)
	for n := range 60 {
		id := fmt.Sprintf("p-%d", n)
		b.enrolAt(t, id, fmt.Sprintf("TEST1%03d", n), "America/Chicago",
			registry.Contact{Role: registry.ContactCoordinator, Name: "Coordinator", Email: id + "@group.example"})
		b.waits(t, id, activities.Progress{Stage: "testing: no file yet", Whose: "EHR vendor"})
	}
	b.now = time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC)
	first := must(t, a.DueReminders, activities.DueRemindersInput{})
	require.Len(t, first.Events, 50)
	require.True(t, first.More)
	rest := must(t, a.DueReminders, activities.DueRemindersInput{After: first.Events[49]})
	require.Len(t, rest.Events, 10)
	require.False(t, rest.More)
	require.NotContains(t, rest.Events, first.Events[49])
}

func TestEnsureReminders(t *testing.T) {
	t.Parallel()
	var asked []client.StartWorkflowOptions
	c := mocks.NewClient(t)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, activities.RemindersWorkflow, mock.Anything).
		Return(func(_ context.Context, o client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
			asked = append(asked, o)
			return nil, nil
		})
	a := &activities.Schedules{Client: c, TaskQueue: "q"}
	for range 2 {
		must(t, a.EnsureReminders, activities.EnsureRemindersInput{Scope: scope()})
	}
	for _, o := range asked {
		require.Equal(t, activities.RemindersID, o.ID, "one for all practices")
		require.Equal(t, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, o.WorkflowIDConflictPolicy, "one that runs stays")
	}
}

func TestStillNothing(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseInReview)
	a, man := b.notices(t)
	w := &activities.Watches{DB: b.db, Profiles: b, Clock: func() time.Time { return b.now }}
	policy := b.profile.Policy
	policy.Lead = "lead@group.example"
	must(t, w.KeepPolicy, activities.KeepPolicyInput{Scope: scope(), Policy: policy})
	begin := b.now
	b.waits(t, "sunrise", inReview)
	look := func(t *testing.T, day int) activities.LookResult {
		t.Helper()
		b.now = begin.AddDate(0, 0, day)
		got, err := w.LookAtPractice(t.Context(), activities.LookInput{Scope: scope(), Policy: policy})
		require.NoError(t, err)
		return got
	}
	var opened []int
	var id string
	for day := range 91 {
		got := look(t, day)
		for _, i := range got.Opened {
			require.Equal(t, activities.IncidentStillNothing, i.Kind)
			opened, id = append(opened, day), i.ID
		}
		require.Empty(t, got.Closed)
	}
	require.Equal(t, []int{42, 85}, opened, "after 30 and 60 business days, Memorial Day not counted")
	in := letterInput(activities.NoticeWatch, "incident/"+id)
	in.IncidentID = id
	must(t, a.SendNotice, in)
	require.Equal(t, "maria@sunrise.example", man.last().To[0].Email)
	require.Equal(t, "lead@group.example", man.last().To[1].Email)
	require.Contains(t, man.last().Body, "Still nothing: in review (since 2026-03-02, 63 business days).")

	t.Run("one all-clear once it is over, though the practice is not in production", func(t *testing.T) {
		b.waits(t, "sunrise", activities.Progress{Stage: "testing: 0 of 3", Whose: "EHR vendor"})
		got := look(t, 91)
		require.Len(t, got.Closed, 1)
		require.Equal(t, id, got.Closed[0].ID)
	})
}
