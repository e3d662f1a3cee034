package ftps_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/ftptest"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/remotetest"
)

func (f *fake) dial(t *testing.T) transfer.Remote {
	t.Helper()
	r, err := f.Dialer.Dial(t.Context(), f.Connection)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func (f *fake) upload(t *testing.T, change ...func(*transfer.UploadRequest)) (transfer.Uploaded, error) {
	t.Helper()
	req := remotetest.Request(f.Folder, name, body)
	for _, c := range change {
		c(&req)
	}
	return f.dial(t).Upload(t.Context(), req)
}

func recorded(r *transfer.UploadRequest) {
	r.BeforePublish = func(context.Context) error { return nil }
}

func mayBeThere(r *transfer.UploadRequest) { r.MayBeThere = true }

// delivered asserts that our file, and nothing else, is on the server's disk.
func (f *fake) delivered(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(f.Disk)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	got, err := os.ReadFile(filepath.Join(f.Disk, name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, got))
}

// notThere asserts that nothing lies under the final name.
func (f *fake) notThere(t *testing.T) {
	t.Helper()
	require.NoFileExists(t, filepath.Join(f.Disk, name))
}

// Whatever the server does to an upload on its way, nothing appears under the
// final name, and the next attempt delivers.
func TestUploadThatBreaks(t *testing.T) {
	for outcome, c := range map[string]struct {
		faults ftptest.Faults
		kind   registry.Kind
	}{
		"data connection cut at the first byte":              {ftptest.Faults{CutUploadAt: 1}, registry.Transient},
		"data connection cut in the middle":                  {ftptest.Faults{CutUploadAt: 300_000}, registry.Transient},
		"data connection cut at the last byte":               {ftptest.Faults{CutUploadAt: 600_000}, registry.Transient},
		"server claims that a cut file is whole":             {ftptest.Faults{CutUploadAt: 300_000, ClaimWhole: true}, ""},
		"server keeps less than it took, and says done":      {ftptest.Faults{LieAboutSize: -1}, registry.Corrupt},
		"end of the transfer is never answered":              {ftptest.Faults{LoseEndReply: true}, registry.Transient},
		"quota is used up (552)":                             {ftptest.Faults{EndReply: "552 Quota exceeded"}, registry.Busy},
		"disk is full (452)":                                 {ftptest.Faults{EndReply: "452 Insufficient storage space"}, registry.Busy},
		"disk is full in the words of a transfer (426)":      {ftptest.Faults{EndReply: "426 No space left on device"}, registry.Busy},
		"writing is not allowed (550)":                       {ftptest.Faults{StorReply: "550 Permission denied"}, registry.Refused},
		"name is not allowed (553)":                          {ftptest.Faults{StorReply: "553 File name not allowed"}, registry.Refused},
		"no data connection (425)":                           {ftptest.Faults{StorReply: "425 Can't open data connection"}, registry.Transient},
		"rename refused (553)":                               {ftptest.Faults{RenameReply: "553 not here"}, registry.Refused},
		"server goes down (421)":                             {ftptest.Faults{StorReply: "421 Service shutting down"}, registry.Busy},
		"session ends before the rename, and nobody records": {ftptest.Faults{CutBeforeRename: true}, registry.Transient},
	} {
		t.Run(outcome, func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(c.faults)
			_, err := f.upload(t)
			if got := remotetest.Kind(t, err); c.kind != "" {
				require.Equal(t, c.kind, got, "%v", err)
			} else { // by the reset, or by the size where nobody heard of it
				require.Contains(t, []registry.Kind{registry.Transient, registry.Corrupt}, got)
			}
			f.notThere(t)
			f.SetFaults(ftptest.Faults{})
			up, err := f.upload(t)
			require.NoError(t, err)
			require.Equal(t, remotetest.Digest(body), up.SHA256)
			f.delivered(t)
		})
	}
}

