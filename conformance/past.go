package conformance

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"immtrail/registry"
)

var (
	ruleSentOther = declare(Rule{
		ID: "F-07.before", Where: "MSH-10", Severity: isWarning, Code: 205, Detail: 3,
		Says:   "The same system sent another message with this control ID before.",
		Remedy: "Nothing, if this corrects what was sent; otherwise ask the EHR vendor to give every message an ID of its own.",
		Source: "HL7 v2.5.1 MSH-10; answers are matched by it",
	})
	// One line that tells a vendor that the exports overlap; a second sending
	// does no harm (Texas IMR-109), so it is never more.
	ruleSentAgain = declare(Rule{
		ID: "F-07.again", Where: "MSH-10", Severity: isInfo, Code: 205, Detail: 3,
		Says:   "The same message was sent before.",
		Remedy: "Nothing to do; if most of a file was sent before, ask the EHR vendor to export only what is new.",
		Source: "Texas IMR-109",
	})
)

// SentBefore is what the past knows of a message's control ID.
type SentBefore uint8

// What the same sending system (MSH-3 and MSH-4) sent before under a control ID.
const (
	NotSentBefore SentBefore = iota
	// SentSame: the same content, whatever the time in MSH-7 says.
	SentSame
	// SentOther: other content only.
	SentOther
)

// Past says of each message of a batch what was sent before; the answer has as
// many entries as the batch. The facts must not be kept.
type Past func(ctx context.Context, batch []MessageFact) ([]SentBefore, error)

// pastBatch is how many messages are asked about at once, and kept meanwhile.
const pastBatch = 500

// CheckWithPast is [Check] that also looks back over what was sent before
// (F-07.before, F-07.again). OnMessage is called some hundred messages late, in
// the order of the file and after the message's findings. An error of past ends
// the check and is returned as it is.
func CheckWithPast(ctx context.Context, src io.Reader, in Options, past Past) (Summary, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b := &lookBack{ctx: ctx, stop: stop, past: past, in: in, most: in.MaxFindings}
	if b.most <= 0 {
		b.most = 1000
	}
	var grades map[string]string
	if in.Profile != nil {
		grades = in.Profile.Rules.Grades
	}
	b.weigh = severities(in.Lane, grades)
	in.Contents, in.OnMessage = true, b.add
	s, err := Check(ctx, src, in)
	if b.err == nil && err == nil {
		b.flush()
	}
	if b.err != nil {
		return Summary{}, b.err
	}
	if err != nil {
		return Summary{}, err
	}
	b.fold(&s)
	return s, nil
}

// lookBack gathers messages until there are enough to ask about.
type lookBack struct {
	ctx   context.Context //nolint:containedctx // lives as long as the call of CheckWithPast that made it
	stop  context.CancelFunc
	past  Past
	in    Options
	weigh []registry.Severity
	most  int
	batch []MessageFact
	// again and other are how often the two rules fired.
	again, other int
	err          error
}

func (b *lookBack) add(f MessageFact) {
	if b.err != nil {
		return
	}
	if b.batch = append(b.batch, f); len(b.batch) >= pastBatch {
		b.flush()
	}
}

func (b *lookBack) flush() {
	if len(b.batch) == 0 {
		return
	}
	before, err := b.past(b.ctx, b.batch)
	if err == nil && len(before) != len(b.batch) {
		err = errors.New("the past answered for another number of messages")
	}
	if err != nil {
		b.err = err
		b.stop()
		return
	}
	for i := range b.batch {
		f := &b.batch[i]
		switch before[i] {
		case SentSame:
			b.fire(ruleSentAgain, &b.again, f)
		case SentOther:
			b.fire(ruleSentOther, &b.other, f)
		case NotSentBefore:
		}
		if b.in.OnMessage != nil {
			b.in.OnMessage(*f)
		}
	}
	clear(b.batch) // lets go of what the facts hold
	b.batch = b.batch[:0]
}

// fire counts the rule and draws the consequence for the message: a warning
// shows, and nothing is held or dropped for it.
func (b *lookBack) fire(r *Rule, n *int, f *MessageFact) {
	weight := b.weigh[r.n]
	switch weight {
	case errorGrade:
		f.Errors++
	case warningGrade:
		f.Warnings++
	case infoGrade:
	default:
		return
	}
	if weight != infoGrade && f.Outcome == registry.OutcomeAccepted {
		f.Outcome = registry.OutcomeWarned
	}
	if *n++; *n > b.most || b.in.OnFinding == nil {
		return
	}
	b.in.OnFinding(registry.Finding{
		Rule: r.ID, Severity: weight,
		Place: registry.Place{Message: f.Ordinal, ControlID: f.ControlID, Path: "MSH-10", Offset: f.Offset, Line: f.Line},
	})
}

// fold adds the findings to the summary of the check.
func (b *lookBack) fold(s *Summary) {
	for _, more := range []struct {
		rule *Rule
		n    int
	}{{ruleSentAgain, b.again}, {ruleSentOther, b.other}} {
		if more.n == 0 {
			continue
		}
		weight := b.weigh[more.rule.n]
		switch weight {
		case errorGrade:
			s.Errors += more.n
		case warningGrade:
			s.Warnings += more.n
		case infoGrade:
			s.Infos += more.n
		}
		s.Counts = append(s.Counts, registry.RuleCount{Rule: more.rule.ID, Severity: weight, Count: more.n})
	}
	slices.SortFunc(s.Counts, func(x, y registry.RuleCount) int { return strings.Compare(x.Rule, y.Rule) })
	s.Top = top(s.Counts, 10)
	s.ErrorFree = s.Errors == 0
	s.HoldFile = s.HoldFile || b.in.Lane == registry.LaneTest && !s.ErrorFree
	if s.Outcome == registry.OutcomeAccepted && s.Errors+s.Warnings > 0 {
		s.Outcome = registry.OutcomeWarned
	}
}
