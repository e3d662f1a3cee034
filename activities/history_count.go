package activities

import (
	"context"

	"immtrail/db"
)

// ReconcileHistoryInput asks whether the load adds up.
type ReconcileHistoryInput struct {
	Scope
}

// HistoryCounts is the load with its supplements in numbers. What came =
// messages in parts + repeated + sent before; messages = sent + held +
// sent since + duplicate + dropped + not sent yet; sent = answered + unanswered.
type HistoryCounts struct {
	// Loads counts the load and the supplements that were approved.
	Loads     int `json:"loads,omitempty"`
	Parts     int `json:"parts"`
	Delivered int `json:"delivered"` // parts
	// Came are the messages of the files of the load.
	Came       int `json:"came,omitempty"`
	Repeated   int `json:"repeated,omitempty"`
	SentBefore int `json:"sent_before,omitempty"`
	Messages   int `json:"messages"`
	Sent       int `json:"sent"`
	// Held were held back by our checker; Corrected are those of them that were
	// sent corrected since, HeldDropped those that a person gave up with a reason.
	Held        int `json:"held"`
	Corrected   int `json:"corrected,omitempty"`
	HeldDropped int `json:"held_dropped,omitempty"`
	// SentSince stayed behind because what they say was sent after the plan.
	SentSince int `json:"sent_since,omitempty"`
	// Duplicate are in parts whose content had been delivered before.
	Duplicate int `json:"duplicate,omitempty"`
	Dropped   int `json:"dropped"`
	NotSent   int `json:"not_sent,omitempty"`
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

// HeldOpen is how many of the held messages nobody has replaced or given up.
func (c HistoryCounts) HeldOpen() int { return c.Held - c.Corrected - c.HeldDropped }

// Open is how many messages have not reached the registry and were not taken by
// it: what a person should know of before the load is closed for ever.
func (c HistoryCounts) Open() int {
	return c.HeldOpen() + c.Dropped + c.NotSent + c.Rejected + c.Unanswered + c.Difference
}

// ReconcileHistory counts the load from what is stored.
func (a *Histories) ReconcileHistory(ctx context.Context, in ReconcileHistoryInput) (HistoryCounts, error) {
	c, err := CountHistory(ctx, a.DB, in.Practice)
	return c, fail(ctx, err)
}

// CountHistory counts a practice's load from what is stored. Kind Missing without a
// plan.
func CountHistory(ctx context.Context, store *db.Store, practice string) (HistoryCounts, error) {
	c, err := store.CountHistory(ctx, practice)
	if err != nil {
		return HistoryCounts{}, err
	}
	out := HistoryCounts{
		Loads: c.Loads, Parts: c.Parts, Delivered: c.Delivered, Came: c.Came, Repeated: c.Repeated, SentBefore: c.SentBefore,
		Messages: c.Messages, Sent: c.Sent, Held: c.Held, Corrected: c.Corrected, HeldDropped: c.HeldDropped, SentSince: c.SentSince,
		Duplicate: c.Duplicate, Dropped: c.Dropped, NotSent: c.NotSent,
		Accepted: c.Accepted, Warned: c.Warned, Rejected: c.Rejected, NotObjected: c.NotObjected, Unanswered: c.Unanswered,
	}
	out.Difference = away(out.Came, out.Messages+out.Repeated+out.SentBefore) +
		away(out.Messages, out.Sent+out.Held+out.SentSince+out.Duplicate+out.Dropped+out.NotSent) +
		away(out.Sent, out.Answered()+out.Unanswered)
	return out, nil
}

// away is how far two counts are apart; two differences never cancel out.
func away(x, y int) int { return max(x-y, y-x) }
