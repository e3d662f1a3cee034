package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// placeOf is SQL that brings a place, ours or the registry's, down to segment
// and field: RXA[2]-5.1 and RXA^2^5 become RXA-5, "RXA[1] RXR" becomes RXR.
func placeOf(column string) string {
	return `rtrim(regexp_replace(regexp_replace(` + column + `, '^.* ', ''),
		'^([A-Z][A-Z0-9]{2})(?:\[\d+\]|\^\d*)?(?:[-^](\d+))?.*$', '\1-\2'), '-')`
}

// comparePredictions keeps where a report and our verdict agree and where they
// do not. What the registry says of a message is a hit where a finding of ours
// in that message foretold it: by the rule that is known for the code, or by
// its place. A finding of ours is a false alarm where the registry took the
// message whole; a warning only where its code is known, since nobody can tell
// otherwise whether the registry looks at it, and only where the registry spoke
// of the message. The same thing in a later report is not counted again.
//
// Where a check found more than it keeps (findingsKept), what is not among the
// kept findings counts neither way.
func comparePredictions(ctx context.Context, tx pgx.Tx, in ReportImport) error {
	var keys, rules []string
	for _, f := range in.Foretold {
		if f.Rule != "" {
			keys, rules = append(keys, f.Key), append(rules, f.Rule)
		}
	}
	args := pgx.NamedArgs{
		"report": in.ReportID, "at": in.At, "keys": orEmpty(keys), "rules": orEmpty(rules),
		"skip": orEmpty(in.Unforetold), "cap": in.FindingsKept,
	}
	for _, sql := range []string{saidTable, `analyze report_said`, judgedSQL, predictedSQL, falseAlarmSQL, noFalseAlarmSQL} {
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
	}
	return nil
}

// knownRules are the rules that are known to foretell a key.
const knownRules = `known as (select * from unnest(@keys::text[], @rules::text[]) k (key, rule))`

// saidTable is what the report says of messages of ours, as far as a finding of
// ours could have foretold it.
const saidTable = `
create temp table report_said on commit drop as
	select distinct s.file_id, s.message, s.code, s.field as place,
		case when s.code = '' then s.field else s.code end as key
	from report_stage s
	where s.file_id is not null and s.kind = 'answer' and s.code not like 'FIR-%' and s.code <> all(@skip::text[])
	  and (s.code <> '' or s.location <> '' and s.outcome in
		('dose-rejected', 'patient-rejected', 'message-rejected', 'accepted-with-warnings'))`

// judgedSQL finds out what is new and whether it was foretold. It stands apart
// from what writes it: a statement that looks for rows in a table while it fills
// it reads what it has written again for each.
var judgedSQL = `
create temp table report_judged on commit drop as
with ` + knownRules + `, ours as (
	select s.file_id, s.message, s.code, s.place, f.rule, 1 as way, f.severity, f.ordinal
	from report_said s join findings f on f.file_id = s.file_id and f.message = s.message
	join known k on k.key = s.key and k.rule in (f.rule, split_part(f.rule, '.', 1))
	union all
	select s.file_id, s.message, s.code, s.place, f.rule, 2, f.severity, f.ordinal
	from report_said s join findings f on f.file_id = s.file_id and f.message = s.message
	where s.place <> '' and f.severity in ('E', 'W') and ` + placeOf("f.path") + ` = s.place
), best as (
	select distinct on (file_id, message, code, place) file_id, message, code, place, rule
	from ours order by file_id, message, code, place, way, severity, ordinal
), judged as (
	select s.*, b.rule from report_said s left join best b using (file_id, message, code, place)
)
select j.* from judged j
where (j.rule is not null or not exists (
		select 1 from known k join rule_counts c on k.rule in (c.rule, split_part(c.rule, '.', 1))
		where k.key = j.key and c.file_id = j.file_id and c.count > @cap))
  and not exists (
	select 1 from predictions p where p.file_id = j.file_id and p.message = j.message and p.kind <> 'false-alarm'
	  and p.code = j.code and p.place = j.place)`

const predictedSQL = `
insert into predictions (file_id, message, kind, code, place, rule, report_id, at)
select file_id, message, case when rule is null then 'miss' else 'hit' end, code, place, coalesce(rule, ''), @report, @at
from report_judged order by file_id, message
on conflict do nothing`

