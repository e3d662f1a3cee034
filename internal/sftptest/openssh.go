package sftptest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// OpenSSH is a real sshd of its own with internal-sftp, on a loopback port, for
// the user that starts it.
type OpenSSH struct {
	Port int
	// Command is the listening process; sessions are processes of their own and
	// end with their connections.
	Command *exec.Cmd

	path, config string
	begin        string // options of the SFTP server
	log          bytes.Buffer
	done         chan struct{}
}

// ErrNoSSHD says that there is no OpenSSH server on this machine.
var ErrNoSSHD = errors.New("no sshd on this machine (package openssh-server)")

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
MaxStartups 100
Subsystem sftp internal-sftp%s
LogLevel ERROR
`

// StartOpenSSH starts a server that takes the client key (an authorized_keys
// line) and proves hostKeyFile (a private key as PEM, mode 0600); its own files
// go into dir. [ErrNoSSHD] where there is none.
func StartOpenSSH(dir, clientKeyLine, hostKeyFile string) (*OpenSSH, error) {
	return StartOpenSSHIn(dir, clientKeyLine, hostKeyFile, "")
}

// StartOpenSSHIn is StartOpenSSH where logins begin in a folder that is not
// the user's own; its name holds no blanks.
func StartOpenSSHIn(dir, clientKeyLine, hostKeyFile, begin string) (*OpenSSH, error) {
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd" // not on every PATH
	}
	if _, err := os.Stat(path); err != nil {
		return nil, ErrNoSSHD
	}
	keys := filepath.Join(dir, "authorized_keys")
	if err := os.WriteFile(keys, []byte(clientKeyLine+"\n"), 0o600); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		// Where sshd of root locks itself in before login.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { //nolint:gosec // sshd wants it so
			return nil, err
		}
	}
	s := &OpenSSH{path: path, config: filepath.Join(dir, "sshd_config")}
	if begin != "" {
		s.begin = " -d " + begin
	}
	// Between finding a free port and taking it somebody else may take it.
	for range 3 {
		if err = s.start(hostKeyFile, keys); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func (s *OpenSSH) start(hostKeyFile, keys string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	err = errors.Join(l.Close(), os.WriteFile(s.config, fmt.Appendf(nil, sshdConfig, s.Port, hostKeyFile, keys, s.begin), 0o600))
	if err != nil {
		return err
	}
	s.log.Reset()
	s.Command = exec.Command(s.path, "-D", "-e", "-f", s.config) //nolint:gosec // the machine's own sshd
	s.Command.Stderr = &s.log
	s.Command.WaitDelay = time.Second // sessions that outlive it hold its standard error
	if err := s.Command.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.Command.Wait() // its end is its own news
		close(s.done)
	}()
	return s.answers()
}

// answers waits until the server speaks.
func (s *OpenSSH) answers() error {
	giveUp := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("sshd ended: %s", strings.TrimSpace(s.log.String()))
		case <-giveUp:
			s.Stop()
			return fmt.Errorf("sshd does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop kills the server and waits for its end.
func (s *OpenSSH) Stop() {
	_ = s.Command.Process.Kill() // ended already is as good
	<-s.done
}
