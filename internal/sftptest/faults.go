package sftptest

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// Faults says how the server misbehaves. The zero value behaves. Faults can be
// changed while the server runs ([Server.SetFaults]); logins and operations
// look at them when they happen.
//
// Byte positions count the bytes of one opened file; 0 switches the fault off,
// so "before the first byte" is position 1.
type Faults struct {
	// RefuseAuth refuses every login.
	RefuseAuth bool
	// HostKey, when set, is offered instead of the server's own key.
	HostKey ssh.Signer
	// MuteHandshake accepts the TCP connection and never speaks.
	MuteHandshake bool
	// MaxSessions closes connections beyond this many; 0 is no limit.
	MaxSessions int

	// DenyWrite refuses to open any file for writing (permission denied).
	DenyWrite bool
	// CutUploadAt closes the connection when an upload reaches this byte. What
	// came before it is on disk.
	CutUploadAt int64
	// StallUploadAt stops answering when an upload reaches this byte, and keeps
	// the connection open.
	StallUploadAt int64
	// DiskFullAt answers a generic Failure when an upload reaches this byte, as
	// OpenSSH does, and reports no free space (statvfs).
	DiskFullAt int64

	// QuotaAt answers a generic Failure when an upload reaches this byte, and
	// reports free space: a quota.
	QuotaAt int64
	// FailClose answers a generic Failure when an upload is closed, as a disk on
	// another machine does that is full.
	FailClose bool
	// ScatterWrites holds each write back for a random time of up to this, so
	// that those in flight beside each other land out of order, as they do on a
	// busy server that writes in parallel.
	ScatterWrites time.Duration

	// DenyRename answers "permission denied" to a rename and does nothing.
	DenyRename bool
	// FailRename answers a generic Failure to a rename and does nothing.
	FailRename bool
	// CutBeforeRename closes the connection and does not rename.
	CutBeforeRename bool
	// LoseRenameReply renames, then closes the connection without an answer.
	LoseRenameReply bool
	// SweepAfterRename renames and takes the file away before answering, as a
	// registry that picks files up at once.
	SweepAfterRename bool
	// RenamedTo, when set, gives a renamed file another name before answering, as
	// a registry that marks what it has taken: "%s.done".
	RenamedTo string
	// SweepOnLook takes a renamed file away when somebody first looks at it:
	// picked up between the rename and the confirmation.
	SweepOnLook bool
	// RenameReplaces lets a plain rename replace an existing file silently, as
	// SFTPGo and pkg/sftp's own server do.
	RenameReplaces bool

	// DenyRead refuses to open any file for reading: a write-only drop folder.
	DenyRead bool
	// DenyStat refuses to look at a single name.
	DenyStat bool
	// DenyFolder refuses everything in this folder ("test/in"; "." is the home).
	DenyFolder string
	// ClockOff is added to every time that the server tells.
	ClockOff time.Duration
	// StrangeNames stand in every listing beside what is there, as plain files.
	StrangeNames []string
	// LieAboutSize is added to every size that stat tells.
	LieAboutSize int64
	// ShortReads bounds the bytes of one answer to a read; 0 is no bound.
	ShortReads int
	// CutDownloadAt closes the connection when a download reaches this byte.
	CutDownloadAt int64
	// StallOnList never answers a listing.
	StallOnList bool
	// EndlessList answers a listing with names for ever.
	EndlessList bool

	// NoPosixRename and NoStatVFS hide and refuse the extension.
	NoPosixRename bool
	NoStatVFS     bool

	// StallBefore stops answering, with the connection open, when an upload has
	// come as far: before "open", "close", "rename" or "rename-reply".
	StallBefore string

	// Once lifts all faults after the first one that struck. Faults of the
	// handshake and hidden extensions do not count as a strike.
	Once bool
}

// SetFaults replaces the faults. A stalled operation goes on stalling until
// its connection ends.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Faults returns the faults as they are now.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// strike reports whether a fault applies, and lifts all faults if it does and
// they were to strike once.
func (s *Server) strike(applies func(Faults) bool) bool {
	s.mu.Lock()
	struck, hook := applies(s.faults), s.onStrike
	if struck {
		s.stats.Strikes++
		if s.faults.Once {
			s.faults = Faults{}
		}
	}
	s.mu.Unlock()
	if struck && hook != nil {
		hook()
	}
	return struck
}

// OnStrike has f called at each strike, before the fault shows.
func (s *Server) OnStrike(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onStrike = f
}

// Stats counts what the server saw since its start.
type Stats struct {
	// Connections were accepted; Logins succeeded; Refused did not.
	Connections, Logins, Refused int
	// Attempts are passwords and keys that were offered.
	Attempts int
	// Sessions are open now, MostSessions were at once.
	Sessions, MostSessions int
	// Opens of files for writing, Renames done, bytes written.
	Opens, Renames int
	Bytes          int64
	// MostWrites is how many writes to one file were on their way at once, at
	// most.
	MostWrites int
	// Keepalives were asked for by clients.
	Keepalives int
	// Strikes is how often a fault struck.
	Strikes int
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Sessions = len(s.conns)
	return st
}

func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}
