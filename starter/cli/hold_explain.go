package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) holdExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain ID", Short: "Say what one means, what each way out does, and who is told when", Args: cobra.ExactArgs(1),
		Example: "  starter hold explain h-1c3f-1",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			h, err := a.heldUnder(cmd.Context(), store, args[0])
			if err != nil {
				return err
			}
			out, err := a.explainHold(cmd.Context(), store, h)
			if err != nil {
				return err
			}
			return a.show(out, func(s *screen) { s.explainedHold(out) })
		},
	}
}

// explainedHold is a hold with its ways out, its age and its reminders.
type explainedHold struct {
	shownHold
	Meaning string    `json:"meaning"`
	Ways    []holdWay `json:"ways"`
	// Days are business days that it waits; Due is when the lead hears of it, Next
	// when it stands in a morning letter again.
	Days    int        `json:"business_days"`
	Due     *time.Time `json:"due,omitempty"`
	Next    *time.Time `json:"next_reminder,omitempty"`
	Runbook string     `json:"runbook"`
	Closed  string     `json:"closed,omitempty"`
}

// holdWay is one way out, for the command line and for the Web UI.
type holdWay struct {
	Action  registry.HoldAction `json:"action"`
	Does    string              `json:"does"`
	Command string              `json:"command"`
	// Update is the input of the update resolve-hold to Workflow.
	Update string `json:"update"`
}

func (a *app) explainHold(ctx context.Context, store *db.Store, h db.Hold) (explainedHold, error) {
	out := explainedHold{
		shownHold: showHolds([]db.Hold{h})[0], Meaning: h.Reason.Words(), Runbook: fmt.Sprintf("docs/runbook.md, section %q", h.Reason),
	}
	if h.ClosedAt != nil {
		out.Closed = fmt.Sprintf("settled on %s by %s (%s)", day(*h.ClosedAt), h.ClosedBy, h.Action)
		return out, nil
	}
	for _, action := range out.Actions {
		out.Ways = append(out.Ways, holdWay{
			Action: action, Does: h.Reason.Explain(action),
			Command: fmt.Sprintf("starter hold resolve %s --action %s", h.ID, action),
			Update:  fmt.Sprintf(`{"hold_id": %q, "action": %q, "by": {"name": "YOUR NAME"}}`, h.ID, action),
		})
	}
	loaded, err := a.loadProfile(h.Practice)
	if err != nil {
		return out, err
	}
	policy, business := loaded.Profile.Policy, loaded.Profile.BusinessDays()
	practices, err := store.WaitPractices(ctx)
	if err != nil {
		return out, err
	}
	if p, ok := practices[h.Practice]; ok && p.Policy != nil {
		policy = *p.Policy
	}
	out.Days = business.Between(h.OpenedAt, a.now())
	next := registry.ReminderDay(policy.HoldReminders, policy.Reached(registry.WaitHold, out.Days)+1)
	out.Next = pointer(business.After(h.OpenedAt, next))
	if days := policy.WaitDueDays(registry.WaitHold); days > 0 {
		out.Due = pointer(business.After(h.OpenedAt, days))
	}
	return out, nil
}

func (s *screen) explainedHold(h explainedHold) {
	if h.Closed != "" {
		s.line("%s was %s: %s.", h.ID, h.Closed, h.Meaning)
		return
	}
	s.line("%s: %s.", s.paint(warnStyle, h.ID), h.Meaning)
	s.line("  %s", h.What)
	if h.Words != "" {
		s.line("  %s", h.Words)
	}
	since := fmt.Sprintf("  Waits for you since %s, %s.", day(h.Since), plural(h.Days, "business day", "business days"))
	if h.Due != nil {
		since += " The lead hears of it on " + day(*h.Due) + "."
	}
	if h.Next != nil {
		since += " In the morning letter again on " + day(*h.Next) + "."
	}
	s.line("%s", since)
	s.raw("")
	for _, w := range h.Ways {
		s.raw("  > %s", w.Command)
		s.line("    To %s.", w.Does)
	}
	s.raw("")
	s.line("In the Web UI: open %s, send the update %s with one of", h.Workflow, workflows.UpdateResolveHold.Name)
	for _, w := range h.Ways {
		s.raw("  %s", w.Update)
	}
	s.line("More: %s", h.Runbook)
}
