package registry

import (
	"fmt"
	"strings"
	"time"
)

// QuietHours are times of the week in which nothing is begun at a registry's
// server. The zero value has none.
type QuietHours struct {
	zone  *time.Location
	spans []quietSpan
}

// quietSpan is from one minute of the day to another; an end at or before the
// start lies on the next day.
type quietSpan struct {
	day      time.Weekday
	daily    bool
	from, to int
}

const dayMinutes = 24 * 60

// ParseQuietHours reads times such as "22:00-05:00" (every day) and
// "Sun 02:00-06:00" (that day only), on the clock of zone. What ends before it
// begins ends on the next day. The error names the entry.
func ParseQuietHours(hours []string, zone string) (QuietHours, error) {
	q := QuietHours{zone: BusinessDays{Zone: zone}.location()}
	for _, text := range hours {
		span := quietSpan{daily: true}
		clock := text
		if day, rest, named := strings.Cut(text, " "); named {
			var ok bool
			if span.day, ok = weekday(day); !ok {
				return QuietHours{}, fmt.Errorf("%q: a day is Mon, Tue, Wed, Thu, Fri, Sat or Sun", text)
			}
			span.daily, clock = false, rest
		}
		from, to, ok := strings.Cut(clock, "-")
		start, err1 := time.Parse("15:04", from)
		end, err2 := time.Parse("15:04", to)
		if !ok || err1 != nil || err2 != nil || from == to {
			return QuietHours{}, fmt.Errorf("%q: hours are written as 22:00-05:00 or Sun 02:00-06:00", text)
		}
		span.from, span.to = start.Hour()*60+start.Minute(), end.Hour()*60+end.Minute()
		if span.to <= span.from {
			span.to += dayMinutes
		}
		q.spans = append(q.spans, span)
	}
	return q, nil
}

func weekday(short string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if d.String()[:3] == short {
			return d, true
		}
	}
	return 0, false
}

// Until returns the end of the quiet hours in which date lies; where it lies in
// none, quiet is not set. Hours that follow one another without a gap are one.
func (q QuietHours) Until(date time.Time) (end time.Time, quiet bool) {
	for range 8 * max(1, len(q.spans)) { // at most a week of hours without a gap
		next, in := q.spanEnd(date)
		if !in {
			return end, quiet
		}
		date, end, quiet = next, next, true
	}
	return end, quiet
}

// spanEnd looks at the spans of date's day and at those of the day before.
func (q QuietHours) spanEnd(date time.Time) (end time.Time, in bool) {
	if len(q.spans) == 0 {
		return end, false
	}
	local := date.In(q.zone)
	for _, s := range q.spans {
		for back := range 2 {
			day := local.AddDate(0, 0, -back)
			if !s.daily && day.Weekday() != s.day {
				continue
			}
			from := time.Date(day.Year(), day.Month(), day.Day(), 0, s.from, 0, 0, q.zone)
			to := time.Date(day.Year(), day.Month(), day.Day(), 0, s.to, 0, 0, q.zone)
			if !local.Before(from) && local.Before(to) {
				return to, true
			}
		}
	}
	return end, false
}
