package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// RemindersWorkflow is the type of the workflow that writes each person's letter
// of reminders, and RemindersID its one ID.
const (
	RemindersWorkflow = "Reminders"
	RemindersID       = "reminders"
)

const (
	// lettersPerPage bounds what a page of due letters holds in history.
	lettersPerPage = 50
	// lookEvery is how long nobody looks at most, so that a new reader, or another
	// policy, is seen within the hour.
	lookEvery = time.Hour
)

// DueRemindersInput asks whose morning has come.
type DueRemindersInput struct {
	Scope
	// After is the event of the last letter of the page before.
	After string `json:"after,omitempty"`
}

// DueRemindersResult are the letters of reminder that are due now.
type DueRemindersResult struct {
	// Events name the letters, a reader's key and a day, and alarms of connections and
	// servers; see [LetterOf].
	Events []string `json:"events,omitempty"`
	More   bool     `json:"more,omitempty"`
	// Next is when the next reader's morning comes, or when to look again.
	Next time.Time `json:"next"`
}

// DueReminders finds who has something new or due this morning. It is the one
// place that decides about reminders: it reads what waits from where it stands, and
// by the policy of each practice how often that should have been said by now. A
// letter that went out is not listed again; one that was written and did not go out
// is, on its own day.
func (a *Notices) DueReminders(ctx context.Context, in DueRemindersInput) (DueRemindersResult, error) {
	date := in.date(a.Clock)
	out := DueRemindersResult{Next: date.Add(lookEvery)}
	if !in.Calendar.Real() {
		out.Next = date.AddDate(0, 0, 1)
	}
	waits, err := a.DB.Waits(ctx, "", date)
	if err != nil {
		return out, fail(ctx, err)
	}
	letters, err := a.alarms(ctx, waits, date)
	if err != nil {
		return out, fail(ctx, err)
	}
	readers, err := a.readers(ctx, waits)
	if err != nil {
		return out, fail(ctx, err)
	}
	for _, r := range readers {
		if next := r.mornings.Next(date); next.Before(out.Next) {
			out.Next = next
		}
		morning := r.mornings.Last(date)
		if morning.IsZero() || r.mornings.Soon(morning, date) {
			continue // a letter of yesterday, and today's: one of them
		}
		if until, quiet := r.mornings.Quiet(date); quiet && in.Calendar.Real() {
			if until.Before(out.Next) {
				out.Next = until
			}
			continue
		}
		letters = append(letters, dueLetter{r.event(morning), morning, r})
	}
	slices.SortFunc(letters, func(x, y dueLetter) int { return strings.Compare(x.event, y.event) })
	for _, l := range letters {
		if l.event <= in.After {
			continue
		}
		due, err := a.letterDue(ctx, l)
		if err != nil {
			return out, fail(ctx, err)
		}
		if !due {
			continue
		}
		if out.More = len(out.Events) == lettersPerPage; out.More {
			break
		}
		out.Events = append(out.Events, l.event)
	}
	return out, nil
}

// dueLetter is a letter that may be due: a morning's to a reader, or an alarm.
type dueLetter struct {
	event   string
	morning time.Time
	reader  *reader // nil: an alarm
}

// letterDue reports whether the letter about event has to go out.
func (a *Notices) letterDue(ctx context.Context, l dueLetter) (bool, error) {
	kept, written, err := a.DB.NoticeOf(ctx, l.event)
	if err != nil || written || l.reader == nil {
		return !written || kept.State == db.NoticePrepared, err
	}
	r, morning := l.reader, l.morning
	if _, written, err = a.DB.NoticeOf(ctx, r.otherEvent(morning)); err != nil || written {
		return false, err // somebody outside this morning, one of ours by noon: tomorrow
	}
	if err := a.judge(ctx, l.event, morning, r); err != nil {
		return false, err
	}
	return len(r.due) > 0 || slices.ContainsFunc(r.items, func(i *item) bool { return i.mark != "" }), nil
}

// reader is one of our own people with what waits for that person.
type reader struct {
	key     string
	contact registry.Contact
	// mornings are those of the policy of the first practice by name, on the clock
	// where the person is; own says that this zone is the person's and not the
	// practice's.
	mornings registry.Mornings
	from     string
	own      bool
	items    []*item
	// digested are the practices of whose answers the reader hears, due what of that
	// is told now.
	digested []digested
	due      []digest
	// ours: not only a contact of a practice, who hears of its week alone.
	ours bool
}

