//go:build unix

package pglocal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// guardScript replaces itself by PostgreSQL ("$@") after it has left a shell
// behind that waits for the end of file on descriptor 3. The other end of that
// pipe belongs to the process that started us, so it closes when that process
// dies of whatever cause; the shell then asks for a fast shutdown, and for an
// immediate one 5 seconds later. A word on the pipe says that PostgreSQL has
// ended in the sight of its parent and that nothing is left to do. A
// parent-death signal would be simpler, but
// exists on Linux only and fires when a mere thread of the parent ends.
//
// The shell is started twice removed, so that it is not a child of the
// postmaster, which would take its end for a crashed backend. The first line of
// postmaster.pid guards against a process number that was given away again; it
// is waited for, since the end may come while PostgreSQL is still starting.
const guardScript = `
pid=$$ pidfile=$1 doomed=$2; shift 2
( (
  trap '' INT TERM QUIT HUP
  [ -z "$(cat <&3)" ] || exit 0
  tries=0
  until [ "$(head -n 1 "$pidfile")" = "$pid" ] || [ $tries -ge 40 ]; do
    kill -0 "$pid" || break
    tries=$((tries + 1)); sleep 0.25
  done
  for sig in INT QUIT; do
    tries=0
    [ "$(head -n 1 "$pidfile")" = "$pid" ] && kill -$sig "$pid" || break
    while kill -0 "$pid" && [ $tries -lt 50 ]; do
      tries=$((tries + 1)); sleep 0.1
    done
  done
  [ -z "$doomed" ] || rm -rf "$doomed"
) >/dev/null 2>&1 & )
exec "$@" 3<&-
`

// guarded returns the command that runs PostgreSQL under the guard, and the end
// of the pipe whose closing stops it. A folder named by doomed is removed then.
func guarded(acc account, dataDir, doomed string, argv []string) (*exec.Cmd, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	args := append([]string{"-c", guardScript, "sh", filepath.Join(dataDir, pidFile), doomed}, argv...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.ExtraFiles = []*os.File{r}
	cmd.SysProcAttr = acc.sysProcAttr()
	return cmd, w, nil
}

// PostgreSQL's signals: end now but cleanly; end at once and recover later.
func signalFast(p *os.Process) error      { return p.Signal(syscall.SIGINT) }
func signalImmediate(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }

// removeForeignPidFile removes a postmaster.pid whose process number now
// belongs to some other program, which PostgreSQL cannot tell from a postmaster
// that is alive. It reports whether it did.
func removeForeignPidFile(dataDir string) bool {
	path := filepath.Join(dataDir, pidFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return false
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	name := filepath.Base(strings.TrimSpace(string(out)))
	if err != nil || name == "." || strings.HasPrefix(name, "postgres") || strings.HasPrefix(name, "postmaster") {
		return false
	}
	return os.Remove(path) == nil
}
