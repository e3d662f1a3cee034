package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/notify"
	"immtrail/registry"
)

// maxCauses bounds how many reasons a letter tells; the rest is in the console.
const maxCauses = 10

// writer gathers the data of one letter from the database.
type writer struct {
	*Notices
	in       SendNoticeInput
	date     time.Time
	practice *registry.Practice // nil where the letter concerns a connection
	profile  *registry.Profile
	data     registry.LetterData
	// concerned are the coordinators of the practices on a connection.
	concerned []registry.Contact
	// asked is who is asked about an EHR of the past.
	asked registry.Contact
	// attachment goes with the letter.
	attachment *notify.Attachment
	// reminds is what the letter reminds of; lead hears of it too.
	reminds []db.Reminded
	lead    registry.Contact
	// told are who heard of what is over now.
	told []registry.Contact
}

// begin fills what every letter has: practice, registry, people, date.
func (w *writer) begin(ctx context.Context) (err error) {
	w.data = registry.LetterData{
		Date: w.date.Format(time.DateOnly), Words: w.in.Words, Coordinator: w.From,
		Practice: registry.LetterPractice{ID: "immtrail", Name: "immtrail"},
	}
	if w.in.Practice == "" {
		return w.noPractice()
	}
	if w.practice, err = w.DB.Practice(ctx, w.in.Practice); err != nil {
		return err
	}
	if w.profile, err = w.Profiles.Profile(w.in.Practice); err != nil {
		return err
	}
	w.data.Practice = registry.LetterPractice{
		ID: w.practice.ID, Name: w.practice.Name, OrgCode: w.practice.OrgCode, IISID: w.practice.IISID,
		Sites: len(w.practice.Sites),
	}
	w.data.Registry = registry.LetterRegistry{
		Title: w.profile.Title, Email: w.registryContact().Email, Phone: cmp.Or(w.registryContact().Phone, w.profile.DataExchangePhone),
	}
	if c, ok := w.practice.Contact(registry.ContactCoordinator); ok {
		w.data.Coordinator = c
	}
	w.data.Vendor, _ = w.practice.Contact(registry.ContactVendor)
	return nil
}

// noPractice fills what is known where a letter concerns a connection.
func (w *writer) noPractice() (err error) {
	if w.profile, err = w.Profiles.Profile(""); err != nil {
		return err
	}
	w.data.Registry = registry.LetterRegistry{
		Title: w.profile.Title, Email: w.profile.DataExchangeEmail, Phone: w.profile.DataExchangePhone,
	}
	return nil
}

// registryContact is the person at the registry whom the practice names, or
// the registry's data exchange support.
func (w *writer) registryContact() registry.Contact {
	if c, ok := w.practice.Contact(registry.ContactRegistry); ok {
		return c
	}
	return registry.Contact{Role: registry.ContactRegistry, Email: w.profile.DataExchangeEmail, Phone: w.profile.DataExchangePhone}
}

// recipients says whom the letter is for. What a practice's EHR vendor should
// read goes to our coordinator where no vendor is known, to be passed on.
func (w *writer) recipients() []registry.Contact {
	if w.in.to != nil {
		return w.in.to
	}
	to := slices.Clone(w.addressees())
	for _, more := range append(slices.Clone(w.told), w.lead) {
		if more.Email != "" && !slices.ContainsFunc(to, func(c registry.Contact) bool { return sameAddress(c, more) }) {
			to = append(to, more)
		}
	}
	return to
}

func (w *writer) addressees() []registry.Contact {
	ours := []registry.Contact{w.data.Coordinator}
	if w.practice == nil && len(w.concerned) > 0 {
		return w.concerned
	}
	if w.practice == nil {
		return ours
	}
	if w.asked.Email != "" {
		return []registry.Contact{w.asked}
	}
	role := registry.ContactCoordinator
	switch w.in.Kind {
	case NoticeReviewRequest, NoticeFirstFile:
		return []registry.Contact{w.registryContact()}
	case NoticeProductionVendor, NoticeHistoryQuestions, NoticeFileRefused:
		role = registry.ContactVendor
	case NoticeApprovalRefused, NoticeHold, NoticeReminders, NoticeByHand, NoticeWatch, NoticeResolved, NoticeDigestWeek:
	}
	var to []registry.Contact
	for _, c := range w.practice.Contacts {
		if c.Role == role {
			to = append(to, c)
		}
	}
	if len(to) == 0 {
		return ours
	}
	return to
}

