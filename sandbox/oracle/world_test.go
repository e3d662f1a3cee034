package oracle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
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

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

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
// product would have written about them.
type world struct {
	oracle.World
	t      *testing.T
	conn   *pgx.Conn
	engine *fakeEngine
	// start is when the first file was taken; each follows an hour later.
	start, approved time.Time
	ledger          []fakeregistry.Received
	mails           int
}

var sent = []struct {
	lane    registry.Lane
	id      string
	defects []hl7gen.Defect
}{
	{registry.LaneTest, "T", []hl7gen.Defect{hl7gen.NoConsent}},
	{registry.LaneTest, "T", nil},
	{registry.LaneTest, "T", nil},
	{registry.LaneProduction, "P", []hl7gen.Defect{hl7gen.NoConsent, hl7gen.DuplicateDose}},
	{registry.LaneHistorical, "P", nil},
	{registry.LaneHistorical, "P", nil},
}

// tests is how many of the files come before the approval.
const tests = 3

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, engine: newEngine(), start: time.Now().Add(-24 * time.Hour).Truncate(time.Second)}
	w.approved = w.start.Add((tests-1)*time.Hour + 30*time.Minute)
	dir := t.TempDir()
	log := filepath.Join(dir, "worker.log")
	require.NoError(t, os.WriteFile(log, []byte("level=INFO msg=ready\n"), 0o600))
	w.World = oracle.World{
		RegistryDir: filepath.Join(dir, "registry"), MailDir: filepath.Join(dir, "mail"),
		DatabaseURL: dbtest.New(t, db.Migrate), Temporal: w.engine, LogFiles: []string{log},
		ScanDirs:  []string{filepath.Join(dir, "temporal")},
		NameDirs:  []string{filepath.Join(dir, "outbox")},
		Texts:     map[string]string{"metrics": "immtrail_files_total 6\n"},
		Practices: []oracle.Practice{{ID: practiceID, Account: account, OrgCode: orgCode}},
		Accounts: []fakeregistry.Account{{
			User: account, Password: "pw", OrgCode: orgCode, Prescribers: []string{"1234567893"}, Facilities: []string{"SUNRPLANO"},
		}},
	}
	for _, d := range append([]string{w.RegistryDir, w.MailDir}, append(w.ScanDirs, w.NameDirs...)...) {
		require.NoError(t, os.MkdirAll(d, 0o700))
	}
	var err error
	w.conn, err = pgx.Connect(t.Context(), w.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
	w.receive()
	w.record()
	w.write()
	return w
}

// receive lets the registry take and judge the files.
func (w *world) receive() {
	w.t.Helper()
	gen := hl7gen.New(5, hl7gen.Options{
		OrgCode: orgCode, Now: w.start, Facilities: []hl7gen.Facility{{ID: "SUNRPLANO"}},
		// The second one is on no agreement: the registry warns of it.
		Prescribers: []string{"1234567893", "9999999995"},
	})
	live := hl7gen.New(6, hl7gen.Options{
		OrgCode: orgCode, Now: w.start, Facilities: []hl7gen.Facility{{ID: "SUNRPLANO"}}, ProcessingID: "P",
		Prescribers: []string{"1234567893", "9999999995"},
	})
	reg, err := fakeregistry.Open(fakeregistry.Options{Dir: w.RegistryDir})
	require.NoError(w.t, err)
	require.NoError(w.t, reg.SetAccounts(w.Accounts))
	require.NoError(w.t, fakeregistry.WriteAccounts(w.RegistryDir, w.Accounts))
	for i, s := range sent {
		var file bytes.Buffer
		from := gen
		if s.id == "P" {
			from = live
		}
		facts, err := from.Batch(&file, hl7gen.BatchOptions{Messages: 5, Defects: s.defects})
		require.NoError(w.t, err)
		w.Patients = append(w.Patients, facts.Patients...)
		w.drop(s.lane, fmt.Sprintf("SUNR_%d.HL7", i+1), file.Bytes())
		at := w.start.Add(time.Duration(i) * time.Hour)
		require.NoError(w.t, reg.Step(at.Add(-time.Minute)))
		require.NoError(w.t, reg.Step(at))
	}
	require.NoError(w.t, reg.Close())
	w.ledger, err = fakeregistry.ReadLedger(w.RegistryDir)
	require.NoError(w.t, err)
	require.Len(w.t, w.ledger, len(sent))
}

