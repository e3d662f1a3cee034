package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// RetentionCount is what of a practice's files is kept, and why. Bytes are those
// of the files as they came; what lies in the file store is a little more.
type RetentionCount struct {
	Practice string `db:"practice"`
	// Due are files whose bytes retention lets go.
	Due      int   `db:"due"`
	DueBytes int64 `db:"due_bytes"`
	// Young are settled and not old enough; Unsettled are on their way or without
	// their report; Errors have an open error, Held a message that waits for a
	// decision. A file counts once, for the last of these reasons that it has.
	Young     int `db:"young"`
	Unsettled int `db:"unsettled"`
	Errors    int `db:"errors"`
	Held      int `db:"held"`
	// Released went before.
	Released int `db:"released"`
}

// Retention counts the files of a practice as [Store.Releasable] sees them.
func (s *Store) Retention(ctx context.Context, practice string, before time.Time) (RetentionCount, error) {
	out, err := one[RetentionCount](ctx, s.pool, `
		with judged as (
			select f.size, f.released_at is not null as released, `+releasable+` as due,
				f.state not in ('answered', 'refused', 'dropped') and not (`+loadOver+`)) as unsettled,
				exists (select 1 from errors e where e.file_id = f.id and e.state in `+unsettled+`) as errors,
				exists (select 1 from held_messages h where h.file_id = f.id and h.state = 'open') as held
			from files f where f.practice = @practice)
		select @practice::text as practice, (count(*) filter (where due))::int as due,
			coalesce(sum(size) filter (where due), 0)::bigint as due_bytes,
			(count(*) filter (where not released and not due and not held and not errors and not unsettled))::int as young,
			(count(*) filter (where not released and not held and not errors and unsettled))::int as unsettled,
			(count(*) filter (where not released and not held and errors))::int as errors,
			(count(*) filter (where not released and held))::int as held,
			(count(*) filter (where released))::int as released
		from judged`, pgx.NamedArgs{"practice": practice, "before": before})
	return out, fault("retention", err)
}
