package activities

import (
	"context"

	"immtrail/registry"
)

// Schedules keeps the Temporal Schedules of practices and connections.
type Schedules struct{}

// EnsureSchedulesInput asks for a practice's schedules as they should be.
type EnsureSchedulesInput struct {
	Scope
	Connection string `json:"connection"`
	Zone       string `json:"zone"`
	// CadenceDays between submissions.
	CadenceDays int  `json:"cadence_days"`
	Paused      bool `json:"paused"`
	// Remove takes the submission schedule away (withdrawal); the connection's
	// report schedule stays, since others may use it.
	Remove bool            `json:"remove,omitempty"`
	Policy registry.Policy `json:"policy"`
}

// EnsureSchedules creates or updates the submission schedule of the practice
// and the report schedule of its connection: in the practice's zone with
// jitter when a day lasts 24 hours, by interval otherwise; catch-up window and
// overlap policy explicit. Repeating it changes nothing.
func (a *Schedules) EnsureSchedules(ctx context.Context, in EnsureSchedulesInput) (Done, error) {
	panic("todo")
}
