package cli

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/byhand"
	"immtrail/transfer/ftps"
	"immtrail/transfer/sftp"
)

func (a *app) connectionHostKey() *cobra.Command {
	return folder("host-key", "Accept the key, or the certificate, of a server that changed it",
		"  starter connection host-key accept dshs --fingerprint SHA256:u0fk... --by \"Jo Doe, DSHS\"", a.hostKeyAccept())
}

// acceptance is which key is accepted, on whose word.
type acceptance struct{ fingerprint, by, key, oldUntil string }

func (a *app) hostKeyAccept() *cobra.Command {
	var in acceptance
	cmd := &cobra.Command{
		Use: "accept NAME", Short: "Accept a server's new host key, after the registry confirmed it", Args: cobra.ExactArgs(1),
		Long: `Accepts the host key with the fingerprint that the registry told you, on the
telephone or in a signed letter, never from the same network. --by names who told
you; it stands in the audit with your own name.

The key is asked of the server. Where the server still shows its old key, give
the announced one with --key "ssh-ed25519 AAAA..."; the old key is then accepted
beside it until --old-until (default: 30 days from now).

With FTPS it is the server's certificate: cert-sha256:… (this one certificate; the
bare hex that certificate tools print will do) or spki-sha256:… (its key, which
outlives a renewal with the same key). An announced one goes into --key likewise.

A key is the server's: every connection to it that accepted the same keys until now
accepts the new one too.`,
		Example: `  starter connection host-key accept dshs --fingerprint SHA256:u0fk... --by "Jo Doe, DSHS"
  starter connection host-key accept dshs --fingerprint spki-sha256:47DE... --by "Jo Doe, DSHS"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.acceptHostKey(cmd.Context(), args[0], in)
		},
	}
	cmd.Flags().StringVar(&in.fingerprint, "fingerprint", "", "SHA256:…, cert-sha256:… or spki-sha256:… as the registry told you")
	cmd.Flags().StringVar(&in.by, "by", "", "who at the registry told you")
	cmd.Flags().StringVar(&in.key, "key", "", "the announced key, where the server does not show it yet")
	cmd.Flags().StringVar(&in.oldUntil, "old-until", "", "the last day of the old key, YYYY-MM-DD; today ends it at once")
	_ = cmd.MarkFlagRequired("fingerprint")
	_ = cmd.MarkFlagRequired("by")
	return cmd
}

// oldKeyDays is how long a server's old key is accepted beside the new one.
const oldKeyDays = 30

func (a *app) acceptHostKey(ctx context.Context, name string, in acceptance) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	c, err := store.Connection(ctx, name)
	if err != nil {
		return err
	}
	if c.Protocol == byhand.Protocol {
		return refused("%s goes by hand: there is no server with a key", name)
	}
	pin, err := a.announcedKey(ctx, c, in)
	if err != nil {
		return err
	}
	now := a.env.Now() // pins go by the real clock, as the worker's do
	until := now.AddDate(0, 0, oldKeyDays)
	if in.oldUntil != "" {
		if until, err = expiryDate(in.oldUntil); err != nil {
			return err
		}
	}
	keys, err := transfer.Rotate(c.HostKeys, pin.Line, now, until)
	if err != nil {
		return err
	}
	names, err := sameServer(ctx, store, c)
	if err != nil {
		return err
	}
	for _, each := range names {
		err := store.SetHostKeys(ctx, each, keys, a.act(by, "host-key/"+each, "confirmed by "+in.by+": "+in.fingerprint))
		if err != nil {
			return err
		}
	}
	c.HostKeys = keys
	return a.show(showConnection(c), func(s *screen) { a.acceptedKey(ctx, s, store, names, pin, keys) })
}

func (a *app) acceptedKey(ctx context.Context, s *screen, store *db.Store, names []string, pin transfer.Pin, keys []string) {
	s.line("%s accepts the key %s.", names[0], pin.Fingerprint())
	if others := names[1:]; len(others) > 0 {
		s.line("So do the others to the same server: %s.", strings.Join(others, ", "))
	}
	for _, line := range keys[1:] {
		if old, err := transfer.ParsePin(line); err == nil {
			s.line("Until %s the old key %s is accepted too.", day(old.Until), old.Fingerprint())
		}
	}
	a.nextOfHold(ctx, s, store, names[0])
}

// sameServer names the connections that accept the same keys of the same server
// as c, c first.
func sameServer(ctx context.Context, store *db.Store, c db.Connection) ([]string, error) {
	names := []string{c.Name}
	all, err := store.ServerConnections(ctx, c.Name)
	for _, o := range all {
		if o.Name != c.Name && slices.Equal(o.HostKeys, c.HostKeys) {
			names = append(names, o.Name)
		}
	}
	return names, err
}

// announcedKey is the key with the fingerprint: the given one, or the one that
// the server shows.
func (a *app) announcedKey(ctx context.Context, c db.Connection, in acceptance) (transfer.Pin, error) {
	offered := []string{in.key}
	if in.key == "" {
		loaded, err := a.loadProfile("")
		if err != nil {
			return transfer.Pin{}, err
		}
		if offered, err = offers(ctx, c, &loaded.Profile); err != nil {
			return transfer.Pin{}, err
		}
	}
	var prints []string
	for _, line := range offered {
		pin, err := transfer.ParsePin(line)
		if err != nil {
			return pin, refused("--key: %v", err)
		}
		if pin.IsTLS() != (c.Protocol == ftps.Protocol) {
			return pin, refused("--key: %s goes by %s, and this is not a key of it", c.Name, c.Protocol)
		}
		print := pin.Fingerprint()
		if _, bare, ok := strings.Cut(print, " "); ok {
			print = bare
		}
		if transfer.SameFingerprint(print, in.fingerprint) {
			return pin, nil
		}
		prints = append(prints, print)
	}
	return transfer.Pin{}, refused("the key is %s, and you were told %s. Do not go on before the registry has explained it",
		strings.Join(prints, " or "), in.fingerprint)
}

// offers are the pins of what a server shows: its host key, or its certificate
// and that one's key.
func offers(ctx context.Context, c db.Connection, profile *registry.Profile) ([]string, error) {
	addr := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	if c.Protocol == ftps.Protocol {
		shown, err := ftps.ScanCertificate(ctx, transfer.Connection{
			Name: c.Name, Protocol: c.Protocol, Host: c.Host, Port: c.Port, Settings: profile.Transfer,
		})
		if err != nil {
			return nil, couldNot("%s: %s (%w)", addr, scanFailed, err)
		}
		return []string{shown.Fingerprint, shown.KeyPin}, nil
	}
	shown, err := sftp.ScanHostKey(ctx, addr, profile.Transfer.DialTimeout)
	if err != nil {
		return nil, couldNot("%s: %s (%w)", addr, scanFailed, err)
	}
	return []string{shown.Line}, nil
}