// details fills what only some letters tell.
func (w *writer) details(ctx context.Context) error {
	switch w.in.Kind {
	case NoticeReviewRequest:
		return w.reviewRequest(ctx)
	case NoticeProductionVendor:
		w.data.ProductionProcessingID = w.profile.Message.ProductionProcessingID
		return w.sinceMove(ctx, "phase", string(registry.PhaseProduction))
	case NoticeApprovalRefused:
		w.data.Commands, w.data.Page = []string{"starter production approve " + w.in.Practice + " --email FILE.eml"}, PageApproval
		return nil
	case NoticeFirstFile:
		f, ok, err := w.DB.FirstProductionFile(ctx, w.in.Practice)
		if err == nil && !ok {
			err = registry.Errorf(registry.Missing, "letter", "no production file was confirmed yet")
		}
		w.data.Files = []registry.LetterFile{letterFile(f)}
		return err
	case NoticeFileRefused:
		return w.fileRefused(ctx)
	case NoticeHold:
		return w.hold(ctx)
	case NoticeReminders, NoticeDigestWeek:
		return w.reminders(ctx)
	case NoticeByHand:
		return w.upload(ctx)
	case NoticeWatch, NoticeResolved:
		return w.incident(ctx)
	case NoticeHistoryQuestions:
		return w.historyQuestions(ctx)
	}
	return registry.Errorf(registry.Invalid, "letter", "there is no letter %q", w.in.Kind)
}

// historyQuestions go to whom the EHR in question has for them, where it was told.
func (w *writer) historyQuestions(ctx context.Context) error {
	if w.in.EHR == "" {
		return nil
	}
	all, err := w.DB.HistoryEHRs(ctx, w.in.Practice)
	for _, e := range all {
		if e.EHR == w.in.EHR && e.Contact != "" {
			w.asked = registry.Contact{Role: registry.ContactVendor, Name: cmp.Or(e.Vendor, e.EHR), Email: e.Contact}
			w.data.Vendor = w.asked
		}
	}
	return err
}

// letterFile tells of a file by the name that we gave it.
func letterFile(f db.LetterFile) registry.LetterFile {
	out := registry.LetterFile{
		Name: f.RemoteName, ID: f.ID, Messages: f.Messages, Doses: f.Doses, Refused: f.Rejected,
		Result: "not answered yet", Came: f.Came.Format(time.DateOnly),
	}
	if f.Delivered != nil {
		out.Delivered = f.Delivered.Format(time.DateOnly)
	}
	switch {
	case f.Rejected > 0:
		out.Result = "refused by the registry"
	case f.Unanswered == 0 && f.Messages > 0 && f.Warned > 0:
		out.Result = "error-free, with warnings"
	case f.Unanswered == 0 && f.Messages > 0:
		out.Result = "error-free"
	case f.Delivered == nil:
		out.Result = "not sent"
	}
	if f.Anyway != "" && f.Delivered != nil {
		out.Result += fmt.Sprintf(" (sent by %s in spite of %s that our check found)", f.Anyway, amount(f.Errors, "error", "errors"))
	}
	if f.Answered != nil {
		out.Report = f.Answered.Format(time.DateOnly)
	}
	return out
}

// hold tells what waits for a person.
func (w *writer) hold(ctx context.Context) error {
	if w.in.HoldID == "" {
		return nil // a preview
	}
	h, err := w.DB.Hold(ctx, w.in.HoldID)
	if err != nil {
		return err
	}
	w.data.HoldID = h.ID
	w.data.What, w.data.Page = h.Reason.Words(), string(h.Reason)
	w.data.Words = joinSentences(h.What, h.Words, w.in.Words)
	if err := w.heldLink(ctx, h); err != nil {
		return err
	}
	for _, action := range h.Offers() {
		w.data.Actions = append(w.data.Actions, string(action))
		w.data.Commands = append(w.data.Commands, fmt.Sprintf("starter hold resolve %s --action %s", h.ID, action))
	}
	w.since(h.OpenedAt)
	w.stillNothing(h)
	return nil
}

// Sections of the runbook about what is neither a hold nor an incident.
const (
	PageCredential = "credential-ends"
	PageAgreement  = "agreement-ends"
	PageChat       = "chat-silent"
	PageMailbox    = "mailbox-refused"
	PageMail       = "mail-fails"
	PageApproval   = "approval-refused"
	PageStuck      = "outbox-unfinished"
	PageBounce     = "letter-came-back"
)

// StuckEvent is the event of the letter on a file that nobody finishes: one letter a
// file.
func StuckEvent(practice, token string) string { return PageStuck + "/" + practice + "/" + token }

