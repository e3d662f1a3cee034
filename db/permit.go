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
// nothing, unless the connection leads to another host by now; an older one than
// the last is ignored.
func (s *Store) AskPermit(ctx context.Context, p PermitAsk) error {
	_, err := s.pool.Exec(ctx, `
		insert into permits (workflow_id, ask, host, connection, practice, file_id, asked_at)
		values (@workflow, @ask, @host, @connection, nullif(@practice, ''), nullif(@file, ''), @at)
		on conflict (workflow_id) do update set ask = excluded.ask, host = excluded.host,
			connection = excluded.connection, turn = nextval('permit_turns'), asked_at = excluded.asked_at
		where permits.ask < excluded.ask or permits.host <> excluded.host`,
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
	// other PerLogin. The same holds for servers ("host:port"), which have no
	// bound of their own otherwise.
	Closed, Doubtful               []string
	ClosedServers, DoubtfulServers []string
	PerLogin                       int
	// Max is how many may go in now.
	Max int
}

// PermitTurn is one that goes in.
type PermitTurn struct {
	PermitAsk
	// Port is that of its connection's server.
	Port int
}

// PermitLine is who goes in, and who waits.
type PermitLine struct {
	Next []PermitTurn
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
			"closed_servers": notNil(c.ClosedServers), "doubtful_servers": notNil(c.DoubtfulServers), "per_login": c.PerLogin, "max": c.Max,
		}
		var err error
		if line.Next, err = many[PermitTurn](ctx, tx, choosePermitsSQL, args); err != nil {
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

// serverSQL is the address of connection c; [ServerOf] says the same.
const serverSQL = `(lower(c.host) || ':' || c.port)`

// The first of each one's line stand before the second of anybody's; among
// them, who was served the longest time ago.
const choosePermitsSQL = `
with inside as (
	select p.connection, ` + serverSQL + ` as server from permits p join connections c on c.name = p.connection
	where p.workflow_id = any(@inside)
), queued as (
	select p.*, ` + serverSQL + ` as server, c.port, t.served_at,
		row_number() over (partition by ` + whoseSQL + ` order by p.turn) as nth
	from permits p
	join connections c on c.name = p.connection
	left join host_turns t on t.host = p.host and t.whose = ` + whoseSQL + `
	where p.host = @host and not p.workflow_id = any(@inside) and not p.connection = any(@closed)
		and not ` + serverSQL + ` = any(@closed_servers)
		and not exists (select from holds h where h.closed_at is null
			and (h.connection = p.connection or h.server = ` + serverSQL + `))
), placed as (
	select q.*, row_number() over (partition by q.connection order by q.nth, q.served_at nulls first, q.turn) as place
	from queued q
), allowed as (
	select p.*, row_number() over (partition by p.server order by p.nth, p.served_at nulls first, p.turn) as at_server
	from placed p
	where p.place + (select count(*) from inside i where i.connection = p.connection)
		<= case when p.connection = any(@doubtful) then 1 else @per_login end
)
select p.workflow_id, p.ask, p.host, p.connection, coalesce(p.practice, '') as practice,
	coalesce(p.file_id, '') as file_id, p.asked_at, p.port
from allowed p
where not p.server = any(@doubtful_servers)
	or p.at_server + (select count(*) from inside i where i.server = p.server) <= 1
order by p.nth, p.served_at nulls first, p.turn
limit @max`

// ConnectionHold is an open hold of a connection or of a server.
type ConnectionHold struct {
	ID, Connection, Server, Words string
	OpenedAt                      time.Time
}

// ConnectionHolds lists the open holds that a host's workflow has to settle, by
// ID, those after the given one.
func (s *Store) ConnectionHolds(ctx context.Context, workflowID, after string, limit int) ([]ConnectionHold, error) {
	all, err := many[ConnectionHold](ctx, s.pool, `
		select id, coalesce(connection, '') as connection, coalesce(server, '') as server, words, opened_at from holds
		where workflow_id = @workflow and (connection is not null or server is not null) and closed_at is null and id > @after
		order by id limit @limit`, pgx.NamedArgs{"workflow": workflowID, "after": after, "limit": limit})
	return all, fault("holds of connections", err)
}

// HeldConnection is a hold of a connection, or of its server, as those see it
// who wait for it.
type HeldConnection struct {
	Practice, Connection, HoldID string
	// Server is set where the server is what is held.
	Server string
	Since  time.Time
}

// HeldConnections lists the practices whose connection, or whose server, is
// held, by practice.
func (s *Store) HeldConnections(ctx context.Context) ([]HeldConnection, error) {
	all, err := many[HeldConnection](ctx, s.pool, `
		select p.id as practice, p.connection, h.id as hold_id, coalesce(h.server, '') as server, h.opened_at as since
		from practices p join connections c on c.name = p.connection
		join holds h on h.connection = c.name or h.server = `+serverSQL+`
		where h.closed_at is null and p.phase <> 'withdrawn' order by p.id, h.id`, nil)
	return all, fault("held connections", err)
}

// ConnectionHeld is the open hold that keeps a connection from being used, its
// own or its server's. ok is false where there is none.
func (s *Store) ConnectionHeld(ctx context.Context, connection string) (h Hold, ok bool, err error) {
	all, err := many[Hold](ctx, s.pool, `
		select `+holdColumns+` from holds where closed_at is null and (connection = @name
			or server = (select `+serverSQL+` from connections c where c.name = @name)) order by server nulls last limit 1`,
		pgx.NamedArgs{"name": connection})
	if err != nil || len(all) == 0 {
		return Hold{}, false, fault("hold of a connection", err)
	}
	return all[0], true, nil
}
