package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/internal/pglocal"
)

// Migrate brings the empty database at url to the schema that a test wants. It
// must be a plain function: closures made by the same code count as one.
type Migrate func(ctx context.Context, url string) error

// timeout bounds every step against the server, so that a test that cannot get
// a database says so.
const timeout = 90 * time.Second

// server is the PostgreSQL of this test process.
type server struct {
	url     string           // of a database from which others can be created
	cluster *pglocal.Cluster // nil where TEST_DATABASE_URL is used
}

var (
	startServer = sync.OnceValues(newServer)

	mu        sync.Mutex
	templates = map[uintptr]*template{}
	started   *server

	// process tells databases of several test processes on one server apart.
	process = "immtrail_test_" + strings.ToLower(rand.Text()[:8])
	serial  atomic.Int64
)

type template struct {
	once sync.Once
	name string
	err  error
}

// New returns the connection string of a fresh database for tb, migrated by
// migrate, which may be nil. The database is dropped when tb ends. Tests may run
// in parallel; migrate runs once per process.
func New(tb testing.TB, migrate Migrate) string {
	tb.Helper()
	srv, err := startServer()
	if err != nil {
		if errors.Is(err, pglocal.ErrNoBinaries) && os.Getenv("CI") != "true" {
			tb.Skipf("no database: %v, or set TEST_DATABASE_URL to a server that is running", err)
		}
		tb.Fatalf("dbtest: %v", err)
	}
	tpl, err := srv.template(migrate)
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	name := fmt.Sprintf("%s_%d", process, serial.Add(1))
	if err := srv.exec("create database " + name + " template " + tpl); err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := srv.exec("drop database if exists " + name + " with (force)"); err != nil {
			tb.Errorf("dbtest: %v", err)
		}
	})
	return withDatabase(srv.url, name)
}

// Main runs the tests of a package and then removes what dbtest made: use it as
//
//	func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }
//
// Without it the private cluster still ends, and its folder goes, when the test
// process ends; only templates on a server of your own stay behind.
func Main(m *testing.M) int {
	code := m.Run()
	if err := cleanUp(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		return max(code, 1)
	}
	return code
}

func cleanUp() error {
	mu.Lock()
	defer mu.Unlock()
	if started == nil {
		return nil
	}
	if started.cluster != nil {
		return started.cluster.Stop()
	}
	var errs []error
	for _, tpl := range templates {
		errs = append(errs, started.exec("drop database if exists "+tpl.name+" with (force)"))
	}
	return errors.Join(errs...)
}

func newServer() (*server, error) {
	srv := &server{url: os.Getenv("TEST_DATABASE_URL")}
	if srv.url == "" {
		dir, err := os.MkdirTemp("", "immtrail-dbtest-")
		if err != nil {
			return nil, err
		}
		// As root, PostgreSQL runs as another user, who must be able to enter.
		if err := os.Chmod(dir, 0o711); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		srv.cluster, err = pglocal.Start(ctx, pglocal.Options{Dir: dir, NoSync: true, Temporary: true})
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		srv.url = srv.cluster.URL("postgres")
	}
	mu.Lock()
	defer mu.Unlock()
	started = srv
	return srv, nil
}

// template returns the name of the database that migrate has been run on.
func (s *server) template(migrate Migrate) (string, error) {
	if migrate == nil {
		return "template0", nil
	}
	key := reflect.ValueOf(migrate).Pointer()
	mu.Lock()
	tpl := templates[key]
	if tpl == nil {
		tpl = &template{name: fmt.Sprintf("%s_template_%d", process, len(templates)+1)}
		templates[key] = tpl
	}
	mu.Unlock()
	tpl.once.Do(func() { tpl.err = s.makeTemplate(tpl.name, migrate) })
	return tpl.name, tpl.err
}

func (s *server) makeTemplate(name string, migrate Migrate) error {
	if err := s.exec("create database " + name + " template template0"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := migrate(ctx, withDatabase(s.url, name)); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// A database with connections cannot be copied; what migrate left open goes.
	if err := s.exec("alter database " + name + " allow_connections false"); err != nil {
		return err
	}
	return s.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name + "'")
}

func (s *server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// withDatabase replaces the database in a connection string of the URL form.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil || u.Scheme == "" {
		return base + " dbname=" + name // keyword form: the last word counts
	}
	u.Path = "/" + name
	return u.String()
}