// drop lays a file where a sender would.
func (w *world) drop(l registry.Lane, name string, content []byte) {
	w.t.Helper()
	folder := filepath.FromSlash(fakeregistry.DefaultFolders().For(l))
	require.NoError(w.t, os.WriteFile(filepath.Join(w.RegistryDir, "homes", account, folder, name), content, 0o600))
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

// sql writes into the database with its guards asleep.
func (w *world) sql(statement string, args ...any) {
	w.t.Helper()
	err := pgx.BeginFunc(w.t.Context(), w.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `set local session_replication_role = replica`); err != nil {
			return err
		}
		tag, err := tx.Exec(w.t.Context(), statement, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return fmt.Errorf("no row was touched")
		}
		return err
	})
	require.NoError(w.t, err)
}

// record writes what the product would know.
func (w *world) record() {
	w.t.Helper()
	w.sql(`insert into connections (name, protocol, host, port, username, secret_ref, at)
		values ('dshs', 'sftp', 'localhost', 22, 'sunrise', 'env:PW', $1)`, w.start)
	w.sql(`insert into practices (id, name, registry, org_code, zone, connection, phase, history_state, submission_state, at)
		values ($1, 'Sunrise Plano', 'texas', $2, 'America/Chicago', 'dshs', 'production', 'loading', 'on', $3)`, practiceID, orgCode, w.start)
	w.sql(`insert into contacts (practice, ordinal, role, name, email) values ($1, 1, 'ehr-vendor', 'EHR Support', $2),
		($1, 2, 'coordinator', 'Carla', $3)`, practiceID, vendor, coordinator)
	w.move("practice-added", "", "registered", "", w.start.Add(-time.Hour))
	w.move("phase", "registered", "testing", "prerequisites-done", w.start.Add(-time.Hour))
	w.move("submission", "off", "on", "", w.start.Add(-time.Hour))
	w.move("phase", "testing", "in_review", "review-requested", w.approved.Add(-20*time.Minute))
	w.move("phase", "in_review", "production", "approved", w.approved)
	w.move("history", "not_asked", "asked", "", w.approved)
	w.move("history", "asked", "planned", "", w.approved)
	w.move("history", "planned", "loading", "", w.approved)
	for i := range w.ledger {
		w.recordFile(i+1, &w.ledger[i])
	}
	w.sql(`select setval('file_numbers', 100), setval('delivery_numbers', 100), setval('report_numbers', 100)`)
}

func (w *world) move(kind, from, to, event string, at time.Time) {
	w.t.Helper()
	detail := map[string]any{}
	if event != "" {
		detail["event"] = event
	}
	w.sql(`insert into events (key, practice, kind, from_state, to_state, actor_name, actor_via, actor_claimed, detail, at, recorded_at)
		values (gen_random_uuid()::text, $1, $2, nullif($3, ''), $4, 'immtrail', 'workflow', false, $5, $6, $6)`,
		practiceID, kind, from, to, detail, at)
}

