package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"

	"immtrail/db"
	"immtrail/internal/pglocal"
	"immtrail/internal/temporalconn"
	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/mailcatcher"
)

// Options say how the stage is built.
type Options struct {
	// Dir keeps everything.
	Dir string
	// Day is how long a day lasts, at least a second.
	Day time.Duration
	// Years begins in summer and has submissions keep to dates and hours, in the
	// practice's zone and over the changes of the clocks; who plays begins each day by a
	// backfill (registry.Calendar, Backfilled).
	Years bool
	// Codec encrypts what lies in Temporal and serves the codec endpoint.
	Codec bool
	// NoUI leaves the Web UI out.
	NoUI bool
	// KillDir, when set, makes the worker kill itself once before and once
	// after the first run of each activity type; the folder counts the kills.
	KillDir string
	// Binary is the sandbox's own binary, from which registry and worker are
	// started; empty where this process is it, as it is but in tests.
	Binary string
	// SameGroup keeps children in the stage's process group, so that kill -9 of
	// the group takes all of them.
	SameGroup bool
	// Log gets a line per step of the boot; nil is silence.
	Log func(format string, args ...any)
}

// Stage is a rehearsal's stage, running.
type Stage struct {
	opts  Options
	dir   string
	state state
	// fresh says that this is the first run in the folder.
	fresh     bool
	sameGroup bool

	postgres    *pglocal.Cluster
	databaseURL string
	engine      *engine.Engine
	mail        *mailcatcher.Catcher
	registry    *child
	// suspended says that the registry was sent away.
	suspended bool
	ready     fakeregistry.Ready
	worker    *supervisor
	temporal  client.Client

	codecAddr, metricsAddr, healthAddr string
	closers                            []func()
}

// DatabaseName is the rehearsal's database.
const DatabaseName = "immtrail"

// RegistryFolder is the registry's own folder inside the stage's.
const RegistryFolder = "registry"

// Build builds the stage. What was built is taken down again when it fails.
func Build(ctx context.Context, opts Options) (*Stage, error) {
	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o711); err != nil { //nolint:gosec // PostgreSQL's user has to pass
		return nil, err
	}
	s := &Stage{opts: opts, dir: dir, sameGroup: opts.SameGroup}
	if err := s.build(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stage) build(ctx context.Context) error {
	down, err := s.loadState(s.opts.Day)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go s.beat(stop)
	s.closers = append(s.closers, func() { close(stop) })
	if err := s.writeProfile(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		s.startPostgres, s.startMail, s.startEngine, s.configure, s.startRegistry,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if down > 0 {
		if err := s.moveCalendars(ctx, down); err != nil {
			return err
		}
	}
	return s.startWorker(ctx)
}

func (s *Stage) startPostgres(ctx context.Context) error {
	log, err := os.OpenFile(s.path("logs", "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = log.Close() })
	s.postgres, err = pglocal.Start(ctx, pglocal.Options{Dir: s.path("postgres"), Port: s.state.PostgresPort, Log: log})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = s.postgres.Stop() })
	s.state.PostgresPort = s.postgres.Port()
	if err := ensureDatabase(ctx, s.postgres.URL("postgres"), DatabaseName); err != nil {
		return err
	}
	s.databaseURL = s.postgres.URL(DatabaseName)
	if err := db.Migrate(ctx, s.databaseURL); err != nil {
		return err
	}
	s.opts.Log("PostgreSQL on port %d", s.postgres.Port())
	return s.saveState()
}

func (s *Stage) startMail(ctx context.Context) error {
	var err error
	s.mail, err = mailcatcher.Start(ctx, mailcatcher.Options{Dir: s.path("mail")})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = s.mail.Stop() })
	s.opts.Log("mail catcher on %s", s.mail.URL())
	return nil
}

func (s *Stage) startEngine(ctx context.Context) error {
	for _, addr := range []*string{&s.codecAddr, &s.metricsAddr, &s.healthAddr} {
		free, err := freeAddr()
		if err != nil {
			return err
		}
		*addr = free
	}
	opts := engine.Options{Dir: s.path("temporal"), Port: s.state.TemporalPort, NoUI: s.opts.NoUI}
	if err := s.makeKeys(ctx); err != nil {
		return err
	}
	if s.opts.Codec {
		token, err := os.ReadFile(s.path("keys", "token.key"))
		if err != nil {
			return err
		}
		opts.CodecEndpoint = temporalconn.CodecURL("http://"+s.codecAddr, trim(token))
	}
	var err error
	if s.engine, err = engine.Start(ctx, opts); err != nil {
		return err
	}
	s.closers = append(s.closers, func() { _ = s.engine.Stop() })
	if err := s.engine.WaitReady(ctx); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s.engine.HostPort())
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(port, &s.state.TemporalPort); err != nil {
		return err
	}
	s.opts.Log("Temporal on %s", s.engine.HostPort())
	return s.saveState()
}

