package hl7

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Date is a calendar day without a time zone, as the number YYYYMMDD. Dates
// compare with < and >. Zero is no date.
type Date int32

// ParseDate reads exactly YYYYMMDD. A shorter date, a day that does not exist
// (20260230) and the year 0000 are no dates.
func ParseDate(b []byte) (Date, bool) {
	if len(b) != 8 {
		return 0, false
	}
	// Eight digits at once: each byte must be 0x30 to 0x39, and pairs, then
	// fours, are put together.
	const threes, sixes = 0x3030303030303030, 0x0606060606060606
	w := binary.LittleEndian.Uint64(b)
	if w&0xf0f0f0f0f0f0f0f0 != threes || (w+sixes)&0xf0f0f0f0f0f0f0f0 != threes {
		return 0, false
	}
	w = (w & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8
	w = (w & 0x00ff00ff00ff00ff) * 6553601 >> 16
	year, day := int(w&0xffff), int(w>>32&0xffff)
	month := day / 100
	day -= month * 100
	if year == 0 || month == 0 || month > 12 || day == 0 {
		return 0, false
	}
	if day > 28 && day > daysIn(year, month) {
		return 0, false
	}
	return Date(year*10000 + month*100 + day), true
}

// DateOf is the day on which t falls in t's own zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date(y*10000 + int(m)*100 + d)
}

// Year is 1 to 9999.
func (d Date) Year() int { return int(d) / 10000 }

// Month is 1 to 12.
func (d Date) Month() int { return int(d) / 100 % 100 }

// Day is the day of the month.
func (d Date) Day() int { return int(d) % 100 }

// String is the date as HL7 writes it, YYYYMMDD; "" for no date.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%08d", int(d))
}

// AddDays is the date n days later, or earlier where n is negative.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year(), time.Month(d.Month()), d.Day()+n, 0, 0, 0, 0, time.UTC))
}

// YearsUntil is the age in whole years on day later of someone born on d. Who
// was born on 29 February is a year older on 1 March.
func (d Date) YearsUntil(later Date) int {
	years := later.Year() - d.Year()
	if int(later)%10000 < int(d)%10000 {
		years--
	}
	return years
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// Time is an HL7 time stamp (data type TS): a date with as much of the time as
// was given. A missing zone is never guessed.
type Time struct {
	Date                 Date
	Hour, Minute, Second int
	// Nanos is the fraction of the second.
	Nanos int
	// Digits is how many digits came before the fraction: 8 is a day, 14 a second.
	Digits int
	// HasZone says whether an offset was given; OffsetMinutes is east of UTC.
	HasZone       bool
	OffsetMinutes int
}

// ParseTime reads YYYYMMDD[HH[MM[SS[.S[S[S[S]]]]]]][+/-ZZZZ]. Anything less
// than a day, or that no clock shows (hour 24), is no time.
func ParseTime(b []byte) (Time, bool) {
	var t Time
	rest := b
	var ok bool
	for i, c := range b {
		if c == '+' || c == '-' {
			if t.OffsetMinutes, ok = parseOffset(b[i:]); !ok {
				return Time{}, false
			}
			t.HasZone = true
			rest = b[:i]
			break
		}
	}
	for i, c := range rest {
		if c == '.' {
			if t.Nanos, ok = parseFraction(rest[i+1:]); !ok || i != 14 {
				return Time{}, false
			}
			rest = rest[:i]
			break
		}
	}
	t.Digits = len(rest)
	if t.Digits < 8 || t.Digits > 14 || t.Digits%2 != 0 {
		return Time{}, false
	}
	if t.Date, ok = ParseDate(rest[:8]); !ok {
		return Time{}, false
	}
	into := [...]struct {
		v     *int
		below int
	}{{&t.Hour, 24}, {&t.Minute, 60}, {&t.Second, 60}}
	for i := 8; i < t.Digits; i += 2 {
		part := into[(i-8)/2]
		if *part.v, ok = number(rest[i : i+2]); !ok || *part.v >= part.below {
			return Time{}, false
		}
	}
	return t, true
}

// Std is the moment; ok is false where the stamp has no zone.
func (t Time) Std() (moment time.Time, ok bool) {
	if !t.HasZone {
		return time.Time{}, false
	}
	d := t.Date
	utc := time.Date(d.Year(), time.Month(d.Month()), d.Day(), t.Hour, t.Minute, t.Second, t.Nanos, time.UTC)
	return utc.Add(-time.Duration(t.OffsetMinutes) * time.Minute), true
}

// parseOffset reads +ZZZZ or -ZZZZ; offsets reach from -12:00 to +14:00.
func parseOffset(b []byte) (minutes int, ok bool) {
	if len(b) != 5 {
		return 0, false
	}
	n, ok := number(b[1:])
	if !ok || n%100 >= 60 || n > 1400 {
		return 0, false
	}
	minutes = n/100*60 + n%100
	if b[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

func parseFraction(b []byte) (nanos int, ok bool) {
	if len(b) < 1 || len(b) > 4 {
		return 0, false
	}
	n, ok := number(b)
	if !ok {
		return 0, false
	}
	for range 9 - len(b) {
		n *= 10
	}
	return n, true
}

// number reads decimal digits and nothing else.
func number(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}
