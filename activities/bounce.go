package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// Bounces is the folder in which letters come back; notify.MailFolder is one.
type Bounces interface {
	Unread(limit int) ([]notify.Mail, error)
	Read(ctx context.Context, m notify.Mail) (b notify.Bounce, ok bool, err error)
	Done(m notify.Mail) error
}

// bouncesPerRound bounds what one round marks as read, and tells; bouncesListed how many
// mails it looks at for that: those that cannot be read stay, and are not to keep those
// behind them from being read.
const (
	bouncesPerRound = 200
	bouncesListed   = 50 * bouncesPerRound
)

// TellBouncesInput asks to look whether letters came back.
type TellBouncesInput struct{ Scope }

// TellBouncesResult says what was found.
type TellBouncesResult struct {
	// Read are mails of the folder, Bounced those of them that were bounces of our
	// letters, Unreadable those that stay there, Told the mailboxes of which somebody
	// was told.
	Read       int `json:"read,omitempty"`
	Bounced    int `json:"bounced,omitempty"`
	Unreadable int `json:"unreadable,omitempty"`
	Told       int `json:"told,omitempty"`
}

// TellBounces reads the mails that came into the folder of the settings (notify.bounces)
// and tells of every letter that came back, whoever handed that in. A mail is marked as
// read when what it says is kept; one that cannot be read stays, and is told of once.
// All of it may be repeated: a bounce is one by its letter and mailbox, and each alert
// by its event.
func (a *Notices) TellBounces(ctx context.Context, in TellBouncesInput) (TellBouncesResult, error) {
	defer beat(ctx, nil)()
	out := TellBouncesResult{}
	if a.Bounces != nil {
		if err := a.readBounces(ctx, in, &out); err != nil {
			return out, fail(ctx, err)
		}
	}
	untold, err := a.DB.UntoldBounces(ctx, bouncesPerRound)
	if err != nil {
		return out, fail(ctx, err)
	}
	for _, b := range untold {
		if err := a.tellBounce(ctx, in, b); err != nil {
			return out, fail(ctx, err)
		}
		if err := a.DB.BounceTold(ctx, b, in.date(a.Clock)); err != nil {
			return out, fail(ctx, err)
		}
		out.Told++
	}
	return out, nil
}

func (a *Notices) readBounces(ctx context.Context, in TellBouncesInput, out *TellBouncesResult) error {
	mails, err := a.Bounces.Unread(bouncesListed)
	if err != nil {
		return err
	}
	for _, m := range mails {
		if out.Read == bouncesPerRound {
			return nil
		}
		b, ok, err := a.Bounces.Read(ctx, m)
		if err == nil && ok {
			_, err = RecordBounce(ctx, a.DB, b, db.Act{By: registry.System, At: in.date(a.Clock), Reason: "a mail in the folder of notify.bounces"})
		}
		switch kind := registry.KindOf(err); {
		case err == nil && ok:
			out.Bounced++
		case err == nil, kind == registry.Missing: // an answer, or a bounce of somebody else's letter
		case kind == registry.Invalid:
			out.Unreadable++
			if err := a.tellUnreadable(ctx, in, m, err); err != nil {
				return err
			}
			continue
		default:
			return err
		}
		if err := a.Bounces.Done(m); err != nil {
			return err
		}
		out.Read++
	}
	return nil
}

// RecordBounce keeps what a bounce says. Kind Missing where the letter is none of ours.
func RecordBounce(ctx context.Context, store *db.Store, b notify.Bounce, act db.Act) (db.Bounced, error) {
	failed := make([]db.BouncedMailbox, len(b.Failed))
	for i, f := range b.Failed {
		failed[i] = db.BouncedMailbox{Address: f.Address, Status: f.Status}
	}
	return store.RecordBounce(ctx, b.MessageID, failed, act)
}