// configure writes the settings and sets Temporal up with the command that a
// real deployment uses.
func (s *Stage) configure(ctx context.Context) error {
	if err := s.writeSettings(); err != nil {
		return err
	}
	if said, err := s.Starter(ctx, "setup"); err != nil {
		return fmt.Errorf("%w\n%s", err, said) // it prints each step
	}
	settings, err := s.temporalSettings()
	if err != nil {
		return err
	}
	s.temporal, err = temporalconn.Dial(ctx, settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.temporal.Close)
	return nil
}

func (s *Stage) temporalSettings() (temporalconn.Settings, error) {
	out := temporalconn.Settings{HostPort: s.engine.HostPort(), Namespace: engine.Namespace, Identity: "sandbox"}
	if !s.opts.Codec {
		return out, nil
	}
	secret, err := readKey(s.path("keys", "codec-rehearsal.key"))
	if err != nil {
		return out, err
	}
	out.CodecOn, out.CodecKeys = true, []temporalconn.Key{{ID: "rehearsal", Secret: secret}}
	return out, nil
}

// startRegistry starts the registry as a process of its own, at the other end
// of an SSH connection.
func (s *Stage) startRegistry(context.Context) error {
	options := s.path(RegistryFolder, "options.json")
	if err := os.MkdirAll(s.path(RegistryFolder), 0o700); err != nil {
		return err
	}
	if err := fakeregistry.WriteOptions(options, fakeregistry.Options{Dir: s.path(RegistryFolder), Calendar: s.state.Calendar}); err != nil {
		return err
	}
	out, in := io.Pipe()
	var err error
	if s.registry, err = s.start("registry", in, "registry", options); err != nil {
		return err
	}
	s.closers = append(s.closers, func() {
		_ = s.ResumeRegistry() // who sleeps does not hear that it is to end
		s.registry.stop(5 * time.Second)
	})
	go func() {
		<-s.registry.exited
		_ = in.CloseWithError(errors.New("the registry has ended; see logs/registry.log"))
	}()
	buffered := bufio.NewReader(out)
	if s.ready, err = fakeregistry.ReadReady(buffered); err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, buffered) }()
	s.opts.Log("fake registry on %s", s.ready.Addr)
	return nil
}

func (s *Stage) startWorker(ctx context.Context) error {
	args := []string{s.SettingsFile()}
	if s.opts.KillDir != "" {
		args = append(args, s.opts.KillDir)
	}
	var err error
	s.worker, err = supervise(ctx, func() (*child, error) { return s.start("worker", nil, "worker", args...) })
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { s.worker.stop(10 * time.Second) })
	return nil
}

// Close takes the stage down, last built first.
func (s *Stage) Close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

func (s *Stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// Path is a place inside the stage's folder.
func (s *Stage) Path(parts ...string) string { return s.path(parts...) }

// Calendar tells the rehearsal's date.
func (s *Stage) Calendar() registry.Calendar { return s.state.Calendar }

// Temporal is a client with the stage's codec.
func (s *Stage) Temporal() client.Client { return s.temporal }

// DatabaseURL is the rehearsal's database, with all rights.
func (s *Stage) DatabaseURL() string { return s.databaseURL }

// Mail is what was caught.
func (s *Stage) Mail() *mailcatcher.Catcher { return s.mail }

// MailPort is where the mail catcher takes letters.
func (s *Stage) MailPort() int {
	_, port, err := net.SplitHostPort(s.mail.SMTPAddr())
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port) // of an address that listens
	return n
}

// MailDir holds the caught letters.
func (s *Stage) MailDir() string { return s.path("mail") }

// Registry is where the registry listens and which key it has.
func (s *Stage) Registry() fakeregistry.Ready { return s.ready }

// Password is that of every login at the registry.
func (s *Stage) Password() string { return s.state.Password }

// UIURL is the Temporal Web UI.
func (s *Stage) UIURL() string { return s.engine.UIURL() }

// Fresh says that the rehearsal begins with this run.
func (s *Stage) Fresh() bool { return s.fresh }

// KillWorker ends the worker as kill -9 does.
func (s *Stage) KillWorker() error { return s.worker.kill() }

// WorkerRestarts is how often the worker had to be started again.
func (s *Stage) WorkerRestarts() int { return s.worker.Restarts() }

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// HostPort is the Temporal frontend.
func (s *Stage) HostPort() string { return s.engine.HostPort() }

// MetricsURL is the worker's metrics page.
func (s *Stage) MetricsURL() string { return "http://" + s.metricsAddr + "/metrics" }
