//go:build unix

package postfix

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/ftptest"
)

// Server is a running Postfix.
type Server struct {
	Port int
	// TLS is the client's side of its certificate, which is for 127.0.0.1.
	TLS *tls.Config

	dir    string
	master *exec.Cmd
	done   chan struct{}
	grey   *greylist
}

// errMissing says that Postfix cannot be started on this machine.
var errMissing = errors.New("no Postfix on this machine (package postfix)")

var mainCF = template.Must(template.New("main.cf").Parse(`
compatibility_level = 3.6
queue_directory = {{.Dir}}/queue
data_directory = {{.Dir}}/data
command_directory = {{.Commands}}
daemon_directory = {{.Daemons}}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {{.Dir}}/log
maillog_file_prefixes = {{.Dir}}
myhostname = mail.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:there are no local mailboxes
default_transport = error:no mail leaves this machine
relay_domains = {{.Elsewhere}}
relay_transport = virtual
virtual_mailbox_domains = {{.Domains}}
virtual_mailbox_base = {{.Dir}}/mail
virtual_mailbox_maps = texthash:{{.Dir}}/conf/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{{.UID}}
virtual_gid_maps = static:{{.GID}}
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_recipient_restrictions = reject_unauth_destination, reject_unlisted_recipient,
    check_policy_service inet:127.0.0.1:{{.Policy}}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {{.Dir}}/conf/server.pem
`))

var masterCF = template.Must(template.New("master.cf").Parse(`
127.0.0.1:{{.Port}} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
`))

// Start starts a server that ends with the test and knows mailboxes. The test is
// skipped where nobody but root may start one; without Postfix it is skipped, and
// fails when CI=true.
func Start(t *testing.T, mailboxes ...string) *Server {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("Postfix is started by root only")
	}
	s := &Server{}
	postfix, daemons, owner, err := program()
	if errors.Is(err, errMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	s.folder(t, owner, mailboxes)
	s.grey = newGreylist(t)
	for range 3 { // between finding a free port and taking it somebody else may take it
		s.configure(t, filepath.Dir(postfix), daemons, owner, mailboxes)
		if err = s.start(postfix, daemons); err == nil {
			break
		}
	}
	require.NoError(t, err)
	t.Cleanup(s.stop)
	return s
}

// program finds Postfix, the folder of its daemons and the user whose they are.
func program() (path, daemons string, owner *user.User, err error) {
	if path, err = exec.LookPath("postfix"); err != nil {
		path = "/usr/sbin/postfix" // not on every PATH
	}
	for _, daemons = range []string{"/usr/lib/postfix/sbin", "/usr/libexec/postfix"} {
		if _, err = os.Stat(filepath.Join(daemons, "master")); err == nil {
			break
		}
	}
	owner, unknown := user.Lookup("postfix")
	if _, none := os.Stat(path); errors.Join(err, none, unknown) != nil {
		return "", "", nil, errMissing
	}
	return path, daemons, owner, nil
}

// folder makes the server's own: the test's temporary folder is closed to Postfix.
func (s *Server) folder(t *testing.T, owner *user.User, mailboxes []string) {
	t.Helper()
	var err error
	s.dir, err = os.MkdirTemp("", "immtrail-postfix-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(s.dir)) })
	require.NoError(t, os.Chmod(s.dir, 0o755))
	for _, name := range []string{"conf", "queue", "data", "mail"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, name), 0o755))
	}
	uid, gid := numbers(t, owner)
	for _, name := range []string{"data", "mail"} {
		require.NoError(t, os.Chown(filepath.Join(s.dir, name), uid, gid))
	}
	cert, err := ftptest.NewCertificate()
	require.NoError(t, err)
	s.write(t, "server.pem", string(cert.KeyPEM)+string(cert.PEM), 0o600)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert.PEM)
	s.TLS = &tls.Config{RootCAs: roots}
	lines := ""
	for _, box := range mailboxes {
		lines += box + " " + box + "/\n" // the slash makes it a Maildir
	}
	s.write(t, "mailboxes", lines, 0o644) // whoever delivers is not root
}

