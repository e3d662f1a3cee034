package db

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Wait is one thing that somebody waits for, read from where it stands.
type Wait struct {
	// Key names it once and for all; with Since it is one wait.
	Key      string            `db:"key"`
	Practice string            `db:"practice"`
	Kind     registry.WaitKind `db:"kind"`
	// What waits, Next what would end it, Whose turn it is.
	What  string    `db:"what"`
	Next  string    `db:"next"`
	Whose string    `db:"whose"`
	Move  string    `db:"move"` // the command or the telephone call
	Since time.Time `db:"since"`
	// Connection or Server ("host:port") is set where that is what is held.
	Connection string `db:"connection"`
	Server     string `db:"server"`
	// HoldID is set where it is a hold, with its reason.
	HoldID string              `db:"hold"`
	Reason registry.HoldReason `db:"reason"`
	// Actions settle it.
	Actions []registry.HoldAction `db:"actions"`
	// Errors, Overdue of them and their most frequent code are set where errors
	// wait, Assignee where one person has them in hand.
	// Of errors Since is when the oldest of them came to whoever has them, Oldest when
	// it was opened: a hand-over begins the new owner's time and keeps the age.
	Errors   int        `db:"errors"`
	Overdue  int        `db:"overdue"`
	Code     string     `db:"code"`
	Assignee string     `db:"assignee"`
	Oldest   *time.Time `db:"oldest"`
}

// waitSQL joins what waits: lines of practices, except those that repeat a hold
// of the same workflow; holds; errors that are overdue, and errors in hand. A hold
// of a connection or a server stands with the first practice that it concerns.
const waitSQL = `
select 'line/' || g.practice || '/' || g.source as key, g.practice, g.wait as kind, g.stage as what, g.next, g.whose, g.move,
	g.since, '' as connection, '' as server, '' as hold, '' as reason, null::text[] as actions, 0 as errors, 0 as overdue, '' as code, '' as assignee,
	null::timestamptz as oldest
from progress g join practices p on p.id = g.practice
where not g.ended and g.whose <> 'nobody' and g.source in ('onboarding', 'history') and g.since is not null
  and p.phase <> 'withdrawn'
  and not exists (select from holds h where h.closed_at is null and h.workflow_id = g.source || '/' || g.practice)
union all
select 'hold/' || h.id, coalesce(h.practice, c.practice), 'hold', h.what, '', 'you', '', h.opened_at,
	coalesce(h.connection, ''), coalesce(h.server, ''), h.id, h.reason, h.actions, 0, 0, '', '', null
from holds h
left join lateral (select min(p.id) as practice from practices p join connections c on c.name = p.connection
	where c.name = h.connection or h.server = ` + serverSQL + `) c on true
where h.closed_at is null and coalesce(h.practice, c.practice) is not null
union all
select 'errors/' || e.practice || '/' || lower(e.assignee), e.practice, 'errors', '', '', 'you', '',
	min(case when e.assignee = '' then greatest(e.due_at, e.owner_since) else coalesce(e.owner_since, e.opened_at) end), '', '', '', '', null,
	count(*)::int, count(*) filter (where e.due_at < @date)::int, mode() within group (order by e.code), max(e.assignee), min(e.opened_at)
from open_errors e join practices p on p.id = e.practice
where (e.due_at < @date or e.assignee <> '') and p.phase <> 'withdrawn'
group by e.practice, lower(e.assignee)`

// Waits lists what waits at date, oldest first: of one practice, or of all where
// practice is empty.
func (s *Store) Waits(ctx context.Context, practice string, date time.Time) ([]Wait, error) {
	waits, err := many[Wait](ctx, s.pool, `select * from (`+waitSQL+`) w
		where @practice = '' or practice = @practice order by since, key`,
		pgx.NamedArgs{"practice": practice, "date": date})
	return waits, fault("waits", err)
}

// WaitPractice is what reminders need to know of a practice.
type WaitPractice struct {
	ID, Name, Zone, Connection, Server string
	// ProductionSince is zero but for a practice in production.
	ProductionSince time.Time
	// Policy is as the practice's watch holds it; nil where it never ran.
	Policy *registry.Policy
	// People are the practice's own: coordinators and contacts of the practice.
	People []registry.Contact
}

