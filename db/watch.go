package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// WatchFacts is a practice as a careful coordinator sees it in the morning.
// Times are dates of the calendar; zero is never.
type WatchFacts struct {
	Practice   string
	Phase      registry.Phase
	Submission registry.SubmissionState
	// ProductionSince is when the practice came to production, PausedSince when
	// submission was paused last.
	ProductionSince, PausedSince time.Time
	// FirstDelivery and LastDelivery are the first and the last confirmed production
	// file from here, LastName the last one's name at the registry; where the ask says
	// so, the last of which the registry took a record. Historical parts do not count:
	// they report no new doses.
	FirstDelivery, LastDelivery time.Time
	LastName                    string
	// Attested is the last word that there was nothing to send, of all sites.
	Attested time.Time
	// MissingReports are confirmed deliveries whose answer is overdue and not
	// complete: in testing those of test files that no email answers, later those
	// of true data. MissingFirst is the oldest of them, of the file MissingFile
	// over MissingOver, confirmed at MissingSince.
	MissingReports                         int
	MissingFirst, MissingFile, MissingOver string
	MissingSince                           time.Time
	OpenErrors                             int
	OverdueErrors                          int
	OverdueSince                           time.Time
	// ErrorsDue is when the first open error is due.
	ErrorsDue time.Time
	Sites     []SiteWatch
	// Weeks are the volumes of past weeks, where they were asked for.
	Weeks []SiteWeek
}

// SiteWatch is one site of it.
type SiteWatch struct {
	ID string
	// Begins and Ends bound the days in which the site sends; zero is open.
	Begins, Ends time.Time
	// Last is when a confirmed production file last had a record of the site; where
	// the ask says so, one that the registry took.
	Last     time.Time
	LastName string
	Attested time.Time
	// Files counts confirmed production files with a record of the site in the
	// last half year, at most [patternFiles]; Gap is the longest time between two
	// of them that follow each other: the site's own rhythm.
	Files int
	Gap   time.Duration
}

// AttestedNothing is the kind of the event by which a person states that there was
// nothing to send.
const AttestedNothing = "attested-nothing-to-send"

// patternFiles bounds the files that a site's rhythm is read from.
const patternFiles = 30

// Active reports whether the site is expected to send at date.
func (s SiteWatch) Active(date time.Time) bool {
	return !date.Before(s.Begins) && (s.Ends.IsZero() || date.Before(s.Ends.AddDate(0, 0, 1)))
}

type watchRow struct {
	Phase           registry.Phase           `db:"phase"`
	Submission      registry.SubmissionState `db:"submission_state"`
	ProductionSince *time.Time               `db:"production_since"`
	PausedSince     *time.Time               `db:"paused_since"`
	FirstDelivery   *time.Time               `db:"first_delivery"`
	LastDelivery    *time.Time               `db:"last_delivery"`
	LastName        *string                  `db:"last_name"`
	Attested        *time.Time               `db:"attested"`
	Missing         int                      `db:"missing"`
	MissingFirst    *string                  `db:"missing_first"`
	MissingFile     *string                  `db:"missing_file"`
	MissingOver     *string                  `db:"missing_over"`
	MissingSince    *time.Time               `db:"missing_since"`
	OpenErrors      int                      `db:"open_errors"`
	Overdue         int                      `db:"overdue"`
	OverdueSince    *time.Time               `db:"overdue_since"`
	ErrorsDue       *time.Time               `db:"errors_due"`
}

// WatchAsk says what is asked of a practice: errors that are due before Date,
// deliveries confirmed before ReportsBefore without a complete answer.
type WatchAsk struct {
	Practice            string
	Date, ReportsBefore time.Time
	// Accepted counts only deliveries of which the registry took a record.
	Accepted bool
}

// took says that delivery d counts: always, or where @accepted is set once the
// registry has taken a record of it (of the site that narrow names).
func took(narrow string) string {
	return `(not @accepted::boolean or exists (select 1 from answer_counts c where c.file_id = d.file_id ` + narrow + `
		and c.answer in ('accepted', 'accepted-with-warnings', 'not-objected-to')))`
}

// PracticeWatch reads what a look at a practice needs. Kind Missing when there is
// no such practice.
func (s *Store) PracticeWatch(ctx context.Context, ask WatchAsk) (WatchFacts, error) {
	const op = "watch"
	args := pgx.NamedArgs{"practice": ask.Practice, "date": ask.Date, "before": ask.ReportsBefore, "accepted": ask.Accepted}
	row, err := one[watchRow](ctx, s.pool, watchSQL, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return WatchFacts{}, noPractice(ask.Practice)
	}
	if err != nil {
		return WatchFacts{}, fault(op, err)
	}
	f := WatchFacts{
		Practice: ask.Practice, Phase: row.Phase, Submission: row.Submission,
		ProductionSince: or(row.ProductionSince), PausedSince: or(row.PausedSince),
		FirstDelivery: or(row.FirstDelivery), LastDelivery: or(row.LastDelivery), LastName: or(row.LastName), Attested: or(row.Attested),
		MissingReports: row.Missing, MissingFirst: or(row.MissingFirst),
		MissingFile: or(row.MissingFile), MissingOver: or(row.MissingOver), MissingSince: or(row.MissingSince),
		OpenErrors: row.OpenErrors, OverdueErrors: row.Overdue, OverdueSince: or(row.OverdueSince), ErrorsDue: or(row.ErrorsDue),
	}
	f.Sites, err = s.siteWatches(ctx, args)
	return f, fault(op, err)
}

