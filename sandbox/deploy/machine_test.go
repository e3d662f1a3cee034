package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/internal/pglocal"
	"immtrail/internal/sftptest"
	"immtrail/sandbox/engine"
	"immtrail/sandbox/mailcatcher"
)

const (
	patience = 2 * time.Minute
	tick     = 100 * time.Millisecond
	// stranger is a user ID without a name, as inside the container.
	stranger = 10001
)

// machine is one computer on which docker-compose.yml was brought up: the
// services of others are run by the test, on loopback.
type machine struct {
	dir, bin string
	project  *types.Project
	// at says where on this machine a service of the file listens.
	at       map[string]string
	temporal *engine.Engine
	registry *sftptest.Server
}

// newMachine installs: builds as the Dockerfile does, runs deploy/prepare, and
// starts what the file has from others.
func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "immtrail-deploy-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // other users have to pass
	m := &machine{dir: dir, bin: filepath.Join(dir, "bin"), at: map[string]string{}}
	m.build(t)
	for _, name := range []string{
		"docker-compose.yml", "deploy/prepare", "deploy/immtrail.example.yaml", "deploy/registry.example.yaml",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(read(t, filepath.FromSlash(name))), 0o755)) //nolint:gosec // a program among them
	}
	m.own(t, dir)
	m.prepare(t)
	env, err := dotenv.Read(filepath.Join(dir, ".env"))
	require.NoError(t, err)
	env["USER"] = login(t)
	m.project = compose(t, dir, env)
	m.startPostgres(t)
	m.startTemporal(t)
	m.startRegistry(t)
	m.startMail(t)
	return m
}

// build runs the build command of the Dockerfile.
func (m *machine) build(t *testing.T) {
	t.Helper()
	line := regexp.MustCompile(`(?s)RUN (go build .*?)\n\n`).FindStringSubmatch(read(t, "Dockerfile"))
	require.NotNil(t, line, "the Dockerfile builds")
	require.Contains(t, read(t, "Dockerfile"), "CGO_ENABLED=0")
	require.NoError(t, os.MkdirAll(m.bin, 0o755))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line[1], "/out/", m.bin+"/"))
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "BUILD=test-of-compose")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (m *machine) prepare(t *testing.T) {
	t.Helper()
	cmd := m.command(t.Context(), []string{filepath.Join(m.dir, "deploy", "prepare")}, []string{
		"PATH=" + os.Getenv("PATH"), "USER=" + login(t), "STARTER=" + filepath.Join(m.bin, "starter"),
	})
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// command is a process of the person who keeps immtrail: never root's.
func (m *machine) command(ctx context.Context, args, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = m.dir, env
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// own hands dir over to that person.
func (m *machine) own(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, stranger, stranger)
	}))
}

// login is the person's name at this computer.
func login(t *testing.T) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return "mary"
	}
	u, err := user.Current()
	require.NoError(t, err)
	return u.Username
}

func (m *machine) secret(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(m.project.Secrets[name].File)
	require.NoError(t, err)
	return strings.TrimSpace(string(data))
}

// startPostgres runs what deploy/postgres-init.sh gives to psql.
func (m *machine) startPostgres(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "immtrail-deploy-pg-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711)) //nolint:gosec // PostgreSQL's own user has to pass
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	pg, err := pglocal.Start(t.Context(), pglocal.Options{Dir: filepath.Join(dir, "pg"), NoSync: true, Temporary: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pg.Stop() })
	conn := asPostgres(t, pg.URL("postgres"))
	_, sql, ok := strings.Cut(read(t, "deploy", "postgres-init.sh"), "<<'SQL'\n")
	require.True(t, ok)
	sql = strings.NewReplacer(
		":'immtrail'", "'"+m.secret(t, "immtrail_db_password")+"'",
		":'temporal'", "'"+m.secret(t, "temporal_db_password")+"'",
	).Replace(strings.TrimSuffix(strings.TrimSpace(sql), "SQL"))
	for statement := range strings.SplitSeq(sql, ";\n") {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	m.at["postgres:5432"] = fmt.Sprintf("127.0.0.1:%d", pg.Port())
}

// asPostgres gives the cluster the superuser that the postgres image has, and
// connects as that one.
func asPostgres(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	connect := func(cfg *pgx.ConnConfig) *pgx.Conn {
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		return conn
	}
	cfg, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	own := cfg.User
	first := connect(cfg)
	_, err = first.Exec(t.Context(), "CREATE ROLE postgres SUPERUSER LOGIN PASSWORD '"+cfg.Password+"'")
	require.NoError(t, err)
	cfg.User = "postgres"
	conn := connect(cfg)
	_, err = conn.Exec(t.Context(), "ALTER ROLE "+pgx.Identifier{own}.Sanitize()+" RENAME TO private")
	require.NoError(t, err)
	return conn
}

func (m *machine) startTemporal(t *testing.T) {
	t.Helper()
	var err error
	m.temporal, err = engine.Start(t.Context(), engine.Options{Dir: t.TempDir(), NoUI: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.temporal.Stop() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, m.temporal.WaitReady(ctx))
	m.at["temporal:7233"] = m.temporal.HostPort()
}

// startRegistry serves the folder that the file gives to its SFTP server, with
// the login that stands in the server's command.
func (m *machine) startRegistry(t *testing.T) {
	t.Helper()
	require.Contains(t, strings.Join(m.project.Services["registry"].Entrypoint, " "), "--username immtrail ")
	var err error
	m.registry, err = sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{
		"immtrail": {Password: m.secret(t, "registry_password"), Root: m.registryFolder()},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = m.registry.Close() })
	m.at["registry:2022"] = m.registry.Addr()
}

func (m *machine) registryFolder() string {
	return filepath.Join(m.dir, "deploy", "data", "registry", "files")
}

func (m *machine) startMail(t *testing.T) {
	t.Helper()
	mail, err := mailcatcher.Start(t.Context(), mailcatcher.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mail.Stop() })
	m.at["mail:1025"] = mail.SMTPAddr()
}

