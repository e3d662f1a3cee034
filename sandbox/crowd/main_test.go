package crowd_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/internal/hl7gen"
	"immtrail/internal/sftptest"
	"immtrail/internal/temporalconn"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/vault"
	"immtrail/worker/service"
	"immtrail/workflows"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

const (
	patience = 5 * time.Minute
	tick     = 200 * time.Millisecond
)

// world is one registry with everything that serves it.
type world struct {
	cfg      *config.Config
	getenv   func(string) string
	store    *db.Store
	vault    *vault.Vault
	sql      *pgx.Conn
	temporal client.Client
	server   *sftptest.Server
	profile  *registry.Profile
	files    *activities.Files
	seed     uint64
	// roots are the registry's folders of each practice.
	roots map[string]string
}

// overlay is what the registry's staff might have said: four sessions for all
// workers together.
const overlay = "host: {sessions: 4, sessions_per_login: 2}\ntransfer: {dial_timeout: 3s, idle_timeout: 5s, sftp_idle_life: 0s}\n"

func newWorld(t *testing.T, workers int) *world {
	t.Helper()
	dir := t.TempDir()
	e, err := engine.Start(t.Context(), engine.Options{Dir: filepath.Join(dir, "temporal"), NoUI: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Stop() })
	require.NoError(t, e.WaitReady(t.Context()))

	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	url := dbtest.New(t, db.Migrate)
	vars := map[string]string{
		"ID": secret, "KEY": base64.StdEncoding.EncodeToString(make([]byte, 32)), "URL": url, "GOOD": "right", "BAD": "wrong",
	}
	w := &world{roots: map[string]string{}, cfg: config.Default(), getenv: func(name string) string { return vars[name] }}
	cfg := w.cfg
	cfg.Temporal.Address = e.HostPort()
	cfg.Database.URL = "env:URL"
	cfg.Vault = config.Vault{
		URL: "file://" + filepath.Join(dir, "files"), Recipients: []string{recipient}, Identities: []config.Secret{"env:ID"},
	}
	cfg.Sealing = config.Sealing{Keys: []config.Key{{ID: "a", Secret: "env:KEY"}}, DigestKey: "env:KEY"}
	cfg.Outbox = config.Outbox{Dir: filepath.Join(dir, "outbox"), Stable: time.Millisecond}
	cfg.Profile.Dir = filepath.Join(dir, "profile")
	cfg.Health.Listen, cfg.Metrics.Listen = "127.0.0.1:0", "127.0.0.1:0"
	require.NoError(t, os.MkdirAll(cfg.Profile.Dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Profile.Dir, "texas.yaml"), []byte(overlay), 0o600))
	w.open(t, url)
	for range workers {
		w.startWorker(t)
	}
	return w
}

func (w *world) open(t *testing.T, url string) {
	t.Helper()
	rooms := wire.Wire{Config: w.cfg, Getenv: w.getenv}
	var err error
	w.store, err = rooms.Store(t.Context())
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.vault, err = rooms.FileStore(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.vault.Close() })
	w.sql, err = pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.sql.Close(context.Background()) })
	w.temporal, err = temporalconn.Dial(t.Context(), temporalconn.Settings{HostPort: w.cfg.Temporal.Address}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(w.temporal.Close)
	w.profile, err = rooms.Profiles().Profile("")
	require.NoError(t, err)
	w.server, err = sftptest.Start(sftptest.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.server.Close() })
	w.files = &activities.Files{
		DB: w.store, Vault: w.vault, Outbox: w.cfg.Outbox.Dir, Profiles: rooms.Profiles(), Clock: time.Now, Stable: time.Millisecond,
	}
}

// startWorker returns what stops it; the end of the test does so too.
func (w *world) startWorker(t *testing.T, more ...interceptor.WorkerInterceptor) (stop func()) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- w.runWorker(ctx, func() { close(ready) }, more...)
	}()
	stop = sync.OnceFunc(func() {
		end()
		<-ended
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err)
	}
	return stop
}

func (w *world) runWorker(ctx context.Context, ready func(), more ...interceptor.WorkerInterceptor) error {
	return service.Run(ctx, w.cfg, service.Options{
		Getenv: w.getenv, Logger: slog.New(slog.DiscardHandler), Ready: ready, Interceptors: more,
	})
}

// enrol makes a practice in production with a login of its own.
func (w *world) enrol(t *testing.T, id string, org int, change func(*db.Connection, *sftptest.User)) {
	t.Helper()
	w.enrolIn(t, id, org, registry.PhaseProduction, change)
}

