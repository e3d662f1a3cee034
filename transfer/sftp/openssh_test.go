package sftp_test

import (
	"bytes"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
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

// openSSH starts one server and gives a fresh folder of it to each fixture.
func openSSH(t *testing.T) func(t *testing.T) remotetest.Fixture {
	t.Helper()
	me, err := user.Current()
	require.NoError(t, err)
	key, pub, err := sftptest.NewClientKey()
	require.NoError(t, err)
	stranger, _, err := sftptest.NewClientKey()
	require.NoError(t, err)
	hostKeyFile := filepath.Join(t.TempDir(), "hostkey")
	hostKey, err := sftptest.LoadOrCreateHostKey(hostKeyFile)
	require.NoError(t, err)
	line := func(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }
	srv := remotetest.StartSSHD(t, line(pub), hostKeyFile, line(hostKey.PublicKey()))
	return func(t *testing.T) remotetest.Fixture {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "in")
		require.NoError(t, os.Mkdir(dir, 0o700))
		c := transfer.Connection{
			Name: "openssh", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: srv.Port, User: me.Username,
			Key: key, HostKeys: []string{srv.HostKeyLine},
			Settings: registry.TransferSettings{DialTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second},
		}
		wrong := c
		wrong.Key = stranger
		return remotetest.Fixture{
			Dialer: sftp.Dialer{}, Connection: c, WrongLogin: wrong,
			Folder: dir, Disk: dir, OtherKey: hostKeyLine(t),
		}
	}
}

func TestAgainstOpenSSH(t *testing.T) {
	setup := openSSH(t)
	remotetest.Run(t, setup)
	t.Run("its extensions are seen and used", func(t *testing.T) {
		f := setup(t)
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		caps := r.Capabilities()
		require.True(t, caps.PosixRename && caps.FSync && caps.StatVFS)
		require.Contains(t, caps.Server, "OpenSSH")
		require.True(t, sftp.WritesInOrder(r))
		for _, size := range []int{1000, 400_000} { // sent before anybody looked, and after
			asked := sftp.Spy(r)
			_, err = r.Upload(t.Context(), remotetest.Request(f.Folder, strconv.Itoa(size)+".hl7", remotetest.Noise(size)))
			require.NoError(t, err)
			flushed, renamed := bytes.Index(asked.Bytes(), []byte("fsync@openssh.com")), bytes.Index(asked.Bytes(), []byte("posix-rename@openssh.com"))
			require.Positive(t, flushed, "the bytes are put on the disk")
			require.Greater(t, renamed, flushed, "before the file gets its name")
		}
	})
	t.Run("one write at a time, or in parallel where it is marked, is the same to it", func(t *testing.T) {
		for _, change := range []func(*registry.TransferSettings){
			func(s *registry.TransferSettings) { s.WriteAhead = 1 },
			func(s *registry.TransferSettings) { s.TrustedParallel = []string{"127.0.0.1"} },
		} {
			f := setup(t)
			change(&f.Connection.Settings)
			r, err := f.Dialer.Dial(t.Context(), f.Connection)
			require.NoError(t, err)
			defer r.Close()
			_, err = r.Upload(t.Context(), remotetest.Request(f.Folder, name, big))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(f.Disk, name))
			require.NoError(t, err)
			require.Equal(t, remotetest.Digest(big), remotetest.Digest(got))
		}
	})
}
