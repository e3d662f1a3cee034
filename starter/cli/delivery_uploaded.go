package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer/byhand"
	"immtrail/workflows"
)

func (a *app) deliveryUploaded() *cobra.Command {
	var who, at string
	cmd := &cobra.Command{
		Use: "uploaded DELIVERY", Short: "Say that a person uploaded a file with the registry's web client", Args: cobra.ExactArgs(1),
		Long: `Says that a file which was laid out for it was uploaded by hand. The copy is then
taken away, and the file waits for its report, which proves the upload.

--by names who uploaded it; the audit holds that name and yours.`,
		Example: "  starter delivery uploaded d-12 --by \"Ana Example\" --at 2026-03-02T15:04",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.uploadedByHand(cmd.Context(), args[0], who, at)
		},
	}
	cmd.Flags().StringVar(&who, "by", "", "who uploaded it")
	cmd.Flags().StringVar(&at, "at", "", "when, such as 2026-03-02T15:04 (this computer's time zone); default: now")
	_ = cmd.MarkFlagRequired("by")
	return cmd
}

func (a *app) uploadedByHand(ctx context.Context, id, who, at string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	when, err := a.moment(at)
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	d, err := a.laidOut(ctx, store, id)
	if err != nil {
		return err
	}
	eng, err := a.engine(ctx)
	if err != nil {
		return err
	}
	told := workflows.FileUploadedByHand{DeliveryID: d.ID, By: who, At: when, EnteredBy: by}
	err = eng.Signal(ctx, workflows.FileID(d.FileID), workflows.SignalFileUploadedByHand.Name, told)
	if errors.Is(err, errGone) {
		return refused("nothing waits for the upload of %s any more; see: starter delivery show %s", d.ID, d.ID)
	}
	if err != nil {
		return err
	}
	return a.show(told, func(s *screen) {
		s.line("Noted: %s uploaded %s. It now waits for its report.", who, d.RemoteName)
		s.line("Bring that with: starter report import FILE")
	})
}

// moment reads a time; nothing is now. What lies ahead cannot have been.
func (a *app) moment(text string) (time.Time, error) {
	if text == "" {
		return a.now(), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		when, err := time.ParseInLocation(form, text, time.Local)
		if err != nil {
			continue
		}
		if when.After(a.now()) {
			return when, refused("%s lies ahead", text)
		}
		return when, nil
	}
	return time.Time{}, refused("%q is no time such as 2026-03-02T15:04", text)
}

// laidOut finds the delivery that waits for a person.
func (a *app) laidOut(ctx context.Context, store *db.Store, id string) (db.Delivery, error) {
	found, err := store.FindDeliveries(ctx, id)
	if err != nil {
		return db.Delivery{}, err
	}
	for _, d := range found {
		if d.ID != id && d.RemoteName != id {
			continue
		}
		c, err := store.Connection(ctx, d.Connection)
		if err != nil {
			return d, err
		}
		switch {
		case c.Protocol != byhand.Protocol:
			return d, refused("%s goes by %s; nobody uploads it by hand", d.ID, c.Protocol)
		case d.State == db.DeliveryPrepared, d.State == db.DeliveryAbandoned:
			return d, refused("%s was not laid out for an upload: it is %s", d.ID, d.State)
		case d.State == db.DeliveryConfirmed, d.State == db.DeliveryRenamed:
			return d, refused("%s was uploaded before; see: starter delivery show %s", d.ID, d.ID)
		}
		return d, nil
	}
	return db.Delivery{}, registry.Errorf(registry.Missing, "delivery", "there is no delivery or sent name %q", id)
}
