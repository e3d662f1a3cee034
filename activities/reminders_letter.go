package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// errNothingWaits: what a letter was due for is settled by now.
var errNothingWaits = errors.New("nothing waits for this reader any more")

// maxWaits bounds the waits that a letter names.
const maxWaits = 50

// judge compares what waits for r with what r was told before, by letters other
// than the one about event, as it is on a morning. What r hears of as the lead is
// kept only where it is late.
func (a *Notices) judge(ctx context.Context, event string, morning time.Time, r *reader) error {
	told, err := a.DB.RemindedOf(ctx, r.key, event)
	if err != nil {
		return err
	}
	for _, i := range r.items {
		last := slices.IndexFunc(told, func(t db.Reminded) bool { return t.Wait == i.Key && t.Since.Equal(i.Since) })
		var before db.Reminded
		if last >= 0 {
			before = told[last]
		}
		if i.once {
			if i.mark = "ends soon"; last >= 0 || i.Since.After(morning) {
				i.mark = ""
			}
			continue
		}
		i.judge(morning, before)
	}
	r.items = slices.DeleteFunc(r.items, func(i *item) bool { return i.lead && !i.late || i.once && i.mark == "" })
	r.due = nil
	for _, d := range r.digested {
		r.due = append(r.due, d.due(morning, told)...)
	}
	slices.SortFunc(r.due, func(x, y digest) int {
		return cmp.Or(strings.Compare(x.practice, y.practice), strings.Compare(x.period, y.period))
	})
	return nil
}

// judge says how a wait stands on a morning, and whether it is told of anew.
func (i *item) judge(morning time.Time, before db.Reminded) {
	i.passed = i.business.Between(i.Since, morning)
	i.reached = i.policy.Reached(i.Kind, i.passed)
	if days := i.policy.WaitDueDays(i.Kind); days > 0 {
		i.due, i.late = i.business.After(i.Since, days), i.passed >= days
	}
	switch {
	case i.late && !before.Late && i.lead:
		i.mark = "late: you hear of it as the lead"
	case i.late && !before.Late:
		i.mark = "late: the lead hears of it"
	case i.reached > before.Step:
		i.mark = fmt.Sprintf("reminder %d", i.reached)
	case i.Assignee != "" && i.amount() > before.Amount && !i.Since.After(morning):
		i.mark = "new"
	}
	if i.lead && !i.late {
		i.mark = ""
	}
}

// amount grows with each error that comes to a person's hands, and when one of
// them is overdue.
func (i *item) amount() int { return i.Errors + i.Overdue }

// reminders tells one person of all that waits for that person.
func (w *writer) reminders(ctx context.Context) error {
	waits, err := w.DB.Waits(ctx, "", w.date)
	if err != nil {
		return err
	}
	readers, err := w.readers(ctx, waits)
	if err != nil {
		return err
	}
	r, morning := w.readerOf(readers)
	if r == nil {
		return errNothingWaits
	}
	if err := w.judge(ctx, w.in.Event, morning, r); err != nil {
		return err
	}
	if len(r.items)+len(r.due) == 0 {
		return errNothingWaits
	}
	w.practice = nil // the letter is of all practices
	w.data.Practice = registry.LetterPractice{ID: "immtrail", Name: "immtrail"}
	w.data.Date = morning.Format(time.DateOnly)
	w.data.Coordinator, w.concerned = r.contact, []registry.Contact{r.contact}
	slices.SortStableFunc(r.items, func(x, y *item) int { return cmp.Compare(x.urgency(), y.urgency()) })
	for _, i := range r.items[:min(len(r.items), maxWaits)] { // what is not named is not told: it comes tomorrow
		w.data.Waits = append(w.data.Waits, i.letter())
		w.reminds = append(w.reminds, db.Reminded{
			Wait: i.Key, Since: i.Since, Step: i.reached, Late: i.late, Amount: i.amount(), Reader: r.key,
		})
	}
	w.data.MoreWaits = len(r.items) - len(w.data.Waits)
	for _, d := range r.due {
		one := db.Reminded{Wait: d.key(), Since: d.to, Reader: r.key}
		if !slices.ContainsFunc(w.reminds, func(o db.Reminded) bool { return o.Wait == one.Wait && o.Since.Equal(one.Since) }) {
			w.reminds = append(w.reminds, one)
		}
	}
	return w.digests(ctx, r.due)
}

