package activities

import (
	"time"

	"immtrail/registry"
)

// Scope is the head of every input: whose practice, and which calendar tells
// the date.
type Scope struct {
	Practice string            `json:"practice"`
	Calendar registry.Calendar `json:"calendar"`
}

// Clock is the wall clock. Mains pass time.Now; tests pass their own. The date
// that rules and letters see is always Scope.Calendar.Date(clock()).
type Clock func() time.Time