func TestLastStep(t *testing.T) {
	t.Run("answer to the rename lost is delivered once", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{LoseRenameReply: true, Once: true})
		up, err := f.upload(t)
		require.NoError(t, err)
		require.True(t, up.Renamed)
		f.delivered(t)
		require.Equal(t, 1, f.Stores())
	})
	t.Run("picked up before the answer that is lost is unknown", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{SweepAfterRename: true, LoseRenameReply: true})
		_, err := f.upload(t)
		require.Equal(t, registry.DeliveryUnknown, remotetest.Kind(t, err))
	})
	t.Run("picked up at once is delivered", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{SweepAfterRename: true})
		up, err := f.upload(t)
		require.NoError(t, err)
		require.True(t, up.Renamed)
		how, err := transfer.Confirm(t.Context(), f.dial(t), transfer.Expected{
			Folder: f.Folder, Name: name, Size: int64(len(body)), SHA256: up.SHA256, Acknowledged: true,
		})
		require.NoError(t, err)
		require.Equal(t, registry.ConfirmedSwept, how)
	})
	t.Run("session lost at the last step is looked for by the next attempt", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{LoseRenameReply: true, RefuseLogins: 0, Once: true})
		_, err := f.upload(t, recorded)
		require.NoError(t, err)
		up, err := f.upload(t, mayBeThere)
		require.NoError(t, err)
		require.True(t, up.AlreadyThere)
		f.delivered(t)
	})
	t.Run("another positive answer than 226 is one", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{EndReply: "250 ok"})
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
	t.Run("direct upload whose end is not answered is compared and taken", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.Upload = transfer.UploadDirect
		f.SetFaults(ftptest.Faults{LoseEndReply: true, Once: true})
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
	t.Run("direct upload cut in the middle is begun again", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.Upload = transfer.UploadDirect
		f.SetFaults(ftptest.Faults{CutUploadAt: 300_000, Once: true})
		_, err := f.upload(t)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
		_, err = f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
}

// A source that fails must not look like a file that ended.
func TestSourceThatFailsIsAbortedNotEnded(t *testing.T) {
	f := startFake(t)
	f.Connection.Settings.Upload = transfer.UploadDirect
	f.SetFaults(ftptest.Faults{EndReply: "226 done"}) // what it says when nobody tells it of an abort
	broken := registry.Errorf(registry.Corrupt, "file store", "cut short")
	req := remotetest.Request(f.Folder, name, body)
	req.Source = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(body[:400_000]), &failing{broken})), nil
	}
	_, err := f.dial(t).Upload(t.Context(), req)
	require.ErrorIs(t, err, broken)
	f.notThere(t)
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// Passive mode must not be a way to send us elsewhere.
func TestDataConnection(t *testing.T) {
	t.Run("to another host is refused", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{NoEPSV: true, PassiveHost: "127.0.0.2"})
		_, err := f.upload(t)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		require.ErrorContains(t, err, "127.0.0.2")
		require.Zero(t, f.Stores())
	})
	t.Run("to a private address behind which the server stands goes to the server", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{NoEPSV: true, PassiveHost: "10.1.2.3"})
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
	t.Run("to a port out of the range is refused with the setting's name", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.FTPSDataPorts = "5000-5010"
		f.SetFaults(ftptest.Faults{PassivePort: 6000})
		_, err := f.upload(t)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		require.ErrorContains(t, err, "transfer.ftps_data_ports")
	})
	t.Run("to an address that is not allowed is refused", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.AllowedAddresses = []string{"192.0.2.0/24"}
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	})
}

func TestLogin(t *testing.T) {
	t.Run("refused is said once, and not tried again", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{RefuseLogins: 2})
		for i := range 2 {
			_, err := f.Dialer.Dial(t.Context(), f.Connection)
			require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
			require.NotContains(t, err.Error(), "open sesame")
			require.Equal(t, i+1, f.Logins())
		}
		f.dial(t)
	})
	for answer, kind := range map[string]registry.Kind{
		"421 Too many connections, try later":                                       registry.Busy,
		"530 Sorry, the maximum number of clients (1) for this host are connected.": registry.Busy,
		"530 Too many failed logins; the account is locked":                         registry.Unauthorised,
		"430 Invalid username or password":                                          registry.Unauthorised,
		"332 Need account":                                                          registry.Transient,
		"530 \x1b[31mred\x1b[0m":                                                    registry.Unauthorised,
		"421 " + strings.Repeat("x", 5000):                                          registry.Busy,
	} {
		t.Run("answered with "+answer[:3]+" is "+string(kind), func(t *testing.T) {
			f := startFake(t)
			f.SetFaults(ftptest.Faults{RefuseLogins: 1, LoginReply: answer})
			_, err := f.Dialer.Dial(t.Context(), f.Connection)
			require.Equal(t, kind, remotetest.Kind(t, err), "%v", err)
			require.NotContains(t, err.Error(), "\x1b")
			require.Less(t, len(err.Error()), 600)
		})
	}
	t.Run("without a password dials nobody", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Password = nil
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Unauthorised, remotetest.Kind(t, err))
	})
	t.Run("an answer that never ends is cut", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{EndlessReply: true})
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	})
}