// item is a wait as a reader sees it.
type item struct {
	db.Wait
	name     string // of the practice
	policy   registry.Policy
	business registry.BusinessDays
	// lead: the reader hears of it because it is late. once: it is told one morning.
	lead, once bool
	page       string

	// What a judgement adds: business days since it began, reminders that have
	// come, when it becomes late, and why it is told today, if it is.
	passed, reached int
	due             time.Time
	late            bool
	mark            string
}

// readerKey names a reader where no address may stand.
func readerKey(email string) string {
	sum := sha256.Sum256([]byte("immtrail reader\x00" + strings.ToLower(strings.TrimSpace(email))))
	return hex.EncodeToString(sum[:8])
}

// Events of a morning's letter: to one of our people, and to somebody of a practice
// who hears of its week alone. A person gets one of them a day.
const (
	remindersPrefix = "reminders/"
	digestPrefix    = "digest/"
)

// LetterOf asks for the letter about an event of [DueRemindersResult.Events].
func LetterOf(event string) SendNoticeInput {
	if hold, ok := strings.CutPrefix(event, "hold/"); ok {
		id, _, _ := strings.Cut(hold, "/")
		return SendNoticeInput{Kind: NoticeHold, HoldID: id, Event: event}
	}
	if strings.HasPrefix(event, digestPrefix) {
		return SendNoticeInput{Kind: NoticeDigestWeek, Event: event}
	}
	return SendNoticeInput{Kind: NoticeReminders, Event: event}
}

func (r *reader) event(morning time.Time) string {
	prefix := digestPrefix
	if r.ours {
		prefix = remindersPrefix
	}
	return prefix + r.key + "/" + morning.Format(time.DateOnly)
}

func (r *reader) otherEvent(morning time.Time) string {
	prefix := remindersPrefix
	if r.ours {
		prefix = digestPrefix
	}
	return prefix + r.key + "/" + morning.Format(time.DateOnly)
}

// readers gives each of our people what waits for that person, by key.
func (a *Notices) readers(ctx context.Context, waits []db.Wait) ([]*reader, error) {
	known, err := a.DB.WaitPractices(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]*reader{}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if err := a.digestReaders(by, known[id]); err != nil {
			return nil, err
		}
	}
	if err := a.warned(ctx, by, known); err != nil {
		return nil, err
	}
	for _, w := range waits {
		p, ok := known[w.Practice]
		if !ok {
			continue
		}
		i, err := a.item(w, p)
		if err != nil {
			return nil, err
		}
		own := a.owners(w, p, known)
		for _, c := range own {
			if err := a.addItem(by, c, p, i); err != nil {
				return nil, err
			}
		}
		lead := leadContact(i.policy, a.From)
		if slices.ContainsFunc(own, func(c registry.Contact) bool { return sameAddress(c, lead) }) {
			continue
		}
		i.lead = true
		if err := a.addItem(by, lead, p, i); err != nil {
			return nil, err
		}
	}
	out := make([]*reader, 0, len(by))
	for _, r := range by {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y *reader) int { return strings.Compare(x.key, y.key) })
	return out, nil
}

