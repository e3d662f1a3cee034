package cli_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/db"
	"immtrail/internal/ftptest"
	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
)

// sshServer is a registry's server with the folders of the profile.
func sshServer(t *testing.T, password string) (*sftptest.Server, string) {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"inbound/test", "inbound/production", "inbound/historical", "reports"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	server, err := sftptest.Start(sftptest.Options{Users: map[string]sftptest.User{"BURL6343": {Password: password, Root: root}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return server, root
}

func (b *bench) known(t *testing.T, server *sftptest.Server, hostKeys ...string) {
	t.Helper()
	require.NoError(t, b.open(t).SaveConnection(t.Context(), db.Connection{
		Name: "dshs", Protocol: "sftp", Host: "127.0.0.1", Port: server.Port(), Username: "BURL6343",
		SecretRef: "env:SFTP_PASSWORD", HostKeys: hostKeys,
	}, b.act("known/"+strings.Join(hostKeys, " "))))
}

func TestConnectionRotate(t *testing.T) {
	b := newBench(t)
	server, root := sshServer(t, "new-s3cret")
	b.known(t, server, server.HostKeyLine())
	b.keys["SFTP_PASSWORD"], b.keys["NEXT"], b.keys["WRONG"] = "old-s3cret", "new-s3cret", "wrong-s3cret"
	secretOf := func() string {
		c, err := b.open(t).Connection(t.Context(), "dshs")
		require.NoError(t, err)
		return c.SecretRef
	}

	t.Run("a new secret that does not work replaces nothing", func(t *testing.T) {
		r := b.run(t, "connection", "rotate", "dshs", "--secret", "env:WRONG").exits(1).shows("refused the login", "Nothing is changed")
		require.NotContains(t, r.stdout, "s3cret")
		require.Equal(t, "env:SFTP_PASSWORD", secretOf())
	})
	t.Run("one that works is taken, with its date, and the audit says who", func(t *testing.T) {
		b.run(t, "connection", "rotate", "dshs", "--secret", "env:NEXT", "--expires", "2026-12-31").exits(0).fits().shows("from now on")
		require.Equal(t, "env:NEXT", secretOf())
		require.Len(t, b.events(t, "secret-rotated"), 1)
		b.run(t, "connection", "expires", "dshs").exits(0).shows("the password works until 2026-12-31, 275 days from now")
	})
	t.Run("a secret in clear is refused and not repeated", func(t *testing.T) {
		r := b.run(t, "connection", "rotate", "dshs", "--secret", "hunter2").exits(1).complains("--secret")
		require.NotContains(t, r.stderr, "hunter2")
	})
	t.Run("a test writes only where the profile allows it, and leaves nothing", func(t *testing.T) {
		r := b.run(t, "connection", "test", "dshs").exits(0)
		require.NotContains(t, r.stdout, "could be written")
		b.file(t, "profiles/texas.yaml", "transfer: {probe_write: true}\n")
		b.run(t, "connection", "test", "dshs").exits(0).shows("inbound/test: 0 files; a small file could be written and removed")
		left, err := os.ReadDir(filepath.Join(root, "inbound/test"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

func TestConnectionHostKey(t *testing.T) {
	b := newBench(t)
	server, _ := sshServer(t, "s3cret")
	old, err := sftptest.NewHostKey()
	require.NoError(t, err)
	oldLine := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(old.PublicKey())))
	b.keys["SFTP_PASSWORD"] = "s3cret"
	b.known(t, server, oldLine)
	print := ssh.FingerprintSHA256(server.HostKey())

	t.Run("another fingerprint than the server's is refused", func(t *testing.T) {
		b.run(t, "connection", "test", "dshs").exits(1)
		b.run(t, "connection", "host-key", "accept", "dshs", "--fingerprint", "SHA256:told", "--by", "Jo Doe, DSHS").
			exits(1).complains(print, "SHA256:told", "explained")
	})
	t.Run("the new key is accepted beside the old one until a date, and the audit says on whose word", func(t *testing.T) {
		b.run(t, "connection", "host-key", "accept", "dshs", "--fingerprint", print, "--by", "Jo Doe, DSHS", "--old-until", "2026-04-15").
			exits(0).fits().shows(print, "Until 2026-04-15 the old key")
		b.run(t, "connection", "test", "dshs").exits(0)
		events := b.events(t, "host-key-accepted")
		require.Len(t, events, 1)
		require.Contains(t, events[0].Reason, "Jo Doe, DSHS")
		require.Equal(t, mary.Name, events[0].By.Name)
		b.run(t, "connection", "show", "dshs").exits(0).fits().
			shows("accepted key: "+server.HostKey().Type()+" "+print, ssh.FingerprintSHA256(old.PublicKey())+", until 2026-04-15")
	})
	t.Run("an announced key may be given before the server shows it", func(t *testing.T) {
		next, err := sftptest.NewHostKey()
		require.NoError(t, err)
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(next.PublicKey())))
		b.run(t, "connection", "host-key", "accept", "dshs", "--fingerprint", ssh.FingerprintSHA256(next.PublicKey()),
			"--by", "Jo Doe, DSHS", "--key", line).exits(0)
		b.run(t, "connection", "test", "dshs").exits(0) // the key of today still holds
	})
}

// A server that changes its certificate is accepted by the same command.
func TestConnectionCertificate(t *testing.T) {
	b := newBench(t)
	root := t.TempDir()
	for _, dir := range []string{"inbound/test", "inbound/production", "inbound/historical", "reports"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	server, err := ftptest.Start(ftptest.Options{User: "BURL6343", Password: "s3cret", Root: root})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	old, err := ftptest.NewCertificate()
	require.NoError(t, err)
	b.keys["FTPS_PASSWORD"] = "s3cret"
	require.NoError(t, b.open(t).SaveConnection(t.Context(), db.Connection{
		Name: "dshs", Protocol: "ftps", Host: "127.0.0.1", Port: server.Port(), Username: "BURL6343",
		SecretRef: "env:FTPS_PASSWORD", HostKeys: []string{old.KeyPin},
	}, b.act("known/"+old.KeyPin)))
	accept := func(print string, more ...string) result {
		args := []string{"connection", "host-key", "accept", "dshs", "--fingerprint", print, "--by", "Jo Doe, DSHS"}
		return b.run(t, append(args, more...)...)
	}
	// The fake's data ports are not the registry's, so that its folders cannot be listed.
	known := func() {
		b.run(t, "connection", "test", "dshs").shows("certificate is known (" + server.Certificate.Fingerprint)
	}
	r := b.run(t, "connection", "test", "dshs").exits(1)
	require.NotContains(t, r.stdout, "is known")
	accept("cert-sha256:00").exits(1).complains(server.Certificate.Fingerprint, server.Certificate.KeyPin, "explained")
	accept(old.Fingerprint, "--key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzLuxNLvZ8qU6m9xNtC0cC5tqU1kq8pQ3q3m8l1mF9Y").
		exits(1).complains("not a key of it")
	bare := strings.ToUpper(strings.TrimPrefix(server.Certificate.Fingerprint, transfer.PinCertificate))
	accept(bare, "--old-until", "2026-04-15").exits(0).fits().shows(server.Certificate.Fingerprint, "Until 2026-04-15 the old key "+old.KeyPin)
	known()
	require.Len(t, b.events(t, "host-key-accepted"), 1)

	next, err := ftptest.NewCertificate()
	require.NoError(t, err)
	accept(next.KeyPin, "--key", next.KeyPin).exits(0).shows(next.KeyPin)
	known() // the certificate of today still holds
}

func TestConnectionExpires(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	b.run(t, "connection", "expires", "dshs").exits(0).shows("nobody is warned")
	b.run(t, "connection", "expires", "dshs", "--password", "31.12.2026").exits(1).complains("2026-12-31")
	b.run(t, "connection", "expires", "nobody", "--password", "2026-12-31").exits(1).complains("connection list")
	// Today is 31 March.
	b.run(t, "connection", "expires", "dshs", "--password", "2026-04-12", "--host-key", "2027-01-31").exits(0).fits().
		shows("the password works until 2026-04-12, 12 days from now")

	b.run(t, "status").exits(0).fits().shows("connection dshs: the password works until 2026-04-12")
	require.NotContains(t, b.run(t, "status").stdout, "2027-01-31", "that is far away")
	b.run(t, "doctor").exits(1).line("warning", "credentials", "dshs: the password works until 2026-04-12")
	b.run(t, "connection", "expires", "dshs", "--password", "never").exits(0)
	require.NotContains(t, b.run(t, "status").stdout, "password")
}

func TestHeldConnection(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	store := b.open(t)
	staged, err := store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 10, VaultKey: "k", At: b.at(),
	})
	require.NoError(t, err)
	for n := range 3 {
		require.NoError(t, store.AskPermit(t.Context(), db.PermitAsk{
			WorkflowID: "file/f-" + strconv.Itoa(n), Ask: 1, Host: "127.0.0.1", Connection: "dshs", Practice: "sunrise-plano",
			FileID: staged.File.ID, AskedAt: b.at(),
		}))
	}
	require.NoError(t, store.OpenHold(t.Context(), db.Hold{
		ID: "h-9-1", Connection: "dshs", WorkflowID: "host/127.0.0.1", Reason: registry.HoldConnection, What: "connection dshs to 127.0.0.1",
		Words: "login refused", OpenedAt: b.at().Add(-48 * time.Hour), Actions: []registry.HoldAction{registry.ActionRetry},
	}))

	b.run(t, "status").exits(0).fits().shows("waits for connection dshs since 2026-03-29", "starter hold show h-9-1")
	b.run(t, "status", "sunrise-plano").exits(0).fits().shows("waits for connection dshs since 2026-03-29")
	r := b.run(t, "hold", "list", "--practice", "sunrise-plano").exits(0).fits().
		shows("h-9-1 (connection dshs) waits for you", "login refused", "starter hold resolve h-9-1 --action retry")
	require.NotContains(t, r.stdout, "drop", "only what this one offers")
	b.run(t, "hold", "show", "h-9-1").exits(0).fits().shows("sunrise-plano: 3 files wait", "First: f-1")
	b.run(t, "connection", "show", "dshs").exits(0).fits().shows("h-9-1", "3 files wait")
	b.run(t, "connection", "list").exits(0).fits().line("dshs", "waits for you")
	b.run(t, "hold", "resolve", "h-9-1", "--action", "drop").exits(1).complains("possible: retry")
	b.run(t, "doctor").exits(1).line("wrong", "connection", "dshs waits for you")
	b.run(t, "hold", "resolve", "h-9-1", "--action", "retry").exits(0)
	require.Equal(t, "host/127.0.0.1", b.last(t).workflowID)
}
