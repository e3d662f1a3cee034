package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// OwnerRule says whose a practice's errors are from the next report on, where
// the catalogue's word is not to hold. Of several that fit an error the most
// particular one counts: of its site and code, of its site, of its code, of the
// practice.
type OwnerRule struct {
	Practice string         `db:"practice" json:"practice"`
	Site     string         `db:"site" json:"site,omitempty"` // empty: every site
	Code     string         `db:"code" json:"code,omitempty"` // empty: every code
	Owner    registry.Owner `db:"owner" json:"owner"`
	// Assignee has such errors in hand from the start; empty: nobody.
	Assignee string    `db:"assignee" json:"assignee,omitempty"`
	SetBy    string    `db:"set_by" json:"set_by"`
	Reason   string    `db:"reason" json:"reason"`
	At       time.Time `db:"at" json:"at"`
}

// OwnerRules lists the rules of a practice, or of all, by practice, site and
// code.
func (s *Store) OwnerRules(ctx context.Context, practice string) ([]OwnerRule, error) {
	rows, err := many[OwnerRule](ctx, s.pool, `
		select practice, site, code, owner, assignee, set_by, reason, at from owner_rules
		where @practice = '' or practice = @practice order by practice, site, code`, pgx.NamedArgs{"practice": practice})
	return rows, fault("owner rules", err)
}

// SetOwnerRule sets or replaces a rule, and gives the errors that are not settled
// and that nobody has in hand to whom it names; it says how many those were. The
// audit event is in the same transaction, the same key again changes nothing.
// Kind Invalid without a person or a reason, or for an owner that is none;
// Missing without such a practice.
func (s *Store) SetOwnerRule(ctx context.Context, r OwnerRule, act Act) (moved int, err error) {
	const op = "owner rule"
	if err := reasoned(op, "whose errors are is changed", act); err != nil {
		return 0, err
	}
	err = s.changeOwnerRule(ctx, op, "owner-rule-set", r, act, func(tx pgx.Tx, args pgx.NamedArgs) error {
		if _, err := tx.Exec(ctx, `
			insert into owner_rules (practice, site, code, owner, assignee, set_by, reason, at)
			values (@practice, @site, @code, @owner, @assignee, @by, @reason, @at)
			on conflict (practice, site, code) do update set owner = excluded.owner, assignee = excluded.assignee,
				set_by = excluded.set_by, reason = excluded.reason, at = excluded.at`, args); err != nil {
			return err
		}
		// Those that a more particular rule speaks of stay.
		tag, err := tx.Exec(ctx, `
			update errors e set owner = @owner, assignee = @assignee, owner_since = @at,
				state = case when @assignee = '' or e.state = 'fix-sent' then e.state else 'assigned' end
			where e.practice = @practice and (@site = '' or e.site = @site) and (@code = '' or e.code = @code)
			  and e.state in `+unsettled+` and e.assignee = '' and (e.owner <> @owner or @assignee <> '')
			  and not exists (select 1 from owner_rules o where o.practice = e.practice
				and o.site in (e.site, '') and o.code in (e.code, '')
				and (o.site = '')::int * 2 + (o.code = '')::int < (@site = '')::int * 2 + (@code = '')::int)`, args)
		moved = int(tag.RowsAffected())
		return err
	})
	return moved, err
}

// RemoveOwnerRule takes a rule away; errors that are open keep their owner. Kind
// Missing when there is none.
func (s *Store) RemoveOwnerRule(ctx context.Context, practice, site, code string, act Act) error {
	const op = "owner rule"
	return s.changeOwnerRule(ctx, op, "owner-rule-removed", OwnerRule{Practice: practice, Site: site, Code: code}, act,
		func(tx pgx.Tx, args pgx.NamedArgs) error {
			tag, err := tx.Exec(ctx, `delete from owner_rules where practice = @practice and site = @site and code = @code`, args)
			if err == nil && tag.RowsAffected() == 0 {
				return registry.Errorf(registry.Missing, op, "there is no such rule; `starter errors rule list` shows them")
			}
			return err
		})
}

func (s *Store) changeOwnerRule(
	ctx context.Context, op, kind string, r OwnerRule, act Act, change func(pgx.Tx, pgx.NamedArgs) error,
) error {
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, r.Practice); err != nil {
			return err
		}
		if _, again, err := recorded(ctx, tx, act.Key, r.Practice, kind); err != nil || again {
			return err
		}
		if err := change(tx, pgx.NamedArgs{
			"practice": r.Practice, "site": r.Site, "code": r.Code, "owner": string(r.Owner), "assignee": r.Assignee,
			"by": act.By.Name, "reason": act.Reason, "at": act.At,
		}); err != nil {
			return err
		}
		_, err := record(ctx, tx, event{
			practice: r.Practice, site: r.Site, kind: kind, act: act,
			detail: map[string]any{"code": r.Code, "owner": r.Owner, "assignee": r.Assignee},
		})
		return err
	})
}
