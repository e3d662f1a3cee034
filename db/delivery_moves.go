package db

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// BeginUpload looks at the phase once more and records that bytes are about to
// travel. It returns the delivery as it was before: in state prepared nothing
// was sent ever, in state uploaded or unknown the file may be at the registry,
// in state renamed or confirmed nothing is left to do.
//
// Kind NotAllowed when the lane is not open any more or the delivery was given
// up.
func (s *Store) BeginUpload(ctx context.Context, practice, id string) (before Delivery, err error) {
	const op = "begin upload"
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if before, err = deliveryWhere(ctx, tx, practice, id, "for update"); err != nil {
			return err
		}
		switch before.State {
		case DeliveryRenamed, DeliveryConfirmed:
			return nil
		case DeliveryAbandoned:
			return registry.Errorf(registry.NotAllowed, op, "%s was given up", id)
		default:
		}
		if err := laneIsOpen(ctx, tx, practice, before.Lane); err != nil {
			return err
		}
		if before.State != DeliveryPrepared {
			return nil
		}
		return setDelivery(ctx, tx, id, DeliveryUploading)
	})
	return before, err
}

// setDelivery moves a delivery; the schema refuses moves that do not exist.
func setDelivery(ctx context.Context, tx pgx.Tx, id string, to DeliveryState) error {
	_, err := tx.Exec(ctx, `update deliveries set state = @to where id = @id`, pgx.NamedArgs{"id": id, "to": to})
	return err
}

// advance moves a delivery from one of the given states; from any other it
// changes nothing, since a repeat comes late.
func (s *Store) advance(ctx context.Context, op, practice, id string, to DeliveryState, from ...DeliveryState) error {
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		d, err := deliveryWhere(ctx, tx, practice, id, "for update")
		if err != nil {
			return err
		}
		for _, f := range from {
			if d.State == f {
				return setDelivery(ctx, tx, id, to)
			}
		}
		return nil
	})
}

// AboutToPublish records that the whole file lies under its temporary name, so
// that from now on it may be at the registry.
func (s *Store) AboutToPublish(ctx context.Context, practice, id string) error {
	return s.advance(ctx, "about to publish", practice, id, DeliveryUploaded, DeliveryUploading)
}

// NotPublished takes AboutToPublish back: it is certain that the last step was
// not done.
func (s *Store) NotPublished(ctx context.Context, practice, id string) error {
	return s.advance(ctx, "not published", practice, id, DeliveryUploading, DeliveryUploaded, DeliveryUnknown)
}

// DeliveryLost records that nobody can tell whether the file arrived.
func (s *Store) DeliveryLost(ctx context.Context, practice, id string) error {
	return s.advance(ctx, "delivery unknown", practice, id, DeliveryUnknown,
		DeliveryUploading, DeliveryUploaded, DeliveryRenamed)
}

// Published records that the server acknowledged the file under its own name.
func (s *Store) Published(ctx context.Context, practice, id string, at time.Time) error {
	return s.tx(ctx, "published", func(tx pgx.Tx) error {
		d, err := deliveryWhere(ctx, tx, practice, id, "for update")
		if err != nil || d.State == DeliveryRenamed || d.State == DeliveryConfirmed {
			return err
		}
		_, err = tx.Exec(ctx, `update deliveries set state = 'renamed', sent_at = @at where id = @id`,
			pgx.NamedArgs{"id": id, "at": at})
		if err != nil {
			return err
		}
		return rememberSent(ctx, tx, d.FileID)
	})
}

