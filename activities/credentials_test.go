package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
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

	var told []int
	for day := range 45 {
		for _, e := range look(t, day).Ending {
			if !e.Tell {
				continue
			}
			told = append(told, 40-day)
			for range 2 { // another practice on the same connection
				must(t, n.SendNotice, activities.SendNoticeInput{
					Kind: activities.NoticeWatch, Connection: e.Connection, Event: e.Event, Words: e.Words,
				})
			}
		}
	}
	require.Equal(t, []int{30, 14, 7, 1, -1}, told, "once each, and once when it is over")
	require.Len(t, man.letters, 5)
	require.Contains(t, man.letters[1].Body, "works until 2026-04-11, 14 days from now")
	require.Contains(t, man.letters[1].Body, "starter connection rotate texas-sftp")
	require.Contains(t, man.letters[4].Body, "ended on 2026-04-11")
	require.Equal(t, "maria@sunrise.example", man.to(t))
}
