package cli

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/byhand"
	"immtrail/transfer/ftps"
	"immtrail/transfer/sftp"
)

// shownExpiry is when a credential ends.
type shownExpiry struct {
	Credential db.Credential `json:"credential"`
	Expires    string        `json:"expires"`
	// Days are left, negative when it is over.
	Days int `json:"days"`
}

func (a *app) showExpiries(found []db.Expiry) []shownExpiry {
	out := []shownExpiry{}
	for _, e := range found {
		out = append(out, shownExpiry{Credential: e.What, Expires: day(e.Expires), Days: a.daysUntil(e.Expires)})
	}
	return out
}

// daysUntil counts whole days from today to a date.
func (a *app) daysUntil(date time.Time) int {
	now := a.now()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	return int(date.Sub(today) / (24 * time.Hour))
}

func (e shownExpiry) words() string {
	switch {
	case e.Days < 0:
		return fmt.Sprintf("%s ended on %s", e.Credential.Words(), e.Expires)
	case e.Days == 0:
		return e.Credential.Words() + " works for the last time today"
	}
	return fmt.Sprintf("%s works until %s, %s from now", e.Credential.Words(), e.Expires, plural(e.Days, "day", "days"))
}

// noDate takes a date away.
const noDate = "never"

func (a *app) connectionExpires() *cobra.Command {
	dates := map[db.Credential]*string{}
	cmd := &cobra.Command{
		Use: "expires NAME", Short: "Note when its password, key, certificate or host key ends", Args: cobra.ExactArgs(1),
		Long: `Notes when a credential of a connection ends, so that you are warned in time
(policy.credential_warnings: 30, 14, 7 and 1 days before). The date is the last
day on which it works; "never" takes a date away. Without a date it shows those
that are known.`,
		Example: "  starter connection expires dshs --password 2026-12-31\n  starter connection expires dshs --host-key never",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.expires(cmd.Context(), args[0], dates)
		},
	}
	for _, c := range db.Credentials() {
		dates[c] = cmd.Flags().String(string(c), "", "the last day of "+c.Words()+", YYYY-MM-DD")
	}
	return cmd
}

func (a *app) expires(ctx context.Context, name string, dates map[db.Credential]*string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Connection(ctx, name); err != nil {
		return err
	}
	for _, c := range db.Credentials() {
		if *dates[c] == "" {
			continue
		}
		by, err := a.actor()
		if err != nil {
			return err
		}
		date, err := expiryDate(*dates[c])
		if err != nil {
			return err
		}
		if err := store.SetExpiry(ctx, db.Expiry{Connection: name, What: c, Expires: date}, a.act(by, "expiry/"+name, "")); err != nil {
			return err
		}
	}
	found, err := store.Expiries(ctx, name, time.Time{})
	if err != nil {
		return err
	}
	shown := a.showExpiries(found)
	return a.show(shown, func(s *screen) {
		if len(shown) == 0 {
			s.line("No date is known for %s, so that nobody is warned.", name)
		}
		for _, e := range shown {
			s.line("%s: %s.", name, e.words())
		}
	})
}

func expiryDate(text string) (time.Time, error) {
	if text == noDate || text == "" {
		return time.Time{}, nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return date, refused("%q is no date such as 2026-12-31, nor %q", text, noDate)
	}
	return date, nil
}

// rotation is what a connection is to log in with.
type rotation struct{ secret, auth, passphrase, expires string }

func (a *app) connectionRotate() *cobra.Command {
	var r rotation
	cmd := &cobra.Command{
		Use: "rotate NAME", Short: "Try a new password or key, and take it when it works", Args: cobra.ExactArgs(1),
		Long: `Logs in with the new secret and looks into the folders. Only when that works
does it replace the old one; otherwise nothing is changed. One login is tried.

The secret is a reference (env:NAME or file:/path) that the worker can read too.`,
		Example: "  starter connection rotate dshs --secret file:/etc/dshs.key --auth key --expires 2027-12-31",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rotate(cmd.Context(), args[0], r)
		},
	}
	cmd.Flags().StringVar(&r.secret, "secret", "", "where the new secret lies: env:NAME or file:/path")
	cmd.Flags().StringVar(&r.auth, "auth", "", "what it is: password or key (default: as before)")
	cmd.Flags().StringVar(&r.passphrase, "passphrase", "", "where the key's passphrase lies")
	cmd.Flags().StringVar(&r.expires, "expires", "", "the last day on which it works, YYYY-MM-DD")
	_ = cmd.MarkFlagRequired("secret")
	return cmd
}

