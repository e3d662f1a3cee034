package sftp_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	library "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

// big is long enough for several large packets to be on their way.
var big = remotetest.Noise(12 << 20)

func (f *fake) mark() { f.Connection.Settings.TrustedParallel = []string{f.Connection.Host} }

// send uploads big and tells what was acknowledged at the end.
func (f *fake) send(t *testing.T, from int64) (acked int64, err error) {
	t.Helper()
	req := remotetest.Request(f.Folder, name, big)
	req.Acknowledged, req.Progress = from, func(n int64) { acked = n }
	_, err = f.dial(t).Upload(t.Context(), req)
	return acked, err
}

func (f *fake) holdsBig(t *testing.T) {
	t.Helper()
	require.Equal(t, []string{name}, f.names(t))
	got, err := os.ReadFile(filepath.Join(f.Disk, name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, got))
}

func TestWritesOnTheirWay(t *testing.T) {
	scatter := sftptest.Faults{ScatterWrites: 2 * time.Millisecond}
	t.Run("one, where nobody knows how the server writes", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(scatter)
		_, err := f.send(t, 0)
		require.NoError(t, err)
		require.Equal(t, 1, f.Stats().MostWrites)
		f.holdsBig(t)
	})
	t.Run("several, on a marked host", func(t *testing.T) {
		f := startFake(t)
		f.mark()
		f.SetFaults(scatter)
		_, err := f.send(t, 0)
		require.NoError(t, err)
		require.Greater(t, f.Stats().MostWrites, 1)
		f.holdsBig(t)
	})
	t.Run("one, under a final name, whatever the host is marked for", func(t *testing.T) {
		f := startFake(t)
		f.mark()
		f.Connection.Settings.Upload = transfer.UploadDirect
		f.SetFaults(scatter)
		_, err := f.send(t, 0)
		require.NoError(t, err)
		require.Equal(t, 1, f.Stats().MostWrites)
	})
}

func TestAgainstMarkedFake(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
		t.Helper()
		f := startFake(t)
		f.mark()
		return f.Fixture
	})
}

func TestAgainstFakeThroughAPool(t *testing.T) {
	remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
		t.Helper()
		f := startFake(t)
		p := transfer.NewPool(f.Dialer)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		f.Dialer = p
		f.Connection.Settings.SFTPIdleLife = time.Minute
		return f.Fixture
	})
}

func TestResume(t *testing.T) {
	cut := func(t *testing.T) (*fake, int64) {
		t.Helper()
		f := startFake(t)
		f.mark()
		f.SetFaults(sftptest.Faults{CutUploadAt: 9 << 20})
		acked, err := f.send(t, 0)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
		require.Positive(t, acked)
		require.Eventually(t, func() bool { return f.Stats().Sessions == 0 }, time.Minute, time.Millisecond,
			"what was on its way in the cut session lands late")
		f.SetFaults(sftptest.Faults{})
		return f, acked
	}
	t.Run("goes on from what was acknowledged and sends at most 4 MiB again", func(t *testing.T) {
		f, acked := cut(t)
		before := f.Stats().Bytes
		_, err := f.send(t, acked)
		require.NoError(t, err)
		f.holdsBig(t)
		require.LessOrEqual(t, f.Stats().Bytes, int64(len(big))+4<<20)
		require.Equal(t, int64(len(big))-acked, f.Stats().Bytes-before)
	})
	t.Run("never trusts the size that the server has", func(t *testing.T) {
		f, _ := cut(t)
		before := f.Stats().Bytes
		_, err := f.send(t, 0)
		require.NoError(t, err)
		require.EqualValues(t, len(big), f.Stats().Bytes-before)
		f.holdsBig(t)
	})
	t.Run("begins again where the server has less than it acknowledged, and says so", func(t *testing.T) {
		f, acked := cut(t)
		require.NoError(t, os.Truncate(filepath.Join(f.Disk, name+transfer.PartSuffix), acked-1))
		var told []int64
		req := remotetest.Request(f.Folder, name, big)
		req.Acknowledged, req.Progress = acked, func(n int64) { told = append(told, n) }
		_, err := f.dial(t).Upload(t.Context(), req)
		require.NoError(t, err)
		require.Zero(t, told[0])
		f.holdsBig(t)
	})
	t.Run("reads back what it resumed: a hole before that place is found and nothing is renamed", func(t *testing.T) {
		f, acked := cut(t)
		part, err := os.OpenFile(filepath.Join(f.Disk, name+transfer.PartSuffix), os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = part.WriteAt(make([]byte, 4096), acked/2)
		require.NoError(t, err)
		require.NoError(t, part.Close())
		_, err = f.send(t, acked)
		require.Equal(t, registry.Corrupt, remotetest.Kind(t, err))
		require.Empty(t, f.names(t))
		_, err = f.send(t, acked)
		require.NoError(t, err)
		f.holdsBig(t)
	})
	t.Run("a host that is not marked begins again", func(t *testing.T) {
		f, acked := cut(t)
		f.Connection.Settings.TrustedParallel = nil
		before := f.Stats().Bytes
		_, err := f.send(t, acked)
		require.NoError(t, err)
		require.EqualValues(t, len(big), f.Stats().Bytes-before)
		f.holdsBig(t)
	})
}

// The library itself takes a short answer for less than it is: with reads in
// flight beside each other it puts the next one where the asked-for bytes would
// have ended (pkg/sftp#424, pkg/sftp#658). When this test fails because the
// library got better, the driver may read ahead.
func TestTheLibraryLosesBytesOnShortReads(t *testing.T) {
	f := startFake(t)
	require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), big, 0o600))
	f.SetFaults(sftptest.Faults{ShortReads: 1001})
	conn, err := ssh.Dial("tcp", f.Addr(), &ssh.ClientConfig{
		User: "sunrise", Auth: []ssh.AuthMethod{ssh.Password("open sesame")}, HostKeyCallback: ssh.FixedHostKey(f.HostKey()),
	})
	require.NoError(t, err)
	defer conn.Close()
	c, err := library.NewClient(conn)
	require.NoError(t, err)
	defer c.Close()
	file, err := c.Open("prod/in/report.csv")
	require.NoError(t, err)
	defer file.Close()
	var got bytes.Buffer
	_, err = io.Copy(&got, file)
	t.Logf("the library: %d of %d bytes, same: %t, error: %v", got.Len(), len(big), bytes.Equal(got.Bytes(), big), err)
	require.False(t, bytes.Equal(got.Bytes(), big) && err == nil)

	got.Reset()
	d, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", &got)
	require.NoError(t, err, "the driver puts them together")
	require.Equal(t, remotetest.Digest(big), d.SHA256)
	require.True(t, bytes.Equal(big, got.Bytes()))
}
