package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Progress is a practice's line in the list of who has to do what next; one a
// source.
type Progress struct {
	Practice string
	// Source is which workflow says it.
	Source      string
	Stage       string
	Next, Whose string
	// Since and Due are zero where there is no such date.
	Since     time.Time
	Move      string
	Attention bool
	Due       time.Time
	Ended     bool
	// Wait is which of the policy's reminders it has.
	Wait registry.WaitKind
	// At is when the line was written.
	At time.Time
}

// RecordProgress replaces the line that the same source wrote before. A line
// that was written later by the calendar stays.
func (s *Store) RecordProgress(ctx context.Context, p Progress) error {
	return s.tx(ctx, "record progress", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into progress (practice, source, stage, next, whose, since, move, attention, due, ended, wait, at)
			values (@practice, @source, @stage, @next, @whose, @since, @move, @attention, @due, @ended, @wait, @at)
			on conflict (practice, source) do update set stage = excluded.stage, next = excluded.next,
				whose = excluded.whose, since = excluded.since, move = excluded.move,
				attention = excluded.attention, due = excluded.due, ended = excluded.ended, wait = excluded.wait, at = excluded.at
			where progress.at <= excluded.at`,
			pgx.NamedArgs{
				"practice": p.Practice, "source": p.Source, "stage": p.Stage, "next": p.Next, "whose": p.Whose,
				"since": orNull(p.Since), "move": p.Move, "attention": p.Attention, "due": orNull(p.Due),
				"ended": p.Ended, "wait": p.Wait, "at": p.At,
			})
		return err
	})
}

// ProgressLines lists the lines, of one practice or of all where practice is
// empty: those that need a person first, then by how long they wait.
func (s *Store) ProgressLines(ctx context.Context, practice string) ([]Progress, error) {
	const op = "progress"
	rows, err := s.pool.Query(ctx, `
		select practice, source, stage, next, whose, since, move, attention, due, ended, wait, at
		from progress where @practice = '' or practice = @practice
		order by attention desc, since nulls last, practice, source`, pgx.NamedArgs{"practice": practice})
	if err != nil {
		return nil, fault(op, err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Progress, error) {
		var p Progress
		var since, due *time.Time
		err := row.Scan(&p.Practice, &p.Source, &p.Stage, &p.Next, &p.Whose, &since, &p.Move, &p.Attention,
			&due, &p.Ended, &p.Wait, &p.At)
		p.Since, p.Due = orZero(since), orZero(due)
		return p, err
	})
	return lines, fault(op, err)
}

// Onboarded says that the practice's onboarding is over: what happens to its files
// is nothing to it any more.
func (s *Store) Onboarded(ctx context.Context, practice string) (bool, error) {
	over, err := value[bool](ctx, s.pool, `select exists (select from progress
		where practice = @practice and source = 'onboarding' and ended)`, pgx.NamedArgs{"practice": practice})
	return over, fault("onboarding", err)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
