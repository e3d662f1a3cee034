package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) historyCommand() *cobra.Command {
	return folder("history", "Answer, approve, follow and close the one-time historical load",
		"  starter history status sunrise-plano\n  starter history answer sunrise-plano --yes --since 2019-01-01",
		a.historyAsk(), a.historyAnswer(), a.historyPlan(), a.historyLook(), a.historyApprove(), a.historyStatus(), a.historyClose(), a.historyReopen(),
		a.historySwitch("pause", "Keep further parts from starting", workflows.UpdatePause),
		a.historySwitch("resume", "Go on with the parts of the load", workflows.UpdateResume))
}

func (a *app) historyApprove() *cobra.Command {
	var plan string
	cmd := &cobra.Command{
		Use: "approve PRACTICE", Short: "Approve exactly the plan that was shown: the load begins", Args: cobra.ExactArgs(1),
		Long: `Approves the plan that "starter history status" shows, named by the beginning of
its digest, so that nothing else is approved than what you saw. A historical load
is sent once.`,
		Example: "  starter history approve sunrise-plano --plan 3f9c0a1b2c4d",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.approveHistory(cmd.Context(), args[0], plan)
		},
	}
	cmd.Flags().StringVar(&plan, "plan", "", "the plan's digest, or its first eight or more characters")
	_ = cmd.MarkFlagRequired("plan")
	return cmd
}

func (a *app) approveHistory(ctx context.Context, id, plan string) error {
	if len(plan) < 8 {
		return misused("--plan %s: give eight characters or more", plan)
	}
	by, err := a.actor()
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	progress, err := query(ctx, eng, workflows.HistoryID(id), workflows.QueryHistoryProgress)
	if err != nil {
		return a.explainLoad(ctx, id, err)
	}
	digest := progress.Plan.Digest
	if digest == "" {
		return refused("%s: there is no plan to approve yet; `starter history status %s` says what it waits for", id, id)
	}
	if !strings.HasPrefix(digest, strings.ToLower(plan)) {
		return refused("%s: the plan has changed; look at it again (starter history status %s), it begins with %.12s", id, id, digest)
	}
	return ask(ctx, a, id, workflows.HistoryID(id), workflows.UpdateApproveHistorical,
		workflows.ApproveHistorical{Digest: digest, By: by})
}

func (a *app) historyClose() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "close PRACTICE", Short: "Close the load for ever, once all of it is sent", Args: cobra.ExactArgs(1),
		Long: `Closes the historical load: nothing more can be sent as history afterwards, by
anybody. Until then, files that come late are planned as a supplement. Where
messages were held back, refused or not answered, say why you close all the same.`,
		Example: `  starter history close sunrise-plano
  starter history close sunrise-plano --reason "3 test patients, not to be sent"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			return ask(cmd.Context(), a, args[0], workflows.HistoryID(args[0]), workflows.UpdateCloseHistorical,
				workflows.CloseHistorical{By: by, Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why it is closed although messages are held back, refused or unanswered")
	return cmd
}

func (a *app) historySwitch(use, short string, m workflows.Message[workflows.Act]) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: use + " PRACTICE", Short: short, Args: cobra.ExactArgs(1),
		Example: "  starter history " + use + ` sunrise-plano --reason "the registry asked for it"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.actor()
			if err != nil {
				return err
			}
			return ask(cmd.Context(), a, args[0], workflows.HistoryID(args[0]), m, workflows.Act{By: by, Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *app) historyStatus() *cobra.Command {
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use: "status PRACTICE", Short: "Show the plan, its dry run and how far the load is", Args: cobra.ExactArgs(1),
		Example: "  starter history status sunrise-plano\n  starter history status sunrise-plano --watch",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, id := cmd.Context(), args[0]
			if watch && every <= 0 {
				return misused("--every %s: how often?", every)
			}
			if watch {
				return a.watchHistory(ctx, id, every)
			}
			eng, err := a.engine(ctx)
			if err != nil {
				return err
			}
			progress, err := query(ctx, eng, workflows.HistoryID(id), workflows.QueryHistoryProgress)
			if err != nil {
				return a.explainLoad(ctx, id, err)
			}
			if progress, err = a.countedNow(ctx, id, progress); err != nil {
				return err
			}
			return a.show(progress, func(s *screen) { s.history(id, progress) })
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "follow it until its parts have left: bar, rate and time left")
	cmd.Flags().DurationVar(&every, "every", 5*time.Second, "how often to look")
	return cmd
}

// countedNow puts today's counts into the progress of a load: its own may be as old
// as the last part, or the last day.
func (a *app) countedNow(ctx context.Context, id string, p workflows.HistoryProgress) (workflows.HistoryProgress, error) {
	if p.State != registry.HistoryLoading && p.State != registry.HistorySent {
		return p, nil
	}
	store, err := a.store(ctx)
	if err != nil {
		return p, err
	}
	counts, err := activities.CountHistory(ctx, store, id)
	switch {
	case registry.KindOf(err) == registry.Missing:
		return p, nil
	case err != nil:
		return p, couldNot("%w", err)
	}
	p.Counts = counts
	return p, nil
}

