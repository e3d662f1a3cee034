package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// FileMark is how far the database is with files.
type FileMark struct {
	// Last is the highest number that was given to a file.
	Last int64
	// Newest is when the newest file was written down, by the database's own
	// clock; zero without a file.
	Newest time.Time
}

// FileMark reads how far the database is with files. After a backup was
// restored, others know files beyond it.
func (s *Store) FileMark(ctx context.Context) (FileMark, error) {
	m, err := one[FileMark](ctx, s.pool, `
		select (select case when is_called then last_value else 0 end from file_numbers) as last,
			coalesce((select max(recorded_at) from files), 'epoch') as newest`, nil)
	if m.Newest.Unix() == 0 {
		m.Newest = time.Time{}
	}
	return m, fault("file mark", err)
}

// UnknownFiles are those of the file IDs that the database does not know.
func (s *Store) UnknownFiles(ctx context.Context, ids []string) ([]string, error) {
	unknown, err := texts(ctx, s.pool, `
		select u.id from unnest(@ids::text[]) u (id) where not exists (select 1 from files f where f.id = u.id)`,
		pgx.NamedArgs{"ids": ids})
	return unknown, fault("unknown files", err)
}

// UnknownObjects are those of the file store's keys that no file, delivery,
// report or evidence of the database names.
func (s *Store) UnknownObjects(ctx context.Context, keys []string) ([]string, error) {
	unknown, err := texts(ctx, s.pool, `
		select u.key from unnest(@keys::text[]) u (key)
		where not exists (select 1 from files where vault_key = u.key)
			and not exists (select 1 from deliveries where vault_key = u.key)
			and not exists (select 1 from reports where vault_key = u.key)
			and not exists (select 1 from approvals where evidence_id = u.key)
			and not exists (select 1 from prerequisites where evidence_id = u.key)
			and not exists (select 1 from file_answers where evidence = u.key)
			and u.key not in (select detail ->> 'evidence' from events where detail ->> 'evidence' is not null)
			and u.key not in (select detail ->> 'evidence_id' from events where detail ->> 'evidence_id' is not null)`,
		pgx.NamedArgs{"keys": keys})
	return unknown, fault("unknown objects", err)
}

func texts(ctx context.Context, q querier, sql string, args pgx.NamedArgs) ([]string, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// StagedFiles are the test and production files of which nobody knows yet what
// becomes of them, oldest first: a workflow has to be at work on each.
func (s *Store) StagedFiles(ctx context.Context) ([]File, error) {
	const op = "staged files"
	rows, err := s.pool.Query(ctx, `select `+fileColumns+` from files
		where state = 'staged' and lane <> 'historical' order by staged_at, id`)
	if err != nil {
		return nil, fault(op, err)
	}
	all, err := pgx.CollectRows(rows, scanFile)
	return all, fault(op, err)
}

// SkipNumbers sees to it that no file gets a number up to last, and no delivery
// one that might have been given beside them (ten for each file that is skipped,
// and a hundred): remote names and workflows carry them. skipped is false where
// the database is that far. The audit says who did it.
func (s *Store) SkipNumbers(ctx context.Context, last int64, act Act) (skipped bool, err error) {
	err = s.tx(ctx, "skip numbers", func(tx pgx.Tx) error {
		// Two who do it at once must not both count from the same number.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('skip numbers'))`); err != nil {
			return err
		}
		at, err := value[int64](ctx, tx, `select case when is_called then last_value else 0 end from file_numbers`, nil)
		if err != nil || at >= last {
			return err
		}
		if _, err := tx.Exec(ctx, `select setval('file_numbers', @last),
			setval('delivery_numbers', (select last_value from delivery_numbers) + (@last - @at::bigint) * 10 + 100)`,
			pgx.NamedArgs{"last": last, "at": at}); err != nil {
			return err
		}
		skipped = true
		_, err = record(ctx, tx, event{kind: "numbers-skipped", act: act, detail: map[string]any{"from": at, "to": last}})
		return err
	})
	return skipped, err
}

// WasRecordedSent says that the file with this digest is known as sent, although
// no file of the database tells of it.
func (s *Store) WasRecordedSent(ctx context.Context, practice string, lane registry.Lane, digest string) (bool, error) {
	known, err := value[bool](ctx, s.pool, `
		select exists (select 1 from sent_before where practice = @practice and lane = @lane and digest = @digest)`,
		pgx.NamedArgs{"practice": practice, "lane": lane, "digest": digest})
	return known, fault("recorded as sent", err)
}
