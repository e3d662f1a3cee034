package db

import (
	"context"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// CadenceSet is the kind of the event that a person set when files are sent.
const CadenceSet = "cadence-set"

// SetCadence keeps when a practice's outbox is emptied, with its audit event. A
// zero cadence goes back to what the profile says. again is true where it was so
// already: nothing is written then. Kind Invalid for a cadence that cannot be
// kept, Missing without such a practice.
func (s *Store) SetCadence(ctx context.Context, practice string, c registry.Cadence, act Act) (again bool, err error) {
	const op = "set cadence"
	if c.Every != "" {
		if err := c.Check(); err != nil {
			return false, registry.Errorf(registry.Invalid, op, "%w", err)
		}
	}
	words := "as the profile says"
	if c.Every != "" {
		words = c.Words()
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		args := pgx.NamedArgs{"practice": practice, "cadence": c, "by": act.By.Name, "at": act.At}
		sql := `insert into cadences (practice, cadence, by_name, at) values (@practice, @cadence, @by, @at)
			on conflict (practice) do update set cadence = excluded.cadence, by_name = excluded.by_name, at = excluded.at
			where cadences.cadence <> excluded.cadence`
		if c.Every == "" {
			sql = `delete from cadences where practice = @practice`
		}
		tag, err := tx.Exec(ctx, sql, args)
		if err != nil || tag.RowsAffected() == 0 {
			again = err == nil
			return err
		}
		_, err = record(ctx, tx, event{practice: practice, kind: CadenceSet, to: words, act: act, detail: map[string]any{"cadence": c}})
		return err
	})
	return again, err
}

// Cadence is what a person set for a practice; ok is false where nobody did.
func (s *Store) Cadence(ctx context.Context, practice string) (c registry.Cadence, ok bool, err error) {
	type row struct{ Cadence registry.Cadence }
	found, err := many[row](ctx, s.pool, `select cadence from cadences where practice = @practice`, pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return c, false, fault("cadence", err)
	}
	return found[0].Cadence, true, nil
}
