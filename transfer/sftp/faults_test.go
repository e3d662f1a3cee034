package sftp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
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

const name = "BURL6343_prod_000001.hl7"

var body = remotetest.Noise(300_000)

func (f *fake) dial(t *testing.T) transfer.Remote {
	t.Helper()
	r, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (f *fake) upload(t *testing.T, change ...func(*transfer.UploadRequest)) (transfer.Uploaded, error) {
	t.Helper()
	req := remotetest.Request(f.Folder, name, body)
	for _, c := range change {
		c(&req)
	}
	return f.dial(t).Upload(t.Context(), req)
}

func (f *fake) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.Disk)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// delivered asserts that the file lies there once, whole, and nothing else.
func (f *fake) delivered(t *testing.T) {
	t.Helper()
	require.Equal(t, []string{name}, f.names(t))
	got, err := os.ReadFile(filepath.Join(f.Disk, name))
	require.NoError(t, err)
	require.Equal(t, remotetest.Digest(body), remotetest.Digest(got))
}

func mayBeThere(req *transfer.UploadRequest) { req.MayBeThere = true }

func recorded(req *transfer.UploadRequest) {
	req.BeforePublish = func(context.Context) error { return nil }
}

// A failed upload must never look like a success, at whatever step it fails.
func TestUploadFails(t *testing.T) {
	for _, tc := range []struct {
		outcome string
		faults  sftptest.Faults
		kind    registry.Kind
		words   string
		left    []string
	}{
		{"refused write is refused", sftptest.Faults{DenyWrite: true}, registry.Refused, "permission denied", nil},
		{"closed folder is refused", sftptest.Faults{DenyFolder: "prod/in"}, registry.Refused, "permission denied", nil},
		{"disk full at the first byte is busy", sftptest.Faults{DiskFullAt: 1}, registry.Busy, "disk is full", nil},
		{"disk full in the middle is busy", sftptest.Faults{DiskFullAt: 150_000}, registry.Busy, "disk is full", nil},
		{"disk full without statvfs is busy", sftptest.Faults{DiskFullAt: 150_000, NoStatVFS: true}, registry.Busy, "Failure", nil},
		{"connection cut at the first byte is weather", sftptest.Faults{CutUploadAt: 1}, registry.Transient, "", []string{name + ".part"}},
		{"connection cut in the middle is weather", sftptest.Faults{CutUploadAt: 123_456}, registry.Transient, "", []string{name + ".part"}},
		{"connection cut at the last byte is weather", sftptest.Faults{CutUploadAt: 300_000}, registry.Transient, "", []string{name + ".part"}},
		{"server that lost bytes is corrupt", sftptest.Faults{LieAboutSize: -1}, registry.Corrupt, "299999 bytes of 300000", nil},
		{"denied rename is refused", sftptest.Faults{DenyRename: true}, registry.Refused, "permission denied", nil},
		{"failed rename is busy", sftptest.Faults{FailRename: true}, registry.Busy, "rename", nil},
		{"connection cut before the rename is weather", sftptest.Faults{CutBeforeRename: true}, registry.Transient, "rename", []string{name + ".part"}},
	} {
		t.Run(tc.outcome, func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(tc.faults)
			up, err := f.upload(t)
			require.Equal(t, tc.kind, remotetest.Kind(t, err), "%v", err)
			require.ErrorContains(t, err, tc.words)
			require.Zero(t, up)
			if tc.left == nil {
				tc.left = []string{}
			}
			require.Equal(t, tc.left, f.names(t))

			f.SetFaults(sftptest.Faults{})
			_, err = f.upload(t, mayBeThereIf(len(tc.left) > 0))
			require.NoError(t, err, "the next attempt delivers")
			f.delivered(t)
		})
	}
}

func mayBeThereIf(yes bool) func(*transfer.UploadRequest) {
	return func(req *transfer.UploadRequest) { req.MayBeThere = yes }
}

// The answer to the last step is lost, or the registry is quicker than we are.
func TestLastStep(t *testing.T) {
	for _, extension := range []bool{true, false} {
		t.Run("lost rename reply: the file is there, so it is delivered, once", func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(sftptest.Faults{LoseRenameReply: true, NoPosixRename: !extension})
			up, err := f.upload(t)
			require.NoError(t, err)
			require.True(t, up.Renamed)
			require.Equal(t, remotetest.Digest(body), up.SHA256)
			f.delivered(t)
			up, err = f.upload(t, mayBeThere)
			require.NoError(t, err)
			require.True(t, up.AlreadyThere)
			require.Equal(t, 1, f.Stats().Renames, "it went out once")
			f.delivered(t)
		})
	}
	t.Run("swept after an acknowledged rename: delivered", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{SweepAfterRename: true})
		up, err := f.upload(t)
		require.NoError(t, err)
		require.True(t, up.Renamed)
		require.Empty(t, f.names(t))
	})
	t.Run("swept between rename and confirmation: gone for the second connection", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{SweepOnLook: true})
		_, err := f.upload(t)
		require.NoError(t, err)
		seen, err := f.dial(t).Stat(t.Context(), f.Folder, name)
		require.NoError(t, err)
		require.False(t, seen.Exists)
	})
}

