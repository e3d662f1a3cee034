//go:build unix

package pglocal_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/internal/pglocal"
)

// folder is a place that the user postgres can reach, unlike t.TempDir.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "immtrail-pglocal-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, opts pglocal.Options) *pglocal.Cluster {
	t.Helper()
	opts.NoSync = true
	c, err := pglocal.Start(t.Context(), opts)
	if errors.Is(err, pglocal.ErrNoBinaries) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	return c
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&v))
	return v
}

func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

func TestCluster(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	var log syncBuffer
	c := start(t, pglocal.Options{Dir: dir, Log: &log})

	t.Run("answers, on loopback only and with a password only", func(t *testing.T) {
		require.Equal(t, "127.0.0.1", query[string](t, c.URL("postgres"), "show listen_addresses"))
		require.Equal(t, "UTF8", query[string](t, c.URL("postgres"), "show server_encoding"))
		bad := strings.Replace(c.URL("postgres"), "immtrail:", "immtrail:x", 1)
		_, err := pgx.Connect(t.Context(), bad)
		require.ErrorContains(t, err, "password authentication failed")
	})

	t.Run("its log quotes no value of a refused row", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "create table p (name text unique); insert into p values ('Zzyzxqua')")
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), "insert into p values ('Zzyzxqua')")
		require.Error(t, err)
		require.NoError(t, conn.Close(t.Context()))
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "duplicate key") }, time.Minute, 10*time.Millisecond)
		require.NotContains(t, log.String(), "Zzyzxqua")
	})

	t.Run("a second start on the same folder finds the rows", func(t *testing.T) {
		require.NoError(t, c.Stop())
		require.NoError(t, c.Stop(), "stopping again changes nothing")
		again := start(t, pglocal.Options{Dir: dir})
		require.Equal(t, "Zzyzxqua", query[string](t, again.URL("postgres"), "select name from p"))
		require.NoError(t, again.Stop())
	})
}

func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, pglocal.Options{Dir: dir})
	busy, err := pgx.Connect(t.Context(), c.URL("postgres"))
	require.NoError(t, err)
	running := make(chan struct{})
	go func() {
		close(running)
		_, _ = busy.Exec(context.Background(), "select count(*) from generate_series(1, 20000000)")
	}()
	<-running
	require.Eventually(t, func() bool {
		return query[int](t, c.URL("postgres"), "select count(*)::int from pg_stat_activity where query like '%generate%' and state = 'active'") > 1
	}, 5*time.Second, 5*time.Millisecond)

	require.NoError(t, syscall.Kill(postmasterPID(t, dir), syscall.SIGKILL))
	<-c.Done()
	again := start(t, pglocal.Options{Dir: dir})
	require.Equal(t, 1, query[int](t, again.URL("postgres"), "select 1"), "waits for the busy backend and comes up")
}

func TestKilledParent(t *testing.T) {
	t.Parallel()
	victim := func(t *testing.T, dir string, env ...string) (kill func(), addr string) {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), append(env, "PGLOCAL_TEST_VICTIM="+dir)...)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err, "the victim did not start its cluster")
		cfg, err := pgx.ParseConfig(strings.TrimSpace(line))
		require.NoError(t, err)
		return func() {
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
		}, net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	}
	refused := func(addr string) func() bool {
		return func() bool {
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		}
	}

	t.Run("takes PostgreSQL along, and the folder opens again", func(t *testing.T) {
		t.Parallel()
		dir := folder(t)
		require.NoError(t, start(t, pglocal.Options{Dir: dir}).Stop())
		kill, addr := victim(t, dir)
		pid := postmasterPID(t, dir)
		kill()
		require.Eventually(t, refused(addr), time.Minute, 50*time.Millisecond)
		require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, time.Minute, 50*time.Millisecond)
		require.Equal(t, 1, query[int](t, start(t, pglocal.Options{Dir: dir}).URL("postgres"), "select 1"))
	})

	t.Run("takes a temporary folder along", func(t *testing.T) {
		t.Parallel()
		// Right in the temporary folder: who runs PostgreSQL must be allowed to
		// remove it there.
		dir := filepath.Dir(folder(t))
		require.NoError(t, start(t, pglocal.Options{Dir: dir}).Stop())
		kill, _ := victim(t, dir, "PGLOCAL_TEST_VICTIM_TEMPORARY=1")
		kill()
		require.Eventually(t, func() bool {
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		}, 15*time.Second, 50*time.Millisecond)
	})
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a parent that the user of PostgreSQL cannot search, in one sentence", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("only root hands over to another user")
		}
		closed, err := os.MkdirTemp("", "immtrail-pglocal-")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(closed) })
		_, err = pglocal.Start(t.Context(), pglocal.Options{Dir: filepath.Join(closed, "pg")})
		require.ErrorContains(t, err, "the folder "+closed+" (mode 0700) cannot be searched by the user")
	})

	t.Run("a cluster of a version that is not installed", func(t *testing.T) {
		t.Parallel()
		dir := folder(t)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("7\n"), 0o644))
		_, err := pglocal.Start(t.Context(), pglocal.Options{Dir: dir})
		if errors.Is(err, pglocal.ErrNoBinaries) {
			t.Skip(err)
		}
		require.ErrorContains(t, err, "PostgreSQL 7")
	})
}

func TestErrNoBinariesSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for _, hint := range []string{"apt-get install postgresql", "brew install postgresql"} {
		require.ErrorContains(t, pglocal.ErrNoBinaries, hint)
	}
	require.NotContains(t, pglocal.ErrNoBinaries.Error(), "TEST_DATABASE_URL", "only tests know that variable")
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