// recordFile writes one file with its delivery, messages, report and errors.
func (w *world) recordFile(n int, r *fakeregistry.Received) {
	w.t.Helper()
	file, delivery, report := fmt.Sprintf("f-%d", n), fmt.Sprintf("d-%d", n), fmt.Sprintf("r-%d", n)
	w.sql(`insert into files (id, practice, lane, digest, size, vault_key, state, staged_at, settled_at)
		values ($1, $2, $3, $4, $5, 'v', 'answered', $6, $6)`, file, practiceID, r.Lane, r.SHA256, r.Size, r.Time)
	w.sql(`insert into deliveries (id, file_id, practice, lane, attempt, connection, folder, remote_name, content_digest, digest,
			vault_key, size, messages, held, state, prepared_at, sent_at, confirmed_how, confirmed_at, confirmed_by, recorded_at)
		values ($1, $2, $3, $4, 1, 'dshs', $5, $6, $7, $8, 'v', $9, 5, 0, 'confirmed', $10, $10, 'stat', $10, 'immtrail', $10)`,
		delivery, file, practiceID, r.Lane, r.Folder, r.Name, r.ContentSHA256, r.SHA256, r.Size, r.Time)
	answer, err := os.ReadFile(filepath.Join(w.RegistryDir, "homes", account, "reports", r.Answer))
	require.NoError(w.t, err)
	sum := sha256.Sum256(answer)
	items := 0
	for i, m := range r.Messages {
		w.sql(`insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held,
				byte_offset, byte_length, answer, answer_report, answered_at)
			values ($1, $2, $3, '', '', 'plano', 'accepted', false, 0, 1, $4, $5, $6)`, file, i+1, m.ControlID, m.Outcome, report, r.Time)
		for _, code := range append([]string{}, orNone(m.Codes)...) {
			items++
			w.sql(`insert into report_items (report_id, ordinal, control_id, code, family, outcome, file_id, message, delivery_id)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				report, items, m.ControlID, code, registry.FamilyOf(code), m.Outcome, file, i+1, delivery)
			if m.Outcome.Bad() && registry.FamilyOf(code).Outcome().Bad() && code != "IMR-109" {
				w.sql(`insert into errors (practice, site, code, cause, owner, severity, opened_at, due_at, times,
						first_report, first_item, last_report, last_item, file_id, message)
					values ($1, 'plano', $2, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'practice', 'E', $3, $3, 1,
						$4, $5, $4, $5, $6, $7)`, practiceID, code, r.Time, report, items, file, i+1)
			}
		}
	}
	w.sql(`insert into reports (id, connection, digest, name, size, vault_key, state, fetched_at, imported_at, items, reconciled_at)
		values ($1, 'dshs', $2, $3, $4, 'v', 'imported', $5, $5, $6, $5)`, report, hex.EncodeToString(sum[:]), r.Answer, len(answer), r.Time, items)
	w.sql(`insert into report_covers (report_id, delivery_id, file_id, named) values ($1, $2, $3, true)`, report, delivery, file)
}

// orNone is one item without a code where there is nothing to say.
func orNone(codes []string) []string {
	if len(codes) == 0 {
		return []string{""}
	}
	return codes
}

// write lets the letters be written and caught.
func (w *world) write() {
	w.letter("review/sunrise-plano/1", "Request for review of test files: Sunrise Plano (SUNR1234)", "Please review.", reviewer)
	w.letter("production/sunrise-plano", "Sunrise Plano is in production with the Registry", "Sunrise Plano (SUNR1234) is live.", vendor)
	w.letter("first-file/sunrise-plano", "First production file delivered: Sunrise Plano (SUNR1234)", "SUNR_4.HL7", reviewer)
	w.letter("hold/h-1/0", "sunrise-plano: waiting for you", "Number: h-1", coordinator)
	at := w.approved.Add(-time.Minute)
	w.caught("p1@registry.example", "Production approval SUNR1234", "Moved to Production.", reviewer, at, coordinator)
}

// letter is recorded and caught.
func (w *world) letter(event, subject, body string, to ...string) {
	w.t.Helper()
	id := strings.ReplaceAll(event, "/", ".") + "@coordinator.example"
	w.sql(`insert into notices (event, kind, practice, message_id, recipients, subject, body, state, prepared_at, sent_at)
		values ($1, 'letter', $2, $3, $4, $5, $6, 'sent', $7, $7)`, event, practiceID, id, to, subject, body, w.start)
	w.caught(id, subject, body, coordinator, w.approved, to...)
}

// caught lays a mail into the catcher's folder and returns its path.
func (w *world) caught(id, subject, body, from string, at time.Time, to ...string) string {
	w.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "X-Envelope-To: %s\r\n", strings.Join(to, ", "))
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\n", (&mail.Address{Name: "Carla Coordinator", Address: from}).String(), strings.Join(to, ", "))
	fmt.Fprintf(&b, "Message-ID: <%s>\r\nSubject: %s\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n", id, subject, body)
	w.mails++
	path := filepath.Join(w.MailDir, fmt.Sprintf("%06d-test.eml", w.mails))
	require.NoError(w.t, os.WriteFile(path, b.Bytes(), 0o600))
	require.NoError(w.t, os.Chtimes(path, at, at))
	return path
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
