package temporalconn

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"immtrail/registry"
)

// SecretBytes is the length of a codec key: AES-256.
const SecretBytes = 32

// Defaults of Settings.
const (
	DefaultHostPort  = "127.0.0.1:7233"
	DefaultNamespace = "default"
)

// Settings say where Temporal is and how payloads are protected.
type Settings struct {
	// HostPort of the frontend; empty is DefaultHostPort.
	HostPort string
	// Namespace; empty is DefaultNamespace.
	Namespace string
	// Identity by which this process appears in histories: who and where, in
	// clear. Empty leaves it to the SDK (process@host).
	Identity string
	TLS      TLS
	// CodecOn encrypts payloads with the first of CodecKeys. Off, they are
	// written in clear, and what is encrypted can still be read with any key.
	CodecOn bool
	// CodecKeys: the first encrypts, all decrypt, told apart by ID. To rotate,
	// put a new key first and keep the old ones as long as histories live.
	CodecKeys []Key
}

// TLS names files; all empty and On false is a connection in clear.
type TLS struct {
	// On asks for TLS with the system's authorities where no file is named.
	On bool
	// CAFile is a PEM bundle of the authorities that may vouch for the server.
	CAFile string
	// CertFile and KeyFile are this client's, both or neither.
	CertFile, KeyFile string
	// ServerName replaces the host of HostPort in the check of the certificate.
	ServerName string
}

// Key is one key of the codec.
type Key struct {
	// ID stands in clear beside every payload: letters, digits, dot, hyphen and
	// underscore, at most 64.
	ID string
	// Secret is SecretBytes long.
	Secret []byte
}

func (s Settings) withDefaults() Settings {
	if s.HostPort == "" {
		s.HostPort = DefaultHostPort
	}
	if s.Namespace == "" {
		s.Namespace = DefaultNamespace
	}
	return s
}

// tlsConfig is nil for a connection in clear. Errors are of kind Invalid or
// Missing and name the file.
func (t TLS) config() (*tls.Config, error) {
	if !t.On && t.CAFile == "" && t.CertFile == "" && t.KeyFile == "" {
		return nil, nil //nolint:nilnil // no TLS is an answer, and the SDK's own word for it
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, registry.Errorf(registry.Missing, "temporal tls", "authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, registry.Errorf(registry.Invalid, "temporal tls", "%s holds no certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, registry.Errorf(registry.Invalid, "temporal tls", "certificate and key belong together: one of the two files is not set")
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "temporal tls", "%s and %s: %w", t.CertFile, t.KeyFile, err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

func checkKeys(keys []Key) error {
	seen := map[string]bool{}
	for i, k := range keys {
		fault := ""
		switch {
		case !validKeyID(k.ID):
			fault = "its ID must be 1 to 64 letters, digits, dots, hyphens and underscores"
		case seen[k.ID]:
			fault = "its ID is used twice: " + k.ID
		case len(k.Secret) != SecretBytes:
			fault = fmt.Sprintf("its secret must be %d bytes, not %d", SecretBytes, len(k.Secret))
		}
		if fault != "" {
			return registry.Errorf(registry.Invalid, "temporal codec", "key %d: %s", i+1, fault)
		}
		seen[k.ID] = true
	}
	return nil
}

func validKeyID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
