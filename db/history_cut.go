package db

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// HistoryCut says which messages of a source a part consists of, in the order of
// the part.
type HistoryCut struct {
	Part, Source string
	// Ordinals are those of the messages in the source; Offsets, Lengths and Lines
	// say where they lie in the part, Lines as the difference to the source.
	Ordinals []int32
	Offsets  []int64
	Lengths  []int32
	Lines    []int32
}

// SaveHistoryCut keeps what a part was cut from. Cut again, the later cut counts.
func (s *Store) SaveHistoryCut(ctx context.Context, c HistoryCut) error {
	_, err := s.pool.Exec(ctx, `
		insert into history_cuts (part, source, ordinals, offsets, lengths, lines)
		values (@part, @source, @ordinals, @offsets, @lengths, @lines)
		on conflict (part) do update set source = excluded.source, ordinals = excluded.ordinals,
			offsets = excluded.offsets, lengths = excluded.lengths, lines = excluded.lines`,
		pgx.NamedArgs{
			"part": c.Part, "source": c.Source, "ordinals": c.Ordinals, "offsets": c.Offsets, "lengths": c.Lengths, "lines": c.Lines,
		})
	return fault("history cut", err)
}

// JudgedBy is what a judgement depends on besides the bytes.
type JudgedBy struct {
	RuleSet string
	Changed []registry.RuleGrade
	// Basis tells settings and sites apart: a digest in hex.
	Basis string
	// Kept is how many findings of a rule a check keeps. Where a source has more
	// of one, nobody knows which messages they are of.
	Kept int
}

// CopyCheck gives a part the judgement of the source that it was cut from, rows
// and all, as [Store.SaveCheck] would keep it. ok is false, and nothing is
// changed, where the part was not cut from a source, or the source was judged by
// something else or has more findings than were kept: the part is judged by
// itself then. Again changes nothing. Kind Missing without such a file.
//
// What the registry answered stays; what LeaveOutSince held is decided anew.
func (s *Store) CopyCheck(ctx context.Context, practice, part string, by JudgedBy, at time.Time) (out CheckResult, ok bool, err error) {
	err = s.tx(ctx, "copy check", func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": part, "practice": practice, "kept": by.Kept}
		if _, err := value[string](ctx, tx, `select id from files where id = @id and practice = @practice for update`, args); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return noFile(part)
			}
			return err
		}
		source, messages, err := cutFrom(ctx, tx, by, args)
		if err != nil || source == "" {
			return err
		}
		args["source"] = source
		copied, err := copyRows(ctx, tx, args)
		if err != nil {
			return err
		}
		if copied != messages {
			return registry.Errorf(registry.Invalid, "copy check", "%d of the %d messages of %s are in its source %s", copied, messages, part, source)
		}
		if out, err = copiedResult(ctx, tx, by, args); err != nil {
			return err
		}
		out.At, ok = at, true
		return finishCheck(ctx, tx, part, out)
	})
	return out, ok, err
}

// cutFrom is the source whose judgement holds for a part, and how many messages
// the part has; empty where none holds.
func cutFrom(ctx context.Context, tx pgx.Tx, by JudgedBy, args pgx.NamedArgs) (source string, messages int, err error) {
	type row struct {
		Source   string
		Messages int
		RuleSet  string
		Changed  []registry.RuleGrade
		Basis    string
		Whole    bool
	}
	found, err := many[row](ctx, tx, `
		select c.source, cardinality(c.ordinals) as messages, coalesce(f.rule_set, '') as rule_set, f.rules_changed as changed, coalesce(f.basis, '') as basis,
			not exists (select 1 from rule_counts r where r.file_id = c.source and r.count > @kept) as whole
		from history_cuts c join files f on f.id = c.source where c.part = @id and f.practice = @practice for share of f`, args)
	if err != nil || len(found) == 0 {
		return "", 0, err
	}
	r := found[0]
	if !r.Whole || r.RuleSet != by.RuleSet || !slices.Equal(r.Changed, by.Changed) || r.Basis != by.Basis || r.Basis == "" {
		return "", 0, nil
	}
	return r.Source, r.Messages, nil
}

// cutSQL are the messages of a part beside those of its source. What is joined to
// them is looked up row by row ("offset 0" keeps the planner from turning that
// into a scan): tables that grow by the hour have no statistics to go by, and one
// scan for each part makes a load take the square of its time.
const cutSQL = `
	with cut as materialized (
		select o.src, o.n::integer as dst, o.at, o.length, o.line from history_cuts c
		cross join lateral unnest(c.ordinals, c.offsets, c.lengths, c.lines) with ordinality o (src, at, length, line, n)
		where c.part = @id
	) `

