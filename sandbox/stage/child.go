package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A child is a process of the stage, started from the same binary in another
// role. It ends when its standard input closes, that is also when the stage is
// killed.
type child struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
	err    error
}

// binary is what children are started from.
func (s *Stage) binary() (string, error) {
	if s.opts.Binary != "" {
		return s.opts.Binary, nil
	}
	return os.Executable()
}

// start runs the stage's own binary as role. Its output goes to logs/<name>.log,
// standard output only where out is nil.
func (s *Stage) start(name string, out io.Writer, role string, args ...string) (*child, error) {
	self, err := s.binary()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "logs", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	cmd := exec.Command(self, append([]string{role}, args...)...)
	cmd.Stderr = log
	cmd.Stdout = log
	if out != nil {
		cmd.Stdout = out
	}
	cmd.Env = append(withoutSettings(os.Environ()), "TZ=UTC")
	// A group of its own: Ctrl-C reaches the stage, which stops its children in
	// order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !s.sameGroup}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, stdin: stdin, exited: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// withoutSettings leaves out what would change a deployment's settings: a shell
// that is set up for a true registry must not lead a rehearsal there.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, "IMMTRAIL_") })
}

// stop asks the child to end and insists after a while.
func (c *child) stop(patience time.Duration) {
	_ = c.stdin.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}

// supervisor keeps a child running: one that dies is started again, as
// systemd or an orchestrator does in a deployment.
type supervisor struct {
	mu       sync.Mutex
	current  *child
	restarts int
	stopped  bool
	done     chan struct{}
}

// restartPause keeps a child that dies at once from spinning.
const restartPause = 200 * time.Millisecond

func supervise(ctx context.Context, start func() (*child, error)) (*supervisor, error) {
	first, err := start()
	if err != nil {
		return nil, err
	}
	s := &supervisor{current: first, done: make(chan struct{})}
	go s.run(ctx, start)
	return s, nil
}

func (s *supervisor) run(ctx context.Context, start func() (*child, error)) {
	defer close(s.done)
	for {
		s.mu.Lock()
		c := s.current
		s.mu.Unlock()
		<-c.exited
		s.mu.Lock()
		if s.stopped || ctx.Err() != nil {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		time.Sleep(restartPause)
		next, err := start()
		s.mu.Lock()
		if err == nil {
			s.current = next
			s.restarts++
		}
		stopped := s.stopped
		s.mu.Unlock()
		if stopped && err == nil {
			next.stop(time.Second)
			return
		}
		if err != nil {
			return
		}
	}
}

// Restarts is how often the child had to be started again.
func (s *supervisor) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// kill ends the child as kill -9 does; the supervisor starts it again.
func (s *supervisor) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return errors.New("nothing runs")
	}
	return s.current.cmd.Process.Kill()
}

// end lets the child finish what it does; the supervisor starts it again.
func (s *supervisor) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return errors.New("nothing runs")
	}
	return s.current.cmd.Process.Signal(syscall.SIGTERM)
}

func (s *supervisor) stop(patience time.Duration) {
	s.mu.Lock()
	s.stopped = true
	c := s.current
	s.mu.Unlock()
	c.stop(patience)
	<-s.done
}
