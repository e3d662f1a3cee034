package oracle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"immtrail/activities"
	"immtrail/registry"
)

// Days are those on which a submission of a practice began, by the dates of its zone.
type Days struct {
	// First and Last are the first and the last one, Begun is how many began.
	First string `json:"first"`
	Last  string `json:"last"`
	Begun int    `json:"begun"`
	// Changes are the days on which the clocks changed, and how long each was.
	Changes []ClockChange `json:"clock_changes"`
	// Faults say what is not as the cadence has it.
	Faults []string `json:"faults,omitempty"`
}

// ClockChange is a day on which the clocks changed.
type ClockChange struct {
	Day   string `json:"day"`
	Hours int    `json:"hours"`
}

func (d *Days) String() string {
	changes := make([]string, len(d.Changes))
	for i, c := range d.Changes {
		changes[i] = fmt.Sprintf("%s (%d hours)", c.Day, c.Hours)
	}
	return fmt.Sprintf("submissions from %s to %s: %d, over the changes of the clocks of %s",
		d.First, d.Last, d.Begun, strings.Join(changes, ", "))
}

// Cadence says of a day whether its submissions were weekly, on Fridays, instead of
// daily, and whether somebody changed that at about then.
type Cadence func(day time.Time) (rare, near bool)

// SubmissionDays looks when the Schedule meant the submissions of a practice, by the
// names that it gave them, and judges them: one a day, whose hour on the wall only a
// person changes, also where a day has 23 hours or 25.
func SubmissionDays(ctx context.Context, c Engine, p registry.Practice, cadence Cadence) (*Days, error) {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return nil, fmt.Errorf("oracle: %w", err)
	}
	all, err := executions(ctx, c, "default")
	if err != nil {
		return nil, err
	}
	var begun []time.Time
	for _, e := range all {
		if e.GetType().GetName() != activities.CycleWorkflow {
			continue
		}
		due, known := strings.CutPrefix(e.GetExecution().GetWorkflowId(), activities.CycleID(p.ID)+"-")
		if at, err := time.Parse(time.RFC3339, due); known && err == nil {
			begun = append(begun, at.In(zone))
		}
	}
	return judgeDays(begun, cadence), nil
}

// mostHours is how often a person sets the hour of the submissions in a play of years:
// the first time, and once for all.
const mostHours = 2

func judgeDays(begun []time.Time, cadence Cadence) *Days {
	if len(begun) == 0 {
		return &Days{Faults: []string{"no submission was begun by the Schedule"}}
	}
	slices.SortFunc(begun, time.Time.Compare)
	days := &Days{
		First: begun[0].Format(time.DateOnly), Last: begun[len(begun)-1].Format(time.DateOnly), Begun: len(begun),
	}
	on, hours := map[string]int{}, []string{}
	for _, at := range begun {
		on[at.Format(time.DateOnly)]++
		if hour := at.Format("15:04:05"); len(hours) == 0 || hours[len(hours)-1] != hour {
			hours = append(hours, hour)
		}
	}
	if len(hours) > mostHours {
		days.fault("the hour of submissions changed by itself: %s", strings.Join(hours, ", "))
	}
	first, last := begun[0], begun[len(begun)-1]
	for at := noon(first, 0); !at.After(noon(last, 0)); at = noon(at, 1) {
		days.judge(at, on[at.Format(time.DateOnly)], cadence)
	}
	if len(days.Changes) == 0 {
		days.fault("the clocks did not change from %s to %s", days.First, days.Last)
	}
	return days
}

// judge looks at the day of which at is the noon, on which so many began.
func (d *Days) judge(at time.Time, n int, cadence Cadence) {
	day := at.Format(time.DateOnly)
	rare, near := cadence(at)
	want := 1
	if rare && at.Weekday() != time.Friday {
		want = 0
	}
	if n != want && (!near || n > 1) {
		d.fault("%d submissions began on %s, %s, and not %d", n, at.Weekday(), day, want)
	}
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	if hours := int(midnight.AddDate(0, 0, 1).Sub(midnight).Hours()); hours != 24 {
		d.Changes = append(d.Changes, ClockChange{Day: day, Hours: hours})
	}
}

func (d *Days) fault(format string, args ...any) {
	d.Faults = append(d.Faults, fmt.Sprintf(format, args...))
}

// noon is that of a day so many days after at.
func noon(at time.Time, days int) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day()+days, 12, 0, 0, 0, at.Location())
}