// incidentWords say in a subject line what an incident is about.
var incidentWords = map[string]string{
	IncidentFloorWarning:  "the monthly file is due soon",
	IncidentFloor:         "the monthly file is overdue",
	IncidentQuietSite:     "a site has gone quiet",
	IncidentReportMissing: "a report is missing",
	IncidentErrorsOverdue: "errors are overdue",
	IncidentPausedLong:    "submission has been paused for long",
	IncidentNoSchedule:    "submission has lost its schedule",
	IncidentAcceptanceLow: "the registry takes too little",
	IncidentNewCode:       "the registry uses a new code",
	IncidentErrorRate:     "the registry refuses more than before",
	IncidentErrorsOld:     "errors are old",
	IncidentStillNothing:  "still nothing",
	IncidentVolumeLow:     "far fewer records than usual",
	IncidentVolumeHigh:    "far more records than usual",
	IncidentOneVaccine:    "records of one vaccine only",
	IncidentLateDoses:     "doses were sent late",
	IncidentHistoryOver:   "files wait for a historical load that is over",
}

func (w *writer) incident(ctx context.Context) error {
	if w.in.HoldID != "" {
		return w.holdOver(ctx)
	}
	if w.in.IncidentID == "" {
		if w.in.Words != "" {
			w.byEvent()
		}
		return nil
	}
	i, err := w.DB.Incident(ctx, w.in.Practice, w.in.IncidentID)
	if err != nil {
		return err
	}
	w.data.What, w.data.Page = incidentWords[i.Kind], i.Kind
	if i.Kind == IncidentStillNothing {
		if w.lead, err = w.leadOf(ctx, w.in.Practice); err != nil {
			return err
		}
	}
	switch {
	case i.Site != "":
		w.data.What += " (" + i.Site + ")"
	case i.Kind == IncidentQuietSite:
		w.data.What = "no site sends any more"
	}
	if w.in.Kind == NoticeWatch {
		w.data.Words = cmp.Or(w.in.Words, i.Words)
		w.data.Commands = []string{"starter status " + w.in.Practice}
		if err := w.silence(ctx, i); err != nil {
			return err
		}
	} else {
		w.data.Words = "" // what was said while it lasted is not true any more
	}
	w.since(i.OpenedAt)
	return w.toldOf(ctx, "incident/"+i.ID)
}

// byEvent tells of what is no incident of a practice.
func (w *writer) byEvent() {
	matter, _, _ := strings.Cut(w.in.Event, "/")
	switch {
	case matter == PageMailbox && w.in.Kind == NoticeResolved:
		w.data.What, w.data.Page = "a mailbox is refused", PageMailbox
	case matter == PageMailbox:
		w.data.What, w.data.Page = "a mailbox is refused", PageMailbox
		w.data.Commands = []string{"starter letter list"}
		w.since(w.date)
	case w.in.Kind != NoticeWatch:
	case matter == PageMail:
		w.data.What, w.data.Page = "letters do not go out", PageMail
		w.data.Commands = []string{"starter doctor", "starter letter list --waiting"}
	case matter == "chat-failed":
		w.data.What, w.data.Page = "a chat room was not reached", PageChat
		w.data.Commands = []string{"starter doctor"}
	case matter == PageBounce:
		w.data.What, w.data.Page = "a letter came back", PageBounce
		if w.in.about != "" {
			w.data.Commands = []string{"starter letter show " + w.in.about}
		}
	case matter == PageStuck:
		w.data.What, w.data.Page = "a file in the outbox is not finished", PageStuck
		w.data.Commands = []string{"starter status " + w.in.Practice}
	}
}

// holdOver is the all-clear of a hold.
func (w *writer) holdOver(ctx context.Context) error {
	h, err := w.DB.Hold(ctx, w.in.HoldID)
	if err != nil {
		return err
	}
	if err := w.heldLink(ctx, h); err != nil {
		return err
	}
	w.data.What, w.data.Page, w.data.Commands = h.Reason.Words(), string(h.Reason), nil
	if h.ClosedAt != nil {
		w.data.Words = fmt.Sprintf("%s settled it on %s. What waited goes on.", h.ClosedBy, h.ClosedAt.Format(time.DateOnly))
	}
	w.since(h.OpenedAt)
	return w.toldOf(ctx, "hold/"+h.ID)
}

func (w *writer) sinceMove(ctx context.Context, kind, to string) error {
	at, err := w.DB.LastMove(ctx, w.in.Practice, kind, to)
	if !at.IsZero() {
		w.since(at)
	}
	return err
}

func (w *writer) since(at time.Time) {
	w.data.Since = at.Format(time.DateOnly)
	w.data.Days = max(0, daysSince(at, w.date))
}

// joinSentences joins what is not empty.
func joinSentences(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += ". "
		}
		out += p
	}
	return out
}
