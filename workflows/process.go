package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/registry"
)

// errWithdrawn ends a workflow whose practice was withdrawn.
var errWithdrawn = errors.New("the practice was withdrawn")

// errContinue ends a run whose history has grown long enough; the caller
// continues as new with its state.
var errContinue = errors.New("continue as new")

// process is what every workflow here carries: whose practice, by which
// calendar and policy, what it is waiting for, and what it has to say.
type process struct {
	practice string
	source   string // "onboarding", "history", …: whose line it is in `starter status`
	calendar registry.Calendar
	policy   registry.Policy
	// business are the registry's working days, where they are known: a wait is due
	// by them. policies counts changes of the policy.
	business registry.BusinessDays
	policies int

	// ears take in what signals brought; every wait listens through them.
	ears []func() bool
	// chores are what a signal asks for that takes an activity; a wait does them.
	chores []func(workflow.Context) error
	// moved counts calendar moves, so that sleeping waits recompute.
	moved int
	// withdrawn is set by the signal of that name.
	withdrawn bool
	// rolling allows a wait to end the run with errContinue.
	rolling bool
	// prompt ends such a wait as soon as the history is long enough, even if
	// nothing else happens: many signals come that nothing waits for.
	prompt bool

	holds   map[string]*openHold // by ID
	holdSeq int
	// unasked answers in a person's place where it can; empty where it cannot.
	unasked func(ctx workflow.Context, reason registry.HoldReason) (registry.HoldAction, error)
	// lastDecider is who settled the last hold.
	lastDecider registry.Actor
	progress    activities.Progress
	// asked is the line as it was said, without what the policy adds to it.
	asked activities.Progress
	// telling counts what is told to other workflows beside the process, toldSoFar
	// how much of it is over.
	telling, toldSoFar int
	// refused is the last signal that could not be used, in words.
	refused string
	// notes are further lines of the current details.
	notes []string
	phase registry.Phase
	// attending mirrors the search attribute NeedsAttention.
	attending bool
	// dueBy mirrors the search attribute DueBy.
	dueBy time.Time
}

// newProcess registers what every long-lived workflow understands. It never
// blocks.
func newProcess(ctx workflow.Context, source, practice string, cal registry.Calendar, policy registry.Policy) (*process, error) {
	p := &process{
		practice: practice, source: source, calendar: cal, policy: policy,
		holds: map[string]*openHold{},
	}
	hear(ctx, p, SignalCalendarMoved, func(c registry.Calendar) {
		p.calendar = c
		p.moved++
	})
	if err := handle(ctx, p, UpdateResolveHold, p.checkResolve, p.resolve); err != nil {
		return nil, err
	}
	return p, handle(ctx, p, UpdateSetPolicy, func(s SetPolicy) error { return named(s.By) }, p.setPolicy)
}

// hear registers what a signal does to the state. apply must not block: what
// takes an activity is put into p.chores.
func hear[T any](ctx workflow.Context, p *process, m Message[T], apply func(T)) {
	ch := workflow.GetSignalChannel(ctx, m.Name)
	p.ears = append(p.ears, func() bool {
		heard := false
		for {
			var v T
			if !ch.ReceiveAsync(&v) {
				return heard
			}
			heard = true
			apply(v)
		}
	})
}

// handle registers an update with its validator. A refusal is a sentence that
// says why and what to do; it leaves no trace in history.
func handle[T any](
	ctx workflow.Context, p *process, m Message[T],
	check func(T) error, apply func(workflow.Context, T) (Answer, error),
) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, m.Name,
		func(ctx workflow.Context, in T) (Answer, error) {
			p.listen()
			return apply(ctx, in)
		},
		workflow.UpdateHandlerOptions{Validator: func(in T) error {
			if err := unfilled(in); err != nil {
				return refusal{err}
			}
			if err := check(in); err != nil {
				return refusal{err}
			}
			return nil
		}})
}

// refusal is a validator's answer. It goes to whoever asked and is kept
// nowhere, so it is not encrypted: the Web UI would show "Encoded failure".
type refusal struct{ error }

