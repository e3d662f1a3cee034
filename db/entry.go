package db

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// kindEntered is the audit event of a practice that came to immtrail at a later
// stage than the first.
const kindEntered = "entered"

// Entry is where a practice stands when it comes to immtrail.
type Entry struct {
	// From is the stage that it has reached: testing, in review or production.
	From registry.Phase `json:"from"`
	// Since is the day (YYYY-MM-DD) on which it reached it.
	Since string `json:"since"`
	// History is "none" (the vendor has no old records), "done" (they were sent
	// before) or "due" (to be asked for now).
	History string `json:"history"`
	// Evidence is said in words; EvidenceID finds a document in the file store.
	Evidence   string `json:"evidence,omitempty"`
	EvidenceID string `json:"evidence_id,omitempty"`
}

// The answers about a historical load before immtrail.
const (
	EntryHistoryNone = "none"
	EntryHistoryDue  = "due"
	EntryHistoryDone = "done"
)

// historyAfter is the state that an answer leads to; empty leaves it.
func (e Entry) historyAfter() registry.HistoryState {
	switch e.History {
	case EntryHistoryNone:
		return registry.HistoryNone
	case EntryHistoryDone:
		return registry.HistoryClosed
	}
	return ""
}

// Fault says why an entry cannot be recorded on the day today (YYYY-MM-DD), or "".
func (e Entry) Fault(today string) string {
	if _, err := registry.EventsTo(e.From); err != nil || e.From == registry.PhaseRegistered {
		return "from: testing, in-review or production"
	}
	if _, err := time.Parse(time.DateOnly, e.Since); err != nil {
		return "since: the day on which that stage was reached, such as 2026-03-31"
	}
	if e.Since > today {
		return "since: lies in the future"
	}
	switch e.History {
	case EntryHistoryNone, EntryHistoryDue, EntryHistoryDone:
	case "":
		if e.From == registry.PhaseProduction {
			return "history: none, due or done"
		}
	default:
		return "history: none, due or done"
	}
	if e.From != registry.PhaseProduction && e.History != "" && e.History != EntryHistoryDue {
		return "history: before production there is none that was sent; leave it out, or say due"
	}
	return ""
}

// Enter records that a practice comes in at a later stage. It walks the arrows
// of the phase diagram, each as an event that is recorded and not witnessed;
// nothing is sent for any of them. Into production it needs the approval.
// The same entry again changes nothing.
//
// Kinds: NotAllowed when the practice is under way here already (what was
// witnessed is not overwritten) or has another entry, Invalid when entry or
// approval cannot be used, Missing without such a practice.
func (s *Store) Enter(ctx context.Context, practice string, e Entry, approval *registry.Approval, act Act) (again bool, err error) {
	const op = "enter"
	if fault := e.Fault(act.At.Format(time.DateOnly)); fault != "" {
		return false, registry.Errorf(registry.Invalid, op, "%s", fault)
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		at, err := practiceForUpdate(ctx, tx, practice)
		if err != nil {
			return err
		}
		before, ok, err := entryOf(ctx, tx, practice)
		switch {
		case err != nil:
			return err
		case ok && before.From == e.From && before.Since == e.Since && before.History == e.History:
			again = true
			return nil
		case ok && before.Since != "":
			return registry.Errorf(registry.NotAllowed, op, "%s came in at %s, since %s, and that stands in the audit",
				practice, before.From.Words(), before.Since)
		case at.Phase != registry.PhaseRegistered && (!ok || at.Phase != e.From):
			return registry.Errorf(registry.NotAllowed, op, "%s is %s here already; what was witnessed is not overwritten",
				practice, at.Phase.Words())
		}
		return enter(ctx, tx, practice, at, e, approval, act)
	})
	return again, err
}

func enter(ctx context.Context, tx pgx.Tx, practice string, at standing, e Entry, approval *registry.Approval, act Act) error {
	if at.Phase == registry.PhaseRegistered {
		if err := walkTo(ctx, tx, practice, e, approval, act); err != nil {
			return err
		}
	}
	if next := e.historyAfter(); next != "" {
		told := act
		told.Key += "/history"
		if err := setHistory(ctx, tx, practice, next, nil, told); err != nil {
			return err
		}
	}
	act.Key += "/entered"
	_, err := record(ctx, tx, event{
		practice: practice, kind: kindEntered, to: string(e.From), act: act, recorded: true,
		detail: map[string]any{
			"from": e.From, "since": e.Since, "history": e.History, "evidence": e.Evidence, "evidence_id": e.EvidenceID,
		},
	})
	return err
}

// walkTo takes the arrows from the first stage to the entry's.
func walkTo(ctx context.Context, tx pgx.Tx, practice string, e Entry, approval *registry.Approval, act Act) error {
	arrows, err := registry.EventsTo(e.From)
	if err != nil {
		return err
	}
	from := registry.PhaseRegistered
	for _, what := range arrows {
		to, err := registry.Next(from, what)
		if err != nil {
			return err
		}
		detail := map[string]any{"event": what}
		if to == e.From {
			detail["since"] = e.Since
		}
		if what == registry.EventApproved {
			if err := storeApproval(ctx, tx, practice, approval, act); err != nil {
				return err
			}
			detail["approved_by"], detail["email_date"] = approval.ApprovedBy, approval.EmailDate
		}
		if _, err := tx.Exec(ctx, `update practices set phase = @to where id = @id`,
			pgx.NamedArgs{"to": to, "id": practice}); err != nil {
			return err
		}
		step := act
		step.Key = fmt.Sprintf("%s/%s", act.Key, what)
		if _, err := record(ctx, tx, event{
			practice: practice, kind: kindPhase, from: string(from), to: string(to), act: step, detail: detail, recorded: true,
		}); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// EntryOf is how a practice came in; ok is false where it began at the beginning.
// One that was added at a later stage has an entry without a date.
func (s *Store) EntryOf(ctx context.Context, practice string) (e Entry, ok bool, err error) {
	e, ok, err = entryOf(ctx, s.pool, practice)
	return e, ok, fault("entry", err)
}

func entryOf(ctx context.Context, q querier, practice string) (e Entry, ok bool, err error) {
	type row struct {
		Kind, ToState string
		Detail        json.RawMessage
	}
	found, err := many[row](ctx, q, `
		select kind, coalesce(to_state, '') as to_state, detail from events
		where practice = @practice and (kind = 'entered' or kind = 'practice-added' and to_state <> 'registered')
		order by kind = 'entered' desc, id desc limit 1`, pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return e, false, err
	}
	if found[0].Kind != kindEntered {
		return Entry{From: registry.Phase(found[0].ToState)}, true, nil
	}
	return e, true, json.Unmarshal(found[0].Detail, &e)
}
