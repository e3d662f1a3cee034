package db

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Waiting is who waits for a connection, or for a server.
type Waiting struct {
	// Connections are those that somebody waits for.
	Connections []string
	Practices   []WaitingPractice
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

// waitingSQL are the permits of one connection, or of every connection that
// leads to a server.
const waitingSQL = `select w.* from permits w join connections c on c.name = w.connection
	where w.connection = @connection or ` + serverSQL + ` = @server`

// WaitingFor tells which practices, sites and files wait for a connection.
func (s *Store) WaitingFor(ctx context.Context, connection string, limit int) (Waiting, error) {
	return s.waiting(ctx, pgx.NamedArgs{"connection": connection, "server": "", "limit": limit})
}

// WaitingForServer is WaitingFor of every connection that leads to a server
// ("host:port", [ServerOf]).
func (s *Store) WaitingForServer(ctx context.Context, server string, limit int) (Waiting, error) {
	return s.waiting(ctx, pgx.NamedArgs{"connection": "", "server": server, "limit": limit})
}

func (s *Store) waiting(ctx context.Context, args pgx.NamedArgs) (Waiting, error) {
	const op = "who waits for a connection"
	practices, err := many[WaitingPractice](ctx, s.pool, `
		with waits as (`+waitingSQL+`)
		select w.practice as id, c.name, count(*)::int as files,
			coalesce((select array_agg(distinct m.site order by m.site) from waits p
				join messages m on m.file_id = p.file_id
				where p.practice = w.practice and m.site <> '' and not m.held), '{}') as sites
		from waits w join practices c on c.id = w.practice
		where w.file_id is not null
		group by w.practice, c.name order by w.practice`, args)
	if err != nil {
		return Waiting{}, fault(op, err)
	}
	out := Waiting{Practices: practices}
	for _, p := range practices {
		out.Files += p.Files
	}
	if out.Connections, err = s.texts(ctx, `select distinct connection from (`+waitingSQL+`) w order by 1`, args); err != nil {
		return out, fault(op, err)
	}
	out.Names, err = s.texts(ctx, `
		select coalesce(d.remote_name, p.file_id) from (`+waitingSQL+`) p
		left join lateral (select remote_name from deliveries where file_id = p.file_id and state <> 'abandoned'
			order by attempt desc limit 1) d on true
		where p.file_id is not null order by p.asked_at, p.turn limit @limit`, args)
	return out, fault(op, err)
}

// texts reads a single column.
func (s *Store) texts(ctx context.Context, sql string, args pgx.NamedArgs) ([]string, error) {
	rows, err := s.pool.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
