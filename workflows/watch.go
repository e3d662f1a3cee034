package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
)

// WatchInput starts the watch over a practice.
type WatchInput struct {
	Version  int               `json:"version"`
	Practice string            `json:"practice"`
	Calendar registry.Calendar `json:"calendar"`
	Policy   registry.Policy   `json:"policy"`
	// Business are the registry's working days.
	Business registry.BusinessDays `json:"business,omitzero"`
	// State is set where a run continues an earlier one.
	State *WatchState `json:"state,omitempty"`
}

// WatchState survives continue-as-new.
type WatchState struct {
	// Acts counts updates, so that each has a key of its own.
	Acts int `json:"acts"`
	// Mornings counts looks.
	Mornings int `json:"mornings"`
	// OpenErrors is the last value of the search attribute.
	OpenErrors int `json:"open_errors"`
}

// releaseEvery is how often retention is looked after, in days.
const releaseEvery = 7

// Watch looks at a practice every morning and tells of what needs somebody:
// the 30-day floor, a quiet site, a missing report, old errors. It lives as
// long as the practice and takes the acts that concern it as a whole: pause,
// resume, withdraw, attest.
func Watch(ctx workflow.Context, in WatchInput) error {
	w, err := newWatch(ctx, in)
	if err != nil {
		return err
	}
	err = w.run(ctx)
	if errors.Is(err, errContinue) {
		if err := w.finish(ctx); err != nil {
			return err
		}
		in.Calendar, in.Policy, in.State = w.calendar, w.policy, &w.WatchState
		return workflow.NewContinueAsNewError(ctx, Watch, in)
	}
	if errors.Is(err, errWithdrawn) {
		return w.finish(ctx)
	}
	return err
}

type watch struct {
	*process
	WatchState
	// toldPhase is the phase that the practice was last said to be in.
	toldPhase registry.Phase
	// kept is which change of the policy the database knows.
	kept int
}

func newWatch(ctx workflow.Context, in WatchInput) (*watch, error) {
	p, err := newProcess(ctx, "watch", in.Practice, in.Calendar, in.Policy)
	if err != nil {
		return nil, err
	}
	w := &watch{process: p}
	p.rolling, p.business = true, in.Business
	if in.State != nil {
		w.WatchState = *in.State
	}
	if err := answer(ctx, QueryStatus, w.status); err != nil {
		return nil, err
	}
	hear(ctx, p, SignalHistoryEnded, func(HistoryEnded) {})
	hear(ctx, p, SignalPhaseMoved, func(m PhaseMoved) { w.toldPhase = m.Phase })
	if err := handle(ctx, p, UpdatePause, w.checkAct, w.pause); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateResume, w.checkAct, w.resume); err != nil {
		return nil, err
	}
	if err := handle(ctx, p, UpdateWithdraw, w.checkAct, w.withdraw); err != nil {
		return nil, err
	}
	return w, handle(ctx, p, UpdateAttestNothing, func(a Attest) error { return w.checkAct(a.Act) }, w.attest)
}

func (w *watch) run(ctx workflow.Context) error {
	for first := true; ; first = false {
		policies := w.policies
		if err := w.beforeLook(ctx, first); err != nil {
			return err
		}
		w.toldPhase = "" // the look finds it; what is told from now on is newer
		if err := w.look(ctx); err != nil {
			return err
		}
		if w.phase == registry.PhaseWithdrawn {
			return errWithdrawn
		}
		tomorrow := w.now(ctx).AddDate(0, 0, 1)
		acts := w.Acts
		if _, err := w.waitUntil(ctx, tomorrow, "the next look", func() bool {
			return w.Acts != acts || w.policies != policies || w.toldPhase != "" && w.toldPhase != w.phase
		}); err != nil {
			return err
		}
	}
}

// beforeLook keeps the policy where the reminders look, and sees now and then that
// somebody writes them.
func (w *watch) beforeLook(ctx workflow.Context, first bool) error {
	if first || w.policies != w.kept {
		w.kept = w.policies
		if _, err := must(ctx, w.process, ledgerWork, "keep the policy for reminders", watches.KeepPolicy,
			activities.KeepPolicyInput{Scope: w.scope(), Policy: w.policy}); err != nil {
			return err
		}
	}
	if !first && w.Mornings%releaseEvery != 0 {
		return nil
	}
	_, err := must(ctx, w.process, scheduleWork, "see that reminders are written", schedules.EnsureReminders,
		activities.EnsureRemindersInput{Scope: w.scope(), Policy: w.policy})
	return err
}

