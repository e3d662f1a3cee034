package ftps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"immtrail/registry"
	"immtrail/transfer"
)

// pinned are the keys and certificates that the server may prove.
type pinned []transfer.Pin

// parsePins reads the pins that hold at the given time. One that cannot be read
// is HostKeyChanged, and so is it when the time of all is over: nothing is known
// to be the server.
func parsePins(lines []string, at time.Time) (pinned, error) {
	var pins pinned
	for i, line := range lines {
		pin, err := transfer.ParsePin(line)
		if err != nil {
			return nil, registry.Errorf(registry.HostKeyChanged, opDial, "pinned certificate %d cannot be read: %w", i+1, err)
		}
		if pin.Holds(at) {
			pins = append(pins, pin)
		}
	}
	if len(pins) == 0 && len(lines) > 0 {
		return nil, registry.Errorf(registry.HostKeyChanged, opDial, "the time of every pinned certificate is over; a person has to accept the server's certificate first")
	}
	return pins, nil
}

// certError says that the server is not the one that is known.
type certError struct{ offered, known string }

func (e *certError) Error() string {
	return fmt.Sprintf("the server showed the certificate %s, known is %s; no login was sent", e.offered, e.known)
}

// Certificate is what a server shows.
type Certificate struct {
	// Subject and Issuer are as the certificate names them.
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// NotAfter is its last moment.
	NotAfter time.Time `json:"not_after"`
	// Fingerprint is the pin of the certificate ([transfer.PinCertificate]),
	// KeyPin that of its key ([transfer.PinKey]): to be compared by a person with
	// what the registry's staff say, and to be pinned.
	Fingerprint string `json:"fingerprint"`
	KeyPin      string `json:"key_pin"`
	// Verified says that the machine's own authorities vouch for it and the
	// name; Why says why not.
	Verified bool   `json:"verified"`
	Why      string `json:"why,omitempty"`
}

func describe(cert *x509.Certificate) Certificate {
	return Certificate{
		Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), NotAfter: cert.NotAfter,
		Fingerprint: transfer.CertificatePin(cert), KeyPin: transfer.KeyPin(cert),
	}
}

// tlsConfig is the same for control and data connections: servers demand that
// the session of the one is resumed on the others.
func tlsConfig(c *transfer.Connection, pins pinned) (*tls.Config, error) {
	cfg := &tls.Config{
		ServerName:                  c.Host,
		MinVersion:                  tls.VersionTLS12,
		ClientSessionCache:          tls.NewLRUClientSessionCache(0),
		DynamicRecordSizingDisabled: true, // whole files, not a page's first bytes
	}
	if len(c.CA) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, registry.Errorf(registry.HostKeyChanged, opDial, "connection %s: the authority's certificate cannot be read (PEM is wanted)", c.Name)
		}
	}
	if len(pins) > 0 {
		// A pinned certificate may be self-signed; an authority that is given
		// too must vouch for it all the same.
		cfg.InsecureSkipVerify = len(c.CA) == 0
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return pins.check(state) }
	}
	return cfg, nil
}

// check runs on resumed connections too.
func (p pinned) check(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server showed no certificate")
	}
	cert := state.PeerCertificates[0]
	if slices.ContainsFunc(p, func(one transfer.Pin) bool { return one.Proves(cert) }) {
		return nil
	}
	var known []string
	for _, one := range p {
		known = append(known, one.Line)
	}
	shown := describe(cert)
	return &certError{offered: shown.Fingerprint + " with the key " + shown.KeyPin, known: strings.Join(known, ", ")}
}

// handshakeError gives a failed handshake its kind and a remedy.
func handshakeError(ctx context.Context, c *transfer.Connection, err error) error {
	where := "connection " + c.Name
	var pins *certError
	var verify *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var alert *net.OpError // crypto/tls has no exported type for the other side's alerts
	switch {
	case errors.As(err, &pins):
		return fail(opDial, registry.HostKeyChanged, where, pins)
	case errors.As(err, &verify):
		return fail(opDial, registry.HostKeyChanged, where,
			fmt.Errorf("the server's certificate is not vouched for, no login was sent: %w", verify.Err))
	case errors.As(err, &plain):
		return fail(opDial, registry.Refused, where,
			errors.New("the server does not begin with TLS on this port; implicit TLS is spoken on port 990 as a rule"))
	case errors.As(err, &alert) && alert.Op == "remote error", strings.Contains(err.Error(), "unsupported protocol version"):
		return fail(opDial, registry.Refused, where, fmt.Errorf("no TLS 1.2 or 1.3 with this server: %w", err))
	case ctx.Err() != nil:
		return fail(opDial, registry.Transient, where+": no session in time", errors.Join(ctx.Err(), err))
	}
	return fail(opDial, kindOf(err), where, err)
}

// ScanCertificate asks the server of c for its certificate, so that a person
// can accept it. It does not log in. Errors are Transient, or Refused where no
// TLS is spoken or the address is not allowed.
func ScanCertificate(ctx context.Context, c transfer.Connection) (Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout())
	defer cancel()
	tcp, err := c.DialTCP(ctx, c.Addr(Port))
	if err != nil {
		return Certificate{}, handshakeError(ctx, &c, err)
	}
	defer func() { _ = tcp.Close() }() // nothing was said
	// Looks, and trusts nobody.
	conn := tls.Client(tcp, &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return Certificate{}, handshakeError(ctx, &c, err)
	}
	chain := conn.ConnectionState().PeerCertificates
	shown := describe(chain[0])
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: c.Host, Intermediates: between}); err != nil {
		shown.Why = err.Error()
		return shown, nil
	}
	shown.Verified = true
	return shown, nil
}
