package registry

import (
	"fmt"
	"slices"
)

// Phase is the stage of a practice on its way to a live connection.
type Phase string

// The phases, in the order of the DSHS job aide.
const (
	PhaseRegistered Phase = "registered" // known to us; prerequisites are being gathered
	PhaseTesting    Phase = "testing"    // test files are sent until enough are error-free
	PhaseInReview   Phase = "in_review"  // the registry was asked to review
	PhaseProduction Phase = "production" // the Production email came: the connection is live
	PhaseWithdrawn  Phase = "withdrawn"  // ended, by a person
)

// Phases lists every phase in order.
func Phases() []Phase {
	return []Phase{PhaseRegistered, PhaseTesting, PhaseInReview, PhaseProduction, PhaseWithdrawn}
}

// After reports whether a practice comes to p later than to q.
func (p Phase) After(q Phase) bool { return slices.Index(Phases(), p) > slices.Index(Phases(), q) }

// Valid reports whether p is one of the phases.
func (p Phase) Valid() bool {
	switch p {
	case PhaseRegistered, PhaseTesting, PhaseInReview, PhaseProduction, PhaseWithdrawn:
		return true
	}
	return false
}

// Words is the phase as a person says it.
func (p Phase) Words() string {
	switch p {
	case PhaseRegistered:
		return "registered"
	case PhaseTesting:
		return "testing"
	case PhaseInReview:
		return "in review"
	case PhaseProduction:
		return "production"
	case PhaseWithdrawn:
		return "withdrawn"
	}
	return string(p)
}

// PhaseEvent is what moves a practice from one phase to the next.
type PhaseEvent string

// The events of the phase diagram.
const (
	EventPrerequisitesDone PhaseEvent = "prerequisites-done"
	EventReviewRequested   PhaseEvent = "review-requested"
	EventChangesNeeded     PhaseEvent = "changes-needed"
	EventApproved          PhaseEvent = "approved"
	EventWithdrawn         PhaseEvent = "withdrawn"
)

// PhaseEvents lists every event.
func PhaseEvents() []PhaseEvent {
	return []PhaseEvent{
		EventPrerequisitesDone, EventReviewRequested, EventChangesNeeded, EventApproved, EventWithdrawn,
	}
}

type phaseMove struct {
	from  Phase
	event PhaseEvent
}

// moves is the whole diagram. What is not in it is not allowed.
var moves = map[phaseMove]Phase{
	{PhaseRegistered, EventPrerequisitesDone}: PhaseTesting,
	{PhaseTesting, EventReviewRequested}:      PhaseInReview,
	{PhaseInReview, EventChangesNeeded}:       PhaseTesting,
	{PhaseInReview, EventApproved}:            PhaseProduction,
	{PhaseRegistered, EventWithdrawn}:         PhaseWithdrawn,
	{PhaseTesting, EventWithdrawn}:            PhaseWithdrawn,
	{PhaseInReview, EventWithdrawn}:           PhaseWithdrawn,
	{PhaseProduction, EventWithdrawn}:         PhaseWithdrawn,
}

// Next returns the phase that event leads to from p. It returns an error of
// kind [Invalid] when the diagram has no such arrow.
func Next(p Phase, event PhaseEvent) (Phase, error) {
	to, ok := moves[phaseMove{p, event}]
	if !ok {
		return p, &Error{Kind: Invalid, Op: "phase", Err: fmt.Errorf("%s does not lead anywhere from %s", event, p)}
	}
	return to, nil
}

// EventsTo lists the arrows that lead from the first stage to p along the way of
// the job aide. It returns an error of kind [Invalid] where none do.
func EventsTo(p Phase) ([]PhaseEvent, error) {
	way := []PhaseEvent{EventPrerequisitesDone, EventReviewRequested, EventApproved}
	at := PhaseRegistered
	for i := 0; ; i++ {
		if at == p {
			return way[:i], nil
		}
		if i == len(way) {
			return nil, &Error{Kind: Invalid, Op: "phase", Err: fmt.Errorf("no way leads to %q", p)}
		}
		at = moves[phaseMove{at, way[i]}]
	}
}

// HistoryState is how far the one-time historical load is. It runs beside the
// phase.
type HistoryState string

// The states of the historical load.
const (
	HistoryNotAsked HistoryState = "not_asked" // the EHR vendor has not been asked yet
	HistoryAsked    HistoryState = "asked"     // asked: can it send one, how far back
	HistoryNone     HistoryState = "none"      // the vendor said no; "no" is an answer
	HistoryPlanned  HistoryState = "planned"   // a plan waits for its approval
	HistoryLoading  HistoryState = "loading"   // parts are on their way
	HistorySent     HistoryState = "sent"      // every approved part is sent; supplements may follow
	HistoryClosed   HistoryState = "closed"    // done, and locked for ever
)

// HistoryStates lists every state of the historical load, in order.
func HistoryStates() []HistoryState {
	return []HistoryState{HistoryNotAsked, HistoryAsked, HistoryNone, HistoryPlanned, HistoryLoading, HistorySent, HistoryClosed}
}

// historyMoves names, for each state, the states that may follow it.
var historyMoves = map[HistoryState][]HistoryState{
	HistoryNotAsked: {HistoryAsked, HistoryNone, HistoryClosed},
	HistoryAsked:    {HistoryNone, HistoryPlanned},
	HistoryNone:     {HistoryAsked},
	HistoryPlanned:  {HistoryPlanned, HistoryLoading, HistoryNone},
	HistoryLoading:  {HistorySent},
	HistorySent:     {HistoryLoading, HistoryClosed},
	HistoryClosed:   nil,
}

// CanFollow reports whether the historical load may move from h to next.
// Staying where it is is always allowed, so that a repeated write is harmless.
func (h HistoryState) CanFollow(next HistoryState) bool {
	if h == next {
		return true
	}
	for _, to := range historyMoves[h] {
		if to == next {
			return true
		}
	}
	return false
}

// SubmissionState is the state of ongoing submission, beside the phase.
type SubmissionState string

// The states of ongoing submission.
const (
	SubmissionOff    SubmissionState = "off"
	SubmissionOn     SubmissionState = "on"
	SubmissionPaused SubmissionState = "paused"
)

// Lane is a file's way to the registry: which outbox it came from, which
// folder it goes to, which rules judge it.
type Lane string

// The lanes.
const (
	LaneTest       Lane = "test"
	LaneProduction Lane = "production"
	LaneHistorical Lane = "historical"
)

// Lanes lists every lane.
func Lanes() []Lane { return []Lane{LaneTest, LaneProduction, LaneHistorical} }

// Valid reports whether l is one of the lanes.
func (l Lane) Valid() bool {
	return l == LaneTest || l == LaneProduction || l == LaneHistorical
}

// OpenIn reports whether files may travel in lane l while a practice is in
// phase p. Real patient data moves only after the Production email.
func (l Lane) OpenIn(p Phase) bool {
	switch l {
	case LaneTest:
		return p == PhaseTesting || p == PhaseInReview
	case LaneProduction, LaneHistorical:
		return p == PhaseProduction
	}
	return false
}

// LaneOf is the lane that the submission schedule serves in phase p; ok is
// false where nothing is submitted at all.
func LaneOf(p Phase) (lane Lane, ok bool) {
	switch p {
	case PhaseTesting, PhaseInReview:
		return LaneTest, true
	case PhaseProduction:
		return LaneProduction, true
	case PhaseRegistered, PhaseWithdrawn:
	}
	return "", false
}
