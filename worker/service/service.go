package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"immtrail/activities"
	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/buildid"
	"immtrail/internal/profiles"
	"immtrail/internal/reconcile"
	"immtrail/internal/temporalconn"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/registry/texas"
	"immtrail/transfer"
	"immtrail/vault"
	"immtrail/workflows"
)

// Options are what a main may add to the settings.
type Options struct {
	// Hooks run around every activity; the sandbox kills the worker in them.
	Hooks Hooks
	// Interceptors are further ones; the sandbox tries the next build's workflows.
	Interceptors []interceptor.WorkerInterceptor
	// Logger is used instead of the one that the settings describe.
	Logger *slog.Logger
	// Ready is called once the worker polls.
	Ready func()
	// Getenv is the environment; nil means the process's.
	Getenv func(string) string
}

// rooms are what the worker has opened.
type rooms struct {
	cfg     *config.Config
	wire    wire.Wire
	store   *db.Store
	vault   *vault.Vault
	client  client.Client
	profile *texas.Loaded
	letters *texas.Letters
	closers []func()
}

func (r *rooms) close() {
	for i := len(r.closers) - 1; i >= 0; i-- {
		r.closers[i]()
	}
}

// Run runs the worker until ctx ends, then lets running activities finish for
// as long as worker.stop_timeout allows. It returns an error when a room cannot
// be opened; the error names the setting and says what to do.
func Run(ctx context.Context, cfg *config.Config, opts Options) error {
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	log := opts.Logger
	if log == nil {
		log = logger(cfg.Log, os.Stderr)
	}
	meters, err := newMeters()
	if err != nil {
		return err
	}
	r, err := open(ctx, cfg, opts, log, meters)
	if err != nil {
		return err
	}
	defer r.close()
	fatal := make(chan error, 1)
	w, err := r.worker(opts, log, fatal)
	if err != nil {
		return err
	}
	stop, err := serve(ctx, r, meters, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := w.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	log.Info("the worker is ready", "task_queue", cfg.Temporal.TaskQueue, "build", buildid.ID())
	if opts.Ready != nil {
		opts.Ready()
	}
	select {
	case <-ctx.Done():
		log.Info("the worker stops; running steps may finish", "within", cfg.Worker.StopTimeout.String())
	case err = <-fatal: // it ends, so that whoever watches it starts another
		err = fmt.Errorf("the worker lost Temporal for good: %w", err)
	}
	w.Stop()
	return err
}

// open opens every room, or closes again what it has opened.
func open(ctx context.Context, cfg *config.Config, opts Options, log *slog.Logger, m *meters) (r *rooms, err error) {
	r = &rooms{cfg: cfg, wire: wire.Wire{Config: cfg, Getenv: opts.Getenv}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.profile, err = r.wire.Profiles().Load(""); err != nil {
		return r, err
	}
	if r.letters, err = r.wire.Profiles().Letters(); err != nil {
		return r, err
	}
	if err := patiently(ctx, log, "the database", func(ctx context.Context) error {
		r.store, err = r.wire.Store(ctx)
		return err
	}); err != nil {
		return r, err
	}
	r.closers = append(r.closers, r.store.Close)
	if err := r.store.CheckSchema(ctx); err != nil {
		return r, err
	}
	if r.vault, err = r.wire.FileStore(ctx); err != nil {
		return r, err
	}
	r.closers = append(r.closers, func() { _ = r.vault.Close() })
	settings, extra, err := r.wire.Temporal("worker@" + hostname())
	if err != nil {
		return r, err
	}
	extra = append(extra, func(o *client.Options) { o.MetricsHandler = m.temporal })
	if err := patiently(ctx, log, "Temporal", func(ctx context.Context) error {
		r.client, err = temporalconn.Dial(ctx, settings, log, extra...)
		return err
	}); err != nil {
		return r, err
	}
	r.closers = append(r.closers, r.client.Close)
	// Workflows set them: with one missing their tasks would fail for ever.
	if err := temporalconn.EnsureSearchAttributes(ctx, r.client, cfg.Temporal.Namespace); err != nil {
		return r, err
	}
	return r, notRestored(ctx, r.client, r.store)
}

// notRestored refuses a database that is behind Temporal: it was restored from a
// backup, gives numbers anew that workflows carry already, and would send again
// what it does not know of.
func notRestored(ctx context.Context, engine reconcile.Engine, store *db.Store) error {
	mark, err := store.FileMark(ctx)
	if err != nil {
		return err
	}
	newest, err := reconcile.Newest(ctx, engine, reconcile.Since(mark.Newest))
	if err != nil {
		return fmt.Errorf("ask Temporal for the newest file: %w", err)
	}
	if newest > mark.Last {
		return fmt.Errorf("the database is behind Temporal: it knows files up to f-%d, Temporal up to f-%d. "+
			"Was a backup restored? Run `starter reconcile` before a worker starts", mark.Last, newest)
	}
	return nil
}

// startPatience is how long a worker waits for a database and a Temporal that
// are starting too, as they do after a power cut.
const startPatience = time.Minute

// patiently tries until it succeeds. Only what may be late is waited for: wrong
// settings and refusals are said at once.
func patiently(ctx context.Context, log *slog.Logger, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil || registry.KindOf(err) != registry.Transient {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
			log.Warn("waiting at the start", "for", what)
		}
	}
}

// worker registers workflows and activities.
func (r *rooms) worker(opts Options, log *slog.Logger, fatal chan<- error) (worker.Worker, error) {
	now, values := activities.Clock(time.Now), r.wire.Profiles()
	notices, err := r.notices(values, now)
	if err != nil {
		return nil, err
	}
	w := worker.New(r.client, r.cfg.Temporal.TaskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize:      r.cfg.Worker.Activities,
		MaxConcurrentWorkflowTaskExecutionSize:  r.cfg.Worker.WorkflowTasks,
		MaxConcurrentLocalActivityExecutionSize: r.cfg.Worker.Activities,
		WorkerStopTimeout:                       r.cfg.Worker.StopTimeout,
		BuildID:                                 buildid.ID(), //nolint:staticcheck // reported only: changes go by GetVersion and replay, not by Worker Versioning
		Interceptors:                            append([]interceptor.WorkerInterceptor{&around{hooks: opts.Hooks}}, opts.Interceptors...),
		OnFatalError: func(err error) {
			log.Error("the worker lost Temporal for good", "error", err.Error())
			select {
			case fatal <- err:
			default: // told already
			}
		},
	})
	tables, err := r.wire.Codes()
	if err != nil {
		return nil, err
	}
	workflows.Register(w)
	dialer := transfer.NewPool(r.wire.Dialer())
	r.closers = append(r.closers, func() { _ = dialer.Close() })
	connections := activities.Connections{DB: r.store, Secret: r.wire.Secret, Now: now}
	files := &activities.Files{
		DB: r.store, Vault: r.vault, Outbox: r.cfg.Outbox.Dir, Profiles: values, Clock: now, Stable: r.cfg.Outbox.Stable,
		Codes: tables,
	}
	for _, a := range []any{
		files,
		&activities.Practices{DB: r.store, Profiles: values, Clock: now},
		&activities.Deliveries{
			DB: r.store, Vault: r.vault, Dialer: dialer, Connections: connections, Profiles: values, Clock: now,
		},
		&activities.Reports{
			DB: r.store, Vault: r.vault, Dialer: dialer, Connections: connections, Profiles: values,
			Known: reportKnowledge(values), Clock: now,
		},
		notices,
		&activities.Watches{
			DB: r.store, Profiles: values, Known: reportKnowledge(values), Clock: now, Schedule: activities.ScheduleAt(r.client),
			LeftInHistory: activities.LeftInHistory(files),
		},
		&activities.Histories{DB: r.store, Files: files, Clock: now},
		&activities.Schedules{Client: r.client, TaskQueue: r.cfg.Temporal.TaskQueue, DB: r.store},
		&activities.Hands{DB: r.store, Vault: r.vault, Profiles: values, Clock: now},
		&activities.Hosts{DB: r.store, Client: r.client, TaskQueue: r.cfg.Temporal.TaskQueue, Profiles: values, Clock: now},
	} {
		w.RegisterActivity(a)
	}
	return w, nil
}

// notices is how people are told.
func (r *rooms) notices(values profiles.Dir, now activities.Clock) (*activities.Notices, error) {
	mail, err := r.wire.Mail()
	if err != nil {
		return nil, err
	}
	chat, err := r.wire.Chat()
	if err != nil {
		return nil, err
	}
	return &activities.Notices{
		Bounces: r.wire.Bounces(),
		DB:      r.store, Sender: mail, Letters: r.letters, Profiles: values, Catalogue: r.profile.Catalogue,
		From: r.wire.Sender(), Domain: r.wire.MessageIDDomain(), People: r.wire.People(), Clock: now, Chat: chat,
	}, nil
}

// reportKnowledge reads the files of overrides each time that it is asked.
func reportKnowledge(dir profiles.Dir) func() (activities.ReportKnowledge, error) {
	return func() (activities.ReportKnowledge, error) {
		loaded, err := dir.Working("")
		if err != nil {
			return activities.ReportKnowledge{}, err
		}
		return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings, Foretold: loaded.Foretold}, nil
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// errNotReady says what a readiness probe found.
var errNotReady = errors.New("not ready")
