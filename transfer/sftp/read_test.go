package sftp_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer/remotetest"
)

// On a marked host several reads are on their way. What comes is the same, in
// its order, or an error.
func TestReadsOnTheirWay(t *testing.T) {
	start := func(t *testing.T, marked bool, data []byte, faults sftptest.Faults) *fake {
		t.Helper()
		f := startFake(t)
		if marked {
			f.mark()
		}
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), data, 0o600))
		f.SetFaults(faults)
		return f
	}
	for _, marked := range []bool{false, true} {
		for _, size := range []int{0, 1, 255<<10 - 1, 255 << 10, 255<<10 + 1, 8 * 255 << 10, 5_000_000} {
			for _, short := range []int{0, 1001, 100_000} {
				f := start(t, marked, big[:size], sftptest.Faults{ShortReads: short})
				var got bytes.Buffer
				d, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", &got)
				require.NoError(t, err)
				require.Equal(t, remotetest.Digest(big[:size]), d.SHA256)
				require.True(t, bytes.Equal(big[:size], got.Bytes()), "%d bytes, answers of %d", size, short)
			}
		}
	}
	for _, tc := range []struct {
		outcome string
		faults  sftptest.Faults
		kind    registry.Kind
	}{
		{"a size that is too small is corrupt", sftptest.Faults{LieAboutSize: -1}, registry.Corrupt},
		{"a size that is far too small is corrupt", sftptest.Faults{LieAboutSize: -4_000_000}, registry.Corrupt},
		{"a size that is too large is corrupt", sftptest.Faults{LieAboutSize: 3_000_000}, registry.Corrupt},
		{"a cut connection is weather", sftptest.Faults{CutDownloadAt: 3_000_000}, registry.Transient},
	} {
		t.Run(tc.outcome, func(t *testing.T) {
			f := start(t, true, big[:5_000_000], tc.faults)
			_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", io.Discard)
			require.Equal(t, tc.kind, remotetest.Kind(t, err), "%v", err)
		})
	}
	t.Run("a session whose caller failed in the middle can be used again", func(t *testing.T) {
		f := start(t, true, big[:5_000_000], sftptest.Faults{})
		r := f.dial(t)
		full := registry.Errorf(registry.Busy, "file store", "disk full")
		_, err := r.Download(t.Context(), f.Folder, "report.csv", failing{full})
		require.Equal(t, registry.Busy, remotetest.Kind(t, err))
		d, err := r.ReadBack(t.Context(), f.Folder, "report.csv")
		require.NoError(t, err)
		require.Equal(t, remotetest.Digest(big[:5_000_000]), d.SHA256)
	})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
