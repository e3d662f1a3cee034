package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/db"
	"immtrail/registry"
)

// world is what lies in the database before the report comes.
type world struct {
	dir, url string
	size
}

const (
	practice   = "sunrise"
	connection = "texas-sftp"
)

var sentAt = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)

func (w world) report() string { return filepath.Join(w.dir, "dqa-20260303.txt") }

func open(ctx context.Context, url string) (*db.Store, error) {
	sealer, err := db.NewSealer(make([]byte, 32), db.SealKey{ID: "k1", Key: make([]byte, 32)})
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, db.Options{URL: url, Sealer: sealer})
}

// fill adds a practice with ten sites whose files were delivered, and writes
// the report.
func (w world) fill(ctx context.Context) error {
	store, err := open(ctx, w.url)
	if err != nil {
		return err
	}
	defer store.Close()
	act := func(key string) db.Act { return db.Act{Key: key, By: registry.System, At: sentAt} }
	if err := store.SaveConnection(ctx, db.Connection{
		Name: connection, Protocol: "sftp", Host: "sftp.example.org", Port: 22, Username: "burl", SecretRef: "env:NONE",
	}, act("connection")); err != nil {
		return err
	}
	p := &registry.Practice{
		ID: practice, Name: "Sunrise Pediatrics", Registry: "texas", OrgCode: "TEST0001", Zone: "America/Chicago",
		Connection: connection, Phase: registry.PhaseProduction,
		Contacts: []registry.Contact{{Role: registry.ContactVendor, Name: "Vendor", Email: "hl7@vendor.example"}},
		History:  registry.HistoryNotAsked, Submission: registry.SubmissionOn,
	}
	for i := range 10 {
		p.Sites = append(p.Sites, registry.Site{ID: fmt.Sprintf("site-%d", i), Name: fmt.Sprintf("Site %d", i), Facilities: []string{fmt.Sprintf("S%d", i)}})
	}
	if err := store.SavePractice(ctx, p, act("practice")); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, step := range laidOut {
		if _, err := conn.Exec(ctx, step, pgx.NamedArgs{
			"practice": practice, "connection": connection, "at": sentAt, "files": w.files, "each": w.items / w.files,
		}); err != nil {
			return fmt.Errorf("%.60s: %w", step, err)
		}
	}
	return w.write()
}

// laidOut is set by set, since a million checks are not what is measured. Rows
// are as wide as real ones.
var laidOut = []string{
	`insert into files (practice, lane, digest, size, vault_key, state, staged_at, settled_at)
	select @practice, 'production', encode(sha256(n::text::bytea), 'hex'), 1, 'k' || n, 'delivered', @at, @at
	from generate_series(1, @files::int) n`,
	`insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held, patient,
		byte_offset, byte_length, control_key, content_key, chart_digest, patient_digest)
	select 'f-' || f, m, 'EHR' || lpad(((f - 1) * @each::int + m)::text, 12, '0'), 'EHR', 'TEST0001', 'site-' || m % 10, 'accepted', false,
		null, m, 100, sha256((f || 'c' || m)::bytea), sha256((f || 'd' || m)::bytea), sha256((f || 'e' || m % 2000)::bytea), sha256((f || 'g' || m)::bytea)
	from generate_series(1, @files::int) f, generate_series(1, @each::int) m`,
	`insert into doses (file_id, message, ordinal, record_digest, given_year, details)
	select file_id, ordinal, 1, sha256((file_id || 'x' || ordinal)::bytea), 2026, decode(repeat('cd', 150), 'hex') from messages`,
	`alter table deliveries disable trigger user`,
	`insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest, digest,
		vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by)
	select 'd-' || n, 'f-' || n, @practice, 'production', 1, @connection, 'in', 'TEST0001_' || n || '.HL7',
		encode(sha256(n::text::bytea), 'hex'), encode(sha256(n::text::bytea), 'hex'), 'k', 1, @each::int, 0, 'confirmed', @at, @at, 'stat', @at, 'immtrail'
	from generate_series(1, @files::int) n`,
	`alter table deliveries enable trigger user`,
	`insert into answer_counts select file_id, site, '', count(*) from messages group by 1, 2, 3`,
	`vacuum analyze`,
	`checkpoint`,
}

