package oracle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/oracle"
)

func TestMain(m *testing.M) {
	code := dbtest.Main(m)
	if b, err := theBase(); err == nil {
		_ = os.RemoveAll(b.dir) // a leftover folder hurts nobody
	}
	os.Exit(code)
}

const (
	practiceID  = "sunrise-plano"
	account     = "sunrise"
	orgCode     = "SUNR1234"
	coordinator = "carla@coordinator.example"
	reviewer    = "reviewer@registry.example"
	vendor      = "support@ehr.example"
)

// world is a rehearsal in small in which everything is right, and which a test
// can damage: a true registry has judged its files, and the rows are what the
// product would have written about them. Every test gets a copy of its own.
type world struct {
	oracle.World
	t      *testing.T
	conn   *pgx.Conn
	engine *fakeEngine
	ledger []fakeregistry.Received
	// start is when the first file was taken; each follows an hour later.
	start, approved time.Time
	mails           int
}

var sent = []struct {
	lane    registry.Lane
	defects []hl7gen.Defect
}{
	{registry.LaneTest, []hl7gen.Defect{hl7gen.NoConsent}},
	{registry.LaneTest, nil},
	{registry.LaneTest, nil},
	{registry.LaneProduction, []hl7gen.Defect{hl7gen.NoConsent, hl7gen.DuplicateDose}},
	{registry.LaneHistorical, nil},
	{registry.LaneHistorical, nil},
}

var (
	start = time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	// approved lies between the third file and the fourth.
	approved = start.Add(2*time.Hour + 30*time.Minute)

	accounts = []fakeregistry.Account{{
		User: account, Password: "pw", OrgCode: orgCode, Prescribers: []string{"1234567893"}, Facilities: []string{"SUNRPLANO"},
	}}
)

// base is what all worlds are copies of.
type base struct {
	dir      string
	patients []hl7gen.Patient
	ledger   []fakeregistry.Received
}

var theBase = sync.OnceValues(func() (*base, error) {
	dir, err := os.MkdirTemp("", "oracle-test-")
	if err != nil {
		return nil, err
	}
	b := &base{dir: dir}
	return b, b.receive()
})

// receive lets a registry take and judge the files.
func (b *base) receive() error {
	reg, err := fakeregistry.Open(fakeregistry.Options{Dir: b.dir})
	if err != nil {
		return err
	}
	if err := errors.Join(reg.SetAccounts(accounts), fakeregistry.WriteAccounts(b.dir, accounts)); err != nil {
		return err
	}
	gens := map[string]*hl7gen.Gen{}
	for i, id := range []string{"T", "P"} {
		gens[id] = hl7gen.New(uint64(5+i), hl7gen.Options{
			OrgCode: orgCode, Now: start, Facilities: []hl7gen.Facility{{ID: "SUNRPLANO"}}, ProcessingID: id,
			// The second one is on no agreement: the registry warns of it.
			Prescribers: []string{"1234567893", "9999999995"},
		})
	}
	for i, s := range sent {
		id := "P"
		if s.lane == registry.LaneTest {
			id = "T"
		}
		var file bytes.Buffer
		facts, err := gens[id].Batch(&file, hl7gen.BatchOptions{Messages: 5, Defects: s.defects})
		if err != nil {
			return err
		}
		b.patients = append(b.patients, facts.Patients...)
		path := filepath.Join(inbound(b.dir, s.lane), fmt.Sprintf("SUNR_%d.HL7", i+1))
		at := start.Add(time.Duration(i) * time.Hour)
		if err := errors.Join(os.WriteFile(path, file.Bytes(), 0o600), reg.Step(at.Add(-time.Minute)), reg.Step(at)); err != nil {
			return err
		}
	}
	if err := reg.Close(); err != nil {
		return err
	}
	b.ledger, err = fakeregistry.ReadLedger(b.dir)
	return err
}

