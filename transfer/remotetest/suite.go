package remotetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

// Fixture is a server to be tried, with one empty folder.
type Fixture struct {
	Dialer     transfer.Dialer
	Connection transfer.Connection
	// Folder is the folder as the driver names it; Disk is the same folder on
	// this machine's disk.
	Folder, Disk string
	// WrongLogin is a connection that differs in its password or key only.
	WrongLogin transfer.Connection
	// OtherKey is a host key line that is not the server's.
	OtherKey string
}

// Run runs the suite. setup makes a fresh fixture for each test.
func Run(t *testing.T, setup func(t *testing.T) Fixture) {
	t.Helper()
	for _, mode := range []string{transfer.UploadRename, transfer.UploadDirect} {
		with := func(t *testing.T) *trial {
			t.Helper()
			f := setup(t)
			f.Connection.Settings.Upload = mode
			return &trial{Fixture: f}
		}
		t.Run("upload "+mode, func(t *testing.T) { uploads(t, with) })
	}
	plain := func(t *testing.T) *trial { t.Helper(); return &trial{Fixture: setup(t)} }
	t.Run("upload by rename", func(t *testing.T) { byRename(t, plain) })
	t.Run("look", func(t *testing.T) { looks(t, plain) })
	t.Run("dial", func(t *testing.T) { dials(t, plain) })
}

// trial is a fixture with what tests ask of it.
type trial struct{ Fixture }

func (f *trial) dial(t *testing.T) transfer.Remote {
	t.Helper()
	r, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (f *trial) path(name string) string { return filepath.Join(f.Disk, name) }

func (f *trial) write(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.path(name), data, 0o600))
}

// names are those on the server's disk.
func (f *trial) names(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.Disk)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// holds asserts what the server's disk holds under name, and nothing else.
func (f *trial) holds(t *testing.T, name string, data []byte) {
	t.Helper()
	require.Equal(t, []string{name}, f.names(t))
	got, err := os.ReadFile(f.path(name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "the server holds other bytes")
}

// Noise is n bytes that are the same in every run.
func Noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data) // never fails
	return data
}

// Digest is the hex SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Request asks for data to be put under folder/name.
func Request(folder, name string, data []byte) transfer.UploadRequest {
	return transfer.UploadRequest{
		Folder: folder, Name: name, Size: int64(len(data)), SHA256: Digest(data),
		Source: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// Kind is the kind of err, which must be one of ours.
func Kind(t *testing.T, err error) registry.Kind {
	t.Helper()
	var e *registry.Error
	require.ErrorAs(t, err, &e)
	return e.Kind
}

const name = "BURL6343_test_000001.hl7"

func uploads(t *testing.T, with func(*testing.T) *trial) {
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
			f.holds(t, name, data)
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
			f.holds(t, name, theirs)
		}
	})
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
		req := Request(f.Folder, name, Noise(1_000_000))
		req.Progress = func(sent int64) {
			if sent > 500_000 {
				cancel()
			}
		}
		_, err := f.dial(t).Upload(ctx, req)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, registry.Transient, Kind(t, err))
		up, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, Noise(1_000_000)))
		require.NoError(t, err, "the rest of the broken attempt does not stand in the way")
		require.False(t, up.AlreadyThere)
		f.holds(t, name, Noise(1_000_000))
	})
}

// failingReader is a reader that only fails.
type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func byRename(t *testing.T, with func(*testing.T) *trial) {
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
		f.holds(t, name, Noise(200_000))
	})
	t.Run("a longer rest of an earlier attempt does not show through", func(t *testing.T) {
		f := with(t)
		f.write(t, name+transfer.PartSuffix, Noise(300_000))
		req := Request(f.Folder, name, []byte("MSH|^~\\&|"))
		req.MayBeThere = true // the .part that is still there proves that it is not
		_, err := f.dial(t).Upload(t.Context(), req)
		require.NoError(t, err)
		f.holds(t, name, []byte("MSH|^~\\&|"))
	})
	t.Run("a file that appears meanwhile is not replaced", func(t *testing.T) {
		f := with(t)
		req := Request(f.Folder, name, Noise(1000))
		req.BeforePublish = func(context.Context) error { f.write(t, name, []byte("theirs")); return nil }
		_, err := f.dial(t).Upload(t.Context(), req)
		require.Equal(t, registry.Conflict, Kind(t, err))
		f.holds(t, name, []byte("theirs"))
	})
	t.Run("a delivered file takes the rest of another attempt away", func(t *testing.T) {
		f := with(t)
		f.write(t, name, Noise(1000))
		f.write(t, name+transfer.PartSuffix, Noise(10))
		_, err := f.dial(t).Upload(t.Context(), Request(f.Folder, name, Noise(1000)))
		require.NoError(t, err)
		f.holds(t, name, Noise(1000))
	})
}

