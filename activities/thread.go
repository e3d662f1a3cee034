package activities

import (
	"context"
	"strings"

	"immtrail/db"
)

// threadOf is the Message-ID of the first letter about the same matter, which the
// letter answers so that a mailbox keeps them together; empty for a first letter
// and for one that stands for itself. Letters do not move between threads: a
// repeat names the same one.
func (a *Notices) threadOf(ctx context.Context, n db.Notice) (string, error) {
	matter := matterOf(n.Event, n.Practice)
	if len(matter) == 0 {
		return "", nil
	}
	return a.DB.FirstNotice(ctx, n, matter)
}

// matterOf tells which letters belong together, by the beginnings of their events:
//
//   - a question to a person, or an incident, and its all-clear
//   - what our checker and what the registry said of one file
//   - the requests for review and the notice of the first production file
//   - refused approvals of a practice
//
// Reminders and digests tell of many matters and stand for themselves.
func matterOf(event, practice string) []string {
	matter, rest, _ := strings.Cut(event, "/")
	switch matter {
	case "hold", "incident":
		id, _, _ := strings.Cut(rest, "/")
		return []string{matter + "/" + id}
	case "refused", "rejected":
		return []string{"refused/" + rest, "rejected/" + rest}
	case "review", "first-file":
		return []string{"review/" + practice, FirstFileNotice(practice)}
	case "approval-refused":
		return []string{"approval-refused/" + practice}
	}
	return nil
}
