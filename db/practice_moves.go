package db

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Kinds of audit events that move a practice. The schema looks for them when
// the transaction commits.
const (
	kindPhase      = "phase"
	kindHistory    = "history"
	kindSubmission = "submission"
)

// MovePhase moves a practice along the arrow that what names, with its audit
// event. EventApproved needs the approval and stores it. Kind NotAllowed when
// the diagram has no such arrow or another approval is stored already, Invalid
// when the approval cannot be used, Missing without such a practice.
func (s *Store) MovePhase(
	ctx context.Context, practice string, what registry.PhaseEvent, act Act, approval *registry.Approval,
) (registry.Phase, error) {
	const op = "move phase"
	var to registry.Phase
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		at, err := practiceForUpdate(ctx, tx, practice)
		if err != nil {
			return err
		}
		before, again, err := recorded(ctx, tx, act.Key, practice, kindPhase)
		if err != nil || again {
			to = registry.Phase(before)
			return err
		}
		if to, err = registry.Next(at.Phase, what); err != nil {
			return registry.Errorf(registry.NotAllowed, op, "%w", err)
		}
		detail := map[string]any{"event": what}
		if what == registry.EventApproved {
			if err := storeApproval(ctx, tx, practice, approval, act); err != nil {
				return err
			}
			detail["approved_by"], detail["email_date"] = approval.ApprovedBy, approval.EmailDate
			if approval.OverrideBy != "" {
				detail["override_by"], detail["override_reason"] = approval.OverrideBy, approval.OverrideReason
			}
		}
		if act.Evidence != "" {
			detail["evidence"] = act.Evidence
		}
		if _, err := tx.Exec(ctx, `update practices set phase = @to where id = @id`,
			pgx.NamedArgs{"to": to, "id": practice}); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: kindPhase, from: string(at.Phase), to: string(to), act: act, detail: detail,
		})
		return err
	})
	return to, err
}

