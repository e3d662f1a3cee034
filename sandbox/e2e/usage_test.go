package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"a flag that does not exist":   {"-hurry"},
		"a word that is no flag":       {"journey"},
		"a day that is too short":      {"-day", "1ms"},
		"a sabotage that nobody knows": {"-sabotage", "everything"},
		"an outbox that is not there":  {"-outbox", filepath.Join(root, "nowhere")},
	} {
		t.Run(name+" ends with 2 before anything is started", func(t *testing.T) {
			p := start(t, args...)
			require.Equal(t, 2, p.within(shutdown))
			require.Empty(t, p.stdout.String())
			require.NotEmpty(t, p.stderr.String())
		})
	}
	t.Run("-help ends with 0", func(t *testing.T) {
		p := start(t, "-help")
		require.Zero(t, p.within(shutdown))
		require.True(t, p.stderr.has("go run ./sandbox -journey"))
	})
}

func TestFolderThatPostgresCannotReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("PostgreSQL runs as this user")
	}
	dir := filepath.Join(root, "closed")
	require.NoError(t, os.Mkdir(dir, 0o700))
	p := start(t, "-journey", "-data", filepath.Join(dir, "rehearsal"))
	require.Equal(t, 3, p.within(shutdown))
	require.True(t, p.stderr.has("chmod o+x "+dir), p.stderr)
	require.Len(t, p.stderr.all(), 1, "one sentence")
}

// TestNoPostgres hides PostgreSQL's folder in a mount namespace, for which it
// takes root and a system that allows it.
func TestNoPostgres(t *testing.T) {
	hidden := "/usr/lib/postgresql"
	if _, err := os.Stat(hidden); err != nil || os.Geteuid() != 0 {
		t.Skip("PostgreSQL cannot be hidden here")
	}
	script := "mount -t tmpfs none " + hidden + ` || exit 77; exec "$0" "$@"`
	cmd := exec.Command("/bin/sh", "-c", script, sandboxBinary(), "-journey", "-data", filepath.Join(root, "bare"))
	cmd.Env = append(os.Environ(), "PATH=/bin:/usr/sbin:/sbin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	p := startAs(t, cmd)
	code := p.within(shutdown)
	if code == 77 {
		t.Skip("this system allows no mount namespace")
	}
	require.Equal(t, 3, code, "%s\n%s", p.stdout, p.stderr)
	require.True(t, p.stderr.has("apt-get install postgresql"), p.stderr)
	require.Len(t, p.stderr.all(), 1, "one sentence")
}
