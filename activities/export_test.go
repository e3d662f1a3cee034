package activities

// What decides about retries has no caller outside; its rules are worth tests
// of their own.
var (
	Fail      = fail
	Retry     = retry
	BusyDelay = busyDelay
)
