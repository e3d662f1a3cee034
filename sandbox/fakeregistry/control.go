package fakeregistry

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"immtrail/internal/sftptest"
)

// Misbehaviour is what goes wrong at the registry, for all of its accounts.
// The zero value is a registry that works. It stays until it is replaced, over
// restarts as well.
type Misbehaviour struct {
	// RefuseLogins refuses every login; Mute accepts connections and never
	// speaks; NewHostKey is another key than the one in the ready line.
	RefuseLogins bool `json:"refuse_logins,omitempty"`
	Mute         bool `json:"mute,omitempty"`
	NewHostKey   bool `json:"new_host_key,omitempty"`
	// RefuseUploads answers "permission denied" to opening a file for writing,
	// RefuseRename to renaming it.
	RefuseUploads bool `json:"refuse_uploads,omitempty"`
	RefuseRename  bool `json:"refuse_rename,omitempty"`
	// DiskFullAt, CutUploadAt and StallUploadAt strike when an upload reaches
	// this byte (from 1; 0 is never): Failure and no free space, the
	// connection closed, no answer any more.
	DiskFullAt    int64 `json:"disk_full_at,omitempty"`
	CutUploadAt   int64 `json:"cut_upload_at,omitempty"`
	StallUploadAt int64 `json:"stall_upload_at,omitempty"`
	// CutBeforeRename closes the connection instead of renaming,
	// LoseRenameReply after renaming.
	CutBeforeRename bool `json:"cut_before_rename,omitempty"`
	LoseRenameReply bool `json:"lose_rename_reply,omitempty"`
	// CutDownloadAt closes the connection when a download reaches this byte.
	CutDownloadAt int64 `json:"cut_download_at,omitempty"`
	// CloseFolder refuses everything in this folder ("inbound/test").
	CloseFolder string `json:"close_folder,omitempty"`
	// MaxSessions closes connections beyond this many; 0 is no limit.
	MaxSessions int `json:"max_sessions,omitempty"`
	// NoPosixRename and NoStatVFS withdraw the extension; RenameReplaces lets
	// a plain rename replace an existing file without a word.
	NoPosixRename  bool `json:"no_posix_rename,omitempty"`
	NoStatVFS      bool `json:"no_statvfs,omitempty"`
	RenameReplaces bool `json:"rename_replaces,omitempty"`
	// NoReports keeps every answer back; they come when it ends.
	NoReports bool `json:"no_reports,omitempty"`
	// Asleep leaves every file where it is.
	Asleep bool `json:"asleep,omitempty"`
	// Once ends what concerns connections and files after it struck once.
	// Logins, host key, extensions, NoReports and Asleep do not count.
	Once bool `json:"once,omitempty"`
}

func (m Misbehaviour) faults(otherKey func() (sftptest.Faults, error)) (sftptest.Faults, error) {
	var f sftptest.Faults
	if m.NewHostKey {
		other, err := otherKey()
		if err != nil {
			return f, err
		}
		f = other
	}
	f.RefuseAuth, f.MuteHandshake = m.RefuseLogins, m.Mute
	f.DenyWrite, f.DenyRename = m.RefuseUploads, m.RefuseRename
	f.DiskFullAt, f.CutUploadAt, f.StallUploadAt = m.DiskFullAt, m.CutUploadAt, m.StallUploadAt
	f.CutBeforeRename, f.LoseRenameReply, f.CutDownloadAt = m.CutBeforeRename, m.LoseRenameReply, m.CutDownloadAt
	f.DenyFolder, f.MaxSessions = m.CloseFolder, m.MaxSessions
	f.NoPosixRename, f.NoStatVFS, f.RenameReplaces = m.NoPosixRename, m.NoStatVFS, m.RenameReplaces
	f.Once = m.Once
	return f, nil
}

// OtherHostKey is the file in the registry's folder with the key that
// [Misbehaviour.NewHostKey] shows; it is made where it is missing.
const OtherHostKey = "hostkey.other"

const (
	controlFile = "control.json"
	appliedFile = "control.applied.json"
)

// control is the order as it lies in the registry's folder. The serial tells
// one order from the next, also when they say the same.
type control struct {
	Serial       string       `json:"serial"`
	Misbehaviour Misbehaviour `json:"misbehaviour"`
}

// Misbehave orders the registry that runs in dir to misbehave, or with the zero
// value to work again, and waits until it does. The order is kept when ctx
// ends before a registry has taken it; the error then is that of ctx.
func Misbehave(ctx context.Context, dir string, m Misbehaviour) error {
	order := control{Serial: rand.Text(), Misbehaviour: m}
	if err := writeJSON(filepath.Join(dir, controlFile), order); err != nil {
		return err
	}
	tick := time.NewTicker(controlEvery / 2)
	defer tick.Stop()
	for {
		var done control
		if err := readJSON(filepath.Join(dir, appliedFile), &done); err != nil {
			return err
		}
		if done.Serial == order.Serial {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the registry did not take the order: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// obey applies the order in the folder when it is a new one.
func (p *program) obey() error {
	var order control
	if err := readJSON(filepath.Join(p.opts.Dir, controlFile), &order); err != nil {
		return err
	}
	if order.Serial == p.obeyed {
		return nil
	}
	faults, err := order.Misbehaviour.faults(func() (sftptest.Faults, error) {
		key, err := sftptest.LoadOrCreateHostKey(filepath.Join(p.opts.Dir, OtherHostKey))
		return sftptest.Faults{HostKey: key}, err
	})
	if err != nil {
		return err
	}
	p.server.SetFaults(faults)
	p.registry.setSilent(order.Misbehaviour.NoReports)
	p.asleep.Store(order.Misbehaviour.Asleep)
	p.obeyed = order.Serial
	return writeJSON(filepath.Join(p.opts.Dir, appliedFile), order)
}
