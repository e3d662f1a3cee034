package remotetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

const name = "BURL6343_test_000001.hl7"

func uploads(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	t.Run("arrives whole, and the proof agrees", func(t *testing.T) {
		for _, size := range []int{0, 1, 32 << 10, 300_001} {
			f := with(t)
			data := Noise(size)
			req := Request(f.Folder, name, data)
			var last int64
			req.Progress = func(sent int64) { require.Greater(t, sent, last); last = sent }
			r := f.dial(t)
			up, err := r.Upload(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, transfer.Uploaded{
				Bytes: int64(size), SHA256: Digest(data), Renamed: f.Connection.Settings.Upload != transfer.UploadDirect,
			}, up)
			require.EqualValues(t, size, last)
			f.holds(t, data)
			back, err := f.dial(t).ReadBack(t.Context(), f.Folder, name)
			require.NoError(t, err)
			require.Equal(t, transfer.Downloaded{Size: int64(size), SHA256: Digest(data)}, back)
		}
	})
	t.Run("repeated is delivered once", func(t *testing.T) {
		f := with(t)
		data := Noise(100_000)
		_, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, data))
		require.NoError(t, err)
		before, err := os.Stat(f.path(name))
		require.NoError(t, err)
		up, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, data))
		require.NoError(t, err)
		require.True(t, up.AlreadyThere)
		require.Equal(t, Digest(data), up.SHA256)
		after, err := os.Stat(f.path(name))
		require.NoError(t, err)
		require.Equal(t, before.ModTime(), after.ModTime(), "it was sent again")
	})
	t.Run("never overwrites another file", func(t *testing.T) {
		mine := Noise(50_000)
		same := bytes.Clone(mine)
		same[49_999] ^= 1
		for _, theirs := range [][]byte{same, append(bytes.Clone(mine), 'x'), []byte("short")} {
			f := with(t)
			f.write(t, name, theirs)
			_, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, mine))
			require.Equal(t, registry.Conflict, Kind(t, err))
			f.holds(t, theirs)
		}
	})
}

func uploadsStop(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	t.Run("does not go into a folder that is not there", func(t *testing.T) {
		f := with(t)
		_, err := f.dial(t).Upload(t.Context(), Request(f.Folder+"/nowhere", name, Noise(10)))
		require.Equal(t, registry.Refused, Kind(t, err))
		require.Empty(t, f.names(t))
	})
	t.Run("leaves nothing when our file is not what it was", func(t *testing.T) {
		data := Noise(100_000)
		for _, now := range [][]byte{data[:99_999], append(bytes.Clone(data), 'x'), append(bytes.Clone(data[:99_999]), data[99_999]^1), nil} {
			f := with(t)
			req := Request(f.Folder, name, data)
			req.Source = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(now)), nil }
			_, err := f.dial(t).Upload(t.Context(), req)
			require.Equal(t, registry.Corrupt, Kind(t, err))
			require.Empty(t, f.names(t))
		}
	})
	t.Run("leaves nothing when our file cannot be read", func(t *testing.T) {
		f := with(t)
		broken := registry.Errorf(registry.Corrupt, "file store", "cut short")
		req := Request(f.Folder, name, Noise(100_000))
		req.Source = func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(Noise(70_000)), failingReader{broken})), nil
		}
		_, err := f.dial(t).Upload(t.Context(), req)
		require.ErrorIs(t, err, broken)
		require.Equal(t, registry.Corrupt, Kind(t, err), "the source's kind is kept")
		require.Empty(t, f.names(t))
	})
	t.Run("stops when the last step cannot be recorded", func(t *testing.T) {
		f := with(t)
		req := Request(f.Folder, name, Noise(1000))
		req.BeforePublish = func(context.Context) error { return errors.New("database is down") }
		_, err := f.dial(t).Upload(t.Context(), req)
		require.Equal(t, registry.Transient, Kind(t, err))
		require.Empty(t, f.names(t))
	})
	t.Run("is not sent again when it may have been picked up", func(t *testing.T) {
		f := with(t)
		req := Request(f.Folder, name, Noise(1000))
		req.MayBeThere = true
		_, err := f.dial(t).Upload(t.Context(), req)
		require.Equal(t, registry.DeliveryUnknown, Kind(t, err))
		require.Empty(t, f.names(t))
	})
}

