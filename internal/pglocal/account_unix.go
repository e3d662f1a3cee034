//go:build unix

package pglocal

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating-system user who runs initdb and postgres. Both
// refuse root, so root hands over to "postgres", else to "nobody".
type account struct {
	name     string
	uid, gid uint32
	// switched is set when it is not the user of this process.
	switched bool
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return account{name: name, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")
}

// own hands path over to the account.
func (a account) own(path string) error {
	if !a.switched {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// checkReach reports the first parent of dir that the account may not search,
// as one sentence: PostgreSQL's own words would be "could not access directory".
func (a account) checkReach(dir string) error {
	if !a.switched {
		return nil
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		st, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if !a.maySearch(st) {
			return fmt.Errorf("the folder %s (mode %04o) cannot be searched by the user %s, who has to run PostgreSQL "+
				"because it refuses root: choose a folder elsewhere, or chmod o+x %s", parent, st.Mode().Perm(), a.name, parent)
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}

func (a account) maySearch(st os.FileInfo) bool {
	perm := st.Mode().Perm()
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case ok && sys.Uid == a.uid:
		return perm&0o100 != 0
	case ok && sys.Gid == a.gid:
		return perm&0o010 != 0
	}
	return perm&0o001 != 0
}

// sysProcAttr makes a child run as the account and in a process group of its
// own, so that Ctrl-C reaches us and not PostgreSQL behind our back.
func (a account) sysProcAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}