func numbers(t *testing.T, u *user.User) (uid, gid int) {
	t.Helper()
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	gid, err = strconv.Atoi(u.Gid)
	require.NoError(t, err)
	return uid, gid
}

func (s *Server) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "conf", name), []byte(text), mode))
}

func (s *Server) configure(t *testing.T, commands, daemons string, owner *user.User, mailboxes []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.Port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	var domains []string
	for _, box := range mailboxes {
		_, domain, _ := strings.Cut(box, "@")
		domains = append(domains, domain)
	}
	slices.Sort(domains)
	data := map[string]any{
		"Dir": s.dir, "Commands": commands, "Daemons": daemons, "Port": s.Port, "UID": owner.Uid, "GID": owner.Gid,
		"Elsewhere": Elsewhere, "Domains": strings.Join(slices.Compact(domains), ", "), "Policy": s.grey.port,
	}
	for name, tmpl := range map[string]*template.Template{"main.cf": mainCF, "master.cf": masterCF} {
		var text strings.Builder
		require.NoError(t, tmpl.Execute(&text, data))
		s.write(t, name, text.String(), 0o644)
	}
}

func (s *Server) start(postfix, daemons string) error {
	conf := filepath.Join(s.dir, "conf")
	if out, err := exec.Command(postfix, "-c", conf, "check").CombinedOutput(); err != nil { // lays out the queue
		return fmt.Errorf("postfix check: %w: %s", err, out)
	}
	s.master = exec.Command(filepath.Join(daemons, "master"), "-c", conf, "-d")
	// A group of its own: the master ends its children by ending their group.
	s.master.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.master.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.master.Wait() // its end is its own news
		close(s.done)
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		conn, err := net.Dial("tcp", s.Addr())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("postfix ended: %s", s.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.stop()
	return fmt.Errorf("postfix does not answer: %s", s.Log())
}

// Addr is where it takes mail: host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Elsewhere is a domain of which the server takes every mailbox, and says later, in a
// bounce to the sender, that there is none.
const Elsewhere = "elsewhere.example"

// Maildir is the folder of a mailbox.
func (s *Server) Maildir(mailbox string) string { return filepath.Join(s.dir, "mail", mailbox) }

// Greylist makes the server tell the next n recipients to come again later (451).
func (s *Server) Greylist(n int) { s.grey.later.Store(int64(n)) }

// Mails are those in a mailbox, in the order in which they came, as they lie there:
// lines end with a line feed.
func (s *Server) Mails(t *testing.T, mailbox string) []string {
	t.Helper()
	dir := filepath.Join(s.dir, "mail", mailbox, "new")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	files := make([]os.FileInfo, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		files = append(files, info)
	}
	slices.SortStableFunc(files, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	mails := make([]string, 0, len(files))
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		mails = append(mails, string(text))
	}
	return mails
}

// Await waits until a mailbox holds n mails, and fails when it holds more.
func (s *Server) Await(t *testing.T, mailbox string, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.Mails(t, mailbox)) >= n && s.idle() }, 20*time.Second, 10*time.Millisecond,
		"not delivered; the server says: %s", s.Log())
	mails := s.Mails(t, mailbox)
	require.Len(t, mails, n, "the server says: %s", s.Log())
	return mails
}

// idle reports whether nothing is on its way into a mailbox.
func (s *Server) idle() bool {
	for _, queue := range []string{"incoming", "active", "deferred"} {
		waiting, err := os.ReadDir(filepath.Join(s.dir, "queue", queue))
		if err != nil || slices.ContainsFunc(waiting, func(e os.DirEntry) bool { return !e.IsDir() }) {
			return false
		}
	}
	return true
}

// Log is what the server said, for tests that fail.
func (s *Server) Log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

// stop asks the server to end with all its processes, and makes them.
func (s *Server) stop() {
	group := -s.master.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-s.done
}
