// Package activities is the I/O of immtrail as Temporal sees it: one struct
// per set of dependencies, one method per activity, input and result right
// above the method.
//
// Every activity may be repeated at any point and then does what is left to
// do, or finds that it is done and says the same again. Inputs and results
// hold references, counts and names of places only: what they hold lies in
// Temporal's history.
//
// Activities never see a workflow.Context, never read config, and turn errors
// into Temporal's in one place: errors.go.
package activities
