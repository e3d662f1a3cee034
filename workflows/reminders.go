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
		if unsent > 0 {
			p.notes = append(p.notes, fmt.Sprintf("Letters of reminder that did not go out: %d. What they told of comes with the next ones; see the log, and `starter doctor`.", unsent))
		}
		return due.Next, p.show(ctx)
	}
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
			in := activities.SendNoticeInput{Scope: p.scope(), Kind: activities.MorningLetter(event), Event: event}
			if _, err := do(morningWork.on(ctx, p.policy.Patience, "letter: what waits for one person"), notices.SendNotice, in); err != nil {
				unsent++
				workflow.GetLogger(ctx).Error("a letter of reminder could not be sent", "kind", kindOf(err))
			}
		})
	}
	sent.Wait(ctx)
	return unsent
}
