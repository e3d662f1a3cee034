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

// DigestErrors counts a practice's errors for a letter.
type DigestErrors struct {
	// Settled in the time that the letter tells of, by whatever end.
	Settled int `db:"settled"`
	Open    int `db:"open"`
	// Overdue are due before the letter's date, DueSoon within the seven days
	// after it.
	Overdue int `db:"overdue"`
	DueSoon int `db:"due_soon"`
	// AtRegistry are those that only the registry can settle.
	AtRegistry int `db:"at_registry"`
}

// DigestErrors counts what was settled between from and to (outside), and what is
// open at date.
func (s *Store) DigestErrors(ctx context.Context, practice string, from, to, date time.Time) (DigestErrors, error) {
	out, err := one[DigestErrors](ctx, s.pool, `
		select (select count(*) from errors where practice = @practice and settled_at >= @from and settled_at < @to)::int as settled,
			count(*)::int as open, count(*) filter (where due_at < @date)::int as overdue,
			count(*) filter (where due_at >= @date and due_at < @soon)::int as due_soon,
			count(*) filter (where owner = 'registry')::int as at_registry
		from open_errors where practice = @practice`,
		pgx.NamedArgs{"practice": practice, "from": from, "to": to, "date": date, "soon": date.AddDate(0, 0, 7)})
	return out, fault("digest", err)
}

// OpenBySite counts a practice's open errors by site.
func (s *Store) OpenBySite(ctx context.Context, practice string) (map[string]int, error) {
	rows, err := many[struct {
		Site   string `db:"site"`
		Errors int    `db:"errors"`
	}](ctx, s.pool, `
		select site, sum(errors)::int as errors from error_counts
		where practice = @practice and state in `+unsettled+` group by site`, pgx.NamedArgs{"practice": practice})
	out := map[string]int{}
	for _, r := range rows {
		out[r.Site] = r.Errors
	}
	return out, fault("errors by site", err)
}

// DigestRank is how much a practice needs somebody.
type DigestRank struct {
	Practice string `db:"practice"`
	// Sent and Refused count messages of the time that was asked for; Open and Overdue
	// errors at its date.
	Sent    int `db:"sent"`
	Refused int `db:"refused"`
	Open    int `db:"open"`
	Overdue int `db:"overdue"`
}

// RankDigests counts for several practices at once what was delivered between from
// and to (outside), and what is open at date. It reads counters by file.
func (s *Store) RankDigests(ctx context.Context, practices []string, from, to, date time.Time) ([]DigestRank, error) {
	rows, err := many[DigestRank](ctx, s.pool, `
		with sent as (
			select d.practice, d.file_id from deliveries d
			where d.practice = any(@practices) and d.state = 'confirmed' and d.lane in ('production', 'historical') and d.confirmed_at >= @from
			group by d.practice, d.file_id having max(d.confirmed_at) < @to
		), counts as (
			select s.practice, sum(c.messages)::int as sent,
				coalesce(sum(c.messages) filter (where c.answer in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')), 0)::int as refused
			from sent s join answer_counts c on c.file_id = s.file_id group by s.practice
		), work as (
			select practice, count(*)::int as open, count(*) filter (where due_at < @date)::int as overdue
			from open_errors where practice = any(@practices) group by practice
		)
		select p.practice, coalesce(c.sent, 0) as sent, coalesce(c.refused, 0) as refused,
			coalesce(w.open, 0) as open, coalesce(w.overdue, 0) as overdue
		from unnest(@practices::text[]) p (practice)
		left join counts c using (practice) left join work w using (practice) order by p.practice`,
		pgx.NamedArgs{"practices": orEmpty(practices), "from": from, "to": to, "date": date})
	return rows, fault("digest rank", err)
}
