package db

import (
	"context"
	"embed"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"

	"immtrail/registry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable lies in the first schema of the search path, as all tables do.
const versionTable = "schema_version"

// SchemaVersion is the schema that this build needs: the number of its last
// migration.
var SchemaVersion = countMigrations()

func migrationFiles() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

func countMigrations() int32 {
	found, err := migrate.FindMigrations(migrationFiles())
	if err != nil {
		panic(err) // a gap or a repeated number: seen by every test
	}
	return int32(len(found))
}

// Migrate brings the schema at url to [SchemaVersion], each step in a
// transaction of its own and under a lock, so that several may try at once. It
// does nothing where nothing is left to do. Kind Invalid when the schema is
// newer than this build.
func Migrate(ctx context.Context, url string) error {
	const op = "migrate"
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return registry.Errorf(registry.Invalid, op, "the address is not one of PostgreSQL (postgres://user@host/name)")
	}
	cfg.ConnectTimeout = connectTimeout
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fault(op, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	m, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return fault(op, err)
	}
	if err := m.LoadMigrations(migrationFiles()); err != nil {
		return registry.Errorf(registry.Invalid, op, "embedded migrations: %w", err)
	}
	have, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return fault(op, err)
	}
	if have > SchemaVersion {
		return newerSchema(op, have)
	}
	var bad migrate.MigrationPgError
	if err := m.Migrate(ctx); errors.As(err, &bad) {
		// Migrations hold no patient data, and whoever writes one needs the words.
		return registry.Errorf(registry.Invalid, op, "%s: %s (SQLSTATE %s)", bad.MigrationName, bad.Message, bad.Code)
	} else if err != nil {
		return fault(op, err)
	}
	return nil
}

// CheckSchema refuses a database whose schema is not exactly that of this
// build. Kind Invalid, with the remedy in the text.
func (s *Store) CheckSchema(ctx context.Context) error {
	const op = "schema"
	have, err := value[int32](ctx, s.pool, `select version from `+versionTable, nil)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42P01", errors.Is(err, pgx.ErrNoRows):
		return registry.Errorf(registry.Invalid, op, "the database holds no schema of immtrail; run `starter migrate`")
	case err != nil:
		return fault(op, err)
	case have < SchemaVersion:
		return registry.Errorf(registry.Invalid, op, "the database is at version %d, this build needs %d; run `starter migrate`",
			have, SchemaVersion)
	case have > SchemaVersion:
		return newerSchema(op, have)
	}
	return nil
}

func newerSchema(op string, have int32) error {
	return registry.Errorf(registry.Invalid, op,
		"the database is at version %d, this build knows only %d; use the newer build (`starter migrate` never goes back)",
		have, SchemaVersion)
}
