package dbtest_test

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/internal/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

var runs atomic.Int32

// migrate leaves its connection open, as a careless one would.
func migrate(ctx context.Context, url string) error {
	runs.Add(1)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create table practices (id text primary key)")
	return err
}

func other(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "create table letters (id text)")
	return err
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func tables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select tablename::text from pg_tables where schemaname = 'public'")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, practice := range []string{"sunrise-plano", "lakeside-waco", "dogwood-tyler"} {
		t.Run(practice+" sees its own rows only", func(t *testing.T) {
			t.Parallel()
			conn := connect(t, dbtest.New(t, migrate))
			_, err := conn.Exec(t.Context(), "insert into practices values ($1)", practice)
			require.NoError(t, err)
			var n int
			require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from practices").Scan(&n))
			require.Equal(t, 1, n)
			require.Equal(t, int32(1), runs.Load(), "the migrations run once per process")
		})
	}
	t.Run("another schema does not mix with the first", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"letters"}, tables(t, connect(t, dbtest.New(t, other))))
	})
	t.Run("without migrations the database is empty", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, tables(t, connect(t, dbtest.New(t, nil))))
	})
	t.Run("the database is gone when the test has ended, even with a connection left open", func(t *testing.T) {
		t.Parallel()
		var url string
		t.Run("a test", func(t *testing.T) {
			url = dbtest.New(t, migrate)
			_, err := pgx.Connect(t.Context(), url)
			require.NoError(t, err)
		})
		_, err := pgx.Connect(t.Context(), url)
		require.ErrorContains(t, err, "does not exist")
	})
}
