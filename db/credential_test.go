package db_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestExpiries(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseProduction)
	date := func(day int) time.Time { return time.Date(2026, time.April, day, 0, 0, 0, 0, time.UTC) }
	password := db.Expiry{Connection: "texas-sftp", What: db.CredentialPassword, Expires: date(20)}
	hostKey := db.Expiry{Connection: "texas-sftp", What: db.CredentialHostKey, Expires: date(5)}

	t.Run("the soonest first, up to a date", func(t *testing.T) {
		require.NoError(t, b.SetExpiry(ctx, password, act("p")))
		require.NoError(t, b.SetExpiry(ctx, hostKey, act("h")))
		all, err := b.Expiries(ctx, "", time.Time{})
		require.NoError(t, err)
		require.Equal(t, []db.Expiry{hostKey, password}, all)
		soon, err := b.Expiries(ctx, "texas-sftp", date(5))
		require.NoError(t, err)
		require.Equal(t, []db.Expiry{hostKey}, soon)
		none, err := b.Expiries(ctx, "another", time.Time{})
		require.NoError(t, err)
		require.Empty(t, none)
	})

	t.Run("a date is replaced, and taken away", func(t *testing.T) {
		later := password
		later.Expires = date(28)
		require.NoError(t, b.SetExpiry(ctx, later, act("p2")))
		gone := hostKey
		gone.Expires = time.Time{}
		require.NoError(t, b.SetExpiry(ctx, gone, act("h2")))
		all, err := b.Expiries(ctx, "", time.Time{})
		require.NoError(t, err)
		require.Equal(t, []db.Expiry{later}, all)
	})

	t.Run("what is none is refused", func(t *testing.T) {
		requireKind(t, registry.Invalid, b.SetExpiry(ctx, db.Expiry{Connection: "nobody", What: db.CredentialKey, Expires: date(1)}, act("x")))
		requireKind(t, registry.Invalid, b.SetExpiry(ctx, db.Expiry{Connection: "texas-sftp", What: "mood", Expires: date(1)}, act("y")))
	})

	t.Run("a rotated secret has a new date or none, and the audit says who", func(t *testing.T) {
		settings := db.ConnectionSettings{Auth: db.AuthKey}
		require.NoError(t, b.RotateSecret(ctx, "texas-sftp", "env:NEXT", settings, db.Expiry{Connection: "texas-sftp", What: db.CredentialPassword}, act("r")))
		c, err := b.Connection(ctx, "texas-sftp")
		require.NoError(t, err)
		require.Equal(t, "env:NEXT", c.SecretRef)
		require.Equal(t, settings, c.Settings)
		all, err := b.Expiries(ctx, "", time.Time{})
		require.NoError(t, err)
		require.Empty(t, all)
		events, err := b.Events(ctx, db.EventQuery{Kind: "secret-rotated"})
		require.NoError(t, err)
		require.Len(t, events, 1)
		requireKind(t, registry.Missing, b.RotateSecret(ctx, "nobody", "env:X", settings, db.Expiry{}, act("r2")))
		requireKind(t, registry.Missing, b.SetHostKeys(ctx, "nobody", []string{"x"}, act("k2")))
		requireKind(t, registry.Invalid, b.RotateSecret(ctx, "texas-sftp", "hunter2", settings, db.Expiry{}, act("r3")))
	})
}

func TestSeeExpiry(t *testing.T) {
	t.Parallel()
	q := newQueue(t, "a")
	ctx := t.Context()
	seen := db.SeenExpiry("to-a", db.CredentialCertificate, time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC))
	require.Equal(t, "2026-12-31", seen.Expires.Format(time.DateOnly))
	require.Equal(t, "2026-12-30", db.SeenExpiry("to-a", db.CredentialCertificate, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)).Expires.Format(time.DateOnly),
		"what ends at midnight does not hold on that day")
	known := func() []db.Expiry {
		all, err := q.Expiries(ctx, "to-a", time.Time{})
		require.NoError(t, err)
		return all
	}
	events := func() int {
		all, err := q.Events(ctx, db.EventQuery{Kind: "credential-date"})
		require.NoError(t, err)
		return len(all)
	}

	typed := db.Expiry{Connection: "to-a", What: db.CredentialCertificate, Expires: seen.Expires.AddDate(0, 1, 0)}
	require.NoError(t, q.SetExpiry(ctx, typed, act("typed")))
	for n := range 3 {
		require.NoError(t, q.SeeExpiry(ctx, seen, day0.AddDate(0, 0, n)))
		require.Equal(t, []db.Expiry{seen}, known(), "what the server shows is truer than what somebody typed")
		require.Equal(t, 2, events(), "told once, however often it is seen")
	}
	renewed := db.SeenExpiry("to-a", db.CredentialCertificate, time.Date(2028, 1, 1, 12, 0, 0, 0, time.UTC))
	require.NoError(t, q.SeeExpiry(ctx, renewed, day0.AddDate(0, 0, 9)))
	require.Equal(t, []db.Expiry{renewed}, known())
	require.Equal(t, 3, events())
}
