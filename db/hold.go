package db

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Hold is a wait for a person.
type Hold struct {
	ID         string
	Practice   string // empty where the hold concerns none, as of a connection
	Connection string // set where a connection is what is held
	Server     string // "host:port", set where a server is what is held
	WorkflowID string
	Reason     registry.HoldReason
	// What names the step and the thing; Words are a machine's words.
	What, Words string
	OpenedAt    time.Time
	// Actions end this hold; empty means all that its reason allows.
	Actions []registry.HoldAction
	// ClosedAt is nil while the hold is open.
	ClosedAt    *time.Time
	Action      registry.HoldAction
	ClosedBy    string
	CloseReason string
}

// Offers are the actions that end this hold, in the order to be shown.
func (h Hold) Offers() []registry.HoldAction {
	if len(h.Actions) > 0 {
		return h.Actions
	}
	return h.Reason.Actions()
}

// OpenHold records a hold, with its audit event. The same ID again changes
// nothing. Kind Invalid where the connection is held already, or the ID is that of
// another workflow's hold.
func (s *Store) OpenHold(ctx context.Context, h Hold) error {
	return s.tx(ctx, "open hold", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			insert into holds (id, practice, connection, server, workflow_id, reason, what, words, opened_at, actions)
			values (@id, nullif(@practice, ''), nullif(@connection, ''), nullif(@server, ''), @workflow, @reason, @what, @words, @at, @actions)
			on conflict (id) do nothing`,
			pgx.NamedArgs{
				"id": h.ID, "practice": h.Practice, "workflow": h.WorkflowID, "reason": h.Reason,
				"connection": h.Connection, "server": h.Server, "actions": h.Actions, "what": h.What, "words": h.Words, "at": h.OpenedAt,
			})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return sameHold(ctx, tx, h)
		}
		_, err = record(ctx, tx, event{
			practice: h.Practice, kind: "hold-opened", to: string(h.Reason),
			act:    Act{Key: "hold-opened/" + h.ID, By: registry.System, At: h.OpenedAt},
			detail: map[string]any{"hold": h.ID, "what": h.What},
		})
		return err
	})
}

// sameHold makes sure that the hold that is there is this one: under another's ID it
// would be shown to nobody.
func sameHold(ctx context.Context, tx pgx.Tx, h Hold) error {
	whose, err := value[string](ctx, tx, `select workflow_id from holds where id = @id`, pgx.NamedArgs{"id": h.ID})
	if err == nil && whose != h.WorkflowID {
		err = registry.Errorf(registry.Invalid, "open hold", "%s is a hold of %s already", h.ID, whose)
	}
	return err
}

// CloseHold records who settled a hold and how; act.Key is made here. A hold
// that is settled stays as it was settled first. Kind Missing without such a
// hold, NotAllowed when its reason does not allow the action.
func (s *Store) CloseHold(ctx context.Context, id string, action registry.HoldAction, act Act) error {
	const op = "close hold"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		type row struct {
			Practice string
			Reason   registry.HoldReason
			Actions  []registry.HoldAction
			Closed   bool
		}
		h, err := one[row](ctx, tx, `
			select coalesce(practice, '') as practice, reason, actions, closed_at is not null as closed
			from holds where id = @id for update`, pgx.NamedArgs{"id": id})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return registry.Errorf(registry.Missing, op, "there is no hold %q", id)
		case err != nil || h.Closed:
			return err
		case !h.Reason.Allows(action), h.Actions != nil && !slices.Contains(h.Actions, action):
			return registry.Errorf(registry.NotAllowed, op, "%q cannot end a hold for %q", action, h.Reason)
		}
		if _, err := tx.Exec(ctx, `
			update holds set closed_at = @at, action = @action, closed_by = @by, close_reason = @reason
			where id = @id`,
			pgx.NamedArgs{"id": id, "at": act.At, "action": action, "by": act.By.Name, "reason": act.Reason}); err != nil {
			return err
		}
		act.Key = "hold-closed/" + id
		_, err = record(ctx, tx, event{
			practice: h.Practice, kind: "hold-closed", to: string(action), act: act,
			detail: map[string]any{"hold": id},
		})
		return err
	})
}

const holdColumns = `id, coalesce(practice, '') as practice, coalesce(connection, '') as connection,
	coalesce(server, '') as server, workflow_id, reason, what, words, opened_at, actions, closed_at,
	coalesce(action, '') as action, coalesce(closed_by, '') as closed_by, coalesce(close_reason, '') as close_reason`

// Holds lists holds, the oldest first; of one practice, with those of its
// connection and of that connection's server, or of all where practice is empty.
// Those of a practice that was withdrawn wait for nobody any more, and are not
// open.
func (s *Store) Holds(ctx context.Context, practice string, openOnly bool) ([]Hold, error) {
	all, err := many[Hold](ctx, s.pool, `
		select `+holdColumns+` from holds
		where (@practice = '' or practice = @practice
			or exists (select from practices p join connections c on c.name = p.connection
				where p.id = @practice and (holds.connection = c.name or holds.server = `+serverSQL+`))) and (not @open or closed_at is null
			and not exists (select from practices p where p.id = holds.practice and p.phase = 'withdrawn'))
		order by opened_at, id`, pgx.NamedArgs{"practice": practice, "open": openOnly})
	return all, fault("holds", err)
}

// Hold reads one. Kind Missing when there is none.
func (s *Store) Hold(ctx context.Context, id string) (Hold, error) {
	const op = "hold"
	h, err := one[Hold](ctx, s.pool, `
		select `+holdColumns+` from holds where id = @id`, pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return h, registry.Errorf(registry.Missing, op, "there is no hold %q", id)
	}
	return h, fault(op, err)
}
