package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"immtrail/registry"
)

// Options say which database to use and how to seal what lies in it.
type Options struct {
	// URL is a PostgreSQL address: postgres://user@host/name?…
	URL string
	// Sealer seals patient references; required.
	Sealer *Sealer
	// MaxConns bounds the pool; 0 means pgx's default (4, or the number of CPUs).
	MaxConns int32
}

// Waits of ours, bounded so that a stuck neighbour becomes weather.
const (
	connectTimeout = 10 * time.Second
	lockTimeout    = "15s"
	idleTimeout    = "5min" // a transaction in which nothing happens
)

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	sealer *Sealer
	// settleAll leaves every item of a report to the statements that settle what
	// is not certain: tests hold the quick way against it.
	settleAll bool
}

// Open makes a Store and proves that the server answers. It does not look at
// the schema: see [Store.CheckSchema]. Kind Invalid when the address or the
// sealer is unusable, Transient when the server does not answer.
func Open(ctx context.Context, o Options) (*Store, error) {
	const op = "database open"
	if o.Sealer == nil {
		return nil, registry.Errorf(registry.Invalid, op, "no keys to seal patient references with")
	}
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		// The parser's own words may repeat the address, and that its password.
		return nil, registry.Errorf(registry.Invalid, op, "the address is not one of PostgreSQL (postgres://user@host/name)")
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	setDefault(cfg.ConnConfig.RuntimeParams, "application_name", "immtrail")
	setDefault(cfg.ConnConfig.RuntimeParams, "lock_timeout", lockTimeout)
	setDefault(cfg.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout", idleTimeout)
	// Statements here touch thousands of rows at most. Where a table is large the
	// planner takes some for so dear that it compiles them first, each time, which
	// takes longer than they do: a load of a million messages took four times as long.
	setDefault(cfg.ConnConfig.RuntimeParams, "jit", "off")
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		// Moments come back in UTC, not in whatever zone this machine stands.
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fault(op, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fault(op, err)
	}
	return &Store{pool: pool, sealer: o.Sealer}, nil
}

func setDefault(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

// Close gives the connections back. It waits for those that are in use.
func (s *Store) Close() { s.pool.Close() }

// Ping asks whether the server answers.
func (s *Store) Ping(ctx context.Context) error { return fault("database ping", s.pool.Ping(ctx)) }

// Sealer seals and opens the sealed columns.
func (s *Store) Sealer() *Sealer { return s.sealer }

// tx runs do in one transaction. The error is mapped ([fault]); where the
// outcome of the commit is unknown it is Transient, and the caller's repeat
// finds what is there.
func (s *Store) tx(ctx context.Context, op string, do func(tx pgx.Tx) error) error {
	return fault(op, pgx.BeginFunc(ctx, s.pool, do))
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// one collects exactly one row into the fields of T that its columns name
// (pgx.RowToStructByName). No row is pgx.ErrNoRows.
func one[T any](ctx context.Context, q querier, sql string, args pgx.NamedArgs) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

// many collects all rows into the fields of T.
func many[T any](ctx context.Context, q querier, sql string, args pgx.NamedArgs) ([]T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// value collects one column of exactly one row.
func value[T any](ctx context.Context, q querier, sql string, args pgx.NamedArgs) (T, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
}
