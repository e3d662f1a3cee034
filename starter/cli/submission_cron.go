package cli

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"immtrail/registry"
)

// longestGap is the most days that may lie between two submissions (25 TAC 100.6(b)).
const longestGap = 30

// checkCadence is Cadence.Check, and of a cron whether it comes due often enough.
func checkCadence(c registry.Cadence) error {
	if err := c.Check(); err != nil || c.Every != registry.CadenceCron {
		return err
	}
	return checkCron(c)
}

// checkCron refuses what Temporal would, and what lets more than 30 days pass.
func checkCron(c registry.Cadence) error {
	parsed, err := cron.ParseStandard(c.Cron)
	if err != nil {
		return fmt.Errorf("%q: %w", c.Cron, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok || strings.ContainsAny(c.Cron, "?#") { // Temporal reads these otherwise
		return fmt.Errorf("%q: a cron has five fields of numbers, names, *, commas, - and /", c.Cron)
	}
	switch gap := cronGap(spec); {
	case gap < 0:
		return fmt.Errorf("%q never comes due", c.Cron)
	case gap > longestGap:
		return fmt.Errorf("%q: up to %d days lie between two submissions, and the registry asks for a file at least every %d; "+
			"for once a month take --cadence monthly, which keeps to that", c.Cron, gap, longestGap)
	}
	const allHours = 1<<24 - 1
	if hours := spec.Hour & allHours; bits.OnesCount64(hours) == 1 {
		at := fmt.Sprintf("%02d:%02d", bits.TrailingZeros64(hours), bits.TrailingZeros64(spec.Minute))
		once := registry.Cadence{Every: registry.CadenceDaily, At: []string{at}, Zone: c.Zone}
		return once.Check()
	}
	return nil
}

// cronGap is the most days between two days of a cron; -1 where it has none. Both the
// day of the month and the weekday have to be met, as Temporal reads them.
func cronGap(spec *cron.SpecSchedule) int {
	const years = 12 // whatever falls on a leap day and a weekday shows its gap in these
	day := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	last, most := -1, 0
	n := 0
	for ; day.Year() < 2024+years; day, n = day.AddDate(0, 0, 1), n+1 {
		if spec.Month>>day.Month()&1 == 0 || spec.Dom>>day.Day()&1 == 0 || spec.Dow>>day.Weekday()&1 == 0 {
			continue
		}
		most, last = max(most, n-max(last, 0)), n
	}
	if last < 0 {
		return -1
	}
	return max(most, n-last)
}