// UploadedByHand records that a person uploaded the file: by is who says so,
// who is who did it, at when. What is recorded stays. Kind NotAllowed where the
// file was never laid out, or was given up.
func (s *Store) UploadedByHand(ctx context.Context, practice, id, who string, by registry.Actor, at time.Time) error {
	const op = "uploaded by hand"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		d, err := deliveryWhere(ctx, tx, practice, id, "for update")
		switch {
		case err != nil || d.State == DeliveryRenamed || d.State == DeliveryConfirmed:
			return err
		case d.State == DeliveryPrepared || d.State == DeliveryAbandoned:
			return registry.Errorf(registry.NotAllowed, op, "%s is %s", id, d.State)
		}
		if _, err := tx.Exec(ctx, `update deliveries set state = 'renamed', sent_at = @at where id = @id`,
			pgx.NamedArgs{"id": id, "at": at}); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: "uploaded-by-hand", to: string(DeliveryRenamed),
			act:    Act{Key: "uploaded-by-hand/" + id, By: by, Reason: "uploaded by " + who, At: at},
			detail: map[string]any{"delivery": id, "file": d.FileID},
		})
		return err
	})
}

// Proof is why a delivery counts as done.
type Proof struct {
	How registry.Confirmation
	By  registry.Actor
	At  time.Time
	// Evidence is what was seen, as it is to be shown; nil on a person's word.
	Evidence any
}

// Confirm is [Store.ConfirmProven] without evidence.
func (s *Store) Confirm(
	ctx context.Context, practice, id string, how registry.Confirmation, by registry.Actor, at time.Time,
) (Delivery, error) {
	return s.ConfirmProven(ctx, practice, id, Proof{How: how, By: by, At: at})
}

// ConfirmProven records that the file is at the registry: how it was seen, and
// by whom, and in the audit what was seen. It returns the delivery as it is
// then; what was confirmed first stays. First is set on the practice's first
// confirmed production file, for ever.
func (s *Store) ConfirmProven(ctx context.Context, practice, id string, p Proof) (d Delivery, err error) {
	err = s.tx(ctx, "confirm delivery", func(tx pgx.Tx) error {
		// Of two first files that are confirmed at once, one is first.
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		if d, err = deliveryWhere(ctx, tx, practice, id, "for update"); err != nil || d.State == DeliveryConfirmed {
			return err
		}
		d, err = one[Delivery](ctx, tx, `
			update deliveries set state = 'confirmed', confirmed_how = @how, confirmed_by = @by, confirmed_at = @at,
				sent_at = case when @how = 'person' then sent_at else coalesce(sent_at, @at) end,
				first = lane = 'production' and not exists (
					select 1 from deliveries o where o.practice = @practice and o.first)
			where id = @id returning `+deliveryColumns,
			pgx.NamedArgs{"id": id, "practice": practice, "how": p.How, "by": p.By.Name, "at": p.At})
		if err != nil {
			return err
		}
		if err := rememberSent(ctx, tx, d.FileID); err != nil {
			return err
		}
		if err := claimFixes(ctx, tx, d.FileID); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: "delivery-confirmed", to: string(p.How),
			act:    Act{Key: "delivery-confirmed/" + id, By: p.By, At: p.At},
			detail: map[string]any{"delivery": id, "file": d.FileID, "lane": d.Lane, "first": d.First, "evidence": p.Evidence},
		})
		return err
	})
	return d, err
}

// reportOf finds a report that can only be about a delivery: it lists the file's name,
// it is called after it, or it answers a message whose control ID went over the
// connection in no other file. That a report of the day does not object to a file says
// nothing about whether it came.
const reportOf = `
	select coalesce(
		(select i.report_id from report_items i where i.delivery_id = d.id and i.told_file = d.remote_name order by i.report_id limit 1),
		(select c.report_id from report_covers c join reports r on r.id = c.report_id
			where c.delivery_id = d.id and c.named and regexp_replace(r.name, '[^A-Za-z0-9]', '_', 'g') || '_' like
				'%' || replace(regexp_replace(regexp_replace(d.remote_name, '\.[A-Za-z0-9]+$', ''), '[^A-Za-z0-9]', '_', 'g'), '_', '\_') || '\_%'
			order by c.report_id limit 1),
		(select m.answer_report from answered m
			where m.file_id = d.file_id and not m.held and m.answer_report is not null and m.answer <> 'not-objected-to'
				and not exists (select 1 from messages o join deliveries e on e.file_id = o.file_id
					where o.control_id = m.control_id and o.file_id <> m.file_id and e.connection = d.connection and e.state in ` + sentStates + `)
			order by m.ordinal limit 1),
		'')
	from deliveries d where d.id = @id and d.practice = @practice and d.state in ('uploaded', 'renamed', 'unknown', 'confirmed')`

