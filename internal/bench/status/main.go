package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/db"
	"immtrail/internal/pglocal"
	"immtrail/registry"
	"immtrail/vault"
)

func main() {
	practices := flag.Int("practices", 1000, "how many practices")
	n := flag.Int("n", 100, "how often each command is run")
	flag.Parse()
	if err := measure(context.Background(), *practices, *n); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, practices, n int) (err error) {
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return err
	}
	starter := filepath.Join(dir, "starter")
	build := exec.CommandContext(ctx, "go", "build", "-o", starter, "immtrail/starter")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	cluster, err := pglocal.Start(ctx, pglocal.Options{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	url := cluster.URL("postgres")
	if err := fill(ctx, url, practices); err != nil {
		return err
	}
	settings, err := settingsFile(dir, url)
	if err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s; %d practices\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), practices)
	fmt.Printf("%-34s %8s %8s %8s %8s %10s\n", "command", "least", "median", "p99", "most", "printed")
	for _, words := range [][]string{
		{"--help"},
		{"status"},
		{"status", "-o", "json"},
		{"status", "--owner", "you"},
		{"status", "--overdue"},
		{"status", "--vendor", "ehr-1.example"},
		{"status", "--site", "clinic-07"},
	} {
		if err := run(ctx, starter, settings, words, n); err != nil {
			return err
		}
	}
	return nil
}

var (
	now   = time.Now().UTC()
	whose = []string{"you", "practice", "EHR vendor", "registry", "nobody"}
)

// fill makes practices, their rows of progress and errors.
func fill(ctx context.Context, url string, practices int) error {
	if err := db.Migrate(ctx, url); err != nil {
		return err
	}
	key := []byte(strings.Repeat("k", 32))
	sealer, err := db.NewSealer(key, db.SealKey{ID: "a", Key: key})
	if err != nil {
		return err
	}
	store, err := db.Open(ctx, db.Options{URL: url, Sealer: sealer})
	if err != nil {
		return err
	}
	defer store.Close()
	act := func(what string, n int) db.Act {
		return db.Act{Key: fmt.Sprint(what, n), By: registry.System, At: now.AddDate(0, -6, 0)}
	}
	if err := store.SaveConnection(ctx, db.Connection{
		Name: "dshs", Protocol: "sftp", Host: "127.0.0.1", Port: 1, Username: "u", SecretRef: "env:KEY",
	}, act("connection", 0)); err != nil {
		return err
	}
	for i := range practices {
		p := practice(i)
		if err := store.SavePractice(ctx, p, act("practice", i)); err != nil {
			return err
		}
		for n, source := range []string{"onboarding", "watch", "history"} {
			who := whose[(i+n)%len(whose)]
			if err := store.RecordProgress(ctx, db.Progress{
				Practice: p.ID, Source: source, Stage: p.Phase.Words() + ": something that is said of it", Next: "what comes next for it",
				Whose: who, Since: now.AddDate(0, 0, -i%60), Move: "starter status " + p.ID, Attention: who == "you", At: now,
				Ended: source == "history" && i%2 == 0,
			}); err != nil {
				return err
			}
		}
	}
	return incidents(ctx, url)
}

func practice(i int) *registry.Practice {
	p := &registry.Practice{
		ID: fmt.Sprintf("practice-%04d", i), Name: fmt.Sprintf("Sample Practice %d", i), Registry: "texas",
		OrgCode: fmt.Sprintf("SAMP%04d", i), Zone: "America/Chicago", Connection: "dshs",
		Phase: registry.Phases()[i%4], History: registry.HistoryNotAsked, Submission: registry.SubmissionOn,
		Contacts: []registry.Contact{
			{Role: registry.ContactVendor, Name: "Desk", Email: fmt.Sprintf("desk@ehr-%d.example", i%7)},
			{Role: registry.ContactCoordinator, Name: "Carla", Email: "carla@coordinator.example"},
		},
	}
	sites := 1 + i%3
	if i == 7 {
		sites = 60
	}
	for s := range sites {
		p.Sites = append(p.Sites, registry.Site{
			ID: fmt.Sprintf("clinic-%02d", s), Name: "Clinic", Facilities: []string{fmt.Sprintf("%s-%d", p.OrgCode, s)},
			Agreement: "2030-12-31",
		})
	}
	return p
}

// incidents gives every tenth site something that is told of it, by plain SQL.
func incidents(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `
		insert into incidents (practice, kind, site, words, opened_at, opened_look)
		select practice, 'quiet-site', id, 'Site ' || id || ' has had no record in a file for 16 days.', now() - interval '2 days', '{a}'
		from sites where hashtext(practice || id) % 10 = 0;
		analyze`)
	return errors.Join(err, conn.Close(ctx))
}

// settingsFile writes settings that reach the database.
func settingsFile(dir, url string) (string, error) {
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
temporal: {address: "127.0.0.1:1"}
database: {url: "file:%[1]s/url"}
vault: {url: "file://%[1]s/files", recipients: [%[2]s], identities: ["file:%[1]s/identity"]}
sealing: {keys: [{id: a, secret: "file:%[1]s/key"}], digest_key: "file:%[1]s/key"}
outbox: {dir: %[1]s/outbox, stable: 30s}
profile: {dir: %[1]s/profiles}
notify: {from: Carla <carla@coordinator.example>}
people:
  carla: {name: Carla Coordinator, email: carla@coordinator.example}
`, dir, recipient), 0o600)
}

// run runs a command n times, each a process of its own.
func run(ctx context.Context, starter, settings string, words []string, n int) error {
	var took []time.Duration
	printed := 0
	for range n {
		cmd := exec.CommandContext(ctx, starter, words...) //nolint:gosec // just built
		cmd.Env = append(os.Environ(), "IMMTRAIL_CONFIG="+settings)
		began := time.Now()
		out, err := cmd.Output()
		took = append(took, time.Since(began))
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Errorf("%v: %w: %s", words, err, exit.Stderr)
		}
		if err != nil {
			return err
		}
		printed = len(out)
	}
	slices.Sort(took)
	at := func(share float64) int64 { return took[min(len(took)-1, int(share*float64(len(took))))].Milliseconds() }
	fmt.Printf("%-34s %5d ms %5d ms %5d ms %5d ms %7d kB\n", strings.Join(words, " "), at(0), at(0.5), at(0.99), at(1), printed/1000)
	return nil
}
