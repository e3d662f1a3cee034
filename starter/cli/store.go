package cli

import (
	"context"
	"crypto/rand"
	"time"

	"immtrail/db"
	"immtrail/internal/wire"
	"immtrail/registry"
	"immtrail/vault"
)

// wire opens rooms from the settings.
func (a *app) wire() (wire.Wire, error) {
	cfg, err := a.config()
	if err != nil {
		return wire.Wire{}, err
	}
	return wire.Wire{Config: cfg, Getenv: a.env.Getenv}, nil
}

// store opens the database once, and refuses a schema that is not this build's.
func (a *app) store(ctx context.Context) (*db.Store, error) {
	if a.db != nil {
		return a.db, nil
	}
	w, err := a.wire()
	if err != nil {
		return nil, err
	}
	store, err := w.Store(ctx)
	if err != nil {
		return nil, couldNot("%w\n`starter doctor` looks at everything", err)
	}
	a.closers = append(a.closers, store.Close)
	if err := store.CheckSchema(ctx); err != nil {
		return nil, couldNot("%w", err)
	}
	a.db = store
	return store, nil
}

// fileStore opens the file store once.
func (a *app) fileStore(ctx context.Context) (*vault.Vault, error) {
	w, err := a.wire()
	if err != nil {
		return nil, err
	}
	v, err := w.FileStore(ctx)
	if err != nil {
		return nil, couldNot("%w", err)
	}
	a.closers = append(a.closers, func() { _ = v.Close() }) // everything was synced when it was put
	return v, nil
}

// act is what a person does now. Each run of a command is an act of its own.
func (a *app) act(by registry.Actor, what, reason string) db.Act {
	return db.Act{
		Key: "cli/" + what + "/" + rand.Text(),
		By:  by, Reason: reason, At: a.now(),
	}
}

// day is a date as screens show it.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// since is how long ago t was, in words of whole days.
func since(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	days := int(now.Sub(t).Hours() / 24)
	if days <= 0 {
		return "today"
	}
	return plural(days, "day", "days")
}
