package activities

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"

	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// Notices writes letters and alerts.
type Notices struct {
	DB       *db.Store
	Sender   notify.Sender
	Letters  notify.Templates
	Profiles ProfileSource
	// Catalogue explains the registry's codes in letters.
	Catalogue map[string]registry.CatalogueEntry
	// From is who letters come from. It also stands in where a practice names no
	// coordinator, and is told of what concerns no single practice.
	From registry.Contact
	// People are those who may have an error in hand, by name and address.
	People []registry.Contact
	// Domain is that of Message-IDs; it must not change while letters are on
	// their way, since an unknown outcome repeats the same Message-ID.
	Domain string
	Clock  Clock
	// Chat is told of alerts beside the mail; nil: nowhere.
	Chat Chat
	// Bounces is where letters come back; nil: nowhere that is read.
	Bounces Bounces

	// asides are letters that nobody asked for, on their way.
	asides singleflight.Group
}

// NoticeKind is which letter; it is also the name of its template.
type NoticeKind = registry.LetterKind

// The letters.
const (
	NoticeReviewRequest    = registry.LetterReviewRequest    // to the registry
	NoticeProductionVendor = registry.LetterProductionVendor // to the EHR vendor: the connection is live
	NoticeFirstFile        = registry.LetterFirstFile
	NoticeHistoryQuestions = registry.LetterHistoryQuestions
	NoticeFileRefused      = registry.LetterFileRefused
	NoticeHold             = registry.LetterHold
	NoticeReminders        = registry.LetterReminders
	NoticeByHand           = registry.LetterByHand
	NoticeWatch            = registry.LetterWatch
	NoticeApprovalRefused  = registry.LetterApprovalRefused
	NoticeResolved         = registry.LetterResolved
	NoticeDigestWeek       = registry.LetterDigestWeek
)

// SendNoticeInput asks for one letter about one event.
type SendNoticeInput struct {
	Scope
	Kind NoticeKind `json:"kind"`
	// Event makes the letter unique: the same event never gives a second
	// letter, and an unknown outcome repeats the same Message-ID.
	Event string `json:"event"`
	// FileID, HoldID, IncidentID name what the letter is about; the activity
	// reads the details from the database.
	FileID     string `json:"file_id,omitempty"`
	HoldID     string `json:"hold_id,omitempty"`
	IncidentID string `json:"incident_id,omitempty"`
	// EHR names one of the historical load, about which a letter asks; empty: the
	// present one.
	EHR string `json:"ehr,omitempty"`
	// Words are one or two sentences of ours, free of patient data.
	Words string `json:"words,omitempty"`
	// to replaces the usual readers; letters of our own that nobody asked for.
	to []registry.Contact
	// about is the event of the letter that this one tells of.
	about string
	// Gate are the rules by which a review's evidence is chosen; nil: those of the
	// profile.
	Gate *GateRules `json:"gate,omitempty"`
}

// SendNoticeResult says what was sent.
type SendNoticeResult struct {
	MessageID string `json:"message_id"`
	// Off says that letters are switched off (notify.deliver): it was kept,
	// not sent.
	Off bool `json:"off,omitempty"`
	// Refused says that no mailbox of the letter exists any more, and that somebody
	// else was told.
	Refused bool `json:"refused,omitempty"`
}

// SendNotice renders the letter, records it with its Message-ID, sends it, and
// records that it was sent.
//
// The words are fixed when the letter is recorded: a repeat sends the very same
// letter, whatever has changed since. Between the mail server's word and ours
// lies a moment in which a crash leaves the outcome unknown; the repeat then
// sends the same Message-ID again, by which mailboxes know it for the same.
func (a *Notices) SendNotice(ctx context.Context, in SendNoticeInput) (SendNoticeResult, error) {
	defer beat(ctx, nil)()
	out, err := a.sendNotice(ctx, in)
	return out, fail(ctx, err)
}

func (a *Notices) sendNotice(ctx context.Context, in SendNoticeInput) (SendNoticeResult, error) {
	if in.Event == "" {
		return SendNoticeResult{}, registry.Errorf(registry.Invalid, "notice", "a letter needs an event")
	}
	date := in.date(a.Clock)
	kept, ok, err := a.DB.NoticeOf(ctx, in.Event)
	if err == nil && !ok {
		kept, err = a.prepare(ctx, in, date)
	}
	if errors.Is(err, errNothingWaits) {
		return SendNoticeResult{}, nil
	}
	if err != nil {
		return SendNoticeResult{}, err
	}
	if kept.Practice != in.Practice || kept.Kind != in.Kind {
		return SendNoticeResult{}, registry.Errorf(registry.Invalid, "notice", "the event %s has another letter already", in.Event)
	}
	out := SendNoticeResult{MessageID: kept.MessageID, Off: kept.State == db.NoticeOff}
	if kept.State != db.NoticePrepared {
		return out, nil
	}
	first, err := a.threadOf(ctx, kept)
	if err != nil {
		return SendNoticeResult{}, err
	}
	receipt, err := a.Sender.Send(ctx, notify.Rendered{
		Event: kept.Event, Subject: kept.Subject, Body: kept.Body, To: addresses(kept.Recipients),
		InReplyTo: first, Attachment: attachmentOf(kept),
		Sender: registry.Contact{Role: registry.ContactCoordinator, Name: kept.SenderName, Email: kept.SenderEmail},
	}, kept.MessageID)
	if gone := notify.RefusedMailboxes(err); len(gone) > 0 && in.to == nil {
		return a.refused(ctx, in, kept, gone, err)
	}
	if err != nil {
		a.sayMailFails(ctx, in, err)
		return SendNoticeResult{}, err
	}
	out.Off = !receipt.Delivered
	now, err := a.DB.SettleNotice(ctx, in.Event, receipt.Delivered, date)
	if err == nil && now && receipt.Delivered {
		a.sayInChat(ctx, in, kept)
		a.mailboxes(ctx, in, kept, receipt.Refused)
	}
	return out, err
}

