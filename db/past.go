package db

import (
	"context"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// sentKeys are the keyed digests by which a message is found again: of its
// sending system and control ID, and of what it says. Test data has a past of
// its own, as the registry's test system has. Nil without a control ID.
func (w *CheckWriter) sentKeys(m CheckedMessage) (control, content []byte) {
	if m.ControlID == "" || m.Content == [32]byte{} {
		return nil, nil
	}
	data := "patient data"
	if w.lane == registry.LaneTest {
		data = "test"
	}
	return w.sealer.Digest("control", w.practice, data, m.SendingApp, m.SendingFacility, m.ControlID),
		w.sealer.Digest("content", w.practice, string(m.Content[:]))
}

// Before is what was sent before under a message's control ID.
type Before struct {
	// Same content, and other content, in files that were staged earlier.
	Same, Other bool
}

// SentBefore says of each message what the same sending system sent before this
// file: one query for all of them. Checking again answers the same, whatever
// was sent since.
func (w *CheckWriter) SentBefore(messages []CheckedMessage) ([]Before, error) {
	n := len(messages)
	controls, contents := make([][]byte, n), make([][]byte, n)
	for i, m := range messages {
		controls[i], contents[i] = w.sentKeys(m)
	}
	rows, err := many[Before](w.ctx, w.tx, `
		select
			exists (select 1 from sent_messages s where s.control_key = u.control
				and s.file_no < substr(@file, 3)::bigint and s.content_key = u.content) as same,
			exists (select 1 from sent_messages s where s.control_key = u.control
				and s.file_no < substr(@file, 3)::bigint and s.content_key <> u.content) as other
		from unnest(@controls::bytea[], @contents::bytea[]) with ordinality u (control, content, n)
		order by u.n`,
		pgx.NamedArgs{"file": w.file, "controls": controls, "contents": contents})
	return rows, fault("sent before", err)
}

// rememberSent keeps the control IDs of a file that was sent, of what was not
// held back. Again changes nothing.
func rememberSent(ctx context.Context, tx pgx.Tx, fileID string) error {
	_, err := tx.Exec(ctx, `
		insert into sent_messages (control_key, file_id, content_key)
		select distinct control_key, file_id, content_key from messages
		where file_id = @file and not held and control_key is not null and content_key is not null
		on conflict do nothing`, pgx.NamedArgs{"file": fileID})
	return err
}

// forgetSent ends the memory of a file whose bytes are destroyed.
func forgetSent(ctx context.Context, tx pgx.Tx, fileID string) error {
	args := pgx.NamedArgs{"file": fileID}
	if _, err := tx.Exec(ctx, `delete from sent_messages where file_id = @file`, args); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update messages set control_key = null, content_key = null where file_id = @file and control_key is not null`, args)
	return err
}

// Kinds of audit events about files that came or went before.
const (
	// EventCameAgain: the bytes of a known file lay in the outbox once more.
	EventCameAgain = "file-came-again"
	// EventDuplicate: the messages of a file were sent before, under another
	// envelope or another file's number.
	EventDuplicate = "file-duplicate"
)

// cameAgain records that a known file lay in the outbox once more.
func cameAgain(ctx context.Context, tx pgx.Tx, f NewFile, id string) error {
	_, err := record(ctx, tx, event{
		practice: f.Practice, kind: EventCameAgain,
		act: Act{
			Key: EventCameAgain + "/" + id + "/" + f.Arrival.Token, By: registry.System, At: f.At,
			Reason: "rule F-09: the same bytes are the same file and are not sent twice",
		},
		detail: map[string]any{"file": id},
	})
	return err
}

// duplicate records that what a file holds was sent before.
func duplicate(ctx context.Context, tx pgx.Tx, n NewDelivery, sent Delivery) error {
	_, err := record(ctx, tx, event{
		practice: n.Practice, kind: EventDuplicate,
		act: Act{
			Key: EventDuplicate + "/" + n.FileID + "/" + sent.ID, By: registry.System, At: n.At,
			Reason: "rule F-09: the same messages were sent as " + sent.RemoteName + ", file " + sent.FileID,
		},
		detail: map[string]any{"file": n.FileID, "same_as": sent.FileID, "delivery": sent.ID},
	})
	return err
}

// FileEvents lists what the audit says of one file, oldest first, at most 100.
func (s *Store) FileEvents(ctx context.Context, practice, fileID string) ([]Event, error) {
	const op = "file events"
	rows, err := s.pool.Query(ctx, `
		select id, key, practice, site, kind, coalesce(from_state, ''), coalesce(to_state, ''),
			actor_name, actor_via, actor_claimed, reason, detail, recorded, at, recorded_at
		from events where practice = @practice and detail->>'file' = @file order by id limit 100`,
		pgx.NamedArgs{"practice": practice, "file": fileID})
	if err != nil {
		return nil, fault(op, err)
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	return events, fault(op, err)
}
