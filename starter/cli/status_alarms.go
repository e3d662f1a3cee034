package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"immtrail/db"
)

// shownAlarm is an alarm of a practice whose cause still is.
type shownAlarm struct {
	Kind string `json:"kind"`
	// Site is empty where it is about the practice.
	Site  string    `json:"site,omitempty"`
	Words string    `json:"words"`
	Since time.Time `json:"since"`
}

// alarmsOf are those of a practice, the oldest first: a letter tells of each once.
func alarmsOf(ctx context.Context, store *db.Store, practice string) ([]shownAlarm, error) {
	open, err := store.OpenIncidents(ctx, practice)
	if err != nil {
		return nil, err
	}
	out := make([]shownAlarm, 0, len(open))
	for _, i := range open {
		out = append(out, shownAlarm{Kind: i.Kind, Site: i.Site, Words: i.Words, Since: i.OpenedAt})
	}
	return out, nil
}

// alarms prints those that no row above has told.
func (s *screen) alarms(alarms []shownAlarm, lines []statusLine) {
	others := slices.DeleteFunc(slices.Clone(alarms), func(a shownAlarm) bool {
		return slices.ContainsFunc(lines, func(l statusLine) bool { return strings.Contains(l.Next, strings.TrimSuffix(a.Words, ".")) })
	})
	if len(others) == 0 {
		return
	}
	s.raw("")
	s.title("Also waiting, as letters told")
	for _, a := range others {
		s.line("since %s: %s", day(a.Since), a.Words)
	}
}
