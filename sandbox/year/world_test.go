package year_test

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
	"go.temporal.io/sdk/testsuite"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/dqa/extract"
	"immtrail/internal/dbtest"
	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/sandbox/fakeregistry"
	"immtrail/transfer"
	"immtrail/transfer/sftp"
	"immtrail/vault"
)

func TestMain(m *testing.M) {
	extract.Serve()
	os.Exit(dbtest.Main(m))
}

const (
	group   = "lonestar-group"
	orgCode = "LONE3003"
)

var sites = []string{"austin", "buda", "cedar-park", "dripping-springs", "elgin"}

func facility(site int) string { return fmt.Sprintf("%s-%d", orgCode, site+1) }

// world is the product's activities and the registry, on one date.
type world struct {
	t       *testing.T
	now     time.Time
	sites   []string
	url     string
	store   *db.Store
	profile registry.Profile
	outbox  string
	dir     string // the registry's

	registry   *fakeregistry.Registry
	account    fakeregistry.Account
	files      *activities.Files
	deliveries *activities.Deliveries
	reports    *activities.Reports
}

// Profile implements activities.ProfileSource.
func (w *world) Profile(string) (*registry.Profile, error) { return &w.profile, nil }

func newWorld(t *testing.T, behaviour fakeregistry.Behaviour, reports registry.ReportSettings) *world {
	t.Helper()
	return newGroup(t, sites, behaviour, reports)
}

// newGroup is a world whose practice has these sites.
func newGroup(t *testing.T, sites []string, behaviour fakeregistry.Behaviour, reports registry.ReportSettings) *world {
	t.Helper()
	w := &world{t: t, sites: sites, outbox: t.TempDir(), dir: t.TempDir(), now: time.Date(2026, 1, 5, 15, 0, 0, 0, time.UTC)}
	loaded, err := texas.Load()
	require.NoError(t, err)
	w.profile = loaded.Profile
	folders := fakeregistry.DefaultFolders()
	w.profile.Folders = folders
	w.profile.Reports.Lists, w.profile.Reports.Per, w.profile.Reports.Weekday = reports.Lists, reports.Per, reports.Weekday

	w.url = dbtest.New(t, db.Migrate)
	sealer, err := db.NewSealer(bytes.Repeat([]byte("d"), 32), db.SealKey{ID: "k1", Key: bytes.Repeat([]byte("k"), 32)})
	require.NoError(t, err)
	w.store, err = db.Open(t.Context(), db.Options{URL: w.url, Sealer: sealer})
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	files, err := vault.Open(t.Context(), vault.Options{
		URL: "file://" + filepath.Join(t.TempDir(), "files"), Recipients: []string{recipient}, Identities: []string{secret},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = files.Close() })

	w.registry, err = fakeregistry.Open(fakeregistry.Options{Dir: w.dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.registry.Close() })
	w.account = fakeregistry.Account{User: group, Password: "pw", OrgCode: orgCode, Behaviour: behaviour}
	w.object(nil)
	server, err := sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{
		group: {Password: "pw", Root: filepath.Join(w.dir, "homes", group)},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })

	clock := func() time.Time { return w.now }
	connections := activities.Connections{DB: w.store, Secret: func(string) ([]byte, error) { return []byte("pw"), nil }}
	dialer := transfer.ByProtocol{sftp.Protocol: sftp.Dialer{}}
	w.files = &activities.Files{DB: w.store, Vault: files, Outbox: w.outbox, Profiles: w, Clock: clock}
	w.deliveries = &activities.Deliveries{DB: w.store, Vault: files, Profiles: w, Clock: clock, Dialer: dialer, Connections: connections}
	w.reports = &activities.Reports{
		DB: w.store, Vault: files, Dialer: dialer, Connections: connections, Profiles: w, Clock: clock,
		Known: func() (activities.ReportKnowledge, error) {
			return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings, Foretold: loaded.Foretold}, nil
		},
	}
	w.enrol(server)
	return w
}

