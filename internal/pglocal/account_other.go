//go:build !unix

package pglocal

import "syscall"

// account is the operating-system user who runs PostgreSQL: here always the
// user of this process.
type account struct{}

func serverAccount() (account, error) { return account{}, nil }

func (account) own(string) error { return nil }

func (account) checkReach(string) error { return nil }

func (account) sysProcAttr() *syscall.SysProcAttr { return nil }
