package sftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"immtrail/registry"
	"immtrail/transfer"
)

// pinned are the keys that the server may prove.
type pinned []ssh.PublicKey

// parsePins reads the pins that hold at the given time. No pin, or one that
// cannot be read, is HostKeyChanged: nothing is known to be the server.
func parsePins(lines []string, at time.Time) (pinned, error) {
	var pins pinned
	over := 0
	for i, line := range lines {
		pin, err := transfer.ParsePin(line)
		if err != nil {
			return nil, registry.Errorf(registry.HostKeyChanged, opDial, "pinned host key %d cannot be read: %w", i+1, err)
		}
		if !pin.Holds(at) {
			over++
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(pin.Line))
		if err != nil {
			return nil, registry.Errorf(registry.HostKeyChanged, opDial, "pinned host key %d cannot be read: %w", i+1, err)
		}
		pins = append(pins, key)
	}
	if len(pins) == 0 && over > 0 {
		return nil, registry.Errorf(registry.HostKeyChanged, opDial, "the time of every pinned host key is over; a person has to accept the server's key first")
	}
	if len(pins) == 0 {
		return nil, registry.Errorf(registry.HostKeyChanged, opDial, "no host key is pinned; a person has to accept the server's key first")
	}
	return pins, nil
}

// algorithms are the ways in which the pinned keys can be proven. Asking for
// these alone keeps a right pin from failing on a server that also has a key
// of another type (golang/go#29286).
func (p pinned) algorithms() []string {
	var algos []string
	for _, key := range p {
		for _, a := range keyAlgorithms(key.Type()) {
			if !slices.Contains(algos, a) {
				algos = append(algos, a)
			}
		}
	}
	return algos
}

// keyAlgorithms never names plain ssh-rsa, which signs with SHA-1.
func keyAlgorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func (p pinned) fingerprints() string {
	var prints []string
	for _, key := range p {
		prints = append(prints, fingerprint(key))
	}
	return strings.Join(prints, ", ")
}

func fingerprint(key ssh.PublicKey) string {
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}

// hostKeyCheck compares what is offered with what is pinned.
type hostKeyCheck struct {
	pins   pinned
	proven ssh.PublicKey
}

// hostKeyError says that another key was offered.
type hostKeyError struct{ offered, pinned string }

func (e *hostKeyError) Error() string {
	return fmt.Sprintf("the server offered %s, pinned is %s; nothing was sent", e.offered, e.pinned)
}

func (h *hostKeyCheck) callback(_ string, _ net.Addr, key ssh.PublicKey) error {
	for _, pin := range h.pins {
		if bytes.Equal(pin.Marshal(), key.Marshal()) {
			h.proven = key
			return nil
		}
	}
	return &hostKeyError{offered: fingerprint(key), pinned: h.pins.fingerprints()}
}

// explain gives a failed dial its kind and its words.
func (h *hostKeyCheck) explain(ctx context.Context, c *transfer.Connection, err error) error {
	where := "connection " + c.Name
	var changed *hostKeyError
	if errors.As(err, &changed) {
		return fail(opDial, registry.HostKeyChanged, where, changed)
	}
	var mismatch *ssh.AlgorithmNegotiationError
	if errors.As(err, &mismatch) && mismatch.What == "host key" {
		changed = &hostKeyError{offered: "no key of a pinned type", pinned: h.pins.fingerprints()}
		if key, err := scan(ctx, c); err == nil {
			changed.offered = key.Type + " " + key.Fingerprint
		}
		return fail(opDial, registry.HostKeyChanged, where, changed)
	}
	if refusedLogin(err) {
		return registry.Errorf(registry.Unauthorised, opDial, "%s: the server refused the login of user %q", where, c.User)
	}
	if ctx.Err() != nil {
		return fail(opDial, registry.Transient, where+": no session in time", errors.Join(ctx.Err(), err))
	}
	return fail(opDial, kindOf(err), where, err)
}

// HostKey is a key that a server offers.
type HostKey struct {
	// Type is such as "ssh-ed25519".
	Type string
	// Fingerprint is such as "SHA256:…", to be compared by a person with what
	// the registry's staff say on the telephone.
	Fingerprint string
	// Line is the key for [transfer.Connection.HostKeys].
	Line string
}

// errScanned ends the handshake once the key is known.
var errScanned = errors.New("host key seen")

// scanAlgorithms prefers the shortest key and leaves certificates out, which
// cannot be pinned as a line.
var scanAlgorithms = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// ScanHostKey asks the server at addr ("host:port") for its host key, so that a
// person can accept it. It does not log in and sends nothing but the start of
// a handshake. Errors are Transient.
func ScanHostKey(ctx context.Context, addr string, timeout time.Duration) (HostKey, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return HostKey{}, fail("scan host key", registry.Invalid, addr, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return HostKey{}, fail("scan host key", registry.Invalid, addr, err)
	}
	return scan(ctx, &transfer.Connection{
		Name: addr, Host: host, Port: number, Settings: registry.TransferSettings{DialTimeout: timeout},
	})
}

func scan(ctx context.Context, c *transfer.Connection) (HostKey, error) {
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout())
	defer cancel()
	addr := c.Addr(standardPort)
	var seen ssh.PublicKey
	client, _, err := connect(ctx, c, &ssh.ClientConfig{
		User:              "host-key-scan",
		HostKeyAlgorithms: scanAlgorithms,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = key
			return errScanned
		},
	})
	if client != nil {
		_ = client.Close() // cannot happen: the callback never agrees
	}
	if seen == nil {
		return HostKey{}, fail("scan host key", registry.Transient, addr, err)
	}
	return HostKey{
		Type:        seen.Type(),
		Fingerprint: ssh.FingerprintSHA256(seen),
		Line:        strings.TrimSpace(string(ssh.MarshalAuthorizedKey(seen))),
	}, nil
}
