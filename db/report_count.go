package db

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// filesBefore are the files that the report answers. Of a fresh one nothing was
// answered before, so that what this report says is all there is to count.
const filesBefore = `
	insert into report_files (file_id, fresh)
	select file_id, not exists (select from answers a where a.file_id = c.file_id)
		and not exists (select from answer_pages p where p.file_id = c.file_id)
	from (select distinct file_id from report_covers where report_id = @report) c`

// countReport brings the counters of the report's files to what its answers have
// made of them, as countAnswers would. A fresh file takes no look at each of its
// messages: those that the report does not answer are what is left.
func countReport(ctx context.Context, tx pgx.Tx, report string) error {
	args := pgx.NamedArgs{"report": report}
	for _, step := range []string{
		freshCounts,
		`update report_files f set fresh = false from report_counts c where c.file_id = f.file_id and c.short`,
		`delete from answer_counts where file_id in (select file_id from report_files where fresh)`,
		`insert into answer_counts (file_id, site, answer, messages)
		select c.file_id, c.site, c.answer, c.messages from report_counts c join report_files f using (file_id)
		where f.fresh and c.messages > 0`,
		`delete from cause_counts where file_id in (select file_id from report_files where fresh)`,
		freshCauses,
	} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	return countAnswers(ctx, tx, `in (select file_id from report_files where not fresh)`, args)
}

// freshCounts counts what fresh files are to have. Where that is more than the
// counters had (short), they are wrong, and the file is counted anew.
const freshCounts = `
	create temp table report_counts on commit drop as
	with told as (
		select s.file_id, s.site, 'accepted' as answer, sum(s.messages) as messages
		from report_sites s join report_files f using (file_id) where f.fresh group by 1, 2
		union all
		select file_id, site, case answer when 'unknown' then '' else answer end, count(*)
		from (select w.file_id, w.site, ` + worstOutcome + ` as answer
			from report_worst w join report_files f using (file_id) where f.fresh) w group by 1, 2, 3
	), had as (
		select c.file_id, c.site, sum(c.messages) as messages
		from answer_counts c join report_files f using (file_id) where f.fresh group by 1, 2
	), silent as (
		select distinct file_id from answer_pages where answer = 'not-objected-to' and answer_report = @report
		  and file_id in (select file_id from report_files)
	), others as (
		select file_id, site, case when s.file_id is null then '' else 'not-objected-to' end as answer,
			coalesce(h.messages, 0) - coalesce(t.messages, 0) as messages
		from had h full join (select file_id, site, sum(messages) as messages from told group by 1, 2) t using (file_id, site)
		left join silent s using (file_id)
	)
	select file_id, site, answer, sum(messages)::int as messages, bool_or(messages < 0) as short
	from (select * from told union all select * from others) c group by 1, 2, 3`

// freshCauses counts the codes: whatever the report says of a message stands.
const freshCauses = `
	insert into cause_counts (file_id, site, code, messages, refused)
	select file_id, site, code, count(*), count(*) filter (where refused) from (
		select s.file_id, s.site, s.code, s.message,
			bool_or(s.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')) as refused
		from report_stage s join report_files f on f.file_id = s.file_id and f.fresh
		where s.kind = 'answer' and s.code <> '' group by 1, 2, 3, 4
	) told group by 1, 2, 3`
