package transfer

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"immtrail/registry"
)

// Pin is a host key that a server may prove. While a server changes its key two
// are pinned: the new one, and the old one until a date. It is stored as one
// line in the form of an authorized_keys file, where OpenSSH has an option for
// the date:
//
//	ssh-ed25519 AAAA…
//	expiry-time="20261231Z" ssh-ed25519 AAAA…
//
// With TLS a pin is that of a key or of a certificate ([PinKey],
// [PinCertificate]), with the same option before it.
type Pin struct {
	// Line is the key alone: type and base64, or a pin of TLS.
	Line string
	// Until is when the key stops being accepted; zero is never.
	Until time.Time
}

const (
	expiryOption = "expiry-time="
	opPin        = "pinned host key"
)

// expiryForms are OpenSSH's: YYYYMMDD[HHMM[SS]], with Z for UTC. What lacks the
// Z is taken for UTC too, so that it means the same on every machine.
var expiryForms = []string{"20060102", "200601021504", "20060102150405"}

// ParsePin reads a line. Kind HostKeyChanged when it cannot be read: nothing is
// known to be the server then.
func ParsePin(line string) (Pin, error) {
	if p, ok, err := parseTLSPin(line); ok {
		return p, err
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(rest) > 0 {
		return Pin{}, registry.Errorf(registry.HostKeyChanged, opPin, "not one line with a host key")
	}
	p := Pin{Line: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}
	for _, option := range options {
		value, ok := strings.CutPrefix(option, expiryOption)
		if !ok || !p.Until.IsZero() {
			return Pin{}, registry.Errorf(registry.HostKeyChanged, opPin, "has an option other than one expiry-time")
		}
		if p.Until, err = parseExpiry(value); err != nil {
			return Pin{}, err
		}
	}
	return p, nil
}

func parseExpiry(value string) (time.Time, error) {
	text := strings.TrimSuffix(strings.Trim(value, `"`), "Z")
	for _, form := range expiryForms {
		if at, err := time.Parse(form, text); err == nil && len(form) == len(text) {
			return at, nil
		}
	}
	return time.Time{}, registry.Errorf(registry.HostKeyChanged, opPin, "its expiry-time is none such as 20261231Z")
}

// String is the line to store.
func (p Pin) String() string {
	if p.Until.IsZero() {
		return p.Line
	}
	return fmt.Sprintf("%s%q %s", expiryOption, p.Until.UTC().Format("20060102150405")+"Z", p.Line)
}

// Holds reports whether the key is accepted at now. Without a now (zero) a key
// with a date is not: it may be over.
func (p Pin) Holds(now time.Time) bool {
	return p.Until.IsZero() || (!now.IsZero() && now.Before(p.Until))
}

// Fingerprint is such as "ssh-ed25519 SHA256:…"; a pin of TLS is one itself.
func (p Pin) Fingerprint() string {
	if _, _, ok := tlsDigest(p.Line); ok {
		return p.Line
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p.Line))
	if err != nil {
		return "unreadable"
	}
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}

// Rotate is what is pinned while a server changes its key: the new key for good
// and the keys of before until the date until, none of them longer than it was
// to hold anyway. Keys that are the new one, or are over at now, are dropped.
// At most two keys come out: of the old ones the first, which is the newest
// after an earlier rotation.
func Rotate(lines []string, newLine string, now, until time.Time) ([]string, error) {
	next, err := ParsePin(newLine)
	if err != nil {
		return nil, err
	}
	next.Until = time.Time{}
	out := []string{next.String()}
	for _, line := range lines {
		old, err := ParsePin(line)
		if err != nil {
			return nil, err
		}
		if len(out) == 2 || old.Line == next.Line || !old.Holds(now) {
			continue
		}
		if old.Until.IsZero() || until.Before(old.Until) {
			old.Until = until
		}
		out = append(out, old.String())
	}
	return out, nil
}
