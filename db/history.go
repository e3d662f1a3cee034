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
// outbox and were not given up, in the order of their names. What we split them
// into did not come out of an outbox and is not among them.
func (s *Store) HistorySources(ctx context.Context, practice string) ([]HistorySource, error) {
	const op = "history sources"
	rows, err := s.pool.Query(ctx, `
		select f.id, f.digest, f.vault_key,
			(select source_name from arrivals where file_id = f.id order by at, token limit 1)
		from files f
		where f.practice = $1 and f.lane = 'historical' and f.state <> 'dropped'
		  and exists (select 1 from arrivals where file_id = f.id)`, practice)
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
	Sources  int
	Parts    []HistoryPart
	At       time.Time
}

// HistoryLoad is the stored plan in numbers.
type HistoryLoad struct {
	State          string               `db:"state"` // planned, loading
	Digest         string               `db:"digest"`
	Files          int                  `db:"files"`
	Messages       int                  `db:"messages"`
	Doses          int                  `db:"doses"`
	Parts          int                  `db:"parts"`
	Bytes          int64                `db:"bytes"`
	FirstYear      int                  `db:"first_year"`
	LastYear       int                  `db:"last_year"`
	Held           int                  `db:"held"`
	Errors         int                  `db:"errors"`
	Warnings       int                  `db:"warnings"`
	Top            []registry.RuleCount `db:"top"`
	PlannedAt      time.Time            `db:"planned_at"`
	ApprovedDigest string               `db:"approved_digest"`
	ApprovedBy     string               `db:"approved_by"`
	ApprovedAt     *time.Time           `db:"approved_at"`
}

const historyColumns = `state, digest, files, messages, doses, parts, bytes, first_year, last_year, held, errors,
	warnings, top, planned_at, coalesce(approved_digest, '') as approved_digest,
	coalesce(approved_by, '') as approved_by, approved_at`

// SaveHistoryPlan keeps a plan in place of the one before and counts it from
// the checks of its parts. The same plan again changes nothing. Kind NotAllowed
// once the load was approved, and where the practice's load is closed.
func (s *Store) SaveHistoryPlan(ctx context.Context, p HistoryPlan) (HistoryLoad, error) {
	const op = "history plan"
	var out HistoryLoad
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := historyIsOpen(ctx, tx, op, p.Practice); err != nil {
			return err
		}
		args := pgx.NamedArgs{"practice": p.Practice, "digest": p.Digest, "sources": p.Sources, "at": p.At}
		same, err := value[bool](ctx, tx, `
			select exists (select 1 from history_loads where practice = @practice and digest = @digest)`, args)
		if err != nil {
			return err
		}
		if !same {
			if err := replacePlan(ctx, tx, p, args); err != nil {
				return err
			}
		}
		out, err = one[HistoryLoad](ctx, tx, `select `+historyColumns+` from history_loads where practice = @practice`, args)
		return err
	})
	return out, err
}

// historyIsOpen keeps a practice's load where it is until the transaction
// ends. Kind NotAllowed when it is loading or closed.
func historyIsOpen(ctx context.Context, tx pgx.Tx, op, practice string) error {
	at, err := practiceForUpdate(ctx, tx, practice)
	if err != nil {
		return err
	}
	if at.HistoryState == registry.HistoryLoading || at.HistoryState == registry.HistoryClosed {
		return registry.Errorf(registry.NotAllowed, op, "the historical load of %s is %s; it is sent once", practice, at.HistoryState)
	}
	return nil
}