// tellUnreadable tells once of a mail that cannot be read as a bounce. Its name is
// somebody else's and is not repeated.
func (a *Notices) tellUnreadable(ctx context.Context, in TellBouncesInput, m notify.Mail, cause error) error {
	sum := sha256.Sum256([]byte("immtrail bounce\x00" + m.Name))
	return a.aside(ctx, SendNoticeInput{
		Scope: Scope{Calendar: in.Calendar}, Kind: NoticeWatch, Event: PageBounce + "/" + hex.EncodeToString(sum[:8]),
		Words: fmt.Sprintf("A mail in the folder of notify.bounces stays there unread: %s. Look at it, then take it away.", strings.TrimPrefix(cause.Error(), "bounce: ")),
	})
}

// tellBounce does what is left when a letter came back. Of one to our own people
// somebody else is told that the mailbox does not work, and where nobody got it an alert
// goes to that somebody with the very same words; a morning's letter counts as unsaid.
// Of one to somebody outside the coordinators are told which letter it is.
func (a *Notices) tellBounce(ctx context.Context, in TellBouncesInput, b db.UntoldBounce) error {
	kept, ok, err := a.DB.NoticeOf(ctx, b.Event)
	if err != nil || !ok {
		return err
	}
	about := SendNoticeInput{Scope: Scope{Practice: kept.Practice, Calendar: in.Calendar}, Kind: kept.Kind, Event: kept.Event}
	to, err := a.standIns(ctx, about, []string{b.Address})
	if err != nil {
		return err
	}
	words := fmt.Sprintf("The letter %q to %s came back: %s.", kept.Subject, b.Address, statusWords(b.Status))
	if !toOurPeople(kept.Kind) {
		return a.aside(ctx, SendNoticeInput{
			Scope: about.Scope, Kind: NoticeWatch, Event: PageBounce + "/" + readerKey(b.Address) + "/" + kept.Event, to: to, about: kept.Event,
			Words: words + " Nobody outside reads it there. Correct the contact's address, and send the letter's words from your own mailbox.",
		})
	}
	if strings.HasPrefix(kept.Event, PageMailbox) { // that a mailbox is refused came back itself
		to, words = nil, words+" It tells of a mailbox that does not work either."
	}
	if err := a.sayRefused(ctx, about, b.Address, to, words+" To read it: starter letter show "+kept.Event); err != nil {
		return err
	}
	if kept.State != db.NoticeUndelivered || len(to) == 0 || kept.Kind == NoticeReminders || kept.Kind == NoticeDigestWeek {
		return nil
	}
	return a.instead(ctx, in, kept, to)
}

// instead sends the words of a letter that nobody got to somebody else.
func (a *Notices) instead(ctx context.Context, in TellBouncesInput, kept db.Notice, to []registry.Contact) error {
	if strings.HasSuffix(kept.Event, "/instead") {
		activity.GetLogger(ctx).Error("a letter came back from those who stand in, too")
		return nil
	}
	next := kept
	next.Event, next.Recipients, next.PreparedAt = kept.Event+"/instead", nil, in.date(a.Clock)
	next.MessageID = a.messageID(next.Event)
	for _, c := range to {
		next.Recipients = append(next.Recipients, c.Email)
	}
	if _, err := a.DB.PrepareNotice(ctx, next); err != nil {
		return err
	}
	return a.aside(ctx, SendNoticeInput{Scope: Scope{Practice: kept.Practice, Calendar: in.Calendar}, Kind: kept.Kind, Event: next.Event, to: to})
}

// statusWords are those of RFC 3463 for people.
func statusWords(status string) string {
	class, rest, _ := strings.Cut(status, ".")
	subject, _, _ := strings.Cut(rest, ".")
	words := "it could not be delivered"
	switch {
	case subject == "1":
		words = "there is no such mailbox"
	case strings.HasSuffix(status, ".2.2"):
		words = "the mailbox is full"
	case subject == "2":
		words = "the mailbox does not work"
	case subject == "7":
		words = "that server does not let it in"
	case class == "4" || subject == "4":
		words = "that server could not be reached in time"
	}
	if status != "" {
		words += " (" + status + ")"
	}
	return words
}