// look compares the practice with its policy; one alert per incident, one
// all-clear.
func (w *watch) look(ctx workflow.Context) error {
	w.Mornings++
	seen, err := must(ctx, w.process, scheduleWork, "look at the practice", watches.LookAtPractice,
		activities.LookInput{Scope: w.scope(), Policy: w.policy})
	if err != nil {
		return err
	}
	w.phase = seen.Phase
	if seen.OpenErrors != w.OpenErrors {
		w.OpenErrors = seen.OpenErrors
		if err := workflow.UpsertTypedSearchAttributes(ctx, searchattr.OpenErrors.ValueSet(int64(seen.OpenErrors))); err != nil {
			return err
		}
	}
	if err := w.tellChanges(ctx, seen); err != nil {
		return err
	}
	if err := w.sayWhatWasSeen(ctx, seen); err != nil {
		return err
	}
	return w.release(ctx)
}

// tellChanges writes one alert for each incident that began and one all-clear
// for each that ended, page by page of the same look.
func (w *watch) tellChanges(ctx workflow.Context, seen activities.LookResult) error {
	for skip := 0; ; {
		for _, i := range seen.Opened {
			if err := w.notice(ctx, activities.SendNoticeInput{
				Kind: activities.NoticeWatch, IncidentID: i.ID, Event: "incident/" + i.ID,
			}); err != nil {
				return err
			}
		}
		for _, i := range seen.Closed {
			if err := w.notice(ctx, activities.SendNoticeInput{
				Kind: activities.NoticeResolved, IncidentID: i.ID, Event: "incident/" + i.ID + "/over",
			}); err != nil {
				return err
			}
		}
		if !seen.More {
			return nil
		}
		skip += max(len(seen.Opened), len(seen.Closed))
		next, err := must(ctx, w.process, scheduleWork, "further changes of the look", watches.LookAtPractice,
			activities.LookInput{Scope: w.scope(), Policy: w.policy, Date: seen.Date, Skip: skip})
		if err != nil {
			return err
		}
		seen = next
	}
}

func settleWords(open int) string {
	if open == 1 {
		return "settle 1 open error"
	}
	return fmt.Sprintf("settle %d open errors", open)
}

// openErrorsNote says how many errors are open and what most of them are.
func openErrorsNote(seen activities.LookResult) string {
	note := fmt.Sprintf("open errors: %d, of which overdue: %d", seen.OpenErrors, seen.OverdueErrors)
	if seen.TopErrors > 0 {
		note += fmt.Sprintf("; most: %s (%d)", seen.TopCause, seen.TopErrors)
	}
	return note
}

func (w *watch) sayWhatWasSeen(ctx workflow.Context, seen activities.LookResult) error {
	if seen.Phase == registry.PhaseWithdrawn {
		return nil // it was withdrawn during the look, and that is said
	}
	line := activities.Progress{
		Stage: fmt.Sprintf("%s, submission %s", seen.Phase.Words(), seen.Submission),
		Next:  "nothing", Whose: "nobody",
	}
	if seen.OpenErrors > 0 {
		line.Next, line.Whose = settleWords(seen.OpenErrors), "you"
		line.Move, line.Due = "starter errors list --practice "+w.practice, seen.ErrorsDue
	}
	if len(seen.Current) > 0 {
		line.Next, line.Whose, line.Attention = seen.Current[0].Words, "you", true
		line.Move, line.Due = seen.Current[0].Move, time.Time{}
	}
	w.notes = w.notes[:0]
	if seen.DaysSince >= 0 && seen.Phase == registry.PhaseProduction {
		w.notes = append(w.notes, fmt.Sprintf("last verified delivery %d days ago; %d days left to the %d-day floor",
			seen.DaysSince, max(0, w.policy.FloorDays-seen.FloorDays), w.policy.FloorDays))
	}
	if seen.FloorSite != "" && seen.Phase == registry.PhaseProduction {
		w.notes = append(w.notes, fmt.Sprintf("longest without a record: site %s, %d days; %d left",
			seen.FloorSite, seen.FloorSiteDays, max(0, w.policy.FloorDays-seen.FloorSiteDays)))
	}
	if seen.OpenErrors > 0 {
		w.notes = append(w.notes, openErrorsNote(seen))
	}
	for _, i := range seen.Current {
		w.notes = append(w.notes, i.Words)
	}
	for _, e := range seen.Ending {
		w.notes = append(w.notes, e.Words+": `"+e.Move+"`")
	}
	return w.say(ctx, line)
}

