package ftptest

import (
	"crypto/tls"
	"time"
)

// Faults says how the server misbehaves. The zero value behaves. They can be
// changed while the server runs. Byte positions begin with 1; 0 is off.
type Faults struct {
	// MuteHandshake accepts the TCP connection and never speaks; Plain greets
	// without TLS.
	MuteHandshake, Plain bool
	// Certificate is shown instead of the server's own.
	Certificate *tls.Certificate
	// TLS11 speaks nothing newer than TLS 1.1.
	TLS11 bool
	// RefuseLogins answers so many logins with LoginReply (530 when empty).
	RefuseLogins int
	LoginReply   string
	// EndlessReply never ends the answer to FEAT.
	EndlessReply bool

	// NoEPSV leaves PASV, which then names PassiveHost and PassivePort instead
	// of the real ones, when they are set.
	NoEPSV      bool
	PassiveHost string
	PassivePort int

	// StorReply answers STOR instead of taking data.
	StorReply string
	// CutUploadAt resets the data connection at this byte and says 426, or 226
	// with ClaimWhole.
	CutUploadAt int64
	ClaimWhole  bool
	// StallUploadAt stops reading at this byte.
	StallUploadAt int64
	// EndReply answers the end of every transfer instead of 226.
	EndReply string
	// LoseEndReply ends the session instead of that answer; StallEndReply never
	// gives it.
	LoseEndReply, StallEndReply bool

	// LieAboutSize is added to every size that is told.
	LieAboutSize int64
	// RenameReply answers RNTO and does nothing.
	RenameReply string
	// CutBeforeRename ends the session; LoseRenameReply renames first.
	CutBeforeRename, LoseRenameReply bool
	// StallBeforeRename never renames nor answers; StallRenameReply renames first.
	StallBeforeRename, StallRenameReply bool
	// SweepAfterRename takes a file away before the rename is answered.
	SweepAfterRename bool
	// RenamedTo gives a renamed file another name before the rename is answered,
	// as a registry that marks what it has taken: "%s.done".
	RenamedTo string

	// NoEndMark ends data connections without TLS's close_notify.
	NoEndMark bool
	// CutDownloadAt ends a download at this byte as if it were whole.
	CutDownloadAt int64
	// Trickle sends a download byte by byte, slowly.
	Trickle bool
	// StallList never sends a listing; EndlessList never ends one.
	StallList, EndlessList bool
	// StrangeNames stand in every listing (MLSD) beside what is there.
	StrangeNames []string
	// ClockOff is added to every time that is told.
	ClockOff time.Duration

	// Once lifts all faults after the first that struck at a transfer or rename.
	Once bool
}
