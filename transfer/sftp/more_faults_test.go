package sftp_test

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

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

// A full disk and a quota, wherever they strike, on a small file as on a large
// one: busy, nothing under the final name, and the next attempt delivers.
func TestNoSpace(t *testing.T) {
	ten := remotetest.Noise(10)
	for _, tc := range []struct {
		outcome string
		data    []byte
		faults  sftptest.Faults
		words   string
	}{
		{"disk full at the first byte of a 10-byte file", ten, sftptest.Faults{DiskFullAt: 1}, "disk is full"},
		{"disk full at the last byte of a 10-byte file", ten, sftptest.Faults{DiskFullAt: 10}, "disk is full"},
		{"disk full in the last chunk", body, sftptest.Faults{DiskFullAt: 299_999}, "disk is full"},
		{"quota on a 10-byte file", ten, sftptest.Faults{QuotaAt: 10}, "quota"},
		{"quota in the last chunk", body, sftptest.Faults{QuotaAt: 299_999}, "quota"},
		{"no space shown at close only", ten, sftptest.Faults{FailClose: true}, "close"},
	} {
		for _, mode := range []string{transfer.UploadRename, transfer.UploadDirect} {
			t.Run(tc.outcome+", "+mode, func(t *testing.T) {
				f := startFake(t)
				f.Connection.Settings.Upload = mode
				f.SetFaults(tc.faults)
				_, err := f.dial(t).Upload(t.Context(), remotetest.Request(f.Folder, name, tc.data))
				if tc.faults.FailClose && mode == transfer.UploadDirect {
					require.NoError(t, err, "every byte lies under the final name, whatever close says")
					require.Equal(t, []string{name}, f.names(t))
					return
				}
				require.Equal(t, registry.Busy, remotetest.Kind(t, err), "%v", err)
				require.ErrorContains(t, err, tc.words)
				require.Empty(t, f.names(t))
				f.SetFaults(sftptest.Faults{})
				_, err = f.dial(t).Upload(t.Context(), remotetest.Request(f.Folder, name, tc.data))
				require.NoError(t, err)
				require.Equal(t, []string{name}, f.names(t))
			})
		}
	}
}

func TestCutAtEveryPlace(t *testing.T) {
	for _, at := range []int64{1, 2, 3, 32 << 10, 32<<10 + 1, 150_000, 299_999, 300_000} {
		t.Run(fmt.Sprintf("cut before byte %d, then delivered once", at), func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(sftptest.Faults{CutUploadAt: at, Once: true})
			_, err := f.upload(t)
			require.Equal(t, registry.Transient, remotetest.Kind(t, err))
			require.NotContains(t, f.names(t), name)
			_, err = f.upload(t)
			require.NoError(t, err)
			f.delivered(t)
			require.Equal(t, 1, f.Stats().Renames)
		})
	}
}

func TestServerClockYearsOff(t *testing.T) {
	for _, off := range []time.Duration{-30 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		f := startFake(t)
		f.SetFaults(sftptest.Faults{ClockOff: off})
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
		how, err := transfer.Confirm(t.Context(), f.dial(t), expected(f))
		require.NoError(t, err)
		require.Equal(t, registry.ConfirmedByStat, how)
		_, err = f.dial(t).Download(t.Context(), f.Folder, name, io.Discard)
		require.NoError(t, err)
	}
}

func TestHostileNamesAreRefusedAndReported(t *testing.T) {
	f := startFake(t)
	require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "x"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(f.Disk, "folder"), 0o700))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(f.Disk, "link")))
	f.SetFaults(sftptest.Faults{StrangeNames: []string{
		"../x", "/etc/passwd", "a/b", "esc\x1b[31m", "bell\x07", "new\nline", strings.Repeat("n", 4096), "-rf", "rtl\u202etxt", `c:\x`, "good.csv", "nul\x00x",
	}})
	l, err := f.dial(t).List(t.Context(), f.Folder)
	require.NoError(t, err)
	var names []string
	for _, e := range l.Entries {
		names = append(names, e.Name)
	}
	require.Equal(t, []string{"good.csv", "x"}, names, "the x that lies there, not the one that climbs")
	require.Equal(t, 2, l.Skipped, "a folder and a link")
	require.Equal(t, 11, l.Refused)
	require.Len(t, l.Refusals, 10)
	require.Contains(t, l.Refusals, `"../x"`)
	require.Contains(t, l.Refusals, `"esc\x1b[31m"`)
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
	f.SetFaults(sftptest.Faults{StrangeNames: names})
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

func TestRotatedHostKey(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := startFake(t)
	newKey, err := sftptest.NewHostKey()
	require.NoError(t, err)
	oldLine, newLine := f.HostKeyLine(), line(newKey)
	pins, err := transfer.Rotate([]string{oldLine}, newLine, day, day.AddDate(0, 0, 14))
	require.NoError(t, err)
	f.Connection.HostKeys, f.Connection.At = pins, day
	dial := func() error {
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		if err == nil {
			err = r.Close()
		}
		return err
	}
	require.NoError(t, dial(), "the old key is accepted in the window")
	f.SetFaults(sftptest.Faults{HostKey: newKey})
	require.NoError(t, dial(), "so is the new one")
	f.Connection.At = day.AddDate(0, 0, 14)
	require.NoError(t, dial(), "and after it")
	f.SetFaults(sftptest.Faults{})
	require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, dial()), "the old one is not")
	f.Connection.HostKeys = []string{pins[1]}
	require.ErrorContains(t, dial(), "is over")
}

func TestOutboundStaysInTheAllowedAddresses(t *testing.T) {
	f := startFake(t)
	f.Connection.Settings.AllowedAddresses = []string{"192.0.2.0/24"}
	_, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	require.Zero(t, f.Stats().Connections)
	f.Connection.Settings.AllowedAddresses = append(f.Connection.Settings.AllowedAddresses, "127.0.0.0/8")
	f.dial(t)
}

func TestMaxSessionsReached(t *testing.T) {
	f := startFake(t)
	f.SetFaults(sftptest.Faults{MaxSessions: 1})
	held := f.dial(t)
	_, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	require.NoError(t, held.Close())
	require.Eventually(t, func() bool { return f.Stats().Sessions == 0 }, time.Minute, time.Millisecond)

	f.Connection.Settings.MaxSessions, f.Connection.Settings.SFTPIdleLife = 1, time.Minute
	p := transfer.NewPool(f.Dialer)
	defer p.Close()
	before := f.Stats().Connections
	for range 5 { // a pool that knows the bound never runs into it
		for _, purpose := range []transfer.Purpose{transfer.ToSend, transfer.ToLook} {
			c := f.Connection
			c.Purpose = purpose
			require.Eventually(t, func() bool {
				r, err := p.Dial(t.Context(), c)
				if err != nil {
					return false // the server still counts the session that was ended for this one
				}
				_, err = r.List(t.Context(), f.Folder)
				return r.Close() == nil && err == nil
			}, 10*time.Second, time.Millisecond)
		}
	}
	require.Greater(t, f.Stats().Connections, before)
}

func TestRefusedLoginIsNeverTriedAgain(t *testing.T) {
	f := startFake(t)
	p := transfer.NewPool(f.Dialer)
	defer p.Close()
	f.WrongLogin.Settings.SFTPIdleLife = time.Minute
	_, err := p.Dial(t.Context(), f.WrongLogin)
	require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
	require.Equal(t, 1, f.Stats().Attempts)
}
