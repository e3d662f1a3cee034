package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/registry"
)

// refused does what is left when a mail server refuses every mailbox of a letter
// for good. Of a letter to somebody outside it returns cause: a person is asked. Of
// one to our own people somebody else is told that the mailbox is refused, once
// while it is so; and
//
//   - an alert goes to that somebody in its place,
//   - a morning letter is let go, and what it told of counts as unsaid: the next
//     morning's letter tells all of it.
//
// Where nobody is left to tell it returns cause. All of it may be repeated: each
// letter is one by its event.
func (a *Notices) refused(ctx context.Context, in SendNoticeInput, kept db.Notice, gone []string, cause error) (SendNoticeResult, error) {
	if !toOurPeople(in.Kind) {
		return SendNoticeResult{}, cause
	}
	to, err := a.standIns(ctx, in, gone)
	if err != nil {
		return SendNoticeResult{}, err
	}
	for _, address := range gone {
		if err := a.tellRefused(ctx, in, kept, address, to); err != nil {
			return SendNoticeResult{}, err
		}
	}
	switch {
	case in.Kind == NoticeReminders || in.Kind == NoticeDigestWeek:
	case len(to) == 0:
		return SendNoticeResult{}, cause
	default:
		instead := in
		instead.Event, instead.to = in.Event+"/instead", to
		if _, err := a.sendNotice(ctx, instead); err != nil {
			return SendNoticeResult{}, err
		}
	}
	_, err = a.DB.GiveUpNotice(ctx, in.Practice, in.Event, db.Act{
		Key: "letter-given-up/" + in.Event, By: registry.System, At: in.date(a.Clock), Reason: "the mail server refuses its mailbox",
	})
	return SendNoticeResult{MessageID: kept.MessageID, Refused: true}, err
}

// toOurPeople reports whether nobody outside reads a letter; a practice's digest is
// ours to care for, too.
func toOurPeople(kind NoticeKind) bool {
	switch kind {
	case NoticeReviewRequest, NoticeFirstFile, NoticeProductionVendor, NoticeHistoryQuestions, NoticeFileRefused:
		return false
	case NoticeHold, NoticeReminders, NoticeByHand, NoticeWatch, NoticeApprovalRefused, NoticeResolved, NoticeDigestWeek:
	}
	return true
}

// standIns are who is told in place of a refused mailbox: the coordinators of the
// practice, the lead, and whoever letters come from, but for the refused.
func (a *Notices) standIns(ctx context.Context, in SendNoticeInput, gone []string) ([]registry.Contact, error) {
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return nil, err
	}
	may, policy := []registry.Contact{}, profile.Policy
	if in.Practice != "" {
		known, err := a.DB.WaitPractices(ctx)
		if err != nil {
			return nil, err
		}
		if p, ok := known[in.Practice]; ok {
			may = slices.DeleteFunc(slices.Clone(p.People), func(c registry.Contact) bool { return c.Role != registry.ContactCoordinator })
			if p.Policy != nil {
				policy = *p.Policy
			}
		}
	}
	to := []registry.Contact{}
	for _, c := range append(may, leadContact(policy, a.From), a.From) {
		same := func(o registry.Contact) bool { return sameAddress(o, c) }
		isGone := func(address string) bool { return strings.EqualFold(address, c.Email) }
		if c.Email != "" && !slices.ContainsFunc(to, same) && !slices.ContainsFunc(gone, isGone) {
			to = append(to, c)
		}
	}
	return to, nil
}

// tellRefused tells that a mailbox is refused, once until it is not. Where no letter
// can tell it, it is said in chat, as far as there is one.
func (a *Notices) tellRefused(ctx context.Context, in SendNoticeInput, kept db.Notice, address string, to []registry.Contact) error {
	return a.sayRefused(ctx, in, address, to, fmt.Sprintf("The mail server refuses letters to %s for good. The first of them: %q; to read it: starter letter show %s",
		address, kept.Subject, kept.Event))
}

// sayRefused says it in the words given, once until the mailbox works again.
func (a *Notices) sayRefused(ctx context.Context, in SendNoticeInput, address string, to []registry.Contact, words string) error {
	event, _, err := a.refusal(ctx, address)
	if err != nil {
		return err
	}
	if len(to) == 0 { // nobody but the refused: it is written down for whoever looks
		to = addresses([]string{address})
	}
	alert := SendNoticeInput{
		Scope: Scope{Calendar: in.Calendar}, Kind: NoticeWatch, Event: event, to: to, Words: words,
	}
	err = a.aside(ctx, alert)
	if err == nil || registry.KindOf(err) != registry.Refused {
		return err
	}
	now, gaveUp := a.DB.GiveUpNotice(ctx, "", event, db.Act{
		Key: "letter-given-up/" + event, By: registry.System, At: in.date(a.Clock), Reason: "the mail server refuses those to be told, too",
	})
	if gaveUp != nil {
		return gaveUp
	}
	if now && a.Chat != nil {
		if silent := a.Chat.Say(ctx, "immtrail: letters to our people are refused by the mail server; see starter status"); silent != nil {
			activity.GetLogger(ctx).Error("nobody could be told that a mailbox is refused", "kind", registry.KindOf(silent))
		}
	}
	return nil
}

// refusal finds the alert that says that a mailbox is refused: the one that is not
// over, or, with told false, the one that would be the next.
func (a *Notices) refusal(ctx context.Context, address string) (event string, told bool, err error) {
	for n := 1; ; n++ {
		event = fmt.Sprintf("%s/%s/%d", PageMailbox, readerKey(address), n)
		if _, told, err = a.DB.NoticeOf(ctx, event); err != nil || !told {
			return event, false, err
		}
		over, ok, err := a.DB.NoticeOf(ctx, event+"/over")
		if err != nil || !ok || over.State == db.NoticePrepared {
			return event, true, err
		}
	}
}

// mailboxes looks at who got a letter that went out: of a mailbox that took it again
// the all-clear is sent, and of one that was refused while others took it somebody
// is told. The letter is out; what fails here comes with the next one.
func (a *Notices) mailboxes(ctx context.Context, in SendNoticeInput, kept db.Notice, gone []string) {
	if in.to != nil {
		return
	}
	var failed error
	for _, address := range kept.Recipients {
		if slices.Contains(gone, address) {
			continue
		}
		if err := a.tellTaken(ctx, in, address); err != nil {
			failed = err
		}
	}
	if len(gone) > 0 {
		to, err := a.standIns(ctx, in, gone)
		for _, address := range gone {
			if err == nil {
				err = a.tellRefused(ctx, in, kept, address, to)
			}
		}
		if err != nil {
			failed = err
		}
	}
	if failed != nil {
		activity.GetLogger(ctx).Error("how a mailbox fares could not be told", "kind", registry.KindOf(failed))
	}
}

// tellTaken ends the alert about a mailbox, where there is one.
func (a *Notices) tellTaken(ctx context.Context, in SendNoticeInput, address string) error {
	event, told, err := a.refusal(ctx, address)
	if err != nil || !told {
		return err
	}
	// That a server takes a letter proves nothing where the last one came back later.
	if still, err := a.DB.StillBounces(ctx, address, in.date(a.Clock)); err != nil || still {
		return err
	}
	alert, _, err := a.DB.NoticeOf(ctx, event)
	if err != nil {
		return err
	}
	return a.aside(ctx, SendNoticeInput{
		Scope: Scope{Calendar: in.Calendar}, Kind: NoticeResolved, Event: event + "/over", to: addresses(alert.Recipients),
		Words: fmt.Sprintf("The mail server takes letters to %s again.", address),
	})
}
