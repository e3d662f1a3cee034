package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

const (
	// askAgain is how often a workflow that waits for its turn asks again: a
	// host's workflow that somebody ended is started by it.
	askAgain      = 6 * time.Hour
	leastAskAgain = time.Minute
	// faultsOfOwn is how often a workflow goes back in line before its trouble is
	// taken for its own: where everybody else gets through, the connection is
	// never held.
	faultsOfOwn = 150
	// wordsTold bounds what a host's workflow is told in a server's words.
	wordsTold = 300
)

// visitor is a workflow that logs in at a registry's server. It stands in the
// line of the host's workflow, which lets it in by a signal. What a connection's
// server does wrong is told there and tried again from the line: the one who
// meets it does not decide for the others.
type visitor struct {
	*process
	// target says which connection it is for.
	target activities.AskPermitInput
	// asks counts visits; wants is set from asking until the visit is over.
	asks  int
	wants bool
	// granted is the permit, while there is one; last is the newest that was
	// given back.
	granted *PermitGranted
	last    int64
	// line is where it stands.
	line activities.AskPermitResult
	// sent is how far an upload came before the last fault.
	sent int64
	// faults counts what it was told to try again, since the last success.
	faults int
	// waiting shows the wait to people.
	waiting func(ctx workflow.Context, words string)
}

func newVisitor(ctx workflow.Context, p *process, waiting func(workflow.Context, string)) *visitor {
	v := &visitor{process: p, waiting: waiting}
	hear(ctx, p, SignalPermitGranted, v.hear)
	return v
}

// hear takes in a permit. One that nobody waits for any more is given back.
func (v *visitor) hear(g PermitGranted) {
	switch {
	case g.Permit <= v.last, v.granted != nil && g.Permit <= v.granted.Permit:
		// The host's workflow asks whether we live; that the signal came is the
		// answer. One that was given back is given back again: the first time may
		// have been lost.
		if v.granted == nil {
			v.giveBack(g)
		}
	case !v.wants:
		v.giveBack(g)
	default:
		v.granted = &g
	}
}

func (v *visitor) giveBack(g PermitGranted) {
	v.chores = append(v.chores, func(ctx workflow.Context) error {
		return v.tellHost(ctx, g, PermitReleased{Outcome: VisitUnused})
	})
}

// enter waits for the turn; it returns at once where the visit goes on.
func (v *visitor) enter(ctx workflow.Context, words string) error {
	if v.line.Free || v.granted != nil {
		return nil
	}
	if !v.wants {
		v.wants = true
		v.asks++
	}
	in := v.target
	in.Scope, in.WorkflowID, in.Ask = v.scope(), workflow.GetInfo(ctx).WorkflowExecution.ID, v.asks
	for {
		line, err := must(ctx, v.process, briefWork, "ask for a turn at the registry's server", hosts.AskPermit, in)
		if err != nil {
			return err
		}
		if v.line = line; line.Free {
			v.wants = false
			return nil
		}
		v.waiting(ctx, words)
		again := v.calendar.Date(workflow.Now(ctx).Add(scaled(askAgain, leastAskAgain, v.policy.Patience)))
		came, err := v.waitUntil(ctx, again, "ask again", func() bool { return v.granted != nil })
		if err != nil || !came {
			return err
		}
	}
}

// leave ends the visit. outcome says what it tells about the connection.
func (v *visitor) leave(ctx workflow.Context, outcome VisitOutcome) error {
	g, inside := v.out()
	if !inside {
		return nil
	}
	return v.tellHost(ctx, g, PermitReleased{Outcome: outcome})
}

// leaveLater ends a visit that went well, and goes on while the host is told.
func (v *visitor) leaveLater(ctx workflow.Context) {
	if g, inside := v.out(); inside {
		r := v.released(ctx, g, PermitReleased{Outcome: VisitDone})
		tellLater(ctx, v.process, activities.HostID(g.Host), SignalPermitReleased, r)
	}
}

