package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Warning is something that ends soon: a credential of a connection, an agreement of
// a practice.
type Warning struct {
	// Event names it with the warning day that has come, so that each is told once.
	Event string `db:"event"`
	// Practice or Connection is set, whichever it belongs to.
	Practice   string `db:"practice"`
	Connection string `db:"connection"`
	Words      string `db:"words"`
	Move       string `db:"move"` // the exact command
	Page       string `db:"page"` // of the runbook
	// At is when it was seen first.
	At time.Time `db:"at"`
}

// KeepWarnings makes now all that ends soon for a practice and its connection. What
// was known stays as old as it is; what is not in now any more was renewed, or has a
// nearer day by now.
func (s *Store) KeepWarnings(ctx context.Context, practice, connection string, now []Warning) error {
	return s.tx(ctx, "warnings", func(tx pgx.Tx) error {
		events := make([]string, len(now))
		for i, w := range now {
			events[i] = w.Event
			// Practices on one connection look at the same moment.
			if _, err := tx.Exec(ctx, `
				insert into warnings (event, practice, connection, words, move, page, at)
				values (@event, nullif(@practice, ''), nullif(@connection, ''), @words, @move, @page, @at)
				on conflict (event) do update set words = excluded.words, move = excluded.move`,
				pgx.NamedArgs{
					"event": w.Event, "practice": w.Practice, "connection": w.Connection,
					"words": w.Words, "move": w.Move, "page": w.Page, "at": w.At,
				}); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			delete from warnings where (practice = @practice or connection = @connection) and event <> all(@events)`,
			pgx.NamedArgs{"practice": practice, "connection": connection, "events": orEmpty(events)})
		return err
	})
}

// Warnings lists what ends soon, oldest first. Practice is set in each: that of a
// connection is the first that uses it, by ID.
func (s *Store) Warnings(ctx context.Context) ([]Warning, error) {
	out, err := many[Warning](ctx, s.pool, `
		select w.event, coalesce(w.practice, c.practice) as practice, coalesce(w.connection, '') as connection,
			w.words, w.move, w.page, w.at
		from warnings w
		left join lateral (select min(p.id) as practice from practices p
			where p.connection = w.connection and p.phase <> 'withdrawn') c on true
		where coalesce(w.practice, c.practice) is not null order by w.at, w.event`, nil)
	return out, fault("warnings", err)
}
