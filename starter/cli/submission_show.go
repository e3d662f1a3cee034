package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

func (a *app) submissionShow() *cobra.Command {
	return &cobra.Command{
		Use: "show PRACTICE", Short: "See when files are sent, what comes next, and how many of the 30 days are gone", Args: cobra.ExactArgs(1),
		Long: `Shows when a practice's outbox is emptied and who said so, the next times of its
Schedule, whether it is paused, by whom and why, where files are taken from, and how
many days count towards the registry's limit, of the practice and of the site that has
been silent for longest.`,
		Example: "  starter submission show sunrise-plano",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showSubmission(cmd.Context(), args[0])
		},
	}
}

// shownSubmission is what `submission show --output json` prints.
type shownSubmission struct {
	Practice   string                   `json:"practice"`
	Phase      registry.Phase           `json:"phase"`
	Submission registry.SubmissionState `json:"submission"`
	// Paused says who paused it, since when and why.
	Paused *saidBy `json:"paused,omitempty"`
	// Cadence is what a person set, Set by whom; without it the profile's counts.
	Cadence *registry.Cadence `json:"cadence,omitempty"`
	Set     *saidBy           `json:"set,omitempty"`
	Words   string            `json:"words"`
	// Next are the next times of the Schedule, which Schedule says how it stands.
	Next     []time.Time              `json:"next"`
	Schedule activities.ScheduleState `json:"schedule"`
	// Skip is the submission that is left out.
	Skip   *skipped `json:"skip,omitempty"`
	Outbox string   `json:"outbox,omitempty"`
	// OutboxFault says why nothing can be taken from it, seen from this machine.
	OutboxFault string `json:"outbox_fault,omitempty"`
	// Floor is how the registry's limit stands; in production only.
	Floor *shownFloor `json:"floor,omitempty"`
}

type saidBy struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// words are "by NAME on DATE: WHY".
func (s saidBy) words() string {
	words := "by " + s.By + " on " + day(s.At)
	if s.Reason != "" {
		words += ": " + s.Reason
	}
	return words
}

type skipped struct {
	Due time.Time `json:"due"`
	By  string    `json:"by"`
}

// shownFloor is the count of days towards the registry's limit.
type shownFloor struct {
	Limit    int        `json:"limit_days"`
	Last     *time.Time `json:"last_file,omitempty"`
	LastName string     `json:"last_name,omitempty"`
	Days     int        `json:"days"`
	Site     string     `json:"site,omitempty"`
	SiteDays int        `json:"site_days,omitempty"`
}

func (a *app) showSubmission(ctx context.Context, id string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	out := shownSubmission{Practice: p.ID, Phase: p.Phase, Submission: p.Submission, Next: []time.Time{}}
	for _, fill := range []func() error{
		func() error { return a.submissionWords(ctx, store, p, &out) },
		func() (err error) { out.Paused, err = pausedBy(ctx, store, p); return err },
		func() error { return out.fromLedger(ctx, store) },
		func() error { return out.fromSchedule(ctx, eng) },
		func() error { return a.floorOf(ctx, store, p, &out) },
	} {
		if err := fill(); err != nil {
			return err
		}
	}
	a.lookAtOutbox(p, &out)
	return a.show(out, func(s *screen) { a.shownSubmission(s, p, out) })
}

// submissionWords say when files are sent.
func (a *app) submissionWords(ctx context.Context, store *db.Store, p *registry.Practice, out *shownSubmission) error {
	set, ok, err := store.Cadence(ctx, p.ID)
	if err != nil {
		return err
	}
	if ok {
		out.Cadence, out.Words = &set, set.Words()
	} else if out.Words, err = a.profileCadence(p); err != nil {
		return err
	}
	if cal := a.cfg.Calendar.Registry(); !cal.Dated() {
		out.Words += "; in this rehearsal only how many days lie between counts"
	}
	return nil
}

// profileCadence says when files are sent where nobody set it.
func (a *app) profileCadence(p *registry.Practice) (string, error) {
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return "", err
	}
	return "as the profile says: " + activities.ProfileCadence(p.ID, loaded.Profile.Policy.CadenceDays, p.Zone), nil
}

// fromLedger reads who set when files are sent, and what is left out.
func (out *shownSubmission) fromLedger(ctx context.Context, store *db.Store) error {
	if out.Cadence != nil {
		events, err := store.Events(ctx, db.EventQuery{Practice: out.Practice, Kind: db.CadenceSet, Max: 1})
		if err != nil {
			return err
		}
		if len(events) > 0 {
			out.Set = &saidBy{events[0].By.Name, events[0].At, events[0].Reason}
		}
	}
	skip, err := store.OpenSkip(ctx, out.Practice)
	if err == nil && skip.Key != "" {
		out.Skip = &skipped{skip.Due, skip.By}
	}
	return err
}

// pausedBy is who paused a practice's submission; nil where it is not paused.
func pausedBy(ctx context.Context, store *db.Store, p *registry.Practice) (*saidBy, error) {
	if p.Submission != registry.SubmissionPaused {
		return nil, nil
	}
	events, err := store.Events(ctx, db.EventQuery{Practice: p.ID, Kind: "submission"})
	var by *saidBy
	for _, e := range events { // newest first; who paused it again did not begin it
		if e.To != string(registry.SubmissionPaused) {
			break
		}
		by = &saidBy{e.By.Name, e.At, e.Reason}
	}
	return by, err
}

