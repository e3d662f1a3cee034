package activities

import (
	"context"

	"immtrail/registry"
)

// Histories plans and reconciles the one-time historical load.
type Histories struct{}

// PlanHistoryInput asks for a plan of what lies in the historical outbox.
type PlanHistoryInput struct {
	Scope
	// PartMessages is the size of a part.
	PartMessages int `json:"part_messages"`
}

// HistoryPlan is what would be sent, in numbers.
type HistoryPlan struct {
	// Digest is of exactly this plan: the sources' digests and the parts'. A
	// changed plan has another one and needs another approval. Empty when there
	// is nothing to plan yet.
	Digest   string `json:"digest"`
	Files    int    `json:"files"`
	Messages int    `json:"messages"`
	Doses    int    `json:"doses"`
	Parts    int    `json:"parts"`
	Bytes    int64  `json:"bytes"`
	// FirstYear and LastYear bound the doses.
	FirstYear int `json:"first_year"`
	LastYear  int `json:"last_year"`
	// Findings of the dry run.
	Held     int                  `json:"held"`
	Errors   int                  `json:"errors"`
	Warnings int                  `json:"warnings"`
	Top      []registry.RuleCount `json:"top,omitempty"`
	// Unstable files are still being written.
	Unstable int `json:"unstable,omitempty"`
}

// PlanHistory stages the sources, splits them on message boundaries into parts
// (each a file of its own), checks every message, and stores the plan. It is
// deterministic, and repeating it on the same files gives the same digest.
// Kind NotAllowed when the practice's load is loading or closed.
func (a *Histories) PlanHistory(ctx context.Context, in PlanHistoryInput) (HistoryPlan, error) {
	panic("todo")
}

// ApproveHistoryInput is a named person's approval of exactly one plan.
type ApproveHistoryInput struct {
	Scope
	Digest string         `json:"digest"`
	By     registry.Actor `json:"by"`
	Key    string         `json:"key"`
}

// ApproveHistory records the approval and moves the load to loading. Kind
// NotAllowed when the stored plan has another digest or the load was loaded
// before.
func (a *Histories) ApproveHistory(ctx context.Context, in ApproveHistoryInput) (Done, error) {
	panic("todo")
}

// ListPartsInput asks for a page of parts.
type ListPartsInput struct {
	Scope
	// After is the ordinal after which to begin; 0 for the first.
	After int `json:"after"`
	Max   int `json:"max"`
}

// Part is one part of the load.
type Part struct {
	Ordinal int              `json:"ordinal"`
	File    registry.FileRef `json:"file"`
}

// ListPartsResult is a page of parts.
type ListPartsResult struct {
	Parts []Part `json:"parts,omitempty"`
}

// ListParts returns the parts of the approved plan in order.
func (a *Histories) ListParts(ctx context.Context, in ListPartsInput) (ListPartsResult, error) {
	panic("todo")
}

// ReconcileHistoryInput asks whether the load adds up.
type ReconcileHistoryInput struct {
	Scope
}

// HistoryCounts is the load in numbers: messages = sent + held + duplicate +
// dropped + not sent yet; sent = answered + unanswered.
type HistoryCounts struct {
	Parts     int `json:"parts"`
	Delivered int `json:"delivered"` // parts
	Messages  int `json:"messages"`
	Sent      int `json:"sent"`
	Held      int `json:"held"`
	Dropped   int `json:"dropped"`
	Accepted  int `json:"accepted"`
	Warned    int `json:"warned"`
	// Rejected counts real errors; duplicates are none.
	Rejected    int `json:"rejected"`
	NotObjected int `json:"not_objected"`
	Unanswered  int `json:"unanswered"`
	// Difference is what nothing explains; it must be zero.
	Difference int `json:"difference"`
}

// Answered is how many sent messages the registry has answered.
func (c HistoryCounts) Answered() int { return c.Accepted + c.Warned + c.Rejected + c.NotObjected }

// ReconcileHistory counts the load from what is stored.
func (a *Histories) ReconcileHistory(ctx context.Context, in ReconcileHistoryInput) (HistoryCounts, error) {
	panic("todo")
}
