package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Report is a report of the registry as it is kept.
type Report struct {
	ID            string     `db:"id"`
	Connection    string     `db:"connection"`
	Digest        string     `db:"digest"`
	Name          string     `db:"name"`
	Size          int64      `db:"size"`
	VaultKey      string     `db:"vault_key"`
	State         string     `db:"state"` // fetched, imported, quarantined
	FetchedAt     time.Time  `db:"fetched_at"`
	ImportedAt    *time.Time `db:"imported_at"`
	Reason        string     `db:"reason"` // why it is quarantined
	Items         int        `db:"items"`
	Unmatched     int        `db:"unmatched"`
	NotUnderstood int        `db:"not_understood"`
	Opened        int        `db:"opened"`
	Verified      int        `db:"verified"`
	NewCodes      []string   `db:"new_codes"`
	// Dated is the day that the report is of.
	Dated time.Time `db:"dated"`
	// Format and Mapping say how it was read, Records how many records it
	// answers, Faults what shows that it is not whole.
	Format  string   `db:"format"`
	Mapping string   `db:"mapping"`
	Records int      `db:"records"`
	Faults  []string `db:"faults"`
	// Differences are deliveries of which it answers fewer messages than were sent.
	Differences int `db:"differences"`
	// Reconciled says that its errors are settled too.
	Reconciled bool `db:"reconciled"`
}

// Settled reports whether nothing is left to do with the report.
func (r Report) Settled() bool { return r.Reconciled || r.Unreadable() }

// Unreadable reports whether nothing understood the report.
func (r Report) Unreadable() bool { return r.State == "quarantined" }

const reportColumns = `id, connection, digest, name, size, vault_key, state, fetched_at, imported_at,
	reason, items, unmatched, not_understood, opened, verified, new_codes, dated, format, mapping, records, faults,
	differences, reconciled_at is not null as reconciled`

