package oracle

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// store is what PostgreSQL claimed at one moment.
type store struct {
	practices  []practiceRow
	moves      []moveRow
	deliveries []deliveryRow
	reports    []reportRow
	items      map[string][]itemRow // by report
	errors     []errorRow
	notices    []noticeRow
	contacts   []contactRow
}

type practiceRow struct {
	ID              string `db:"id"`
	Connection      string `db:"connection"`
	Phase           string `db:"phase"`
	HistoryState    string `db:"history_state"`
	SubmissionState string `db:"submission_state"`
}

// moveRow is an audit event that moves a practice.
type moveRow struct {
	ID         int64     `db:"id"`
	Practice   string    `db:"practice"`
	Kind       string    `db:"kind"`
	From       string    `db:"from_state"`
	To         string    `db:"to_state"`
	Event      string    `db:"event"`
	RecordedAt time.Time `db:"recorded_at"`
}

type deliveryRow struct {
	ID         string `db:"id"`
	FileID     string `db:"file_id"`
	Practice   string `db:"practice"`
	Lane       string `db:"lane"`
	Folder     string `db:"folder"`
	RemoteName string `db:"remote_name"`
	Digest     string `db:"digest"`
	Size       int64  `db:"size"`
	State      string `db:"state"`
	How        string `db:"confirmed_how"`
}

type reportRow struct {
	ID         string `db:"id"`
	Connection string `db:"connection"`
	Digest     string `db:"digest"`
	Name       string `db:"name"`
	State      string `db:"state"`
	Records    int    `db:"records"`
	Reconciled bool   `db:"reconciled"`
}

type itemRow struct {
	Report    string `db:"report_id"`
	ControlID string `db:"control_id"`
	Code      string `db:"code"`
	FileID    string `db:"file_id"`
}

type errorRow struct {
	ID        string `db:"id"`
	Practice  string `db:"practice"`
	Code      string `db:"code"`
	State     string `db:"state"`
	Times     int    `db:"times"`
	FileID    string `db:"file_id"`
	ControlID string `db:"control_id"`
}

type noticeRow struct {
	Event     string `db:"event"`
	Practice  string `db:"practice"`
	MessageID string `db:"message_id"`
	State     string `db:"state"`
}

type contactRow struct {
	Practice string `db:"practice"`
	Role     string `db:"role"`
	Email    string `db:"email"`
}

// readStore reads one consistent picture.
func readStore(ctx context.Context, conn *pgx.Conn) (*store, error) {
	var s store
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, conn, opts, func(tx pgx.Tx) error { return s.read(ctx, tx) })
	if err != nil {
		return nil, fmt.Errorf("read PostgreSQL: %w", err)
	}
	return &s, nil
}

func (s *store) read(ctx context.Context, tx pgx.Tx) error {
	var items []itemRow
	for _, step := range []error{
		rows(ctx, tx, &s.practices, `select id, connection, phase, history_state, submission_state from practices order by id`),
		rows(ctx, tx, &s.moves, `
			select id, coalesce(practice, '') as practice, kind, coalesce(from_state, '') as from_state,
				coalesce(to_state, '') as to_state, coalesce(detail->>'event', '') as event, recorded_at
			from events where kind in ('practice-added', 'phase', 'history', 'submission') order by id`),
		rows(ctx, tx, &s.deliveries, `
			select id, file_id, practice, lane, folder, remote_name, digest, size, state,
				coalesce(confirmed_how, '') as confirmed_how
			from deliveries order by length(id), id`),
		rows(ctx, tx, &s.reports, `
			select id, connection, digest, name, state, records, reconciled_at is not null as reconciled
			from reports order by length(id), id`),
		rows(ctx, tx, &items, `
			select report_id, control_id, code, coalesce(file_id, '') as file_id from told_items order by report_id, ordinal`),
		rows(ctx, tx, &s.errors, `
			select e.id, e.practice, e.code, e.state, e.times, e.file_id, coalesce(m.control_id, '') as control_id
			from errors e left join messages m on m.file_id = e.file_id and m.ordinal = e.message
			order by length(e.id), e.id`),
		rows(ctx, tx, &s.notices, `select event, coalesce(practice, '') as practice, message_id, state from notices order by prepared_at, event`),
		rows(ctx, tx, &s.contacts, `select practice, role, email from contacts order by practice, ordinal`),
	} {
		if step != nil {
			return step
		}
	}
	s.items = map[string][]itemRow{}
	for _, i := range items {
		s.items[i.Report] = append(s.items[i.Report], i)
	}
	return nil
}

func rows[T any](ctx context.Context, tx pgx.Tx, into *[]T, sql string) error {
	found, err := tx.Query(ctx, sql)
	if err != nil {
		return err
	}
	*into, err = pgx.CollectRows(found, pgx.RowToStructByName[T])
	return err
}

// practiceOf finds the practice that uses a connection.
func (s *store) practicesOn(connection string) []string {
	var ids []string
	for _, p := range s.practices {
		if p.Connection == connection {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// scanTables looks through every row of every table, as text: what is sealed
// shows as hex, and is found there if it is not sealed.
func scanTables(ctx context.Context, conn *pgx.Conn, s *scanner) error {
	// What lies in memory is written out, so that the files can be looked through.
	if _, err := conn.Exec(ctx, `checkpoint`); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	var tables []struct {
		Name string `db:"name"`
		SQL  string `db:"sql"`
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		return rows(ctx, tx, &tables, `
			select format('%s.%s', schemaname, tablename) as name,
				format('select t::text from %I.%I t', schemaname, tablename) as sql
			from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1`)
	})
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		found, err := conn.Query(ctx, t.SQL)
		if err != nil {
			return fmt.Errorf("read table %s: %w", t.Name, err)
		}
		for found.Next() {
			s.text(SinkTables, "PostgreSQL table "+t.Name, found.RawValues()[0])
		}
		if err := found.Err(); err != nil {
			return fmt.Errorf("read table %s: %w", t.Name, err)
		}
	}
	return nil
}
