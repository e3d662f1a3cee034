package sftptest

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// session answers one user's requests, inside the user's folder.
type session struct {
	srv  *Server
	user string
	root *os.Root
	conn net.Conn
	gone <-chan struct{} // closed when the connection has ended
}

var (
	// errFailure is the answer without a reason that OpenSSH gives for most
	// troubles, a full disk among them.
	errFailure = errors.New("Failure")
	errCut     = errors.New("connection cut")
)

// rel turns a request's path into one that os.Root takes.
func rel(p string) string {
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	if p == "" {
		return "."
	}
	return p
}

func (h *session) key(p string) string { return h.user + "\x00" + p }

// denied reports whether a fault closes the folder that p is in, or p itself.
func (h *session) denied(p string) bool {
	return h.srv.strike(func(f Faults) bool {
		d := f.DenyFolder
		return d != "" && (p == d || path.Dir(p) == d || strings.HasPrefix(p, d+"/"))
	})
}

func (h *session) cut() error {
	_ = h.conn.Close()
	return errCut
}

// stall answers nothing until the connection ends.
func (h *session) stall() error {
	<-h.gone
	return errCut
}

func (h *session) stallsBefore(step string) bool {
	return h.srv.strike(func(f Faults) bool { return f.StallBefore == step })
}

// Filewrite opens a file for writing.
func (h *session) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	p := rel(r.Filepath)
	if h.stallsBefore("open") {
		return nil, h.stall()
	}
	if h.denied(p) || h.srv.strike(func(f Faults) bool { return f.DenyWrite }) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	fl := r.Pflags()
	mode := os.O_WRONLY
	if fl.Creat {
		mode |= os.O_CREATE
	}
	if fl.Trunc {
		mode |= os.O_TRUNC
	}
	if fl.Excl {
		mode |= os.O_EXCL
	}
	f, err := h.root.OpenFile(p, mode, 0o600)
	if err != nil {
		return nil, err
	}
	h.srv.count(func(st *Stats) { st.Opens++ })
	return &upload{h: h, path: p, f: f}, nil
}

// upload is a file that is being written.
type upload struct {
	h    *session
	path string
	f    *os.File

	mu     sync.Mutex
	broken bool
	now    int // writes on their way
}

// entered counts a write in, and is called again when it is done.
func (u *upload) entered() (left func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.now++
	now := u.now
	u.h.srv.count(func(st *Stats) { st.MostWrites = max(st.MostWrites, now) })
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.now--
	}
}

// WriteAt writes what comes before a fault's byte, then the fault strikes.
func (u *upload) WriteAt(p []byte, off int64) (int, error) {
	defer u.entered()()
	h, end := u.h, off+int64(len(p))
	reached := func(at int64) bool { return at > 0 && end >= at }
	var at int64
	var fault func() error
	h.srv.strike(func(f Faults) bool {
		switch {
		case reached(f.CutUploadAt):
			at, fault = f.CutUploadAt, h.cut
		case reached(f.StallUploadAt):
			at, fault = f.StallUploadAt, h.stall
		case reached(f.DiskFullAt):
			at, fault = f.DiskFullAt, func() error { return errFailure }
		case reached(f.QuotaAt):
			at, fault = f.QuotaAt, func() error { return errFailure }
		}
		return fault != nil
	})
	if most := h.srv.Faults().ScatterWrites; most > 0 {
		time.Sleep(rand.N(most))
	}
	if fault == nil {
		n, err := u.f.WriteAt(p, off)
		h.srv.count(func(st *Stats) { st.Bytes += int64(n) })
		return n, err
	}
	n := 0
	if keep := at - 1 - off; keep > 0 {
		n, _ = u.f.WriteAt(p[:keep], off) // the fault is the error to tell
	}
	return n, fault()
}

// TransferError is called when the connection ended with the file open.
func (u *upload) TransferError(error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.broken = true
}

// Close ends the upload; the hook hears of those that the client closed.
func (u *upload) Close() error {
	if u.h.stallsBefore("close") {
		return u.h.stall()
	}
	err := u.f.Close()
	if u.h.srv.strike(func(f Faults) bool { return f.FailClose }) {
		return errFailure
	}
	u.mu.Lock()
	broken := u.broken
	u.mu.Unlock()
	if hook := u.h.srv.opts.OnUploaded; hook != nil && err == nil && !broken {
		hook(u.h.user, u.path)
	}
	return err
}

// Fileread opens a file for reading.
func (h *session) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	p := rel(r.Filepath)
	if h.denied(p) || h.srv.strike(func(f Faults) bool { return f.DenyRead }) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	f, err := h.root.Open(p)
	if err != nil {
		return nil, err
	}
	return &download{h: h, f: f}, nil
}