func TestCertificate(t *testing.T) {
	other, err := ftptest.NewCertificate()
	require.NoError(t, err)
	stranger := func(c *tls.Certificate) ftptest.Faults { return ftptest.Faults{Certificate: c} }
	t.Run("that changed stops before the login, and both are named", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(stranger(&other.TLS))
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
		require.ErrorContains(t, err, other.Fingerprint)
		require.ErrorContains(t, err, f.Certificate.Fingerprint)
		require.Zero(t, f.Logins())
	})
	t.Run("that changes between control and data connection stops the data", func(t *testing.T) {
		f := startFake(t)
		r := f.dial(t)
		f.SetFaults(stranger(&other.TLS))
		_, err := r.Upload(t.Context(), remotetest.Request(f.Folder, name, body))
		require.Error(t, err)
		f.notThere(t)
	})
	t.Run("that an authority vouches for needs no pin", func(t *testing.T) {
		f := startFake(t)
		f.Connection.HostKeys, f.Connection.CA = nil, f.Certificate.PEM
		r := f.dial(t)
		caps := r.Capabilities()
		require.Equal(t, f.Certificate.Fingerprint, caps.HostKey)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), caps.Expires, time.Hour)
		require.Contains(t, caps.TLS, "TLS 1.3")
		require.True(t, caps.MLSD && caps.Size)
	})
	t.Run("of another name is refused although an authority vouches for it", func(t *testing.T) {
		f := startFake(t)
		f.Connection.HostKeys, f.Connection.CA, f.Connection.Host = nil, f.Certificate.PEM, "127.0.0.2"
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		if remotetest.Kind(t, err) == registry.Transient {
			t.Skip("this machine has no 127.0.0.2")
		}
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
	})
	t.Run("must satisfy pin and authority where both are set", func(t *testing.T) {
		f := startFake(t)
		f.Connection.CA = other.PEM
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
	})
	t.Run("pinned until a day holds until then", func(t *testing.T) {
		f := startFake(t)
		f.Connection.HostKeys = []string{`expiry-time="20260601Z" ` + f.Certificate.KeyPin}
		f.Connection.At = time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC)
		f.dial(t)
		f.Connection.At = time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC)
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, err))
	})
	t.Run("is shown to be accepted, and nobody logs in", func(t *testing.T) {
		f := startFake(t)
		shown, err := ftps.ScanCertificate(t.Context(), f.Connection)
		require.NoError(t, err)
		require.Equal(t, f.Certificate.Fingerprint, shown.Fingerprint)
		require.Equal(t, f.Certificate.KeyPin, shown.KeyPin)
		require.False(t, shown.Verified)
		require.NotEmpty(t, shown.Why)
		require.Zero(t, f.Logins())
	})
	t.Run("over TLS 1.1 is not looked at", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{TLS11: true})
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		require.ErrorContains(t, err, "TLS 1.2")
	})
	t.Run("not shown by a server without implicit TLS is refused with a hint", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{Plain: true})
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		require.ErrorContains(t, err, "990")
	})
}

func TestDownloadThatLies(t *testing.T) {
	t.Run("cut with a positive answer is corrupt", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
		f.SetFaults(ftptest.Faults{CutDownloadAt: 500_000, NoEndMark: true})
		_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", io.Discard)
		require.Equal(t, registry.Corrupt, remotetest.Kind(t, err))
	})
	t.Run("of the right size without TLS's end mark is whole", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
		f.SetFaults(ftptest.Faults{NoEndMark: true})
		got, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", io.Discard)
		require.NoError(t, err)
		require.Equal(t, remotetest.Digest(body), got.SHA256)
	})
	t.Run("listing without the end mark is refused unless the setting takes it", func(t *testing.T) {
		f := startFake(t)
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
		f.SetFaults(ftptest.Faults{NoEndMark: true})
		_, err := f.dial(t).List(t.Context(), f.Folder)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		f.Connection.Settings.FTPSUnmarkedEnd = true
		l, err := f.dial(t).List(t.Context(), f.Folder)
		require.NoError(t, err)
		require.Len(t, l.Entries, 1)
	})
	t.Run("listing that never ends is refused", func(t *testing.T) {
		f := startFake(t)
		f.SetFaults(ftptest.Faults{EndlessList: true})
		_, err := f.dial(t).List(t.Context(), f.Folder)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	})
}

