package activities_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/internal/ftptest"
	"immtrail/internal/proftpd"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
)

// overFTPS turns the practice's connection into one by FTPS.
func (b *bundle) overFTPS(t *testing.T, c db.Connection) {
	t.Helper()
	c.Name, c.Protocol, c.Host, c.SecretRef = "texas-sftp", ftps.Protocol, "127.0.0.1", "env:SFTP_PASSWORD"
	require.NoError(t, b.db.SaveConnection(t.Context(), c, b.act("connection/ftps")))
	b.profile.Transfer.FTPSDataPorts = "" // test servers have no ports of their own
	b.deliveries.Dialer = transfer.ByProtocol{ftps.Protocol: ftps.Dialer{}}
}

func TestUploadAndConfirmOverFTPS(t *testing.T) {
	t.Parallel()
	t.Run("to ProFTPD, by an authority's word", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseProduction)
		srv := proftpd.Start(t, proftpd.Options{})
		folder := b.profile.Folders.Production
		require.NoError(t, os.MkdirAll(filepath.Join(srv.Home, folder), 0o700))
		b.overFTPS(t, db.Connection{
			Port: srv.FTPSPort, Username: proftpd.User, Settings: db.ConnectionSettings{CA: string(srv.CA)},
		})
		b.deliveries.Connections.Secret = func(string) ([]byte, error) { return []byte(proftpd.Password + "\n"), nil }
		p := b.prepare(t, 1, registry.LaneProduction, 5)
		first := must(t, b.deliveries.UploadFile, b.uploadInput(p))
		require.Equal(t, p.Size, first.Bytes)
		require.Equal(t, first, must(t, b.deliveries.UploadFile, b.uploadInput(p)), "twice is once")
		receipt := must(t, b.deliveries.ConfirmDelivery, b.confirmInput(p))
		require.Equal(t, registry.ConfirmedByStat, receipt.How)
		entries, err := os.ReadDir(filepath.Join(srv.Home, folder))
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, p.RemoteName, entries[0].Name())
	})
	t.Run("an answer to the rename that is lost, and the file picked up, is unknown and held", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		srv, err := ftptest.Start(ftptest.Options{User: "burl", Password: "hunter2", Root: b.drop})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, srv.Close()) })
		b.overFTPS(t, db.Connection{Port: srv.Port(), Username: "burl", HostKeys: []string{srv.Certificate.KeyPin}})
		p := b.prepare(t, 1, registry.LaneTest, 2)
		srv.SetFaults(ftptest.Faults{SweepAfterRename: true, LoseRenameReply: true})
		_, err = run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.DeliveryUnknown, err)
		stores := srv.Stores()
		srv.SetFaults(ftptest.Faults{})
		_, err = run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.DeliveryUnknown, err)
		require.Equal(t, stores, srv.Stores(), "it is never sent again blindly")
	})
	t.Run("a certificate that changed sends nothing", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		srv, err := ftptest.Start(ftptest.Options{User: "burl", Password: "hunter2", Root: b.drop})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, srv.Close()) })
		other, err := ftptest.NewCertificate()
		require.NoError(t, err)
		b.overFTPS(t, db.Connection{Port: srv.Port(), Username: "burl", HostKeys: []string{other.KeyPin}})
		p := b.prepare(t, 1, registry.LaneTest, 2)
		_, err = run(t, b.deliveries.UploadFile, b.uploadInput(p))
		requireKind(t, registry.HostKeyChanged, err)
		require.Zero(t, srv.Logins())
	})
}