var falseAlarmSQL = `
with ` + knownRules + `
insert into predictions (file_id, message, kind, code, place, rule, report_id, at)
select distinct on (f.file_id, f.message, f.rule)
	f.file_id, f.message, 'false-alarm', '', ` + placeOf("f.path") + `, f.rule, @report, @at
from report_covers c
join findings f on f.file_id = c.file_id
join ` + answerOf("f.file_id", "f.message") + ` m on m.answer_report = @report
where c.report_id = @report
  and (f.severity = 'E' and m.answer in ('accepted', 'accepted-with-warnings', 'not-objected-to')
	or f.severity = 'W' and m.answer in ('accepted', 'accepted-with-warnings')
		and exists (select 1 from known k where k.rule in (f.rule, split_part(f.rule, '.', 1))))
  and not exists (
	select 1 from predictions p where p.file_id = f.file_id and p.message = f.message and p.rule = f.rule)
order by f.file_id, f.message, f.rule, f.ordinal
on conflict do nothing`

// What an earlier report was silent about and this one says.
const noFalseAlarmSQL = `
delete from predictions a using report_judged h
where h.rule <> '' and a.kind = 'false-alarm'
  and a.file_id = h.file_id and a.message = h.message and a.rule = h.rule`

// PredictionFilter narrows what is counted; what is empty does not.
type PredictionFilter struct {
	Practice string
	// Since keeps what was reported from then on.
	Since time.Time
}

func (f PredictionFilter) args() pgx.NamedArgs {
	since := &f.Since
	if f.Since.IsZero() {
		since = nil
	}
	return pgx.NamedArgs{"practice": f.Practice, "since": since}
}

// CodeScore is how well one code of the registry was foretold.
type CodeScore struct {
	// Code of the registry; where it gave none, Place is segment and field.
	Code  string `db:"code"`
	Place string `db:"place"`
	// Hits and Misses count messages.
	Hits   int `db:"hits"`
	Misses int `db:"misses"`
	// Rules of ours that hit.
	Rules []string `db:"rules"`
}

// RuleScore is how one rule of ours stands against the registry.
type RuleScore struct {
	Rule string `db:"rule"`
	// Hits and FalseAlarms count messages.
	Hits        int `db:"hits"`
	FalseAlarms int `db:"false_alarms"`
}

// Agreement compares verdicts of whole messages: what we expected to be refused
// in part or whole (Bad) against what was.
type Agreement struct {
	BothTook    int `db:"both_took"`
	BothRefused int `db:"both_refused"`
	// WeTook were refused by the registry alone, TheyTook by us alone.
	WeTook   int `db:"we_took"`
	TheyTook int `db:"they_took"`
}

// Predictions is how right our verdicts were.
type Predictions struct {
	Codes     []CodeScore
	Rules     []RuleScore
	Agreement Agreement
}

// Predictions counts where reports and our verdicts agree: codes and rules with
// the most to say first.
func (s *Store) Predictions(ctx context.Context, f PredictionFilter) (Predictions, error) {
	const op = "predictions"
	var out Predictions
	var err error
	out.Codes, err = many[CodeScore](ctx, s.pool, `
		select p.code, case when p.code = '' then p.place else '' end as place,
			count(*) filter (where p.kind = 'hit')::int as hits, count(*) filter (where p.kind = 'miss')::int as misses,
			coalesce(array_agg(distinct p.rule) filter (where p.rule <> ''), '{}') as rules
		from predictions p join files f on f.id = p.file_id
		where p.kind <> 'false-alarm' and (@practice = '' or f.practice = @practice)
		  and (@since::timestamptz is null or p.at >= @since)
		group by 1, 2 order by count(*) desc, 1, 2 limit 1000`, f.args())
	if err != nil {
		return out, fault(op, err)
	}
	out.Rules, err = many[RuleScore](ctx, s.pool, `
		select p.rule, count(*) filter (where p.kind = 'hit')::int as hits,
			count(*) filter (where p.kind = 'false-alarm')::int as false_alarms
		from predictions p join files f on f.id = p.file_id
		where p.rule <> '' and (@practice = '' or f.practice = @practice)
		  and (@since::timestamptz is null or p.at >= @since)
		group by 1 order by count(*) desc, 1`, f.args())
	if err != nil {
		return out, fault(op, err)
	}
	const refused = `('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')`
	out.Agreement, err = one[Agreement](ctx, s.pool, `
		select count(*) filter (where not ours and not theirs)::int as both_took,
			count(*) filter (where ours and theirs)::int as both_refused,
			count(*) filter (where not ours and theirs)::int as we_took,
			count(*) filter (where ours and not theirs)::int as they_took
		from (
			select m.outcome in `+refused+` as ours, m.answer in `+refused+` as theirs
			from answered m join files f on f.id = m.file_id
			where m.answer is not null and m.answer <> 'unknown' and not m.held
			  and (@practice = '' or f.practice = @practice)
			  and (@since::timestamptz is null or m.answered_at >= @since)
		) v`, f.args())
	return out, fault(op, err)
}
