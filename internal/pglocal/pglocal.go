package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	// superuser is the only role of a new cluster.
	superuser = "immtrail"
	pidFile   = "postmaster.pid"
	// patience is how long Start tries again while the backends of a cluster
	// that was killed are still ending: one was seen to live for 6.7 seconds.
	patience = 60 * time.Second
	// stopFast and stopImmediate bound the two ways of asking PostgreSQL to end.
	stopFast      = 10 * time.Second
	stopImmediate = 5 * time.Second
)

// Options say where and how a cluster runs.
type Options struct {
	// Dir is the folder of the cluster: created when missing, opened again when
	// it holds one. As root, the user who runs PostgreSQL (postgres, else
	// nobody) must be able to search all its parents.
	Dir string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Log receives PostgreSQL's own messages. Nil drops them.
	Log io.Writer
	// NoSync gives up durability for speed: for tests only, since a crash of the
	// machine then loses the cluster.
	NoSync bool
	// Statements counts what each statement takes (pg_stat_statements, without
	// values), for measurements.
	Statements bool
	// Temporary removes Dir when the cluster ends, also where it ends because
	// this process was killed.
	Temporary bool
}

// Cluster is a PostgreSQL server that runs until Stop, or until this process
// ends.
type Cluster struct {
	dir, dataDir string
	password     string
	port         int
	temporary    bool

	cmd    *exec.Cmd
	leash  *os.File // closing it makes the guard stop PostgreSQL; nil without a guard
	tail   *tail
	exited chan struct{}
	// exitErr is set before exited is closed.
	exitErr error

	stopOnce sync.Once
	stopErr  error
}

// Start creates or opens the cluster in opts.Dir and returns when it answers.
// After a kill -9 the old backends may still hold the shared memory; Start then
// tries again for up to 60 seconds. ctx bounds the start, not the life.
//
// It returns [ErrNoBinaries] where no server is installed.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	acc, err := serverAccount()
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := errors.Join(acc.own(dir), acc.checkReach(dir)); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	c := &Cluster{dir: dir, dataDir: filepath.Join(dir, "data"), temporary: opts.Temporary}
	bin, err := c.create(ctx, acc, opts)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := c.startPatiently(ctx, acc, bin, opts); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return c, nil
}

// URL returns the connection string of database db, password included: it must
// not be logged.
func (c *Cluster) URL(db string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + db,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the port on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

// Done is closed when PostgreSQL has ended, by Stop or by itself.
func (c *Cluster) Done() <-chan struct{} { return c.exited }

// Stop ends PostgreSQL: fast and clean, then at once, then by kill. It may be
// called again and returns the same answer: an error only where PostgreSQL had
// to be killed or a temporary folder could not be removed.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() { c.stopErr = c.stop() })
	return c.stopErr
}

func (c *Cluster) stop() error {
	_ = signalFast(c.cmd.Process) // fails only when it has ended already
	var err error
	if !c.endsWithin(stopFast) {
		_ = signalImmediate(c.cmd.Process)
		if !c.endsWithin(stopImmediate) {
			_ = c.cmd.Process.Kill()
			<-c.exited
			err = errors.New("postgres: did not stop and was killed")
		}
	}
	if c.temporary {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

func (c *Cluster) endsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.exited:
		return true
	case <-t.C:
		return false
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("no TCP address")
	}
	return addr.Port, nil
}