// warned adds what ends soon to those who see to it.
func (a *Notices) warned(ctx context.Context, by map[string]*reader, known map[string]*db.WaitPractice) error {
	warnings, err := a.DB.Warnings(ctx)
	if err != nil {
		return err
	}
	for _, warn := range warnings {
		p, ok := known[warn.Practice]
		if !ok {
			continue
		}
		i, err := a.item(db.Wait{
			Key: warn.Event, Practice: warn.Practice, What: warn.Words, Whose: "you", Move: warn.Move, Since: warn.At, Connection: warn.Connection,
		}, p)
		if err != nil {
			return err
		}
		i.once, i.page = true, warn.Page
		for _, c := range a.owners(i.Wait, p, known) {
			if err := a.addItem(by, c, p, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// item joins a wait with the policy of its practice. What holds a connection or a
// server is many practices' and goes by the registry's, whichever of them stands for
// the others.
func (a *Notices) item(w db.Wait, p *db.WaitPractice) (item, error) {
	whose := w.Practice
	if shared(w) {
		whose = ""
	}
	profile, err := a.Profiles.Profile(whose)
	if err != nil {
		return item{}, err
	}
	i := item{Wait: w, name: p.Name, policy: profile.Policy, business: profile.BusinessDays()}
	if p.Policy != nil && !shared(w) {
		i.policy = *p.Policy
	}
	return i, nil
}

func (a *Notices) addItem(by map[string]*reader, c registry.Contact, p *db.WaitPractice, i item) error {
	r, err := a.readerAt(by, c, p, i)
	if err == nil {
		r.ours, r.items = true, append(r.items, &i)
	}
	return err
}

// readerAt finds or makes the reader at an address, with the mornings of p's policy
// unless those of another practice come first.
func (a *Notices) readerAt(by map[string]*reader, c registry.Contact, p *db.WaitPractice, i item) (*reader, error) {
	key := readerKey(c.Email)
	r, ok := by[key]
	if !ok {
		r = &reader{key: key, contact: c}
		by[key] = r
	}
	zone := a.zoneOf(c)
	if own := zone != ""; !ok || own && !r.own || own == r.own && p.ID < r.from {
		m, err := i.policy.Mornings(cmp.Or(zone, p.Zone), i.business)
		if err != nil {
			return nil, err
		}
		r.mornings, r.from, r.own = m, p.ID, own
	}
	return r, nil
}

// zoneOf is the time zone where a person is: that of the contact, or of the person of
// the settings with the same mailbox; empty where nobody says.
func (a *Notices) zoneOf(c registry.Contact) string {
	if c.Zone != "" {
		return c.Zone
	}
	if at := slices.IndexFunc(a.People, func(o registry.Contact) bool { return sameAddress(o, c) }); at >= 0 {
		return a.People[at].Zone
	}
	return ""
}

// owners are whose it is to act: who has the errors in hand, or else the
// coordinators, of all practices where a connection or a server is held. What the
// practice, the EHR vendor or the registry owes is the coordinator's to ask for:
// nobody outside is reminded.
func (a *Notices) owners(w db.Wait, p *db.WaitPractice, known map[string]*db.WaitPractice) []registry.Contact {
	if w.Assignee != "" {
		if c, ok := a.personOf(w.Assignee, p); ok {
			return []registry.Contact{c}
		}
	}
	var to []registry.Contact
	add := func(p *db.WaitPractice) {
		for _, c := range p.People {
			if c.Role == registry.ContactCoordinator && !slices.ContainsFunc(to, func(o registry.Contact) bool { return sameAddress(o, c) }) {
				to = append(to, c)
			}
		}
	}
	add(p)
	if shared(w) {
		for _, other := range known {
			if other.Connection == w.Connection || w.Server != "" && other.Server == w.Server {
				add(other)
			}
		}
	}
	if len(to) == 0 {
		return []registry.Contact{a.From}
	}
	return to
}

// personOf finds the mailbox of somebody who is named by hand.
func (a *Notices) personOf(name string, p *db.WaitPractice) (registry.Contact, bool) {
	for _, c := range slices.Concat(p.People, a.People) {
		if c.Email != "" && (strings.EqualFold(c.Name, name) || strings.EqualFold(c.Email, name)) {
			return c, true
		}
	}
	return registry.Contact{}, false
}

func leadContact(p registry.Policy, from registry.Contact) registry.Contact {
	if p.Lead == "" {
		return from
	}
	return registry.Contact{Role: registry.ContactCoordinator, Email: p.Lead}
}

func sameAddress(x, y registry.Contact) bool { return strings.EqualFold(x.Email, y.Email) }

// leadOf is who hears of what is late at a practice.
func (w *writer) leadOf(ctx context.Context, practice string) (registry.Contact, error) {
	known, err := w.DB.WaitPractices(ctx)
	if err != nil {
		return registry.Contact{}, err
	}
	policy := w.profile.Policy
	if p, ok := known[practice]; ok && p.Policy != nil {
		policy = *p.Policy
	}
	return leadContact(policy, w.From), nil
}