// InClear tells the failure converter.
func (refusal) InClear() bool { return true }

// answer registers a query.
func answer[T any](ctx workflow.Context, m Message[T], read func() T) error {
	return workflow.SetQueryHandler(ctx, m.Name, func() (T, error) { return read(), nil })
}

// named refuses an act without a person.
func named(by registry.Actor) error {
	if strings.TrimSpace(by.Name) == "" {
		return errors.New(`who? give "by": {"name": "…"}`)
	}
	return nil
}

// actor is by as it is recorded: what did not come through the CLI, which
// knows its people, is claimed.
func actor(by registry.Actor) registry.Actor {
	if by.Via == "" {
		by.Via = "web-ui"
	}
	if by.Via != "cli" && by.Via != registry.System.Via {
		by.Claimed = true
	}
	return by
}

// listen takes in every signal that has arrived; heard says that there was one.
func (p *process) listen() (heard bool) {
	for _, ear := range p.ears {
		heard = ear() || heard
	}
	return heard
}

// wait waits until ready, doing the chores that signals bring meanwhile. It
// returns errWithdrawn, errContinue or a cancellation instead where that comes
// first.
func (p *process) wait(ctx workflow.Context, ready func() bool) error {
	_, err := p.waitUntil(ctx, time.Time{}, "", ready)
	return err
}

// waitUntil waits until ready or until date has come by the calendar (came). A
// zero date never comes. what is the timer's summary in the Web UI.
func (p *process) waitUntil(ctx workflow.Context, date time.Time, what string, ready func() bool) (came bool, err error) {
	for {
		p.listen()
		if err := p.doChores(ctx); err != nil {
			return false, err
		}
		if p.withdrawn {
			return false, errWithdrawn
		}
		if ready() {
			return false, nil
		}
		if p.rolls(ctx) {
			return false, errContinue
		}
		left := p.calendar.Wall(date).Sub(workflow.Now(ctx))
		if !date.IsZero() && left <= 0 {
			return true, nil
		}
		if err := p.sleep(ctx, date, left, what, ready); err != nil {
			return false, err
		}
	}
}

// sleep blocks until something happens that waitUntil has to look at.
func (p *process) sleep(ctx workflow.Context, date time.Time, left time.Duration, what string, ready func() bool) error {
	moved := p.moved
	awake := func() bool {
		p.listen()
		// Signals that nothing waits for fill a history too.
		return p.withdrawn || len(p.chores) > 0 || p.moved != moved || p.prompt && p.rolls(ctx) || ready()
	}
	if date.IsZero() {
		return workflow.Await(ctx, awake)
	}
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout:      left,
		TimerOptions: workflow.TimerOptions{Summary: what},
	}, awake)
	return err
}

// eventsPerRun ends a run that may end, whatever the server suggests: below
// 10,000 events, with room for what is on its way.
const eventsPerRun = 6000

// rolls tells that the run may end here and should. A hold keeps its run:
// continuing as new would lose whoever asked for it.
func (p *process) rolls(ctx workflow.Context) bool {
	return p.rolling && len(p.holds) == 0 && full(ctx)
}

// full tells that a run's history is long enough.
func full(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() >= eventsPerRun
}

func (p *process) doChores(ctx workflow.Context) error {
	for len(p.chores) > 0 {
		chore := p.chores[0]
		p.chores = p.chores[1:]
		if err := chore(ctx); err != nil {
			return err
		}
	}
	return nil
}

// now is the date by the calendar, after any move of it that has arrived.
func (p *process) now(ctx workflow.Context) time.Time {
	p.listen()
	return p.calendar.Date(workflow.Now(ctx))
}

// scope is the head of every activity input.
func (p *process) scope() activities.Scope {
	return activities.Scope{Practice: p.practice, Calendar: p.calendar}
}

// key names an act of this workflow once and for all; what is done again under
// the same key changes nothing.
func (p *process) key(ctx workflow.Context, what string) string {
	return workflow.GetInfo(ctx).WorkflowExecution.ID + "/" + what
}