// aside sends a letter that comes of another one. Those that are on their way may
// have the same thing to say at the same moment: one of them says it.
func (a *Notices) aside(ctx context.Context, in SendNoticeInput) error {
	_, err, _ := a.asides.Do(in.Event, func() (any, error) { return a.sendNotice(ctx, in) })
	return err
}

// WriteNotice writes a letter down and sends nothing: a person reads it first, and
// [Notices.SendNotice] then sends exactly this. Repeating it changes nothing.
func (a *Notices) WriteNotice(ctx context.Context, in SendNoticeInput) (Done, error) {
	_, err := a.prepare(ctx, in, in.date(a.Clock))
	return Done{}, fail(ctx, err)
}

func attachmentOf(n db.Notice) *notify.Attachment {
	if n.AttachmentName == "" {
		return nil
	}
	return &notify.Attachment{Name: n.AttachmentName, Text: n.Attachment}
}

// GiveUpNoticeInput names a letter that a person lets go.
type GiveUpNoticeInput struct {
	Scope
	Event string         `json:"event"`
	By    registry.Actor `json:"by"`
}

// GiveUpNotice records that a letter that could not be sent is not sent.
// Repeating it changes nothing; a letter that went out stays sent.
func (a *Notices) GiveUpNotice(ctx context.Context, in GiveUpNoticeInput) (Done, error) {
	_, err := a.DB.GiveUpNotice(ctx, in.Practice, in.Event, db.Act{
		Key: "letter-given-up/" + in.Event, By: in.By, At: in.date(a.Clock),
	})
	return Done{}, fail(ctx, err)
}

// PreviewLetter renders a letter as it would be sent now, and keeps nothing.
func PreviewLetter(ctx context.Context, a *Notices, in SendNoticeInput) (notify.Rendered, error) {
	return a.render(ctx, in, in.date(a.Clock))
}

func (a *Notices) render(ctx context.Context, in SendNoticeInput, date time.Time) (notify.Rendered, error) {
	rendered, _, err := a.write(ctx, in, date)
	return rendered, err
}

// write renders the letter and tells what it reminds of.
func (a *Notices) write(ctx context.Context, in SendNoticeInput, date time.Time) (notify.Rendered, []db.Reminded, error) {
	letter, w, err := a.letter(ctx, in, date)
	if err != nil {
		return notify.Rendered{}, nil, err
	}
	rendered, err := notify.Render(a.Letters, letter)
	rendered.Attachment = w.attachment
	if !toOurPeople(in.Kind) && w.data.Coordinator.Email != a.From.Email {
		rendered.Sender = w.data.Coordinator
	}
	return rendered, w.reminds, err
}

// prepare writes the letter and records it before anything is sent.
func (a *Notices) prepare(ctx context.Context, in SendNoticeInput, date time.Time) (db.Notice, error) {
	rendered, reminds, err := a.write(ctx, in, date)
	if err != nil {
		return db.Notice{}, err
	}
	var attached notify.Attachment
	if rendered.Attachment != nil {
		attached = *rendered.Attachment
	}
	to := make([]string, len(rendered.To))
	for i, c := range rendered.To {
		to[i] = c.Email
	}
	return a.DB.PrepareNotice(ctx, db.Notice{
		Event: in.Event, Kind: in.Kind, Practice: in.Practice, Recipients: to,
		MessageID: a.messageID(in.Event),
		Subject:   rendered.Subject, Body: rendered.Body, PreparedAt: date, Reminds: reminds,
		AttachmentName: attached.Name, Attachment: attached.Text,
		SenderName: rendered.Sender.Name, SenderEmail: rendered.Sender.Email,
	})
}

func (a *Notices) messageID(event string) string {
	return notify.MessageID(event, cmp.Or(a.Domain, notify.Domain(a.From.Email)))
}

func addresses(emails []string) []registry.Contact {
	to := make([]registry.Contact, len(emails))
	for i, email := range emails {
		to[i] = registry.Contact{Email: email}
	}
	return to
}

// letter gathers what a letter says, to whom, and what goes with it.
func (a *Notices) letter(ctx context.Context, in SendNoticeInput, date time.Time) (notify.Letter, *writer, error) {
	l := notify.Letter{Event: in.Event, Template: in.Kind}
	w := &writer{Notices: a, in: in, date: date}
	if err := w.begin(ctx); err != nil {
		return l, w, err
	}
	if err := w.details(ctx); err != nil {
		return l, w, err
	}
	l.Data = w.data
	l.To = w.recipients()
	return l, w, nil
}