func replacePlan(ctx context.Context, tx pgx.Tx, p HistoryPlan, args pgx.NamedArgs) error {
	ids, counts := make([]string, len(p.Parts)), make([]int, len(p.Parts))
	for i, part := range p.Parts {
		ids[i], counts[i] = part.FileID, part.Messages
	}
	args["files"], args["counts"] = ids, counts
	for _, sql := range []string{
		`delete from history_parts where practice = @practice`,
		`delete from history_loads where practice = @practice`,
		`insert into history_loads (practice, digest, files, messages, doses, parts, bytes, first_year, last_year,
			held, errors, warnings, top, planned_at)
		select @practice, @digest, @sources, (select sum(n) from unnest(@counts::int[]) n), sum(f.doses), count(*), sum(f.size),
			coalesce((select min(given_year) from doses where file_id = any(@files)), 0),
			coalesce((select max(given_year) from doses where file_id = any(@files)), 0),
			sum(f.held), sum(f.errors), sum(f.warnings),
			coalesce((select jsonb_agg(t) from (
				select rule, severity, sum(count)::int as count from rule_counts where file_id = any(@files)
				group by rule, severity order by sum(count) desc, rule limit 10) t), '[]'), @at
		from files f where f.id = any(@files)`,
		`insert into history_parts (practice, ordinal, file_id, messages)
		select @practice, n, file, messages
		from unnest(@files::text[], @counts::int[]) with ordinality as part (file, messages, n)`,
	} {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return nil
}

// HistoryLoad reads the stored plan; ok is false where there is none.
func (s *Store) HistoryLoad(ctx context.Context, practice string) (h HistoryLoad, ok bool, err error) {
	h, err = one[HistoryLoad](ctx, s.pool, `select `+historyColumns+` from history_loads where practice = @practice`,
		pgx.NamedArgs{"practice": practice})
	if errors.Is(err, pgx.ErrNoRows) {
		return h, false, nil
	}
	return h, err == nil, fault("history load", err)
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
		load, err := one[HistoryLoad](ctx, tx, `select `+historyColumns+` from history_loads where practice = @practice`, args)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return registry.Errorf(registry.NotAllowed, op, "%s has no plan for a historical load", practice)
		case err != nil:
			return err
		case load.State == "loading" && load.ApprovedDigest == digest:
			return nil // done before
		case load.State == "loading":
			return registry.Errorf(registry.NotAllowed, op, "another plan was approved before; the load is sent once")
		case load.Digest != digest:
			return registry.Errorf(registry.NotAllowed, op, "the plan has changed since; it needs an approval of its own")
		}
		if err := setHistory(ctx, tx, practice, registry.HistoryLoading, nil, act); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			update history_loads set state = 'loading', approved_digest = @digest, approved_by = @by, approved_at = @at
			where practice = @practice`, args)
		return err
	})
}

// HistoryParts lists parts of the approved plan in order, after an ordinal.
// Kind NotAllowed while nobody has approved the plan.
func (s *Store) HistoryParts(ctx context.Context, practice string, after, limit int) ([]StoredPart, error) {
	const op = "history parts"
	load, ok, err := s.HistoryLoad(ctx, practice)
	if err != nil {
		return nil, err
	}
	if !ok || load.State != "loading" {
		return nil, registry.Errorf(registry.NotAllowed, op, "the plan of %s is not approved", practice)
	}
	rows, err := many[StoredPart](ctx, s.pool, `
		select p.ordinal, f.id, f.digest, f.size from history_parts p join files f on f.id = p.file_id
		where p.practice = @practice and p.ordinal > @after order by p.ordinal limit @limit`,
		pgx.NamedArgs{"practice": practice, "after": after, "limit": atMost(limit)})
	return rows, fault(op, err)
}

// StoredPart is a part of the approved plan.
type StoredPart struct {
	Ordinal int    `db:"ordinal"`
	ID      string `db:"id"`
	Digest  string `db:"digest"`
	Size    int64  `db:"size"`
}

// HistoryCounts is a load in numbers. Every message of the plan is sent, held,
// duplicate, dropped or not sent yet.
type HistoryCounts struct {
	Parts     int `db:"parts"`
	Delivered int `db:"delivered"` // parts
	Messages  int `db:"messages"`
	// Sent is what confirmed deliveries consisted of.
	Sent int `db:"sent"`
	// Held were left out by our checker, whether the part was sent or not.
	Held int `db:"held"`
	// Duplicate are in parts whose content had been delivered before.
	Duplicate int `db:"duplicate"`
	// Dropped are in parts that our checker refused or a person gave up.
	Dropped int `db:"dropped"`
	NotSent int `db:"not_sent"`
	// The answers to what was sent.
	Accepted    int `db:"accepted"`
	Warned      int `db:"warned"`
	Rejected    int `db:"rejected"`
	NotObjected int `db:"not_objected"`
	Unanswered  int `db:"unanswered"`
}

// CountHistory counts a load from what is stored. The three sources are apart,
// so that they can disagree: messages as they were split, messages as they were
// put into deliveries, and answers as reports gave them. Kind Missing without a
// plan.
func (s *Store) CountHistory(ctx context.Context, practice string) (HistoryCounts, error) {
	const op = "history count"
	if _, ok, err := s.HistoryLoad(ctx, practice); err != nil || !ok {
		if err == nil {
			err = registry.Errorf(registry.Missing, op, "%s has no plan for a historical load", practice)
		}
		return HistoryCounts{}, err
	}
	c, err := one[HistoryCounts](ctx, s.pool, countHistorySQL, pgx.NamedArgs{"practice": practice})
	return c, fault(op, err)
}

const countHistorySQL = `
with parts as (
	select p.file_id, p.messages, f.state, d.messages as sent, coalesce(d.held, f.held, 0) as held
	from history_parts p
	join files f on f.id = p.file_id
	left join deliveries d on d.file_id = p.file_id and d.state = 'confirmed'
	where p.practice = @practice
), split as (
	select count(*) as parts, count(sent) as delivered, sum(messages) as messages,
		coalesce(sum(sent), 0) as sent, sum(held) as held,
		coalesce(sum(messages - held) filter (where sent is null and state in ('delivered', 'answered')), 0) as duplicate,
		coalesce(sum(messages - held) filter (where sent is null and state in ('refused', 'dropped')), 0) as dropped,
		coalesce(sum(messages - held) filter (where sent is null and state = 'staged'), 0) as not_sent
	from parts
), answers as (
	select ` + answerCounts + `
	from answered m join parts p on p.file_id = m.file_id and p.sent is not null where not m.held
)
select s.parts, s.delivered, s.messages, s.sent, s.held, s.duplicate, s.dropped, s.not_sent,
	a.accepted, a.warned, a.rejected, a.not_objected, a.unanswered
from split s, answers a`
