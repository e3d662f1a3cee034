package sftp_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"immtrail/internal/sftptest"
	"immtrail/registry"
	"immtrail/transfer/remotetest"
)

// A server without strict key exchange lets somebody between cut off the
// beginning of what ChaCha20-Poly1305 protects (CVE-2023-48795), so AES it is.
func TestCiphers(t *testing.T) {
	start := func(t *testing.T, ciphers ...string) *fake {
		t.Helper()
		f := startFake(t)
		srv, err := sftptest.Start(sftptest.Options{
			Ciphers: ciphers, Users: map[string]sftptest.User{"sunrise": {Password: "open sesame", Root: filepath.Join(f.Disk, "..", "..")}},
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, srv.Close()) })
		f.Server, f.Connection.Port, f.Connection.HostKeys = srv, srv.Port(), []string{srv.HostKeyLine()}
		return f
	}
	t.Run("a server that has ChaCha20-Poly1305 alone is refused before the login", func(t *testing.T) {
		f := start(t, ssh.CipherChaCha20Poly1305)
		_, err := f.Dialer.Dial(t.Context(), f.Connection)
		require.Equal(t, registry.Refused, remotetest.Kind(t, err))
		require.Zero(t, f.Stats().Attempts)
	})
	t.Run("one that has AES too is spoken to with it", func(t *testing.T) {
		f := start(t, ssh.CipherChaCha20Poly1305, ssh.CipherAES256CTR)
		_, err := f.upload(t)
		require.NoError(t, err)
		f.delivered(t)
	})
}
