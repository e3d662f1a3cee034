package activities

import (
	"io"
	"time"

	"immtrail/db"
	"immtrail/registry"
)

// What decides about retries has no caller outside; its rules are worth tests
// of their own.
var (
	Fail      = fail
	Retry     = retry
	BusyDelay = busyDelay
)

// Pace is how bytes are slowed down.
var Pace = pace

// Reader is the reading side of it.
func (p *paced) Reader(r io.ReadCloser) io.ReadCloser { return p.reader(r) }

// Incidents judges a morning; its cases are many and none needs a database.
func Incidents(
	f db.WatchFacts, p registry.Policy, reports registry.ReportSettings, date time.Time, open []db.Incident, b registry.BusinessDays,
) []db.IncidentSeed {
	seeds := incidents(f, p, reports, date, open, volumesOf(f, p, b, date))
	for i, s := range seeds { // as they are told
		seeds[i].Words, seeds[i].Advice = s.Told(), ""
	}
	return seeds
}

// MailFails is mailFails.
var MailFails = mailFails
