package db

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// openErrors opens the errors of a report, all at once in the database: memory
// does not grow with the report. news are codes that the catalogue does not
// know.
func openErrors(ctx context.Context, tx pgx.Tx, in ReportReconcile) (opened int, news []string, err error) {
	codes, err := codesOf(ctx, tx, in)
	if err != nil {
		return 0, nil, err
	}
	for _, step := range append([]string{`set local work_mem = '64MB'`, `set local jit = off`, `set local random_page_cost = 1.1`}, settleTables...) {
		if _, err := tx.Exec(ctx, step); err != nil {
			return 0, nil, err
		}
	}
	args := codes.args(in)
	for _, step := range []string{badItems, `analyze bad_items`} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return 0, nil, err
		}
	}
	if err := addTerms(ctx, tx, in, args); err != nil {
		return 0, nil, err
	}
	for _, step := range []string{askedErrors, openSQL} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return 0, nil, err
		}
	}
	opened, err = value[int](ctx, tx, `select count(*)::int from asked_errors where opens`, nil)
	return opened, codes.news(), err
}

// reportCodes are the codes of a report with what the catalogue says of them.
type reportCodes struct {
	entries []registry.CatalogueEntry
	codes   []string
	known   []bool
}

func codesOf(ctx context.Context, tx pgx.Tx, in ReportReconcile) (reportCodes, error) {
	var out reportCodes
	rows, err := tx.Query(ctx, `select distinct code from report_items where report_id = $1 and kind = 'answer' order by code`, in.ReportID)
	if err != nil {
		return out, err
	}
	if out.codes, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return out, err
	}
	for _, code := range out.codes {
		entry, known := in.Catalogue[code]
		if !known {
			entry = registry.CatalogueEntry{Owner: registry.OwnerDataTeam}
		}
		out.entries, out.known = append(out.entries, entry), append(out.known, known)
	}
	return out, nil
}

// news are the codes that the catalogue does not know, at most [maxNewCodes].
func (c reportCodes) news() []string {
	var news []string
	for i, code := range c.codes {
		if code != "" && !c.known[i] && len(news) < maxNewCodes {
			news = append(news, code)
		}
	}
	return news
}

func (c reportCodes) args(in ReportReconcile) pgx.NamedArgs {
	n := len(c.codes)
	owners, perPatient := make([]string, n), make([]bool, n)
	for i, e := range c.entries {
		owners[i], perPatient[i] = string(e.Owner), e.PerPatient
	}
	return pgx.NamedArgs{
		"report": in.ReportID, "at": in.At, "codes": orEmpty(c.codes), "owners": owners,
		"per_patient": perPatient, "known": orEmpty(c.known),
	}
}

// addTerms says when each practice's errors of each code are due.
func addTerms(ctx context.Context, tx pgx.Tx, in ReportReconcile, args pgx.NamedArgs) error {
	asked, err := many[struct {
		Practice string `db:"practice"`
		Code     string `db:"code"`
	}](ctx, tx, `select distinct practice, code from bad_items order by practice, code`, nil)
	if err != nil {
		return err
	}
	var practices, codes []string
	var dues []time.Time
	for _, a := range asked {
		due, err := in.Due(a.Practice, in.Catalogue[a.Code])
		if err != nil {
			return err
		}
		practices, codes, dues = append(practices, a.Practice), append(codes, a.Code), append(dues, due)
	}
	args["due_practices"], args["due_codes"], args["dues"] = orEmpty(practices), orEmpty(codes), slices.Clip(dues)
	if dues == nil {
		args["dues"] = []time.Time{}
	}
	return nil
}

// settleTables hold the items that open an error, with what each is about, and
// the errors that were open before. They go with the transaction, and are
// analyzed: planning a million rows on guesses of one goes wrong.
var settleTables = []string{
	`create temp table bad_items (
		ordinal integer not null, code text not null, severity text not null, owner text not null,
		practice text not null, site text not null, file_id text not null, message integer not null,
		dose integer, cause bytea not null
	) on commit drop`,
	`create temp table open_before (
		id text not null, practice text not null, test boolean not null, file_id text not null,
		message integer not null, dose integer
	) on commit drop`,
}

