package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/transfer"
)

// ProfileSource gives the profile that holds for a practice: the registry's,
// with the overrides of the config folder and of the practice.
type ProfileSource interface {
	Profile(practice string) (*registry.Profile, error)
}

// Connections turns the connections of the database, which know only where a
// secret lies, into ones that can be dialled.
type Connections struct {
	DB *db.Store
	// Secret reads what a reference such as env:NAME or file:/path points at.
	Secret func(ref string) ([]byte, error)
	// Now is the real time, whatever the calendar says, by which a host key that
	// is pinned until a date is accepted. Without it such a key is not.
	Now Clock
}

// Connection reads a connection and its secrets. Kind Missing when there is
// none of that name, Unauthorised when a secret cannot be read: nobody can log
// in then, and a person must put it right.
func (c Connections) Connection(ctx context.Context, name string, settings registry.TransferSettings) (transfer.Connection, error) {
	stored, err := c.DB.Connection(ctx, name)
	if err != nil {
		return transfer.Connection{}, err
	}
	return c.Resolve(stored, settings)
}

// Resolve reads the secrets of a connection that need not be stored yet.
func (c Connections) Resolve(stored db.Connection, settings registry.TransferSettings) (transfer.Connection, error) {
	name := stored.Name
	conn := transfer.Connection{
		Name: stored.Name, Protocol: stored.Protocol, Host: stored.Host, Port: stored.Port,
		User: stored.Username, HostKeys: stored.HostKeys, CA: []byte(stored.Settings.CA), Settings: settings,
	}
	if c.Now != nil {
		conn.At = c.Now()
	}
	secret, err := c.secret(name, stored.SecretRef)
	if err != nil {
		return transfer.Connection{}, met(name, err)
	}
	if stored.Settings.Auth == db.AuthKey {
		conn.Key = secret
	} else {
		conn.Password = transfer.Secret(strings.TrimRight(string(secret), "\r\n"))
	}
	conn.Passphrase, err = c.secret(name, stored.Settings.PassphraseRef)
	return conn, met(name, err)
}

// dial opens a session, notes at what date the server's certificate ends where
// it has one, and says of what fails whether it is the login's or the server's.
func (c Connections) dial(ctx context.Context, d transfer.Dialer, conn transfer.Connection, at time.Time) (transfer.Remote, error) {
	remote, err := d.Dial(ctx, conn)
	if err == nil {
		for _, end := range remote.Capabilities().Ends() {
			_ = c.DB.SeeExpiry(ctx, db.SeenExpiry(conn.Name, db.Credential(end.What), end.At), at) // the next session shows it again
		}
		return remote, nil
	}
	server := db.ServerOf(conn.Host, conn.Port)
	if registry.KindOf(err) == registry.HostKeyChanged && c.othersKnowMore(ctx, conn.Name) {
		server = ""
	}
	return nil, metAt(conn.Name, server, err)
}

// othersKnowMore reports whether another connection to the same server accepts a
// key, or an authority, that this one does not: a key that is wrong here may be
// right there, and says nothing about the server then.
func (c Connections) othersKnowMore(ctx context.Context, name string) bool {
	all, err := c.DB.ServerConnections(ctx, name)
	if err != nil {
		return false // the hold is the server's then: too much is safer than too little
	}
	own := slices.IndexFunc(all, func(o db.Connection) bool { return o.Name == name })
	return own >= 0 && slices.ContainsFunc(all, func(o db.Connection) bool {
		return o.Settings.CA != all[own].Settings.CA || slices.ContainsFunc(o.HostKeys, func(pin string) bool {
			return !slices.Contains(all[own].HostKeys, pin)
		})
	})
}

func (c Connections) secret(name, ref string) (transfer.Secret, error) {
	if ref == "" {
		return nil, nil
	}
	b, err := c.Secret(ref)
	if err != nil {
		return nil, registry.Errorf(registry.Unauthorised, "connection "+name, "the secret at %s cannot be read: %w", ref, err)
	}
	return b, nil
}

// date is the calendar's date now, as rules and letters see it.
func (s Scope) date(clock Clock) time.Time { return s.Calendar.Date(clock()) }

// beat tells Temporal every few seconds that the activity lives, also while a
// server keeps it waiting. progress is what it has come to and must be safe to
// call at any time; nil where there is nothing to tell. The caller must call
// stop.
func beat(ctx context.Context, progress func() any) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	every := 5 * time.Second
	if timeout := activity.GetInfo(ctx).HeartbeatTimeout; timeout > 0 {
		every = min(every, timeout/3)
	}
	// The activity's own context records: ending the loop must not break off a
	// heartbeat that is on its way.
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			case <-ended:
				return
			}
			if progress == nil {
				activity.RecordHeartbeat(ctx)
			} else {
				activity.RecordHeartbeat(ctx, progress())
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
