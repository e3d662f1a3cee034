package sftp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/proftpd"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
	"immtrail/transfer/sftp"
)

// ProFTPD's mod_sftp answers otherwise than OpenSSH in several places: another
// server software is a good guess for what a registry runs.
func TestAgainstProFTPD(t *testing.T) {
	for name, o := range map[string]proftpd.Options{"that refuses to overwrite": {}, "that overwrites": {Overwrite: true}} {
		t.Run(name, func(t *testing.T) {
			srv := proftpd.Start(t, o)
			remotetest.Run(t, func(t *testing.T) remotetest.Fixture {
				t.Helper()
				dir, err := os.MkdirTemp(srv.Home, "in")
				require.NoError(t, err)
				t.Cleanup(func() {
					if t.Failed() {
						t.Log(srv.Log())
					}
				})
				c := transfer.Connection{
					Name: "proftpd", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: srv.SFTPPort, User: proftpd.User,
					Password: transfer.Secret(proftpd.Password), HostKeys: []string{srv.HostKeyLine},
					Settings: registry.TransferSettings{DialTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second},
				}
				wrong := c
				wrong.Password = []byte("guess")
				return remotetest.Fixture{
					Dialer: sftp.Dialer{}, Connection: c, WrongLogin: wrong, LinksShowAsFiles: true,
					Folder: filepath.Base(dir), Disk: dir, OtherKey: hostKeyLine(t),
				}
			})
			t.Run("its extensions are seen, and it is not taken for a server that writes in order", func(t *testing.T) {
				r, err := sftp.Dialer{}.Dial(t.Context(), transfer.Connection{
					Name: "proftpd", Protocol: sftp.Protocol, Host: "127.0.0.1", Port: srv.SFTPPort, User: proftpd.User,
					Password: transfer.Secret(proftpd.Password), HostKeys: []string{srv.HostKeyLine},
				})
				require.NoError(t, err)
				defer r.Close()
				caps := r.Capabilities()
				require.True(t, caps.PosixRename && caps.FSync && caps.StatVFS)
				require.Contains(t, caps.Server, "mod_sftp")
				require.False(t, sftp.WritesInOrder(r))
			})
		})
	}
}
