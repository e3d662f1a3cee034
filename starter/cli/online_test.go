package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/db"
	"immtrail/dqa/extract"
	"immtrail/internal/dbtest"
	"immtrail/internal/reconcile"
	"immtrail/registry"
	"immtrail/starter/cli"
	"immtrail/vault"
	"immtrail/workflows"
)

func TestMain(m *testing.M) {
	extract.Serve() // documents are read by a child of this program
	os.Exit(dbtest.Main(m))
}

// fakeEngine stands for Temporal: it keeps what it was asked and answers what
// it was told to.
type fakeEngine struct {
	onboarded map[string]workflows.OnboardingInput
	updates   []sentUpdate
	// answer is what updates are answered with.
	answer func(workflowID, name string, arg any) (workflows.Answer, error)
	// queries are answered by workflow ID and name.
	queries map[string]any
	// asked hears the key of each query before it is answered; may be nil.
	asked     func(key string)
	triggered []string
	trigger   error
	next      time.Time
	schedules []activities.EnsureSchedulesInput
	signals   []string
	sent      []workflows.FileSubmissionInput
	sendFails error
	missing   []string
	workers   []string
	// travelled, running and believed are what reconcile is told.
	travelled  []reconcile.File
	running    map[string]bool
	believed   map[string]registry.Phase
	started    []workflows.FileSubmissionInput
	loads      []workflows.HistoricalLoadInput
	terminated []string
	// ids are workflows that run, by type and practice: "FileSubmission sunrise-plano".
	ids map[string][]string
}

type sentUpdate struct {
	workflowID, name string
	arg              any
}

func (f *fakeEngine) StartHistory(_ context.Context, in workflows.HistoricalLoadInput) (bool, error) {
	f.loads = append(f.loads, in)
	return false, nil
}

func (f *fakeEngine) Onboard(_ context.Context, p *registry.Practice, in workflows.OnboardingInput) (bool, error) {
	_, again := f.onboarded[p.ID]
	f.onboarded[p.ID] = in
	return again, nil
}

func (f *fakeEngine) Update(_ context.Context, id, name string, arg, answer any) error {
	f.updates = append(f.updates, sentUpdate{id, name, arg})
	out, err := f.answer(id, name, arg)
	*answer.(*workflows.Answer) = out
	return err
}

func (f *fakeEngine) Query(_ context.Context, id, name string, answer any) error {
	if f.asked != nil {
		f.asked(id + " " + name)
	}
	value, ok := f.queries[id+" "+name]
	if !ok {
		return cli.ErrGone
	}
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, answer)
}

func (f *fakeEngine) Signal(_ context.Context, id, name string, _ any) error {
	f.signals = append(f.signals, id+" "+name)
	return nil
}

func (f *fakeEngine) SendFile(_ context.Context, in workflows.FileSubmissionInput) error {
	if f.sendFails == nil {
		f.sent = append(f.sent, in)
	}
	return f.sendFails
}

func (f *fakeEngine) Running(_ context.Context, workflowType, practice string) ([]string, error) {
	return f.ids[strings.TrimSpace(workflowType+" "+practice)], nil
}

func (f *fakeEngine) Trigger(_ context.Context, id string) error {
	f.triggered = append(f.triggered, id)
	return f.trigger
}

func (f *fakeEngine) Upcoming(context.Context, string) (next []time.Time, paused bool, err error) {
	if f.next.IsZero() {
		return nil, true, f.trigger
	}
	return []time.Time{f.next, f.next.AddDate(0, 0, 1)}, false, f.trigger
}

func (f *fakeEngine) EnsureSchedules(_ context.Context, in activities.EnsureSchedulesInput) error {
	f.schedules = append(f.schedules, in)
	return nil
}

func (f *fakeEngine) EnsureSearchAttributes(context.Context) error {
	f.missing = nil
	return nil
}

func (f *fakeEngine) MissingSearchAttributes(context.Context) ([]string, error) {
	return f.missing, nil
}

func (f *fakeEngine) Travelled(_ context.Context, _ time.Time, wanted func([]string) ([]string, error)) ([]reconcile.File, error) {
	ids := []string{}
	for _, t := range f.travelled {
		ids = append(ids, t.ID)
	}
	picked, err := wanted(ids)
	return slices.DeleteFunc(slices.Clone(f.travelled), func(t reconcile.File) bool { return !slices.Contains(picked, t.ID) }), err
}

func (f *fakeEngine) RunningFiles(context.Context) (map[string]bool, error) { return f.running, nil }

