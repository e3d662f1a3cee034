package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// PermitAsk is a workflow that wants to log in at a registry's server.
type PermitAsk struct {
	WorkflowID string
	// Ask counts the visits of that workflow from 1.
	Ask int
	// Host is the server, Connection the login there.
	Host, Connection string
	// Practice and FileID are empty where reports are collected.
	Practice, FileID string
	AskedAt          time.Time
}

// AskPermit puts a workflow into the line of a host. The same ask again changes
// nothing; an older one than the last is ignored.
func (s *Store) AskPermit(ctx context.Context, p PermitAsk) error {
	_, err := s.pool.Exec(ctx, `
		insert into permits (workflow_id, ask, host, connection, practice, file_id, asked_at)
		values (@workflow, @ask, @host, @connection, nullif(@practice, ''), nullif(@file, ''), @at)
		on conflict (workflow_id) do update set ask = excluded.ask, host = excluded.host,
			connection = excluded.connection, turn = nextval('permit_turns'), asked_at = excluded.asked_at
		where permits.ask < excluded.ask`,
		pgx.NamedArgs{
			"workflow": p.WorkflowID, "ask": p.Ask, "host": p.Host, "connection": p.Connection,
			"practice": p.Practice, "file": p.FileID, "at": p.AskedAt,
		})
	return fault("ask for a turn", err)
}

// PermitVisit names a visit.
type PermitVisit struct {
	WorkflowID string
	Ask        int
}

// PermitChoice asks who goes next at a host.
type PermitChoice struct {
	Host string
	// Inside are the visits that go on; Over have ended; Again are back in line,
	// behind the others of their practice.
	Inside, Over, Again []PermitVisit
	// Closed connections get nothing; Doubtful ones one visit at a time; any
	// other PerLogin.
	Closed, Doubtful []string
	PerLogin         int
	// Max is how many may go in now.
	Max int
}

// PermitLine is who goes in, and who waits.
type PermitLine struct {
	Next []PermitAsk
	// Waiting counts those that stay in line.
	Waiting int
}

// ChoosePermits takes what is over out of the line of a host and says who goes
// in next: of those that share the host (each practice, and the reports of each
// connection) the one that was served the longest time ago, then the next. It
// decides nothing: what was not let in stays in line.
func (s *Store) ChoosePermits(ctx context.Context, c PermitChoice) (PermitLine, error) {
	var line PermitLine
	err := s.tx(ctx, "choose who goes next", func(tx pgx.Tx) error {
		if err := settleVisits(ctx, tx, c); err != nil {
			return err
		}
		inside, _ := columns(c.Inside)
		args := pgx.NamedArgs{
			"host": c.Host, "inside": inside, "closed": notNil(c.Closed), "doubtful": notNil(c.Doubtful),
			"per_login": c.PerLogin, "max": c.Max,
		}
		var err error
		if line.Next, err = many[PermitAsk](ctx, tx, choosePermitsSQL, args); err != nil {
			return err
		}
		all, err := value[int](ctx, tx, `select count(*)::int from permits where host = @host and not workflow_id = any(@inside)`, args)
		line.Waiting = all - len(line.Next)
		return err
	})
	return line, err
}

const whoseSQL = `coalesce(p.practice, 'reports of ' || p.connection)`

// settleVisits notes who was served, and lets go of what is over.
func settleVisits(ctx context.Context, tx pgx.Tx, c PermitChoice) error {
	served := append(append(append([]PermitVisit{}, c.Inside...), c.Over...), c.Again...)
	workflows, asks := columns(served)
	if _, err := tx.Exec(ctx, `
		insert into host_turns (host, whose, served_at)
		select p.host, `+whoseSQL+`, max(clock_timestamp()) from permits p
		join unnest(@workflows::text[], @asks::int[]) v (workflow_id, ask) on p.workflow_id = v.workflow_id and p.ask = v.ask
		where p.host = @host group by 1, 2
		on conflict (host, whose) do update set served_at = excluded.served_at`,
		pgx.NamedArgs{"host": c.Host, "workflows": workflows, "asks": asks}); err != nil {
		return err
	}
	workflows, asks = columns(c.Over)
	if _, err := tx.Exec(ctx, `
		delete from permits p using unnest(@workflows::text[], @asks::int[]) v (workflow_id, ask)
		where p.workflow_id = v.workflow_id and p.ask = v.ask and p.host = @host`,
		pgx.NamedArgs{"host": c.Host, "workflows": workflows, "asks": asks}); err != nil {
		return err
	}
	workflows, asks = columns(c.Again)
	_, err := tx.Exec(ctx, `
		update permits p set turn = nextval('permit_turns') from unnest(@workflows::text[], @asks::int[]) v (workflow_id, ask)
		where p.workflow_id = v.workflow_id and p.ask = v.ask and p.host = @host`,
		pgx.NamedArgs{"host": c.Host, "workflows": workflows, "asks": asks})
	return err
}

