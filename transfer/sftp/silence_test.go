package sftp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer/remotetest"
	"immtrail/transfer/sftp"
)

const wait = 500 * time.Millisecond

// within asserts that act ends as weather, after its wait and not much later.
func within(t *testing.T, act func() error) {
	t.Helper()
	begin := time.Now()
	err := act()
	require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	require.Less(t, time.Since(begin), wait+30*time.Second, "on a busy machine")
	require.GreaterOrEqual(t, time.Since(begin), wait)
}

// impatient waits shortly for an answer.
func impatient(t *testing.T, faults sftptest.Faults) *fake {
	t.Helper()
	f := startFake(t)
	f.Connection.Settings.IdleTimeout = wait
	f.SetFaults(faults)
	return f
}

// Nothing waits for ever on a server that has fallen silent.
func TestSilentServer(t *testing.T) {
	t.Run("stalled upload returns within its deadline", func(t *testing.T) {
		f := impatient(t, sftptest.Faults{StallUploadAt: 100_000})
		within(t, func() error { _, err := f.upload(t); return err })
		f.SetFaults(sftptest.Faults{})
		f.Connection.Settings.IdleTimeout = 10 * time.Second
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
	t.Run("stalled listing returns within its deadline", func(t *testing.T) {
		f := impatient(t, sftptest.Faults{StallOnList: true})
		r := f.dial(t)
		within(t, func() error { _, err := r.List(t.Context(), f.Folder); return err })
	})
	t.Run("handshake that never speaks returns within its deadline", func(t *testing.T) {
		f := impatient(t, sftptest.Faults{MuteHandshake: true})
		f.Connection.Settings.DialTimeout = wait
		within(t, func() error { _, err := f.Dialer.Dial(t.Context(), f.Connection); return err })
	})
	t.Run("scan of a server that never speaks returns within its deadline", func(t *testing.T) {
		f := impatient(t, sftptest.Faults{MuteHandshake: true})
		within(t, func() error { _, err := sftp.ScanHostKey(t.Context(), f.Addr(), wait); return err })
	})
	for _, trickle := range []bool{false, true} {
		t.Run("a network that goes silent or trickles ends an upload", func(t *testing.T) {
			f := impatient(t, sftptest.Faults{})
			net := startProxy(t, f.Addr())
			f.Connection.Port = net.port
			r := f.dial(t)
			req := remotetest.Request(f.Folder, name, body)
			req.Progress = func(sent int64) {
				if sent > 100_000 {
					net.worsen(trickle)
				}
			}
			within(t, func() error { _, err := r.Upload(t.Context(), req); return err })
		})
	}
	t.Run("a session whose caller is busy is kept alive", func(t *testing.T) {
		f := impatient(t, sftptest.Faults{})
		r := f.dial(t)
		require.Eventually(t, func() bool { return f.Stats().Keepalives > 2 }, time.Minute, time.Millisecond)
		_, err := r.List(t.Context(), f.Folder)
		require.NoError(t, err)
	})
	t.Run("a cancelled context frees a stalled upload at once", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.IdleTimeout = time.Hour
		f.SetFaults(sftptest.Faults{StallUploadAt: 100_000})
		ctx, cancel := context.WithCancel(t.Context())
		f.OnStrike(cancel)
		_, err := f.dial(t).Upload(ctx, remotetest.Request(f.Folder, name, body))
		require.ErrorIs(t, err, context.Canceled)
	})
}
