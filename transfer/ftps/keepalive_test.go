//go:build unix

package ftps_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/ftps"
)

// DSHS recommends no keep-alive; a profile may ask for it where a firewall
// forgets connections that are still.
func TestSignsOfLifeOfTheConnection(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	for name, c := range map[string]struct {
		every time.Duration
		want  bool
	}{
		"none unless the profile asks": {0, false},
		"as often as the profile says": {17 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := transfer.Connection{Host: "127.0.0.1", Settings: registry.TransferSettings{FTPSKeepAlive: c.every}}
			dialled, err := ftps.DialTCP(t.Context(), conn, server.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { _ = dialled.Close() })
			raw, err := dialled.(*net.TCPConn).SyscallConn()
			require.NoError(t, err)
			var on int
			var optErr error
			require.NoError(t, raw.Control(func(fd uintptr) {
				on, optErr = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
			}))
			require.NoError(t, optErr)
			require.Equal(t, c.want, on != 0)
		})
	}
}
