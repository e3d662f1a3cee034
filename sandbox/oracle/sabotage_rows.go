package oracle

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// writeRows does what a database with a broken guard would: triggers and
// foreign keys sleep while it writes. Each statement has to touch a row.
func writeRows(ctx context.Context, w *World, args pgx.NamedArgs, statements ...string) error {
	conn, err := connect(ctx, w.DatabaseURL)
	if err != nil {
		return fmt.Errorf("sabotage: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the transaction is over
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local session_replication_role = replica`); err != nil {
			return err
		}
		for _, s := range statements {
			tag, err := tx.Exec(ctx, s, args)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return errNothing
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sabotage: write into PostgreSQL: %w", err)
	}
	return nil
}

// falseConfirm copies a delivery under a name that no file has.
func falseConfirm(ctx context.Context, w World) error {
	return writeRows(ctx, &w, pgx.NamedArgs{"name": newName()}, `
		insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest,
			digest, vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by)
		select 'd-' || nextval('delivery_numbers'), file_id, practice, lane, attempt + 1000, connection, folder, @name,
			encode(sha256(convert_to(@name, 'UTF8')), 'hex'), digest, vault_key, size, messages, held, state,
			prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by
		from deliveries where state = 'confirmed' and sent_at is not null order by recorded_at limit 1`)
}

func lostLetter(ctx context.Context, w World) error {
	return writeRows(ctx, &w, pgx.NamedArgs{"id": rand.Text()}, `
		insert into notices (event, kind, practice, message_id, recipients, subject, body, state, prepared_at, sent_at)
		select 'sabotage/' || @id, kind, practice, @id || '@sabotage.invalid', recipients, subject, body, 'sent', prepared_at, prepared_at
		from notices order by prepared_at limit 1`)
}

// importTwice copies a report with its items, as if another connection had
// brought it.
func importTwice(ctx context.Context, w World) error {
	args := pgx.NamedArgs{"connection": "sabotage"}
	return writeRows(ctx, &w, args, `
		insert into connections (name, protocol, host, port, username, secret_ref, at)
		select @connection, protocol, host, port, username, secret_ref, at from connections order by name limit 1`, `
		insert into reports (connection, digest, name, size, vault_key, state, fetched_at, imported_at, items, records, unmatched,
			not_understood, reconciled_at, dated)
		select @connection, digest, name, size, vault_key, state, fetched_at, imported_at, items, records, unmatched,
			not_understood, reconciled_at, dated
		from reports where state = 'imported' and records > 0 order by length(id), id limit 1`, `
		insert into report_items (report_id, ordinal, control_id, ack, code, family, severity, location, outcome,
			text_sealed, file_id, message, delivery_id)
		select again.id, i.ordinal, i.control_id, i.ack, i.code, i.family, i.severity, i.location, i.outcome,
			i.text_sealed, i.file_id, i.message, i.delivery_id
		from reports again
		join reports first on first.digest = again.digest and first.id <> again.id
		join told_items i on i.report_id = first.id
		where again.connection = @connection`)
}

// errorForWarning opens an error for a code that is known to be a warning.
func errorForWarning(ctx context.Context, w World) error {
	return writeRows(ctx, &w, pgx.NamedArgs{"code": "IEE-519"}, `
		insert into errors (practice, site, code, cause, owner, severity, opened_at, due_at, times,
			first_report, first_item, last_report, last_item, file_id, message)
		select f.practice, m.site, @code, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'practice', 'W',
			r.imported_at, r.imported_at, 1, i.report_id, i.ordinal, i.report_id, i.ordinal, i.file_id, i.message
		from report_items i join reports r on r.id = i.report_id join files f on f.id = i.file_id
		join messages m on m.file_id = i.file_id and m.ordinal = i.message
		order by i.report_id, i.ordinal limit 1`)
}

func illegalMove(ctx context.Context, w World) error {
	return writeRows(ctx, &w, pgx.NamedArgs{"key": "sabotage/" + rand.Text()}, `
		insert into events (key, practice, kind, from_state, to_state, actor_name, actor_via, actor_claimed, at)
		select @key, id, 'phase', phase, 'registered', 'sabotage', 'sabotage', false, now()
		from practices order by id limit 1`)
}

func nameInDatabase(ctx context.Context, w World) error {
	who, err := somebody(&w)
	if err != nil {
		return err
	}
	return writeRows(ctx, &w, pgx.NamedArgs{"key": "sabotage/" + rand.Text(), "words": "about " + who.Family}, `
		insert into events (key, practice, kind, actor_name, actor_via, actor_claimed, reason, at)
		select @key, id, 'note', 'sabotage', 'sabotage', false, @words, now() from practices order by id limit 1`)
}
