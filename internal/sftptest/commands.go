package sftptest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/pkg/sftp"
)

// Filecmd answers everything that is not reading, writing or looking. Links
// are not offered.
func (h *session) Filecmd(r *sftp.Request) error {
	p := rel(r.Filepath)
	if h.denied(p) {
		return sftp.ErrSSHFxPermissionDenied
	}
	switch r.Method {
	case "Setstat":
		return h.setstat(r, p)
	case "Rename":
		return h.rename(p, rel(r.Target), h.srv.Faults().RenameReplaces)
	case "Remove", "Rmdir":
		return h.root.Remove(p)
	case "Mkdir":
		return h.root.Mkdir(p, 0o700)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename answers posix-rename@openssh.com, which replaces what is there.
func (h *session) PosixRename(r *sftp.Request) error {
	if h.srv.Faults().NoPosixRename {
		return sftp.ErrSSHFxOpUnsupported
	}
	return h.rename(rel(r.Filepath), rel(r.Target), true)
}

func (h *session) rename(from, to string, replace bool) error {
	if h.denied(from) || h.denied(to) || h.srv.strike(func(f Faults) bool { return f.DenyRename }) {
		return sftp.ErrSSHFxPermissionDenied
	}
	if h.srv.strike(func(f Faults) bool { return f.FailRename }) {
		return errFailure
	}
	if h.stallsBefore("rename") {
		return h.stall()
	}
	if h.srv.strike(func(f Faults) bool { return f.CutBeforeRename }) {
		return h.cut()
	}
	if _, err := h.root.Lstat(to); err == nil && !replace {
		return errFailure
	}
	if err := h.root.Rename(from, to); err != nil {
		return err
	}
	h.srv.mu.Lock()
	h.srv.stats.Renames++
	h.srv.fresh[h.key(to)] = struct{}{}
	h.srv.mu.Unlock()
	if hook := h.srv.opts.OnRename; hook != nil {
		hook(h.user, to)
	}
	if h.srv.strike(func(f Faults) bool { return f.SweepAfterRename }) {
		if err := h.root.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	if as := h.srv.Faults().RenamedTo; as != "" && h.srv.strike(func(Faults) bool { return true }) {
		if err := h.root.Rename(to, path.Join(path.Dir(to), fmt.Sprintf(as, path.Base(to)))); err != nil {
			return fmt.Errorf("rename after the rename: %w", err)
		}
	}
	if h.stallsBefore("rename-reply") {
		return h.stall()
	}
	if h.srv.strike(func(f Faults) bool { return f.LoseRenameReply }) {
		return h.cut()
	}
	return nil
}

// StatVFS answers statvfs@openssh.com with invented figures: plenty, or
// nothing while the disk is "full".
func (h *session) StatVFS(*sftp.Request) (*sftp.StatVFS, error) {
	f := h.srv.Faults()
	if f.NoStatVFS {
		return nil, sftp.ErrSSHFxOpUnsupported
	}
	v := &sftp.StatVFS{Bsize: 4096, Frsize: 4096, Blocks: 1 << 20, Bfree: 1 << 19, Bavail: 1 << 19, Files: 1 << 20, Ffree: 1 << 19, Favail: 1 << 19, Namemax: 255}
	if f.DiskFullAt > 0 {
		v.Bfree, v.Bavail = 0, 0
	}
	return v, nil
}

// hideExtensions leaves the hidden extensions out of the server's first
// packet. The library keeps its list in one global variable, so it cannot be
// switched per server.
func hideExtensions(rwc io.ReadWriteCloser, f Faults) io.ReadWriteCloser {
	hide := map[string]bool{"posix-rename@openssh.com": f.NoPosixRename, "statvfs@openssh.com": f.NoStatVFS}
	return &versionFilter{ReadWriteCloser: rwc, hide: hide}
}

// versionFilter rewrites the first packet that is written (SSH_FXP_VERSION)
// and lets the rest pass.
type versionFilter struct {
	io.ReadWriteCloser
	hide map[string]bool
	held []byte
	past bool
}

func (v *versionFilter) Write(p []byte) (int, error) {
	if v.past {
		return v.ReadWriteCloser.Write(p)
	}
	v.held = append(v.held, p...)
	if len(v.held) < 4 || len(v.held) < 4+int(binary.BigEndian.Uint32(v.held)) {
		return len(p), nil
	}
	v.past = true
	if _, err := v.ReadWriteCloser.Write(v.without(v.held)); err != nil {
		return 0, err
	}
	v.held = nil
	return len(p), nil
}

// without drops the hidden pairs: length(4) type(1) version(4) {name, data}*.
func (v *versionFilter) without(packet []byte) []byte {
	out := bytes.Clone(packet[:9])
	for rest := packet[9:]; len(rest) > 0; {
		name, afterName := cutString(rest)
		_, afterData := cutString(afterName)
		if !v.hide[string(name)] {
			out = append(out, rest[:len(rest)-len(afterData)]...)
		}
		rest = afterData
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4)) //nolint:gosec // a packet of a few hundred bytes
	return out
}

// cutString splits off an SSH string; what is malformed ends the list.
func cutString(b []byte) (s, rest []byte) {
	if len(b) < 4 {
		return nil, nil
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(len(b)-4) < uint64(n) {
		return nil, nil
	}
	return b[4 : 4+n], b[4+n:]
}