// environ rewrites places of the container to places of this machine: folders and
// secrets by the mounts of the service, hosts and ports by what runs here.
// Whatever else the file says stays as it is.
func (m *machine) environ(t *testing.T, s types.ServiceConfig) []string {
	t.Helper()
	var places []string
	for _, v := range s.Volumes {
		places = append(places, v.Target, v.Source)
	}
	for _, secret := range s.Secrets {
		places = append(places, "/run/secrets/"+secret.Source, m.project.Secrets[secret.Source].File)
	}
	for inside, outside := range m.at {
		places = append(places, inside, outside)
	}
	host, port, err := net.SplitHostPort(m.at["mail:1025"])
	require.NoError(t, err)
	moved := strings.NewReplacer(places...)
	var out []string
	for _, line := range environ(s) {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "IMMTRAIL_NOTIFY__SMTP__HOST":
			value = host
		case "IMMTRAIL_NOTIFY__SMTP__PORT":
			value = port
		default:
			value = moved.Replace(value)
		}
		out = append(out, name+"="+value)
	}
	return out
}

// argv is the command of a service, with args in place of its own if given.
func (m *machine) argv(s types.ServiceConfig, args ...string) []string {
	full := append([]string{}, s.Entrypoint...)
	if len(args) > 0 {
		full = append(full, args...)
	} else {
		full = append(full, s.Command...)
	}
	full[0] = filepath.Join(m.bin, full[0])
	return full
}

// run is `docker compose run --rm SERVICE ARGS`: what it printed and its exit
// code.
func (m *machine) run(t *testing.T, service string, args ...string) (string, int) {
	t.Helper()
	s := m.project.Services[service]
	cmd := m.command(t.Context(), m.argv(s, args...), m.environ(t, s))
	cmd.Dir = filepath.Join(m.dir, "deploy", "config") // working_dir, by its mount
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// ok runs a command that must succeed.
func (m *machine) ok(t *testing.T, service string, args ...string) string {
	t.Helper()
	out, code := m.run(t, service, args...)
	require.Zero(t, code, "%s %v:\n%s", service, args, out)
	return out
}

// listenHere gives the worker's listeners free ports, and returns where.
func (m *machine) listenHere(t *testing.T) map[string]string {
	t.Helper()
	worker := m.project.Services["worker"]
	free := map[string]string{}
	for _, key := range []string{"CODEC__ENDPOINT", "METRICS", "HEALTH"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		free[key] = l.Addr().String()
		require.NoError(t, l.Close())
		m.at[*worker.Environment["IMMTRAIL_"+key+"__LISTEN"]] = free[key]
	}
	return free
}

// worker starts the worker; stop ends it as `docker compose stop` does and
// returns its exit code. What it logs is shown where the test fails.
func (m *machine) worker(t *testing.T) (stop func() int) {
	t.Helper()
	s := m.project.Services["worker"]
	ctx, cancel := context.WithCancel(t.Context())
	cmd := m.command(ctx, m.argv(s), m.environ(t, s))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // the exit code tells
	}()
	stop = func() int {
		cancel()
		<-done
		return cmd.ProcessState.ExitCode()
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the worker:\n%s", log.String())
		}
	})
	return stop
}

// answers asks for a page and returns its status; 0 where nobody answers.
func answers(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
