package activities

import "io"

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
var Incidents = incidents