// codes are what the report refuses records for.
var codes = []struct{ code, place, text string }{
	{"IMR-111", "RXA-17", "Immunization rejected. Manufacturer code is not valid for the vaccine."},
	{"CLR-100", "PID-3", "Client rejected. No consent on file for the client that was submitted."},
	{"IMR-100", "RXA-5", "Immunization rejected. The vaccine could not be stored."},
	{"MER-001", "MSH-9", "Message rejected. The message could not be read."},
	{"IMR-132", "RXA-5", "Immunization rejected. Standard consent is needed for this vaccine."},
}

// write writes the report: one line for each message, as registries do that
// list all records.
func (w world) write() error {
	f, err := os.Create(w.report())
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	_, _ = out.WriteString("Message Control ID|Status|Error Code|Location|Error Message|Patient Name|Date of Birth\r\n")
	for i := range w.items {
		id := fmt.Sprintf("EHR%012d", i+1)
		if i*w.bad/100 == (i+1)*w.bad/100 {
			_, _ = fmt.Fprintf(out, "%s|Accepted||||QUARROW^ZEBEDINE%d|20240312\r\n", id, i)
			continue
		}
		c := codes[i%7%len(codes)]
		_, _ = fmt.Fprintf(out, "%s|Rejected|%s|%s|%s|QUARROW^ZEBEDINE%d|20240312\r\n", id, c.code, c.place, c.text, i)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// peer copies the rows that the import has stored into a table without indexes,
// from a file at the server: the best of three, each in a session of its own.
func (w world) peer(ctx context.Context) (best, cpu time.Duration, bytes int64, err error) {
	var path string
	if err := w.session(ctx, func(conn *pgx.Conn) error {
		if err := conn.QueryRow(ctx, `select current_setting('data_directory') || '/rows.csv'`).Scan(&path); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, `copy (select * from told_items) to '`+path+`' (format csv)`); err != nil {
			return err
		}
		return conn.QueryRow(ctx, `select (pg_stat_file($1)).size`, path).Scan(&bytes)
	}); err != nil {
		return 0, 0, 0, err
	}
	for range 3 {
		if err := w.session(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `drop table if exists peer; create table peer as select * from told_items limit 0; checkpoint`)
			return err
		}); err != nil {
			return 0, 0, 0, err
		}
		before := w.serverCPU()
		var took time.Duration
		if err := w.session(ctx, func(conn *pgx.Conn) error {
			began := time.Now()
			_, err := conn.Exec(ctx, `copy peer from '`+path+`' (format csv)`)
			took = time.Since(began)
			return err
		}); err != nil {
			return 0, 0, 0, err
		}
		if used := w.serverCPU() - before; best == 0 || took < best {
			best, cpu = took, used
		}
	}
	return best, cpu, bytes, nil
}

func (w world) session(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return do(conn)
}

// lists times what a coordinator looks at, warm.
func (w world) lists(ctx context.Context) error {
	store, err := open(ctx, w.url)
	if err != nil {
		return err
	}
	defer store.Close()
	each := func(f db.ErrorFilter) func() error {
		return func() error {
			f.Limit = 100
			_, err := store.ListErrors(ctx, f)
			return err
		}
	}
	fmt.Printf("%-46s %8s\n", "warm, median of 20", "ms")
	for _, l := range []struct {
		what string
		do   func() error
	}{
		{"errors list", func() error { _, err := store.GroupErrors(ctx, db.ErrorFilter{}); return err }},
		{"errors list --practice --site", func() error {
			_, err := store.GroupErrors(ctx, db.ErrorFilter{Practice: practice, Site: "site-3"})
			return err
		}},
		{"errors list --each", each(db.ErrorFilter{})},
		{"errors list --each --practice --code", each(db.ErrorFilter{Practice: practice, Code: "IMR-111"})},
		{"errors list --each --site", each(db.ErrorFilter{Site: "site-3"})},
		{"errors list --overdue", each(db.ErrorFilter{DueBefore: sentAt.AddDate(0, 1, 0)})},
		{"quality --all", func() error {
			_, err := store.Quality(ctx, db.QualityFilter{Causes: 3}, db.ByWeek)
			return err
		}},
	} {
		var took []time.Duration
		for range 20 {
			began := time.Now()
			if err := l.do(); err != nil {
				return err
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		fmt.Printf("%-46s %8.1f\n", l.what, float64(took[10].Microseconds())/1000)
	}
	return nil
}