// rotated is what a rotation came to.
type rotated struct {
	Name   string           `json:"name"`
	OK     bool             `json:"ok"`
	Tested testedConnection `json:"tested"`
}

func (a *app) rotate(ctx context.Context, name string, r rotation) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	next, err := store.Connection(ctx, name)
	if err != nil {
		return err
	}
	if err := r.apply(&next); err != nil {
		return err
	}
	date, err := expiryDate(r.expires)
	if err != nil {
		return err
	}
	tested, err := a.tryConnection(ctx, next)
	if err != nil {
		return err
	}
	out := rotated{Name: name, OK: tested.OK, Tested: tested}
	if !out.OK {
		if err := a.show(out, func(s *screen) {
			s.tested(tested)
			s.line("Nothing is changed: %s logs in with what it had.", name)
		}); err != nil {
			return err
		}
		return errFound
	}
	what := db.CredentialPassword
	if next.Settings.Auth == db.AuthKey {
		what = db.CredentialKey
	}
	err = store.RotateSecret(ctx, name, next.SecretRef, next.Settings, db.Expiry{Connection: name, What: what, Expires: date},
		a.act(by, "rotate/"+name, ""))
	if err != nil {
		return err
	}
	return a.show(out, func(s *screen) {
		s.tested(tested)
		s.line("%s logs in with the new secret from now on.", name)
		if r.expires == "" {
			s.line("When does it end? starter connection expires %s --%s DATE", name, what)
		}
		a.nextOfHold(ctx, s, store, name)
	})
}

func (r rotation) apply(c *db.Connection) error {
	for key, ref := range map[string]string{"--secret": r.secret, "--passphrase": r.passphrase} {
		s := config.Secret(ref)
		if ref == "" && key == "--passphrase" {
			continue
		}
		if !s.IsReference() || s.File() != "" && !filepath.IsAbs(s.File()) {
			return refused("%s: a reference, not the secret itself: env:NAME or file:/whole/path", key)
		}
	}
	if r.auth != "" && r.auth != db.AuthPassword && r.auth != db.AuthKey {
		return refused("--auth: password or key")
	}
	c.SecretRef, c.Settings.PassphraseRef = r.secret, r.passphrase
	if r.auth != "" {
		c.Settings.Auth = r.auth
	}
	return nil
}

// nextOfHold says what settles the hold of a connection that was mended.
func (a *app) nextOfHold(ctx context.Context, s *screen, store *db.Store, name string) {
	holds, err := store.Holds(ctx, "", true)
	if err != nil {
		return // the hold's own list says so
	}
	i := slices.IndexFunc(holds, func(h db.Hold) bool { return h.Connection == name })
	if i >= 0 {
		s.line("Files wait for it. Next: starter hold resolve %s --action %s", holds[i].ID, registry.ActionRetry)
	}
}

func (a *app) connectionHostKey() *cobra.Command {
	return folder("host-key", "Accept the key of a server that changed it",
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
outlives a renewal with the same key). An announced one goes into --key likewise.`,
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
	if err := store.SetHostKeys(ctx, name, keys, a.act(by, "host-key/"+name, "confirmed by "+in.by+": "+in.fingerprint)); err != nil {
		return err
	}
	c.HostKeys = keys
	return a.show(showConnection(c), func(s *screen) {
		s.line("%s accepts the key %s.", name, pin.Fingerprint())
		for _, line := range keys[1:] {
			if old, err := transfer.ParsePin(line); err == nil {
				s.line("Until %s the old key %s is accepted too.", day(old.Until), old.Fingerprint())
			}
		}
		a.nextOfHold(ctx, s, store, name)
	})
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