func (s *screen) history(id string, h workflows.HistoryProgress) {
	plan, n := h.Plan, h.Counts
	s.line("Historical load of %s: %s.", id, historyWords(h.State))
	s.historySources(h.Sources)
	if h.Aside != "" {
		s.line("%s", strings.ToUpper(h.Aside[:1])+h.Aside[1:]+".")
	}
	if plan.Digest == "" {
		if len(h.Sources) > 1 {
			s.raw("")
		}
		s.noPlan(id, h)
		return
	}
	s.raw("")
	if plan.Number == 0 {
		s.title("The plan")
	} else {
		s.title("The plan of supplement " + strconv.Itoa(plan.Number))
	}
	s.pairs(
		[2]string{"Digest", plan.Digest},
		[2]string{"Files", strconv.Itoa(plan.Files)},
		[2]string{"Messages", strconv.Itoa(plan.Messages) + of(plan.Came, plan.Messages) + " with " + plural(plan.Doses, "dose", "doses")},
		[2]string{"Left out", leftOutWords(plan)},
		[2]string{"By EHR", ehrWords(plan.EHRs)},
		[2]string{"Years", strconv.Itoa(plan.FirstYear) + " to " + strconv.Itoa(plan.LastYear)},
		[2]string{"Parts", strconv.Itoa(plan.Parts)},
		[2]string{"Dry run", plural(plan.Errors, "error", "errors") + ", " + plural(plan.Warnings, "warning", "warnings") +
			"; " + plural(plan.Held, "message", "messages") + " would be held back"},
		[2]string{"Found", foundWords(plan.Top)},
	)
	if h.Waiting {
		s.raw("")
		s.raw("Next: starter history approve %s --plan %.12s", id, plan.Digest)
	}
	if h.State == registry.HistoryPlanned {
		return
	}
	s.raw("")
	s.title("The load")
	s.pairs(
		[2]string{"Parts", strconv.Itoa(h.Sent) + " of " + strconv.Itoa(h.Parts) + " sent, " + strconv.Itoa(h.InFlight) + " on their way"},
		[2]string{"Stopped", h.Stopped},
		[2]string{"Paused", pausedWords(h.Paused)},
		[2]string{"Came", plural(n.Came, "message", "messages")},
		[2]string{"Sent", plural(n.Sent, "message", "messages") + " in " + plural(n.Delivered, "part", "parts")},
		[2]string{"Held back", heldBackWords(n)},
		[2]string{"Sent before", nonZero(n.SentBefore + n.SentSince + n.Duplicate)},
		[2]string{"Said twice", nonZero(n.Repeated)},
		[2]string{"Given up", nonZero(n.Dropped)},
		[2]string{"Not sent yet", nonZero(n.NotSent)},
		[2]string{"Answered", strconv.Itoa(n.Answered()) + " of " + plural(n.Sent, "message", "messages")},
		[2]string{"Accepted", strconv.Itoa(n.Accepted) + ", and " + strconv.Itoa(n.Warned) + " with warnings"},
		[2]string{"Refused", nonZero(n.Rejected)},
		[2]string{"No objection", nonZero(n.NotObjected)},
		[2]string{"Unanswered", nonZero(n.Unanswered)},
		[2]string{"Unexplained", nonZero(n.Difference)},
	)
	if h.Stopped != "" {
		s.raw("")
		s.raw("What has left already cannot be taken back: no further part is sent.")
		s.raw("Next: starter errors list --practice %s, then starter hold list: go on, or give the rest up.", id)
	}
	if h.State == registry.HistorySent && !h.Waiting {
		s.raw("")
		s.raw("Next: starter history close %s, or hand in what is missing as a supplement.", id)
	}
}

// of says of how many, where it is not of all.
func of(all, some int) string {
	if all <= some {
		return ""
	}
	return " of " + strconv.Itoa(all)
}

func pausedWords(p *workflows.HistoryPause) string {
	if p == nil {
		return ""
	}
	return "by " + p.By.Name + " since " + p.Since.Format("2 January 2006") + ": " + p.Reason
}

// ehrWords say whose the files of a plan are.
func ehrWords(ehrs []activities.PlannedEHR) string {
	words := make([]string, len(ehrs))
	for i, e := range ehrs {
		name := e.EHR
		if name == "" {
			name = "the present EHR"
		}
		words[i] = visible(name) + " " + plural(e.Messages, "message", "messages") + " in " + plural(e.Files, "file", "files")
		if e.Twice > 0 {
			words[i] += ", " + plural(e.Twice, "control ID", "control IDs") + " used twice"
		}
	}
	return strings.Join(words, "; ")
}

// leftOutWords say which messages go into no part, and why.
func leftOutWords(p activities.HistoryPlan) string {
	if p.Repeated+p.SentBefore == 0 {
		return ""
	}
	words := strconv.Itoa(p.SentBefore) + " sent before, " + strconv.Itoa(p.Repeated) + " that newer messages say again"
	if p.SentFiles > 0 {
		words += "; " + plural(p.SentFiles, "file was", "files were") + " sent before as a whole (daily files?)"
	}
	return words
}

func heldBackWords(n activities.HistoryCounts) string {
	if n.Held == 0 {
		return ""
	}
	words := strconv.Itoa(n.Held)
	if n.Corrected > 0 {
		words += "; " + plural(n.Corrected, "was", "were") + " sent corrected since"
	}
	if n.HeldDropped > 0 {
		words += "; " + plural(n.HeldDropped, "was", "were") + " given up (starter held drop)"
	}
	if n.HeldOpen() > 0 {
		words += "; " + plural(n.HeldOpen(), "waits", "wait") + " for you (starter held list)"
	}
	return words
}

func nonZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
