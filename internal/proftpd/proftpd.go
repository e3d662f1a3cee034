package proftpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/ftptest"
	"immtrail/internal/sftptest"
)

// Login of the one user.
const (
	User     = "sunrise"
	Password = "open sesame"
	// hashed is Password as `openssl passwd -6 -salt immtrailtest` writes it.
	hashed = "$6$immtrailtest$O5pCx.vzSLtsFwdxXfDaBS5FAYTUPFKfMdmOZxE5jkhiVi3y94CSBxhRlhh7BCurNOayY/ZAoEuP7GEv3aQrR0"
)

// Options of a server.
type Options struct {
	// PassivePorts is a range such as "40000-40020"; empty is any port.
	PassivePorts string
	// NoMLSD hides MLSD and MLST, as servers before RFC 3659.
	NoMLSD bool
	// Overwrite lets STOR and RNTO replace an existing file.
	Overwrite bool
	// MaxClients is the number of sessions; 0 is no bound.
	MaxClients int
	// NoTickets leaves TLS 1.2 without session tickets: sessions are then reused
	// by session ID only, which Go's client does not know.
	NoTickets bool
	// TLS is the value of TLSProtocol; empty is TLS 1.2 and 1.3.
	TLS string
}

// Server is a running ProFTPD.
type Server struct {
	FTPSPort, SFTPPort int
	// CA is its certificate (PEM), which vouches for itself and 127.0.0.1; KeyPin
	// is the pin of its key.
	CA     []byte
	KeyPin string
	// HostKeyLine is its SSH host key.
	HostKeyLine string
	// Home is the login's folder on disk.
	Home string

	dir     string
	command *exec.Cmd
	done    chan struct{}
}

var config = template.Must(template.New("proftpd.conf").Parse(`
ModulePath {{.Modules}}
LoadModule mod_tls.c
LoadModule mod_sftp.c
ServerType standalone
ServerName "test"
DefaultAddress 127.0.0.1
SocketBindTight on
UseIPv6 off
Port {{.FTPSPort}}
{{if .Root}}User nobody
Group nogroup
RootLogin on
{{end}}RequireValidShell off
UseReverseDNS off
AuthOrder mod_auth_file.c
AuthUserFile {{.Dir}}/users
PidFile {{.Dir}}/pid
ScoreboardFile {{if .MaxClients}}{{.Dir}}/scoreboard{{else}}none{{end}}
SystemLog {{.Dir}}/log
WtmpLog off
TransferLog none
DelayEngine off
AllowOverwrite {{if .Overwrite}}on{{else}}off{{end}}
TLSEngine on
TLSRequired on
TLSLog {{.Dir}}/tls.log
TLSSessionTickets {{if .NoTickets}}off{{else}}on{{end}}
TLSOptions UseImplicitSSL
TLSProtocol {{.TLS}}
TLSECCertificateFile {{.Dir}}/server.pem
{{if .PassivePorts}}PassivePorts {{.PassivePorts}}
{{end}}{{if .NoMLSD}}FactsAdvertise off
ListOptions "-a"
<Limit MLSD MLST>
DenyAll
</Limit>
{{end}}{{if .MaxClients}}MaxClients {{.MaxClients}}
{{end}}
<VirtualHost 127.0.0.1>
Port {{.SFTPPort}}
AuthUserFile {{.Dir}}/users
AuthOrder mod_auth_file.c
RequireValidShell off
{{if .Root}}RootLogin on
{{end}}SFTPEngine on
SFTPLog {{.Dir}}/sftp.log
SFTPHostKey {{.Dir}}/hostkey
SFTPAuthMethods password
AllowOverwrite {{if .Overwrite}}on{{else}}off{{end}}
</VirtualHost>
`))

// program finds ProFTPD and the folder of its modules.
func program() (path, modules string, ok bool) {
	path, err := exec.LookPath("proftpd")
	if err != nil {
		path = "/usr/sbin/proftpd" // not on every PATH
	}
	found, _ := filepath.Glob("/usr/lib*/proftpd/mod_tls.so")
	if len(found) == 0 {
		found, _ = filepath.Glob("/usr/lib*/*/proftpd/mod_tls.so")
	}
	if _, err := os.Stat(path); err != nil || len(found) == 0 {
		return "", "", false
	}
	return path, filepath.Dir(found[0]), true
}

