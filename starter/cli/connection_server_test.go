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
)

// A key is the server's: it is accepted once for every login there.
func TestHostKeyOfManyLogins(t *testing.T) {
	b := newBench(t)
	server, _ := sshServer(t, "s3cret")
	old, err := sftptest.NewHostKey()
	require.NoError(t, err)
	oldLine := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(old.PublicKey())))
	b.keys["SFTP_PASSWORD"] = "s3cret"
	b.known(t, server, oldLine)
	store := b.open(t)
	for name, pins := range map[string][]string{"dshs-b": {oldLine}, "dshs-c": {oldLine}, "dshs-other": {server.HostKeyLine()}} {
		require.NoError(t, store.SaveConnection(t.Context(), db.Connection{
			Name: name, Protocol: "sftp", Host: "127.0.0.1", Port: server.Port(), Username: "BURL6343",
			SecretRef: "env:SFTP_PASSWORD", HostKeys: pins,
		}, b.act("known/"+name)))
	}
	b.run(t, "connection", "host-key", "accept", "dshs", "--fingerprint", ssh.FingerprintSHA256(server.HostKey()), "--by", "Jo Doe, DSHS").
		exits(0).fits().shows("So do the others to the same server: dshs-b, dshs-c.")
	require.Len(t, b.events(t, "host-key-accepted"), 3, "each stands in the audit")
	for _, name := range []string{"dshs", "dshs-b", "dshs-c"} {
		b.run(t, "connection", "test", name).exits(0)
	}
}

func ftpsServer(t *testing.T) *ftptest.Server {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"inbound/test", "inbound/production", "inbound/historical", "reports"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	server, err := ftptest.Start(ftptest.Options{User: "BURL6343", Password: "s3cret", Root: root})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func TestDateOfACertificate(t *testing.T) {
	b := newBench(t)
	b.file(t, "profiles/texas.yaml", "transfer: {ftps_data_ports: \"\"}\n")
	b.keys["SFTP_PASSWORD"] = "s3cret"
	server := ftpsServer(t)
	require.NoError(t, b.open(t).SaveConnection(t.Context(), db.Connection{
		Name: "dshs", Protocol: "ftps", Host: "127.0.0.1", Port: server.Port(), Username: "BURL6343",
		SecretRef: "env:SFTP_PASSWORD", HostKeys: []string{server.Certificate.KeyPin},
	}, b.act("ftps")))

	t.Run("the date of its end is seen by the test, not typed", func(t *testing.T) {
		b.run(t, "connection", "expires", "dshs").exits(0).shows("nobody is warned")
		b.run(t, "connection", "test", "dshs").exits(0).shows("holds until")
		b.run(t, "connection", "expires", "dshs").exits(0).fits().shows("the certificate works until")
		before := b.events(t, "credential-date")
		require.Len(t, before, 1)
		b.run(t, "connection", "test", "dshs").exits(0)
		require.Len(t, b.events(t, "credential-date"), 1, "told once")
	})
}

// One hold of a server is shown by everything that it stops.
func TestHeldServer(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	store := b.open(t)
	dshs, err := store.Connection(t.Context(), "dshs")
	require.NoError(t, err)
	require.NoError(t, store.SaveConnection(t.Context(), db.Connection{
		Name: "dshs-b", Protocol: "sftp", Host: dshs.Host, Port: dshs.Port, Username: "b", SecretRef: "env:X",
	}, b.act("dshs-b")))
	staged, err := store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 10, VaultKey: "k", At: b.at(),
	})
	require.NoError(t, err)
	for n, name := range []string{"dshs", "dshs", "dshs-b"} {
		require.NoError(t, store.AskPermit(t.Context(), db.PermitAsk{
			WorkflowID: "file/f-" + strconv.Itoa(n), Ask: 1, Host: dshs.Host, Connection: name, Practice: "sunrise-plano",
			FileID: staged.File.ID, AskedAt: b.at(),
		}))
	}
	server := dshs.Server()
	require.NoError(t, store.OpenHold(t.Context(), db.Hold{
		ID: "h-9-1", Server: server, WorkflowID: "host/" + dshs.Host, Reason: registry.HoldConnection, What: "server " + server,
		Words: "another host key", OpenedAt: b.at().Add(-48 * time.Hour), Actions: []registry.HoldAction{registry.ActionRetry},
	}))

	b.run(t, "status").exits(0).fits().shows("waits for the server "+server+" since 2026-03-29", "starter hold show h-9-1")
	b.run(t, "hold", "list", "--practice", "sunrise-plano").exits(0).fits().
		shows("h-9-1 (server "+server+") waits for you", "another host key", "starter hold resolve h-9-1 --action retry")
	b.run(t, "hold", "show", "h-9-1").exits(0).fits().shows("sunrise-plano: 3 files wait", "Over: dshs, dshs-b", "First: f-1")
	for _, name := range []string{"dshs", "dshs-b"} {
		b.run(t, "connection", "show", name).exits(0).fits().shows("h-9-1")
		b.run(t, "connection", "list").exits(0).fits().line(name, "waits for you")
		b.run(t, "doctor").exits(1).line("wrong", "connection", name+" waits for you")
	}
	b.run(t, "hold", "resolve", "h-9-1", "--action", "retry").exits(0)
	require.Equal(t, "host/"+dshs.Host, b.last(t).workflowID)
}
