package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/internal/dbtest"
	"immtrail/registry"
)

func TestSchema(t *testing.T) {
	t.Parallel()

	t.Run("an empty database is refused with the remedy", func(t *testing.T) {
		t.Parallel()
		url := dbtest.New(t, nil)
		s, err := db.Open(t.Context(), db.Options{URL: url, Sealer: sealer(t)})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		err = s.CheckSchema(t.Context())
		requireKind(t, registry.Invalid, err)
		require.ErrorContains(t, err, "starter migrate")
	})

	t.Run("migrating again changes nothing and the schema is accepted", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		require.NoError(t, db.Migrate(t.Context(), b.url))
		require.NoError(t, b.CheckSchema(t.Context()))
	})

	t.Run("an older schema is refused with the remedy", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		_, err := b.sql.Exec(t.Context(), `update schema_version set version = version - 1`)
		require.NoError(t, err)
		err = b.CheckSchema(t.Context())
		requireKind(t, registry.Invalid, err)
		require.ErrorContains(t, err, "starter migrate")
	})

	t.Run("a newer schema is refused, and never taken back", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		_, err := b.sql.Exec(t.Context(), `update schema_version set version = version + 1`)
		require.NoError(t, err)
		requireKind(t, registry.Invalid, b.CheckSchema(t.Context()))
		requireKind(t, registry.Invalid, db.Migrate(t.Context(), b.url))
		var version int32
		require.NoError(t, b.sql.QueryRow(t.Context(), `select version from schema_version`).Scan(&version))
		require.Equal(t, db.SchemaVersion+1, version)
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("an address that is none is refused without repeating it", func(t *testing.T) {
		t.Parallel()
		_, err := db.Open(t.Context(), db.Options{URL: "postgres://me:hunter2@h:notaport/x", Sealer: sealer(t)})
		requireKind(t, registry.Invalid, err)
		require.NotContains(t, err.Error(), "hunter2")
	})

	t.Run("a server that does not answer is weather", func(t *testing.T) {
		t.Parallel()
		_, err := db.Open(t.Context(), db.Options{URL: "postgres://me:hunter2@127.0.0.1:1/x", Sealer: sealer(t)})
		requireKind(t, registry.Transient, err)
		require.NotContains(t, err.Error(), "hunter2")
	})

	t.Run("no keys, no store", func(t *testing.T) {
		t.Parallel()
		_, err := db.Open(t.Context(), db.Options{URL: "postgres://me@127.0.0.1/x"})
		requireKind(t, registry.Invalid, err)
	})
}
