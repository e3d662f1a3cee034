package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
)

func (a *app) deliveryCommand() *cobra.Command {
	return folder("delivery", "What was sent, and the proof that it arrived",
		"  starter delivery show d-12", a.deliveryShow(), a.deliveryUploaded())
}

func (a *app) deliveryShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a delivery and what proves it, by its ID, its file's or its remote name",
		Args:    cobra.ExactArgs(1),
		Example: "  starter delivery show d-12\n  starter delivery show f-7\n  starter delivery show SUNR1234_PROD_20260302101500_000001.HL7",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showDeliveries(cmd.Context(), args[0])
		},
	}
}

// shownDelivery is a delivery as it is shown.
type shownDelivery struct {
	ID          string                `json:"id"`
	Practice    string                `json:"practice"`
	File        string                `json:"file"`
	Lane        registry.Lane         `json:"lane"`
	Attempt     int                   `json:"attempt"`
	State       db.DeliveryState      `json:"state"`
	Connection  string                `json:"connection"`
	Folder      string                `json:"folder"`
	Name        string                `json:"name"`
	Size        int64                 `json:"size"`
	SHA256      string                `json:"sha256"`
	Messages    int                   `json:"messages"`
	Held        int                   `json:"held"`
	PreparedAt  time.Time             `json:"prepared_at"`
	SentAt      *time.Time            `json:"sent_at,omitempty"`
	ConfirmedAt *time.Time            `json:"confirmed_at,omitempty"`
	How         registry.Confirmation `json:"how,omitempty"`
	By          string                `json:"by,omitempty"`
	// Evidence is what was seen at the registry, where it was looked at.
	Evidence *transfer.Evidence `json:"evidence,omitempty"`
}

func (a *app) showDeliveries(ctx context.Context, what string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	found, err := store.FindDeliveries(ctx, what)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return registry.Errorf(registry.Missing, "delivery", "there is no delivery, file or sent name %q", what)
	}
	var shown []shownDelivery
	for _, d := range found {
		one := shownDelivery{
			ID: d.ID, Practice: d.Practice, File: d.FileID, Lane: d.Lane, Attempt: d.Attempt, State: d.State,
			Connection: d.Connection, Folder: d.Folder, Name: d.RemoteName, Size: d.Size, SHA256: d.Digest,
			Messages: d.Messages, Held: d.Held, PreparedAt: d.PreparedAt, SentAt: d.SentAt, ConfirmedAt: d.ConfirmedAt,
			How: d.ConfirmedHow, By: d.ConfirmedBy,
		}
		seen, err := store.DeliveryEvidence(ctx, d.Practice, d.ID)
		if err != nil {
			return err
		}
		if seen != nil {
			if err := json.Unmarshal(seen, &one.Evidence); err != nil {
				return fmt.Errorf("the evidence of %s cannot be read: %w", d.ID, err)
			}
		}
		shown = append(shown, one)
	}
	return a.show(shown, func(s *screen) {
		for i, d := range shown {
			if i > 0 {
				s.raw("")
			}
			s.delivery(d)
		}
	})
}

// deliveryWords says how far a delivery is.
func deliveryWords(state db.DeliveryState) string {
	switch state {
	case db.DeliveryPrepared:
		return "prepared, nothing was sent yet"
	case db.DeliveryUploading:
		return "being sent, under a temporary name"
	case db.DeliveryUploaded:
		return "sent, it may be at the registry"
	case db.DeliveryRenamed:
		return "sent and acknowledged, not yet seen by a second look"
	case db.DeliveryConfirmed:
		return "confirmed"
	case db.DeliveryUnknown:
		return "nobody can tell whether it arrived"
	case db.DeliveryAbandoned:
		return "given up"
	}
	return string(state)
}

func (s *screen) delivery(d shownDelivery) {
	messages := plural(d.Messages, "message", "messages")
	if d.Held > 0 {
		messages += fmt.Sprintf(", %d held back", d.Held)
	}
	lines := [][2]string{
		{"Delivery", fmt.Sprintf("%s, attempt %d of file %s of %s", d.ID, d.Attempt, d.File, d.Practice)},
		{"State", deliveryWords(d.State)},
		{"Sent to", d.Connection + ", folder " + d.Folder},
		{"Name", d.Name},
		{"Content", fmt.Sprintf("%s, %d bytes", messages, d.Size)},
		{"SHA-256", d.SHA256},
		{"Sent", moment(d.SentAt)},
		{"Confirmed", moment(d.ConfirmedAt)},
		{"Proof", d.How.Words()},
		{"By", d.By},
	}
	if e := d.Evidence; e != nil {
		size, at := "", ""
		if e.Size > 0 {
			size = fmt.Sprintf("%d bytes", e.Size)
		}
		if !e.ModTime.IsZero() {
			at = e.ModTime.UTC().Format(time.DateTime) + " UTC by the server's clock"
		}
		lines = append(lines, [][2]string{
			{"Seen", size},
			{"Written", at},
			{"Digest there", e.SHA256},
			{"Now named", e.RenamedTo},
			{"Server", e.Server},
			{"Host key", e.HostKey},
		}...)
	}
	s.pairs(lines...)
}

// moment is a date with its time, in UTC; nothing where it has not come.
func moment(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.DateTime) + " UTC"
}
