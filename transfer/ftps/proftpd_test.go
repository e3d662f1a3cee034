package ftps_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/ftptest"
	"immtrail/internal/proftpd"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
	"immtrail/transfer/remotetest"
)

func otherPin(t *testing.T) string {
	t.Helper()
	cert, err := ftptest.NewCertificate()
	require.NoError(t, err)
	return cert.KeyPin
}

// proFTPD gives a fresh folder of one server to each fixture.
func proFTPD(t *testing.T, o proftpd.Options) func(t *testing.T) remotetest.Fixture {
	t.Helper()
	srv := proftpd.Start(t, o)
	other := otherPin(t)
	return func(t *testing.T) remotetest.Fixture {
		t.Helper()
		dir, err := os.MkdirTemp(srv.Home, "in")
		require.NoError(t, err)
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(srv.Log())
			}
		})
		c := transfer.Connection{
			Name: "dshs", Protocol: ftps.Protocol, Host: "127.0.0.1", Port: srv.FTPSPort, User: proftpd.User,
			Password: transfer.Secret(proftpd.Password), HostKeys: []string{srv.KeyPin},
			Settings: registry.TransferSettings{DialTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second},
		}
		wrong := c
		wrong.Password = []byte("guess")
		return remotetest.Fixture{
			Dialer: ftps.Dialer{}, Connection: c, WrongLogin: wrong, LinksShowAsFiles: true,
			Folder: filepath.Base(dir), Disk: dir, OtherKey: other,
		}
	}
}

func TestAgainstProFTPD(t *testing.T) {
	for name, o := range map[string]proftpd.Options{
		"that refuses to overwrite":     {},
		"that overwrites, over TLS 1.2": {Overwrite: true, TLS: "TLSv1.2"},
		"without the listings of today": {NoMLSD: true},
	} {
		t.Run(name, func(t *testing.T) { remotetest.Run(t, proFTPD(t, o)) })
	}
}

func TestProFTPDIsToldApart(t *testing.T) {
	setup := proFTPD(t, proftpd.Options{PassivePorts: "47100-47160"})
	t.Run("data ports in the range are taken, others are not", func(t *testing.T) {
		f := setup(t)
		f.Connection.Settings.FTPSDataPorts = "47100-47160"
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.List(t.Context(), f.Folder)
		require.NoError(t, err)
		f.Connection.Settings.FTPSDataPorts = "5000-5010"
		r, err = f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.List(t.Context(), f.Folder)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	})
	t.Run("what it offers is seen", func(t *testing.T) {
		f := setup(t)
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		caps := r.Capabilities()
		require.True(t, caps.MLSD && caps.Size)
		require.Contains(t, caps.TLS, "TLS 1.3")
		require.Contains(t, caps.Server, "ProFTPD")
	})
	t.Run("one session too many is busy, not a refused login", func(t *testing.T) {
		f := proFTPD(t, proftpd.Options{MaxClients: 1})(t)
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		_, err = f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Busy, remotetest.Kind(t, err))
	})
	t.Run("TLS 1.2 without session tickets is explained", func(t *testing.T) {
		f := proFTPD(t, proftpd.Options{TLS: "TLSv1.2", NoTickets: true})(t)
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.List(t.Context(), f.Folder)
		require.ErrorContains(t, err, "session tickets")
	})
	t.Run("a folder that may not be written is refused", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		f := setup(t)
		require.NoError(t, os.Chmod(f.Disk, 0o500))
		defer func() { require.NoError(t, os.Chmod(f.Disk, 0o700)) }()
		r, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Upload(t.Context(), remotetest.Request(f.Folder, name, body))
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
	})
}
