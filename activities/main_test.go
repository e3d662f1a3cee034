package activities_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/dqa/extract"
	"immtrail/internal/dbtest"
	"immtrail/internal/hl7gen"
	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
	"immtrail/vault"
)

func TestMain(m *testing.M) {
	extract.Serve() // documents are read by a child of this program
	os.Exit(dbtest.Main(m))
}

var maria = registry.Actor{Name: "Maria Ortega", Via: "cli"}

// bundle is everything that activities stand on, all of it real: PostgreSQL,
// the file store on disk, an SFTP server, an outbox.
type bundle struct {
	db         *db.Store
	url        string
	vault      *vault.Vault
	server     *sftptest.Server
	drop       string // the registry's folder on disk
	store      string // the file store on disk
	outbox     string
	profile    registry.Profile
	now        time.Time
	practices  *activities.Practices
	files      *activities.Files
	deliveries *activities.Deliveries
}

// Profile implements activities.ProfileSource.
func (b *bundle) Profile(string) (*registry.Profile, error) { return &b.profile, nil }

// open makes a bundle with a practice called "sunrise" in phase.
func open(t *testing.T, phase registry.Phase) *bundle {
	t.Helper()
	ctx := t.Context()
	b := &bundle{drop: t.TempDir(), outbox: t.TempDir(), now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)}
	loaded, err := texas.Load()
	require.NoError(t, err)
	b.profile = loaded.Profile
	b.profile.Transfer.DialTimeout, b.profile.Transfer.IdleTimeout = 5*time.Second, 2*time.Second

	b.url = dbtest.New(t, db.Migrate)
	sealer, err := db.NewSealer(bytes.Repeat([]byte("d"), 32), db.SealKey{ID: "k1", Key: bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	b.db, err = db.Open(ctx, db.Options{URL: b.url, Sealer: sealer})
	require.NoError(t, err)
	t.Cleanup(b.db.Close)

	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	b.store = filepath.Join(t.TempDir(), "files")
	b.vault, err = vault.Open(ctx, vault.Options{
		URL: "file://" + b.store, Recipients: []string{recipient}, Identities: []string{secret},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.vault.Close() })

	for _, dir := range []string{b.profile.Folders.Test, b.profile.Folders.Production, b.profile.Folders.Historical, b.profile.Folders.Reports} {
		require.NoError(t, os.MkdirAll(filepath.Join(b.drop, dir), 0o755))
	}
	b.server, err = sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{"burl": {Password: "hunter2", Root: b.drop}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.server.Close() })

	clock := func() time.Time { return b.now }
	b.practices = &activities.Practices{DB: b.db, Profiles: b, Clock: clock}
	b.files = &activities.Files{DB: b.db, Vault: b.vault, Outbox: b.outbox, Profiles: b, Clock: clock, Stable: time.Minute}
	b.deliveries = &activities.Deliveries{
		DB: b.db, Vault: b.vault, Profiles: b, Clock: clock,
		Dialer: transfer.ByProtocol{sftp.Protocol: sftp.Dialer{}},
		Connections: activities.Connections{DB: b.db, Secret: func(ref string) ([]byte, error) {
			if ref != "env:SFTP_PASSWORD" {
				return nil, fmt.Errorf("there is no %s", ref)
			}
			return []byte("hunter2\n"), nil
		}},
	}
	b.connect(t, "env:SFTP_PASSWORD", b.server.HostKeyLine())
	b.enrol(t, "sunrise", phase)
	return b
}

func (b *bundle) connect(t *testing.T, secret string, hostKeys ...string) {
	t.Helper()
	require.NoError(t, b.db.SaveConnection(t.Context(), db.Connection{
		Name: "texas-sftp", Protocol: "sftp", Host: "127.0.0.1", Port: b.server.Port(), Username: "burl",
		SecretRef: secret, HostKeys: hostKeys,
	}, b.act("connection/"+secret+fmt.Sprint(hostKeys))))
}

func (b *bundle) enrol(t *testing.T, id string, phase registry.Phase) {
	t.Helper()
	require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
		ID: id, Name: "Sunrise Pediatrics", Registry: "texas", OrgCode: "TEST0001", IISID: "0001112000",
		Zone: "America/Chicago", Connection: "texas-sftp", Phase: phase,
		Sites: []registry.Site{{ID: "plano", Name: "Plano", Facilities: []string{"TEST0001"}, Prescribers: []string{"1234567893"}}},
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Vendor", Email: "hl7@vendor.example"},
			{Role: registry.ContactCoordinator, Name: "Maria", Email: "maria@sunrise.example"},
		},
	}, b.act("practice-added/"+id)))
	require.NoError(t, activities.MakeOutbox(b.outbox, id))
}