func (w *world) enrol(server *sftptest.Server) {
	w.t.Helper()
	require.NoError(w.t, w.store.SaveConnection(w.t.Context(), db.Connection{
		Name: group, Protocol: "sftp", Host: "127.0.0.1", Port: server.Port(), Username: group,
		SecretRef: "env:PW", HostKeys: []string{server.HostKeyLine()},
	}, w.act("connection", "")))
	p := &registry.Practice{
		ID: group, Name: "Lone Star Clinics", Registry: "texas", OrgCode: orgCode, IISID: "1900000003",
		Zone: "America/Chicago", Connection: group, Phase: registry.PhaseProduction,
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Vendor", Email: "hl7@vendor.example"},
			{Role: registry.ContactCoordinator, Name: "Carla", Email: "carla@coordinator.example"},
		},
	}
	for i, site := range w.sites {
		p.Sites = append(p.Sites, registry.Site{
			ID: site, Name: site, Facilities: []string{facility(i)}, Prescribers: []string{"1234567893"},
		})
	}
	require.NoError(w.t, w.store.SavePractice(w.t.Context(), p, w.act("practice", "")))
	require.NoError(w.t, activities.MakeOutbox(w.outbox, group))
}

func (w *world) act(key, reason string) db.Act {
	return db.Act{Key: key, By: registry.Actor{Name: "Carla Coordinator", Via: "cli"}, At: w.now, Reason: reason}
}

func scope() activities.Scope { return activities.Scope{Practice: group} }

// do runs an activity as a worker would.
func do[In, Out any](w *world, activity func(context.Context, In) (Out, error), in In) Out {
	w.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(2 * time.Minute)
	env.RegisterActivity(activity)
	got, err := env.ExecuteActivity(activity, in)
	require.NoError(w.t, err)
	var out Out
	require.NoError(w.t, got.Get(&out))
	return out
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// object tells the registry what it objects to in the next file.
func (w *world) object(to map[string][]fakeregistry.Objection) {
	w.t.Helper()
	w.account.Objections = to
	require.NoError(w.t, w.registry.SetAccounts([]fakeregistry.Account{w.account}))
}

// step lets the registry look twice: it takes what has lain there.
func (w *world) step() {
	w.t.Helper()
	for range 2 {
		w.now = w.now.Add(time.Minute)
		require.NoError(w.t, w.registry.Step(w.now))
	}
}

// send brings a file from the EHR's folder to the registry, which judges it.
func (w *world) send(name string, content []byte, to map[string][]fakeregistry.Objection) {
	w.t.Helper()
	path := filepath.Join(w.outbox, group, string(registry.LaneProduction), name)
	require.NoError(w.t, os.WriteFile(path, content, 0o600))
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(w.t, os.Chtimes(path, old, old))
	lane := registry.LaneProduction
	scan := do(w, w.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: lane, Max: 10})
	require.Len(w.t, scan.Files, 1)
	staged := do(w, w.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: lane, Name: scan.Files[0].Name})
	checked := do(w, w.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: staged.File, Lane: lane})
	require.Zero(w.t, checked.Summary.Held, "%s: our own checker holds nothing back", name)
	p := do(w, w.deliveries.PrepareDelivery, activities.PrepareDeliveryInput{Scope: scope(), File: staged.File, Lane: lane, Attempt: 1})
	do(w, w.deliveries.UploadFile, activities.UploadFileInput{Scope: scope(), DeliveryID: p.DeliveryID})
	do(w, w.deliveries.ConfirmDelivery, activities.ConfirmDeliveryInput{Scope: scope(), DeliveryID: p.DeliveryID})
	w.object(to)
	w.step()
}

// collect takes in what the registry has answered, each step twice.
func (w *world) collect() {
	w.t.Helper()
	list := do(w, w.reports.ListReports, activities.ListReportsInput{Connection: group, Max: 50})
	for _, r := range list.Reports {
		fetched := do(w, w.reports.FetchReport, activities.FetchReportInput{Connection: group, Name: r.Name})
		in := activities.ImportReportInput{ReportID: fetched.ReportID}
		got := do(w, w.reports.ImportReport, in)
		require.False(w.t, got.Unreadable, r.Name)
		require.Zero(w.t, got.Unmatched, r.Name)
		require.Equal(w.t, got, do(w, w.reports.ImportReport, in))
		settle := activities.ReconcileErrorsInput{ReportID: fetched.ReportID}
		settled := do(w, w.reports.ReconcileErrors, settle)
		require.Equal(w.t, settled, do(w, w.reports.ReconcileErrors, settle))
	}
}

// messagesOf splits a batch into its messages.
func messagesOf(batch []byte) []string {
	var out []string
	for _, line := range strings.SplitAfter(string(batch), "\r") {
		switch {
		case strings.HasPrefix(line, "MSH|"):
			out = append(out, line)
		case len(line) < 3 || strings.HasPrefix(line, "BTS") || strings.HasPrefix(line, "FTS"):
		case len(out) > 0:
			out[len(out)-1] += line
		}
	}
	return out
}