func columns(visits []PermitVisit) (workflows []string, asks []int) {
	workflows, asks = []string{}, []int{}
	for _, v := range visits {
		workflows, asks = append(workflows, v.WorkflowID), append(asks, v.Ask)
	}
	return workflows, asks
}

// notNil is for SQL, where a missing array compares with nothing.
func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// The first of each one's line stand before the second of anybody's; among
// them, who was served the longest time ago.
const choosePermitsSQL = `
with inside as (
	select connection, count(*) as n from permits where workflow_id = any(@inside) group by connection
), queued as (
	select p.*, t.served_at, row_number() over (partition by ` + whoseSQL + ` order by p.turn) as nth
	from permits p
	left join host_turns t on t.host = p.host and t.whose = ` + whoseSQL + `
	where p.host = @host and not p.workflow_id = any(@inside) and not p.connection = any(@closed)
		and not exists (select from holds h where h.connection = p.connection and h.closed_at is null)
), placed as (
	select q.*, row_number() over (partition by q.connection order by q.nth, q.served_at nulls first, q.turn) as place
	from queued q
)
select p.workflow_id, p.ask, p.host, p.connection, coalesce(p.practice, '') as practice,
	coalesce(p.file_id, '') as file_id, p.asked_at
from placed p
left join inside i on i.connection = p.connection
where p.place + coalesce(i.n, 0) <= case when p.connection = any(@doubtful) then 1 else @per_login end
order by p.nth, p.served_at nulls first, p.turn
limit @max`

// Waiting is who waits for a connection.
type Waiting struct {
	Practices []WaitingPractice
	// Names are the files' names at the registry, or their numbers where none is
	// fixed; the oldest first, at most the limit that was asked for.
	Names []string
	// Files counts all of them.
	Files int
}

// WaitingPractice is one practice of it.
type WaitingPractice struct {
	ID, Name string
	Files    int
	// Sites are those of which the files hold records.
	Sites []string
}

// WaitingFor tells which practices, sites and files wait for a connection.
func (s *Store) WaitingFor(ctx context.Context, connection string, limit int) (Waiting, error) {
	const op = "who waits for a connection"
	args := pgx.NamedArgs{"connection": connection, "limit": limit}
	practices, err := many[WaitingPractice](ctx, s.pool, `
		select w.practice as id, c.name, count(*)::int as files,
			coalesce((select array_agg(distinct m.site order by m.site) from permits p
				join messages m on m.file_id = p.file_id
				where p.connection = @connection and p.practice = w.practice and m.site <> '' and not m.held), '{}') as sites
		from permits w join practices c on c.id = w.practice
		where w.connection = @connection and w.file_id is not null
		group by w.practice, c.name order by w.practice`, args)
	if err != nil {
		return Waiting{}, fault(op, err)
	}
	out := Waiting{Practices: practices}
	for _, p := range practices {
		out.Files += p.Files
	}
	rows, err := s.pool.Query(ctx, `
		select coalesce(d.remote_name, p.file_id) from permits p
		left join lateral (select remote_name from deliveries where file_id = p.file_id and state <> 'abandoned'
			order by attempt desc limit 1) d on true
		where p.connection = @connection and p.file_id is not null order by p.asked_at, p.turn limit @limit`, args)
	if err != nil {
		return out, fault(op, err)
	}
	out.Names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return out, fault(op, err)
}

// ConnectionHold is an open hold of a connection.
type ConnectionHold struct {
	ID, Connection, Words string
	OpenedAt              time.Time
}

// ConnectionHolds lists the open holds that a host's workflow has to settle, by
// ID, those after the given one.
func (s *Store) ConnectionHolds(ctx context.Context, workflowID, after string, limit int) ([]ConnectionHold, error) {
	all, err := many[ConnectionHold](ctx, s.pool, `
		select id, connection, words, opened_at from holds
		where workflow_id = @workflow and connection is not null and closed_at is null and id > @after
		order by id limit @limit`, pgx.NamedArgs{"workflow": workflowID, "after": after, "limit": limit})
	return all, fault("holds of connections", err)
}

// HeldConnection is a hold of a connection as those see it who wait for it.
type HeldConnection struct {
	Practice, Connection, HoldID string
	Since                        time.Time
}

// HeldConnections lists the practices whose connection is held, by practice.
func (s *Store) HeldConnections(ctx context.Context) ([]HeldConnection, error) {
	all, err := many[HeldConnection](ctx, s.pool, `
		select p.id as practice, p.connection, h.id as hold_id, h.opened_at as since
		from holds h join practices p on p.connection = h.connection
		where h.closed_at is null and p.phase <> 'withdrawn' order by p.id`, nil)
	return all, fault("held connections", err)
}
