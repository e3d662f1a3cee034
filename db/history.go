package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// HistorySource is a file that the EHR delivered for the historical load.
type HistorySource struct {
	ID, Digest, VaultKey string
	// Name is what the EHR called it: it decides the order and goes nowhere.
	Name string
}

// HistorySources lists the files that came out of a practice's historical
// outbox, were not given up, and are in no load that was approved. What we split
// them into did not come out of an outbox and is not among them.
func (s *Store) HistorySources(ctx context.Context, practice string) ([]HistorySource, error) {
	const op = "history sources"
	rows, err := s.pool.Query(ctx, `
		select f.id, f.digest, f.vault_key,
			(select source_name from arrivals where file_id = f.id order by at, token limit 1)
		from files f
		where f.practice = $1 and f.lane = 'historical' and f.state <> 'dropped'
		  and exists (select 1 from arrivals where file_id = f.id)
		  and not exists (select 1 from history_sources s join history_loads l using (practice, number)
			where s.file_id = f.id and l.state = 'loading')`, practice)
	if err != nil {
		return nil, fault(op, err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (HistorySource, error) {
		var h HistorySource
		var sealed []byte
		if err := row.Scan(&h.ID, &h.Digest, &h.VaultKey, &sealed); err != nil {
			return h, err
		}
		name, err := s.sealer.Open(sealed)
		h.Name = string(name)
		return h, err
	})
	return out, fault(op, err)
}

// HistoryPart is one part of a plan.
type HistoryPart struct {
	FileID string
	// Messages is how many were split into it.
	Messages int
}

// HistoryPlan is a plan to be kept.
type HistoryPlan struct {
	Practice string
	Digest   string
	// Sources are the files that gave the parts, in order.
	Sources []string
	// EHRs are those that the sources are of, one for each; nil: the present one.
	EHRs  []string
	Parts []HistoryPart
	At    time.Time
	// Basis tells what the plan was made from apart: a digest in hex, kept with it.
	Basis string
}

// HistoryLoad is the stored plan in numbers.
type HistoryLoad struct {
	// Number is 0 for the load itself, 1 and so on for its supplements.
	Number int    `db:"number"`
	State  string `db:"state"` // planned, loading
	Digest string `db:"digest"`
	Files  int    `db:"files"`
	// Came are the messages of the sources; Messages are those of them in parts.
	Came           int                  `db:"came"`
	Repeated       int                  `db:"repeated"`    // a newer one in the same plan says it
	SentBefore     int                  `db:"sent_before"` // what it says was sent and stands
	Messages       int                  `db:"messages"`
	Doses          int                  `db:"doses"` // of Messages, as are the years
	Parts          int                  `db:"parts"`
	Bytes          int64                `db:"bytes"`
	FirstYear      int                  `db:"first_year"`
	LastYear       int                  `db:"last_year"`
	Held           int                  `db:"held"`
	Errors         int                  `db:"errors"`
	Warnings       int                  `db:"warnings"`
	Top            []registry.RuleCount `db:"top"`
	PlannedAt      time.Time            `db:"planned_at"`
	Basis          string               `db:"basis"`
	ApprovedDigest string               `db:"approved_digest"`
	ApprovedBy     string               `db:"approved_by"`
	ApprovedAt     *time.Time           `db:"approved_at"`
}

const historyColumns = `number, state, digest, files, came, repeated, sent_before, messages, doses, parts, bytes, first_year, last_year,
	held, errors, warnings, top, planned_at, coalesce(basis, '') as basis, coalesce(approved_digest, '') as approved_digest,
	coalesce(approved_by, '') as approved_by, approved_at`

// SaveHistoryPlan keeps a plan in place of the one that nobody has approved,
// and counts it from the checks. The same plan of the same basis again changes
// nothing. After the load was sent it is a plan of the next supplement. Kind NotAllowed while parts
// are on their way, and where the practice's load is closed.
func (s *Store) SaveHistoryPlan(ctx context.Context, p HistoryPlan) (HistoryLoad, error) {
	const op = "history plan"
	var out HistoryLoad
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := historyIsOpen(ctx, tx, op, p.Practice); err != nil {
			return err
		}
		number, err := value[int](ctx, tx, `
			select coalesce(max(number) + 1, 0) from history_loads where practice = @practice and state = 'loading'`,
			pgx.NamedArgs{"practice": p.Practice})
		if err != nil {
			return err
		}
		args := pgx.NamedArgs{"practice": p.Practice, "number": number, "digest": p.Digest, "at": p.At, "basis": p.Basis}
		same, err := value[bool](ctx, tx, `
			select exists (select 1 from history_loads where practice = @practice and number = @number and digest = @digest
				and basis is not distinct from nullif(@basis, ''))`, args)
		if err != nil {
			return err
		}
		if !same {
			if err := replacePlan(ctx, tx, p, args); err != nil {
				return err
			}
		}
		out, err = one[HistoryLoad](ctx, tx, `
			select `+historyColumns+` from history_loads where practice = @practice and number = @number`, args)
		return err
	})
	return out, err
}

// historyIsOpen keeps a practice's load where it is until the transaction
// ends. Kind NotAllowed while it is loading and when it is closed.
func historyIsOpen(ctx context.Context, tx pgx.Tx, op, practice string) error {
	at, err := practiceForUpdate(ctx, tx, practice)
	if err != nil {
		return err
	}
	switch at.HistoryState {
	case registry.HistoryLoading:
		return registry.Errorf(registry.NotAllowed, op, "the historical load of %s is on its way; what came since becomes a supplement afterwards", practice)
	case registry.HistoryClosed:
		return registry.Errorf(registry.NotAllowed, op, "the historical load of %s is closed", practice)
	default:
		return nil
	}
}

