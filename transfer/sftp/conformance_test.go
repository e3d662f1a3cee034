package sftp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
	"immtrail/transfer/sftp"
)

func hostKeyLine(t *testing.T) string {
	t.Helper()
	key, err := sftptest.NewHostKey()
	require.NoError(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
}

// fake is a server that misbehaves on demand.
type fake struct {
	*sftptest.Server
	remotetest.Fixture
}

func startFake(t *testing.T, hostKeys ...ssh.Signer) *fake {
	t.Helper()
	root := t.TempDir()
	srv, err := sftptest.Start(sftptest.Options{
		MoreHostKeys: hostKeys,
		Users:        map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: root}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	disk := filepath.Join(root, "prod", "in")
	require.NoError(t, os.MkdirAll(disk, 0o700))
	c := transfer.Connection{
		Name: "dshs", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: srv.Port(), User: "sunrise",
		Password: []byte("open sesame"), HostKeys: []string{srv.HostKeyLine()},
		Settings: registry.TransferSettings{DialTimeout: 20 * time.Second, IdleTimeout: 20 * time.Second},
	}
	wrong := c
	wrong.Password = []byte("guess")
	return &fake{Server: srv, Fixture: remotetest.Fixture{
		Dialer: sftp.Dialer{}, Connection: c, WrongLogin: wrong,
		Folder: "prod/in", Disk: disk, OtherKey: hostKeyLine(t),
		LastStep: func(l remotetest.LastStep) {
			faults := srv.Faults()
			faults.LoseRenameReply, faults.SweepAfterRename, faults.RenamedTo = l.LoseAnswer, l.Sweep, l.RenamedTo
			srv.SetFaults(faults)
		},
	}}
}

func TestAgainstFake(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture { t.Helper(); return startFake(t).Fixture })
}

func TestAgainstFakeWithoutExtensions(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
		t.Helper()
		f := startFake(t)
		f.SetFaults(sftptest.Faults{NoPosixRename: true, NoStatVFS: true, ShortReads: 1000})
		return f.Fixture
	})
}

// A plain rename that replaces silently must not make us overwrite anything.
func TestAgainstFakeThatReplaces(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
		t.Helper()
		f := startFake(t)
		f.SetFaults(sftptest.Faults{NoPosixRename: true, RenameReplaces: true})
		return f.Fixture
	})
}
