package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/registry"
)

// A preset is how patient a kind of work is. Both ends are always bounded:
// when scheduleToClose runs out the workflow holds, it does not fail.
type preset struct {
	// startToClose bounds one attempt, scheduleToClose all of them.
	startToClose, scheduleToClose time.Duration
	// heartbeat is how long a worker may be silent; zero where attempts are short.
	heartbeat time.Duration
	// first and most bound the growing wait between attempts.
	first, most time.Duration
	// outbox says that it reads the outbox: where that is not there, or may not be
	// read, a person is told so.
	outbox bool
	// here says that it is tried in passing first, see [inPassing].
	here bool
	// least is its own floor of one attempt; zero for [leastAttempt].
	least time.Duration
}

// The presets, named by intent.
var (
	// ledgerWork reads or writes a few rows.
	ledgerWork = preset{startToClose: 15 * time.Second, scheduleToClose: time.Hour, first: time.Second, most: time.Minute}
	// scheduleWork asks Temporal's own server about Schedules, several times each: a
	// busy one takes seconds for an answer, in rehearsals too.
	scheduleWork = preset{
		startToClose: 15 * time.Second, scheduleToClose: time.Hour, first: time.Second, most: time.Minute, least: 15 * time.Second,
	}
	// briefWork is ledgerWork that each file needs: thousands of times a day.
	briefWork = ledgerWork.inPassing()
	// fileWork streams a file on our own side: stage, check, plan, import.
	fileWork = preset{
		startToClose: 30 * time.Minute, scheduleToClose: 6 * time.Hour, heartbeat: 30 * time.Second,
		first: 5 * time.Second, most: 5 * time.Minute,
	}
	// outboxWork is fileWork with what the EHR put into the outbox.
	outboxWork = fileWork.inOutbox()
	// transferWork talks to the registry's server. How soon it is tried again is
	// the registry's affair ([preset.spaced]); the drivers make no attempts of
	// their own.
	transferWork = preset{
		startToClose: time.Hour, scheduleToClose: 24 * time.Hour, heartbeat: 30 * time.Second,
		first: 30 * time.Second, most: 15 * time.Minute,
	}
	// noticeWork sends a letter.
	noticeWork = preset{startToClose: 30 * time.Second, scheduleToClose: 24 * time.Hour, first: 10 * time.Second, most: 10 * time.Minute}
)

// Floors under which patience does not go, however short a rehearsal's day is:
// a shared machine needs them.
const (
	leastAttempt   = 3 * time.Second
	leastStreaming = 30 * time.Second // with a heartbeat, which tells of a dead worker sooner
	leastWholeStep = 5 * time.Minute
	leastBackoff   = 100 * time.Millisecond
)

// inPassing is w, tried once in passing before it goes the patient way.
func (w preset) inPassing() preset {
	w.here = true
	return w
}

// inOutbox is w with files of an outbox.
func (w preset) inOutbox() preset {
	w.outbox = true
	return w
}

// smallFile is work of moments: such a file is checked in some ten milliseconds.
const smallFile = 1 << 20

// sized is w in passing where the file is small.
func (w preset) sized(bytes int64) preset {
	if bytes <= smallFile {
		return w.inPassing()
	}
	return w
}

// spaced leaves the registry's server alone for as long as its profile says
// after the first failure. A policy of before the profile said so has 0.
func (w preset) spaced(policy registry.Policy) preset {
	if policy.RetryDelaySeconds > 0 {
		w.first = time.Duration(policy.RetryDelaySeconds) * time.Second
		w.most = max(w.most, w.first)
	}
	return w
}

// on returns ctx with the preset's options, scaled by patience (1 in real
// life). what is the summary that the Web UI shows for the step.
func (w preset) on(ctx workflow.Context, patience float64, what string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    w.attempt(patience),
		ScheduleToCloseTimeout: scaled(w.scheduleToClose, leastWholeStep, patience),
		HeartbeatTimeout:       scaled(w.heartbeat, leastAttempt, patience),
		Summary:                what,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    scaled(w.first, leastBackoff, patience),
			BackoffCoefficient: 2,
			MaximumInterval:    scaled(w.most, leastBackoff, patience),
		},
	})
}

// attempt is how long one attempt may take.
func (w preset) attempt(patience float64) time.Duration {
	least := max(leastAttempt, w.least)
	if w.heartbeat > 0 {
		least = leastStreaming
	}
	return scaled(w.startToClose, least, patience)
}

// scaled is d times patience, and no less than least; what is 0 stays so.
func scaled(d, least time.Duration, patience float64) time.Duration {
	if d == 0 {
		return 0
	}
	if patience > 0 {
		d = time.Duration(float64(d) * patience)
	}
	return max(d, least)
}
