package transfer

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"immtrail/registry"
)

// Forms of a pin with TLS. The rest of the line is a SHA-256.
const (
	// PinKey pins the public key (of the SubjectPublicKeyInfo, base64): it holds
	// when the certificate is renewed with the same key.
	PinKey = "spki-sha256:"
	// PinCertificate pins one certificate (hex, colons allowed): what
	// certificate tools show as its fingerprint.
	PinCertificate = "cert-sha256:"
)

// KeyPin and CertificatePin are the pins of a certificate.
func KeyPin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return PinKey + base64.RawStdEncoding.EncodeToString(sum[:])
}

// CertificatePin pins this one certificate; see [KeyPin].
func CertificatePin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return PinCertificate + hex.EncodeToString(sum[:])
}

// IsTLS reports whether the pin is one of TLS.
func (p Pin) IsTLS() bool {
	_, _, ok := tlsDigest(p.Line)
	return ok
}

// SameFingerprint compares a fingerprint with one that a person typed or was
// read out: for certificates colons, capitals and a missing "cert-sha256:" do
// not matter, as certificate tools write them so.
func SameFingerprint(print, typed string) bool {
	typed = strings.TrimSpace(typed)
	if print == typed {
		return true
	}
	form, digest, ok := tlsDigest(print)
	if !ok {
		return false
	}
	if !strings.Contains(strings.ToLower(typed), "-sha256:") {
		typed = PinCertificate + typed
	}
	typedForm, typedDigest, ok := tlsDigest(typed)
	return ok && form == typedForm && bytes.Equal(digest, typedDigest)
}

// Proves reports whether the certificate is the pinned one, or has the pinned
// key. A pin of SSH is proven by none.
func (p Pin) Proves(cert *x509.Certificate) bool {
	form, digest, ok := tlsDigest(p.Line)
	if !ok {
		return false
	}
	raw := cert.RawSubjectPublicKeyInfo
	if form == PinCertificate {
		raw = cert.Raw
	}
	sum := sha256.Sum256(raw)
	return bytes.Equal(sum[:], digest)
}

// parseTLSPin reads a pin of TLS; ok says whether the line is meant as one.
func parseTLSPin(line string) (p Pin, ok bool, err error) {
	rest := strings.TrimSpace(line)
	value, dated := "", false
	if after, found := strings.CutPrefix(rest, expiryOption); found {
		if value, rest, dated = strings.Cut(after, " "); !dated {
			return Pin{}, false, nil
		}
		rest = strings.TrimSpace(rest)
	}
	if !strings.HasPrefix(rest, PinKey) && !strings.HasPrefix(rest, PinCertificate) {
		return Pin{}, false, nil
	}
	form, digest, ok := tlsDigest(rest)
	if !ok {
		return Pin{}, true, registry.Errorf(registry.HostKeyChanged, opPin, "%s is not followed by a SHA-256", form)
	}
	p.Line = form + base64.RawStdEncoding.EncodeToString(digest)
	if form == PinCertificate {
		p.Line = form + hex.EncodeToString(digest)
	}
	if dated {
		p.Until, err = parseExpiry(value)
	}
	return p, true, err
}

// tlsDigest takes a pin of TLS apart.
func tlsDigest(line string) (form string, digest []byte, ok bool) {
	var err error
	if rest, found := strings.CutPrefix(line, PinKey); found {
		form = PinKey
		digest, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
	} else if rest, found := strings.CutPrefix(line, PinCertificate); found {
		form = PinCertificate
		digest, err = hex.DecodeString(strings.ReplaceAll(rest, ":", ""))
	}
	return form, digest, form != "" && err == nil && len(digest) == sha256.Size
}
