package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Credential is what of a connection may end.
type Credential string

// The credentials, as the schema knows them.
const (
	CredentialPassword    Credential = "password"
	CredentialKey         Credential = "key"
	CredentialCertificate Credential = "certificate"
	CredentialHostKey     Credential = "host-key"
)

// Credentials lists them in the order to be shown.
func Credentials() []Credential {
	return []Credential{CredentialPassword, CredentialKey, CredentialCertificate, CredentialHostKey}
}

// Words is how a screen says it.
func (c Credential) Words() string {
	if c == CredentialHostKey {
		return "the server's host key"
	}
	return "the " + string(c)
}

// Expiry is when a credential of a connection ends, on somebody's word or as the
// server showed it.
type Expiry struct {
	Connection string
	What       Credential
	// Expires is the last day on which it works, at midnight UTC.
	Expires time.Time
	// Seen says that the server showed it by itself.
	Seen bool
}

// SeenExpiry is the last day of what the server showed to end at a moment.
func SeenExpiry(connection string, what Credential, notAfter time.Time) Expiry {
	day := notAfter.UTC().Add(-time.Second) // one that ends at midnight does not hold on that day
	return Expiry{
		Connection: connection, What: what, Seen: true,
		Expires: time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC),
	}
}

// SetExpiry records when a credential ends, with its audit event; a zero date
// takes the record away. Kind Invalid when the connection or the credential is
// none.
func (s *Store) SetExpiry(ctx context.Context, e Expiry, act Act) error {
	return s.tx(ctx, "set expiry", func(tx pgx.Tx) error { return setExpiry(ctx, tx, e, act) })
}

func setExpiry(ctx context.Context, tx pgx.Tx, e Expiry, act Act) error {
	args := pgx.NamedArgs{"connection": e.Connection, "what": e.What, "expires": e.Expires, "at": act.At}
	sql := `insert into credential_dates (connection, what, expires, at) values (@connection, @what, @expires, @at)
		on conflict (connection, what) do update set expires = excluded.expires, at = excluded.at, seen = false, recorded_at = now()`
	words := e.Expires.Format(time.DateOnly)
	if e.Expires.IsZero() {
		sql, words = `delete from credential_dates where connection = @connection and what = @what`, "no date"
	}
	if _, err := tx.Exec(ctx, sql, args); err != nil {
		return err
	}
	_, err := record(ctx, tx, event{kind: "credential-date", to: words, act: act, detail: map[string]any{
		"connection": e.Connection, "credential": e.What,
	}})
	return err
}

// SeeExpiry records a date that the server showed by itself, over whatever
// somebody had said, with its audit event. A date that is known already changes
// nothing.
func (s *Store) SeeExpiry(ctx context.Context, e Expiry, at time.Time) error {
	const op = "see expiry"
	args := pgx.NamedArgs{"connection": e.Connection, "what": e.What, "expires": e.Expires, "at": at}
	known, err := value[bool](ctx, s.pool, `select exists (select from credential_dates
		where connection = @connection and what = @what and expires = @expires::date and seen)`, args)
	if err != nil || known {
		return fault(op, err)
	}
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into credential_dates (connection, what, expires, at, seen)
			values (@connection, @what, @expires, @at, true)
			on conflict (connection, what) do update set expires = excluded.expires, at = excluded.at, seen = true, recorded_at = now()
			where credential_dates.expires <> excluded.expires or not credential_dates.seen`, args)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = record(ctx, tx, event{
			kind: "credential-date", to: e.Expires.Format(time.DateOnly), detail: map[string]any{"connection": e.Connection, "credential": e.What},
			act: Act{
				Key: "credential-seen/" + e.Connection + "/" + string(e.What) + "/" + at.UTC().Format(time.RFC3339Nano),
				By:  registry.System, Reason: "seen at the server", At: at,
			},
		})
		return err
	})
}

// Expiries lists what ends on or before a date, the soonest first; of one
// connection, or of all where it is empty. A zero date is all of them.
func (s *Store) Expiries(ctx context.Context, connection string, before time.Time) ([]Expiry, error) {
	all, err := many[Expiry](ctx, s.pool, `
		select connection, what, expires, seen from credential_dates
		where (@connection = '' or connection = @connection) and (@before::date is null or expires <= @before::date)
		order by expires, connection, what`,
		pgx.NamedArgs{"connection": connection, "before": orNull(before)})
	return all, fault("expiries", err)
}

// RotateSecret replaces what a connection logs in with, with its audit event
// and the new date (zero: none is known). Kind Missing when there is no such
// connection.
func (s *Store) RotateSecret(ctx context.Context, name, secretRef string, settings ConnectionSettings, e Expiry, act Act) error {
	const op = "rotate secret"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update connections set secret_ref = @ref, settings = @settings, at = @at where name = @name`,
			pgx.NamedArgs{"name": name, "ref": secretRef, "settings": settings, "at": act.At})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return registry.Errorf(registry.Missing, op, "there is no connection %q", name)
		}
		if _, err := record(ctx, tx, event{kind: "secret-rotated", act: act, detail: map[string]any{
			"connection": name, "auth": settings.Auth,
		}}); err != nil {
			return err
		}
		act.Key += "/date"
		return setExpiry(ctx, tx, e, act)
	})
}

// SetHostKeys replaces the pinned keys of a connection, with its audit event.
// Kind Missing when there is no such connection.
func (s *Store) SetHostKeys(ctx context.Context, name string, keys []string, act Act) error {
	const op = "accept host key"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update connections set host_keys = @keys, at = @at where name = @name`,
			pgx.NamedArgs{"name": name, "keys": keys, "at": act.At})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return registry.Errorf(registry.Missing, op, "there is no connection %q", name)
		}
		_, err = record(ctx, tx, event{kind: "host-key-accepted", act: act, detail: map[string]any{
			"connection": name, "host_keys": len(keys),
		}})
		return err
	})
}