const wait = 500 * time.Millisecond

// Nothing waits for ever on a server that has fallen silent.
func TestSilentServer(t *testing.T) {
	within := func(t *testing.T, act func() error) {
		t.Helper()
		begin := time.Now()
		err := act()
		require.Equal(t, registry.Transient, remotetest.Kind(t, err), "%v", err)
		require.GreaterOrEqual(t, time.Since(begin), wait-50*time.Millisecond)
		require.Less(t, time.Since(begin), wait+30*time.Second, "on a busy machine")
	}
	impatient := func(t *testing.T, faults ftptest.Faults) *fake {
		t.Helper()
		f := startFake(t)
		f.Connection.Settings.IdleTimeout = wait
		f.SetFaults(faults)
		return f
	}
	t.Run("at the handshake", func(t *testing.T) {
		f := impatient(t, ftptest.Faults{MuteHandshake: true})
		f.Connection.Settings.DialTimeout = wait
		within(t, func() error { _, err := f.Dialer.Dial(t.Context(), f.Connection); return err })
		within(t, func() error { _, err := ftps.ScanCertificate(t.Context(), f.Connection); return err })
	})
	t.Run("in the middle of an upload", func(t *testing.T) {
		f := impatient(t, ftptest.Faults{StallUploadAt: 100_000})
		big := remotetest.Request(f.Folder, name, remotetest.Noise(20<<20)) // more than the network's buffers
		within(t, func() error { _, err := f.dial(t).Upload(t.Context(), big); return err })
		f.notThere(t)
	})
	t.Run("after an upload", func(t *testing.T) {
		f := impatient(t, ftptest.Faults{StallEndReply: true})
		within(t, func() error { _, err := f.upload(t); return err })
		f.notThere(t)
	})
	t.Run("in a listing", func(t *testing.T) {
		f := impatient(t, ftptest.Faults{StallList: true})
		within(t, func() error { _, err := f.dial(t).List(t.Context(), f.Folder); return err })
	})
	t.Run("that trickles a download", func(t *testing.T) {
		f := impatient(t, ftptest.Faults{Trickle: true})
		require.NoError(t, os.WriteFile(filepath.Join(f.Disk, "report.csv"), body, 0o600))
		within(t, func() error {
			_, err := f.dial(t).Download(t.Context(), f.Folder, "report.csv", io.Discard)
			return err
		})
	})
	t.Run("frees a cancelled upload at once", func(t *testing.T) {
		f := startFake(t)
		f.Connection.Settings.IdleTimeout = time.Hour
		f.SetFaults(ftptest.Faults{StallUploadAt: 100_000})
		ctx, cancel := context.WithTimeoutCause(t.Context(), wait, errors.New("the caller's time is up"))
		defer cancel()
		_, err := f.dial(t).Upload(ctx, remotetest.Request(f.Folder, name, remotetest.Noise(20<<20)))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, registry.Transient, remotetest.Kind(t, err))
	})
}

// A pinned server that changes its certificate: both are accepted in the window,
// the old one not after it, and not where nobody knows the time.
func TestRotatedCertificate(t *testing.T) {
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f := startFake(t)
	next, err := ftptest.NewCertificate()
	require.NoError(t, err)
	for _, pins := range [][2]string{
		{f.Certificate.Fingerprint, next.Fingerprint}, {f.Certificate.KeyPin, next.KeyPin}, {f.Certificate.Fingerprint, next.KeyPin},
	} {
		f.SetFaults(ftptest.Faults{})
		f.Connection.At = day
		f.Connection.HostKeys, err = transfer.Rotate([]string{pins[0]}, pins[1], day, day.AddDate(0, 0, 14))
		require.NoError(t, err)
		dial := func() error {
			r, err := f.Dialer.Dial(t.Context(), f.Connection)
			if err == nil {
				err = r.Close()
			}
			return err
		}
		require.NoError(t, dial(), "the old certificate is accepted in the window")
		f.SetFaults(ftptest.Faults{Certificate: &next.TLS})
		require.NoError(t, dial(), "so is the new one")
		f.Connection.At = day.AddDate(0, 0, 14)
		require.NoError(t, dial(), "and after it")
		f.SetFaults(ftptest.Faults{})
		logins := f.Logins()
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, dial()), "the old one is not")
		f.Connection.At = time.Time{}
		require.Equal(t, registry.HostKeyChanged, remotetest.Kind(t, dial()))
		require.Equal(t, logins, f.Logins(), "no login was sent")
	}
}