func (b *bundle) act(key string) db.Act { return db.Act{Key: key, By: maria, At: b.now} }

func scope() activities.Scope { return activities.Scope{Practice: "sunrise"} }

// put lays a file into the outbox, old enough to be taken.
func (b *bundle) put(t *testing.T, lane registry.Lane, name string, content []byte) {
	t.Helper()
	path := filepath.Join(b.outbox, "sunrise", string(lane), name)
	require.NoError(t, os.WriteFile(path, content, 0o644))
	require.NoError(t, os.Chtimes(path, b.now.Add(-time.Hour), b.now.Add(-time.Hour)))
}

// batch is a file of an EHR.
func (b *bundle) batch(t *testing.T, seed uint64, lane registry.Lane, messages int, defects ...hl7gen.Defect) ([]byte, hl7gen.Facts) {
	t.Helper()
	var buf bytes.Buffer
	gen := hl7gen.New(seed, hl7gen.Options{
		OrgCode: "TEST0001", Now: b.now, ProcessingID: b.profile.Message.ProcessingID(lane),
	})
	facts, err := gen.Batch(&buf, hl7gen.BatchOptions{Messages: messages, Defects: defects})
	require.NoError(t, err)
	return buf.Bytes(), facts
}

// run executes an activity as a worker would, once.
func run[In, Out any](t *testing.T, activity func(context.Context, In) (Out, error), in In) (Out, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	return runIn(t, suite.NewTestActivityEnvironment(), activity, in)
}

func runIn[In, Out any](
	t *testing.T, env *testsuite.TestActivityEnvironment, activity func(context.Context, In) (Out, error), in In,
) (Out, error) {
	t.Helper()
	env.SetTestTimeout(2 * time.Minute)
	env.RegisterActivity(activity)
	var out Out
	got, err := env.ExecuteActivity(activity, in)
	if err != nil {
		return out, err
	}
	require.NoError(t, got.Get(&out))
	return out, nil
}

// must is run where nothing may fail.
func must[In, Out any](t *testing.T, activity func(context.Context, In) (Out, error), in In) Out {
	t.Helper()
	out, err := run(t, activity, in)
	require.NoError(t, err)
	return out
}

// requireKind wants the error that a workflow branches on.
func requireKind(t *testing.T, want registry.Kind, err error) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, string(want), app.Type(), app.Error())
	require.NotContains(t, strings.ToLower(app.Message()), "hunter2")
}

// stage brings one file from the outbox into the process.
func (b *bundle) stage(t *testing.T, lane registry.Lane, name string, content []byte) registry.FileRef {
	t.Helper()
	b.put(t, lane, name, content)
	scan := must(t, b.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: lane, Max: 10})
	require.Len(t, scan.Files, 1)
	staged := must(t, b.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: lane, Name: scan.Files[0].Name})
	require.NotEmpty(t, staged.File.ID)
	return staged.File
}

func (b *bundle) check(t *testing.T, f registry.FileRef, lane registry.Lane) registry.CheckSummary {
	t.Helper()
	return must(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: f, Lane: lane}).Summary
}

// prepare brings a batch as far as a prepared delivery.
func (b *bundle) prepare(t *testing.T, seed uint64, lane registry.Lane, messages int) activities.PreparedDelivery {
	t.Helper()
	content, _ := b.batch(t, seed, lane, messages)
	f := b.stage(t, lane, fmt.Sprintf("export%d.hl7", seed), content)
	b.check(t, f, lane)
	return must(t, b.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: f, Lane: lane, Attempt: 1})
}

func (b *bundle) uploadInput(p activities.PreparedDelivery) activities.UploadFileInput {
	return activities.UploadFileInput{Scope: scope(), DeliveryID: p.DeliveryID}
}

func (b *bundle) confirmInput(p activities.PreparedDelivery) activities.ConfirmDeliveryInput {
	return activities.ConfirmDeliveryInput{Scope: scope(), DeliveryID: p.DeliveryID}
}

// arrived lists what lies in a folder of the registry.
func (b *bundle) arrived(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(b.drop, folder))
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (b *bundle) state(t *testing.T, id string) db.DeliveryState {
	t.Helper()
	d, err := b.db.Delivery(t.Context(), "sunrise", id)
	require.NoError(t, err)
	return d.State
}
