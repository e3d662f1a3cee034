package pglocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// errOccupied means that something of a former life is still in the way: its
// shared memory, its pid file or its port.
var errOccupied = errors.New("what ran here before has not ended yet")

// startPatiently starts PostgreSQL, again and again while a former life of the
// same cluster is still ending.
func (c *Cluster) startPatiently(ctx context.Context, acc account, bin installation, opts Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	for {
		err := c.startOnce(ctx, acc, bin, opts)
		if err == nil || !errors.Is(err, errOccupied) {
			return err
		}
		// Old backends end within seconds. A pid file that still counts after
		// that may carry a number that belongs to another program by now.
		if time.Since(began) > patience/3 {
			removeForeignPidFile(c.dataDir)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (tried for %s; is another process using %s?)", err,
				time.Since(began).Round(time.Second), c.dir)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c *Cluster) startOnce(ctx context.Context, acc account, bin installation, opts Options) error {
	c.port = opts.Port
	if c.port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		c.port = port
	}
	if err := c.launch(acc, bin, opts); err != nil {
		return err
	}
	if err := c.awaitReady(ctx); err != nil {
		_ = c.cmd.Process.Kill()
		<-c.exited
		return err
	}
	return nil
}

// launch starts the process and the goroutine that waits for its end.
func (c *Cluster) launch(acc account, bin installation, opts Options) error {
	doomed := ""
	if c.temporary {
		doomed = c.dir
	}
	argv := append([]string{program(bin.dir, "postgres")}, c.settings(opts)...)
	cmd, leash, err := guarded(acc, c.dataDir, doomed, argv)
	if err != nil {
		return err
	}
	c.tail = &tail{}
	log := opts.Log
	if log == nil {
		log = io.Discard
	}
	cmd.Dir = c.dir
	cmd.Env = environment()
	cmd.Stderr = io.MultiWriter(c.tail, log)
	cmd.WaitDelay = time.Second // orphaned backends may keep the pipe of stderr open
	err = cmd.Start()
	for _, f := range cmd.ExtraFiles {
		_ = f.Close() // the child has its own copy
	}
	if err != nil {
		if leash != nil {
			_ = leash.Close()
		}
		return err
	}
	c.cmd, c.leash, c.exited = cmd, leash, make(chan struct{})
	go c.wait(cmd, leash, c.exited)
	return nil
}

func (c *Cluster) wait(cmd *exec.Cmd, leash *os.File, exited chan struct{}) {
	c.exitErr = cmd.Wait()
	if leash != nil {
		_, _ = leash.WriteString("ended\n") // tells the guard to stand down
		_ = leash.Close()
	}
	close(exited)
}

// awaitReady returns when PostgreSQL answers, or says why it ended.
func (c *Cluster) awaitReady(ctx context.Context) error {
	for {
		select {
		case <-c.exited:
			return c.tail.reason(c.exitErr)
		default:
		}
		if c.ping(ctx) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("did not answer in time: %w", ctx.Err())
		case <-c.exited:
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func (c *Cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// tail keeps the last bytes that PostgreSQL wrote, to say why it did not start.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// reason is PostgreSQL's own last FATAL line, and errOccupied where waiting
// helps.
func (t *tail) reason(exit error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := ""
	for line := range bytes.Lines(t.buf) {
		if _, after, ok := strings.Cut(string(line), "FATAL:"); ok {
			said = strings.TrimSpace(after)
		}
	}
	if said == "" {
		said = lastLine(string(t.buf))
	}
	for _, sign := range []string{
		"pre-existing shared memory block",
		"already exists",                 // lock file postmaster.pid
		"could not create any TCP/IP so", // the port was taken in between
	} {
		if strings.Contains(said, sign) {
			return fmt.Errorf("%w: %s", errOccupied, said)
		}
	}
	if exit == nil {
		exit = errors.New("without an error")
	}
	return fmt.Errorf("ended while starting (%w): %s", exit, said)
}
