package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"immtrail/db"
	"immtrail/internal/pglocal"
	"immtrail/internal/temporalconn"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/sandbox/fakeregistry"
	"immtrail/vault"
)

const (
	queue        = "immtrail"
	registryRole = "registry"
	password     = "loopback"
	startWithin  = time.Minute
)

// site is all that the practices need, each a process of its own.
type site struct {
	opts    options
	address string // Temporal's
	url     string // PostgreSQL's

	pg                       *pglocal.Cluster
	server, registry, worker *process
	ready                    fakeregistry.Ready
	store                    *db.Store
	sql                      *pgxpool.Pool
	temporal                 client.Client
	policy                   registry.Policy
	env                      []string
	recipient                string
	// metrics is where the worker serves its own.
	metrics string
	// due is when each practice's next submission is.
	due   []time.Time
	stops []func() error
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.opts.dir}, parts...)...)
}

func (s *site) onStop(f func() error) { s.stops = append(s.stops, f) }

func (s *site) stop() error {
	var errs []error
	for n := len(s.stops) - 1; n >= 0; n-- {
		errs = append(errs, s.stops[n]())
	}
	return errors.Join(errs...)
}

func (s *site) start(ctx context.Context) error {
	for _, dir := range []string{"outbox", "profiles", "vault", "registry"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{s.startPostgres, s.startServer, s.startRegistry, s.writeSettings} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) startPostgres(ctx context.Context) (err error) {
	if s.pg, err = pglocal.Start(ctx, pglocal.Options{Dir: s.path("postgres")}); err != nil {
		return err
	}
	s.onStop(s.pg.Stop)
	s.url = s.pg.URL("postgres")
	if err := db.Migrate(ctx, s.url); err != nil {
		return err
	}
	key := bytes.Repeat([]byte("k"), 32)
	sealer, err := db.NewSealer(key, db.SealKey{ID: "a", Key: key})
	if err != nil {
		return err
	}
	secret, recipient, err := vault.NewIdentity()
	if err != nil {
		return err
	}
	s.recipient = recipient
	if s.store, err = db.Open(ctx, db.Options{URL: s.url, Sealer: sealer}); err != nil {
		return err
	}
	s.onStop(func() error { s.store.Close(); return nil })
	if s.sql, err = pgxpool.New(ctx, s.url); err != nil {
		return err
	}
	s.onStop(func() error { s.sql.Close(); return nil })
	s.env = append(os.Environ(), "DB_URL="+s.url, "KEY="+base64.StdEncoding.EncodeToString(key), "IDENTITY="+secret, "LOGIN="+password)
	return nil
}

// built compiles a command.
func (s *site) built(ctx context.Context, pkg string) (string, error) {
	out := s.path(filepath.Base(pkg) + ".bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg) //nolint:gosec // names stand below
	cmd.Stderr = os.Stderr
	return out, cmd.Run()
}

func (s *site) startServer(ctx context.Context) error {
	binary, err := s.built(ctx, "immtrail/sandbox/engine/serve")
	if err != nil {
		return err
	}
	if s.server, err = s.process("temporal", binary, s.path("temporal")); err != nil {
		return err
	}
	address, err := s.server.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the Temporal server did not start: %w", err)
	}
	s.address = strings.TrimSpace(address)
	s.temporal, err = temporalconn.Dial(ctx, temporalconn.Settings{HostPort: s.address, Namespace: "default", Identity: "bench"}, quiet())
	if err != nil {
		return err
	}
	s.onStop(func() error { s.temporal.Close(); return nil })
	return nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// startRegistry starts the fake registry with a login for each practice. It
// looks at its folders every two seconds and answers at once.
func (s *site) startRegistry(context.Context) error {
	var accounts []fakeregistry.Account
	for n := range s.opts.practices {
		accounts = append(accounts, fakeregistry.Account{
			User: practiceID(n), Password: password, OrgCode: orgCode(n), Prescribers: []string{prescriber},
			Facilities: []string{orgCode(n)}, Behaviour: fakeregistry.Behaviour{Answer: fakeregistry.AnswerACK},
		})
	}
	if err := fakeregistry.WriteAccounts(s.path("registry"), accounts); err != nil {
		return err
	}
	options := s.path("registry", "options.json")
	if err := fakeregistry.WriteOptions(options, fakeregistry.Options{Dir: s.path("registry"), Tick: 2 * time.Second}); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.registry, err = s.process("registry", self, registryRole, options); err != nil {
		return err
	}
	s.ready, err = fakeregistry.ReadReady(s.registry.out)
	return err
}

func serveRegistry(options string) error {
	opts, err := fakeregistry.ReadOptions(options)
	if err != nil {
		return err
	}
	opts.Stdin, opts.Log = os.Stdin, slog.New(slog.NewTextHandler(os.Stderr, nil))
	return fakeregistry.Main(context.Background(), opts)
}

const settings = `
temporal: {address: %[1]q}
database: {url: env:DB_URL}
vault: {url: "file://%[2]s/vault", recipients: [%[3]s], identities: [env:IDENTITY]}
sealing: {keys: [{id: a, secret: env:KEY}], digest_key: env:KEY}
outbox: {dir: %[2]s/outbox, stable: 1s}
profile: {dir: %[2]s/profiles}
notify: {deliver: "off", from: The Bench <bench@practice.example>}
worker: {activities: %[4]d}
metrics: {listen: "%[5]s"}
health: {listen: "127.0.0.1:0"}
`

const overlay = `
host: {sessions: %[1]d, sessions_per_login: %[2]d}
folders: {test: %[3]s, production: %[4]s, historical: %[5]s, reports: %[6]s}
`

func (s *site) writeSettings(context.Context) error {
	f := fakeregistry.DefaultFolders()
	text := fmt.Appendf(nil, overlay, s.opts.sessions, s.opts.perLogin, f.Test, f.Production, f.Historical, f.Reports)
	if err := os.WriteFile(s.path("profiles", "texas.yaml"), text, 0o600); err != nil {
		return err
	}
	loaded, err := texas.Load(texas.Overlay{Name: "texas.yaml", Data: text})
	if err != nil {
		return err
	}
	s.policy = loaded.Profile.Policy
	if s.metrics, err = freeAddress(); err != nil {
		return err
	}
	return os.WriteFile(s.path("immtrail.yaml"),
		fmt.Appendf(nil, settings, s.address, s.opts.dir, s.recipient, s.opts.activities, s.metrics), 0o600)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *site) startWorker(ctx context.Context) error {
	binary, err := s.built(ctx, "immtrail/worker")
	if err != nil {
		return err
	}
	if s.worker, err = s.process("worker", binary, "-config", s.path("immtrail.yaml")); err != nil {
		return err
	}
	return s.polled(ctx, queue, s.worker)
}

// polled waits until p asks the queue for work.
func (s *site) polled(ctx context.Context, queue string, p *process) error {
	for giveUp := time.Now().Add(startWithin); time.Now().Before(giveUp); time.Sleep(100 * time.Millisecond) {
		found, err := s.temporal.DescribeTaskQueue(ctx, queue, 1)
		if err == nil && len(found.Pollers) > 0 {
			return nil
		}
		if err := p.ended(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not poll", p.name)
}

// process is one that the site runs. It ends with the bench: its input closes.
type process struct {
	name   string
	cmd    *exec.Cmd
	in     io.Closer
	out    *bufio.Reader
	log    string
	exited chan struct{}
}

func (s *site) process(name, binary string, args ...string) (*process, error) {
	p := &process{name: name, log: s.path(name + ".log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env, p.cmd.Stderr = s.env, log
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.out = in, bufio.NewReader(out)
	if err := errors.Join(p.cmd.Start(), in.Close()); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // its end is the news
		close(p.exited)
	}()
	s.onStop(p.stop)
	return p, nil
}

// ended says what a process said last, where it has ended.
func (p *process) ended() error {
	select {
	case <-p.exited:
		said, _ := os.ReadFile(p.log) // whatever there is
		return fmt.Errorf("%s has ended: %s", p.name, bytes.TrimSpace(said[max(0, len(said)-1000):]))
	default:
		return nil
	}
}

// stop may be called again.
func (p *process) stop() error {
	_ = p.in.Close()
	_ = p.cmd.Process.Signal(os.Interrupt) // the worker does not look at its input
	select {
	case <-p.exited:
	case <-time.After(startWithin):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	return nil
}
