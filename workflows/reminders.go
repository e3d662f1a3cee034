package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
)

// morningWork sends one person's letter. What a mail server does not take within
// the hour comes with the next letter: it lists all that waits.
var morningWork = preset{startToClose: 30 * time.Second, scheduleToClose: time.Hour, first: 10 * time.Second, most: 10 * time.Minute}

// bounceWork reads a folder and tells of what came back; the next round goes on with it.
var bounceWork = preset{startToClose: 2 * time.Minute, scheduleToClose: 3 * time.Minute, first: 10 * time.Second, most: time.Minute}

// Reminders writes to each of our people, once a business day at most, what waits
// for that person. It decides nothing: DueReminders knows who has something new or
// due, by the policy that each practice's watch keeps. There is one of it, under
// the ID "reminders", for ever; any watch starts it.
func Reminders(ctx workflow.Context, in activities.RemindersInput) error {
	p, err := newProcess(ctx, "reminders", "", in.Calendar, in.Policy)
	if err != nil {
		return err
	}
	p.rolling = true
	if err := answer(ctx, QueryStatus, p.status); err != nil {
		return err
	}
	for {
		next, err := p.remindPeople(ctx)
		if err == nil {
			_, err = p.waitUntil(ctx, next, "the next letters of reminder", func() bool { return false })
		}
		if errors.Is(err, errContinue) {
			if err := p.finish(ctx); err != nil {
				return err
			}
			in.Calendar, in.Policy = p.calendar, p.policy
			return workflow.NewContinueAsNewError(ctx, Reminders, in)
		}
		if err != nil {
			return err
		}
	}
}

// remindPeople sends the letters of this moment and returns when to look again.
func (p *process) remindPeople(ctx workflow.Context) (time.Time, error) {
	bounced := p.tellBounces(ctx)
	in := activities.DueRemindersInput{Scope: p.scope()}
	unsent := 0
	for {
		due, err := must(ctx, p, ledgerWork, "whose morning is it", notices.DueReminders, in)
		if err != nil {
			return time.Time{}, err
		}
		unsent += p.sendReminders(ctx, due.Events)
		if due.More {
			in.After = due.Events[len(due.Events)-1]
			continue
		}
		p.notes = p.notes[:0]
		if bounced != "" {
			p.notes = append(p.notes, bounced)
		}
		if unsent > 0 {
			p.notes = append(p.notes, fmt.Sprintf("Letters of reminder that did not go out: %d. What they told of comes with the next ones; see the log, and `starter doctor`.", unsent))
		}
		return due.Next, p.show(ctx)
	}
}

// tellBounces sees whether letters came back, and returns what a person should know. It
// keeps no letter waiting: what fails is looked at again within the hour.
func (p *process) tellBounces(ctx workflow.Context) string {
	out, err := do(bounceWork.on(ctx, p.policy.Patience, "did letters come back"), notices.TellBounces,
		activities.TellBouncesInput{Scope: p.scope()})
	switch {
	case err != nil && ctx.Err() == nil:
		workflow.GetLogger(ctx).Error("whether letters came back could not be seen or told", "kind", kindOf(err))
		return fmt.Sprintf("Whether letters came back could not be seen or told (%s); see the log, and `starter doctor`.", kindOf(err))
	case out.Unreadable > 0:
		return fmt.Sprintf("Mails in the folder of notify.bounces that cannot be read: %d.", out.Unreadable)
	}
	return ""
}

// sendReminders sends letters side by side, so that one mailbox that is closed
// delays nobody else, and returns how many did not go out.
func (p *process) sendReminders(ctx workflow.Context, events []string) int {
	unsent := 0
	sent := workflow.NewWaitGroup(ctx)
	for _, event := range events {
		sent.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer sent.Done()
			in := activities.LetterOf(event)
			in.Scope = p.scope()
			if _, err := do(morningWork.on(ctx, p.policy.Patience, "letter: what waits for one person"), notices.SendNotice, in); err != nil {
				unsent++
				workflow.GetLogger(ctx).Error("a letter of reminder could not be sent", "kind", kindOf(err))
			}
		})
	}
	sent.Wait(ctx)
	return unsent
}
