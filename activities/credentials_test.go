package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestCredentialsThatEnd(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	look := b.watcher(t, nil)
	n, man := b.notices(t)
	// Day 0 is 2 March.
	require.NoError(t, b.db.SetExpiry(t.Context(), db.Expiry{
		Connection: "texas-sftp", What: db.CredentialPassword, Expires: time.Date(2026, 4, 11, 0, 0, 0, 0, time.UTC),
	}, b.act("expiry")))

	b.enrolAt(t, "west", "TEST0002", "America/Chicago", // another practice on the same connection
		registry.Contact{Role: registry.ContactCoordinator, Name: "Wes", Email: "wes@west.example"})
	begin := b.now
	var told []string
	for day := range 46 {
		look(t, day)
		b.now = begin.AddDate(0, 0, day)
		told = append(told, b.mornings(t, n, man, b.now.AddDate(0, 0, 1), "America/Chicago")...)
	}
	both := []string{}
	for _, day := range []string{"2026-03-13", "2026-03-30", "2026-04-06", "2026-04-13"} {
		both = append(both, "maria@sunrise.example "+day+" 08:00", "wes@west.example "+day+" 08:00")
	}
	require.ElementsMatch(t, both, told, "a line of the morning's letter: 30, 14 and 7 days before, and at its end; on business days")
	require.Contains(t, man.letters[2].Body, "works until 2026-04-11")
	require.Contains(t, man.letters[2].Body, "> starter connection rotate texas-sftp")
	require.Contains(t, man.letters[2].Body, `section "credential-ends"`)
	require.Contains(t, man.last().Body, "ended on 2026-04-11")

	t.Run("one that was renewed is told of no more", func(t *testing.T) {
		require.NoError(t, b.db.SetExpiry(t.Context(), db.Expiry{
			Connection: "texas-sftp", What: db.CredentialPassword, Expires: b.now.AddDate(0, 0, 29),
		}, b.act("expiry again")))
		look(t, 47)
		waiting, err := b.db.Warnings(t.Context())
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.NoError(t, b.db.SetExpiry(t.Context(), db.Expiry{
			Connection: "texas-sftp", What: db.CredentialPassword, Expires: b.now.AddDate(1, 0, 0),
		}, b.act("renewed")))
		look(t, 48)
		require.Empty(t, b.mornings(t, n, man, b.now.AddDate(0, 0, 9), "America/Chicago"))
	})
}
