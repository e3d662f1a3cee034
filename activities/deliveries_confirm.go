package activities

import (
	"context"
	"errors"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
)

const opConfirm = "confirm delivery"

// confirm looks for the file on a connection of its own.
func (a *Deliveries) confirm(ctx context.Context, in ConfirmDeliveryInput) (Receipt, error) {
	d, err := a.DB.Delivery(ctx, in.Practice, in.DeliveryID)
	if err != nil {
		return Receipt{}, err
	}
	switch d.State {
	case db.DeliveryConfirmed:
		return receipt(d), nil
	case db.DeliveryPrepared, db.DeliveryUploading, db.DeliveryAbandoned:
		return Receipt{}, registry.Errorf(registry.NotAllowed, opConfirm, "%s is %s: there is nothing to be seen yet", d.ID, d.State)
	case db.DeliveryUploaded, db.DeliveryRenamed, db.DeliveryUnknown:
	}
	remote, err := a.dial(ctx, d, transfer.ToLook, in.date(a.Clock))
	if err != nil {
		return Receipt{}, err
	}
	defer func() { _ = remote.Close() }() // only looked with it
	evidence, err := a.prove(ctx, remote, d)
	if err != nil {
		if registry.KindOf(err) == registry.DeliveryUnknown {
			ctx, cancel := recording(ctx)
			defer cancel()
			err = errors.Join(err, a.DB.DeliveryLost(ctx, d.Practice, d.ID))
		}
		return Receipt{}, met(d.Connection, err)
	}
	proof := db.Proof{How: evidence.How, By: registry.System, At: in.date(a.Clock), Evidence: evidence}
	if d, err = a.DB.ConfirmProven(ctx, d.Practice, d.ID, proof); err != nil {
		return Receipt{}, err
	}
	return receipt(d), nil
}

func receipt(d db.Delivery) Receipt {
	return Receipt{How: d.ConfirmedHow, Size: d.Size, At: *d.ConfirmedAt, First: d.First}
}

// prove looks for the file. A size alone is enough only where the last step had
// been acknowledged and the profile does not ask for more.
func (a *Deliveries) prove(ctx context.Context, remote transfer.Remote, d db.Delivery) (transfer.Evidence, error) {
	profile, err := a.Profiles.Profile(d.Practice)
	if err != nil {
		return transfer.Evidence{}, err
	}
	return transfer.Prove(ctx, remote, transfer.Expected{
		Folder: d.Folder, Name: d.RemoteName, Size: d.Size, SHA256: d.Digest,
		Acknowledged: d.State == db.DeliveryRenamed, ReadBack: profile.Transfer.ReadBack,
	})
}

// decide records a person's word on a delivery.
func (a *Deliveries) decide(ctx context.Context, in DecideDeliveryInput) error {
	const op = "decide delivery"
	if in.By.Name == "" {
		return registry.Errorf(registry.Invalid, op, "who decides?")
	}
	switch in.Action {
	case registry.ActionArrived:
		_, err := a.DB.Confirm(ctx, in.Practice, in.DeliveryID, registry.ConfirmedByPerson, in.By, in.date(a.Clock))
		return err
	case registry.ActionResend, registry.ActionDrop:
		return a.DB.Abandon(ctx, in.Practice, in.DeliveryID, in.Action, db.Act{By: in.By, At: in.date(a.Clock)})
	case registry.ActionRetry, registry.ActionContinue:
	}
	return registry.Errorf(registry.Invalid, op, "%q decides nothing about a delivery", in.Action)
}