func storeApproval(ctx context.Context, tx pgx.Tx, practice string, a *registry.Approval, act Act) error {
	const op = "approval"
	if a == nil {
		return registry.Errorf(registry.Invalid, op, "there is no approval to go with it")
	}
	if fault := a.Fault(practice); fault != "" {
		return registry.Errorf(registry.Invalid, op, "%s", fault)
	}
	stored, err := approvalForUpdate(ctx, tx, practice)
	if err == nil {
		if !stored.Same(*a) {
			return registry.Errorf(registry.NotAllowed, op, "another approval is stored for %s", practice)
		}
		return updateEvidence(ctx, tx, stored.Merge(*a))
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into approvals (practice, approved_by, email_date, message_id, evidence_id, sender, override_by, override_reason, at)
		values (@practice, @approved_by, @email_date::text::date, @message_id, @evidence_id, @sender, @override_by, @override_reason, @at)`,
		pgx.NamedArgs{
			"practice": practice, "approved_by": a.ApprovedBy, "email_date": a.EmailDate,
			"message_id": a.MessageID, "evidence_id": a.EvidenceID, "at": act.At,
			"sender": a.From, "override_by": a.OverrideBy, "override_reason": a.OverrideReason,
		})
	return err
}

const approvalColumns = `practice, approved_by, email_date::text as email_date, message_id, evidence_id,
	sender as "from", override_by, override_reason`

func approvalForUpdate(ctx context.Context, tx pgx.Tx, practice string) (registry.Approval, error) {
	return one[registry.Approval](ctx, tx, `select `+approvalColumns+` from approvals where practice = @practice for update`, pgx.NamedArgs{"practice": practice})
}

func updateEvidence(ctx context.Context, tx pgx.Tx, a registry.Approval) error {
	_, err := tx.Exec(ctx, `
		update approvals set message_id = @message_id, evidence_id = @evidence_id, sender = @sender,
			override_by = @override_by, override_reason = @override_reason where practice = @practice`,
		pgx.NamedArgs{
			"practice": a.Practice, "message_id": a.MessageID, "evidence_id": a.EvidenceID,
			"sender": a.From, "override_by": a.OverrideBy, "override_reason": a.OverrideReason,
		})
	return err
}

// RecordEvidence completes the stored approval by what it left open. Kind
// NotAllowed when there is none or when a tells another approval.
func (s *Store) RecordEvidence(ctx context.Context, a registry.Approval, act Act) error {
	const op = "record evidence"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		stored, err := approvalForUpdate(ctx, tx, a.Practice)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return registry.Errorf(registry.NotAllowed, op, "%s has no approval yet", a.Practice)
		case err != nil:
			return err
		case !stored.Same(a):
			return registry.Errorf(registry.NotAllowed, op, "another approval is stored for %s", a.Practice)
		}
		merged := stored.Merge(a)
		if merged == stored {
			return nil
		}
		if err := updateEvidence(ctx, tx, merged); err != nil {
			return err
		}
		// The row only ever gains, so what it gained makes the key.
		h := fnv.New64a()
		_, _ = fmt.Fprint(h, merged.MessageID, "\x00", merged.EvidenceID, "\x00", merged.From, "\x00", merged.OverrideBy)
		act.Key = fmt.Sprintf("evidence/%s/%x", a.Practice, h.Sum64())
		_, err = record(ctx, tx, event{practice: a.Practice, kind: "evidence", act: act, detail: map[string]any{
			"message_id": merged.MessageID, "evidence_id": merged.EvidenceID, "from": merged.From,
			"override_by": merged.OverrideBy, "override_reason": merged.OverrideReason,
		}})
		return err
	})
}

// Approval reads the stored approval of a practice; ok is false without one.
func (s *Store) Approval(ctx context.Context, practice string) (a registry.Approval, ok bool, err error) {
	found, err := many[registry.Approval](ctx, s.pool, `select `+approvalColumns+` from approvals where practice = @practice`, pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return a, false, fault("approval", err)
	}
	return found[0], true, nil
}

// HistoryAnswer is what the EHR vendor said about a historical load.
type HistoryAnswer struct {
	Can bool
	// Since is YYYY-MM-DD; empty where Can is false or nobody knows.
	Since string
}

// SetHistory moves the state of the historical load with its audit event. Kind
// NotAllowed where next cannot follow.
func (s *Store) SetHistory(
	ctx context.Context, practice string, next registry.HistoryState, answer *HistoryAnswer, act Act,
) error {
	return s.tx(ctx, "set history", func(tx pgx.Tx) error {
		return setHistory(ctx, tx, practice, next, answer, act)
	})
}

// setHistory is SetHistory inside a transaction that does more.
func setHistory(
	ctx context.Context, tx pgx.Tx, practice string, next registry.HistoryState, answer *HistoryAnswer, act Act,
) error {
	at, err := practiceForUpdate(ctx, tx, practice)
	if err != nil {
		return err
	}
	if _, again, err := recorded(ctx, tx, act.Key, practice, kindHistory); err != nil || again {
		return err
	}
	if !at.HistoryState.CanFollow(next) {
		return registry.Errorf(registry.NotAllowed, "set history", "the historical load cannot go from %s to %s",
			at.HistoryState, next)
	}
	if next == registry.HistoryClosed && at.HistoryState != next && act.By == registry.System {
		return registry.Errorf(registry.Invalid, "set history", "a historical load is closed by a named person")
	}
	detail := map[string]any{}
	args := pgx.NamedArgs{"id": practice, "next": next, "answered": answer != nil, "can": false, "since": ""}
	if answer != nil {
		args["can"], args["since"] = answer.Can, answer.Since
		detail["can"], detail["since"] = answer.Can, answer.Since
	}
	if _, err := tx.Exec(ctx, `
		update practices set history_state = @next,
			history_can = case when @answered then @can else history_can end,
			history_since = case when @answered then nullif(@since, '')::date else history_since end
		where id = @id`, args); err != nil {
		return err
	}
	_, err = record(ctx, tx, event{
		practice: practice, kind: kindHistory, from: string(at.HistoryState), to: string(next), act: act, detail: detail,
	})
	return err
}

// SetSubmission switches ongoing submission with its audit event.
func (s *Store) SetSubmission(ctx context.Context, practice string, next registry.SubmissionState, act Act) error {
	return s.tx(ctx, "set submission", func(tx pgx.Tx) error {
		at, err := practiceForUpdate(ctx, tx, practice)
		if err != nil {
			return err
		}
		if _, again, err := recorded(ctx, tx, act.Key, practice, kindSubmission); err != nil || again {
			return err
		}
		if _, err := tx.Exec(ctx, `update practices set submission_state = @next where id = @id`,
			pgx.NamedArgs{"id": practice, "next": next}); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: kindSubmission, from: string(at.SubmissionState), to: string(next), act: act,
		})
		return err
	})
}
