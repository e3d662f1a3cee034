package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// OutboxQuestionInput says what of an outbox a person is asked about.
type OutboxQuestionInput struct {
	Version  int               `json:"version"`
	Practice string            `json:"practice"`
	Lane     registry.Lane     `json:"lane"`
	Calendar registry.Calendar `json:"calendar"`
	// Wrong are files that do not match their checksum, at most [maxWrong]; Stray says
	// that files in the shared folder are nobody's, or of two practices, of which
	// Strays stand for the oldest.
	Wrong  []activities.OutboxFile `json:"wrong,omitempty"`
	Stray  bool                    `json:"stray,omitempty"`
	Strays []string                `json:"strays,omitempty"`
}

// maxWrong bounds the files of one question; further ones are asked about after it.
const maxWrong = 20

// OutboxQuestion asks a person about files that a submission left where they are,
// so that the submissions after it do not wait for the answer. "drop" leaves them
// there unasked; "retry" looks again.
func OutboxQuestion(ctx workflow.Context, in OutboxQuestionInput) error {
	p, err := newProcess(ctx, "outbox", in.Practice, in.Calendar, registry.Policy{})
	if err != nil {
		return err
	}
	facts, err := must(ctx, p, ledgerWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: p.scope()})
	if err != nil {
		return err
	}
	p.policy = facts.Policy
	var taken SubmissionCycleResult
	for _, f := range in.Wrong {
		_, said, err := take(ctx, p, facts, in.Lane, f, len(in.Wrong), &taken)
		if err != nil {
			return err
		}
		if said == registry.ActionDrop { // one answer for all that the question named
			return leave(ctx, p, tokens(in.Wrong))
		}
	}
	if in.Stray {
		_, action, err := attempt(ctx, p, outboxWork, "files of nobody in the shared folder", files.ScanOutbox,
			activities.ScanOutboxInput{Scope: p.scope(), Lane: in.Lane, Max: 1, Strict: true})
		if err != nil {
			return err
		}
		if action == registry.ActionDrop {
			return leave(ctx, p, in.Strays)
		}
	}
	return p.finish(ctx)
}

func tokens(of []activities.OutboxFile) []string {
	var out []string
	for _, f := range of {
		out = append(out, f.Name)
	}
	return out
}

// leave keeps that a person left these files where they are, and ends: they are not
// asked about again, and those that come after them are. The oldest, after which the
// question is called, comes last: a submission in between finds it asked.
func leave(ctx workflow.Context, p *process, tokens []string) error {
	for _, token := range slices.Backward(tokens) {
		if _, err := must(ctx, p, ledgerWork, "keep that a file was left", practices.RecordAct, activities.RecordActInput{
			Scope: p.scope(), Kind: activities.FileLeft, By: registry.System, Key: activities.FileLeftKey(token),
			Reason: "left in the outbox, as the question was answered",
		}); err != nil {
			return err
		}
	}
	return p.finish(ctx)
}

// askAbout starts the question about what a submission left; one that was asked
// about the same file is not asked again.
func askAbout(ctx workflow.Context, p *process, lane registry.Lane, wrong []activities.OutboxFile, outbox activities.ScanOutboxResult) error {
	in := OutboxQuestionInput{Version: 1, Practice: p.practice, Lane: lane, Calendar: p.calendar}
	if len(wrong) > 0 {
		in.Wrong = wrong[:min(len(wrong), maxWrong)]
		if err := startBeside(ctx, p, OutboxQuestion, OutboxQuestionID(p.practice, wrong[0].Name), "files with a wrong checksum", in); err != nil {
			return err
		}
	}
	if len(outbox.Strays) == 0 {
		return nil
	}
	in.Wrong, in.Stray, in.Strays = nil, true, outbox.Strays
	return startBeside(ctx, p, OutboxQuestion, OutboxQuestionID(p.practice, outbox.Strays[0]), "files of nobody in the shared folder", in)
}
