package sftp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

func expected(f *fake) transfer.Expected {
	return transfer.Expected{
		Folder: f.Folder, Name: name, Size: int64(len(body)), SHA256: remotetest.Digest(body), Acknowledged: true,
	}
}

func (f *fake) put(t *testing.T, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.Disk, name), data, 0o600))
}

func (f *fake) confirmed(t *testing.T, want transfer.Expected) registry.Confirmation {
	t.Helper()
	how, err := transfer.Confirm(t.Context(), f.dial(t), want)
	require.NoError(t, err)
	return how
}

func (f *fake) unconfirmed(t *testing.T, want transfer.Expected) registry.Kind {
	t.Helper()
	how, err := transfer.Confirm(t.Context(), f.dial(t), want)
	require.Empty(t, how)
	return remotetest.Kind(t, err)
}

func TestConfirm(t *testing.T) {
	t.Run("the right size is enough, the digest is better", func(t *testing.T) {
		f := startFake(t)
		f.put(t, body)
		want := expected(f)
		require.Equal(t, registry.ConfirmedByStat, f.confirmed(t, want))
		want.ReadBack = true
		require.Equal(t, registry.ConfirmedByReadBack, f.confirmed(t, want))
		f.SetFaults(sftptest.Faults{DenyRead: true})
		require.Equal(t, registry.ConfirmedByStat, f.confirmed(t, want), "a write-only folder")
	})
	t.Run("a listing serves where looking is not allowed", func(t *testing.T) {
		f := startFake(t)
		f.put(t, body)
		f.SetFaults(sftptest.Faults{DenyStat: true})
		require.Equal(t, registry.ConfirmedByListing, f.confirmed(t, expected(f)))
		f.SetFaults(sftptest.Faults{DenyFolder: "prod/in"})
		require.Equal(t, registry.Refused, f.unconfirmed(t, expected(f)))
	})
	t.Run("gone is picked up when the upload was acknowledged, else nobody can tell", func(t *testing.T) {
		f := startFake(t)
		want := expected(f)
		require.Equal(t, registry.ConfirmedSwept, f.confirmed(t, want))
		want.Acknowledged = false
		require.Equal(t, registry.DeliveryUnknown, f.unconfirmed(t, want))
	})
	t.Run("another size or digest is never confirmed", func(t *testing.T) {
		f := startFake(t)
		f.put(t, body[1:])
		require.Equal(t, registry.Conflict, f.unconfirmed(t, expected(f)))
		f.put(t, append([]byte{body[0] ^ 1}, body[1:]...))
		want := expected(f)
		want.ReadBack = true
		require.Equal(t, registry.Conflict, f.unconfirmed(t, want))
		require.NoError(t, os.Remove(filepath.Join(f.Disk, name)))
		require.NoError(t, os.Mkdir(filepath.Join(f.Disk, name), 0o700))
		require.Equal(t, registry.Conflict, f.unconfirmed(t, want))
	})
	t.Run("renamed by the server is recognised, with or without a record", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{RenamedTo: "done_%s.txt"})
		_, err := f.upload(t)
		require.NoError(t, err)
		require.Equal(t, []string{"done_" + name + ".txt"}, f.names(t))
		want := expected(f)
		for _, want.Acknowledged = range []bool{true, false} {
			e, err := transfer.Prove(t.Context(), f.dial(t), want)
			require.NoError(t, err)
			require.Equal(t, "done_"+name+".txt", e.RenamedTo)
			require.Equal(t, registry.ConfirmedRenamed, e.How)
			require.Equal(t, want.SHA256, e.SHA256)
		}
		f.SetFaults(sftptest.Faults{DenyRead: true})
		want.Acknowledged = true
		require.Equal(t, registry.ConfirmedRenamed, f.confirmed(t, want), "a write-only folder that may be listed")
		want.Acknowledged = false
		require.Equal(t, registry.DeliveryUnknown, f.unconfirmed(t, want))
	})
	t.Run("a file that only looks like ours is not taken for it", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, name+".done"), append([]byte{body[0] ^ 1}, body[1:]...), 0o600))
		want := expected(f)
		require.Equal(t, registry.ConfirmedSwept, f.confirmed(t, want))
		want.Acknowledged = false
		require.Equal(t, registry.DeliveryUnknown, f.unconfirmed(t, want))
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, name+".part"), body, 0o600))
		require.Equal(t, registry.DeliveryUnknown, f.unconfirmed(t, want), "our own rest is no delivery")
	})
	t.Run("the evidence says what was seen and where", func(t *testing.T) {
		f := startFake(t)
		f.put(t, body)
		f.SetFaults(sftptest.Faults{ClockOff: -20 * 365 * 24 * time.Hour})
		e, err := transfer.Prove(t.Context(), f.dial(t), expected(f))
		require.NoError(t, err, "a server whose clock is years off is as good as another")
		require.Equal(t, registry.ConfirmedByStat, e.How)
		require.EqualValues(t, len(body), e.Size)
		require.Less(t, e.ModTime.Year(), 2020)
		require.Equal(t, ssh.FingerprintSHA256(f.HostKey()), e.HostKey)
		require.NotEmpty(t, e.Server)
	})
	t.Run("weather is not taken for picked up", func(t *testing.T) {
		f := startFake(t)
		r := f.dial(t)
		f.CutAll()
		_, err := transfer.Confirm(t.Context(), r, expected(f))
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	})
}
