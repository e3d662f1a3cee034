package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/db"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/transfer"
)

func (a *app) transferCommand() *cobra.Command {
	cmd := folder("transfer", "Try a registry's server by hand: put, get, list, probe",
		"  starter transfer probe --connection dshs.yaml\n  starter transfer put batch.hl7 --connection dshs.yaml --folder inbound/test",
		a.transferProbe(), a.transferPut(), a.transferGet(), a.transferList())
	cmd.Long = `Speaks to a registry's server as immtrail does, without Temporal, database or
settings: for the first call with the registry's support, and to find out what is
wrong when deliveries fail. Nothing is recorded, so a file that is put here is not
known to any practice.

The connection is a file (the one for starter connection add):

  name: dshs
  protocol: ftps                # ftps (implicit TLS, port 990) or sftp (port 22)
  host: immtrac-ftps1.example.org
  user: BURL6343
  secret: env:DSHS_PASSWORD     # or file:/etc/immtrail/dshs.password
  # auth: key                   # sftp: the secret is a private key
  # host_keys: [ssh-ed25519 AAAA...]     # or spki-sha256:... for a certificate
  # ca: /etc/immtrail/dshs-ca.pem        # ftps: who vouches for the certificate

Folders, waits, ports and how to upload are the profile's (starter profile show);
--profile FILE.yaml lays other values above them, such as

  transfer: {upload: direct, ftps_data_ports: 50000-50100}

A server whose key or certificate nobody has accepted is shown with its
fingerprint, and nothing is sent: compare it, and add --accept-host-key.

Exit codes: 0 done and confirmed, 1 refused (another file lies there, a file here
would be overwritten, the probe found something wrong), 2 wrong usage, 3 could not
(unreachable, login refused, server's fault).`
	return cmd
}

// transferOptions are what the four commands share.
type transferOptions struct {
	connection, accept, folder string
	profiles                   []string
}

func (o *transferOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.connection, "connection", "", "the connection's YAML file")
	cmd.Flags().StringVar(&o.accept, "accept-host-key", "", "the fingerprint that you compared")
	cmd.Flags().StringArrayVar(&o.profiles, "profile", nil, "YAML file of values above the built-in Texas ones; may be repeated")
	_ = cmd.MarkFlagRequired("connection")
}

// line is a connection that can be dialled.
type line struct {
	c       transfer.Connection
	profile *registry.Profile
	dialer  transfer.Dialer
	// began is when the command began to speak to the server.
	began time.Time
}

// dial opens one more session.
func (l *line) dial(ctx context.Context) (transfer.Remote, error) { return l.dialer.Dial(ctx, l.c) }

// open reads the connection's file, its secrets and the profile.
func (a *app) open(ctx context.Context, o transferOptions, again string) (*line, error) {
	f, err := readConnection(o.connection)
	if err != nil {
		return nil, err
	}
	profile, _, err := a.deskProfile(checkOptions{profiles: o.profiles})
	if err != nil {
		return nil, err
	}
	l := &line{profile: profile, dialer: wire.Wire{Getenv: a.env.Getenv}.Dialer(), began: a.env.Now()}
	l.c = transfer.Connection{
		Name: f.Name, Protocol: f.Protocol, Host: f.Host, Port: f.Port, User: f.User,
		HostKeys: f.HostKeys, CA: f.authority, At: a.env.Now(), Settings: profile.Transfer,
	}
	secret, err := a.reads("secret", f.Secret)
	if err != nil {
		return nil, err
	}
	if f.Auth == db.AuthKey {
		l.c.Key = []byte(secret)
	} else {
		l.c.Password = []byte(strings.TrimRight(secret, "\r\n"))
	}
	if f.Passphrase != "" {
		phrase, err := a.reads("passphrase", f.Passphrase)
		if err != nil {
			return nil, err
		}
		l.c.Passphrase = []byte(strings.TrimRight(phrase, "\r\n"))
	}
	if len(f.HostKeys) > 0 {
		return l, nil
	}
	l.c.HostKeys, err = acceptedKeys(ctx, f, profile, o.accept, again+" --connection "+o.connection)
	return l, err
}

// stampForm is how a registry's support finds a moment in its logs.
const stampForm = "2006-01-02 15:04:05 UTC"