func inbound(dir string, l registry.Lane) string {
	return filepath.Join(dir, "homes", account, filepath.FromSlash(fakeregistry.DefaultFolders().For(l)))
}

// migrate makes the template of the tests' databases: the schema, and the rows
// of a world that is right.
func migrate(ctx context.Context, url string) error {
	b, err := theBase()
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, url); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	statements, err := b.rows()
	if err != nil {
		return err
	}
	return asleep(ctx, conn, statements)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b, err := theBase()
	require.NoError(t, err)
	w := &world{t: t, engine: newEngine(), start: start, approved: approved}
	dir := t.TempDir()
	log := filepath.Join(dir, "worker.log")
	require.NoError(t, os.WriteFile(log, []byte("level=INFO msg=ready\n"), 0o600))
	w.World = oracle.World{
		RegistryDir: filepath.Join(dir, "registry"), MailDir: filepath.Join(dir, "mail"),
		DatabaseURL: dbtest.New(t, migrate), Temporal: w.engine, LogFiles: []string{log},
		ScanDirs:  []string{filepath.Join(dir, "temporal")},
		NameDirs:  []string{filepath.Join(dir, "outbox")},
		Texts:     map[string]string{"metrics": "immtrail_files_total 6\n"},
		Practices: []oracle.Practice{{ID: practiceID, Account: account, OrgCode: orgCode}},
		Accounts:  accounts, Patients: b.patients,
	}
	require.NoError(t, os.CopyFS(w.RegistryDir, os.DirFS(b.dir)))
	for _, d := range append([]string{w.MailDir}, append(w.ScanDirs, w.NameDirs...)...) {
		require.NoError(t, os.MkdirAll(d, 0o700))
	}
	w.ledger, err = fakeregistry.ReadLedger(w.RegistryDir)
	require.NoError(t, err)
	require.Len(t, w.ledger, len(sent))
	w.conn, err = pgx.Connect(t.Context(), w.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	for _, l := range letters {
		w.caught(l.id(), l.subject, l.body, coordinator, w.approved, l.to)
	}
	w.caught("p1@registry.example", "Production approval SUNR1234", "Moved to Production.", reviewer, w.approved.Add(-time.Minute), coordinator)
	return w
}

// drop lays a file where a sender would.
func (w *world) drop(l registry.Lane, name string, content []byte) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(inbound(w.RegistryDir, l), name), content, 0o600))
}

// saveLedger replaces the registry's ledger.
func (w *world) saveLedger() {
	w.t.Helper()
	var b bytes.Buffer
	for _, r := range w.ledger {
		require.NoError(w.t, json.NewEncoder(&b).Encode(r))
	}
	require.NoError(w.t, os.WriteFile(filepath.Join(w.RegistryDir, "ledger.jsonl"), b.Bytes(), 0o600))
}

// statement is a row about to be written.
type statement struct {
	sql  string
	args []any
}

// asleep writes rows while the guards of the database sleep; each has to touch
// something.
func asleep(ctx context.Context, conn *pgx.Conn, statements []statement) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `set local session_replication_role = replica`); err != nil {
			return err
		}
		for _, s := range statements {
			tag, err := tx.Exec(ctx, s.sql, s.args...)
			if err == nil && tag.RowsAffected() == 0 {
				err = errors.New("no row was touched")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.sql, err)
			}
		}
		return nil
	})
}

func (w *world) sql(sql string, args ...any) {
	w.t.Helper()
	require.NoError(w.t, asleep(w.t.Context(), w.conn, []statement{{sql, args}}))
}

