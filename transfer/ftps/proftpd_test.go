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
	remotetest.Run(t, proFTPD(t, proftpd.Options{}))
}
