package cli

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
)

// shownEvent is a row of the audit log.
type shownEvent struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Practice string    `json:"practice,omitempty"`
	Site     string    `json:"site,omitempty"`
	Kind     string    `json:"kind"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	By       string    `json:"by"`
	Via      string    `json:"via"`
	// Claimed: nobody has checked that it was that person.
	Claimed bool            `json:"claimed,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

func (a *app) auditCommand() *cobra.Command {
	var q db.EventQuery
	list := &cobra.Command{
		Use: "list", Short: "List who did what, newest first", Args: cobra.NoArgs,
		Example: "  starter audit list --practice sunrise-plano\n  starter audit list --kind phase --limit 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			events, err := store.Events(cmd.Context(), q)
			if err != nil {
				return err
			}
			shown := []shownEvent{}
			for _, e := range events {
				shown = append(shown, shownEvent{
					ID: e.ID, At: e.At, Practice: e.Practice, Site: e.Site, Kind: e.Kind, From: e.From, To: e.To,
					By: e.By.Name, Via: e.By.Via, Claimed: e.By.Claimed, Reason: e.Reason, Detail: e.Detail,
				})
			}
			return a.show(shown, func(s *screen) { s.audit(shown) })
		},
	}
	list.Flags().StringVar(&q.Practice, "practice", "", "one practice only")
	list.Flags().StringVar(&q.Kind, "kind", "", "one kind only, such as phase")
	list.Flags().Int64Var(&q.Before, "before", 0, "page back: only what is older than this number")
	list.Flags().IntVar(&q.Max, "limit", 100, "at most this many, up to 1000")
	return folder("audit", "See who did what", "  starter audit list", list)
}

// stateWords is a state as screens name it.
func stateWords(state string) string {
	return strings.ReplaceAll(registry.Confirmation(state).Words(), "_", " ")
}

func (s *screen) audit(events []shownEvent) {
	if len(events) == 0 {
		s.line("There is nothing.")
		return
	}
	rows := make([][]string, len(events))
	for i, e := range events {
		what := strings.ReplaceAll(e.Kind, "-", " ")
		switch {
		case e.To != "" && e.From == e.To:
			what += ": stays " + stateWords(e.To)
		case e.To != "":
			what += ": " + strings.TrimPrefix(stateWords(e.From)+" to "+stateWords(e.To), " to ")
		}
		by := e.By + " (" + e.Via + ")"
		if e.Claimed {
			by = e.By + " (" + e.Via + ", claimed)"
		}
		rows[i] = []string{e.At.Format("2006-01-02 15:04"), e.Practice, what, by, short(e.Reason, 40)}
	}
	s.table([]string{"WHEN", "PRACTICE", "WHAT", "WHO", "WHY"}, rows)
}
