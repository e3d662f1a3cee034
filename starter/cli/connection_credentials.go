package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/db"
	"immtrail/registry"
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
that are known. That of an FTPS server's certificate need not be typed: each test
and each delivery sees it.`,
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
	h, held, err := store.ConnectionHeld(ctx, name)
	if err != nil || !held {
		return // the holds' own list says so
	}
	s.line("Files wait for it. Next: starter hold resolve %s --action %s", h.ID, registry.ActionRetry)
}
