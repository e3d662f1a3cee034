package remotetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
)

func looks(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
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
	t.Run("names with blanks and brackets are refused and reported, and taken where the profile allows them", func(t *testing.T) {
		f := with(t)
		const report = "DQA Report (1).csv"
		data := Noise(1000)
		f.write(t, report, data)
		f.write(t, "two  blanks.csv", data)
		r := f.dial(t)
		l, err := r.List(t.Context(), f.Folder)
		require.NoError(t, err)
		require.Empty(t, l.Entries)
		require.Equal(t, 2, l.Refused)
		require.Contains(t, l.Refusals, strconv.Quote(report))
		_, err = r.Download(t.Context(), f.Folder, report, io.Discard)
		require.Equal(t, registry.Invalid, Kind(t, err))

		f.Connection.Settings.NameCharacters = " ()"
		r = f.dial(t)
		l, err = r.List(t.Context(), f.Folder)
		require.NoError(t, err)
		require.Len(t, l.Entries, 1)
		require.Equal(t, report, l.Entries[0].Name)
		seen, err := r.Stat(t.Context(), f.Folder, report)
		require.NoError(t, err)
		require.EqualValues(t, 1000, seen.Size)
		d, err := r.Download(t.Context(), f.Folder, report, io.Discard)
		require.NoError(t, err)
		require.Equal(t, Digest(data), d.SHA256)
		_, err = r.Upload(t.Context(), Request(f.Folder, report, data))
		require.Equal(t, registry.Invalid, Kind(t, err), "ours never hold them")
		require.NoError(t, r.Remove(t.Context(), f.Folder, report))
	})
	t.Run("listing a folder that is not there is refused", func(t *testing.T) {
		f := with(t)
		_, err := f.dial(t).List(t.Context(), f.Folder+"/nowhere")
		require.Equal(t, registry.Refused, Kind(t, err))
	})
}

func downloads(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
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
	t.Run("download of a file that is still written is no success, and ends", func(t *testing.T) {
		f := with(t)
		f.write(t, "report.csv", Noise(100_000))
		size := 100_000
		meanwhile := onWrite(func() { size += 64 << 10; f.write(t, "report.csv", make([]byte, size)) })
		_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", meanwhile)
		require.Equal(t, registry.Corrupt, Kind(t, err))
	})
	t.Run("download of a file that is replaced by one of the same size is no success", func(t *testing.T) {
		f := with(t)
		f.write(t, "report.csv", Noise(100_000))
		meanwhile := onWrite(func() {
			f.write(t, "report.csv", make([]byte, 100_000))
			require.NoError(t, os.Chtimes(f.path("report.csv"), time.Time{}, time.Now().Add(time.Hour)))
		})
		_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", meanwhile)
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
			if n == "link.csv" && f.LinksShowAsFiles {
				continue // nobody can tell from here, and nothing of ours is followed
			}
			_, err := r.Download(t.Context(), f.Folder, n, io.Discard)
			require.Equal(t, registry.Missing, Kind(t, err), n)
		}
	})
}

func removes(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
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
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", f.Connection.Port), p.Capabilities.To)
		require.Contains(t, p.Capabilities.From, "127.0.0.1:")
		require.Equal(t, []string{"a.csv"}, f.names(t))
	})
}

// onWrite is a writer that does something to the server's disk at each write.
type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

// failingWriter is a writer that only fails.
type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

func dials(t *testing.T, with func(*testing.T) *trial) {
	t.Helper()
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
	t.Run("a name that leads nowhere, and a port where nobody listens, are weather", func(t *testing.T) {
		f := with(t)
		nowhere := f.Connection
		nowhere.Host = "nowhere.invalid"
		_, err := f.Dialer.Dial(t.Context(), nowhere)
		require.Equal(t, registry.Transient, Kind(t, err))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		nobody := f.Connection
		nobody.Port = l.Addr().(*net.TCPAddr).Port
		require.NoError(t, l.Close())
		_, err = f.Dialer.Dial(t.Context(), nobody)
		require.Equal(t, registry.Transient, Kind(t, err))
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
