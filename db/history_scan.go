package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// HistoryScan takes what the files of a load-to-be consist of, to be told what
// would become of it. It keeps digests in tables that end with the transaction:
// on the server, so that memory does not grow with the load.
type HistoryScan struct {
	ctx      context.Context //nolint:containedctx // lives as long as the call of ScanHistory that made it
	tx       pgx.Tx
	keys     *CheckWriter // of the same digests as a real check
	messages [][]any
	doses    [][]any
	err      error
}

// ScanHistory runs scan, lets it see what would be left out, and keeps nothing.
// An error of scan is returned as it is.
func (s *Store) ScanHistory(ctx context.Context, practice string, scan func(*HistoryScan) error) error {
	return s.tx(ctx, "history scan", func(tx pgx.Tx) error {
		for _, sql := range []string{
			`create temp table scan_messages (file integer, ordinal integer, sent_on date, site text, year integer,
				length bigint, held boolean, content_key bytea, why text) on commit drop`,
			`create temp table scan_doses (file integer, message integer, year integer, record_digest bytea, corrects boolean)
				on commit drop`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		w := &HistoryScan{ctx: ctx, tx: tx, keys: &CheckWriter{sealer: s.sealer, practice: practice, lane: "historical"}}
		if err := scan(w); err != nil {
			return err
		}
		return w.err
	})
}

// Err is the first thing that went wrong, so that a caller can stop early.
func (w *HistoryScan) Err() error { return w.err }

// Message adds a message of the file of that number. Files are numbered in the
// order in which a plan would take them.
func (w *HistoryScan) Message(file int, m CheckedMessage) {
	var sent *time.Time
	if day, err := time.Parse("20060102", m.Sent); err == nil {
		sent = &day
	}
	_, content := w.keys.sentKeys(m)
	year := 0
	for _, d := range m.Doses {
		var record []byte
		if d.RecordKey != "" {
			record = RecordDigest(w.keys.sealer, w.keys.practice, d.RecordKey)
		}
		if d.Year > 0 && (year == 0 || d.Year < year) {
			year = d.Year
		}
		w.doses = append(w.doses, []any{int32(file), int32(m.Ordinal), int32(d.Year), record, d.Corrects})
	}
	w.messages = append(w.messages, []any{
		int32(file), int32(m.Ordinal), sent, m.Site, int32(year), m.Length, m.Held, content,
	})
	if len(w.messages) >= rowsAtOnce {
		w.flush()
	}
}

func (w *HistoryScan) flush() {
	messages, doses := w.messages, w.doses
	w.messages, w.doses = nil, nil
	if w.err != nil {
		return
	}
	_, w.err = w.tx.CopyFrom(w.ctx, pgx.Identifier{"scan_messages"},
		[]string{"file", "ordinal", "sent_on", "site", "year", "length", "held", "content_key"}, pgx.CopyFromRows(messages))
	if w.err == nil {
		_, w.err = w.tx.CopyFrom(w.ctx, pgx.Identifier{"scan_doses"},
			[]string{"file", "message", "year", "record_digest", "corrects"}, pgx.CopyFromRows(doses))
	}
}

// Forget takes the messages of a file back that turned out to be unreadable.
func (w *HistoryScan) Forget(file int) {
	w.flush()
	for _, table := range []string{"scan_messages", "scan_doses"} {
		if w.err == nil {
			_, w.err = w.tx.Exec(w.ctx, `delete from `+table+` where file = @file`, pgx.NamedArgs{"file": file})
		}
	}
}

// scanStands and scanRepeated are the rule of overlaps (history_overlap.go) over
// what is not stored.
var (
	scanStands = `
	with stands as materialized (` + standsSQL(`scan_doses where true`) + `)
	update scan_messages set why = 'sent-before' from (
		select d.file, d.message from scan_doses d left join stands s using (record_digest)
		group by 1, 2 having bool_and(s.record_digest is not null and not d.corrects)
	) x where x.file = scan_messages.file and x.message = scan_messages.ordinal and not held`
	scanRepeated = `
	with candidates as materialized (
		select file, ordinal, content_key, row_number() over (order by sent_on nulls first, file, ordinal) as age
		from scan_messages where not held and why is null
	), newest as materialized (
		select d.record_digest, max(c.age) as age
		from candidates c join scan_doses d on d.file = c.file and d.message = c.ordinal
		where d.record_digest is not null group by 1
	), again as materialized (
		select content_key, max(age) as age from candidates where content_key is not null group by 1 having count(*) > 1
	)
	update scan_messages set why = 'repeated' from (
		select c.file, c.ordinal
		from candidates c join scan_doses d on d.file = c.file and d.message = c.ordinal
		left join newest n on n.record_digest = d.record_digest
		group by 1, 2 having bool_and(n.age > c.age and not d.corrects)
		union
		select c.file, c.ordinal from candidates c join again a using (content_key) where a.age > c.age
	) x where x.file = scan_messages.file and x.ordinal = scan_messages.ordinal`
)

// Judge decides what would be left out, once everything was added.
func (w *HistoryScan) Judge() error {
	w.flush()
	for _, sql := range []string{`analyze scan_messages`, `analyze scan_doses`, scanStands, scanRepeated} {
		if w.err != nil {
			return w.err
		}
		if sql == scanStands {
			_, w.err = w.tx.Exec(w.ctx, sql, pgx.NamedArgs{"files": []string{}})
		} else {
			_, w.err = w.tx.Exec(w.ctx, sql)
		}
	}
	return w.err
}

// ScannedFile is a file of a scan in numbers.
type ScannedFile struct {
	File       int `db:"file"`
	Messages   int `db:"messages"`
	Held       int `db:"held"`
	Repeated   int `db:"repeated"`
	SentBefore int `db:"sent_before"`
}

// Files counts the files that have messages, in order.
func (w *HistoryScan) Files() ([]ScannedFile, error) {
	return many[ScannedFile](w.ctx, w.tx, `
		select file, count(*)::int as messages, count(*) filter (where held)::int as held,
			count(*) filter (where why = 'repeated')::int as repeated,
			count(*) filter (where why = 'sent-before')::int as sent_before
		from scan_messages group by 1 order by 1`, nil)
}

// ScannedGroup is a year's or a site's share of a scan.
type ScannedGroup struct {
	// Key is the year or the site; empty or "0" where it is not known.
	Key      string `db:"key"`
	Messages int    `db:"messages"`
	Doses    int    `db:"doses"`
}

// Years counts by the year in which doses were given.
func (w *HistoryScan) Years() ([]ScannedGroup, error) {
	return many[ScannedGroup](w.ctx, w.tx, `
		select year::text as key, count(distinct (file, message))::int as messages, count(*)::int as doses
		from scan_doses group by year order by year`, nil)
}

// Sites counts by site.
func (w *HistoryScan) Sites() ([]ScannedGroup, error) {
	return many[ScannedGroup](w.ctx, w.tx, `
		select m.site as key, count(*)::int as messages, coalesce(sum(d.doses), 0)::int as doses
		from scan_messages m left join (select file, message, count(*) as doses from scan_doses group by 1, 2) d
			on d.file = m.file and d.message = m.ordinal
		group by m.site order by m.site`, nil)
}

// GoingDoses counts the doses of the messages that go into parts.
func (w *HistoryScan) GoingDoses() (int, error) {
	return value[int](w.ctx, w.tx, `
		select count(*) from scan_doses d join scan_messages m on m.file = d.file and m.ordinal = d.message where m.why is null`, nil)
}

// Going calls do for each message that goes into a part, in order.
func (w *HistoryScan) Going(do func(file int, fate HistoryFate, length int64) error) error {
	rows, err := w.tx.Query(w.ctx, `
		select file, ordinal, site, year, length from scan_messages where why is null order by file, ordinal`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var file int
		var fate HistoryFate
		var length int64
		if err := rows.Scan(&file, &fate.Ordinal, &fate.Site, &fate.Year, &length); err != nil {
			return err
		}
		if err := do(file, fate, length); err != nil {
			return err
		}
	}
	return rows.Err()
}
