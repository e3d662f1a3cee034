package remotetest

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/sftptest"
)

// SSHD is a real OpenSSH server of its own, on a loopback port, with
// internal-sftp, for the user that runs the tests.
type SSHD struct {
	*sftptest.OpenSSH
	// HostKeyLine is its only host key.
	HostKeyLine string
}

// StartSSHD starts a server that takes the client key (an authorized_keys
// line) and uses hostKeyFile (a private key as PEM, mode 0600). It skips the
// test where sshd is not installed, and fails it there when CI=true.
func StartSSHD(t *testing.T, clientKeyLine, hostKeyFile, hostKeyLine string) *SSHD {
	t.Helper()
	s, err := sftptest.StartOpenSSH(t.TempDir(), clientKeyLine, hostKeyFile)
	if errors.Is(err, sftptest.ErrNoSSHD) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: install it", err)
		}
		t.Skipf("%v: not tried against OpenSSH", err)
	}
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return &SSHD{OpenSSH: s, HostKeyLine: hostKeyLine}
}
