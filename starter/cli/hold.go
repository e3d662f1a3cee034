package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/workflows"
)

func (a *app) holdCommand() *cobra.Command {
	return folder("hold", "See and settle what waits for you",
		"  starter hold list\n  starter hold explain h-1c3f-1\n  starter hold resolve h-1c3f-1 --action retry", a.holdList(), a.holdShow(), a.holdExplain(), a.holdResolve())
}

// shownHold is something that waits for a person.
type shownHold struct {
	ID         string              `json:"id"`
	Practice   string              `json:"practice,omitempty"`
	Connection string              `json:"connection,omitempty"`
	Server     string              `json:"server,omitempty"`
	Reason     registry.HoldReason `json:"reason"`

	What     string                `json:"what"`
	Words    string                `json:"words,omitempty"`
	Since    time.Time             `json:"since"`
	Actions  []registry.HoldAction `json:"actions"`
	Workflow string                `json:"workflow"`
}

func showHolds(holds []db.Hold) []shownHold {
	out := []shownHold{}
	for _, h := range holds {
		out = append(out, shownHold{
			ID: h.ID, Practice: h.Practice, Connection: h.Connection, Server: h.Server, Reason: h.Reason,
			What: h.What, Words: h.Words, Since: h.OpenedAt, Actions: h.Offers(), Workflow: h.WorkflowID,
		})
	}
	return out
}

func (a *app) holdList() *cobra.Command {
	var practice string
	cmd := &cobra.Command{
		Use: "list", Short: "List what waits for you, oldest first", Args: cobra.NoArgs,
		Example: "  starter hold list\n  starter hold list --practice sunrise-plano",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			if practice != "" {
				if _, err := a.practice(cmd.Context(), store, practice); err != nil {
					return err
				}
			}
			holds, err := store.Holds(cmd.Context(), practice, true)
			if err != nil {
				return err
			}
			shown := showHolds(holds)
			return a.show(shown, func(s *screen) {
				if len(shown) == 0 {
					s.line("Nothing waits for you.")
					return
				}
				s.holds(a.now(), shown)
			})
		},
	}
	cmd.Flags().StringVar(&practice, "practice", "", "one practice only")
	return cmd
}

func (s *screen) holds(now time.Time, holds []shownHold) {
	first := map[string]string{} // of an outbox's fault, which several practices may meet
	for i, h := range holds {
		if i > 0 {
			s.raw("")
		}
		whose := h.Practice
		if whose != "" {
			whose = " of " + whose
		}
		switch {
		case h.Connection != "":
			whose = " (connection " + h.Connection + ")"
		case h.Server != "":
			whose = " (server " + h.Server + ")"
		}
		s.line("%s%s waits for you since %s (%s): %s.", s.paint(warnStyle, h.ID), whose, day(h.Since), since(now, h.Since), h.Reason.Words())
		s.line("  %s", h.What)
		if same, ok := first[h.Words]; ok && h.Reason == registry.HoldOutbox {
			s.line("  The same fault as %s: mend it once, then settle each.", same)
		} else if h.Words != "" {
			s.line("  %s", h.Words)
			first[h.Words] = h.ID
		}
		for _, action := range h.Actions {
			s.raw("  > starter hold resolve %s --action %s", h.ID, action)
			s.line("    To %s.", h.Reason.Explain(action))
		}
	}
}

// detailedHold is a hold with who waits for it.
type detailedHold struct {
	shownHold
	Waiting *shownWaiting `json:"waiting,omitempty"`
	// Closed holds say how they ended.
	ClosedAt *time.Time          `json:"closed_at,omitempty"`
	ClosedBy string              `json:"closed_by,omitempty"`
	Action   registry.HoldAction `json:"action,omitempty"`
}

// shownWaiting is who waits for a connection.
type shownWaiting struct {
	Files int `json:"files"`
	// Connections are those that somebody waits for.
	Connections []string          `json:"connections"`
	Practices   []waitingPractice `json:"practices"`
	First       []string          `json:"first"`
}

type waitingPractice struct {
	Practice string   `json:"practice"`
	Files    int      `json:"files"`
	Sites    []string `json:"sites"`
}

// firstWaiting is how many waiting files are named.
const firstWaiting = 10

func showWaiting(w db.Waiting) *shownWaiting {
	out := &shownWaiting{
		Files: w.Files, Connections: append([]string{}, w.Connections...), Practices: []waitingPractice{},
		First: append([]string{}, w.Names...),
	}
	for _, p := range w.Practices {
		out.Practices = append(out.Practices, waitingPractice{Practice: p.ID, Files: p.Files, Sites: append([]string{}, p.Sites...)})
	}
	return out
}