// WaitPractices reads every practice that was not withdrawn, by its ID.
func (s *Store) WaitPractices(ctx context.Context) (map[string]*WaitPractice, error) {
	const op = "wait practices"
	rows, err := s.pool.Query(ctx, `
		select p.id, p.name, p.zone, p.connection, `+serverSQL+`, p.policy,
			case when p.phase = 'production' then coalesce((select max(at) from events
				where practice = p.id and kind = 'phase' and to_state = 'production'), p.at) end,
			coalesce(k.role, ''), coalesce(k.name, ''), coalesce(k.email, ''), coalesce(k.phone, ''), coalesce(k.zone, '')
		from practices p
		join connections c on c.name = p.connection
		left join contacts k on k.practice = p.id and k.role in ('coordinator', 'practice')
		where p.phase <> 'withdrawn' order by p.id, k.ordinal`)
	if err != nil {
		return nil, fault(op, err)
	}
	out := map[string]*WaitPractice{}
	var p WaitPractice
	var policy []byte
	var since *time.Time
	var c registry.Contact
	_, err = pgx.ForEachRow(rows, []any{
		&p.ID, &p.Name, &p.Zone, &p.Connection, &p.Server, &policy, &since, &c.Role, &c.Name, &c.Email, &c.Phone, &c.Zone,
	}, func() error {
		known, ok := out[p.ID]
		if !ok {
			fresh := p
			fresh.ProductionSince = or(since)
			known, out[p.ID] = &fresh, &fresh
			if policy != nil {
				if err := json.Unmarshal(policy, &fresh.Policy); err != nil {
					return registry.Errorf(registry.Invalid, op, "the policy of %s cannot be read", p.ID)
				}
			}
		}
		if c.Email != "" {
			known.People = append(known.People, c)
		}
		return nil
	})
	return out, fault(op, err)
}

// KeepPolicy keeps the policy by which a practice's waits are told of. Kind
// Missing when there is no such practice.
func (s *Store) KeepPolicy(ctx context.Context, practice string, policy registry.Policy) error {
	data, err := json.Marshal(policy)
	if err != nil {
		return registry.Errorf(registry.Invalid, "keep policy", "the policy cannot be written")
	}
	tag, err := s.pool.Exec(ctx, `update practices set policy = $2 where id = $1`, practice, data)
	if err == nil && tag.RowsAffected() == 0 {
		return noPractice(practice)
	}
	return fault("keep policy", err)
}

// Reminded is what a letter reminded of.
type Reminded struct {
	Wait   string    `db:"wait"`
	Since  time.Time `db:"since"`
	Step   int       `db:"step"`
	Late   bool      `db:"late"`
	Amount int       `db:"amount"`
	Reader string    `db:"reader"`
}

// RemindedOf lists what a reader was told last of each wait, by letters other than
// the one about event that went out or were kept.
func (s *Store) RemindedOf(ctx context.Context, reader, event string) ([]Reminded, error) {
	told, err := many[Reminded](ctx, s.pool, `
		select distinct on (r.wait, r.since) r.wait, r.since, r.step, r.late, r.amount, r.reader
		from reminders r join notices n on n.event = r.event
		where r.reader = @reader and n.state in ('sent', 'off') and r.event <> @event
		order by r.wait, r.since, n.prepared_at desc`, pgx.NamedArgs{"reader": reader, "event": event})
	return told, fault("reminders", err)
}

// keepReminders writes what a letter reminds of.
func keepReminders(ctx context.Context, tx pgx.Tx, event string, told []Reminded) error {
	for _, r := range told {
		if _, err := tx.Exec(ctx, `
			insert into reminders (event, wait, since, step, late, amount, reader)
			values (@event, @wait, @since, @step, @late, @amount, @reader)`,
			pgx.NamedArgs{
				"event": event, "wait": r.Wait, "since": r.Since, "step": r.Step, "late": r.Late, "amount": r.Amount, "reader": r.Reader,
			}); err != nil {
			return err
		}
	}
	return nil
}
