package registry

import "time"

// Calendar turns wall-clock time into the dates that the process talks about,
// and back. It is the only clock below the mains: in real life a day lasts 24
// hours and both are the same; in rehearsals a day may last a second, so that
// a journey of months is over in a minute.
//
// The zero Calendar is real time.
type Calendar struct {
	// Epoch is the date at the wall-clock moment Anchor.
	Epoch time.Time `json:"epoch,omitzero"`
	// Anchor is the wall-clock moment at which the date was Epoch.
	Anchor time.Time `json:"anchor,omitzero"`
	// Day is how long a day lasts on the wall clock. Zero means 24 hours.
	Day time.Duration `json:"day,omitempty"`
	// Backfilled says of a rehearsal that Schedules of submissions keep to its dates, in
	// the practice's zone and over both changes of the clocks. Temporal knows no dates
	// but those of the wall clock: each day is begun by a backfill.
	Backfilled bool `json:"backfilled,omitempty"`
}

const realDay = 24 * time.Hour

// Real reports whether a day lasts 24 hours, so that calendar schedules, time
// zones and daylight saving apply as people know them.
func (c Calendar) Real() bool { return c.Day == 0 || c.Day == realDay }

// Dated reports whether submissions keep to dates and hours, rather than to a distance.
func (c Calendar) Dated() bool { return c.Real() || c.Backfilled }

// Date converts a wall-clock moment to the calendar's date.
func (c Calendar) Date(wall time.Time) time.Time {
	if c.Anchor.IsZero() {
		return wall
	}
	return c.Epoch.Add(scale(wall.Sub(c.Anchor), realDay, c.day()))
}

// Wall converts a date of the calendar to the wall-clock moment at which it
// comes.
func (c Calendar) Wall(date time.Time) time.Time {
	if c.Anchor.IsZero() {
		return date
	}
	return c.Anchor.Add(scale(date.Sub(c.Epoch), c.day(), realDay))
}

// WallDuration is how long d, counted in the calendar's time, lasts on the
// wall clock.
func (c Calendar) WallDuration(d time.Duration) time.Duration {
	return scale(d, c.day(), realDay)
}

// Shift moves the calendar by the time that a rehearsal was down, so that an
// outage of the rehearsal is not a month of silence.
func (c Calendar) Shift(down time.Duration) Calendar {
	if !c.Anchor.IsZero() {
		c.Anchor = c.Anchor.Add(down)
	}
	return c
}

func (c Calendar) day() time.Duration {
	if c.Day == 0 {
		return realDay
	}
	return c.Day
}

// scale is d*num/den without overflowing for spans of centuries.
func scale(d, num, den time.Duration) time.Duration {
	if num == den {
		return d
	}
	whole := d / den
	rest := d % den
	return time.Duration(int64(whole)*int64(num)) + time.Duration(float64(rest)*(float64(num)/float64(den)))
}

// BusinessDays tells which days a registry works. Holidays are rows of the
// profile, as YYYY-MM-DD.
type BusinessDays struct {
	Holidays []string `json:"holidays,omitempty"`
	// Zone is the IANA name of the zone in which days begin. Empty means UTC.
	Zone string `json:"zone,omitempty"`
}

// Is reports whether date falls on a business day: Monday to Friday, and not a
// holiday.
func (b BusinessDays) Is(date time.Time) bool {
	local := date.In(b.location())
	if wd := local.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return false
	}
	day := local.Format(time.DateOnly)
	for _, h := range b.Holidays {
		if h == day {
			return false
		}
	}
	return true
}

// After returns the moment n business days after date. With n = 0 it returns
// date itself.
func (b BusinessDays) After(date time.Time, n int) time.Time {
	loc := b.location()
	d := date.In(loc)
	for n > 0 {
		d = d.AddDate(0, 0, 1)
		if b.Is(d) {
			n--
		}
	}
	return d
}

// Location is the zone in which days begin.
func (b BusinessDays) Location() *time.Location { return b.location() }

// location falls back to UTC where the zone is unknown: profiles are checked
// when they are loaded, so this is never silent.
func (b BusinessDays) location() *time.Location {
	if b.Zone == "" {
		return time.UTC
	}
	loc, err := time.LoadLocation(b.Zone)
	if err != nil {
		return time.UTC
	}
	return loc
}