func (a *app) holdShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one, and which practices, sites and files wait for it", Args: cobra.ExactArgs(1),
		Example: "  starter hold show h-1c3f-1",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			h, err := a.heldUnder(cmd.Context(), store, args[0])
			if err != nil {
				return err
			}
			out := detailedHold{shownHold: showHolds([]db.Hold{h})[0], ClosedAt: h.ClosedAt, ClosedBy: h.ClosedBy, Action: h.Action}
			if h.ClosedAt == nil {
				if out.Waiting, err = waitingFor(cmd.Context(), store, h); err != nil {
					return err
				}
			}
			return a.show(out, func(s *screen) { s.hold(a.now(), out) })
		},
	}
}

// waitingFor is who waits for what h holds: nil where that is neither a
// connection nor a server.
func waitingFor(ctx context.Context, store *db.Store, h db.Hold) (*shownWaiting, error) {
	var waiting db.Waiting
	var err error
	switch {
	case h.Connection != "":
		waiting, err = store.WaitingFor(ctx, h.Connection, firstWaiting)
	case h.Server != "":
		waiting, err = store.WaitingForServer(ctx, h.Server, firstWaiting)
	default:
		return nil, nil
	}
	return showWaiting(waiting), err
}

func (s *screen) hold(now time.Time, h detailedHold) {
	if h.ClosedAt != nil {
		s.line("%s was settled on %s by %s (%s): %s.", h.ID, day(*h.ClosedAt), h.ClosedBy, h.Action, h.Reason.Words())
		s.line("  %s", h.What)
		return
	}
	s.holds(now, []shownHold{h.shownHold})
	if h.Waiting != nil {
		s.waiting(h.Waiting)
	}
}

// waiting lists the practices whose files wait.
func (s *screen) waiting(w *shownWaiting) {
	if w.Files == 0 {
		s.line("  No file waits for it.")
		return
	}
	for _, p := range w.Practices {
		sites := ""
		if len(p.Sites) > 0 {
			sites = ", of " + strings.Join(p.Sites, ", ")
		}
		s.line("  %s: %s%s", p.Practice, plural(p.Files, "file waits", "files wait"), sites)
	}
	if len(w.Connections) > 1 {
		s.line("  Over: %s", strings.Join(w.Connections, ", "))
	}
	s.line("  First: %s", strings.Join(w.First, ", "))
}

// heldUnder reads a hold and says where to look when there is none.
func (a *app) heldUnder(ctx context.Context, store *db.Store, id string) (db.Hold, error) {
	h, err := store.Hold(ctx, id)
	if err != nil && registry.KindOf(err) == registry.Missing {
		return h, refused("nothing waits under %s; see: starter hold list", id)
	}
	return h, err
}

func (a *app) holdResolve() *cobra.Command {
	var action, reason string
	cmd := &cobra.Command{
		Use: "resolve ID", Short: "Say how it goes on", Args: cobra.ExactArgs(1),
		Example: `  starter hold resolve h-1c3f-1 --action retry
  starter hold resolve h-1c3f-1 --action arrived --reason "DSHS confirmed it on the telephone"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.resolveHold(cmd.Context(), args[0], registry.HoldAction(action), reason)
		},
	}
	cmd.Flags().StringVar(&action, "action", "", "retry, arrived, resend, drop or continue, as the list offers")
	cmd.Flags().StringVar(&reason, "reason", "", "why, without patients' names")
	_ = cmd.MarkFlagRequired("action")
	return cmd
}

func (a *app) resolveHold(ctx context.Context, id string, action registry.HoldAction, reason string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	hold, err := a.heldUnder(ctx, store, id)
	if err != nil {
		return err
	}
	if hold.ClosedAt != nil {
		return refused("%s was settled on %s by %s (%s)", id, day(*hold.ClosedAt), hold.ClosedBy, hold.Action)
	}
	if !slices.Contains(hold.Offers(), action) {
		return refused("%q does not settle it; possible: %s", action, joinActions(hold.Offers()))
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	answer, err := update(ctx, eng, hold.WorkflowID, workflows.UpdateResolveHold,
		workflows.ResolveHold{HoldID: id, Action: action, By: by, Reason: reason})
	if errors.Is(err, errGone) {
		return refused("what waited under %s has ended (%s); nothing is left to settle", id, hold.WorkflowID)
	}
	if err != nil {
		return err
	}
	return a.show(answer, func(s *screen) { s.line("%s: %s.", id, strings.TrimSuffix(answer.Words, ".")) })
}

func joinActions(actions []registry.HoldAction) string {
	words := make([]string, len(actions))
	for i, each := range actions {
		words[i] = string(each)
	}
	return strings.Join(words, ", ")
}
