package db

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Connection is a way to a registry's drop point, without its secrets.
type Connection struct {
	Name     string
	Protocol string // "sftp", "ftps", "byhand"
	Host     string
	Port     int
	Username string
	// SecretRef says where the password or the key lies: env:NAME, file:/path.
	SecretRef string
	// HostKeys are pinned, as lines of an authorized_keys file.
	HostKeys []string
	Settings ConnectionSettings
}

// Ways to log in.
const (
	AuthPassword = "password"
	AuthKey      = "key"
)

// ConnectionSettings are what only some connections have.
type ConnectionSettings struct {
	// Auth is what SecretRef points at: AuthPassword (the default) or AuthKey.
	Auth string `json:"auth,omitempty"`
	// PassphraseRef says where the key's passphrase lies.
	PassphraseRef string `json:"passphrase_ref,omitempty"`
	// Folder is where files lie that a person uploads (protocol byhand).
	Folder string `json:"folder,omitempty"`
	// CA are the authorities (PEM) of an FTPS server.
	CA string `json:"ca,omitempty"`
}

// ServerOf is the address by which connections share a server: "host:port".
func ServerOf(host string, port int) string { return strings.ToLower(host) + ":" + strconv.Itoa(port) }

// Server is where the connection leads.
func (c Connection) Server() string { return ServerOf(c.Host, c.Port) }

const connectionColumns = `name, protocol, host, port, username, secret_ref, host_keys, settings`

// SaveConnection adds or replaces a connection, with its audit event. Kind
// Invalid when the secret is not a reference or host and port are missing.
func (s *Store) SaveConnection(ctx context.Context, c Connection, act Act) error {
	return s.tx(ctx, "save connection", func(tx pgx.Tx) error {
		if c.HostKeys == nil {
			c.HostKeys = []string{}
		}
		_, err := tx.Exec(ctx, `
			insert into connections (`+connectionColumns+`, at)
			values (@name, @protocol, @host, @port, @username, @secret_ref, @host_keys, @settings, @at)
			on conflict (name) do update set protocol = excluded.protocol, host = excluded.host,
				port = excluded.port, username = excluded.username, secret_ref = excluded.secret_ref,
				host_keys = excluded.host_keys, settings = excluded.settings, at = excluded.at`,
			pgx.NamedArgs{
				"name": c.Name, "protocol": c.Protocol, "host": c.Host, "port": c.Port, "username": c.Username,
				"secret_ref": c.SecretRef, "host_keys": c.HostKeys, "settings": c.Settings, "at": act.At,
			})
		if err != nil {
			return err
		}
		_, err = record(ctx, tx, event{kind: "connection-saved", act: act, detail: map[string]any{
			"connection": c.Name, "host": c.Host, "port": c.Port, "host_keys": len(c.HostKeys),
		}})
		return err
	})
}

// Connection reads one connection. Kind Missing when there is none.
func (s *Store) Connection(ctx context.Context, name string) (Connection, error) {
	const op = "connection"
	c, err := one[Connection](ctx, s.pool, `select `+connectionColumns+` from connections where name = @name`,
		pgx.NamedArgs{"name": name})
	if errors.Is(err, pgx.ErrNoRows) {
		return c, registry.Errorf(registry.Missing, op, "there is no connection %q; `starter connection list` shows them", name)
	}
	return c, fault(op, err)
}

// Connections lists all, by name.
func (s *Store) Connections(ctx context.Context) ([]Connection, error) {
	all, err := many[Connection](ctx, s.pool, `select `+connectionColumns+` from connections order by name`, nil)
	return all, fault("connections", err)
}

// ServerConnections lists the connections that lead to the same server as the
// named one by the same protocol, itself among them, by name.
func (s *Store) ServerConnections(ctx context.Context, name string) ([]Connection, error) {
	all, err := many[Connection](ctx, s.pool, `
		select `+connectionColumns+` from connections c
		where exists (select from connections o where o.name = @name and o.protocol = c.protocol
			and lower(o.host) = lower(c.host) and o.port = c.port)
		order by c.name`, pgx.NamedArgs{"name": name})
	return all, fault("connections of a server", err)
}

// ConnectionsAt lists the names of the connections that lead to a server
// ("host:port", [ServerOf]).
func (s *Store) ConnectionsAt(ctx context.Context, server string) ([]string, error) {
	all, err := s.texts(ctx, `select c.name from connections c where c.protocol <> 'byhand' and `+serverSQL+` = @server order by 1`,
		pgx.NamedArgs{"server": server})
	return all, fault("connections of a server", err)
}