// told adds to a failure what the registry's support asks for first: who, where
// to and when. What the server said stands before it. Nothing of it is secret.
func (l *line) told(err error) error {
	var ours *exit
	if errors.As(err, &ours) || registry.KindOf(err) == registry.Invalid {
		return err // nothing that the registry could know of
	}
	local := l.began
	if zone, zerr := time.LoadLocation(l.profile.Zone); zerr == nil {
		local = l.began.In(zone)
	}
	return fmt.Errorf("%w\nFor the registry's support (%s): user %s at %s:%d by %s, %s (%s there)",
		err, l.profile.DataExchangePhone, l.c.User, l.c.Host, l.c.Port, l.c.Protocol,
		l.began.UTC().Format(stampForm), local.Format("15:04:05 MST"))
}

// reads follows a reference to a secret.
func (a *app) reads(key, ref string) (string, error) {
	value, err := config.Secret(ref).Read(a.env.Getenv)
	if err != nil {
		return "", couldNot("%s: %w", key, err)
	}
	if value == "" {
		return "", couldNot("%s: %s is empty", key, ref)
	}
	return value, nil
}

// shownServer is what a server proved and offers.
type shownServer struct {
	Connection string `json:"connection"`
	Protocol   string `json:"protocol"`
	Host       string `json:"host"`
	Port       int    `json:"port"`
	User       string `json:"user"`
	Server     string `json:"server"`
	// From and To are the addresses of the session, At when it was begun here.
	From    string    `json:"from"`
	To      string    `json:"to"`
	At      time.Time `json:"at"`
	HostKey string    `json:"host_key"`
	TLS     string    `json:"tls,omitempty"`
	Expires time.Time `json:"certificate_expires,omitzero"`
	// Offers are the extensions that the server has, Lacks those it has not.
	Offers []string `json:"offers"`
	Lacks  []string `json:"lacks"`
}

func (l *line) shown(c transfer.Capabilities) shownServer {
	s := shownServer{
		Connection: l.c.Name, Protocol: l.c.Protocol, Host: l.c.Host, Port: l.c.Port, User: l.c.User,
		From: c.From, To: c.To, At: l.began.UTC(),
		Server: c.Server, HostKey: c.HostKey, TLS: c.TLS, Expires: c.Expires, Offers: []string{}, Lacks: []string{},
	}
	for _, e := range extensions(c) {
		if e.has {
			s.Offers = append(s.Offers, e.name)
		} else {
			s.Lacks = append(s.Lacks, e.name)
		}
	}
	return s
}

type extension struct {
	name string
	has  bool
	// with and without are what it means.
	with, without string
}

func extensions(c transfer.Capabilities) []extension {
	if c.TLS != "" {
		return []extension{
			{"MLSD", c.MLSD, "listings are exact", "listings come as LIST; names and times are read as well as they can be"},
			{"SIZE", c.Size, "the size is compared before a file gets its name", "not announced; sizes are asked for all the same"},
		}
	}
	return []extension{
		{"posix-rename", c.PosixRename, "a file gets its name in one step", "files get their names by a plain rename"},
		{"fsync", c.FSync, "the server is asked to put the bytes on its disk", "the server cannot be asked whether the bytes are on its disk"},
		{"statvfs", c.StatVFS, "a full disk can be told from other failures", "a full disk cannot be told from other failures"},
		{"limits", c.Limits, "the server tells its largest request", "requests stay at the 32 KiB that every server takes"},
	}
}

func (s *screen) server(v shownServer) {
	expires := ""
	if !v.Expires.IsZero() {
		expires = "until " + day(v.Expires)
	}
	s.pairs(
		[2]string{"Server", fmt.Sprintf("%s at %s:%d by %s", v.Server, v.Host, v.Port, v.Protocol)},
		[2]string{"Session", fmt.Sprintf("user %s, from %s to %s, %s", v.User, v.From, v.To, v.At.Format(stampForm))},
		[2]string{"Its key", strings.TrimSpace(v.HostKey + " " + expires)},
		[2]string{"TLS", v.TLS},
		[2]string{"Offers", strings.Join(v.Offers, ", ")},
		[2]string{"Lacks", strings.Join(v.Lacks, ", ")},
	)
}

// bytesWords is a size for people.
func bytesWords(n int64) string {
	const unit = 1024
	if n < unit {
		return plural(int(n), "byte", "bytes")
	}
	size, names := float64(n)/unit, []string{"KiB", "MiB", "GiB", "TiB"}
	for size >= unit && len(names) > 1 {
		size, names = size/unit, names[1:]
	}
	return fmt.Sprintf("%.1f %s (%d bytes)", size, names[0], n)
}
