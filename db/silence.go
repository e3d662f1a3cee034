package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Silence is what is known of why nothing of a practice, or of one of its sites,
// has reached the registry since its last confirmed production file. Counts only.
type Silence struct {
	// Last is when that file was confirmed, Arrived when a production file last came
	// in, Paused since when submission is paused; zero is never.
	Last, Arrived, Paused time.Time
	// Came are production files that came in since Last, Empty those of them without
	// any message, Waiting those not sent yet.
	Came, Empty, Waiting int
	// Unknown are messages left out since Last because nothing told their site.
	Unknown int
}

// Silence reads it; an empty site means the practice. Kind Missing when there is no
// such practice.
func (s *Store) Silence(ctx context.Context, practice, site string) (Silence, error) {
	type row struct {
		Last    *time.Time `db:"last"`
		Arrived *time.Time `db:"arrived"`
		Paused  *time.Time `db:"paused"`
		Came    int        `db:"came"`
		Empty   int        `db:"empty"`
		Waiting int        `db:"waiting"`
		Unknown int        `db:"unknown"`
	}
	found, err := many[row](ctx, s.pool, `
		with last as (
			select max(d.confirmed_at) as at from deliveries d
			where d.practice = @practice and d.lane = 'production' and d.state = 'confirmed'
			  and (@site = '' or exists (select 1 from answer_counts c where c.file_id = d.file_id and c.site = @site))
		), since as (
			select f.* from files f, last
			where f.practice = @practice and f.lane = 'production' and f.staged_at > coalesce(last.at, '-infinity')
			  and not exists (select 1 from deliveries d where d.file_id = f.id and d.confirmed_at <= last.at)
		)
		select last.at as last,
			(select max(staged_at) from files where practice = p.id and lane = 'production') as arrived,
			case when p.submission_state = 'paused' then (select max(at) from events
				where practice = p.id and kind = 'submission' and to_state = 'paused') end as paused,
			(select count(*) from since)::int as came,
			(select count(*) from since where messages = 0)::int as empty,
			(select count(*) from since where state = 'staged')::int as waiting,
			(select count(*) from since f join messages m on m.file_id = f.id and m.held and m.site = '')::int as unknown
		from practices p, last where p.id = @practice`, pgx.NamedArgs{"practice": practice, "site": site})
	if err != nil {
		return Silence{}, fault("silence", err)
	}
	if len(found) == 0 {
		return Silence{}, noPractice(practice)
	}
	r := found[0]
	return Silence{
		Last: or(r.Last), Arrived: or(r.Arrived), Paused: or(r.Paused),
		Came: r.Came, Empty: r.Empty, Waiting: r.Waiting, Unknown: r.Unknown,
	}, nil
}
