package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// linkItems finds the deliveries that the report covers, then the message that
// each item answers.
func linkItems(ctx context.Context, tx pgx.Tx, r Report, in ReportImport, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "connection": r.Connection, "name": r.Name, "files": orEmpty(names.Files)}
	withTerms(args, in.Terms)
	for _, step := range []string{coverNamed, coverPeriod, linkControlIDs, linkPositions, coverAnswered} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	return nil
}

// withTerms adds the terms as columns of one length.
func withTerms(args pgx.NamedArgs, terms []ReportTerms) {
	practices, badOnly := make([]string, len(terms)), make([]bool, len(terms))
	from, to := make([]*time.Time, len(terms)), make([]*time.Time, len(terms))
	for i, t := range terms {
		practices[i], badOnly[i] = t.Practice, t.BadOnly
		if !t.To.IsZero() {
			from[i], to[i] = &t.From, &t.To
		}
	}
	args["practices"], args["bad_only"], args["from"], args["to"] = practices, badOnly, from, to
}

const terms = `unnest(@practices::text[], @bad_only::bool[], @from::timestamptz[], @to::timestamptz[])
	as terms (practice, bad_only, from_at, to_at)`

// A name without its ending: reports are often called after the file.
const coverNamed = `
	insert into report_covers (report_id, delivery_id, file_id, named)
	select @report, id, file_id, true from deliveries
	where connection = @connection and state in ` + sentStates + `
	  and (remote_name = any(@files) or file_id || '-' || attempt = any(@files)
		or position(regexp_replace(remote_name, '\.[A-Za-z0-9]+$', '') in @name) > 0)`

// A delivery that was never confirmed counts from when it was prepared.
const coverPeriod = `
	insert into report_covers (report_id, delivery_id, file_id, named, period)
	select @report, d.id, d.file_id, false, true
	from ` + terms + ` join deliveries d on d.practice = terms.practice
	where d.connection = @connection and d.state in ` + sentStates + `
	  and coalesce(d.confirmed_at, d.prepared_at) >= terms.from_at and coalesce(d.confirmed_at, d.prepared_at) < terms.to_at
	on conflict (report_id, delivery_id) do update set period = true`

const linkControlIDs = `
	update report_items i set file_id = f.file_id, message = f.ordinal, delivery_id = f.delivery_id
	from (
		select distinct on (m.control_id) m.control_id, m.file_id, m.ordinal, d.id as delivery_id
		from (select distinct control_id from report_items where report_id = @report and control_id <> '') asked
		join messages m on m.control_id = asked.control_id and not m.held
		join deliveries d on d.file_id = m.file_id and d.connection = @connection and d.state in ` + sentStates + `
		left join report_covers c on c.report_id = @report and c.delivery_id = d.id
		order by m.control_id, c.delivery_id is null, d.prepared_at desc, length(d.id) desc, d.id desc, m.ordinal
	) f
	where i.report_id = @report and i.control_id = f.control_id`

// Positions count the messages as they were sent, without those held back.
const linkPositions = `
	update report_items i set file_id = f.file_id, message = f.ordinal, delivery_id = f.delivery_id
	from (
		select asked.told_file, n.sent_as, n.ordinal, d.file_id, d.id as delivery_id
		from (select distinct told_file from report_items
			where report_id = @report and control_id = '' and told_file <> '' and position is not null) asked
		join deliveries d on d.remote_name = asked.told_file and d.connection = @connection and d.state in ` + sentStates + `
		cross join lateral (select m.ordinal, row_number() over (order by m.ordinal) as sent_as
			from messages m where m.file_id = d.file_id and not m.held) n
	) f
	where i.report_id = @report and i.control_id = '' and i.told_file = f.told_file and i.position = f.sent_as`

const coverAnswered = `
	insert into report_covers (report_id, delivery_id, file_id, named)
	select distinct report_id, delivery_id, file_id, false from report_items
	where report_id = @report and delivery_id is not null
	on conflict (report_id, delivery_id) do nothing`

// answerBy takes the worst of what a report says of a message. A control ID that
// a file has twice answers both of its messages.
func answerBy(column string) string {
	where, on := "control_id <> ''", "m.control_id = a.control_id"
	if column == "message" {
		where, on = "control_id = ''", "m.ordinal = a.message"
	}
	return `
	update messages m set answer = a.outcome, answer_report = @report, answer_item = a.ordinal, answered_at = @at
	from (
		select distinct on (file_id, ` + column + `) file_id, ` + column + `, outcome, ordinal
		from report_items where report_id = @report and file_id is not null and kind = 'answer' and ` + where + `
		order by file_id, ` + column + `, array_position(array['file-rejected', 'message-rejected',
			'patient-rejected', 'dose-rejected', 'unknown', 'accepted-with-warnings', 'not-objected-to',
			'accepted'], outcome), ordinal
	) a
	where m.file_id = a.file_id and not m.held and ` + on + `
	  and (a.outcome <> 'unknown' or m.answer is null)`
}

// answerMessages writes what the report says of each message.
func answerMessages(ctx context.Context, tx pgx.Tx, r Report, in ReportImport, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "at": in.At}
	withTerms(args, in.Terms)
	for name, item := range names.Rejected {
		if err := rejectFile(ctx, tx, r, in.At, name, item); err != nil {
			return err
		}
	}
	for _, by := range []string{"control_id", "message"} {
		if _, err := tx.Exec(ctx, answerBy(by), args); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `
		update messages m set answer = 'not-objected-to', answer_report = @report, answer_item = null, answered_at = @at
		from report_covers c join files f on f.id = c.file_id
		join `+terms+` on terms.practice = f.practice and terms.bad_only
		where c.report_id = @report and (c.period or terms.to_at is null) and m.file_id = f.id
		  and m.answer is null and not m.held`, args)
	return err
}

// tellDifferences adds an item for each covered delivery of which a list of all
// records answers fewer messages than were sent.
func tellDifferences(ctx context.Context, tx pgx.Tx, r Report, in ReportImport) error {
	args := pgx.NamedArgs{"report": r.ID}
	withTerms(args, in.Terms)
	_, err := tx.Exec(ctx, `
		insert into report_items (report_id, ordinal, kind, outcome, file_id, delivery_id, expected, found)
		select @report, (select coalesce(max(ordinal), 0) from report_items where report_id = @report)
			+ row_number() over (order by length(d.delivery_id), d.delivery_id), 'difference', 'unknown',
			d.file_id, d.delivery_id, d.expected, d.found
		from (
			select c.file_id, c.delivery_id,
				(select count(*) from messages m where m.file_id = c.file_id and not m.held) as expected,
				(select count(*) from messages m where m.file_id = c.file_id and not m.held
				   and m.answer_report = @report) as found
			from report_covers c join files f on f.id = c.file_id
			join `+terms+` on terms.practice = f.practice and not terms.bad_only
			where c.report_id = @report and (c.period or (terms.to_at is null and c.named))
		) d where d.found < d.expected`, args)
	return err
}
