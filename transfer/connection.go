package transfer

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"time"

	"immtrail/registry"
)

// Connection is everything that a driver needs to know, secrets resolved.
type Connection struct {
	// Name is the connection's name in our own configuration.
	Name string
	// Protocol is "sftp" or "ftps".
	Protocol string
	Host     string
	// Port of the server; 0 is the protocol's usual one.
	Port int
	User string
	// Password, or Key (a private key as PEM) with the Passphrase that opens it.
	// Both may be set: the key is tried first.
	Password, Key, Passphrase Secret
	// HostKeys are the pinned keys of the server, as lines of an
	// authorized_keys file ([Pin]). More than one is allowed, for a rotation;
	// none means that nothing can be sent.
	HostKeys []string
	// At is the time by the real clock at which a pin's date is looked at;
	// without it a pin with a date does not hold.
	At time.Time
	// CA are the authorities (PEM) that vouch for an FTPS server; empty are
	// those of this machine. FTPS takes pins of certificates in HostKeys
	// instead, or as well; see transfer/ftps.
	CA       []byte
	Settings registry.TransferSettings
	// Purpose of the session; only a pool looks at it.
	Purpose Purpose
}

// Secret is bytes that print, log and marshal as "(secret)".
type Secret []byte

const hidden = "(secret)"

// Format implements [fmt.Formatter] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.shown())) }

// MarshalText keeps the secret out of JSON and of logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

func (s Secret) shown() string {
	if len(s) == 0 {
		return "(none)"
	}
	return hidden
}

// Waits that apply when the settings name none (kopia/kopia#5638 came to the
// same after living with servers that fall silent).
const (
	defaultDialTimeout = 30 * time.Second
	defaultIdleTimeout = 60 * time.Second
)

// DialTimeout bounds the way to a session: connect, handshake, login.
func (c *Connection) DialTimeout() time.Duration {
	return cmp.Or(c.Settings.DialTimeout, defaultDialTimeout)
}

// IdleTimeout bounds the wait for one answer of the server.
func (c *Connection) IdleTimeout() time.Duration {
	return cmp.Or(c.Settings.IdleTimeout, defaultIdleTimeout)
}

// Upload modes of [registry.TransferSettings].
const (
	UploadRename = "rename" // write to a .part name, then rename; the default
	UploadDirect = "direct" // write under the final name, for servers without rename
)

// Direct reports whether files are written under their final name.
func (c *Connection) Direct() bool { return c.Settings.Upload == UploadDirect }

// Join makes the path of name in folder. It refuses, with kind Invalid, a
// folder that climbs or holds control characters and a name that is not a
// plain base name ([registry.CheckRemoteName]).
func Join(folder, name string) (string, error) {
	dir, err := CleanFolder(folder)
	if err != nil {
		return "", err
	}
	if err := registry.CheckRemoteName(name); err != nil {
		return "", err
	}
	return path.Join(dir, name), nil
}

// Listed is [Join] for a name that the registry chose, with the characters that
// its profile allows in those.
func (c *Connection) Listed(folder, name string) (string, error) {
	dir, err := CleanFolder(folder)
	if err != nil {
		return "", err
	}
	if err := registry.CheckListedName(name, c.Settings.NameCharacters); err != nil {
		return "", err
	}
	return path.Join(dir, name), nil
}

// CleanFolder is folder as a path; the home is ".". See [Join].
func CleanFolder(folder string) (string, error) {
	for _, r := range folder {
		if r < ' ' || r == 0x7f || r == '\\' {
			return "", registry.Errorf(registry.Invalid, "remote folder", "holds a backslash or a control character")
		}
	}
	for part := range strings.SplitSeq(folder, "/") {
		if part == ".." {
			return "", registry.Errorf(registry.Invalid, "remote folder", "must not climb (..)")
		}
	}
	return path.Clean(folder), nil
}