// dropDraft takes away the plan that nobody has approved.
var dropDraft = []string{
	`delete from history_parts where practice = @practice and number = @number`,
	`delete from history_sources where practice = @practice and number = @number`,
	`delete from history_loads where practice = @practice and number = @number`,
}

func replacePlan(ctx context.Context, tx pgx.Tx, p HistoryPlan, args pgx.NamedArgs) error {
	ids, counts := make([]string, len(p.Parts)), make([]int, len(p.Parts))
	for i, part := range p.Parts {
		ids[i], counts[i] = part.FileID, part.Messages
	}
	ehrs := p.EHRs
	if ehrs == nil {
		ehrs = make([]string, len(p.Sources))
	}
	args["files"], args["counts"], args["sources"], args["ehrs"] = ids, counts, p.Sources, ehrs
	for _, sql := range append(dropDraft[:len(dropDraft):len(dropDraft)],
		`insert into history_loads (practice, number, digest, files, came, repeated, sent_before, messages, doses, parts,
			bytes, first_year, last_year, held, errors, warnings, top, planned_at, basis)
		select @practice, @number, @digest, count(*), sum(f.messages), l.repeated, l.sent_before, p.messages, y.doses,
			p.parts, p.bytes, y.first, y.last, sum(f.held), sum(f.errors), sum(f.warnings),
			coalesce((select jsonb_agg(t) from (
				select rule, severity, sum(count)::int as count from rule_counts where file_id = any(@sources)
				group by rule, severity order by sum(count) desc, rule limit 10) t), '[]'), @at, nullif(@basis, '')
		from files f,
			(select count(*) filter (where why = 'repeated') as repeated, count(*) filter (where why = 'sent-before') as sent_before
				from history_left_out where file_id = any(@sources)) l,
			(select count(*) as parts, sum(n) as messages, sum(size) as bytes
				from unnest(@files::text[], @counts::int[]) part (id, n) join files using (id)) p,
			(select count(*) as doses, coalesce(min(given_year), 0) as first, coalesce(max(given_year), 0) as last
				from doses d where file_id = any(@sources) and not exists (
					select 1 from history_left_out o where o.file_id = d.file_id and o.message = d.message)) y
		where f.id = any(@sources)
		group by l.repeated, l.sent_before, p.messages, p.parts, p.bytes, y.doses, y.first, y.last`,
		`insert into history_sources (practice, number, file_id, ordinal, ehr)
		select @practice, @number, file, n, ehr from unnest(@sources::text[], @ehrs::text[]) with ordinality as source (file, ehr, n)`,
		`insert into history_parts (practice, number, ordinal, file_id, messages)
		select @practice, @number, n + (select coalesce(max(ordinal), 0) from history_parts where practice = @practice), file, messages
		from unnest(@files::text[], @counts::int[]) with ordinality as part (file, messages, n)`,
	) {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return nil
}

// WaitingPlan is the plan that waits for its approval.
type WaitingPlan struct {
	HistoryLoad
	// Sources are the files that it was made from, in order.
	Sources []string `db:"sources"`
}

// WaitingHistoryPlan reads the plan that nobody has approved; ok is false where
// none waits.
func (s *Store) WaitingHistoryPlan(ctx context.Context, practice string) (p WaitingPlan, ok bool, err error) {
	found, err := many[WaitingPlan](ctx, s.pool, `
		select `+historyColumns+`,
			array(select file_id from history_sources x where x.practice = l.practice and x.number = l.number order by ordinal) as sources
		from history_loads l where practice = @practice and state = 'planned'`,
		pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return p, false, fault("history plan", err)
	}
	return found[0], true, nil
}

// HistoryLoads lists the load and its supplements in order; the last may be a
// plan that nobody has approved.
func (s *Store) HistoryLoads(ctx context.Context, practice string) ([]HistoryLoad, error) {
	loads, err := many[HistoryLoad](ctx, s.pool, `
		select `+historyColumns+` from history_loads where practice = @practice order by number`,
		pgx.NamedArgs{"practice": practice})
	return loads, fault("history loads", err)
}

// ApproveHistory records a named person's approval of exactly one plan and
// moves the load to loading, with its audit event, in one transaction. The same
// approval again changes nothing. Kind NotAllowed when the stored plan is
// another one, or the load was loaded before; Invalid without a person.
func (s *Store) ApproveHistory(ctx context.Context, practice, digest string, act Act) error {
	const op = "history approve"
	if act.By.Name == "" {
		return registry.Errorf(registry.Invalid, op, "a plan is approved by a named person")
	}
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		args := pgx.NamedArgs{"practice": practice, "digest": digest, "by": act.By.Name, "at": act.At}
		load, err := one[HistoryLoad](ctx, tx, `
			select `+historyColumns+` from history_loads where practice = @practice order by number desc limit 1`, args)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return registry.Errorf(registry.NotAllowed, op, "%s has no plan for a historical load", practice)
		case err != nil:
			return err
		case load.State == "loading" && load.ApprovedDigest == digest:
			return nil // done before
		case load.State == "loading":
			return registry.Errorf(registry.NotAllowed, op, "another plan was approved before; nothing waits for an approval")
		case load.Digest != digest:
			return registry.Errorf(registry.NotAllowed, op, "the plan has changed since; it needs an approval of its own")
		}
		if err := setHistory(ctx, tx, practice, registry.HistoryLoading, nil, act); err != nil {
			return err
		}
		args["number"] = load.Number
		_, err = tx.Exec(ctx, `
			update history_loads set state = 'loading', approved_digest = @digest, approved_by = @by, approved_at = @at
			where practice = @practice and number = @number`, args)
		return err
	})
}