// enrolIn makes one that stands elsewhere.
func (w *world) enrolIn(t *testing.T, id string, org int, phase registry.Phase, change func(*db.Connection, *sftptest.User)) {
	t.Helper()
	conn := db.Connection{
		Name: "to-" + id, Protocol: "sftp", Host: "127.0.0.1", Port: w.server.Port(), Username: id, SecretRef: "env:GOOD",
		HostKeys: []string{w.server.HostKeyLine()},
	}
	user := sftptest.User{Password: "right", Root: t.TempDir()}
	for _, dir := range []string{w.profile.Folders.Test, w.profile.Folders.Production, w.profile.Folders.Historical, w.profile.Folders.Reports} {
		require.NoError(t, os.MkdirAll(filepath.Join(user.Root, dir), 0o755))
	}
	if change != nil {
		change(&conn, &user)
	}
	w.roots[id] = user.Root
	require.NoError(t, w.server.AddUser(id, user))
	act := db.Act{By: registry.Actor{Name: "Maria Ortega", Via: "cli"}, At: time.Now()}
	act.Key = "connection/" + id
	require.NoError(t, w.store.SaveConnection(t.Context(), conn, act))
	act.Key = "practice/" + id
	require.NoError(t, w.store.SavePractice(t.Context(), &registry.Practice{
		ID: id, Name: "Practice " + id, Registry: "texas", OrgCode: orgCode(org), Zone: "America/Chicago", Connection: conn.Name,
		Phase:    phase,
		Sites:    []registry.Site{{ID: "main", Name: "Main", Facilities: []string{orgCode(org)}, Prescribers: []string{"1234567893"}}},
		Contacts: []registry.Contact{{Role: registry.ContactCoordinator, Name: "Maria", Email: "maria@sunrise.example"}},
	}, act))
	require.NoError(t, activities.MakeOutbox(w.cfg.Outbox.Dir, id))
}

func orgCode(n int) string { return fmt.Sprintf("ORGA%04d", n) }

// export is a file as an EHR makes it.
func (w *world) export(t *testing.T, org int) []byte {
	t.Helper()
	w.seed++
	var buf bytes.Buffer
	gen := hl7gen.New(w.seed, hl7gen.Options{
		OrgCode: orgCode(org), Now: time.Now(), ProcessingID: w.profile.Message.ProcessingID(registry.LaneProduction),
	})
	_, err := gen.Batch(&buf, hl7gen.BatchOptions{Messages: 1})
	require.NoError(t, err)
	return buf.Bytes()
}

// stage brings n files of a practice into the file store.
func (w *world) stage(t *testing.T, id string, org, n int) []registry.FileRef {
	t.Helper()
	exports := make([][]byte, n)
	for i := range exports {
		exports[i] = w.export(t, org)
	}
	return w.stageAll(t, id, exports...)
}

func (w *world) stageAll(t *testing.T, id string, exports ...[]byte) []registry.FileRef {
	t.Helper()
	lane := registry.LaneProduction
	for i, data := range exports {
		path := filepath.Join(w.cfg.Outbox.Dir, id, string(lane), fmt.Sprintf("export%d-%d.hl7", w.seed, i))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		old := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(path, old, old))
	}
	scope := activities.Scope{Practice: id}
	found, err := w.files.ScanOutbox(t.Context(), activities.ScanOutboxInput{Scope: scope, Lane: lane, Max: len(exports)})
	require.NoError(t, err)
	require.Len(t, found.Files, len(exports))
	var refs []registry.FileRef
	for _, f := range found.Files {
		staged, err := w.files.StageFile(t.Context(), activities.StageFileInput{Scope: scope, Lane: lane, Name: f.Name})
		require.NoError(t, err)
		refs = append(refs, staged.File)
	}
	return refs
}

// submit starts the way of files, as a submission does.
func (w *world) submit(t *testing.T, id string, files []registry.FileRef) {
	t.Helper()
	for _, f := range files {
		_, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: workflows.FileID(f.ID), TaskQueue: w.cfg.Temporal.TaskQueue, Priority: temporal.Priority{FairnessKey: id},
			TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(id)),
		}, workflows.FileSubmission, workflows.FileSubmissionInput{
			Version: 1, Practice: id, File: f, Lane: registry.LaneProduction, Policy: w.profile.Policy, Business: w.profile.BusinessDays(),
		})
		require.NoError(t, err)
	}
}

// delivered counts the confirmed files of practices whose name begins so.
func (w *world) delivered(t *testing.T, prefix string) int {
	t.Helper()
	var n int
	require.NoError(t, w.sql.QueryRow(t.Context(),
		`select count(*) from deliveries where state = 'confirmed' and practice like $1 || '%'`, prefix).Scan(&n))
	return n
}

// until waits for so many and says how long that took.
func (w *world) until(t *testing.T, prefix string, n int) time.Duration {
	t.Helper()
	start := time.Now()
	require.Eventually(t, func() bool { return w.delivered(t, prefix) >= n }, patience, tick, "%s: %d of %d", prefix, w.delivered(t, prefix), n)
	return time.Since(start)
}