func uploadsGuard(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	t.Run("refuses names and folders that climb", func(t *testing.T) {
		f := with(t)
		r := f.dial(t)
		for _, bad := range []string{"", "..", "../x", "a/b", "-rf", ".hidden", "a\nb", "a\x1b[31m", "a\\b", "a\u202eb"} {
			_, err := r.Upload(t.Context(), Request(f.Folder, bad, Noise(1)))
			require.Equal(t, registry.Invalid, Kind(t, err), "%q", bad)
		}
		for _, bad := range []string{"..", "../x", "a/../../b", "a\\b", "a\x00"} {
			_, err := r.Upload(t.Context(), Request(bad, name, Noise(1)))
			require.Equal(t, registry.Invalid, Kind(t, err), "%q", bad)
		}
		require.Empty(t, f.names(t))
	})
	t.Run("stops with its context", func(t *testing.T) {
		f := with(t)
		ctx, cancel := context.WithCancel(t.Context())
		req := Request(f.Folder, name, Noise(8_000_000))
		req.Progress = func(sent int64) {
			if sent > 500_000 {
				cancel()
			}
		}
		_, err := f.dial(t).Upload(ctx, req)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, registry.Transient, Kind(t, err))
		up, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, Noise(8_000_000)))
		require.NoError(t, err, "the rest of the broken attempt does not stand in the way")
		require.False(t, up.AlreadyThere)
		f.holds(t, Noise(8_000_000))
	})
}

// failingReader is a reader that only fails.
type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func byRename(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
	t.Run("nothing is under the final name before it is whole", func(t *testing.T) {
		f := with(t)
		req := Request(f.Folder, name, Noise(200_000))
		req.Progress = func(int64) { require.NoFileExists(t, f.path(name)) }
		req.BeforePublish = func(context.Context) error {
			fi, err := os.Stat(f.path(name + transfer.PartSuffix))
			require.NoError(t, err)
			require.EqualValues(t, 200_000, fi.Size())
			require.NoFileExists(t, f.path(name))
			return nil
		}
		_, err := f.dial(t).Upload(t.Context(), req)
		require.NoError(t, err)
		f.holds(t, Noise(200_000))
	})
	t.Run("a longer rest of an earlier attempt does not show through", func(t *testing.T) {
		f := with(t)
		f.write(t, name+transfer.PartSuffix, Noise(300_000))
		req := Request(f.Folder, name, []byte("MSH|^~\\&|"))
		req.MayBeThere = true // the .part that is still there proves that it is not
		_, err := f.dial(t).Upload(t.Context(), req)
		require.NoError(t, err)
		f.holds(t, []byte("MSH|^~\\&|"))
	})
	t.Run("a file that appears meanwhile is not replaced", func(t *testing.T) {
		f := with(t)
		req := Request(f.Folder, name, Noise(1000))
		req.BeforePublish = func(context.Context) error { f.write(t, name, []byte("theirs")); return nil }
		_, err := f.dial(t).Upload(t.Context(), req)
		require.Equal(t, registry.Conflict, Kind(t, err))
		f.holds(t, []byte("theirs"))
	})
	t.Run("a delivered file takes the rest of another attempt away", func(t *testing.T) {
		f := with(t)
		f.write(t, name, Noise(1000))
		f.write(t, name+transfer.PartSuffix, Noise(10))
		_, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, Noise(1000)))
		require.NoError(t, err)
		f.holds(t, Noise(1000))
	})
}
