package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFamily(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	cmd := exec.Command("cat") // waits for its standard input
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	all := family(os.Getpid())
	require.Contains(t, all, os.Getpid())
	require.Contains(t, all, cmd.Process.Pid)
	require.Greater(t, memory(os.Getpid()), int64(1<<20))
}
