package activities

import (
	"context"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/vault"
)

// Deliveries brings files to the registry: prepare, act, confirm, each its own
// activity and each safe to repeat.
type Deliveries struct {
	DB    *db.Store
	Vault *vault.Vault
	// Dialer opens sessions at the registry; Connections says where.
	Dialer      transfer.Dialer
	Connections Connections
	Profiles    ProfileSource
	Clock       Clock
}

// PrepareDeliveryInput asks for the delivery of a checked file.
type PrepareDeliveryInput struct {
	Scope
	File registry.FileRef `json:"file"`
	Lane registry.Lane    `json:"lane"`
	// Attempt starts at 1; a person's "resend" makes the next one, with a new
	// name. The same attempt again gives the same delivery.
	Attempt int `json:"attempt"`
}

// PreparedDelivery is the intent, written down before anything is sent.
type PreparedDelivery struct {
	DeliveryID string `json:"delivery_id"`
	// RemoteName is fixed here once, so that a retry cannot invent another.
	RemoteName string `json:"remote_name"`
	Size       int64  `json:"size"`
	Messages   int    `json:"messages"`
	// Held messages are left out of this delivery.
	Held int `json:"held"`
	// Already says that the same content was delivered in this lane before:
	// nothing is to be sent.
	Already bool `json:"already,omitempty"`
}

// PrepareDelivery makes the file as it will travel (our envelope around the
// messages, byte for byte), puts it into the vault, and fixes its remote name.
// Kind NotAllowed when the lane is not open in the practice's phase: no
// production or historical file before the Production email.
func (a *Deliveries) PrepareDelivery(ctx context.Context, in PrepareDeliveryInput) (PreparedDelivery, error) {
	defer beat(ctx, nil)()
	prepared, err := a.prepare(ctx, in)
	return prepared, fail(ctx, err)
}

// UploadFileInput names the delivery to be sent.
type UploadFileInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
	// BytesPerSecond is the visit's share of the host's limit; 0 has none.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
	// Sent is how many bytes the server acknowledged in an earlier visit; where
	// it lets itself be resumed, the upload goes on from there.
	Sent int64 `json:"sent,omitempty"`
}

// UploadFileResult is what the server acknowledged.
type UploadFileResult struct {
	Bytes int64 `json:"bytes"`
}

// UploadFile looks before it writes, sends, and records each step before it
// is taken. It checks lane and phase once more. It heartbeats.
func (a *Deliveries) UploadFile(ctx context.Context, in UploadFileInput) (UploadFileResult, error) {
	sent, err := a.upload(ctx, in)
	return UploadFileResult{Bytes: sent}, fail(ctx, err)
}

// ConfirmDeliveryInput names the delivery to be seen.
type ConfirmDeliveryInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
}

// Receipt is the proof that the file is at the registry.
type Receipt struct {
	How  registry.Confirmation `json:"how"`
	Size int64                 `json:"size"`
	At   time.Time             `json:"at"`
	// First says that this was the practice's first production file.
	First bool `json:"first,omitempty"`
}

// ConfirmDelivery looks for the file on a new connection. A name that is gone
// after an acknowledged rename was swept; anything else that is not there is
// kind DeliveryUnknown.
func (a *Deliveries) ConfirmDelivery(ctx context.Context, in ConfirmDeliveryInput) (Receipt, error) {
	defer beat(ctx, nil)()
	receipt, err := a.confirm(ctx, in)
	return receipt, fail(ctx, err)
}

// ProveDeliveryInput names a delivery of which nobody can tell.
type ProveDeliveryInput struct {
	Scope
	DeliveryID string `json:"delivery_id"`
}

// ProveDeliveryResult is what the reports say; Report is empty where none speaks of it.
type ProveDeliveryResult struct {
	Report  string  `json:"report,omitempty"`
	Receipt Receipt `json:"receipt,omitzero"`
}

// ProveDelivery looks whether a report speaks of the file: then it arrived, and the
// delivery is confirmed. Repeating it answers the same.
func (a *Deliveries) ProveDelivery(ctx context.Context, in ProveDeliveryInput) (ProveDeliveryResult, error) {
	d, report, err := a.DB.ConfirmByReports(ctx, in.Practice, in.DeliveryID, in.date(a.Clock))
	if err != nil || report == "" {
		return ProveDeliveryResult{}, fail(ctx, err)
	}
	return ProveDeliveryResult{Report: report, Receipt: receipt(d)}, nil
}

// DecideDeliveryInput is a person's word on a delivery that nobody can tell of.
type DecideDeliveryInput struct {
	Scope
	DeliveryID string              `json:"delivery_id"`
	Action     registry.HoldAction `json:"action"` // arrived, resend or drop
	By         registry.Actor      `json:"by"`
}

// DecideDelivery records the decision on the delivery: confirmed by a person,
// or given up (so that another attempt may be prepared).
func (a *Deliveries) DecideDelivery(ctx context.Context, in DecideDeliveryInput) (Done, error) {
	return Done{}, fail(ctx, a.decide(ctx, in))
}