// rows are what the product would know.
func (b *base) rows() ([]statement, error) {
	before := start.Add(-time.Hour)
	all := []statement{
		{`insert into connections (name, protocol, host, port, username, secret_ref, at)
			values ('dshs', 'sftp', 'localhost', 22, 'sunrise', 'env:PW', $1)`, []any{start}},
		{
			`insert into practices (id, name, registry, org_code, zone, connection, phase, history_state, submission_state, at)
			values ($1, 'Sunrise Plano', 'texas', $2, 'America/Chicago', 'dshs', 'production', 'loading', 'on', $3)`,
			[]any{practiceID, orgCode, start},
		},
		{`insert into contacts (practice, ordinal, role, name, email) values ($1, 1, 'ehr-vendor', 'EHR Support', $2),
			($1, 2, 'coordinator', 'Carla', $3)`, []any{practiceID, vendor, coordinator}},
		move("practice-added", "", "registered", "", before),
		move("phase", "registered", "testing", "prerequisites-done", before),
		move("submission", "off", "on", "", before),
		move("phase", "testing", "in_review", "review-requested", approved.Add(-20*time.Minute)),
		move("phase", "in_review", "production", "approved", approved),
		move("history", "not_asked", "asked", "", approved),
		move("history", "asked", "planned", "", approved),
		move("history", "planned", "loading", "", approved),
	}
	for i := range b.ledger {
		of, err := b.fileRows(i+1, &b.ledger[i])
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	for _, l := range letters {
		all = append(all, l.row())
	}
	return append(all, statement{`select setval('file_numbers', 100), setval('delivery_numbers', 100), setval('report_numbers', 100)`, nil}), nil
}

func move(kind, from, to, event string, at time.Time) statement {
	detail := map[string]any{}
	if event != "" {
		detail["event"] = event
	}
	return statement{
		`insert into events (key, practice, kind, from_state, to_state, actor_name, actor_via, actor_claimed, detail, at, recorded_at)
		values (gen_random_uuid()::text, $1, $2, nullif($3, ''), $4, 'immtrail', 'workflow', false, $5, $6, $6)`,
		[]any{practiceID, kind, from, to, detail, at},
	}
}

func (w *world) move(kind, from, to, event string, at time.Time) {
	w.t.Helper()
	m := move(kind, from, to, event, at)
	w.sql(m.sql, m.args...)
}

// fileRows are one file with its delivery, messages, report and errors.
func (b *base) fileRows(n int, r *fakeregistry.Received) ([]statement, error) {
	file, delivery, report := fmt.Sprintf("f-%d", n), fmt.Sprintf("d-%d", n), fmt.Sprintf("r-%d", n)
	answer, err := os.ReadFile(filepath.Join(b.dir, "homes", account, "reports", r.Answer))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(answer)
	all := []statement{
		{`insert into files (id, practice, lane, digest, size, vault_key, state, staged_at, settled_at)
			values ($1, $2, $3, $4, $5, 'v', 'answered', $6, $6)`, []any{file, practiceID, r.Lane, r.SHA256, r.Size, r.Time}},
		{
			`insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest, digest,
				vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by, recorded_at)
			values ($1, $2, $3, $4, 1, 'dshs', $5, $6, $7, $8, 'v', $9, 5, 0, 'confirmed', $10, $10, 'stat', $10, 'immtrail', $10)`,
			[]any{delivery, file, practiceID, r.Lane, r.Folder, r.Name, r.ContentSHA256, r.SHA256, r.Size, r.Time},
		},
		{`insert into report_covers (report_id, delivery_id, file_id, named) values ($1, $2, $3, true)`, []any{report, delivery, file}},
	}
	items := 0
	for i, m := range r.Messages {
		all = append(all, statement{
			`insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held,
				byte_offset, byte_length)
			values ($1, $2, $3, '', '', 'plano', 'accepted', false, 0, 1)`, []any{file, i + 1, m.ControlID},
		}, statement{
			`insert into answers (file_id, message, answer, answer_report, answered_at) values ($1, $2, $3, $4, $5)`,
			[]any{file, i + 1, m.Outcome, report, r.Time},
		})
		for _, code := range orNone(m.Codes) {
			items++
			all = append(all, statement{
				`insert into report_items (report_id, ordinal, control_id, code, family, outcome, file_id, message, delivery_id)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				[]any{report, items, m.ControlID, code, registry.FamilyOf(code), m.Outcome, file, i + 1, delivery},
			})
			if registry.FamilyOf(code).Outcome().Bad() && code != "IMR-109" {
				all = append(all, statement{
					`insert into errors (practice, site, code, cause, owner, severity, opened_at, due_at, times,
						first_report, first_item, last_report, last_item, file_id, message)
					values ($1, 'plano', $2, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'practice', 'E', $3, $3, 1,
						$4, $5, $4, $5, $6, $7)`, []any{practiceID, code, r.Time, report, items, file, i + 1},
				})
			}
		}
	}
	return append(all, statement{
		`insert into reports (id, connection, digest, name, size, vault_key, state, fetched_at, imported_at, items, records, reconciled_at, dated)
		values ($1, 'dshs', $2, $3, $4, 'v', 'imported', $5, $5, $6, $6, $5, $5)`,
		[]any{report, hex.EncodeToString(sum[:]), r.Answer, len(answer), r.Time, items},
	}), nil
}

// orNone is one item without a code where there is nothing to say.
func orNone(codes []string) []string {
	if len(codes) == 0 {
		return []string{""}
	}
	return codes
}

// written is a letter that the product wrote.
type written struct{ event, subject, body, to string }

var letters = []written{
	{"review/sunrise-plano/1", "Request for review of test files: Sunrise Plano (SUNR1234)", "Please review.", reviewer},
	{"production/sunrise-plano", "Sunrise Plano is in production with the Registry", "Sunrise Plano (SUNR1234) is live.", vendor},
	{"first-file/sunrise-plano", "First production file delivered: Sunrise Plano (SUNR1234)", "SUNR_4.HL7", reviewer},
	{"hold/h-1/0", "sunrise-plano: waiting for you", "Number: h-1", coordinator},
}

func (l written) id() string { return strings.ReplaceAll(l.event, "/", ".") + "@coordinator.example" }

func (l written) row() statement {
	return statement{
		`insert into notices (event, kind, practice, message_id, recipients, subject, body, state, prepared_at, sent_at)
		values ($1, 'letter', $2, $3, $4, $5, $6, 'sent', $7, $7)`,
		[]any{l.event, practiceID, l.id(), []string{l.to}, l.subject, l.body, start},
	}
}

// letter is recorded and caught.
func (w *world) letter(event, subject, body, to string) {
	w.t.Helper()
	l := written{event, subject, body, to}
	w.sql(l.row().sql, l.row().args...)
	w.caught(l.id(), subject, body, coordinator, w.approved, to)
}

// caught lays a mail into the catcher's folder and keeps when it came.
func (w *world) caught(id, subject, body, from string, at time.Time, to ...string) {
	w.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "X-Envelope-To: %s\r\n", strings.Join(to, ", "))
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\n", (&mail.Address{Name: "Carla Coordinator", Address: from}).String(), strings.Join(to, ", "))
	fmt.Fprintf(&b, "Message-ID: <%s>\r\nSubject: %s\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n", id, subject, body)
	w.mails++
	path := filepath.Join(w.MailDir, fmt.Sprintf("%06d-test.eml", w.mails))
	require.NoError(w.t, os.WriteFile(path, b.Bytes(), 0o600))
	require.NoError(w.t, os.Chtimes(path, at, at))
}

// broken judges and wants exactly these invariants broken; it returns the words.
func (w *world) broken(want ...string) []string {
	w.t.Helper()
	found, err := oracle.Judge(w.t.Context(), w.World)
	require.NoError(w.t, err)
	got, words := map[string]bool{}, []string{}
	for _, f := range found {
		got[f.Invariant] = true
		words = append(words, f.Words)
	}
	expected := map[string]bool{}
	for _, name := range want {
		expected[name] = true
	}
	require.Equal(w.t, expected, got, "%v", words)
	for _, text := range words {
		for _, p := range w.Patients {
			require.NotContains(w.t, text, p.Family, "a finding names a patient")
		}
	}
	return words
}
