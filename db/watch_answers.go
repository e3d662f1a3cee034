package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// AnswerFacts are what the registry's answers say of a practice.
type AnswerFacts struct {
	// Weeks of delivery of true patient data, the newest first.
	Weeks []Quality
	// Codes are all that an error of the practice was ever told with.
	Codes []string
	// OldErrors are open and were opened before the date asked for, the first of
	// them at OldSince.
	OldErrors int
	OldSince  time.Time
	// Top is the code of most open errors; zero where none is open.
	Top ErrorGroup
}

// PracticeAnswers reads what a look at a practice's answers needs: the weeks
// that f asks for, and the open errors from before oldBefore.
func (s *Store) PracticeAnswers(ctx context.Context, f QualityFilter, oldBefore time.Time) (AnswerFacts, error) {
	const op = "watch answers"
	var out AnswerFacts
	var err error
	if out.Weeks, err = s.Quality(ctx, f, ByWeek); err != nil {
		return out, err
	}
	args := pgx.NamedArgs{"practice": f.Practice, "before": oldBefore}
	rows, err := s.pool.Query(ctx, `
		select distinct code from error_counts where practice = @practice and code <> '' order by code`, args)
	if err != nil {
		return out, fault(op, err)
	}
	if out.Codes, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return out, fault(op, err)
	}
	old, err := one[struct {
		Errors int        `db:"errors"`
		Since  *time.Time `db:"since"`
	}](ctx, s.pool, `
		select count(*)::int as errors, min(opened_at) as since from open_errors
		where practice = @practice and opened_at < @before`, args)
	if err != nil {
		return out, fault(op, err)
	}
	out.OldErrors, out.OldSince = old.Errors, or(old.Since)
	top, err := s.GroupErrors(ctx, ErrorFilter{Practice: f.Practice, Limit: 1})
	if len(top) > 0 {
		out.Top = top[0]
	}
	return out, err
}
