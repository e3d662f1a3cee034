package transfer

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"immtrail/registry"
)

// PartSuffix marks a file that is still being written.
const PartSuffix = ".part"

// Remote is an open session at a registry's drop point. Folders are relative
// to the login's home, with slashes; empty is the home itself. It serves one
// caller at a time.
//
// Every error is a [*registry.Error]. Kinds that any method may return:
// Transient (network, time ran out, the context ended), Busy (no space, no
// free session), Refused (permission, no such folder), Invalid (a name or a
// folder that is none).
type Remote interface {
	// Upload puts a file under its final name. It returns without error only
	// when the server has acknowledged every byte and the rename, or when the
	// very same file was there already. See [UploadRequest] for repeats.
	//
	// Further kinds: Corrupt (the server holds another size, or the source is
	// not what it was said to be), Conflict (something else lies under the
	// name), DeliveryUnknown (the last step may or may not have happened and
	// the file is under neither name). An error of the source keeps its kind.
	Upload(ctx context.Context, req UploadRequest) (Uploaded, error)
	// Stat tells what lies under a name. That nothing does is no error.
	Stat(ctx context.Context, folder, name string) (Seen, error)
	// List tells what lies in a folder; see [Listing].
	List(ctx context.Context, folder string) (Listing, error)
	// Download copies a file to w. Without an error the copy is whole: the size
	// agrees with what the server said before and after. With an error what
	// was written to w is to be thrown away. Further kinds: Missing (no such
	// file), Corrupt (the file changed, or came in another size than told).
	Download(ctx context.Context, folder, name string, w io.Writer) (Downloaded, error)
	// ReadBack is Download without keeping the bytes: size and digest of what
	// lies at the registry.
	ReadBack(ctx context.Context, folder, name string) (Downloaded, error)
	// Remove takes a file away; that it is gone already is no error.
	Remove(ctx context.Context, folder, name string) error
	// Capabilities tells what the server offers.
	Capabilities() Capabilities
	// Close ends the session. It does not wait for a silent server.
	Close() error
}

// Dialer opens sessions.
//
// Kinds of errors: Unauthorised (login refused, key unreadable),
// HostKeyChanged (the server is not the pinned one, or nothing is pinned),
// Transient (cannot be reached, did not speak in time), Busy, Refused (no file
// transfer for this login), Invalid.
type Dialer interface {
	Dial(ctx context.Context, c Connection) (Remote, error)
}

// UploadRequest says what to put where.
type UploadRequest struct {
	Folder, Name string
	// Size in bytes; a source of another length is not delivered.
	Size int64
	// SHA256 in hex of the bytes that were checked; when not empty, a source
	// with another digest is not delivered.
	SHA256 string
	// Source opens the bytes from the start; it may be called more than once.
	Source func() (io.ReadCloser, error)
	// Progress, when set, hears the number of acknowledged bytes: at least so
	// many lie at the server without a gap. It hears of rising numbers only, at
	// the end (good or bad) exactly; and of 0 first, when a driver begins again
	// although something was Acknowledged before.
	Progress func(sent int64)
	// Acknowledged is what Progress heard in an earlier attempt at the same file.
	// A driver that may resume at this host goes on from there; others begin
	// again.
	Acknowledged int64
	// BeforePublish, when set, is called when all bytes are safe under the
	// temporary name and before the rename; its error stops the upload. The
	// caller records there that from now on the file may be at the registry.
	BeforePublish func(ctx context.Context) error
	// MayBeThere says that an earlier attempt got as far as BeforePublish. When
	// nothing of the file is to be seen then, it may have been picked up:
	// the upload ends with DeliveryUnknown and does not send it again.
	MayBeThere bool
}

// Uploaded is what an upload came to.
type Uploaded struct {
	// Bytes and SHA256 (hex) of the file at the registry.
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Renamed is set when the file came to its name by a rename; it is not set
	// for direct uploads.
	Renamed bool `json:"renamed,omitempty"`
	// AlreadyThere is set when an earlier attempt had delivered the file.
	AlreadyThere bool `json:"already_there,omitempty"`
}

// Seen is what lies under a name.
type Seen struct {
	Exists bool
	// Regular is not set for folders, links and devices.
	Regular bool
	// Size in bytes.
	Size    int64
	ModTime time.Time
}

// Listing is the content of a folder.
type Listing struct {
	// Entries are plain files with plain names, by name.
	Entries []Entry
	// Skipped counts folders, links and devices; Refused counts names that are
	// no plain base name ([registry.CheckRemoteName]).
	Skipped, Refused int
	// Refusals are the first refused names, fit for a screen and cut short. They
	// are a stranger's words: not for logs, mails or histories.
	Refusals []string
}

// What of refused names is kept for a person to see.
const (
	maxRefusals    = 10
	maxRefusalText = 80
)

// Refuse counts a name that is no plain base name.
func (l *Listing) Refuse(name string) {
	l.Refused++
	if len(l.Refusals) == maxRefusals {
		return
	}
	shown := strconv.QuoteToASCII(name[:min(len(name), maxRefusalText)])
	if len(name) > maxRefusalText {
		shown += fmt.Sprintf(" and %d bytes more", len(name)-maxRefusalText)
	}
	l.Refusals = append(l.Refusals, shown)
}

// Entry is a file in a listing.
type Entry struct {
	Name string
	// Size in bytes.
	Size    int64
	ModTime time.Time
}

// Downloaded is size in bytes and SHA-256 (hex) of a whole file.
type Downloaded struct {
	Size   int64
	SHA256 string
}

// Capabilities are a server's, as it told them.
type Capabilities struct {
	// HostKey is the SHA256 fingerprint of the key, or with TLS of the
	// certificate, that the server proved.
	HostKey string
	// Server is how it announces itself.
	Server string
	// From and To are our address and the server's ("address:port"), as this
	// machine sees them: what a registry's support looks for in its logs.
	From, To string
	// PosixRename, FSync, StatVFS and Limits are extensions of OpenSSH.
	PosixRename, FSync, StatVFS, Limits bool
	// MLSD (exact listings) and Size are FTP's: RFC 3659.
	MLSD, Size bool
	// TLS names version and cipher; Expires is the last moment of the server's
	// certificate. Both are empty where there is no TLS.
	TLS     string
	Expires time.Time
}

// End is something of the server's own that a connection stops working with.
type End struct {
	// What is "certificate" or "host-key".
	What string
	// At is its last moment, by the server's word.
	At time.Time
}

// Ends are the ends that the server itself told of, for a calendar of
// credentials: that of its TLS certificate. Keys of SSH have none, and host
// certificates of SSH are not asked for, since a pin is that of a key. A
// certificate whose key is pinned ends as well, though a renewal with the same
// key needs nobody.
func (c Capabilities) Ends() []End {
	if c.Expires.IsZero() {
		return nil
	}
	return []End{{What: "certificate", At: c.Expires}}
}

// ByProtocol is a [Dialer] that hands each connection to the driver of its
// protocol.
type ByProtocol map[string]Dialer

// Dial implements [Dialer]; a protocol without a driver is Invalid.
func (b ByProtocol) Dial(ctx context.Context, c Connection) (Remote, error) {
	d, ok := b[c.Protocol]
	if !ok {
		return nil, registry.Errorf(registry.Invalid, "dial", "connection %s: no driver for protocol %q", c.Name, c.Protocol)
	}
	return d.Dial(ctx, c)
}