// badItems finds them and their cause: practice, site, code and what it is
// about. That is the file, for codes that reject files; the patient, for codes
// that are one for each patient; the dose that the item's place names, or the
// only one of the message; else the message, which is known again by its first
// dose, since a corrected one may come with another control ID. Record and
// patient are keyed digests already; what is made of them here tells as little.
const badItems = `
	insert into bad_items
	with codes as (
		select code, owner, per_patient, known,
			case when split_part(code, '-', 1) in ('FIR', 'MER', 'CLR', 'IMR', 'IEE') then split_part(code, '-', 1) else '' end as family
		from unnest(@codes::text[], @owners::text[], @per_patient::boolean[], @known::boolean[]) c (code, owner, per_patient, known)
	), items as (
		select i.ordinal, i.code, i.severity, c.owner, c.family, c.per_patient, f.practice, f.lane, m.site,
			i.file_id, i.message, m.patient_digest,
			case when i.location like 'RXA^%' or i.location like 'RXA[%'
				then coalesce(substring(i.location from '^RXA[\^\[](\d{1,4})\M')::integer, 0) else 0 end as told
		from report_items i
		join codes c on c.code = i.code
		join files f on f.id = i.file_id
		join messages m on m.file_id = i.file_id and m.ordinal = i.message
		where i.report_id = @report and i.kind = 'answer'
		  and (i.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')
		       or i.code <> '' and not c.known)
	), about as (
		select i.*, one.record_digest as first,
			case when i.told > 0 then (select d.record_digest from doses d
				where d.file_id = i.file_id and d.message = i.message and d.ordinal = i.told) end as named,
			case when i.family = 'FIR' then 'file' when i.per_patient and i.patient_digest is not null then 'patient'
				when i.family in ('MER', 'CLR') then 'message'
				when i.told > 0 and exists (select from doses d
					where d.file_id = i.file_id and d.message = i.message and d.ordinal = i.told) then 'dose'
				when i.told = 0 and one.ordinal is not null and not exists (select from doses d
					where d.file_id = i.file_id and d.message = i.message and d.ordinal = 2) then 'dose'
				else 'message' end as what
		from items i
		left join doses one on one.file_id = i.file_id and one.message = i.message and one.ordinal = 1
	)
	select ordinal, code, severity, owner, practice, site, file_id, message,
		case when what = 'dose' then greatest(told, 1) end,
		sha256(convert_to(concat_ws(E'\x1f', 'error', case when lane = 'test' then 'test' else 'patient data' end,
			practice, site, code, what), 'UTF8') || case
			when what = 'file' then convert_to(file_id, 'UTF8')
			when what = 'patient' then patient_digest
			when what = 'dose' and coalesce(named, first) is not null then coalesce(named, first)
			when what = 'message' and first is not null then first
			else convert_to(concat_ws('/', file_id, message, told), 'UTF8') end)
	from about`

// askedErrors are the causes that the report tells of, and whether each opens an
// error: it is new, or comes back after its end. Rules of the practice say whose
// a new one is, the most particular first.
const askedErrors = `
	create temp table asked_errors on commit drop as
	select a.*, e.state is null or e.state in ('verified', 'corrected') as opens from (
		select distinct on (b.practice, b.cause) b.practice, b.site, b.code, b.cause, b.severity, b.ordinal as item,
			b.file_id, b.message, b.dose, t.due_at, coalesce(r.owner, b.owner) as owner, coalesce(r.assignee, '') as assignee,
			count(*) over (partition by b.practice, b.cause)::integer as times
		from bad_items b
		join unnest(@due_practices::text[], @due_codes::text[], @dues::timestamptz[]) t (practice, code, due_at)
			on t.practice = b.practice and t.code = b.code
		left join lateral (
			select o.owner, o.assignee from owner_rules o
			where o.practice = b.practice and o.site in (b.site, '') and o.code in (b.code, '')
			order by o.site = '', o.code = '' limit 1
		) r on true
		order by b.practice, b.cause, b.ordinal desc
	) a left join errors e on e.practice = a.practice and e.cause = a.cause`

// openSQL opens or counts. What comes back after its end is open again with
// the age that it had; what was waived stays so; an assigned one stays with
// whoever has it in hand.
const openSQL = `
	insert into errors as e (practice, site, code, cause, owner, severity, opened_at, due_at, times,
		first_report, first_item, last_report, last_item, file_id, message, dose, assignee, owner_since, state)
	select practice, site, code, cause, owner, severity, @at, due_at, times,
		@report, item, @report, item, file_id, message, dose, assignee, @at,
		case when assignee = '' then 'open' else 'assigned' end from asked_errors order by item
	on conflict (practice, cause) do update set
		times = e.times + excluded.times, last_report = excluded.last_report, last_item = excluded.last_item,
		file_id = excluded.file_id, message = excluded.message, dose = excluded.dose,
		state = case when e.state = 'waived' then e.state when e.assignee <> '' then 'assigned' else 'open' end,
		owner_since = case when e.state in ('verified', 'corrected') then excluded.owner_since else e.owner_since end,
		reopened = e.reopened + (e.state in ('verified', 'corrected'))::integer,
		due_at = case when e.state in ('verified', 'corrected') then excluded.due_at else e.due_at end,
		verified_by = null, fix_file = null,
		settled_at = case when e.state = 'waived' then e.settled_at end,
		settled_by = case when e.state = 'waived' then e.settled_by end,
		reason = case when e.state = 'waived' then e.reason end`