// out takes the permit away; inside says that there was one.
func (v *visitor) out() (g PermitGranted, inside bool) {
	v.wants = false
	v.faults, v.sent = 0, 0
	if v.granted == nil {
		return g, false
	}
	g = *v.granted
	v.granted, v.last = nil, g.Permit
	return g, true
}

// fault ends the visit and stays in line: the host's workflow says when the
// connection may be tried again.
func (v *visitor) fault(ctx workflow.Context, err error, fault activities.ConnectionFault) error {
	v.faults++
	g := *v.granted
	v.granted, v.last = nil, g.Permit
	return v.tellHost(ctx, g, PermitReleased{
		Outcome: VisitFault, Kind: kindOf(err), Words: firstBytes(wordsOf(err), wordsTold), Server: fault.Server,
	})
}

func (v *visitor) tellHost(ctx workflow.Context, g PermitGranted, r PermitReleased) error {
	return tell(ctx, activities.HostID(g.Host), SignalPermitReleased, v.released(ctx, g, r))
}

func (v *visitor) released(ctx workflow.Context, g PermitGranted, r PermitReleased) PermitReleased {
	r.Workflow, r.Ask, r.Permit = workflow.GetInfo(ctx).WorkflowExecution.ID, g.Ask, g.Permit
	return r
}

// visit runs one step at the registry's server, in a visit that goes on until
// it is left. What is wrong with the connection is waited for in line; what is
// wrong with this file alone ends the visit and is asked of a person, as
// [attempt] does. in makes the input for the visit's share of bytes per second.
func visit[In, Out any](
	ctx workflow.Context, v *visitor, what string,
	act func(context.Context, In) (Out, error), in func(share int64) In, actions ...registry.HoldAction,
) (Out, registry.HoldAction, error) {
	for {
		out, wrong, err := visitOnce(ctx, v, what, act, in)
		if err != nil || wrong == nil {
			return out, "", err
		}
		if err := v.leave(ctx, VisitDone); err != nil {
			return out, "", err
		}
		action, err := v.hold(ctx, holdReason(transferWork, wrong), what, wordsOf(wrong), actions...)
		if err != nil || action != registry.ActionRetry {
			return out, action, err
		}
	}
}

// visitOnce runs one step in a visit until it is done or wrong with this file
// alone, which is the second result; the visit goes on then.
func visitOnce[In, Out any](
	ctx workflow.Context, v *visitor, what string,
	act func(context.Context, In) (Out, error), in func(share int64) In,
) (none Out, wrong, err error) {
	words := what
	for {
		if err := v.enter(ctx, words); err != nil {
			return none, nil, err
		}
		var share int64
		if v.granted != nil {
			share = v.granted.BytesPerSecond
		}
		out, err := do(transferWork.spaced(v.policy).on(ctx, v.policy.Patience, what), act, in(share))
		if err == nil {
			v.faults, v.sent = 0, 0
			return out, nil, nil
		}
		if temporal.IsCanceledError(err) || kindOf(err) == registry.Invalid {
			calm, _ := workflow.NewDisconnectedContext(ctx)
			return none, nil, errors.Join(err, v.leave(calm, VisitUnused))
		}
		fault, ok := ofConnection(err)
		if !ok || v.granted == nil || v.faults >= faultsOfOwn {
			return none, err, nil
		}
		v.sent = fault.Sent
		words = fmt.Sprintf("%s; last time: %s", what, wordsOf(err))
		if err := v.fault(ctx, err, fault); err != nil {
			return none, nil, err
		}
	}
}

// ofConnection reports whether whoever comes next with the same connection
// would meet err too: the activity says so, or the time for it ran out.
func ofConnection(err error) (activities.ConnectionFault, bool) {
	var fault activities.ConnectionFault
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return fault, app.HasDetails() && app.Details(&fault) == nil && fault.Connection != ""
	}
	var late *temporal.TimeoutError
	return fault, errors.As(err, &late)
}

// firstBytes cuts text on a character's boundary.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most] + "…"
}