// mostTimes is how many of the next times are told.
const mostTimes = 3

func (out *shownSubmission) fromSchedule(ctx context.Context, eng Engine) error {
	next, paused, err := eng.Upcoming(ctx, activities.CycleScheduleID(out.Practice))
	switch {
	case errors.Is(err, errGone):
		out.Schedule = activities.ScheduleGone
		return nil
	case err != nil:
		return err
	case paused:
		out.Schedule = activities.SchedulePaused
		return nil
	}
	out.Schedule, out.Next = activities.ScheduleRuns, append(out.Next, next[:min(len(next), mostTimes)]...)
	return nil
}

// floorOf counts as the watch does, and as of now.
func (a *app) floorOf(ctx context.Context, store *db.Store, p *registry.Practice, out *shownSubmission) error {
	if p.Phase != registry.PhaseProduction {
		return nil
	}
	loaded, err := a.loadProfile(p.ID)
	if err != nil {
		return err
	}
	policy := loaded.Profile.Policy
	facts, err := store.PracticeWatch(ctx, db.WatchAsk{
		Practice: p.ID, Date: a.now(), ReportsBefore: a.now(), Accepted: policy.FloorFrom == registry.FloorAccepted,
	})
	if err != nil {
		return err
	}
	out.Floor = &shownFloor{Limit: policy.FloorDays, Last: pointer(facts.LastDelivery), LastName: facts.LastName}
	out.Floor.Days, out.Floor.Site, out.Floor.SiteDays = activities.FloorDays(facts, a.now())
	return nil
}

// lookAtOutbox looks as a submission would, from this machine.
func (a *app) lookAtOutbox(p *registry.Practice, out *shownSubmission) {
	lane, sends := registry.LaneOf(p.Phase)
	if a.cfg.Outbox.Dir == "" || !sends {
		return
	}
	out.Outbox = activities.OutboxFolder(a.cfg.Outbox.Dir, p.ID, lane)
	if err := activities.CheckOutbox(a.cfg.Outbox.Dir, p.ID, lane); err != nil {
		out.OutboxFault = strings.TrimPrefix(err.Error(), "outbox: ")
	}
}

// clockOf is a moment of the Schedule as people of the practice read it; in a
// rehearsal it is the calendar's.
func (a *app) clockOf(p *registry.Practice, at time.Time) string {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		zone = time.UTC
	}
	return a.cfg.Calendar.Registry().Date(at).In(zone).Format("2006-01-02 15:04 MST")
}

func (a *app) shownSubmission(s *screen, p *registry.Practice, out shownSubmission) {
	state := string(out.Submission)
	if out.Paused != nil {
		state += " " + out.Paused.words()
	}
	when := out.Words
	if out.Set != nil {
		when += "; set " + out.Set.words()
	}
	outbox := out.Outbox
	if out.OutboxFault != "" {
		outbox = "nothing can be taken from it: " + out.OutboxFault
	}
	s.pairs([][2]string{
		{"Practice", out.Practice + ", " + out.Phase.Words()},
		{"Submission", state},
		{"Sends", when},
		{"Next", a.nextWords(p, out)},
		{"Left out", a.skipWords(p, out)},
		{"Outbox", outbox},
		{"Last file", out.Floor.lastWords()},
		{"Days", out.Floor.words()},
	}...)
	if move := out.move(); move != "" {
		s.raw("")
		s.raw("  > %s", move)
	}
}

func (a *app) nextWords(p *registry.Practice, out shownSubmission) string {
	switch {
	case out.Submission == registry.SubmissionOff:
		return "nothing: it begins with the practice's tests"
	case out.Schedule == activities.ScheduleGone:
		return "nothing: it has no schedule at the Temporal server"
	case out.Schedule == activities.SchedulePaused && out.Submission != registry.SubmissionPaused && !a.cfg.Calendar.Registry().Backfilled:
		return "nothing: somebody paused its schedule at the Temporal server itself"
	case out.Schedule == activities.SchedulePaused:
		return "nothing: it is paused"
	case len(out.Next) == 0:
		return "nothing: its schedule never comes due"
	}
	told := make([]string, len(out.Next))
	for i, at := range out.Next {
		told[i] = a.clockOf(p, at)
	}
	return strings.Join(told, "; ")
}

func (a *app) skipWords(p *registry.Practice, out shownSubmission) string {
	if out.Skip == nil {
		return ""
	}
	return "the submission of " + a.clockOf(p, out.Skip.Due) + ", as " + out.Skip.By + " asked"
}

func (f *shownFloor) lastWords() string {
	switch {
	case f == nil:
		return ""
	case f.Last == nil:
		return "none yet"
	}
	return f.LastName + " on " + day(*f.Last)
}

// words say how much of the registry's limit is gone.
func (f *shownFloor) words() string {
	if f == nil {
		return ""
	}
	words := fmt.Sprintf("%d of %d are gone", f.Days, f.Limit)
	if f.Site != "" && f.SiteDays > f.Days {
		words += fmt.Sprintf("; of the site %s %d", f.Site, f.SiteDays)
	}
	return words
}

// move is what sets a submission going that stands still.
func (out shownSubmission) move() string {
	_, sends := registry.LaneOf(out.Phase)
	if !sends || out.Submission == registry.SubmissionOff || out.Schedule == activities.ScheduleRuns {
		return ""
	}
	return "starter submission resume " + out.Practice + ` --reason "…"`
}