type download struct {
	h *session
	f *os.File
}

func (d *download) ReadAt(p []byte, off int64) (int, error) {
	f := d.h.srv.Faults()
	if f.ShortReads > 0 && len(p) > f.ShortReads {
		p = p[:f.ShortReads]
	}
	end := off + int64(len(p))
	if d.h.srv.strike(func(f Faults) bool { return f.CutDownloadAt > 0 && end >= f.CutDownloadAt }) {
		return 0, d.h.cut()
	}
	return d.f.ReadAt(p, off)
}

func (d *download) Close() error { return d.f.Close() }

// listing hands out a fixed list.
type listing []os.FileInfo

func (l listing) ListAt(out []os.FileInfo, off int64) (int, error) {
	if off >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(out, l[off:])
	if n < len(out) {
		return n, io.EOF
	}
	return n, nil
}

// endless hands out the same entry for ever.
type endless struct{ fi os.FileInfo }

func (e endless) ListAt(out []os.FileInfo, _ int64) (int, error) {
	for i := range out {
		out[i] = e.fi
	}
	return len(out), nil
}

// Filelist answers List and Stat.
func (h *session) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	p := rel(r.Filepath)
	if h.denied(p) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	if r.Method == "List" {
		return h.list(p)
	}
	return h.look(p, h.root.Stat)
}

// Lstat looks at a name without following a link.
func (h *session) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	p := rel(r.Filepath)
	if h.denied(p) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	return h.look(p, h.root.Lstat)
}

func (h *session) look(p string, stat func(string) (os.FileInfo, error)) (sftp.ListerAt, error) {
	h.sweepOnLook(p)
	if h.srv.strike(func(f Faults) bool { return f.DenyStat }) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	fi, err := stat(p)
	if err != nil {
		return nil, err
	}
	return listing{h.lie(fi)}, nil
}

// sweepOnLook takes p away when it was renamed and nobody has looked since.
func (h *session) sweepOnLook(p string) {
	h.srv.mu.Lock()
	_, fresh := h.srv.fresh[h.key(p)]
	delete(h.srv.fresh, h.key(p))
	h.srv.mu.Unlock()
	if fresh && h.srv.strike(func(f Faults) bool { return f.SweepOnLook }) {
		_ = h.root.Remove(p) // gone already is as good
	}
}

func (h *session) list(p string) (sftp.ListerAt, error) {
	if h.srv.strike(func(f Faults) bool { return f.StallOnList }) {
		return nil, h.stall()
	}
	if h.srv.strike(func(f Faults) bool { return f.EndlessList }) {
		fi, err := h.root.Stat(".")
		return endless{fi}, err
	}
	dir, err := h.root.Open(p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var l listing
	for _, e := range entries {
		if fi, err := e.Info(); err == nil { // gone since the listing: not there
			l = append(l, h.lie(fi))
		}
	}
	for _, name := range h.srv.Faults().StrangeNames {
		l = append(l, strangeInfo(name))
	}
	return l, nil
}

func (h *session) lie(fi os.FileInfo) os.FileInfo {
	f := h.srv.Faults()
	if f.ClockOff == 0 && (f.LieAboutSize == 0 || !fi.Mode().IsRegular()) {
		return fi
	}
	return lyingInfo{FileInfo: fi, by: f.LieAboutSize, off: f.ClockOff}
}

// lyingInfo tells a wrong size or time.
type lyingInfo struct {
	os.FileInfo
	by  int64
	off time.Duration
}

func (l lyingInfo) Size() int64        { return max(0, l.FileInfo.Size()+l.by) }
func (l lyingInfo) ModTime() time.Time { return l.FileInfo.ModTime().Add(l.off) }

// strangeInfo is a file that is there by its name only.
type strangeInfo string

func (s strangeInfo) Name() string     { return string(s) }
func (strangeInfo) Size() int64        { return 1 }
func (strangeInfo) Mode() os.FileMode  { return 0o600 }
func (strangeInfo) ModTime() time.Time { return time.Unix(1_790_000_000, 0) }
func (strangeInfo) IsDir() bool        { return false }
func (strangeInfo) Sys() any           { return nil }

// setstat keeps what a client may set: length and times. Modes are ignored.
func (h *session) setstat(r *sftp.Request, p string) error {
	flags, attrs := r.AttrFlags(), r.Attributes()
	if flags.Size {
		f, err := h.root.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(int64(attrs.Size)), f.Close()); err != nil { //nolint:gosec // the file system refuses what is too large
			return err
		}
	}
	if flags.Acmodtime {
		return h.root.Chtimes(p, time.Unix(int64(attrs.Atime), 0), time.Unix(int64(attrs.Mtime), 0))
	}
	return nil
}