// or is what p points at, or the zero value.
func or[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// A practice that was live before it was added has no phase event: it counts
// from the day on which it was added.
var watchSQL = `
with last as (
	select confirmed_at, remote_name from deliveries d
	where practice = @practice and lane = 'production' and state = 'confirmed' and ` + took("") + `
	order by confirmed_at desc limit 1
), missing as (
	-- What a person uploaded is confirmed by its report alone.
	select d.remote_name, d.file_id, d.connection, coalesce(d.confirmed_at, d.sent_at) as confirmed_at
	from deliveries d join practices p on p.id = d.practice
	join connections c on c.name = d.connection
	where d.practice = @practice and (d.lane = 'test') = (p.phase = 'testing')
	  and not exists (select 1 from file_answers a where a.file_id = d.file_id)
	  and (d.state = 'confirmed' or d.state = 'renamed' and c.protocol = 'byhand')
	  and coalesce(d.confirmed_at, d.sent_at) < @before
	  and exists (select 1 from answered m where m.file_id = d.file_id and not m.held
	              and (m.answer is null or m.answer = 'unknown'))
), overdue as (
	select due_at from open_errors where practice = @practice and due_at < @date
)
select p.phase, p.submission_state,
	case when p.phase = 'production' then coalesce((select max(at) from events
		where practice = p.id and kind = 'phase' and to_state = 'production'), p.at) end as production_since,
	case when p.submission_state = 'paused' then (select max(at) from events
		where practice = p.id and kind = 'submission' and to_state = 'paused'
		  and from_state is distinct from 'paused') end as paused_since,
	(select min(confirmed_at) from deliveries
		where practice = p.id and lane = 'production' and state = 'confirmed') as first_delivery,
	(select confirmed_at from last) as last_delivery, (select remote_name from last) as last_name,
	(select max(at) from events where practice = p.id and kind = 'attested-nothing-to-send' and site = '') as attested,
	(select count(*) from missing)::int as missing,
	(select remote_name from missing order by confirmed_at, remote_name limit 1) as missing_first,
	(select file_id from missing order by confirmed_at, remote_name limit 1) as missing_file,
	(select connection from missing order by confirmed_at, remote_name limit 1) as missing_over,
	(select min(confirmed_at) from missing) as missing_since,
	(select count(*) from open_errors where practice = p.id)::int as open_errors,
	(select count(*) from overdue)::int as overdue, (select min(due_at) from overdue) as overdue_since,
	(select min(due_at) from open_errors where practice = p.id) as errors_due
from practices p where p.id = @practice`

// siteWatches goes back delivery by delivery until each site was found, so
// that a year of files is not read every morning. The counters by file and site
// know who is in a file; what was held back is not in them.
func (s *Store) siteWatches(ctx context.Context, args pgx.NamedArgs) ([]SiteWatch, error) {
	args["files"] = patternFiles
	rows, err := s.pool.Query(ctx, `
		select s.id, s.from_date::timestamptz, s.until_date::timestamptz, l.confirmed_at, l.remote_name,
			(select max(at) from events e where e.practice = s.practice and e.kind = 'attested-nothing-to-send'
				and e.site = s.id),
			r.files, r.gap
		from sites s
		left join lateral (
			select d.confirmed_at, d.remote_name from deliveries d
			where d.practice = s.practice and d.lane = 'production' and d.state = 'confirmed'
			  and exists (select 1 from answer_counts c where c.file_id = d.file_id and c.site = s.id)
			  and `+took("and c.site = s.id")+`
			order by d.confirmed_at desc limit 1
		) l on true
		cross join lateral (
			select count(*)::int as files, coalesce(max(extract(epoch from confirmed_at - before)), 0)::bigint as gap from (
				select confirmed_at, lag(confirmed_at) over (order by confirmed_at) as before from (
					select d.confirmed_at from deliveries d
					where d.practice = s.practice and d.lane = 'production' and d.state = 'confirmed'
					  and d.confirmed_at > @date::timestamptz - interval '180 days'
					  and exists (select 1 from answer_counts c where c.file_id = d.file_id and c.site = s.id)
					order by d.confirmed_at desc limit @files
				) newest
			) rhythm
		) r
		where s.practice = @practice order by s.ordinal`, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (SiteWatch, error) {
		var w SiteWatch
		var begins, ends, last, attested *time.Time
		var name *string
		var gap int64 // seconds
		err := row.Scan(&w.ID, &begins, &ends, &last, &name, &attested, &w.Files, &gap)
		w.Begins, w.Ends, w.Last, w.LastName, w.Attested = or(begins), or(ends), or(last), or(name), or(attested)
		w.Gap = time.Duration(gap) * time.Second
		return w, err
	})
}
