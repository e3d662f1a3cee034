package db

import (
	"context"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// HistoryParts lists parts of the approved plans in order, after an ordinal.
// Kind NotAllowed while nobody has approved one.
func (s *Store) HistoryParts(ctx context.Context, practice string, after, limit int) ([]StoredPart, error) {
	const op = "history parts"
	loads, err := s.HistoryLoads(ctx, practice)
	if err != nil {
		return nil, err
	}
	if len(loads) == 0 || loads[0].State != "loading" {
		return nil, registry.Errorf(registry.NotAllowed, op, "the plan of %s is not approved", practice)
	}
	rows, err := many[StoredPart](ctx, s.pool, `
		select p.ordinal, f.id, f.digest, f.size, f.state <> 'staged' as "left" from history_parts p join files f on f.id = p.file_id
			join history_loads l on l.practice = p.practice and l.number = p.number
		where p.practice = @practice and l.state = 'loading' and p.ordinal > @after order by p.ordinal limit @limit`,
		pgx.NamedArgs{"practice": practice, "after": after, "limit": atMost(limit)})
	return rows, fault(op, err)
}

// StoredPart is a part of the approved plan.
type StoredPart struct {
	Ordinal int    `db:"ordinal"`
	ID      string `db:"id"`
	Digest  string `db:"digest"`
	Size    int64  `db:"size"`
	// Left says that it is no longer only staged.
	Left bool `db:"left"`
}

// HistoryRate is how the registry takes what was approved last.
type HistoryRate struct {
	Answered int `db:"answered"`
	// Rejected are real errors by the registry's catalogue: what it calls a
	// duplicate, and what it only warns of, it has.
	Rejected int `db:"rejected"`
}

// HistoryRate counts the answers to the parts of the load or supplement that was
// approved last. It reads answers only, and plain ones a thousand to a row, so
// that it can be asked all the time.
func (s *Store) HistoryRate(ctx context.Context, practice string) (HistoryRate, error) {
	rate, err := one[HistoryRate](ctx, s.pool, `
		with parts as materialized (
			select file_id from history_parts where practice = @practice and number = (
				select max(number) from history_loads where practice = @practice and state = 'loading')
		)
		select (told.answered + plain.answered)::int as answered, told.rejected::int as rejected from
			(select count(*) filter (where answer <> 'unknown') as answered,
				count(*) filter (where answer in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')) as rejected
				from answers join parts using (file_id)) told,
			(select coalesce(sum(bit_count(messages)), 0) as answered from answer_pages join parts using (file_id)) plain`,
		pgx.NamedArgs{"practice": practice})
	return rate, fault("history rate", err)
}

// HistoryCounts is a load with its supplements in numbers, of what was approved
// (while nothing was, of the plan). Every message that came is in a part or was
// left out as repeated or sent before; every message of a part is sent, held,
// duplicate, dropped or not sent yet.
type HistoryCounts struct {
	Loads     int `db:"loads"`
	Parts     int `db:"parts"`
	Delivered int `db:"delivered"` // parts
	// Came are the messages of the sources, as they were checked.
	Came       int `db:"came"`
	Repeated   int `db:"repeated"`
	SentBefore int `db:"sent_before"`
	// Messages are those in parts, as they were split.
	Messages int `db:"messages"`
	// Sent is what confirmed deliveries consisted of.
	Sent int `db:"sent"`
	// Held were left out by our checker, whether the part was sent or not;
	// Corrected are those of them that a later message replaced since, HeldDropped
	// those that a person gave up: both by [Store.HeldMessages].
	Held        int `db:"held"`
	Corrected   int `db:"corrected"`
	HeldDropped int `db:"held_dropped"`
	// SentSince stayed behind when their part was sent: what they say had been
	// sent since the plan.
	SentSince int `db:"sent_since"`
	// Duplicate are in parts whose content had been delivered before.
	Duplicate int `db:"duplicate"`
	// Dropped are in parts that our checker refused or a person gave up.
	Dropped int `db:"dropped"`
	NotSent int `db:"not_sent"`
	// The answers to what was sent.
	Accepted    int `db:"accepted"`
	Warned      int `db:"warned"`
	Rejected    int `db:"rejected"`
	NotObjected int `db:"not_objected"`
	Unanswered  int `db:"unanswered"`
}

// CountHistory counts a load from what is stored. The three sources are apart,
// so that they can disagree: messages as they were split, messages as they were
// put into deliveries, and answers as reports gave them. Kind Missing without a
// plan.
func (s *Store) CountHistory(ctx context.Context, practice string) (HistoryCounts, error) {
	const op = "history count"
	loads, err := s.HistoryLoads(ctx, practice)
	if err == nil && len(loads) == 0 {
		err = registry.Errorf(registry.Missing, op, "%s has no plan for a historical load", practice)
	}
	if err != nil {
		return HistoryCounts{}, err
	}
	c, err := one[HistoryCounts](ctx, s.pool, countHistorySQL, pgx.NamedArgs{"practice": practice})
	return c, fault(op, err)
}

const countHistorySQL = `
with loads as (
	select * from history_loads l where practice = @practice
		and (state = 'loading' or not exists (select 1 from history_loads where practice = @practice and state = 'loading'))
), parts as (
	select p.file_id, p.messages, f.state, d.messages as sent, o.since,
		coalesce(d.held - o.since, f.held, h.held, 0) as held
	from history_parts p
	join loads using (practice, number)
	join files f on f.id = p.file_id
	left join deliveries d on d.file_id = p.file_id and d.state = 'confirmed'
	cross join lateral (select count(*)::int as since from history_left_out o where o.file_id = p.file_id) o
	cross join lateral (select count(*)::int as held from messages m where m.file_id = p.file_id and m.held) h
), split as (
	select count(*) as parts, count(sent) as delivered, coalesce(sum(messages), 0) as messages,
		coalesce(sum(sent), 0) as sent, coalesce(sum(held), 0) as held,
		coalesce(sum(since) filter (where sent is not null or state <> 'staged'), 0) as sent_since,
		coalesce(sum(messages - held - since) filter (where sent is null and state in ('delivered', 'answered')), 0) as duplicate,
		coalesce(sum(messages - held - since) filter (where sent is null and state in ('refused', 'dropped')), 0) as dropped,
		coalesce(sum(messages - held) filter (where sent is null and state = 'staged'), 0) as not_sent
	from parts
), planned as (
	select count(*) as loads, coalesce(sum(came), 0) as came, coalesce(sum(repeated), 0) as repeated,
		coalesce(sum(sent_before), 0) as sent_before
	from loads
), mended as (
	select count(*) filter (where h.state = 'replaced') as corrected, count(*) filter (where h.state = 'dropped') as held_dropped
	from held_messages h join parts p on p.file_id = h.file_id
), answers as (
	select ` + answerCounts + `
	from answered m join parts p on p.file_id = m.file_id and p.sent is not null
	where not m.held
)
select l.loads, s.parts, s.delivered, l.came, l.repeated, l.sent_before, s.messages, s.sent, s.held, c.corrected, c.held_dropped,
	s.sent_since, s.duplicate, s.dropped, s.not_sent,
	a.accepted, a.warned, a.rejected, a.not_objected, a.unanswered
from split s, planned l, mended c, answers a`
