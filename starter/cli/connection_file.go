package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"immtrail/config"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/byhand"
	"immtrail/transfer/ftps"
	"immtrail/transfer/sftp"
)

// connectionFile is the YAML of a connection.
type connectionFile struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Host     string `json:"host"`
	// Port is the protocol's usual one when it is not set.
	Port int    `json:"port"`
	User string `json:"user"`
	// Secret refers to the password or the private key.
	Secret string `json:"secret"`
	// Auth is what Secret is: password (default) or key.
	Auth       string `json:"auth"`
	Passphrase string `json:"passphrase"`
	// HostKeys are pins: authorized_keys lines, or those of TLS ([transfer.Pin]).
	HostKeys []string `json:"host_keys"`
	// Folder is where files lie that a person uploads (byhand); Host may name the
	// web client's address then.
	Folder string `json:"folder"`
	// CA is a file with the authority's certificate (FTPS).
	CA string `json:"ca"`

	authority []byte
}

// standardPorts are the usual ports.
var standardPorts = map[string]int{sftp.Protocol: 22, ftps.Protocol: ftps.Port}

// notSet tells a port that was left out from a port 0.
const notSet = -1

// readConnection reads and checks a connection's file.
func readConnection(path string) (connectionFile, error) {
	f := connectionFile{Protocol: sftp.Protocol, Port: notSet}
	if err := readYAML(path, &f); err != nil {
		return f, err
	}
	if f.Port == notSet {
		f.Port = standardPorts[f.Protocol]
	}
	if faults := f.faults(); len(faults) > 0 {
		return f, refused("%s has %s:\n  %s", path, plural(len(faults), "fault", "faults"), strings.Join(faults, "\n  "))
	}
	if f.CA != "" {
		var err error
		if f.authority, err = os.ReadFile(f.CA); err != nil {
			return f, couldNot("ca: %w", err)
		}
	}
	return f, nil
}

func (f connectionFile) faults() []string {
	var faults []string
	add := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if registry.CheckID("name", f.Name) != nil {
		add("name: lower-case letters, digits and hyphens, such as dshs")
	}
	if f.Protocol == byhand.Protocol {
		if !filepath.IsAbs(f.Folder) {
			add("folder: the whole path of a folder that only the person who uploads can read")
		}
		if f.Secret != "" || f.User != "" || len(f.HostKeys) > 0 {
			add("protocol: by hand nobody here logs in; take user, secret and host_keys out")
		}
		return faults
	}
	if standardPorts[f.Protocol] == 0 {
		add("protocol: sftp, ftps or byhand")
	}
	if f.Host == "" {
		add("host: is missing")
	}
	if f.Port < 1 || f.Port > 65535 {
		add("port: from 1 to 65535 (usual are 22 for sftp and 990 for ftps)")
	}
	if f.User == "" {
		add("user: is missing")
	}
	for key, ref := range map[string]string{"secret": f.Secret, "passphrase": f.Passphrase} {
		s := config.Secret(ref)
		switch {
		case ref == "" && key == "passphrase":
		case !s.IsReference():
			add("%s: a reference, not the secret itself: env:NAME or file:/path", key)
		case s.File() != "" && !filepath.IsAbs(s.File()):
			add("%s: the file's whole path, since the worker looks from another folder", key)
		}
	}
	if f.Auth != "" && f.Auth != db.AuthPassword && f.Auth != db.AuthKey {
		add("auth: password or key")
	}
	if f.Protocol == ftps.Protocol && f.Auth == db.AuthKey {
		add("auth: ftps logs in with a password")
	}
	if f.Protocol != ftps.Protocol && f.CA != "" {
		add("ca: only ftps has certificates")
	}
	for i, line := range f.HostKeys {
		if _, err := transfer.ParsePin(line); err != nil {
			add("host_keys: number %d is no pin: a line such as ssh-ed25519 AAAA… or spki-sha256:…", i+1)
		}
	}
	return faults
}

// acceptedKeys asks the server for its key or certificate and returns what is
// to be pinned: what the person accepted. A certificate that an authority
// vouches for needs no pin. again is the command to be run with the flag.
func acceptedKeys(ctx context.Context, f connectionFile, profile *registry.Profile, accept, again string) ([]string, error) {
	addr := net.JoinHostPort(f.Host, strconv.Itoa(f.Port))
	var kind string
	offered := map[string]string{} // fingerprint to pin
	var order []string
	if f.Protocol == ftps.Protocol {
		if len(f.authority) > 0 && accept == "" {
			return nil, nil
		}
		cert, err := ftps.ScanCertificate(ctx, transfer.Connection{
			Name: f.Name, Protocol: f.Protocol, Host: f.Host, Port: f.Port, Settings: profile.Transfer,
		})
		if err != nil {
			return nil, couldNot("%s: %s (%w)", addr, scanFailed, err)
		}
		if cert.Verified && accept == "" {
			return nil, nil
		}
		kind = fmt.Sprintf("certificate of %q until %s; nobody known here vouches for it", cert.Subject, day(cert.NotAfter))
		order = []string{cert.Fingerprint, cert.KeyPin}
		offered[cert.Fingerprint], offered[cert.KeyPin] = cert.Fingerprint, cert.KeyPin
	} else {
		key, err := sftp.ScanHostKey(ctx, addr, profile.Transfer.DialTimeout)
		if err != nil {
			return nil, couldNot("%s: %s (%w)", addr, scanFailed, err)
		}
		kind, order = key.Type, []string{key.Fingerprint}
		offered[key.Fingerprint] = key.Line
	}
	if pin := offered[accept]; pin != "" {
		return []string{pin}, nil
	}
	shown := strings.Join(order, "\n  ")
	if accept == "" {
		return nil, refused(`the server %s shows this key (%s):

  %s

Ask the registry whether it is theirs: %s, %s. If it is:

  %s --accept-host-key %s`,
			addr, kind, shown, profile.DataExchangePhone, profile.DataExchangeEmail, again, order[len(order)-1])
	}
	return nil, refused("the server %s shows another key than the one you accept: it shows %s. Do not go on before the registry has explained it",
		addr, strings.Join(order, ", "))
}

// scanFailed is said when the question for a server's key has no answer.
const scanFailed = "the server did not show its key; is it reachable from here?"