// ConfirmByReports confirms a delivery of which nobody could tell where a report
// speaks of it, and says which; the report is empty, and nothing is changed, where
// none does. Again answers the same.
func (s *Store) ConfirmByReports(ctx context.Context, practice, id string, at time.Time) (d Delivery, report string, err error) {
	found, err := texts(ctx, s.pool, reportOf, pgx.NamedArgs{"id": id, "practice": practice})
	if err != nil || len(found) == 0 || found[0] == "" {
		return d, "", fault("reports of a delivery", err)
	}
	d, err = s.ConfirmProven(ctx, practice, id, Proof{
		How: registry.ConfirmedByReport, By: registry.System, At: at, Evidence: map[string]string{"report": found[0]},
	})
	return d, found[0], err
}

// DeliveryEvidence is what was seen when a delivery was confirmed, as JSON; nil
// where it was confirmed without, or is not confirmed.
func (s *Store) DeliveryEvidence(ctx context.Context, practice, id string) (json.RawMessage, error) {
	found, err := many[struct{ Evidence json.RawMessage }](ctx, s.pool, `
		select detail -> 'evidence' as evidence from events
		where key = 'delivery-confirmed/' || @id and practice = @practice
			and detail -> 'evidence' <> 'null'::jsonb`,
		pgx.NamedArgs{"id": id, "practice": practice})
	if err != nil || len(found) == 0 {
		return nil, fault("evidence of a delivery", err)
	}
	return found[0].Evidence, nil
}

// FindDeliveries looks a delivery up for the screen: by its own ID, by its name
// at the registry or by the ID of its file, the newest first.
func (s *Store) FindDeliveries(ctx context.Context, what string) ([]Delivery, error) {
	all, err := many[Delivery](ctx, s.pool, `
		select `+deliveryColumns+` from deliveries
		where id = @what or remote_name = @what or file_id = @what
		order by prepared_at desc, id desc limit 100`, pgx.NamedArgs{"what": what})
	return all, fault("deliveries", err)
}

// Abandon gives a delivery up, so that another attempt may be prepared. Kind
// NotAllowed when it was confirmed in the meantime: what arrived cannot be
// taken back.
func (s *Store) Abandon(ctx context.Context, practice, id string, action registry.HoldAction, act Act) error {
	const op = "abandon delivery"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		d, err := deliveryWhere(ctx, tx, practice, id, "for update")
		switch {
		case err != nil || d.State == DeliveryAbandoned:
			return err
		case d.State == DeliveryConfirmed:
			return registry.Errorf(registry.NotAllowed, op, "%s was confirmed", id)
		}
		if err := setDelivery(ctx, tx, id, DeliveryAbandoned); err != nil {
			return err
		}
		act.Key = "delivery-abandoned/" + id
		_, err = record(ctx, tx, event{
			practice: practice, kind: "delivery-abandoned", from: string(d.State), to: string(action), act: act,
			detail: map[string]any{"delivery": id, "file": d.FileID},
		})
		return err
	})
}

// FirstProduction reports whether a production file of the practice was ever
// confirmed.
func (s *Store) FirstProduction(ctx context.Context, practice string) (bool, error) {
	first, err := value[bool](ctx, s.pool, `select exists (select 1 from deliveries where practice = @id and first)`,
		pgx.NamedArgs{"id": practice})
	return first, fault("first production file", err)
}
