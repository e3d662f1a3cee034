package sftptest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
)

type bundle struct {
	srv  *sftptest.Server
	root string

	mu    sync.Mutex
	hooks []string
}

func (b *bundle) hook(kind string) func(user, path string) {
	return func(user, path string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.hooks = append(b.hooks, kind+" "+user+" "+path)
	}
}

func (b *bundle) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.hooks...)
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{root: t.TempDir()}
	srv, err := sftptest.Start(sftptest.Options{
		Users:      map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: b.root}},
		OnUploaded: b.hook("uploaded"),
		OnRename:   b.hook("renamed"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	b.srv = srv
	return b
}

func (b *bundle) dial(t *testing.T, auth ssh.AuthMethod) (*sftp.Client, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", b.srv.Addr(), 5*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	sc, chans, reqs, err := ssh.NewClientConn(conn, b.srv.Addr(), &ssh.ClientConfig{
		User: "sunrise", Auth: []ssh.AuthMethod{auth}, HostKeyCallback: ssh.FixedHostKey(b.srv.HostKey()),
	})
	if err != nil {
		return nil, err
	}
	return sftp.NewClient(ssh.NewClient(sc, chans, reqs))
}

func (b *bundle) client(t *testing.T) *sftp.Client {
	t.Helper()
	c, err := b.dial(t, ssh.Password("open sesame"))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func put(c *sftp.Client, name string, data []byte) error {
	f, err := c.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func TestServer(t *testing.T) {
	t.Run("a file arrives on disk and hooks hear of it", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		require.NoError(t, c.Mkdir("in"))
		require.NoError(t, put(c, "in/a.hl7.part", []byte("MSH|")))
		require.NoError(t, c.PosixRename("in/a.hl7.part", "/in/a.hl7"))
		got, err := os.ReadFile(filepath.Join(b.root, "in", "a.hl7"))
		require.NoError(t, err)
		require.Equal(t, "MSH|", string(got))
		require.Equal(t, []string{"uploaded sunrise in/a.hl7.part", "renamed sunrise in/a.hl7"}, b.heard())
	})
	t.Run("nothing outside the user's folder can be reached", func(t *testing.T) {
		b := setup(t)
		outside := filepath.Join(filepath.Dir(b.root), "outside")
		require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o600))
		require.NoError(t, os.Symlink(outside, filepath.Join(b.root, "link")))
		c := b.client(t)
		for _, name := range []string{"../outside", "/../../outside", "link", outside} {
			_, err := c.Open(name)
			require.Error(t, err, name)
		}
		require.Error(t, put(c, "link", []byte("x")))
	})
	t.Run("a key logs in, a stranger's key does not", func(t *testing.T) {
		b := setup(t)
		pemKey, pub, err := sftptest.NewClientKey()
		require.NoError(t, err)
		require.NoError(t, b.srv.AddUser("sunrise", sftptest.User{Keys: []ssh.PublicKey{pub}, Root: b.root}))
		signer, err := ssh.ParsePrivateKey(pemKey)
		require.NoError(t, err)
		_, err = b.dial(t, ssh.PublicKeys(signer))
		require.NoError(t, err)
		stranger, err := sftptest.NewHostKey()
		require.NoError(t, err)
		_, err = b.dial(t, ssh.PublicKeys(stranger))
		require.Error(t, err)
		_, err = b.dial(t, ssh.Password(""))
		require.Error(t, err, "an account without a password takes none")
	})
	t.Run("listing pages through many files", func(t *testing.T) {
		b := setup(t)
		for i := range 250 {
			require.NoError(t, os.WriteFile(filepath.Join(b.root, "f"+string(rune('a'+i%26))+time.Duration(i).String()), nil, 0o600))
		}
		list, err := b.client(t).ReadDir(".")
		require.NoError(t, err)
		require.Len(t, list, 250)
	})
	t.Run("closing cuts sessions and frees the port", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		require.NoError(t, b.srv.Close())
		_, err := c.Getwd()
		require.Error(t, err)
		require.Zero(t, b.srv.Stats().Sessions)
	})
}

