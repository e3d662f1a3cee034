package activities

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/registry"
)

// Chat says words in the rooms of the settings; notify.Chat does.
type Chat interface {
	Say(ctx context.Context, text string) error
}

// sayInChat says the subject of an alert's letter, or of its all-clear, in the
// rooms. Whoever settled the letter says it, and that is one call: a repeat says
// nothing, and a worker that dies in between leaves the rooms without it. The
// letter has gone out and is what counts, so rooms that do not take it are told of
// by letter, once a day, and keep nothing waiting.
func (a *Notices) sayInChat(ctx context.Context, in SendNoticeInput, kept db.Notice) {
	matter, _, _ := strings.Cut(in.Event, "/")
	if a.Chat == nil || matter != "incident" && matter != "hold" {
		return
	}
	silent := a.Chat.Say(ctx, kept.Subject)
	if silent == nil {
		return
	}
	failed := SendNoticeInput{
		Scope: Scope{Calendar: in.Calendar}, Kind: NoticeWatch,
		Event: "chat-failed/" + in.date(a.Clock).UTC().Format(time.DateOnly),
		Words: "What was to be said there went out as a letter all the same. " + silent.Error() + ".",
	}
	if _, err := a.sendNotice(ctx, failed); err != nil {
		activity.GetLogger(ctx).Error("that a chat failed could not be told", "kind", registry.KindOf(err))
	}
}
