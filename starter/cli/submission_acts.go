package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) submissionCommand() *cobra.Command {
	var reason, site string
	attest := &cobra.Command{
		Use: "attest PRACTICE", Short: "State that there was nothing to send; the 30 days count anew", Args: cobra.ExactArgs(1),
		Long: `States that a practice, or one site of it, had nothing to send: the days until the
registry's limit of 30 begin anew. Who says so and why goes into the audit log and
into the evidence of the practice.`,
		Example: `  starter submission attest sunrise-plano --reason "closed for two weeks"
  starter submission attest lonestar-group --site elgin --reason "closed for renovation"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			if err := a.knowsSite(cmd.Context(), args[0], site); err != nil {
				return err
			}
			return ask(cmd.Context(), a, args[0], workflows.WatchID(args[0]), workflows.UpdateAttestNothing,
				workflows.Attest{Act: workflows.Act{By: by, Reason: reason}, Site: site})
		},
	}
	attest.Flags().StringVar(&reason, "reason", "", "why there was nothing")
	attest.Flags().StringVar(&site, "site", "", "one site only")
	_ = attest.MarkFlagRequired("reason")
	return folder("submission", "See, set, run, skip, pause and resume ongoing submission",
		"  starter submission run sunrise-plano --reason \"the export is mended\"\n  starter submission pause sunrise-plano --reason \"EHR upgrade\"",
		a.submissionShow(), a.submissionRun(), a.submissionSkip(), a.submissionSet(),
		a.switchCommand("pause", "Stop sending files for a practice", workflows.UpdatePause),
		a.switchCommand("resume", "Go on sending files for a practice", workflows.UpdateResume),
		attest)
}

// knowsSite refuses a site that the practice has not; an empty one is the practice.
func (a *app) knowsSite(ctx context.Context, practice, site string) error {
	if site == "" {
		return nil
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, practice)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Sites, func(s registry.Site) bool { return s.ID == site }) {
		return refused("%s has no site %q; see: starter practice show %s", practice, site, practice)
	}
	return nil
}

func (a *app) submissionRun() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "run PRACTICE", Short: "Send what lies in the outbox now, beside the schedule", Args: cobra.ExactArgs(1),
		Long: `Starts a submission now; those on schedule go on. No file is sent twice by it. Who
asked for it and why goes into the audit log.`,
		Example: `  starter submission run sunrise-plano --reason "the vendor has mended the export"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runSubmission(cmd.Context(), args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) runSubmission(ctx context.Context, id, reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	if err := wouldSend(p); err != nil {
		return err
	}
	eng, err := a.engine(ctx) // before it is kept: it needs both
	if err != nil {
		return err
	}
	// First the person, then the deed.
	if err := store.RecordAct(ctx, id, "", db.SubmissionRun, a.act(by, "submission-run/"+id, reason)); err != nil {
		return err
	}
	if err := eng.Trigger(ctx, activities.CycleScheduleID(id)); err != nil {
		return a.explain(ctx, id, err)
	}
	return a.show(map[string]any{"practice": id, "started": true}, func(s *screen) {
		s.line("%s: a submission has been started. Next: starter status %s", id, id)
	})
}

// wouldSend refuses to start a submission that would find nothing allowed and say so
// to nobody.
func wouldSend(p *registry.Practice) error {
	if _, sends := registry.LaneOf(p.Phase); !sends {
		return refused("%s is %s; nothing is sent then. See: starter status %s", p.ID, p.Phase.Words(), p.ID)
	}
	if p.Submission == registry.SubmissionPaused {
		return refused("submission of %s is paused, so that nothing would be sent. See who paused it and why: starter submission show %s", p.ID, p.ID)
	}
	return nil
}

func (a *app) submissionSkip() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "skip PRACTICE", Short: "Leave out the next submission on schedule", Args: cobra.ExactArgs(1),
		Long: `Leaves out the next submission on schedule, once; its files go with the one after it.
What is started with "starter submission run" before then goes on. Who asked for it and
why goes into the audit log, and that it was left out. Asking again changes nothing.`,
		Example: `  starter submission skip sunrise-plano --reason "the EHR is upgraded tonight"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.skipSubmission(cmd.Context(), args[0], reason)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; it goes into the audit log")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) skipSubmission(ctx context.Context, id, reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	p, err := a.practice(ctx, store, id)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	next, paused, err := eng.Upcoming(ctx, activities.CycleScheduleID(id))
	if err != nil {
		return a.explain(ctx, id, err)
	}
	if len(next) == 0 || paused || p.Submission == registry.SubmissionPaused {
		return refused("%s has no submission on schedule that could be left out; see: starter submission show %s", id, id)
	}
	due := next[0]
	again, err := store.AskSkip(ctx, id, due, a.act(by, "submission-skip/"+id, reason))
	if err != nil {
		return err
	}
	return a.show(map[string]any{"practice": id, "due": due, "again": again}, func(s *screen) {
		if again {
			s.line("%s: the submission of %s is left out, as was asked before.", id, a.clockOf(p, due))
			return
		}
		s.line("%s: the submission of %s is left out; its files go with the one after it.", id, a.clockOf(p, due))
	})
}