func TestLastStepUnclear(t *testing.T) {
	t.Run("swept and the reply lost: nobody can tell, and it is never sent again blindly", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{SweepAfterRename: true, LoseRenameReply: true})
		_, err := f.upload(t)
		require.Equal(t, registry.DeliveryUnknown, remotetest.Kind(t, err))
		f.SetFaults(sftptest.Faults{})
		_, err = f.upload(t, mayBeThere)
		require.Equal(t, registry.DeliveryUnknown, remotetest.Kind(t, err))
		require.Empty(t, f.names(t))
		require.Equal(t, 1, f.Stats().Opens)
	})
	t.Run("reply lost and nobody can look: weather for a caller with a record, unknown for others", func(t *testing.T) {
		for _, withRecord := range []bool{true, false} {
			f := startFake(t)
			want := registry.DeliveryUnknown
			var change []func(*transfer.UploadRequest)
			if withRecord {
				want, change = registry.Transient, append(change, recorded)
			}
			r := f.dial(t)
			f.SetFaults(sftptest.Faults{LoseRenameReply: true, RefuseAuth: true})
			req := remotetest.Request(f.Folder, name, body)
			for _, c := range change {
				c(&req)
			}
			_, err := r.Upload(t.Context(), req)
			require.Equal(t, want, remotetest.Kind(t, err))
			f.SetFaults(sftptest.Faults{})
			up, err := f.upload(t, mayBeThere)
			require.NoError(t, err)
			require.True(t, up.AlreadyThere)
			f.delivered(t)
		}
	})
	t.Run("a file of our size that cannot be read is believed only with a record", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, name), body, 0o600))
		f.SetFaults(sftptest.Faults{DenyRead: true})
		_, err := f.upload(t)
		require.Equal(t, registry.Conflict, remotetest.Kind(t, err))
		up, err := f.upload(t, mayBeThere)
		require.NoError(t, err)
		require.True(t, up.AlreadyThere)
	})
	t.Run("a conflict found after a lost reply touches nothing", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{CutBeforeRename: true})
		theirs := filepath.Join(f.Disk, name)
		r := f.dial(t)
		req := remotetest.Request(f.Folder, name, body)
		f.OnStrike(func() { _ = os.WriteFile(theirs, []byte("theirs"), 0o600) })
		_, err := r.Upload(t.Context(), req)
		require.Equal(t, registry.Conflict, remotetest.Kind(t, err))
		got, err := os.ReadFile(theirs)
		require.NoError(t, err)
		require.Equal(t, "theirs", string(got))
	})
}

func TestDirectUpload(t *testing.T) {
	direct := func(t *testing.T) *fake {
		t.Helper()
		f := startFake(t)
		f.Connection.Settings.Upload = transfer.UploadDirect
		return f
	}
	t.Run("a cut upload is begun again by the next attempt", func(t *testing.T) {
		f := direct(t)
		f.SetFaults(sftptest.Faults{CutUploadAt: 200_000})
		_, err := f.upload(t)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
		f.SetFaults(sftptest.Faults{})
		up, err := f.upload(t)
		require.NoError(t, err)
		require.Equal(t, transfer.Uploaded{Bytes: 300_000, SHA256: remotetest.Digest(body)}, up)
		f.delivered(t)
	})
	t.Run("a full disk leaves nothing under the name", func(t *testing.T) {
		f := direct(t)
		f.SetFaults(sftptest.Faults{DiskFullAt: 200_000})
		_, err := f.upload(t)
		require.Equal(t, registry.Busy, remotetest.Kind(t, err))
		require.Empty(t, f.names(t))
	})
}

func TestHostKey(t *testing.T) {
	t.Run("a changed host key sends no bytes and names both fingerprints", func(t *testing.T) {
		f := startFake(t)
		other, err := sftptest.NewHostKey()
		require.NoError(t, err)
		f.SetFaults(sftptest.Faults{HostKey: other})
		_, err = f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
		require.ErrorContains(t, err, ssh.FingerprintSHA256(other.PublicKey()))
		require.ErrorContains(t, err, ssh.FingerprintSHA256(f.HostKey()))
		require.Zero(t, f.Stats().Logins)
		require.Zero(t, f.Stats().Attempts, "not even the user's name was sent")
	})
	t.Run("a key of another type is a changed key and is shown", func(t *testing.T) {
		f := startFake(t)
		f.Connection.HostKeys = []string{line(ecdsaKey(t))}
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
		require.ErrorContains(t, err, ssh.FingerprintSHA256(f.HostKey()))
	})
	t.Run("a right pin holds on a server that has a key of another type too", func(t *testing.T) {
		second := ecdsaKey(t)
		f := startFake(t, second)
		for _, key := range []ssh.PublicKey{f.HostKey(), second.PublicKey()} {
			f.Connection.HostKeys = []string{string(ssh.MarshalAuthorizedKey(key))}
			require.Equal(t, ssh.FingerprintSHA256(key), f.dial(t).Capabilities().HostKey)
		}
	})
	t.Run("a scan shows what may be pinned", func(t *testing.T) {
		f := startFake(t)
		key, err := sftp.ScanHostKey(t.Context(), f.Addr(), 5*time.Second)
		require.NoError(t, err)
		require.Equal(t, f.HostKeyLine(), key.Line)
		require.Equal(t, ssh.FingerprintSHA256(f.HostKey()), key.Fingerprint)
		f.Connection.HostKeys = []string{key.Line}
		require.Equal(t, key.Fingerprint, f.dial(t).Capabilities().HostKey)
	})
	t.Run("a pin that cannot be read stops everything", func(t *testing.T) {
		f := startFake(t)
		f.Connection.HostKeys = append(f.Connection.HostKeys, "ssh-ed25519 nonsense")
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
	})
}

