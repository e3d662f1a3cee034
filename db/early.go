package db

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// KindApprovalEarly is the audit event of a Production email that came before the
// review; it is kept until the review is reached.
const KindApprovalEarly = "approval-early"

// RecordEarly keeps an approval that opens nothing yet, with who relayed it: in the
// audit, once per key. What is told of it later is another event. Kind Invalid
// where the approval cannot be used for the practice.
func (s *Store) RecordEarly(ctx context.Context, practice string, a registry.Approval, act Act) error {
	if why := a.Fault(practice); why != "" {
		return registry.Errorf(registry.Invalid, "early approval", "%s", why)
	}
	return s.tx(ctx, "early approval", func(tx pgx.Tx) error {
		fresh, err := record(ctx, tx, event{
			practice: practice, kind: KindApprovalEarly, act: act, detail: map[string]any{"approval": a},
		})
		if err != nil || fresh {
			return err
		}
		_, _, err = recorded(ctx, tx, act.Key, practice, KindApprovalEarly)
		return err
	})
}

// Early is an approval that waits for the review.
type Early struct {
	registry.Approval
	// By relayed it first.
	By registry.Actor
}

const earlySQL = `
	select detail->'approval' as approval, actor_name as name, actor_via as via, actor_claimed as claimed
	from events e where practice = @practice and kind = '` + KindApprovalEarly + `' and detail ? 'approval'
	and not exists (select from approvals a where a.practice = e.practice)
	order by id`

// EarlyApproval reads the approval that waits for the practice's review; ok is
// false where none does, also once it was applied.
func (s *Store) EarlyApproval(ctx context.Context, practice string) (e Early, ok bool, err error) {
	return early(ctx, s.pool, practice)
}

func early(ctx context.Context, from querier, practice string) (e Early, ok bool, err error) {
	const op = "early approval"
	type row struct {
		Approval  json.RawMessage
		Name, Via string
		Claimed   bool
	}
	told, err := many[row](ctx, from, earlySQL, pgx.NamedArgs{"practice": practice})
	if err != nil || len(told) == 0 {
		return e, false, fault(op, err)
	}
	if err := json.Unmarshal(told[len(told)-1].Approval, &e.Approval); err != nil {
		return e, false, registry.Errorf(registry.Invalid, op, "the early approval of %s cannot be read", practice)
	}
	e.By = registry.Actor{Name: told[0].Name, Via: told[0].Via, Claimed: told[0].Claimed}
	return e, true, nil
}