func (f *fakeEngine) Onboardings(context.Context) (map[string]registry.Phase, error) {
	return maps.Clone(f.believed), nil
}

func (f *fakeEngine) StartFile(_ context.Context, in workflows.FileSubmissionInput) error {
	f.started = append(f.started, in)
	return nil
}

func (f *fakeEngine) Terminate(_ context.Context, id, _ string) error {
	f.terminated = append(f.terminated, id)
	return nil
}

func (f *fakeEngine) Workers(context.Context) ([]string, error) { return f.workers, nil }
func (f *fakeEngine) Close()                                    {}

// bench is a harness with a database, a file store, an outbox and a Temporal of
// our own.
type bench struct {
	*harness
	eng   *fakeEngine
	store *db.Store
	keys  map[string]string
	// recipient is whom files are encrypted to.
	recipient string
}

const settingsText = `
temporal: {address: "127.0.0.1:1"}
database: {url: env:DB_URL}
vault: {url: "file://%[1]s/files", recipients: [%[2]s], identities: [env:IDENTITY]}
sealing: {keys: [{id: a, secret: env:KEY}], digest_key: env:KEY}
outbox: {dir: outbox, stable: 30s}
profile: {dir: profiles}
notify: {from: Mary Major <mary@example.org>}
people:
  mary: {name: Mary Major, email: mary@example.org}
  sam: {name: Sam Minor, may_act_for: [mary]}
`

func newBench(t *testing.T) *bench {
	t.Helper()
	return benchOn(t, dbtest.New(t, db.Migrate))
}

func benchOn(t *testing.T, url string) *bench {
	t.Helper()
	h := newHarness(t)
	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	h.file(t, config.FileName, fmt.Sprintf(settingsText, h.dir, recipient))
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, "profiles"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, "outbox"), 0o700))
	b := &bench{
		harness: h, recipient: recipient, keys: map[string]string{"IDENTITY": secret, "KEY": key, "DB_URL": url},
		eng: &fakeEngine{
			onboarded: map[string]workflows.OnboardingInput{}, queries: map[string]any{}, workers: []string{"worker:1@host"},
			answer: func(string, string, any) (workflows.Answer, error) { return workflows.Answer{Words: "done"}, nil },
		},
	}
	vars := h.vars
	h.env.Getenv = func(name string) string {
		if v, ok := b.keys[name]; ok {
			return v
		}
		return vars[name]
	}
	h.env.Dial = func(context.Context, *config.Config, func(string) string) (cli.Engine, error) { return b.eng, nil }
	return b
}

// open is the database as a test looks at it.
func (b *bench) open(t *testing.T) *db.Store {
	t.Helper()
	if b.store != nil {
		return b.store
	}
	sealer, err := db.NewSealer([]byte(strings.Repeat("k", 32)), db.SealKey{ID: "a", Key: []byte(strings.Repeat("k", 32))})
	require.NoError(t, err)
	store, err := db.Open(t.Context(), db.Options{URL: b.keys["DB_URL"], Sealer: sealer})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	b.store = store
	return store
}

func (b *bench) at() time.Time { return b.env.Now() }

// connection makes "dshs" known.
func (b *bench) connection(t *testing.T) {
	t.Helper()
	require.NoError(t, b.open(t).SaveConnection(t.Context(), db.Connection{
		Name: "dshs", Protocol: "sftp", Host: "127.0.0.1", Port: 1, Username: "u", SecretRef: "env:KEY",
	}, b.act("connection")))
}

// practice adds sunrise-plano in a phase.
func (b *bench) practice(t *testing.T, phase registry.Phase) {
	t.Helper()
	b.connection(t)
	b.run(t, "practice", "add", b.file(t, "practice.yaml", practiceFile+"phase: "+string(phase)+"\n")).exits(0)
}

func (b *bench) act(key string) db.Act {
	return db.Act{Key: key, By: registry.Actor{Name: "Test", Via: "cli"}, At: b.at()}
}

// last is the last update that was sent.
func (b *bench) last(t *testing.T) sentUpdate {
	t.Helper()
	require.NotEmpty(t, b.eng.updates)
	return b.eng.updates[len(b.eng.updates)-1]
}

func (b *bench) events(t *testing.T, kind string) []db.Event {
	t.Helper()
	events, err := b.open(t).Events(t.Context(), db.EventQuery{Kind: kind})
	require.NoError(t, err)
	return events
}

var mary = registry.Actor{Name: "Mary Major", Via: "cli"}