// copyRows copies messages, doses and findings.
func copyRows(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (messages int, err error) {
	const columns = `control_id, sending_app, sending_facility, site, outcome, held, patient, control_key, content_key,
		chart_digest, patient_digest, sent_on, says_key`
	for _, sql := range []string{
		`delete from findings where file_id = @id`,
		`delete from rule_counts where file_id = @id`,
		`delete from doses where file_id = @id`,
		`delete from dose_counts where file_id = @id`,
		cutSQL + `
		insert into messages (file_id, ordinal, byte_offset, byte_length, ` + columns + `)
		select @id, cut.dst, cut.at, cut.length, ` + columns + `
		from cut cross join lateral (
			select * from messages where file_id = @source and ordinal = cut.src offset 0) m
		on conflict (file_id, ordinal) do update set byte_offset = excluded.byte_offset, byte_length = excluded.byte_length,
			(` + columns + `) = row(excluded.control_id, excluded.sending_app, excluded.sending_facility, excluded.site,
				excluded.outcome, excluded.held, excluded.patient, excluded.control_key, excluded.content_key,
				excluded.chart_digest, excluded.patient_digest, excluded.sent_on, excluded.says_key)`,
		cutSQL + `
		insert into doses (file_id, message, ordinal, record_digest, given_year, details, corrects)
		select @id, cut.dst, d.ordinal, d.record_digest, d.given_year, d.details, d.corrects
		from cut cross join lateral (select * from doses where file_id = @source and message = cut.src offset 0) d`,
		cutSQL + `
		insert into findings (file_id, ordinal, rule, severity, message, path, byte_offset, line)
		select @id, row_number() over (order by cut.dst, f.ordinal), f.rule, f.severity, cut.dst, f.path,
			f.byte_offset - m.byte_offset + cut.at, f.line + cut.line
		from (select * from findings where file_id = @source offset 0) f join cut on cut.src = f.message
		cross join lateral (select byte_offset from messages where file_id = @source and ordinal = cut.src offset 0) m`,
	} {
		tag, err := tx.Exec(ctx, sql, args)
		if err != nil {
			return 0, err
		}
		if tag.Insert() && messages == 0 { // the first to be written
			messages = int(tag.RowsAffected())
		}
	}
	return messages, nil
}

// copiedResult sums up what was copied, as the checker does.
func copiedResult(ctx context.Context, tx pgx.Tx, by JudgedBy, args pgx.NamedArgs) (CheckResult, error) {
	out := CheckResult{Changed: by.Changed, Basis: by.Basis}
	c := &out.Summary
	c.RuleSet, c.Changed, c.ChangedRules = by.RuleSet, shortGrades(by.Changed), len(by.Changed)
	type totals struct {
		Messages, Held, Doses int
		Outcome               registry.Outcome
	}
	t, err := one[totals](ctx, tx, `
		select count(*)::int as messages, (count(*) filter (where held))::int as held,
			(select count(*) from doses where file_id = @id)::int as doses,
			(array_agg(outcome order by outcome_rank(outcome)))[1] as outcome
		from messages where file_id = @id and ordinal <= (select cardinality(ordinals) from history_cuts where part = @id)`, args)
	if err != nil {
		return out, err
	}
	c.Messages, c.Held, c.Doses, c.Outcome = t.Messages, t.Held, t.Doses, t.Outcome
	out.Counts, err = many[registry.RuleCount](ctx, tx, `
		select rule, severity, count(*)::int as count from findings where file_id = @id group by rule, severity order by rule`, args)
	if err != nil {
		return out, err
	}
	for _, n := range out.Counts {
		switch n.Severity {
		case registry.SeverityError:
			c.Errors += n.Count
		case registry.SeverityWarning:
			c.Warnings += n.Count
		case registry.SeverityInfo:
			c.Infos += n.Count
		}
	}
	c.Top, err = many[registry.RuleCount](ctx, tx, `
		select rule, severity, count(*)::int as count from findings where file_id = @id group by rule, severity
		order by position(severity in 'EWI'), count(*) desc, rule limit 10`, args)
	c.ErrorFree = c.Errors == 0
	c.HoldFile = c.Messages > 0 && c.Held == c.Messages
	if c.Outcome == registry.OutcomeAccepted && c.Errors+c.Warnings > 0 {
		c.Outcome = registry.OutcomeWarned
	}
	return out, err
}
