package crowd_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/config"
	"immtrail/starter/cli"
)

// Yesterday's database is restored under today's Temporal and registry: nothing
// is sent twice, no new file takes the place of one that was sent, and the
// differences are listed.
func TestYesterdaysDatabaseUnderTodaysTemporal(t *testing.T) {
	w := newWorld(t, 0)
	stop := w.startWorker(t)
	w.enrol(t, "sunrise", 0, nil)
	w.submit(t, "sunrise", w.stage(t, "sunrise", 0, 2))
	w.until(t, "sunrise", 2)

	backup := filepath.Join(t.TempDir(), "backup.sql")
	w.dump(t, backup)
	export := w.export(t, 0)
	today := w.stageAll(t, "sunrise", export, w.export(t, 0))
	w.submit(t, "sunrise", today)
	w.until(t, "sunrise", 4)
	before := w.atRegistry(t, "sunrise")
	require.Len(t, before, 4)
	stop()
	w.restore(t, backup)

	t.Run("a worker does not start", func(t *testing.T) {
		require.ErrorContains(t, w.runWorker(t.Context(), func() {}), "starter reconcile")
	})
	t.Run("the differences are listed, and settled by a named person", func(t *testing.T) {
		listed := w.starter(t, "reconcile")
		for _, f := range today {
			require.Contains(t, listed, f.ID)
		}
		require.Contains(t, listed, "sent as ")
		require.Contains(t, w.starter(t, "reconcile", "--apply", "--reason", "the disk died"), "recorded")
	})
	w.startWorker(t)
	t.Run("an export of today that comes again is not sent again", func(t *testing.T) {
		w.submit(t, "sunrise", w.stageAll(t, "sunrise", export))
		require.Eventually(t, func() bool {
			var dropped int
			require.NoError(t, w.sql.QueryRow(t.Context(), `select count(*) from files where state = 'dropped'`).Scan(&dropped))
			return dropped == 1
		}, patience, tick)
	})
	t.Run("a new file goes under a number and a name of its own", func(t *testing.T) {
		fresh := w.stage(t, "sunrise", 0, 1)
		require.NotContains(t, []string{today[0].ID, today[1].ID}, fresh[0].ID)
		w.submit(t, "sunrise", fresh)
		w.until(t, "sunrise", 3) // two of yesterday and the new one
	})
	after := w.atRegistry(t, "sunrise")
	require.Len(t, after, 5)
	for name, digest := range before {
		require.Equal(t, digest, after[name], "nothing was overwritten")
	}
	t.Run("and then all agree", func(t *testing.T) {
		require.Contains(t, w.starter(t, "reconcile", "--since", time.Now().AddDate(0, 0, 1).Format(time.DateOnly)), "agree")
	})
}

// starter runs a command as a person does.
func (w *world) starter(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(t.Context(), cli.Env{
		Args: append([]string{"--config", w.settings(t)}, args...), Stdout: &out, Stderr: &errs, Getenv: w.getenv,
		Login: "mary", Now: time.Now, Stdin: bytes.NewReader(nil),
	})
	require.Zero(t, code, "%s%s", out.String(), errs.String())
	return out.String()
}

// settings is a file with the settings of this world.
func (w *world) settings(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.FileName)
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `
temporal: {address: %q}
database: {url: env:URL}
vault: {url: %q, recipients: [%s], identities: [env:ID]}
sealing: {keys: [{id: a, secret: env:KEY}], digest_key: env:KEY}
outbox: {dir: %q}
profile: {dir: %q}
notify: {from: Mary Major <mary@example.org>}
people: {mary: {name: Mary Major, email: mary@example.org}}
`, w.cfg.Temporal.Address, w.cfg.Vault.URL, w.cfg.Vault.Recipients[0], w.cfg.Outbox.Dir, w.cfg.Profile.Dir), 0o600))
	return path
}

// atRegistry are the digests of all files that the registry has of a practice.
func (w *world) atRegistry(t *testing.T, id string) map[string][32]byte {
	t.Helper()
	dir := filepath.Join(w.roots[id], w.profile.Folders.Production)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	found := map[string][32]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		found[e.Name()] = sha256.Sum256(data)
	}
	return found
}

func (w *world) dump(t *testing.T, path string) {
	t.Helper()
	w.tool(t, "pg_dump", "--file", path)
}

// restore puts a dump in the place of what is there, as an operator does.
func (w *world) restore(t *testing.T, path string) {
	t.Helper()
	_, err := w.sql.Exec(t.Context(), `drop schema public cascade; create schema public`)
	require.NoError(t, err)
	w.tool(t, "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", path)
}

// tool runs a program of PostgreSQL on our database.
func (w *world) tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), name, append(args, "--dbname", w.getenv("URL"))...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