func looks(t *testing.T, with func(*testing.T) *trial) {
	t.Run("stat tells size and absence", func(t *testing.T) {
		f := with(t)
		f.write(t, "a.txt", []byte("12345"))
		r := f.dial(t)
		seen, err := r.Stat(t.Context(), f.Folder, "a.txt")
		require.NoError(t, err)
		require.True(t, seen.Exists && seen.Regular)
		require.EqualValues(t, 5, seen.Size)
		require.WithinDuration(t, time.Now(), seen.ModTime, time.Minute)
		seen, err = r.Stat(t.Context(), f.Folder, "b.txt")
		require.NoError(t, err)
		require.Zero(t, seen)
	})
	t.Run("listing skips folders and links and refuses hostile names", func(t *testing.T) {
		f := with(t)
		for _, n := range []string{"b.csv", "a.csv", "-rf", "new\nline", "esc\x1b[31m", "back\\slash", ".hidden"} {
			f.write(t, n, []byte("x"))
		}
		require.NoError(t, os.Mkdir(f.path("folder"), 0o700))
		require.NoError(t, os.Symlink("/etc/passwd", f.path("link.csv")))
		l, err := f.dial(t).List(t.Context(), f.Folder)
		require.NoError(t, err)
		require.Len(t, l.Entries, 2)
		require.Equal(t, "a.csv", l.Entries[0].Name)
		require.Equal(t, "b.csv", l.Entries[1].Name)
		require.EqualValues(t, 1, l.Entries[0].Size)
		require.Equal(t, 2, l.Skipped)
		require.Equal(t, 5, l.Refused)
	})
	t.Run("listing a folder that is not there is refused", func(t *testing.T) {
		f := with(t)
		_, err := f.dial(t).List(t.Context(), f.Folder+"/nowhere")
		require.Equal(t, registry.Refused, Kind(t, err))
	})
	t.Run("download is whole and proven", func(t *testing.T) {
		f := with(t)
		for _, size := range []int{0, 1, 32 << 10, 200_003} {
			data := Noise(size)
			f.write(t, "report.csv", data)
			var got bytes.Buffer
			d, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", &got)
			require.NoError(t, err)
			require.Equal(t, transfer.Downloaded{Size: int64(size), SHA256: Digest(data)}, d)
			require.True(t, bytes.Equal(data, got.Bytes()))
		}
	})
	t.Run("download of a file that is still written is no success", func(t *testing.T) {
		f := with(t)
		f.write(t, "report.csv", Noise(100_000))
		grow := growing{grow: func() { f.write(t, "report.csv", Noise(100_100)) }}
		_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", &grow)
		require.Equal(t, registry.Corrupt, Kind(t, err))
	})
	t.Run("download keeps the kind of our own disk's error", func(t *testing.T) {
		f := with(t)
		f.write(t, "report.csv", Noise(100_000))
		full := registry.Errorf(registry.Busy, "file store", "disk full")
		_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", failingWriter{full})
		require.Equal(t, registry.Busy, Kind(t, err))
	})
	t.Run("download of nothing, a folder or a link is missing", func(t *testing.T) {
		f := with(t)
		require.NoError(t, os.Mkdir(f.path("folder"), 0o700))
		require.NoError(t, os.Symlink("/etc/passwd", f.path("link.csv")))
		r := f.dial(t)
		for _, n := range []string{"none.csv", "folder", "link.csv"} {
			_, err := r.Download(t.Context(), f.Folder, n, io.Discard)
			require.Equal(t, registry.Missing, Kind(t, err), n)
		}
	})
	t.Run("remove takes a file away, twice is the same, and never a folder", func(t *testing.T) {
		f := with(t)
		f.write(t, "report.csv", []byte("x"))
		require.NoError(t, os.Mkdir(f.path("folder"), 0o700))
		r := f.dial(t)
		require.NoError(t, r.Remove(t.Context(), f.Folder, "report.csv"))
		require.NoError(t, r.Remove(t.Context(), f.Folder, "report.csv"))
		require.Equal(t, registry.Refused, Kind(t, r.Remove(t.Context(), f.Folder, "folder")))
		require.Equal(t, []string{"folder"}, f.names(t))
	})
	t.Run("probe tells what a connection can do and writes nothing", func(t *testing.T) {
		f := with(t)
		f.write(t, "a.csv", nil)
		p, err := transfer.Probe(t.Context(), f.Dialer, f.Connection, f.Folder, f.Folder+"/nowhere")
		require.NoError(t, err)
		require.False(t, p.OK())
		require.Equal(t, 1, p.Folders[0].Files)
		require.Error(t, p.Folders[1].Err)
		require.NotEmpty(t, p.Capabilities.HostKey)
		require.Equal(t, []string{"a.csv"}, f.names(t))
	})
}

// growing changes the file that is read while it is read.
type growing struct{ grow func() }

func (g *growing) Write(p []byte) (int, error) {
	if g.grow != nil {
		g.grow()
		g.grow = nil
	}
	return len(p), nil
}

// failingWriter is a writer that only fails.
type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

func dials(t *testing.T, with func(*testing.T) *trial) {
	t.Run("a wrong password or key is unauthorised", func(t *testing.T) {
		f := with(t)
		_, err := f.Dialer.Dial(t.Context(), f.WrongLogin)
		require.Equal(t, registry.Unauthorised, Kind(t, err))
	})
	t.Run("another host key stops everything", func(t *testing.T) {
		f := with(t)
		f.Connection.HostKeys = []string{f.OtherKey}
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, Kind(t, err))
	})
	t.Run("no pinned host key stops everything", func(t *testing.T) {
		f := with(t)
		f.Connection.HostKeys = nil
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, Kind(t, err))
	})
	t.Run("two pins carry a rotation", func(t *testing.T) {
		f := with(t)
		f.Connection.HostKeys = append([]string{f.OtherKey}, f.Connection.HostKeys...)
		f.dial(t)
	})
	t.Run("an ended context dials nobody", func(t *testing.T) {
		f := with(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.Dialer.Dial(ctx, f.Connection)
		require.Equal(t, registry.Transient, Kind(t, err))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("a closed session answers with an error and may be closed again", func(t *testing.T) {
		f := with(t)
		r := f.dial(t)
		require.NoError(t, r.Close())
		_, err := r.List(t.Context(), f.Folder)
		require.Equal(t, registry.Transient, Kind(t, err))
		require.NoError(t, r.Close())
	})
}
