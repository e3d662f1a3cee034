package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// SSHD is a real OpenSSH server of its own, on a loopback port, with
// internal-sftp, for the user that runs the tests.
type SSHD struct {
	Port int
	// HostKeyLine is its only host key.
	HostKeyLine string
	// Command is the process; a test may kill it.
	Command *exec.Cmd

	dir, path string
	log       bytes.Buffer
	done      chan struct{}
}

// sshdConfig keeps the server away from everything of the machine's own.
const sshdConfig = `Port %d
ListenAddress 127.0.0.1
HostKey %s
PidFile none
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
LogLevel ERROR
`

// StartSSHD starts a server that takes the client key (an authorized_keys
// line) and uses hostKeyFile (a private key as PEM, mode 0600). It skips the
// test where sshd is not installed, and fails it there when CI=true.
func StartSSHD(t *testing.T, clientKeyLine, hostKeyFile, hostKeyLine string) *SSHD {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd" // not on every PATH
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no sshd on this machine: install openssh-server")
		}
		t.Skip("no sshd on this machine (package openssh-server); not tried against OpenSSH")
	}
	s := &SSHD{HostKeyLine: hostKeyLine, dir: t.TempDir(), path: path}
	keys := filepath.Join(s.dir, "authorized_keys")
	require.NoError(t, os.WriteFile(keys, []byte(clientKeyLine+"\n"), 0o600))
	if os.Geteuid() == 0 {
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755)) // where sshd of root locks itself in before login
	}
	// Between finding a free port and taking it somebody else may take it.
	for range 3 {
		if err = s.start(t, hostKeyFile, keys); err == nil {
			break
		}
	}
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func (s *SSHD) start(t *testing.T, hostKeyFile, keys string) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	config := filepath.Join(s.dir, "sshd_config")
	err = errors.Join(l.Close(), os.WriteFile(config, fmt.Appendf(nil, sshdConfig, s.Port, hostKeyFile, keys), 0o600))
	if err != nil {
		return err
	}
	s.log.Reset()
	s.Command = exec.Command(s.path, "-D", "-e", "-f", config)
	s.Command.Stderr = &s.log
	if err := s.Command.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.Command.Wait() // its end is its own news
		close(s.done)
	}()
	return s.answers(t.Context())
}

// answers waits until the server speaks.
func (s *SSHD) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(s.Port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("sshd ended: %s", strings.TrimSpace(s.log.String()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop kills the server and waits for its end. Sessions are processes of
// their own and end with their connections.
func (s *SSHD) Stop() {
	_ = s.Command.Process.Kill() // ended already is as good
	<-s.done
}
