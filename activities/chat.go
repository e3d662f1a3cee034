package activities

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// Chat says words in the rooms of the settings; notify.Chat does.
type Chat interface {
	Say(ctx context.Context, text string) error
}

// mailPatience is the attempt of one letter, about an hour after its first, from
// which on a mail server that says "later" or cannot be reached is said in chat.
const mailPatience = 10

// mailFails reports whether what came of a letter's attempt concerns all letters, or
// has lasted long enough to be said.
func mailFails(cause error, attempt int) bool {
	switch registry.KindOf(cause) {
	case registry.Unauthorised:
		return true
	case registry.Refused:
		return notify.RefusedMailboxes(cause) == nil
	case registry.Transient, registry.Busy:
		return attempt >= mailPatience
	default:
		return false
	}
}

// sayMailFails says in the rooms that letters do not go out, once a day: there is no
// other way left. It is written down as a letter that was let go, which is what makes
// it once.
func (a *Notices) sayMailFails(ctx context.Context, in SendNoticeInput, cause error) {
	if a.Chat == nil || !mailFails(cause, int(activity.GetInfo(ctx).Attempt)) {
		return
	}
	date := in.date(a.Clock)
	told := SendNoticeInput{
		Scope: Scope{Calendar: in.Calendar}, Kind: NoticeWatch, Event: PageMail + "/" + date.UTC().Format(time.DateOnly),
		Words: "The last answer: " + cause.Error() + ".", to: []registry.Contact{a.From},
	}
	kept, err := a.prepare(ctx, told, date)
	now := false
	if err == nil {
		now, err = a.DB.GiveUpNotice(ctx, "", told.Event, db.Act{
			Key: "letter-given-up/" + told.Event, By: registry.System, At: date, Reason: "said in chat, since letters do not go out",
		})
	}
	if now {
		err = a.Chat.Say(ctx, kept.Subject+" ("+cause.Error()+")")
	}
	if err != nil {
		activity.GetLogger(ctx).Error("that letters do not go out could not be said in chat", "kind", registry.KindOf(err))
	}
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
	if err := a.aside(ctx, failed); err != nil {
		activity.GetLogger(ctx).Error("that a chat failed could not be told", "kind", registry.KindOf(err))
	}
}
