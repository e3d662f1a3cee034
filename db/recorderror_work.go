package db

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// WaiveError gives an error up for a person's reason, with its audit event in
// the same transaction. The same key again changes nothing. Kind Invalid
// without a person or a reason, NotAllowed for an error that is settled.
func (s *Store) WaiveError(ctx context.Context, id string, act Act) error {
	return s.endError(ctx, "error waive", id, registry.ErrorWaived, act)
}

// CorrectError ends an error that a person mended at the registry itself, with
// a note of what was done. Otherwise as [Store.WaiveError]. A later report
// that still complains opens it again.
func (s *Store) CorrectError(ctx context.Context, id string, act Act) error {
	return s.endError(ctx, "error correct", id, registry.ErrorCorrected, act)
}

func (s *Store) endError(ctx context.Context, op, id string, to registry.ErrorState, act Act) error {
	if strings.TrimSpace(act.By.Name) == "" || strings.TrimSpace(act.Reason) == "" {
		return registry.Errorf(registry.Invalid, op, "an error is ended by a named person and with a reason")
	}
	return s.moveError(ctx, op, id, "error-"+string(to), "", act, func(tx pgx.Tx, e RecordError) (registry.ErrorState, error) {
		_, err := tx.Exec(ctx, `
			update errors set state = @to, settled_at = @at, settled_by = @by, reason = @reason, verified_by = null
			where id = @id`,
			pgx.NamedArgs{"id": id, "to": string(to), "at": act.At, "by": act.By.Name, "reason": act.Reason})
		return to, err
	})
}

// AssignError puts an error into somebody's hands, and into an owner's where
// owner is not empty; an empty assignee takes it out of anybody's. Whoever has it now
// has it since then; the error stays as old as it is. Kind
// NotAllowed for an error that is settled.
func (s *Store) AssignError(ctx context.Context, id, assignee string, owner registry.Owner, act Act) error {
	return s.moveError(ctx, "error assign", id, "error-assigned", assignee, act, func(tx pgx.Tx, e RecordError) (registry.ErrorState, error) {
		to := registry.ErrorAssigned
		switch {
		case e.State == registry.ErrorFixSent:
			to = registry.ErrorFixSent
		case assignee == "":
			to = registry.ErrorOpen
		}
		if owner == "" {
			owner = e.Owner
		}
		_, err := tx.Exec(ctx, `
			update errors set assignee = @assignee, owner = @owner, state = @to,
				owner_since = case when assignee = @assignee and owner = @owner then owner_since else @at end
			where id = @id`,
			pgx.NamedArgs{"id": id, "assignee": assignee, "owner": string(owner), "to": string(to), "at": act.At})
		return to, err
	})
}

// moveError changes an error that is not settled, with its audit event, which names
// whom it was assigned to.
func (s *Store) moveError(
	ctx context.Context, op, id, kind, assignee string, act Act, change func(pgx.Tx, RecordError) (registry.ErrorState, error),
) error {
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		e, err := one[RecordError](ctx, tx, recordErrorFrom+` where e.id = @id for no key update of e`, pgx.NamedArgs{"id": id})
		if err != nil {
			return noSuchError(op, id, err)
		}
		if _, again, err := recorded(ctx, tx, act.Key, e.Practice, kind); err != nil || again {
			return err
		}
		if e.State.Settled() {
			return registry.Errorf(registry.NotAllowed, op, "%s is %s already", id, e.State)
		}
		to, err := change(tx, e)
		if err != nil {
			return err
		}
		detail := map[string]any{"error": id, "code": e.Code}
		if assignee != "" {
			detail["to"] = assignee
		}
		_, err = record(ctx, tx, event{
			practice: e.Practice, site: e.Site, kind: kind, from: string(e.State), to: string(to), act: act,
			detail: detail,
		})
		return err
	})
}

// claimFixes marks the errors whose record the file holds anew. That is a claim
// until a report proves it. The file in which they were refused is none.
func claimFixes(ctx context.Context, tx pgx.Tx, file string) error {
	// Most files have nothing to mend, and looking up each of their records is dear.
	wanted, err := value[bool](ctx, tx, `
		select exists (select 1 from errors e join files f on f.practice = e.practice
			where f.id = @file and e.state in ('open', 'assigned'))`, pgx.NamedArgs{"file": file})
	if err != nil || !wanted {
		return err
	}
	_, err = tx.Exec(ctx, `
		update errors e set state = 'fix-sent', fix_file = @file
		from (
			select distinct e.id
			from files tf
			join doses td on td.file_id = tf.id
			cross join lateral (
				select from messages where file_id = @file and ordinal = td.message and not held offset 0) tm
			cross join lateral (
				select file_id, message, ordinal from doses where record_digest = td.record_digest and file_id <> @file offset 0) ed
			join errors e on e.file_id = ed.file_id and e.message = ed.message and (e.dose is null or e.dose = ed.ordinal)
			join files ef on ef.id = e.file_id and (ef.lane = 'test') = (tf.lane = 'test')
			where tf.id = @file and e.practice = tf.practice and e.state in ('open', 'assigned')
		) claimed
		where e.id = claimed.id`,
		pgx.NamedArgs{"file": file})
	return err
}

// ErrorGroup is all errors of one code and owner in one practice: what a
// coordinator works through at once.
type ErrorGroup struct {
	Practice string         `db:"practice"`
	Code     string         `db:"code"`
	Owner    registry.Owner `db:"owner"`
	Errors   int            `db:"errors"`
	Sites    int            `db:"sites"`
	// Times counts the items that reported them.
	Times int `db:"times"`
}

// GroupErrors lists errors by practice, code and owner, the largest group
// first. It reads counters and takes no longer for a million errors than for
// ten, except where f asks for a file, an assignee or an age.
func (s *Store) GroupErrors(ctx context.Context, f ErrorFilter) ([]ErrorGroup, error) {
	where, args := f.where()
	from := `error_counts e` + where + `and e.errors > 0`
	if !f.counted() {
		from = `(select e.practice, e.code, e.owner, e.site, 1 as errors, e.times from errors e` + where + `) e`
	}
	rows, err := many[ErrorGroup](ctx, s.pool, `
		select e.practice, e.code, e.owner, sum(e.errors)::int as errors,
			count(distinct e.site)::int as sites, sum(e.times)::int as times
		from `+from+`
		group by e.practice, e.code, e.owner order by sum(e.errors) desc, e.practice, e.code limit @limit`, args)
	return rows, fault("errors list", err)
}

// ErrorEnds counts the errors of a practice, or of all, by state.
func (s *Store) ErrorEnds(ctx context.Context, practice string) (map[registry.ErrorState]int, error) {
	rows, err := many[struct {
		State  registry.ErrorState `db:"state"`
		Errors int                 `db:"errors"`
	}](ctx, s.pool, `
		select state, sum(errors)::int as errors from error_counts
		where errors > 0 and (@practice = '' or practice = @practice) group by state`,
		pgx.NamedArgs{"practice": practice})
	out := map[registry.ErrorState]int{}
	for _, r := range rows {
		out[r.State] = r.Errors
	}
	return out, fault("errors count", err)
}
