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
	// OutboxHold is the open question about an outbox from which nothing can be taken,
	// OutboxSince when it was asked; empty where there is none.
	OutboxHold  string
	OutboxSince time.Time
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
		Hold    string     `db:"hold"`
		Asked   *time.Time `db:"asked"`
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
				where practice = p.id and kind = 'submission' and to_state = 'paused'
				  and from_state is distinct from 'paused') end as paused,
			(select count(*) from since)::int as came,
			(select count(*) from since where messages = 0)::int as empty,
			(select count(*) from since where state = 'staged')::int as waiting,
			(select count(*) from since f join messages m on m.file_id = f.id and m.held and m.site = '')::int as unknown,
			coalesce(h.id, '') as hold, h.opened_at as asked
		from last, practices p
		left join lateral (select id, opened_at from holds where practice = p.id and reason = 'outbox' and closed_at is null
			order by opened_at limit 1) h on true
		where p.id = @practice`, pgx.NamedArgs{"practice": practice, "site": site})
	if err != nil {
		return Silence{}, fault("silence", err)
	}
	if len(found) == 0 {
		return Silence{}, noPractice(practice)
	}
	r := found[0]
	return Silence{
		Last: or(r.Last), Arrived: or(r.Arrived), Paused: or(r.Paused),
		OutboxHold: r.Hold, OutboxSince: or(r.Asked),
		Came: r.Came, Empty: r.Empty, Waiting: r.Waiting, Unknown: r.Unknown,
	}, nil
}