// urgency puts first the credential that ends for all practices of a connection, then
// what is late and told of today, then what is due, then what ends soon, then the rest.
func (i *item) urgency() int {
	switch {
	case i.mark == "":
		return 4
	case i.once && i.Connection != "":
		return 0
	case i.once:
		return 3
	case i.late:
		return 1
	}
	return 2
}

// readerOf finds whose letter it is, and the morning that it is of. A preview is
// that of the practice's coordinator, as it would be now.
func (w *writer) readerOf(readers []*reader) (*reader, time.Time) {
	name, ours := strings.CutPrefix(w.in.Event, remindersPrefix)
	if !ours {
		name, ours = strings.CutPrefix(w.in.Event, digestPrefix)
	}
	key, day, _ := strings.Cut(name, "/")
	if !ours {
		key = readerKey(w.data.Coordinator.Email)
	}
	at := slices.IndexFunc(readers, func(r *reader) bool { return r.key == key })
	if at < 0 {
		return nil, w.date
	}
	r := readers[at]
	morning := r.mornings.Last(w.date)
	// Written late: still the letter of its own day.
	for range maxWaits {
		if !ours || morning.Format(time.DateOnly) <= day {
			return r, morning
		}
		morning = r.mornings.Last(morning.Add(-time.Minute))
	}
	return r, morning
}

// letter is the wait in a letter's words.
func (i *item) letter() registry.LetterWait {
	l := registry.LetterWait{
		Mark: i.mark, Practice: i.Practice, Name: i.name, What: i.What, Next: i.Next, Whose: i.Whose,
		Since: i.Since.In(i.business.Location()).Format(time.DateOnly), Days: i.passed, Move: i.Move, Page: i.page,
	}
	if !i.due.IsZero() {
		l.Due = i.due.Format(time.DateOnly)
	}
	switch {
	case i.once:
		l.Since = "" // it does not wait yet
	case i.HoldID != "":
		l.Page = string(i.Reason)
		actions := i.Actions
		if len(actions) == 0 {
			actions = i.Reason.Actions()
		}
		l.What, l.Next = i.Reason.Words(), i.What
		l.Move = fmt.Sprintf("starter hold resolve %s --action %s", i.HoldID, actions[0])
		if len(actions) > 1 {
			l.Move += fmt.Sprintf(" (or --action %s; starter hold explain %s says what each does)", joinWords(actions[1:], ", "), i.HoldID)
		}
	case i.Kind == registry.WaitErrors:
		l.What = amount(i.Errors, "error", "errors") + " of the registry"
		l.Due = "" // each has its own
		if opened := i.Oldest.In(i.business.Location()).Format(time.DateOnly); i.Assignee != "" && opened < l.Since {
			l.Age = opened
		}
		l.Move = "starter errors list --practice " + i.Practice
		if i.Assignee != "" {
			l.What += fmt.Sprintf(" in your hands, %d overdue", i.Overdue)
			l.Move += fmt.Sprintf(" --assignee %q", i.Assignee)
		} else {
			l.What += ", overdue"
			l.Move += " --overdue"
		}
		l.What += "; most: " + codeWords(i.Code)
	case l.Move == "":
		l.Move = "starter status " + i.Practice
	}
	// The command stands alone on its line, to be pasted.
	if command, remark := registry.SplitMove(l.Move); command != "" && remark != "" {
		l.Move = command + "\n      " + remark
	}
	return l
}

func joinWords[T ~string](parts []T, sep string) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return strings.Join(words, sep)
}
