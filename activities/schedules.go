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

// Workflow types that Schedules start. Their names and inputs are frozen: a
// schedule that exists keeps starting them.
const (
	CycleWorkflow      = "SubmissionCycle"
	CollectionWorkflow = "ReportCollection"
)

// CycleInput is the input of the workflow SubmissionCycle.
type CycleInput struct {
	Version  int               `json:"version"`
	Practice string            `json:"practice"`
	Calendar registry.Calendar `json:"calendar"`
}

// CollectionInput is the input of the workflow ReportCollection.
type CollectionInput struct {
	Version    int               `json:"version"`
	Connection string            `json:"connection"`
	Calendar   registry.Calendar `json:"calendar"`
	// Policy gives the patience of its steps.
	Policy registry.Policy `json:"policy"`
}

// CycleScheduleID is the ID of a practice's submission schedule; the workflows
// it starts are called cycle/<practice>-<time>.
func CycleScheduleID(practice string) string { return "cycle-" + practice }

// CollectionScheduleID is the ID of a connection's report schedule.
func CollectionScheduleID(connection string) string { return "reports-" + connection }