func (p *process) setPolicy(_ workflow.Context, s SetPolicy) (Answer, error) {
	p.policy = s.Policy
	p.policies++
	p.moved++ // sleeping waits recompute their deadlines
	p.chores = append(p.chores, func(ctx workflow.Context) error { return p.say(ctx, p.asked) })
	return Answer{Words: "the policy is changed"}, nil
}

// say changes the process's line: the current details in the Web UI and the
// row in `starter status` carry the same words. The row is a read model, so a
// database that is away does not stop the process here; the next change of the
// line writes it.
func (p *process) say(ctx workflow.Context, line activities.Progress) error {
	p.asked = line
	if line.Stage == "" {
		return p.show(ctx)
	}
	line.Source = p.source
	if line.Since.IsZero() {
		line.Since = p.progress.Since
		if line.Stage != p.progress.Stage || line.Whose != p.progress.Whose || line.Since.IsZero() {
			line.Since = p.now(ctx)
		}
	}
	if line.Due.IsZero() {
		line.Due = p.due(line)
	}
	line.Attention = line.Attention || len(p.holds) > 0
	if line == p.progress {
		return p.show(ctx) // the notes or a refusal may be others
	}
	p.progress = line
	if err := p.show(ctx); err != nil {
		return err
	}
	_, err := do(ledgerWork.on(ctx, p.policy.Patience, "write the line of the practice"), practices.RecordProgress,
		activities.RecordProgressInput{Scope: p.scope(), Progress: p.forRecord()})
	if temporal.IsCanceledError(err) {
		return err
	}
	if err != nil {
		workflow.GetLogger(ctx).Warn("the practice's line could not be written", "kind", kindOf(err))
	}
	return nil
}

// due is when a wait is late by the policy, and the lead hears of it; zero where
// nobody is waited for.
func (p *process) due(line activities.Progress) time.Time {
	days := p.policy.WaitDueDays(line.Wait)
	if days == 0 || line.Ended || line.Whose == "" || line.Whose == "nobody" || line.Since.IsZero() {
		return time.Time{}
	}
	return p.business.After(line.Since, days)
}

// StageSettled is the line of what speaks only while it waits for a person, and
// does not wait.
const StageSettled = "settled"

// forRecord is the line with a hold in front of everything else.
func (p *process) forRecord() activities.Progress {
	line := p.progress
	if line.Stage == "" { // it speaks only while it waits for a person
		line = activities.Progress{Source: p.source, Stage: StageSettled, Whose: "nobody", Ended: true}
	}
	if h := p.oldestHold(); h != nil {
		line.Ended = false
		line.Stage = "waiting for you: " + h.What
		line.Next = h.Reason.Words()
		line.Whose = "you"
		line.Since = h.Since
		line.Move = fmt.Sprintf("starter hold resolve %s --action %s", h.ID, h.Actions[0])
		line.Attention, line.Wait, line.Due = true, registry.WaitHold, time.Time{}
		line.Due = p.due(line)
	}
	return line
}

