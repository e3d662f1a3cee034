package activities

import (
	"context"

	"immtrail/registry"
)

// Watches looks at a practice the way a careful coordinator would each
// morning.
type Watches struct{}

// LookInput asks what is wrong or about to be.
type LookInput struct {
	Scope
	Policy registry.Policy `json:"policy"`
}

// LookResult is the state of a practice in numbers, and what changed.
type LookResult struct {
	Phase      registry.Phase           `json:"phase"`
	Submission registry.SubmissionState `json:"submission"`
	// DaysSince the last confirmed delivery, of the practice and of its
	// quietest site; -1 when there never was one.
	DaysSince     int    `json:"days_since"`
	QuietestSite  string `json:"quietest_site,omitempty"`
	QuietestDays  int    `json:"quietest_days"`
	OpenErrors    int    `json:"open_errors"`
	OverdueErrors int    `json:"overdue_errors"`
	// MissingReports counts deliveries whose report is overdue.
	MissingReports int `json:"missing_reports"`
	// Opened and Closed are incidents that began or ended at this look: one
	// alert per incident, one all-clear.
	Opened []Incident `json:"opened,omitempty"`
	Closed []Incident `json:"closed,omitempty"`
	// Current are all incidents that are open now, at most 20.
	Current []Incident `json:"current,omitempty"`
}

// Incident is one thing that needs somebody.
type Incident struct {
	ID   string `json:"id"`
	Kind string `json:"kind"` // "floor-warning", "floor", "quiet-site", "report-missing", "errors-overdue", "submission-paused-long"
	Site string `json:"site,omitempty"`
	// Words say it in a sentence: since when, the last file, what to do.
	Words string `json:"words"`
}

// LookAtPractice compares the practice with its policy and settles incidents
// in the database: a condition that appears opens one, a condition that is
// gone closes it. Repeating it at the same date changes nothing more.
func (a *Watches) LookAtPractice(ctx context.Context, in LookInput) (LookResult, error) {
	panic("todo")
}
