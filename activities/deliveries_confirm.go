package activities

import (
	"context"
	"errors"
	"slices"

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
	remote, err := a.dial(ctx, d, transfer.ToLook)
	if err != nil {
		return Receipt{}, err
	}
	defer func() { _ = remote.Close() }() // only looked with it
	how, err := seen(ctx, remote, d)
	if err != nil {
		if registry.KindOf(err) == registry.DeliveryUnknown {
			ctx, cancel := recording(ctx)
			defer cancel()
			err = errors.Join(err, a.DB.DeliveryLost(ctx, d.Practice, d.ID))
		}
		return Receipt{}, err
	}
	if d, err = a.DB.Confirm(ctx, d.Practice, d.ID, how, registry.System, in.date(a.Clock)); err != nil {
		return Receipt{}, err
	}
	return receipt(d), nil
}

func receipt(d db.Delivery) Receipt {
	return Receipt{How: d.ConfirmedHow, Size: d.Size, At: *d.ConfirmedAt, First: d.First}
}

// seen says how the file was recognised at the registry.
//
//	state      lies there            how
//	renamed    right size            stat (or listing, where nobody may stat)
//	renamed    nothing               swept: its rename had been acknowledged
//	otherwise  right size, digest    read-back
//	otherwise  nothing               nobody can tell
//	any        something else        conflict
func seen(ctx context.Context, remote transfer.Remote, d db.Delivery) (registry.Confirmation, error) {
	acknowledged := d.State == db.DeliveryRenamed
	how := registry.ConfirmedByStat
	there, err := remote.Stat(ctx, d.Folder, d.RemoteName)
	if registry.KindOf(err) == registry.Refused && err != nil {
		how = registry.ConfirmedByListing
		there, err = listed(ctx, remote, d)
	}
	switch {
	case err != nil:
		return "", err
	case !there.Exists && acknowledged:
		return registry.ConfirmedSwept, nil
	case !there.Exists:
		return "", registry.Errorf(registry.DeliveryUnknown, opConfirm,
			"%s is not at the registry, and its last step was never acknowledged", d.RemoteName)
	case !there.Regular || there.Size != d.Size:
		return "", registry.Errorf(registry.Conflict, opConfirm, "%s lies at the registry with %d bytes instead of %d",
			d.RemoteName, there.Size, d.Size)
	case acknowledged:
		return how, nil
	}
	return readBack(ctx, remote, d)
}

func listed(ctx context.Context, remote transfer.Remote, d db.Delivery) (transfer.Seen, error) {
	l, err := remote.List(ctx, d.Folder)
	if err != nil {
		return transfer.Seen{}, err
	}
	i := slices.IndexFunc(l.Entries, func(e transfer.Entry) bool { return e.Name == d.RemoteName })
	if i < 0 {
		return transfer.Seen{}, nil
	}
	return transfer.Seen{Exists: true, Regular: true, Size: l.Entries[i].Size, ModTime: l.Entries[i].ModTime}, nil
}

// readBack is asked for where size alone proves too little.
func readBack(ctx context.Context, remote transfer.Remote, d db.Delivery) (registry.Confirmation, error) {
	got, err := remote.ReadBack(ctx, d.Folder, d.RemoteName)
	switch kind := registry.KindOf(err); {
	case err != nil && (kind == registry.Refused || kind == registry.Missing):
		return "", registry.Errorf(registry.DeliveryUnknown, opConfirm,
			"%s cannot be read back, and its last step was never acknowledged: %w", d.RemoteName, err)
	case err != nil:
		return "", err
	case got.SHA256 != d.Digest:
		return "", registry.Errorf(registry.Conflict, opConfirm, "%s lies at the registry and is a different file", d.RemoteName)
	}
	return registry.ConfirmedByReadBack, nil
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
