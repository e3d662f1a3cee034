//go:build !unix

package pglocal

import (
	"os"
	"os/exec"
)

// guarded runs PostgreSQL without a guard: here it ends by Stop only.
func guarded(acc account, _, _ string, argv []string) (*exec.Cmd, *os.File, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = acc.sysProcAttr()
	return cmd, nil, nil
}

func signalFast(p *os.Process) error      { return p.Kill() }
func signalImmediate(p *os.Process) error { return p.Kill() }

func removeForeignPidFile(string) bool { return false }
