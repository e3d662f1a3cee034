package cli_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

func TestLateDosesAreTold(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.delivered(t, "1", b.at().Add(-24*time.Hour), 8) // of allen's four doses two are late

	words := []string{"2 doses were given more than 30 days before they went", "allen 2 of"}
	b.run(t, "status", "sunrise-plano").exits(0).fits().shows(words...)
	b.run(t, "quality", "sunrise-plano").exits(0).fits().shows(words...)
	require.NotContains(t, b.run(t, "quality", "sunrise-plano", "--site", "plano").exits(0).stdout, "30 days before")
	b.run(t, "file", "show", "f-1").exits(0).fits().shows(words...)
	require.Contains(t, b.run(t, "status", "sunrise-plano", "-o", "json").stdout, `"late_doses"`)
}

func TestWhatTheLoadHasSentIsSaid(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.delivered(t, "1", b.at().Add(-24*time.Hour), 8)
	require.NotContains(t, b.run(t, "held", "list").exits(0).stdout, "stayed behind")
	b.sql(t, `insert into history_left_out (file_id, message, why) values ('f-1', 3, 'sent-with-load'), ('f-1', 4, 'sent-with-load')`)

	words := []string{"2 messages of daily files stayed behind", "since the historical load had sent"}
	b.run(t, "status", "sunrise-plano").exits(0).fits().shows(words...)
	b.run(t, "held", "list", "--practice", "sunrise-plano").exits(0).fits().shows(words...)
	b.run(t, "file", "show", "f-1").exits(0).fits().shows("2 messages: the historical load has sent the same")
	require.Contains(t, b.run(t, "file", "show", "f-1", "-o", "json").stdout, `"sent-with-load"`)
}

// sql runs a statement on the database beside the store.
func (b *bench) sql(t *testing.T, text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.keys["DB_URL"])
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), text)
	require.NoError(t, err)
}