// ErrMissing says that ProFTPD is not installed.
var ErrMissing = errors.New("no ProFTPD on this machine (packages proftpd-core and proftpd-mod-crypto)")

// Start starts a server that ends with the test. Without ProFTPD the test is
// skipped, and fails when CI=true.
func Start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Run(t.Context(), t.TempDir(), t.TempDir(), o)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

// Run starts a server whose own files lie in dir and whose user sees home. It
// must be stopped.
func Run(ctx context.Context, dir, home string, o Options) (*Server, error) {
	path, modules, ok := program()
	if !ok {
		return nil, ErrMissing
	}
	s := &Server{dir: dir, Home: home}
	if o.TLS == "" {
		o.TLS = "TLSv1.2 TLSv1.3"
	}
	err := s.secrets()
	if err != nil {
		return nil, err
	}
	for range 3 { // between finding a free port and taking it somebody else may take it
		if err = s.start(ctx, path, modules, o); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// secrets writes certificate, host key and the file of users.
func (s *Server) secrets() error {
	cert, err := ftptest.NewCertificate()
	if err != nil {
		return err
	}
	s.CA, s.KeyPin = cert.PEM, cert.KeyPin
	key, err := sftptest.LoadOrCreateHostKey(filepath.Join(s.dir, "hostkey"))
	if err != nil {
		return err
	}
	s.HostKeyLine = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	me, err := user.Current()
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s:%s:%s:%s::%s:/bin/sh\n", User, hashed, me.Uid, me.Gid, s.Home)
	return errors.Join(
		os.WriteFile(filepath.Join(s.dir, "server.pem"), append(cert.KeyPEM, cert.PEM...), 0o600),
		os.WriteFile(filepath.Join(s.dir, "users"), []byte(line), 0o600))
}

func (s *Server) start(ctx context.Context, path, modules string, o Options) error {
	var err error
	if s.FTPSPort, s.SFTPPort, err = freePorts(); err != nil {
		return err
	}
	conf, err := os.Create(filepath.Join(s.dir, "proftpd.conf"))
	if err != nil {
		return err
	}
	err = config.Execute(conf, map[string]any{
		"Modules": modules, "FTPSPort": s.FTPSPort, "SFTPPort": s.SFTPPort, "Dir": s.dir, "Root": os.Geteuid() == 0,
		"PassivePorts": strings.ReplaceAll(o.PassivePorts, "-", " "), "NoMLSD": o.NoMLSD, "NoTickets": o.NoTickets, "Overwrite": o.Overwrite,
		"MaxClients": o.MaxClients, "TLS": o.TLS,
	})
	if cerr := conf.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	s.command = exec.Command(path, "-n", "-c", conf.Name())
	output, err := os.Create(filepath.Join(s.dir, "output"))
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // the server has its own handle
	s.command.Stderr, s.command.Stdout = output, output
	if err := s.command.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.command.Wait() // its end is its own news
		close(s.done)
	}()
	for _, port := range []int{s.FTPSPort, s.SFTPPort} {
		if err := s.answers(ctx, port); err != nil {
			s.Stop()
			return err
		}
	}
	return nil
}

func freePorts() (int, int, error) {
	a, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = a.Close() }() // only asked for its number
	b, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = b.Close() }() // only asked for its number
	return a.Addr().(*net.TCPAddr).Port, b.Addr().(*net.TCPAddr).Port, nil
}

// answers waits until the server takes connections.
func (s *Server) answers(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("proftpd ended: %s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("proftpd does not answer: %s", s.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Log is what the server said, for tests that fail.
func (s *Server) Log() string {
	var all strings.Builder
	for _, name := range []string{"output", "log", "sftp.log", "tls.log"} {
		b, _ := os.ReadFile(filepath.Join(s.dir, name))
		all.Write(b)
	}
	return all.String()
}

// Stop asks the server to end with its sessions, and makes it.
func (s *Server) Stop() {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		_ = s.command.Process.Kill()
		<-s.done
	}
}
