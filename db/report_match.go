package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// linkItems finds the deliveries that the report covers, then the message that
// each item answers, and keeps the items.
func linkItems(ctx context.Context, tx pgx.Tx, r Report, in ReportImport, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "connection": r.Connection, "name": r.Name, "files": orEmpty(names.Files)}
	withTerms(args, in.Terms)
	for _, step := range []string{
		coverNamed, coverPeriod, findControlIDs, `analyze report_found`, settleControlIDs, findPositions, settleItems, keepItems,
		coverAnswered,
	} {
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

// findControlIDs collects every message of ours under the control IDs of the
// items of which it is not certain yet what they answer. One that went to the registry in the name of another
// organization than the acknowledgement is addressed to is none of them.
const findControlIDs = `
	insert into report_found
	select asked.control_id, asked.to_app, asked.to_facility, '', null, m.file_id, m.ordinal, d.id, m.site, true
	from (select distinct control_id, to_app, to_facility from report_stage where control_id <> '' and file_id is null) asked
	join messages m on m.control_id = asked.control_id and not m.held
	join deliveries d on d.file_id = m.file_id and d.connection = @connection and d.state in ` + sentStates + `
	join practices p on p.id = d.practice
	where asked.to_facility = '' or asked.to_facility in (m.sending_facility, p.org_code, p.iis_id)
	   or not exists (select 1 from practices o where o.id <> p.id and asked.to_facility in (o.org_code, nullif(o.iis_id, '')))`

// systemFits ranks messages by how well their sending system is the one that
// the acknowledgement is addressed to. A registry that writes MSH-5 or MSH-6 in
// words of its own says nothing by them.
const systemFits = `
	(f.to_app <> '' and m.sending_app = f.to_app)::int + (f.to_facility <> '' and m.sending_facility = f.to_facility)::int desc`

// settleControlIDs leaves, of several messages under one control ID, those of
// the fitting system; then of a file that the report names; then of the one that
// was prepared last. A control ID that a file has twice names both of its
// messages; the first of them stands for both.
const settleControlIDs = `
	with several as (
		select control_id, to_app, to_facility from report_found group by 1, 2, 3 having count(*) > 1
	), ranked as (
		select f.ctid as row, f.control_id, f.to_app, f.to_facility, f.message,
			rank() over (partition by f.control_id, f.to_app, f.to_facility
				order by` + systemFits + `, c.delivery_id is null, d.prepared_at desc, length(d.id) desc, d.id desc) as rank
		from report_found f
		join several using (control_id, to_app, to_facility)
		join messages m on m.file_id = f.file_id and m.ordinal = f.message
		join deliveries d on d.id = f.delivery_id
		left join report_covers c on c.report_id = @report and c.delivery_id = d.id
	), passed as (
		delete from report_found f using ranked r where f.ctid = r.row and r.rank > 1
	)
	update report_found f set first = false
	from (select row, row_number() over (partition by control_id, to_app, to_facility order by message) as n
		from ranked where rank = 1) r
	where f.ctid = r.row and r.n > 1`

// Positions count the messages as they were sent, without those held back.
const findPositions = `
	insert into report_found
	select '', '', '', asked.told_file, n.sent_as, d.file_id, n.ordinal, d.id, n.site, true
	from (select distinct told_file from report_stage
		where control_id = '' and told_file <> '' and position is not null) asked
	join deliveries d on d.remote_name = asked.told_file and d.connection = @connection and d.state in ` + sentStates + `
	cross join lateral (select m.ordinal, m.site, row_number() over (order by m.ordinal) as sent_as
		from messages m where m.file_id = d.file_id and not m.held) n`

// foundFor joins an item s with the messages f that it answers: by control ID
// and system, or else by file and position.
const foundFor = ` f.control_id = s.control_id and f.to_app = s.to_app and f.to_facility = s.to_facility
	and (s.control_id <> '' or f.told_file = s.told_file and f.position = s.position)`

const settleItems = `
	update report_stage s set file_id = f.file_id, message = f.message, delivery_id = f.delivery_id, site = f.site
	from report_found f where s.file_id is null and f.first and` + foundFor

// keepItems writes the items with what they answer.
const keepItems = `
	insert into report_items (report_id, ordinal, control_id, to_app, to_facility, ack, code, family, severity, location,
		outcome, text_sealed, kind, told_file, position, file_id, message, delivery_id)
	select @report, s.ordinal, s.control_id, s.to_app, s.to_facility, s.ack, s.code, s.family, s.severity, s.location,
		s.outcome, s.text_sealed, s.kind, s.told_file, s.position, s.file_id, s.message, s.delivery_id
	from report_stage s`

const coverAnswered = `
	insert into report_covers (report_id, delivery_id, file_id, named)
	select distinct @report, delivery_id, file_id, false from (
		select delivery_id, file_id from report_plain
		union all select delivery_id, file_id from report_found
		union all select delivery_id, file_id from report_stage where file_id is not null) f
	on conflict (report_id, delivery_id) do nothing`

// lockCovered lets two imports that answer the same files go one after the
// other.
const lockCovered = `
	select from files where id in (select file_id from report_covers where report_id = @report)
	order by id for no key update`

// replaceAnswer lets a later word take the place of an earlier one, except one
// that nobody understands.
const replaceAnswer = `
	on conflict (file_id, message) do update set answer = excluded.answer, answer_report = excluded.answer_report,
		answer_item = excluded.answer_item, answered_at = excluded.answered_at
	where excluded.answer <> 'unknown'`

// worstAnswers takes the worst of what a report says of a message: rank and
// place in the report as one number.
const worstAnswers = `
	insert into report_worst
	select file_id, message, min(site), min(outcome_rank(outcome)::bigint * 4294967296 + ordinal) from (
		select file_id, message, site, outcome, ordinal from report_stage where kind = 'answer' and file_id is not null
		union all
		select f.file_id, f.message, f.site, s.outcome, s.ordinal
		from report_stage s join report_found f on not f.first and` + foundFor + `
		where s.kind = 'answer'
	) said group by 1, 2`

const worstOutcome = `(array['file-rejected', 'message-rejected', 'patient-rejected', 'dose-rejected', 'unknown',
		'accepted-with-warnings', 'not-objected-to', 'accepted'])[w.worst / 4294967296]`

// worseBySite takes them out of what is counted for sites.
const worseBySite = `
	insert into report_sites (file_id, site, messages)
	select w.file_id, w.site, -count(*)
	from report_worst w
	join report_plain p on p.file_id = w.file_id and p.page = w.message / 1024 and get_bit(p.messages, w.message % 1024) = 1
	group by 1, 2`

// worseThanPlain takes out of the plain acceptances what the report calls worse
// elsewhere.
var worseThanPlain = `
	update report_plain p set messages = p.messages & ~w.messages
	from (select file_id, message / 1024 as page, ` + pageOf("message") + ` as messages from report_worst group by 1, 2) w
	where p.file_id = w.file_id and p.page = w.page`

// standingPages keep what stands in them against what nobody understands.
const standingPages = `
	delete from report_worst w using answer_pages p
	where w.worst / 4294967296 = outcome_rank('unknown') and p.file_id = w.file_id and p.page = w.message / 1024
	  and get_bit(p.messages, w.message % 1024) = 1`

// leavePages takes the messages that the report answers out of the pages in
// which earlier answers stand.
var leavePages = `
	update answer_pages p set messages = p.messages & ~n.messages
	from (
		select file_id, page, bit_or(messages) as messages from (
			select file_id, page, messages from report_plain
			union all
			select file_id, message / 1024, ` + pageOf("message") + ` from report_worst group by 1, 2
		) told group by 1, 2
	) n
	where p.file_id = n.file_id and p.page = n.page and p.messages & n.messages <> 0::bit(1024)`

const leaveEmpty = `
	delete from answer_pages where messages = 0::bit(1024)
	  and file_id in (select file_id from report_files)`

// plainReplaces takes out earlier answers in whose place plain acceptances come.
const plainReplaces = `
	delete from answers a using report_plain p
	where a.file_id = p.file_id and a.message between p.page * 1024 and p.page * 1024 + 1023
	  and get_bit(p.messages, a.message % 1024) = 1`

const plainAnswers = `
	insert into answer_pages (file_id, page, answer, answer_report, answered_at, messages)
	select file_id, page, 'accepted', @report, @at, messages from report_plain where messages <> 0::bit(1024)`

// laterAnswers replace earlier ones, except by what nobody understands.
const laterAnswers = `
	with known as (
		update answers a set answer = ` + worstOutcome + `, answer_report = @report, answer_item = w.worst % 4294967296, answered_at = @at
		from report_worst w join report_files f on f.file_id = w.file_id and not f.fresh
		where a.file_id = w.file_id and a.message = w.message and w.worst / 4294967296 <> outcome_rank('unknown')
	)
	delete from report_worst w using answers a, report_files f
	where a.file_id = w.file_id and a.message = w.message and f.file_id = w.file_id and not f.fresh`

// firstAnswers write the others: the files are locked, and nobody else does.
const firstAnswers = `
	insert into answers (file_id, message, answer, answer_report, answer_item, answered_at)
	select w.file_id, w.message, ` + worstOutcome + `, @report, w.worst % 4294967296, @at
	from report_worst w order by w.file_id, w.message`

// silentAnswers are kept page by page, as plain acceptances are.
var silentAnswers = `
	insert into answer_pages (file_id, page, answer, answer_report, answered_at, messages)
	select m.file_id, m.ordinal / 1024, 'not-objected-to', @report, @at, ` + pageOf("m.ordinal") + `
	from report_covers c join files f on f.id = c.file_id
	join ` + terms + ` on terms.practice = f.practice and terms.bad_only
	join answered m on m.file_id = f.id
	where c.report_id = @report and (c.period or terms.to_at is null) and not m.held and m.answer is null
	group by 1, 2`

// answerMessages writes what the report says of each message.
func answerMessages(ctx context.Context, tx pgx.Tx, r Report, in ReportImport, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "at": in.At}
	withTerms(args, in.Terms)
	for _, step := range []string{lockCovered, filesBefore, `analyze report_files`} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	for name, item := range names.Rejected {
		if err := rejectFile(ctx, tx, r, in.At, name, item); err != nil {
			return err
		}
	}
	for _, step := range []string{
		worstAnswers, `analyze report_worst`, worseBySite, worseThanPlain, standingPages, leavePages, leaveEmpty, plainReplaces,
		laterAnswers, firstAnswers, plainAnswers, silentAnswers,
	} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	return nil
}

