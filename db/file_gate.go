package db

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// TestFile is a test file as the gate sees it.
type TestFile struct {
	ID    string
	State registry.FileState
	// Checked, ErrorFree and Errors are our checker's verdict.
	Checked, ErrorFree bool
	Errors             int
	// Anyway is who sends it in spite of our verdict; empty where nobody does.
	Anyway string
	// Delivered says that a delivery of it was confirmed.
	Delivered bool
	// Sent messages, how many of them the registry has answered, and how many
	// of those answers refuse something.
	Sent, Answered, Bad int
}

// TestFiles lists the test files of a practice that came after the registry
// last asked for changes, newest first.
func (s *Store) TestFiles(ctx context.Context, practice string) ([]TestFile, error) {
	files, err := many[TestFile](ctx, s.pool, `
		with revision as (
			select max(recorded_at) as at from events
			where practice = @practice and kind = 'phase' and detail->>'event' = 'changes-needed'
		)
		select f.id, f.state, f.checked_at is not null as checked, coalesce(f.error_free, false) as error_free,
			coalesce(f.errors, 0) as errors, coalesce(f.anyway_by, '') as anyway,
			exists (select 1 from deliveries d where d.file_id = f.id and d.state = 'confirmed') as delivered,
			coalesce(m.sent, 0) as sent, coalesce(m.answered, 0) as answered, coalesce(m.bad, 0) as bad
		from files f
		left join lateral (
			select count(*) as sent,
				count(*) filter (where answer is not null and answer <> 'unknown') as answered,
				count(*) filter (where answer in ('dose-rejected', 'patient-rejected', 'message-rejected',
					'file-rejected')) as bad
			from answered where file_id = f.id and not held
		) m on true
		where f.practice = @practice and f.lane = 'test'
			and f.recorded_at > coalesce((select at from revision), '-infinity')
		order by substr(f.id, 3)::bigint desc`, pgx.NamedArgs{"practice": practice})
	return files, fault("test files", err)
}

// Releasable lists files of a practice whose bytes retention no longer needs:
// settled before the given date, no error of theirs open, not released yet.
func (s *Store) Releasable(ctx context.Context, practice string, before time.Time, limit int) ([]string, error) {
	const op = "releasable files"
	rows, err := s.pool.Query(ctx, `
		select f.id from files f where f.practice = @practice and `+releasable+`
		order by f.settled_at, f.id limit @limit`,
		pgx.NamedArgs{"practice": practice, "before": before, "limit": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, fault(op, err)
}

const releasable = `f.released_at is null and f.state in ('answered', 'refused', 'dropped')
	and f.settled_at < @before
	and not exists (select 1 from errors e where e.file_id = f.id and e.state in ` + unsettled + `)`

// ReleaseFile has shred destroy the bytes of a file and of its deliveries, and
// records it. Bytes that another file still needs stay. released is false where
// the file is not, or no longer, to be released. An error of shred keeps its
// kind, and the file stays unreleased; shredding must be repeatable.
func (s *Store) ReleaseFile(
	ctx context.Context, id string, before, at time.Time, shred func(vaultKey string) error,
) (released bool, err error) {
	err = s.tx(ctx, "release file", func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": id, "before": before, "at": at}
		keys, err := fileKeys(ctx, tx, args)
		if err != nil {
			return err
		}
		// Locked in one order and before the row, as staging does.
		for _, key := range keys {
			if err := lockVaultKey(ctx, tx, key); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `update files f set released_at = @at where f.id = @id and `+releasable, args)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := forgetSent(ctx, tx, id); err != nil {
			return err
		}
		for _, key := range keys {
			needed, err := value[bool](ctx, tx, `
				select exists (select 1 from files where vault_key = @key and released_at is null)
					or exists (select 1 from deliveries d join files f on f.id = d.file_id
						where d.vault_key = @key and f.released_at is null)`, pgx.NamedArgs{"key": key})
			if err != nil {
				return err
			}
			if needed {
				continue
			}
			if err := shred(key); err != nil {
				return err
			}
		}
		released = true
		return nil
	})
	return released && err == nil, err
}

func fileKeys(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select vault_key from files where id = @id
		union select vault_key from deliveries where file_id = @id`, args)
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(keys)
	return keys, err
}
