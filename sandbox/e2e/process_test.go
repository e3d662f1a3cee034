package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const poll = 50 * time.Millisecond

// process is a running sandbox in a process group of its own.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *lines
	ended          chan struct{}
}

// start starts the sandbox; whatever is left of its group dies with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startAs(t, exec.Command(sandboxBinary(), args...))
}

func startAs(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stdout: &lines{}, stderr: &lines{}, ended: make(chan struct{})}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var read sync.WaitGroup
	read.Go(func() { p.stdout.read(out) })
	read.Go(func() { p.stderr.read(errs) })
	go func() {
		read.Wait()
		_ = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.killGroup()
		<-p.ended
	})
	return p
}

// wait returns the exit code, or fails the test when ctx ends first.
func (p *process) wait(ctx context.Context) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		require.Fail(p.t, "the sandbox has not ended", "%s\n%s", p.stdout, p.stderr)
		return -1
	}
}

// within is wait with a bound of its own.
func (p *process) within(d time.Duration) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), d)
	defer cancel()
	return p.wait(ctx)
}

// until waits for a line that holds every word.
func (p *process) until(words ...string) {
	p.t.Helper()
	deadline := time.After(journeyPatience)
	for !p.stdout.has(words...) {
		select {
		case <-p.ended:
			require.True(p.t, p.stdout.has(words...), "the sandbox ended before it said %q\n%s\n%s", words, p.stdout, p.stderr)
			return
		case <-deadline:
			require.Fail(p.t, "nothing was said", "%q\n%s\n%s", words, p.stdout, p.stderr)
		case <-time.After(poll):
		}
	}
}

// interrupt is Ctrl-C: the terminal tells the whole group.
func (p *process) interrupt() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) }

// killGroup is kill -9 of the group.
func (p *process) killGroup() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }

// killAlone is kill -9 of the sandbox, but not of what it started.
func (p *process) killAlone() { _ = p.cmd.Process.Kill() }

// lines is what a process has written so far.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			l.mu.Lock()
			l.text = append(l.text, line)
			l.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "")
}

func (l *lines) all() []string { return strings.Split(strings.TrimRight(l.String(), "\n"), "\n") }

func (l *lines) last() string {
	all := l.all()
	return all[len(all)-1]
}

func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.text {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

// leftIn lists the processes that have to do with a rehearsal's folder: worker
// and registry name it on their command line, PostgreSQL works in it.
func leftIn(dir string) []string {
	var left []string
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil // not Linux
	}
	for _, e := range entries {
		at := filepath.Join("/proc", e.Name())
		line, err := os.ReadFile(filepath.Join(at, "cmdline"))
		if errors.Is(err, os.ErrNotExist) || err != nil || len(line) == 0 {
			continue
		}
		cwd, _ := os.Readlink(filepath.Join(at, "cwd")) // gone, or somebody else's
		words := strings.ReplaceAll(string(line), "\x00", " ")
		if strings.Contains(words+" ", dir+"/") || strings.Contains(words+" ", dir+" ") || strings.HasPrefix(cwd, dir+"/") {
			left = append(left, e.Name()+": "+words)
		}
	}
	return left
}

// nothingLeft says that no process of the rehearsal outlives it for long.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(leftIn(dir)) == 0 }, shutdown, poll)
	require.Empty(t, leftIn(dir))
}