// tellDifferences adds an item for each covered delivery of which a list of all
// records answers fewer messages than were sent.
func tellDifferences(ctx context.Context, tx pgx.Tx, r Report, in ReportImport) error {
	args := pgx.NamedArgs{"report": r.ID}
	withTerms(args, in.Terms)
	_, err := tx.Exec(ctx, `
		insert into report_items (report_id, ordinal, kind, outcome, file_id, delivery_id, expected, found)
		select @report, (select coalesce(max(last), 0) from (
				select max(ordinal) as last from report_items where report_id = @report
				union all select max(last) from accepted_items where report_id = @report) o)
			+ row_number() over (order by length(d.delivery_id), d.delivery_id), 'difference', 'unknown',
			d.file_id, d.delivery_id, d.expected, d.found
		from (
			select c.file_id, c.delivery_id,
				(select coalesce(sum(n.messages), 0) from answer_counts n where n.file_id = c.file_id) as expected,
				(select count(*) from answers a where a.file_id = c.file_id and a.answer_report = @report)
				+ (select coalesce(sum(bit_count(p.messages)), 0) from answer_pages p
					where p.file_id = c.file_id and p.answer_report = @report) as found
			from report_covers c join files f on f.id = c.file_id
			join `+terms+` on terms.practice = f.practice and not terms.bad_only
			where c.report_id = @report and (c.period or (terms.to_at is null and c.named))
		) d where d.found < d.expected`, args)
	return err
}
