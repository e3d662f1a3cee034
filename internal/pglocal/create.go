package pglocal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// create makes the cluster where there is none yet, reads its password, and
// returns the installation that fits its version.
func (c *Cluster) create(ctx context.Context, acc account, opts Options) (installation, error) {
	pwFile := filepath.Join(c.dir, "password")
	version, err := os.ReadFile(filepath.Join(c.dataDir, "PG_VERSION"))
	switch {
	case err == nil:
		bin, err := findBinaries(majorOf(string(version)))
		if err != nil {
			return bin, err
		}
		password, err := os.ReadFile(pwFile)
		if err != nil {
			return bin, err
		}
		c.password = strings.TrimSpace(string(password))
		return bin, nil
	case !errors.Is(err, fs.ErrNotExist):
		return installation{}, err
	}
	bin, err := findBinaries(0)
	if err != nil {
		return bin, err
	}
	c.password = rand.Text()
	if err := os.WriteFile(pwFile, []byte(c.password+"\n"), 0o600); err != nil {
		return bin, err
	}
	if err := acc.own(pwFile); err != nil {
		return bin, err
	}
	return bin, c.initdb(ctx, acc, bin, pwFile, opts.NoSync)
}

// initdb builds the cluster beside its place and moves it there when it is
// whole, so that a kill in between leaves nothing that looks like a cluster.
func (c *Cluster) initdb(ctx context.Context, acc account, bin installation, pwFile string, noSync bool) error {
	draft := c.dataDir + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	args := []string{
		"--pgdata", draft, "--username", superuser, "--pwfile", pwFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
	}
	if noSync {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, program(bin.dir, "initdb"), args...)
	cmd.Dir = c.dir
	cmd.Env = environment()
	cmd.SysProcAttr = acc.sysProcAttr()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLine(string(out)))
	}
	return os.Rename(draft, c.dataDir)
}

// environment drops the PG… variables, which would point the programs at some
// other server, and keeps messages in English, since Start reads them.
func environment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "TZ" || name == "LANG" {
			continue
		}
		env = append(env, kv)
	}
	return env
}

// settings are the server's command line. Statements and values stay out of its
// log: rows may hold what identifies a patient.
func (c *Cluster) settings(opts Options) []string {
	set := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"port=" + strconv.Itoa(c.port),
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_statement=none",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_parameter_max_length_on_error=0",
	}
	if opts.Statements {
		set = append(set, "shared_preload_libraries=pg_stat_statements")
	}
	if opts.NoSync {
		set = append(set, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", c.dataDir}
	for _, s := range set {
		args = append(args, "-c", s)
	}
	return args
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
