// Package searchattr names the search attributes by which coordinators find
// workflows. Workflows set them through these typed keys; package temporalconn
// registers them. It must not do I/O, so that workflows may import it.
//
// Search attributes are stored in clear, whatever the codec does: they carry
// IDs, names of states and counts, never a value from a file. They are kept
// few, since every one costs the visibility store with every change.
package searchattr

import "go.temporal.io/sdk/temporal"

// The search attributes of immtrail. Their names are typed by people into the
// list filter of the Web UI and stand in saved links: never rename one.
var (
	// PracticeID is the practice's short name, such as "sunrise-plano".
	PracticeID = temporal.NewSearchAttributeKeyKeyword("PracticeID")
	// RegistryID is the ID by which the registry knows the practice.
	RegistryID = temporal.NewSearchAttributeKeyKeyword("RegistryID")
	// Phase is the practice's phase: registered, testing, in_review, …
	Phase = temporal.NewSearchAttributeKeyKeyword("Phase")
	// NeedsAttention is set while the workflow waits for a person.
	NeedsAttention = temporal.NewSearchAttributeKeyBool("NeedsAttention")
	// OpenErrors counts errors of the registry that nobody has settled.
	OpenErrors = temporal.NewSearchAttributeKeyInt64("OpenErrors")
	// DueBy is when the next thing has to be done, by the calendar's date.
	DueBy = temporal.NewSearchAttributeKeyTime("DueBy")
)

// All lists every search attribute that a cluster must know.
func All() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{PracticeID, RegistryID, Phase, NeedsAttention, OpenErrors, DueBy}
}