func TestFaults(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 100_000)
	t.Run("upload is cut at a byte and what came before is on disk", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		b.srv.SetFaults(sftptest.Faults{CutUploadAt: 50_001})
		require.Error(t, put(c, "f", data))
		require.Eventually(t, func() bool { return b.srv.Stats().Sessions == 0 }, time.Minute, time.Millisecond)
		fi, err := os.Stat(filepath.Join(b.root, "f"))
		require.NoError(t, err)
		require.EqualValues(t, 50_000, fi.Size())
		require.Empty(t, b.heard(), "a broken upload is not an uploaded file")
	})
	t.Run("disk is full at a byte, in OpenSSH's words", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		b.srv.SetFaults(sftptest.Faults{DiskFullAt: 10})
		err := put(c, "f", data)
		var se *sftp.StatusError
		require.ErrorAs(t, err, &se)
		require.Equal(t, sftp.ErrSSHFxFailure, se.FxCode())
		v, err := c.StatVFS(".")
		require.NoError(t, err)
		require.Zero(t, v.FreeSpace())
	})
	t.Run("a lost reply leaves the file renamed", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		require.NoError(t, put(c, "f.part", data))
		b.srv.SetFaults(sftptest.Faults{LoseRenameReply: true, Once: true})
		require.Error(t, c.PosixRename("f.part", "f"))
		require.FileExists(t, filepath.Join(b.root, "f"))
		require.Equal(t, sftptest.Faults{}, b.srv.Faults(), "it was to strike once")
	})
	t.Run("a file is swept on the first look", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		require.NoError(t, put(c, "f.part", data))
		b.srv.SetFaults(sftptest.Faults{SweepOnLook: true})
		require.NoError(t, c.PosixRename("f.part", "f"))
		require.FileExists(t, filepath.Join(b.root, "f"))
		_, err := c.Stat("f")
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func TestMoreFaults(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 100_000)
	t.Run("hidden extensions are not offered", func(t *testing.T) {
		b := setup(t)
		_, offered := b.client(t).HasExtension("posix-rename@openssh.com")
		require.True(t, offered)
		b.srv.SetFaults(sftptest.Faults{NoPosixRename: true, NoStatVFS: true})
		c := b.client(t)
		_, offered = c.HasExtension("posix-rename@openssh.com")
		require.False(t, offered)
		_, offered = c.HasExtension("statvfs@openssh.com")
		require.False(t, offered)
		_, offered = c.HasExtension("hardlink@openssh.com")
		require.True(t, offered, "the rest of the packet is whole")
		require.NoError(t, put(c, "a", data))
		require.NoError(t, put(c, "b", data))
		require.Error(t, c.Rename("a", "b"), "a plain rename does not replace")
		b.srv.SetFaults(sftptest.Faults{RenameReplaces: true})
		require.NoError(t, c.Rename("a", "b"))
	})
	t.Run("short reads are short but right", func(t *testing.T) {
		b := setup(t)
		require.NoError(t, os.WriteFile(filepath.Join(b.root, "f"), data, 0o600))
		b.srv.SetFaults(sftptest.Faults{ShortReads: 777, LieAboutSize: -5})
		c := b.client(t)
		f, err := c.Open("f")
		require.NoError(t, err)
		fi, err := f.Stat()
		require.NoError(t, err)
		require.EqualValues(t, len(data)-5, fi.Size())
		var got []byte
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			got = append(got, buf[:n]...)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
		}
		require.Equal(t, data, got)
	})
	t.Run("sessions over the limit are cut", func(t *testing.T) {
		b := setup(t)
		b.client(t)
		b.srv.SetFaults(sftptest.Faults{MaxSessions: 1})
		_, err := b.dial(t, ssh.Password("open sesame"))
		require.Error(t, err)
	})
	t.Run("a folder is closed", func(t *testing.T) {
		b := setup(t)
		c := b.client(t)
		require.NoError(t, c.MkdirAll("prod/in"))
		b.srv.SetFaults(sftptest.Faults{DenyFolder: "prod/in"})
		require.ErrorIs(t, put(c, "prod/in/f", data), os.ErrPermission)
		_, err := c.ReadDir("prod/in")
		require.ErrorIs(t, err, os.ErrPermission)
		_, err = c.ReadDir("prod")
		require.NoError(t, err)
	})
}

func TestLoadOrCreateHostKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hostkey")
	first, err := sftptest.LoadOrCreateHostKey(path)
	require.NoError(t, err)
	again, err := sftptest.LoadOrCreateHostKey(path)
	require.NoError(t, err)
	require.Equal(t, first.PublicKey().Marshal(), again.PublicKey().Marshal())
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
}
