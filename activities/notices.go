package activities

import (
	"context"
)

// Notices writes letters and alerts.
type Notices struct{}

// NoticeKind is which letter; it is also the name of its template.
type NoticeKind string

// The letters.
const (
	NoticeReviewRequest    NoticeKind = "review-request"           // to the registry
	NoticeReviewReminder   NoticeKind = "review-reminder"          // to our coordinator: call the registry
	NoticeProductionVendor NoticeKind = "production-notice-vendor" // to the EHR vendor: the connection is live
	NoticeFirstFile        NoticeKind = "first-production-file-registry"
	NoticeHistoryQuestions NoticeKind = "history-questions-vendor"
	NoticeFileRefused      NoticeKind = "file-refused-vendor"
	NoticeHold             NoticeKind = "alert-hold"
	NoticeReminder         NoticeKind = "alert-reminder"
	NoticeWatch            NoticeKind = "alert-watch"
	NoticeEvidenceWanted   NoticeKind = "evidence-wanted"
	NoticeApprovalRefused  NoticeKind = "approval-refused"
	NoticeResolved         NoticeKind = "resolved"
)

// SendNoticeInput asks for one letter about one event.
type SendNoticeInput struct {
	Scope
	Kind NoticeKind `json:"kind"`
	// Event makes the letter unique: the same event never gives a second
	// letter, and an unknown outcome repeats the same Message-ID.
	Event string `json:"event"`
	// FileID, HoldID, IncidentID name what the letter is about; the activity
	// reads the details from the database.
	FileID     string `json:"file_id,omitempty"`
	HoldID     string `json:"hold_id,omitempty"`
	IncidentID string `json:"incident_id,omitempty"`
	// Words are one or two sentences of ours, free of patient data.
	Words string `json:"words,omitempty"`
}

// SendNoticeResult says what was sent.
type SendNoticeResult struct {
	MessageID string `json:"message_id"`
	// Off says that letters are switched off (notify.deliver): it was kept,
	// not sent.
	Off bool `json:"off,omitempty"`
}

// SendNotice renders the letter, records it with its Message-ID, sends it, and
// records that it was sent.
func (a *Notices) SendNotice(ctx context.Context, in SendNoticeInput) (SendNoticeResult, error) {
	panic("todo")
}
