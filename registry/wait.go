package registry

import (
	"fmt"
	"time"
)

// WaitKind says which reminders and which day of grace a wait has.
type WaitKind string

// The kinds of waits. What has no kind of its own is a [WaitStep].
const (
	WaitStep     WaitKind = ""         // prerequisites, test files, the first file, a plan's approval
	WaitReview   WaitKind = "review"   // the registry's decision
	WaitEvidence WaitKind = "evidence" // the Production email is not on file
	WaitHistory  WaitKind = "history"  // the EHR vendor's answer on old records
	WaitHold     WaitKind = "hold"     // a step that only a person can settle
	WaitErrors   WaitKind = "errors"   // errors that are overdue or in somebody's hands
)

// Reminders are the business days after its begin on which a wait of kind k is
// told of; after the last one its distance repeats.
func (p Policy) Reminders(k WaitKind) []int {
	switch k {
	case WaitReview:
		return p.ReviewReminders
	case WaitEvidence:
		return p.EvidenceReminders
	case WaitHistory:
		return p.HistoryReminders
	case WaitHold:
		return p.HoldReminders
	case WaitStep, WaitErrors:
	}
	return p.WaitReminders
}

// ReminderDay is the business day of the n-th reminder, from 1. After the last
// one of the list its distance repeats, since silence is never a decision; an
// empty list reminds every fifth day.
func ReminderDay(days []int, n int) int {
	if len(days) == 0 {
		return 5 * n
	}
	if n <= len(days) {
		return days[n-1]
	}
	last := days[len(days)-1]
	return last * (n - len(days) + 1)
}

// Reached is how many reminders of a wait of kind k have come after passed
// business days.
func (p Policy) Reached(k WaitKind, passed int) int {
	n := 0
	for ReminderDay(p.Reminders(k), n+1) <= passed {
		n++
	}
	return n
}

// WaitDueDays is after how many business days a wait of kind k is late, and its
// lead hears of it; 0 is never.
func (p Policy) WaitDueDays(k WaitKind) int {
	switch k {
	case WaitReview:
		return p.ReviewDueDays
	case WaitHold:
		return p.HoldDueDays
	case WaitStep, WaitEvidence, WaitHistory, WaitErrors:
	}
	return p.StepDueDays
}

// Between counts the business days after the day of since, up to and with the
// day of date.
func (b BusinessDays) Between(since, date time.Time) int {
	if since.IsZero() {
		return 0
	}
	closed := make(map[string]bool, len(b.Holidays))
	for _, h := range b.Holidays {
		closed[h] = true
	}
	loc := b.location()
	y, m, d := since.In(loc).Date()
	last := date.In(loc)
	n := 0
	for i := 1; ; i++ {
		day := time.Date(y, m, d+i, 0, 0, 0, 0, loc)
		if day.After(last) {
			return n
		}
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday && !closed[day.Format(time.DateOnly)] {
			n++
		}
	}
}

// Mornings are the moments at which letters of reminder go to one person: once a
// business day, outside of the quiet hours, on the clock where that person is.
type Mornings struct {
	minute int
	quiet  QuietHours
	zone   *time.Location
	days   BusinessDays
}

// Mornings of somebody in zone. Kind Invalid where the policy or the zone is not
// as a profile has to be.
func (p Policy) Mornings(zone string, days BusinessDays) (Mornings, error) {
	const op = "reminders"
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		return Mornings{}, Errorf(Invalid, op, "%q is no time zone", zone)
	}
	at, err := time.Parse("15:04", p.ReminderTime)
	if p.ReminderTime == "" {
		at, err = time.Parse("15:04", "08:00")
	}
	if err != nil {
		return Mornings{}, Errorf(Invalid, op, "policy.reminder_time: a time such as 08:00")
	}
	quiet, err := ParseQuietHours(p.QuietHours, zone)
	if err != nil {
		return Mornings{}, &Error{Kind: Invalid, Op: op, Err: fmt.Errorf("policy.quiet_hours: %w", err)}
	}
	return Mornings{minute: at.Hour()*60 + at.Minute(), quiet: quiet, zone: loc, days: days}, nil
}

// longestClosed bounds how many days in a row no letter goes out.
const longestClosed = 31

// Last is the latest such moment at or before date; zero where there was none for
// a month.
func (m Mornings) Last(date time.Time) time.Time {
	for back := range longestClosed {
		if at, ok := m.on(date, -back); ok && !at.After(date) {
			return at
		}
	}
	return time.Time{}
}

// Next is the first such moment after date.
func (m Mornings) Next(date time.Time) time.Time {
	for ahead := range longestClosed {
		if at, ok := m.on(date, ahead); ok && at.After(date) {
			return at
		}
	}
	return date.AddDate(0, 0, longestClosed)
}

// Soon reports whether date lies on a later day than morning, the last one, and the
// next one comes on that day: what was not said yesterday is said then.
func (m Mornings) Soon(morning, date time.Time) bool {
	day := func(at time.Time) string { return at.In(m.zone).Format(time.DateOnly) }
	return day(morning) != day(date) && day(m.Next(date)) == day(date)
}

// Quiet reports whether nothing is sent at date, and until when.
func (m Mornings) Quiet(date time.Time) (until time.Time, quiet bool) { return m.quiet.Until(date) }

// on is the moment of the day that lies offset days from date's.
func (m Mornings) on(date time.Time, offset int) (time.Time, bool) {
	y, mo, d := date.In(m.zone).Date()
	at := time.Date(y, mo, d+offset, 0, m.minute, 0, 0, m.zone)
	if until, quiet := m.quiet.Until(at); quiet {
		at = until
	}
	// A holiday is the date on the reader's own wall.
	y, mo, d = at.In(m.zone).Date()
	return at, m.days.Is(time.Date(y, mo, d, 12, 0, 0, 0, m.days.location()))
}
