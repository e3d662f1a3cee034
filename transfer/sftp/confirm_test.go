package sftp_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

func TestConfirm(t *testing.T) {
	expected := func(f *fake) transfer.Expected {
		return transfer.Expected{
			Folder: f.Folder, Name: name, Size: int64(len(body)), SHA256: remotetest.Digest(body), Acknowledged: true,
		}
	}
	put := func(t *testing.T, f *fake, data []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, name), data, 0o600))
	}
	confirmed := func(t *testing.T, f *fake, want transfer.Expected) registry.Confirmation {
		t.Helper()
		how, err := transfer.Confirm(t.Context(), f.dial(t), want)
		require.NoError(t, err)
		return how
	}
	refused := func(t *testing.T, f *fake, want transfer.Expected) registry.Kind {
		t.Helper()
		how, err := transfer.Confirm(t.Context(), f.dial(t), want)
		require.Empty(t, how)
		return remotetest.Kind(t, err)
	}
	t.Run("the right size is enough, the digest is better", func(t *testing.T) {
		f := startFake(t)
		put(t, f, body)
		want := expected(f)
		require.Equal(t, registry.ConfirmedByStat, confirmed(t, f, want))
		want.ReadBack = true
		require.Equal(t, registry.ConfirmedByReadBack, confirmed(t, f, want))
		f.SetFaults(sftptest.Faults{DenyRead: true})
		require.Equal(t, registry.ConfirmedByStat, confirmed(t, f, want), "a write-only folder")
	})
	t.Run("a listing serves where looking is not allowed", func(t *testing.T) {
		f := startFake(t)
		put(t, f, body)
		f.SetFaults(sftptest.Faults{DenyStat: true})
		require.Equal(t, registry.ConfirmedByListing, confirmed(t, f, expected(f)))
		f.SetFaults(sftptest.Faults{DenyFolder: "prod/in"})
		require.Equal(t, registry.Refused, refused(t, f, expected(f)))
	})
	t.Run("gone is picked up when the upload was acknowledged, else nobody can tell", func(t *testing.T) {
		f := startFake(t)
		want := expected(f)
		require.Equal(t, registry.ConfirmedSwept, confirmed(t, f, want))
		want.Acknowledged = false
		require.Equal(t, registry.DeliveryUnknown, refused(t, f, want))
	})
	t.Run("another size or digest is never confirmed", func(t *testing.T) {
		f := startFake(t)
		put(t, f, body[1:])
		require.Equal(t, registry.Corrupt, refused(t, f, expected(f)))
		put(t, f, append([]byte{body[0] ^ 1}, body[1:]...))
		want := expected(f)
		want.ReadBack = true
		require.Equal(t, registry.Conflict, refused(t, f, want))
		require.NoError(t, os.Remove(filepath.Join(f.Disk, name)))
		require.NoError(t, os.Mkdir(filepath.Join(f.Disk, name), 0o700))
		require.Equal(t, registry.Conflict, refused(t, f, want))
	})
	t.Run("weather is not taken for picked up", func(t *testing.T) {
		f := startFake(t)
		r := f.dial(t)
		f.CutAll()
		_, err := transfer.Confirm(t.Context(), r, expected(f))
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	})
}
