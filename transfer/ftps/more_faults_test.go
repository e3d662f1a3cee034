package ftps_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/ftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

func TestNoSpaceForSmallFiles(t *testing.T) {
	ten := remotetest.Noise(10)
	for _, mode := range []string{transfer.UploadRename, transfer.UploadDirect} {
		for _, answer := range []string{"552 Quota exceeded", "452 Insufficient storage space", "426 No space left on device"} {
			t.Run(answer[:3]+" for a 10-byte file, "+mode, func(t *testing.T) {
				f := startFake(t)
				f.Connection.Settings.Upload = mode
				// What did not fit is not there.
				f.SetFaults(ftptest.Faults{StorReply: answer})
				_, err := f.dial(t).Upload(t.Context(), remotetest.Request(f.Folder, name, ten))
				require.Equal(t, registry.Busy, remotetest.Kind(t, err), "%v", err)
				f.notThere(t)
				f.SetFaults(ftptest.Faults{})
				_, err = f.dial(t).Upload(t.Context(), remotetest.Request(f.Folder, name, ten))
				require.NoError(t, err)
			})
		}
	}
}

func TestServerClockYearsOff(t *testing.T) {
	for _, change := range []func(*ftptest.Options){func(*ftptest.Options) {}, noMLSD} {
		for _, off := range []time.Duration{-30 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
			f := startFake(t, change)
			f.SetFaults(ftptest.Faults{ClockOff: off})
			_, err := f.upload(t)
			require.NoError(t, err)
			f.delivered(t)
			how, err := transfer.Confirm(t.Context(), f.dial(t), transfer.Expected{
				Folder: f.Folder, Name: name, Size: int64(len(body)), SHA256: remotetest.Digest(body), Acknowledged: true,
			})
			require.NoError(t, err)
			require.Equal(t, registry.ConfirmedByStat, how)
			_, err = f.dial(t).Download(t.Context(), f.Folder, name, io.Discard)
			require.NoError(t, err)
		}
	}
}

func TestHostileNamesAreRefusedAndReported(t *testing.T) {
	f := startFake(t)
	require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "x"), nil, 0o600))
	f.SetFaults(ftptest.Faults{StrangeNames: []string{
		"../x", "/etc/passwd", "a/b", "esc\x1b[31m", "bell\x07", "new\nline", strings.Repeat("n", 4096), "-rf", "rtl\u202etxt", `c:\x`, "good.csv", "nul\x00x",
	}})
	l, err := f.dial(t).List(t.Context(), f.Folder)
	require.NoError(t, err)
	var names []string
	for _, e := range l.Entries {
		names = append(names, e.Name)
	}
	require.Equal(t, []string{"good.csv", "x"}, names, "the x that lies there, not the one that climbs")
	require.Equal(t, 11, l.Refused)
	require.Len(t, l.Refusals, 10)
	for _, shown := range []string{`"../x"`, `"esc\x1b[31m"`, `"new\nline"`} {
		require.Contains(t, l.Refusals, shown)
	}
	for _, r := range l.Refusals {
		require.Less(t, len(r), 200)
		require.NotContains(t, r, "\x1b")
	}
}

func TestListingOf100000Entries(t *testing.T) {
	f := startFake(t)
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("DQA_REPORT_TEXAS_20260301_%06d.csv", i)
	}
	f.SetFaults(ftptest.Faults{StrangeNames: names})
	r := f.dial(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := r.List(t.Context(), f.Folder)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, l.Entries, 100_000)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(32<<20), "what stays of it")
}
