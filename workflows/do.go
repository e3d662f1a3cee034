package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/internal/temporalconn/tripwire"
	"immtrail/registry"
)

// Nil pointers that only name the activities' methods.
var (
	practices  *activities.Practices
	files      *activities.Files
	deliveries *activities.Deliveries
	reports    *activities.Reports
	notices    *activities.Notices
	watches    *activities.Watches
	histories  *activities.Histories
	schedules  *activities.Schedules
	hosts      *activities.Hosts
	hands      *activities.Hands
)

// tooLargeError is an input that must not go into history. As an activity argument
// it would panic the workflow task for ever (measured), so it is caught before
// the call and ends in a hold.
type tooLargeError struct{ err error }

func (e *tooLargeError) Error() string {
	return "the step's input cannot be recorded: " + e.err.Error()
}
func (e *tooLargeError) Unwrap() error { return e.err }

// do runs one activity with its input and its result both checked by the
// compiler.
func do[In, Out any](ctx workflow.Context, act func(context.Context, In) (Out, error), in In) (Out, error) {
	var out Out
	if err := tripwire.MeasureInput(in); err != nil {
		return out, &tooLargeError{err}
	}
	err := workflow.ExecuteActivity(ctx, act, in).Get(ctx, &out)
	return out, err
}

// Steps in passing have this long, well below the time of a workflow's task.
const passingTime = 5 * time.Second

// step runs one activity by its preset.
func step[In, Out any](
	ctx workflow.Context, w preset, patience float64, what string, act func(context.Context, In) (Out, error), in In,
) (Out, error) {
	if w.here {
		out, err := inPassing(ctx, what, act, in)
		if err == nil || temporal.IsCanceledError(err) || final(err) {
			return out, err
		}
	}
	return do(w.on(ctx, patience, what), act, in)
}

// inPassing runs one activity in the worker that has the workflow's task in hand (a
// local activity): a marker in history in the place of five events, and no way
// through a task queue and back. It is tried once. What fails is tried again the
// patient way, where people see it in the Web UI with its attempts.
//
// Its result is on record only when the task ends. A worker that dies before
// repeats all that it did in passing in that task, in order: so a step may be done in
// passing only where those before it come to the same after it was done.
func inPassing[In, Out any](
	ctx workflow.Context, what string, act func(context.Context, In) (Out, error), in In,
) (out Out, err error) {
	if err := tripwire.MeasureInput(in); err != nil {
		return out, &tooLargeError{err}
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: passingTime, Summary: what, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	err = workflow.ExecuteLocalActivity(ctx, act, in).Get(ctx, &out)
	return out, err
}

// final says that trying again cannot mend it.
func final(err error) bool {
	var large *tooLargeError
	var app *temporal.ApplicationError
	return errors.As(err, &large) || errors.As(err, &app) && app.NonRetryable()
}

// kindOf reads the kind of a failed activity: only the type of an
// ApplicationError survives the way back, never a sentinel. What carries none
// (a timeout, a lost worker) is weather.
func kindOf(err error) registry.Kind {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		for _, k := range registry.Kinds() {
			if app.Type() == string(k) {
				return k
			}
		}
	}
	return registry.Transient
}

// holdReason is why a person is asked after a step has failed for good.
// Only steps that talk to the registry blame the connection.
func holdReason(w preset, err error) registry.HoldReason {
	var large *tooLargeError
	if errors.As(err, &large) {
		return registry.HoldPayload
	}
	kind := kindOf(err)
	if w.outbox && (kind == registry.Missing || kind == registry.Refused) {
		return registry.HoldOutbox
	}
	reason := registry.HoldFor(kind)
	if reason == registry.HoldConnection && w != transferWork {
		return registry.HoldSystem
	}
	return reason
}

// wordsOf is the machine's own words for a person; activities promise that
// they name places and rules only.
func wordsOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	var late *temporal.TimeoutError
	if errors.As(err, &late) {
		return fmt.Sprintf("no answer within the time allowed (%s)", late.TimeoutType())
	}
	return err.Error()
}

// attempt runs one step of p until it succeeds. When the machine has given up,
// a person is asked; "retry" runs it again, and any other action is returned
// for the caller to apply. The error is not nil only where the workflow has to
// end: cancelled, withdrawn, continued as new, or kind invalid.
func attempt[In, Out any](
	ctx workflow.Context, p *process, w preset, what string,
	act func(context.Context, In) (Out, error), in In, actions ...registry.HoldAction,
) (Out, registry.HoldAction, error) {
	for {
		out, err := step(ctx, w, p.policy.Patience, what, act, in)
		if err == nil {
			return out, "", nil
		}
		if temporal.IsCanceledError(err) || kindOf(err) == registry.Invalid {
			return out, "", err
		}
		reason, words := holdReason(w, err), wordsOf(err)
		if reason == registry.HoldOutbox {
			words = strings.TrimPrefix(words, "outbox: ") // the reason says so
		}
		action, err := p.hold(ctx, reason, what, words, actions...)
		if err != nil {
			return out, "", err
		}
		if action != registry.ActionRetry {
			return out, action, nil
		}
	}
}

// must runs a step that has no way around it: the only thing a person can do
// about its failure is to mend the cause and say "retry".
func must[In, Out any](
	ctx workflow.Context, p *process, w preset, what string,
	act func(context.Context, In) (Out, error), in In,
) (Out, error) {
	out, _, err := attempt(ctx, p, w, what, act, in, registry.ActionRetry)
	return out, err
}
