package db

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Act is who does something, why, when by the calendar, and under which key.
// The same key again is the same act: it changes nothing and answers the same.
type Act struct {
	Key    string
	By     registry.Actor
	Reason string
	At     time.Time
	// Evidence is an email in the file store that moved a practice; it may be
	// empty.
	Evidence string
}

// event is a row of the audit about to be written.
type event struct {
	practice, site, kind string
	from, to             string // states, where it moves one
	act                  Act
	detail               map[string]any
	// recorded marks what a person tells of the time before immtrail, or of what
	// went by other ways: nobody here witnessed it.
	recorded bool
}

// record appends the event; fresh is false where its key was there already.
func record(ctx context.Context, tx pgx.Tx, e event) (fresh bool, err error) {
	if e.detail == nil {
		e.detail = map[string]any{}
	}
	tag, err := tx.Exec(ctx, `
		insert into events (key, practice, site, kind, from_state, to_state,
			actor_name, actor_via, actor_claimed, reason, detail, at, recorded)
		values (@key, nullif(@practice, ''), @site, @kind, nullif(@from, ''), nullif(@to, ''),
			@name, @via, @claimed, @reason, @detail, @at, @recorded)
		on conflict (key) do nothing`,
		pgx.NamedArgs{
			"key": e.act.Key, "practice": e.practice, "site": e.site, "kind": e.kind, "from": e.from, "to": e.to,
			"name": e.act.By.Name, "via": e.act.By.Via, "claimed": e.act.By.Claimed, "reason": e.act.Reason,
			"detail": e.detail, "at": e.act.At, "recorded": e.recorded,
		})
	return tag.RowsAffected() == 1, err
}

// recorded returns the state that the act with this key led to; ok is false
// where the key is new. Kind Invalid where the key stands for something else:
// answering that would be a lie.
func recorded(ctx context.Context, tx pgx.Tx, key, practice, kind string) (to string, ok bool, err error) {
	type row struct{ Practice, Kind, ToState string }
	found, err := many[row](ctx, tx, `
		select coalesce(practice, '') as practice, kind, coalesce(to_state, '') as to_state
		from events where key = @key`, pgx.NamedArgs{"key": key})
	if err != nil || len(found) == 0 {
		return "", false, err
	}
	if found[0].Practice != practice || found[0].Kind != kind {
		return "", false, registry.Errorf(registry.Invalid, kind, "the key %s was used for another act", key)
	}
	return found[0].ToState, true, nil
}

// RecordAct appends an audit event that changes nothing else, once per key. An
// empty practice is allowed for acts that concern none.
func (s *Store) RecordAct(ctx context.Context, practice, site, kind string, act Act) error {
	return s.tx(ctx, "record "+kind, func(tx pgx.Tx) error {
		fresh, err := record(ctx, tx, event{practice: practice, site: site, kind: kind, act: act})
		if err != nil || fresh {
			return err
		}
		_, _, err = recorded(ctx, tx, act.Key, practice, kind)
		return err
	})
}

// Recorded tells which of keys the audit has an event of.
func (s *Store) Recorded(ctx context.Context, keys []string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `select key from events where key = any($1)`, keys)
	if err != nil {
		return nil, fault("audit", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	known := make(map[string]bool, len(found))
	for _, key := range found {
		known[key] = true
	}
	return known, fault("audit", err)
}

// Event is a row of the audit.
type Event struct {
	ID       int64
	Key      string
	Practice string
	Site     string
	Kind     string
	// From and To are states, where the event moved one.
	From, To string
	By       registry.Actor
	Reason   string
	Detail   json.RawMessage
	// Recorded says that a person told of it afterwards: it was not witnessed.
	Recorded   bool
	At         time.Time
	RecordedAt time.Time
}

// EventQuery narrows the audit.
type EventQuery struct {
	// Practice and Kind; empty means all.
	Practice, Kind string
	// Before pages back: only events with a smaller ID; 0 begins at the newest.
	Before int64
	// Max rows, at most 1000; 0 means 100.
	Max int
}

// Events lists the audit, newest first.
func (s *Store) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	const op = "audit"
	limit := min(q.Max, 1000)
	if limit <= 0 {
		limit = 100
	}
	rows, err := s.pool.Query(ctx, `
		select id, key, coalesce(practice, ''), site, kind, coalesce(from_state, ''), coalesce(to_state, ''),
			actor_name, actor_via, actor_claimed, reason, detail, recorded, at, recorded_at
		from events
		where (@practice = '' or practice = @practice) and (@kind = '' or kind = @kind)
			and (@before = 0 or id < @before)
		order by id desc limit @max`,
		pgx.NamedArgs{"practice": q.Practice, "kind": q.Kind, "before": q.Before, "max": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	return events, fault(op, err)
}

func scanEvent(row pgx.CollectableRow) (Event, error) {
	var e Event
	err := row.Scan(&e.ID, &e.Key, &e.Practice, &e.Site, &e.Kind, &e.From, &e.To,
		&e.By.Name, &e.By.Via, &e.By.Claimed, &e.Reason, &e.Detail, &e.Recorded, &e.At, &e.RecordedAt)
	return e, err
}