// ConnectionPractices lists the practices whose files travel over a connection,
// by ID.
func (s *Store) ConnectionPractices(ctx context.Context, connection string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `select id from practices where connection = $1 order by id`, connection)
	if err != nil {
		return nil, fault("practices", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, fault("practices", err)
}

// RemoteFile is a file in a listing at the registry.
type RemoteFile struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// NewReportFiles returns those of files whose report was not taken in yet
// (imported, and its errors settled; or quarantined), in their order. Name, size
// and time tell; the digest decides at import.
func (s *Store) NewReportFiles(ctx context.Context, connection string, files []RemoteFile) ([]RemoteFile, error) {
	return s.pickReportFiles(ctx, connection, files, `not exists (select 1 `+seenReport+`
		and (r.reconciled_at is not null or r.state = 'quarantined'))`)
}

// ImportedReportFiles returns those of files whose report was imported and its
// errors settled: what nobody needs at the registry any more. A quarantined
// report is not among them.
func (s *Store) ImportedReportFiles(ctx context.Context, connection string, files []RemoteFile) ([]RemoteFile, error) {
	return s.pickReportFiles(ctx, connection, files, `exists (select 1 `+seenReport+` and r.reconciled_at is not null)`)
}

const seenReport = `from report_files f join reports r on r.id = f.report_id
	where f.connection = @connection and f.name = seen.name and f.size = seen.size and f.mtime = seen.mtime`

func (s *Store) pickReportFiles(ctx context.Context, connection string, files []RemoteFile, where string) ([]RemoteFile, error) {
	names := make([]string, len(files))
	sizes := make([]int64, len(files))
	times := make([]time.Time, len(files))
	for i, f := range files {
		names[i], sizes[i], times[i] = f.Name, f.Size, f.ModTime
	}
	picked, err := many[struct {
		N int64 `db:"n"`
	}](ctx, s.pool, `
		select n from unnest(@names::text[], @sizes::bigint[], @times::timestamptz[])
			with ordinality as seen (name, size, mtime, n)
		where `+where+` order by n`,
		pgx.NamedArgs{"connection": connection, "names": names, "sizes": sizes, "times": times})
	if err != nil {
		return nil, fault("report files", err)
	}
	out := make([]RemoteFile, len(picked))
	for i, f := range picked {
		out[i] = files[f.N-1]
	}
	return out, nil
}

// FetchedReport is a report that lies in the file store.
type FetchedReport struct {
	Connection string
	File       RemoteFile
	Digest     string
	VaultKey   string
	At         time.Time
	// Dated is the day that the report is of.
	Dated time.Time
}

// sameReport finds a report of the same bytes that says the same. One that answers
// no record, whatever its title says, is about another day or file each time.
const sameReport = `connection = @connection and digest = @digest
	and (state <> 'imported' or records > 0 or (name = @name and dated = @dated))`

// AddReport records a fetched report and the name under which it was seen. The
// same bytes on the same connection give the same ID; only a list that turned
// out to have no entries says something new under another name or of another
// day. Kind Invalid when there is no such connection.
func (s *Store) AddReport(ctx context.Context, f FetchedReport) (Report, error) {
	const op = "report add"
	var out Report
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"connection": f.Connection, "digest": f.Digest, "name": f.File.Name, "size": f.File.Size,
			"key": f.VaultKey, "at": f.At, "mtime": f.File.ModTime, "dated": f.Dated,
		}
		// Two collections at once must not both find nothing.
		_, err := tx.Exec(ctx, `select from connections where name = @connection for update`, args)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into reports (connection, digest, name, size, vault_key, fetched_at, dated)
			select @connection, @digest, @name, @size, @key, @at, @dated
			where not exists (select 1 from reports where `+sameReport+`)`, args)
		if err != nil {
			return err
		}
		out, err = one[Report](ctx, tx, `select `+reportColumns+` from reports where `+sameReport+`
			order by fetched_at, length(id), id limit 1`, args)
		if err != nil {
			return err
		}
		args["id"] = out.ID
		_, err = tx.Exec(ctx, `
			insert into report_files (connection, name, size, mtime, report_id)
			values (@connection, @name, @size, @mtime, @id)
			on conflict (connection, name, size, mtime) do update set report_id = excluded.report_id`, args)
		return err
	})
	return out, err
}

// Report reads a report. Kind Missing when there is none.
func (s *Store) Report(ctx context.Context, id string) (Report, error) {
	r, err := one[Report](ctx, s.pool, `select `+reportColumns+` from reports where id = @id`, pgx.NamedArgs{"id": id})
	return r, fault("report "+id, err)
}

// ReportFilter narrows a list of reports; what is empty does not.
type ReportFilter struct {
	Connection, Practice, State string
	// Limit is at most 1,000, which 0 means too.
	Limit int
}

// ListReports lists reports, newest first.
func (s *Store) ListReports(ctx context.Context, f ReportFilter) ([]Report, error) {
	rows, err := many[Report](ctx, s.pool, `select `+reportColumns+` from reports r
		where (@connection = '' or connection = @connection)
		  and (@state = '' or state = @state)
		  and (@practice = '' or exists (
			select 1 from report_covers c join files f on f.id = c.file_id
			where c.report_id = r.id and f.practice = @practice))
		order by fetched_at desc, length(id) desc, id desc limit @limit`,
		pgx.NamedArgs{"connection": f.Connection, "state": f.State, "practice": f.Practice, "limit": atMost(f.Limit)})
	return rows, fault("report list", err)
}

// atMost bounds every list.
func atMost(limit int) int {
	if limit <= 0 || limit > 1000 {
		return 1000
	}
	return limit
}

// AnsweredFile is a file that a report speaks of.
type AnsweredFile struct {
	FileID   string `db:"file_id"`
	Practice string `db:"practice"`
}

// AnsweredFiles lists the files that a report speaks of, in the order of their
// IDs, beginning after the ID after.
func (s *Store) AnsweredFiles(ctx context.Context, report, after string, limit int) ([]AnsweredFile, error) {
	rows, err := many[AnsweredFile](ctx, s.pool, `
		select distinct f.id as file_id, f.practice from report_covers c join files f on f.id = c.file_id
		where c.report_id = @report and f.id > @after order by f.id limit @limit`,
		pgx.NamedArgs{"report": report, "after": after, "limit": atMost(limit)})
	return rows, fault("report files", err)
}

// ReportItem is an item of a report with what it was matched with.
type ReportItem struct {
	registry.ReportItem
	// FileID, Message and DeliveryID are ours that it answers; empty: unmatched.
	FileID     string
	Message    int
	DeliveryID string
	// Expected and Found, where they are not 0, say that the item is a
	// difference: how many messages of the delivery were sent, and how many of
	// them the report answers.
	Expected, Found int
}

// ReportItems lists a report's items, beginning after the ordinal after. The
// registry's sentence is unsealed: it may name a patient. Plain acceptances
// further on than limit are none of the first limit, since there is no gap before
// them.
func (s *Store) ReportItems(ctx context.Context, report string, after, limit int) ([]ReportItem, error) {
	const op = "report items"
	rows, err := s.pool.Query(ctx, `
		select ordinal, control_id, ack, code, family, severity, location, outcome, text_sealed,
			coalesce(file_id, ''), coalesce(message, 0), coalesce(delivery_id, ''),
			kind = 'line', told_file, coalesce(position, 0), coalesce(expected, 0), coalesce(found, 0), to_app, to_facility
		from (
			(select ordinal, control_id, ack, code, family, severity, location, outcome, text_sealed,
				file_id, message, delivery_id, kind, told_file, position, expected, found, to_app, to_facility
			from report_items where report_id = $1 and ordinal > $2 order by ordinal limit $3)
			union all
			select ordinal, control_id, ack, '', '', '', '', 'accepted', null,
				file_id, message, delivery_id, 'answer', told_file, null, null, null, to_app, to_facility
			from plain_items where report_id = $1 and ordinal > $2 and ordinal <= $2 + $3 and last > $2 and first <= $2 + $3
		) i order by ordinal limit $3`,
		report, after, atMost(limit))
	if err != nil {
		return nil, fault(op, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ReportItem, error) {
		var i ReportItem
		var sealed []byte
		err := row.Scan(&i.Ordinal, &i.ControlID, &i.Ack, &i.Code, &i.Family, &i.Severity, &i.Location,
			&i.Outcome, &sealed, &i.FileID, &i.Message, &i.DeliveryID,
			&i.Line, &i.File, &i.Position, &i.Expected, &i.Found, &i.ToApp, &i.ToFacility)
		if err != nil {
			return i, err
		}
		text, err := s.sealer.Open(sealed)
		i.Text = string(text)
		return i, err
	})
	return out, fault(op, err)
}

// Answer counts the messages of a file that may be sent, by what the registry
// said of them.
type Answer struct {
	Messages    int `db:"messages"`
	Accepted    int `db:"accepted"`
	Warned      int `db:"warned"`
	Rejected    int `db:"rejected"`
	NotObjected int `db:"not_objected"`
	Unanswered  int `db:"unanswered"`
}

// answerCounts is over messages m.
const answerCounts = `
	count(*)::int as messages,
	count(*) filter (where m.answer = 'accepted')::int as accepted,
	count(*) filter (where m.answer = 'accepted-with-warnings')::int as warned,
	count(*) filter (where m.answer in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected'))::int as rejected,
	count(*) filter (where m.answer = 'not-objected-to')::int as not_objected,
	count(*) filter (where m.answer is null or m.answer = 'unknown')::int as unanswered`

// FileAnswer counts what the registry has said about a file so far. Kind
// Missing when the practice has no such file.
func (s *Store) FileAnswer(ctx context.Context, practice, file string) (Answer, error) {
	const op = "answer"
	args := pgx.NamedArgs{"practice": practice, "file": file}
	if _, err := value[string](ctx, s.pool, `select id from files where id = @file and practice = @practice`, args); err != nil {
		return Answer{}, fault(op+" "+file, err)
	}
	a, err := one[Answer](ctx, s.pool, `select `+answerCounts+` from answered m where m.file_id = @file and not m.held`, args)
	return a, fault(op, err)
}