// show refreshes the current details and the search attributes.
func (p *process) show(ctx workflow.Context) error {
	workflow.SetCurrentDetails(ctx, p.details())
	attending := p.progress.Attention || len(p.holds) > 0
	updates := []temporal.SearchAttributeUpdate{}
	if attending != p.attending {
		p.attending = attending
		updates = append(updates, searchattr.NeedsAttention.ValueSet(attending))
	}
	if due := p.forRecord().Due; !due.Equal(p.dueBy) {
		p.dueBy = due
		if due.IsZero() {
			updates = append(updates, searchattr.DueBy.ValueUnset())
		} else {
			updates = append(updates, searchattr.DueBy.ValueSet(due.UTC()))
		}
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details is what a coordinator who opens only the Web UI reads. No tables:
// the Web UI runs their cells together.
func (p *process) details() string {
	var b strings.Builder
	line := p.progress
	fmt.Fprintf(&b, "## %s\n\n", line.Stage)
	if line.Next != "" {
		fmt.Fprintf(&b, "**Next:** %s\n\n", line.Next)
	}
	if line.Whose != "" {
		fmt.Fprintf(&b, "**Whose turn:** %s, since %s\n\n", line.Whose, line.Since.Format("Monday 2 January 2006"))
	}
	if !line.Due.IsZero() {
		fmt.Fprintf(&b, "**Due:** %s\n\n", line.Due.Format("Monday 2 January 2006"))
	}
	if line.Move != "" {
		fmt.Fprintf(&b, "**What moves it:** %s\n\n", asTyped(line.Move))
	}
	for _, h := range p.sortedHolds() {
		fmt.Fprintf(&b, "### Waiting for you\n\n**%s**: %s.\n\n", h.What, h.Reason.Words())
		if h.Words != "" {
			fmt.Fprintf(&b, "In the machine's words: %s\n\n", h.Words)
		}
		fmt.Fprintf(&b, "**Since:** %s", h.Since.Format("Monday 2 January 2006"))
		if due := p.due(activities.Progress{Wait: registry.WaitHold, Whose: "you", Since: h.Since}); !due.IsZero() {
			fmt.Fprintf(&b, ", **due:** %s", due.Format("Monday 2 January 2006"))
		}
		b.WriteString("\n\nDecide with one of\n\n")
		for _, action := range h.Actions {
			fmt.Fprintf(&b, "- to %s: `starter hold resolve %s --action %s`\n", h.Reason.Explain(action), h.ID, action)
		}
		fmt.Fprintf(&b, "\nOr here: Send an Update, name `%s`, with\n\n", UpdateResolveHold.Name)
		for _, action := range h.Actions {
			fmt.Fprintf(&b, "- to %s: `%s`\n", h.Reason.Explain(action),
				fmt.Sprintf(`{"hold_id": %q, "action": %q, "by": {"name": "YOUR NAME"}}`, h.ID, action))
		}
		b.WriteString("\n")
	}
	if p.refused != "" {
		fmt.Fprintf(&b, "### Not accepted\n\n%s\n\n", p.refused)
	}
	if len(p.notes) > 0 {
		b.WriteString("### To know\n\n")
	}
	for _, n := range p.notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return b.String()
}

// asTyped sets a command apart from the words around it; a telephone call is
// words only.
func asTyped(move string) string {
	command, remark := registry.SplitMove(move)
	switch {
	case command == "":
		return remark
	case remark == "":
		return "`" + command + "`"
	}
	return "`" + command + "` " + remark
}

// status answers the query of that name.
func (p *process) status() Status {
	s := Status{Practice: p.practice, Phase: p.phase, Progress: p.forRecord(), Refused: p.refused}
	for _, h := range p.sortedHolds() {
		s.Holds = append(s.Holds, h.Hold)
	}
	return s
}

// finish is the one exit: it takes in what is still on its way and lets the
// handlers that run come to their end. Chores that were left are done, so that
// a last signal is answered too, also one that came meanwhile.
func (p *process) finish(ctx workflow.Context) error {
	for heard := true; heard; {
		p.listen()
		if err := p.doChores(ctx); err != nil {
			return err
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && p.toldSoFar == p.telling }); err != nil {
			return err
		}
		heard = p.listen() || len(p.chores) > 0
	}
	return nil
}

// notice sends a letter; when even patience does not help, a person is asked.
func (p *process) notice(ctx workflow.Context, in activities.SendNoticeInput) error {
	in.Scope = p.scope()
	_, action, err := attempt(ctx, p, noticeWork, "letter: "+string(in.Kind), notices.SendNotice, in)
	if err != nil {
		return err
	}
	if action != registry.ActionDrop {
		return nil
	}
	workflow.GetLogger(ctx).Warn("a letter was given up by a person", "kind", string(in.Kind))
	if p.practice == "" {
		return nil
	}
	_, err = must(ctx, p, ledgerWork, "note that the letter is not sent", notices.GiveUpNotice,
		activities.GiveUpNoticeInput{Scope: p.scope(), Event: in.Event, By: p.lastDecider})
	return err
}