func ecdsaKey(t *testing.T) ssh.Signer {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(secret)
	require.NoError(t, err)
	return key
}

func line(key ssh.Signer) string { return string(ssh.MarshalAuthorizedKey(key.PublicKey())) }

// lock puts a passphrase on a private key.
func lock(t *testing.T, pemKey []byte, phrase string) []byte {
	t.Helper()
	secret, err := ssh.ParseRawPrivateKey(pemKey)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(secret, "", []byte(phrase))
	require.NoError(t, err)
	return pem.EncodeToMemory(block)
}

func TestLogin(t *testing.T) {
	t.Run("a wrong password is offered once", func(t *testing.T) {
		f := startFake(t)
		_, err := f.Dialer.Dial(t.Context(), f.WrongLogin)
		require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
		require.Equal(t, 1, f.Stats().Attempts, "accounts get locked")
		require.NotContains(t, err.Error(), "guess")
	})
	t.Run("a stranger's key is unauthorised", func(t *testing.T) {
		f := startFake(t)
		stranger, _, err := sftptest.NewClientKey()
		require.NoError(t, err)
		f.Connection.Password, f.Connection.Key = nil, stranger
		_, err = f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
	})
	t.Run("a key with a passphrase logs in", func(t *testing.T) {
		f := startFake(t)
		pemKey, pub, err := sftptest.NewClientKey()
		require.NoError(t, err)
		require.NoError(t, f.AddUser("sunrise", sftptest.User{Keys: []ssh.PublicKey{pub}, Root: t.TempDir()}))
		f.Connection.Password, f.Connection.Key = nil, lock(t, pemKey, "phrase")
		for _, tc := range []struct {
			phrase string
			ok     bool
		}{{"phrase", true}, {"wrong", false}, {"", false}} {
			f.Connection.Passphrase = []byte(tc.phrase)
			r, err := f.Dialer.Dial(t.Context(), f.Connection)
			if tc.ok {
				require.NoError(t, err)
				require.NoError(t, r.Close())
				continue
			}
			require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
		}
		require.Zero(t, f.Stats().Refused, "an unreadable key is found before the server hears of us")
	})
	t.Run("neither password nor key is unauthorised, without asking", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Password = nil
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
		require.Zero(t, f.Stats().Connections)
	})
	t.Run("a server that is not there, or full, is weather", func(t *testing.T) {
		f := startFake(t)
		f.dial(t)
		f.SetFaults(sftptest.Faults{MaxSessions: 1})
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		f.Connection.Port = l.Addr().(*net.TCPAddr).Port
		require.NoError(t, l.Close())
		_, err = f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	})
}

func TestDownloadFaults(t *testing.T) {
	for _, tc := range []struct {
		outcome string
		faults  sftptest.Faults
		kind    registry.Kind
	}{
		{"a size that is too small is corrupt", sftptest.Faults{LieAboutSize: -1}, registry.Corrupt},
		{"a size that is too large is corrupt", sftptest.Faults{LieAboutSize: 1}, registry.Corrupt},
		{"a cut connection is weather", sftptest.Faults{CutDownloadAt: 150_000}, registry.Transient},
		{"a file that may not be read is refused", sftptest.Faults{DenyRead: true}, registry.Refused},
	} {
		t.Run(tc.outcome, func(t *testing.T) {
			f := startFake(t)
			require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
			f.SetFaults(tc.faults)
			_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", io.Discard)
			require.Equal(t, tc.kind, remotetest.Kind(t, err), "%v", err)
		})
	}
	t.Run("short answers are put together", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
		f.SetFaults(sftptest.Faults{ShortReads: 1001})
		var got strings.Builder
		d, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", &got)
		require.NoError(t, err)
		require.Equal(t, remotetest.Digest(body), d.SHA256)
		require.Equal(t, string(body), got.String())
	})
}

func TestListingThatNeverEnds(t *testing.T) {
	f := startFake(t)
	f.SetFaults(sftptest.Faults{EndlessList: true})
	f.Connection.Settings.IdleTimeout = 30 * time.Second
	_, err := f.dial(t).List(t.Context(), f.Folder)
	require.Equal(t, registry.Refused, remotetest.Kind(t, err))
}
