package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/pglocal"
	"immtrail/internal/temporalconn"
	"immtrail/internal/temporalconn/searchattr"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/sandbox/engine"
	"immtrail/vault"
	"immtrail/worker/service"
	"immtrail/workflows"
)

// world is a Temporal server, a PostgreSQL, a worker and the command line.
type world struct {
	temporal          client.Client
	store             *db.Store
	cfg               *config.Config
	starter, settings string
	closers           []func() error
}

// newWorld starts it all in a folder of its own.
func newWorld(ctx context.Context) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return w, err
	}
	w.onClose(func() error { return os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return w, err
	}
	w.starter = filepath.Join(dir, "starter")
	build := exec.CommandContext(ctx, "go", "build", "-o", w.starter, "immtrail/starter") //nolint:gosec // our own
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return w, err
	}
	cluster, err := pglocal.Start(ctx, pglocal.Options{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return w, err
	}
	w.onClose(cluster.Stop)
	server, err := engine.Start(ctx, engine.Options{Dir: filepath.Join(dir, "temporal"), NoUI: true})
	if err != nil {
		return w, err
	}
	w.onClose(server.Stop)
	if err := server.WaitReady(ctx); err != nil {
		return w, err
	}
	if w.settings, err = settingsFile(dir, cluster.URL("postgres"), server.HostPort()); err != nil {
		return w, err
	}
	return w, w.open(ctx, cluster.URL("postgres"))
}

func (w *world) onClose(f func() error) { w.closers = append(w.closers, f) }

// close ends what was started, the last first.
func (w *world) close() error {
	var errs []error
	for n := len(w.closers) - 1; n >= 0; n-- {
		errs = append(errs, w.closers[n]())
	}
	return errors.Join(errs...)
}

// open reaches database and Temporal as the command line does, and starts a worker.
func (w *world) open(ctx context.Context, url string) (err error) {
	if err := db.Migrate(ctx, url); err != nil {
		return err
	}
	if w.cfg, err = config.Load(config.Source{Path: w.settings}); err != nil {
		return err
	}
	if w.store, err = (wire.Wire{Config: w.cfg, Getenv: os.Getenv}).Store(ctx); err != nil {
		return err
	}
	w.onClose(func() error { w.store.Close(); return nil })
	w.temporal, err = temporalconn.Dial(ctx, temporalconn.Settings{HostPort: w.cfg.Temporal.Address}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	w.onClose(func() error { w.temporal.Close(); return nil })
	return w.work(ctx)
}

func (w *world) work(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- service.Run(ctx, w.cfg, service.Options{
			Getenv: os.Getenv, Logger: slog.New(slog.DiscardHandler), Ready: func() { close(ready) },
		})
	}()
	w.onClose(func() error {
		stop()
		return <-ended
	})
	select {
	case <-ready:
		return nil
	case err := <-ended:
		ended <- nil
		return errors.Join(errors.New("the worker ended"), err)
	}
}

func practiceID(n int) string { return fmt.Sprintf("practice-%04d", n) }

// intoReview makes n practices that are in review, and waits until each onboarding
// waits for the registry.
func (w *world) intoReview(ctx context.Context, n int) error {
	act := func(key string) db.Act { return db.Act{Key: key, By: registry.System, At: time.Now()} }
	if err := w.store.SaveConnection(ctx, db.Connection{
		Name: "dshs", Protocol: "sftp", Host: "127.0.0.1", Port: 1, Username: "u", SecretRef: "env:KEY",
	}, act("connection")); err != nil {
		return err
	}
	for i := range n {
		id, org := practiceID(i), fmt.Sprintf("SAMP%04d", i)
		if err := w.store.SavePractice(ctx, &registry.Practice{
			ID: id, Name: "Sample " + id, Registry: "texas", OrgCode: org, Zone: "America/Chicago", Connection: "dshs",
			Phase: registry.PhaseInReview, Sites: []registry.Site{{ID: "main", Name: "Main", Facilities: []string{org}}},
			Contacts: []registry.Contact{
				{Role: registry.ContactVendor, Name: "Desk", Email: "desk@ehr.example"},
				{Role: registry.ContactCoordinator, Name: "Carla", Email: "carla@coordinator.example"},
			},
		}, act("practice/"+id)); err != nil {
			return err
		}
		if _, err := w.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.OnboardingID(id), TaskQueue: w.cfg.Temporal.TaskQueue,
			TypedSearchAttributes: temporal.NewSearchAttributes(searchattr.PracticeID.ValueSet(id)),
		}, workflows.Onboarding, workflows.OnboardingInput{Version: 1, Practice: id, By: registry.System}); err != nil {
			return err
		}
	}
	return w.settled(ctx, n)
}

// settled waits until each practice has the lines of its onboarding and its watch.
func (w *world) settled(ctx context.Context, n int) error {
	for {
		lines, err := w.store.ProgressLines(ctx, "")
		if err != nil {
			return err
		}
		by := map[string]int{}
		for _, l := range lines {
			by[l.Source]++
		}
		if by["onboarding"] >= n && by["watch"] >= n {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// settingsFile writes settings that reach database and Temporal; the person is
// whoever runs this.
func settingsFile(dir, url, address string) (string, error) {
	identity, recipient, err := vault.NewIdentity()
	if err != nil {
		return "", err
	}
	secrets := map[string]string{"url": url, "identity": identity, "key": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))}
	for name, text := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			return "", err
		}
	}
	for _, folder := range []string{"files", "outbox", "profiles"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "immtrail.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, `
temporal: {address: %[3]q}
database: {url: "file:%[1]s/url"}
vault: {url: "file://%[1]s/files", recipients: [%[2]s], identities: ["file:%[1]s/identity"]}
sealing: {keys: [{id: a, secret: "file:%[1]s/key"}], digest_key: "file:%[1]s/key"}
outbox: {dir: %[1]s/outbox, stable: 30s}
profile: {dir: %[1]s/profiles}
notify: {from: Carla <carla@coordinator.example>}
health: {listen: "127.0.0.1:0"}
metrics: {listen: "127.0.0.1:0"}
people:
  carla: {name: Carla Coordinator, email: carla@coordinator.example}
`, dir, recipient, address), 0o600)
}
