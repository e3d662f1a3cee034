package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"immtrail/activities"
	"immtrail/registry"
)

// SubmissionCycleResult counts what a cycle took from the outbox.
type SubmissionCycleResult struct {
	Lane registry.Lane `json:"lane,omitempty"`
	// Started files are on their way; Known ones had been submitted before.
	Started int `json:"started"`
	Known   int `json:"known"`
	// Unstable files are still being written; the next cycle takes them.
	Unstable int `json:"unstable,omitempty"`
	// Wrong files do not match their checksum, Stray ones of a shared folder are
	// nobody's; a person is asked.
	Wrong int `json:"wrong,omitempty"`
	Stray int `json:"stray,omitempty"`
	// Why says why nothing was taken.
	Why string `json:"why,omitempty"`
}

// skipSlack is how long before the time that the Schedule told a submission may
// begin and still be the one that a person meant.
const skipSlack = time.Second

// SubmissionCycle empties the outbox of the phase's lane and starts one
// FileSubmission a file. A Schedule starts it.
func SubmissionCycle(ctx workflow.Context, in activities.CycleInput) (SubmissionCycleResult, error) {
	if in.Nominal {
		in.Calendar = nominal(ctx, in.Calendar)
	}
	p, err := newProcess(ctx, "submission", in.Practice, in.Calendar, registry.Policy{})
	if err != nil {
		return SubmissionCycleResult{}, err
	}
	result, err := submit(ctx, p)
	if err != nil {
		return result, err
	}
	return result, p.finish(ctx)
}

// scheduledFor is the search attribute by which Temporal says for which time a
// Schedule meant a workflow.
var scheduledFor = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// nominal is cal with the date at which the Schedule meant the workflow to begin. One
// that no Schedule started keeps its calendar.
func nominal(ctx workflow.Context, cal registry.Calendar) registry.Calendar {
	at, known := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledFor)
	if !known {
		return cal
	}
	return registry.Calendar{Epoch: at.UTC(), Anchor: workflow.GetInfo(ctx).WorkflowStartTime, Day: cal.Day}
}

func submit(ctx workflow.Context, p *process) (SubmissionCycleResult, error) {
	facts, err := must(ctx, p, briefWork, "read the practice", practices.LoadPractice,
		activities.LoadPracticeInput{Scope: p.scope()})
	if err != nil {
		return SubmissionCycleResult{}, err
	}
	p.policy = facts.Policy
	lane, open := registry.LaneOf(facts.Phase)
	if !open {
		return SubmissionCycleResult{Why: "nothing is submitted while the practice is " + facts.Phase.Words()}, nil
	}
	result := SubmissionCycleResult{Lane: lane}
	if facts.Submission != registry.SubmissionOn {
		result.Why = "submission is " + string(facts.Submission)
		return result, nil
	}
	if skip := facts.Skip; skip != nil && !workflow.Now(ctx).Before(skip.Due.Add(-skipSlack)) {
		result.Why = "left out, as " + skip.By + " asked"
		_, err := must(ctx, p, ledgerWork, "keep that a submission was left out", practices.RecordAct, activities.RecordActInput{
			Scope: p.scope(), Kind: activities.SubmissionSkipped, By: registry.System, Reason: result.Why, Key: skip.Key,
		})
		return result, err
	}
	most := max(1, facts.Policy.FilesPerCycle)
	if lane == registry.LaneProduction {
		if facts.Second.Waits != "" {
			result.Why = facts.Second.Waits
			return result, nil
		}
		if facts.Second.FirstOnly {
			most = 1
		}
	}
	outbox, action, err := attempt(ctx, p, outboxWork.inPassing(), "look into the outbox", files.ScanOutbox,
		activities.ScanOutboxInput{Scope: p.scope(), Lane: lane, Max: most})
	if err != nil || action != "" {
		return result, err
	}
	result.Unstable = outbox.Unstable
	var wrong []activities.OutboxFile
	for _, f := range outbox.Files {
		bad, _, err := take(ctx, p, facts, lane, f, 0, &result)
		if err != nil {
			return result, err
		}
		if bad && !f.Left {
			wrong = append(wrong, f)
		}
	}
	if outbox.Stuck > 0 {
		if err := p.notice(ctx, activities.SendNoticeInput{
			Kind: activities.NoticeWatch, Event: activities.StuckEvent(p.practice, outbox.NewestStuck), Words: stuckWords(outbox.Stuck),
		}); err != nil {
			return result, err
		}
	}
	result.Wrong, result.Stray = len(wrong), outbox.Stray
	return result, askAbout(ctx, p, lane, wrong, outbox)
}

func stuckWords(n int) string {
	files := "1 file has"
	if n > 1 {
		files = fmt.Sprintf("%d files have", n)
	}
	return files + " lain in the outbox for more than a day without being finished: by the name it is still written, " +
		"or the companion that the profile wants (file.done_suffix, file.checksum_suffix) is missing. Ask the EHR vendor whether the export was cut off."
}

// take brings one file from the outbox into the vault and sets it on its way.
// A file that is known is set on its way again too: where that was done, the
// engine refuses the second start, and where a crash came between, it is the
// first. wrongSum says that it is not what its checksum says; with so many of these
// named, a person is asked instead, and said how it ends.
func take(
	ctx workflow.Context, p *process, facts activities.PracticeFacts, lane registry.Lane,
	f activities.OutboxFile, wrong int, result *SubmissionCycleResult,
) (wrongSum bool, said registry.HoldAction, err error) {
	// Never in passing: what the look found is remembered once this step is on
	// record. A worker that died after an unrecorded step would look again, and a
	// file that has left the outbox is not seen any more.
	staged, action, err := attempt(ctx, p, outboxWork, "take a file from the outbox", files.StageFile,
		activities.StageFileInput{Scope: p.scope(), Lane: lane, Name: f.Name, Wrong: wrong})
	if err != nil || action != "" || staged.File.ID == "" {
		return staged.WrongSum, action, err
	}
	if staged.Known {
		result.Known++
	} else {
		result.Started++
	}
	waiting := OnboardingID(p.practice)
	if facts.Onboarded {
		waiting = ""
	}
	summary := fmt.Sprintf("%s file of %s", lane, p.practice)
	return false, "", startBeside(ctx, p, FileSubmission, FileID(staged.File.ID), summary, FileSubmissionInput{
		Version: 1, Practice: p.practice, File: staged.File, Lane: lane,
		Calendar: p.calendar, Policy: facts.Policy, Business: facts.Business, Tell: waiting,
	})
}