// release lets go of bytes that retention no longer needs.
func (w *watch) release(ctx workflow.Context) error {
	if w.Mornings%releaseEvery != 0 {
		return nil
	}
	_, err := must(ctx, w.process, fileWork, "retention", files.ReleaseFiles,
		activities.ReleaseFilesInput{Scope: w.scope(), AfterDays: w.policy.RetentionDays})
	return err
}

func (w *watch) checkAct(a Act) error {
	if err := named(a.By); err != nil {
		return err
	}
	if strings.TrimSpace(a.Reason) == "" {
		return errors.New("why? a reason is needed")
	}
	if w.withdrawn || w.phase == registry.PhaseWithdrawn {
		return errors.New("the practice is withdrawn")
	}
	return nil
}

// actKey makes the n-th act of this watch repeatable under one name.
func (w *watch) actKey(ctx workflow.Context, kind string) string {
	w.Acts++
	return w.key(ctx, fmt.Sprintf("%s/%d", kind, w.Acts))
}

func (w *watch) pause(ctx workflow.Context, a Act) (Answer, error) {
	return w.switchSubmission(ctx, a, registry.SubmissionPaused, "submission is paused; reports are still collected")
}

func (w *watch) resume(ctx workflow.Context, a Act) (Answer, error) {
	return w.switchSubmission(ctx, a, registry.SubmissionOn, "submission goes on")
}

func (w *watch) switchSubmission(ctx workflow.Context, a Act, to registry.SubmissionState, words string) (Answer, error) {
	set, err := must(ctx, w.process, ledgerWork, "switch submission: "+string(to), practices.SetSubmission,
		activities.SetSubmissionInput{
			Scope: w.scope(), State: to, By: actor(a.By), Reason: a.Reason, Key: w.actKey(ctx, string(to)),
		})
	if err != nil {
		return Answer{}, err
	}
	facts, err := must(ctx, w.process, ledgerWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: w.scope()})
	if err != nil {
		return Answer{}, err
	}
	if _, err := must(ctx, w.process, scheduleWork, "show it on the schedule", schedules.EnsureSchedules,
		activities.EnsureSchedulesInput{
			Scope: w.scope(), Connection: facts.Connection, Zone: facts.Zone, CadenceDays: w.policy.CadenceDays,
			Holidays: facts.Business.Holidays,
			Paused:   to == registry.SubmissionPaused, Resume: to == registry.SubmissionOn, Policy: w.policy,
		}); err != nil {
		return Answer{}, err
	}
	if set.Was == to { // its schedule is as it should be now, which may be what was wanted
		return Answer{Words: "submission was " + string(to) + " before; that it is meant so is on record", Phase: w.phase, Again: true}, nil
	}
	return Answer{Words: words, Phase: w.phase}, nil
}

func (w *watch) attest(ctx workflow.Context, a Attest) (Answer, error) {
	_, err := must(ctx, w.process, ledgerWork, "write the attestation", practices.RecordAct, activities.RecordActInput{
		Scope: w.scope(), Kind: "attested-nothing-to-send", By: actor(a.By), Reason: a.Reason, Site: a.Site,
		Key: w.actKey(ctx, "attest"),
	})
	of := "practice"
	if a.Site != "" {
		of = "site " + a.Site
	}
	return Answer{Words: fmt.Sprintf("noted; the %d days of the %s count anew from today", w.policy.FloorDays, of), Phase: w.phase}, err
}

// withdraw ends everything that runs for the practice. What was sent and said
// stays on record.
func (w *watch) withdraw(ctx workflow.Context, a Act) (Answer, error) {
	moved, err := must(ctx, w.process, ledgerWork, "withdraw the practice", practices.MovePhase, activities.MovePhaseInput{
		Scope: w.scope(), Event: registry.EventWithdrawn, By: actor(a.By), Reason: a.Reason, Key: w.key(ctx, "withdrawn"),
	})
	if err != nil {
		return Answer{}, err
	}
	w.phase = moved.Phase
	if _, err := must(ctx, w.process, scheduleWork, "take the schedules away", schedules.EnsureSchedules,
		activities.EnsureSchedulesInput{Scope: w.scope(), Remove: true, Policy: w.policy}); err != nil {
		return Answer{}, err
	}
	for _, id := range []string{OnboardingID(w.practice), HistoryID(w.practice)} {
		if err := tell(ctx, id, SignalWithdrawn, Withdrawn{By: a.By}); err != nil {
			return Answer{}, err
		}
	}
	if err := w.say(ctx, activities.Progress{Stage: "withdrawn", Whose: "nobody", Ended: true}); err != nil {
		return Answer{}, err
	}
	w.withdrawn = true
	return Answer{Words: "the practice is withdrawn; nothing more is sent", Phase: w.phase}, nil
}
