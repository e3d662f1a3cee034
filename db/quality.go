package db

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// countAnswers counts anew what the registry said of files; which says which
// files, as a condition on their IDs. It locks them, so that two imports which
// answer one file do not both count the half of it.
func countAnswers(ctx context.Context, tx pgx.Tx, which string, args pgx.NamedArgs) error {
	for _, step := range []string{
		`select from files where id ` + which + ` order by id for no key update`,
		`delete from answer_counts where file_id ` + which,
		`delete from cause_counts where file_id ` + which,
		`insert into answer_counts (file_id, site, answer, messages)
		select file_id, site, case when answer = 'unknown' then '' else coalesce(answer, '') end, count(*)
		from answered where not held and file_id ` + which + ` group by 1, 2, 3`,
		causeCounts(which),
	} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	return nil
}

// causeCounts is SQL that counts the codes of files. An answer with a code is a
// row of answers.
func causeCounts(which string) string {
	return `
		insert into cause_counts (file_id, site, code, messages, refused)
		select file_id, site, code, count(*), count(*) filter (where refused) from (
			select i.file_id, m.site, i.code, i.message,
				bool_or(i.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')) as refused
			from report_items i
			join answers a on a.file_id = i.file_id and a.message = i.message and a.answer_report = i.report_id
			join messages m on m.file_id = i.file_id and m.ordinal = i.message
			where i.kind = 'answer' and i.code <> '' and not m.held and i.file_id ` + which + `
			group by 1, 2, 3, 4
		) told group by 1, 2, 3`
}

// QualityBy is what acceptance is counted by.
type QualityBy string

// What acceptance is counted by. Weeks are those of ISO 8601: they begin on
// Monday.
const (
	ByWeek  QualityBy = "week"
	ByMonth QualityBy = "month"
	BySite  QualityBy = "site"
)

// qualityLabels are what a file is labelled with, by when it went; empty where
// the counter's own site is the label.
var qualityLabels = map[QualityBy]string{
	ByWeek:  `to_char(date_trunc('week', max(d.confirmed_at) at time zone @zone), 'YYYY-MM-DD')`,
	ByMonth: `to_char(date_trunc('month', max(d.confirmed_at) at time zone @zone), 'YYYY-MM-DD')`,
	BySite:  `''`,
}

// QualityFilter says whose messages are counted; what is empty does not narrow.
type QualityFilter struct {
	Practice, Site string
	// Vendor is the EHR vendor's contact of the practices: its address, the part
	// of it after the @, or its name; upper and lower case are the same.
	Vendor string
	// Lanes; none means all true patient data.
	Lanes []registry.Lane
	// From and To bound the delivery; To itself is outside. Zero is open.
	From, To time.Time
	// Zone is the IANA zone in which weeks and months begin; empty is UTC.
	Zone string
	// Harmless codes are no causes.
	Harmless []string
	// Causes is how many causes each row tells at most.
	Causes int
}

func (f QualityFilter) args() pgx.NamedArgs {
	lanes := f.Lanes
	if len(lanes) == 0 {
		lanes = []registry.Lane{registry.LaneProduction, registry.LaneHistorical}
	}
	zone := f.Zone
	if zone == "" {
		zone = "UTC"
	}
	bound := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	return pgx.NamedArgs{
		"practice": f.Practice, "site": f.Site, "vendor": strings.ToLower(f.Vendor), "lanes": lanes,
		"from": bound(f.From), "to": bound(f.To), "zone": zone, "harmless": orEmpty(f.Harmless), "causes": f.Causes,
	}
}

// Quality is what the registry said of the messages of a week, a month or a
// site.
type Quality struct {
	// Label is the first day (YYYY-MM-DD) of the week or month, or the site.
	Label string `db:"label"`
	// Sent is how many messages were delivered. The others are parts of it.
	Sent        int `db:"sent"`
	Accepted    int `db:"accepted"`
	Warned      int `db:"warned"` // taken, with remarks or notices
	NotObjected int `db:"not_objected"`
	Refused     int `db:"refused"`
	// Causes are the codes that were told most, those that kept something out
	// first.
	Causes []QualityCause `db:"-"`
}

// Taken is how many messages the registry took.
func (q Quality) Taken() int { return q.Accepted + q.Warned + q.NotObjected }

// Answered is how many messages the registry has answered.
func (q Quality) Answered() int { return q.Taken() + q.Refused }

// Unanswered is how many it has not.
func (q Quality) Unanswered() int { return q.Sent - q.Answered() }

// Below reports whether less than percent of the answered messages were taken.
func (q Quality) Below(percent int) bool { return 100*q.Taken() < percent*q.Answered() }

// Add adds the counts of o.
func (q *Quality) Add(o Quality) {
	q.Sent += o.Sent
	q.Accepted += o.Accepted
	q.Warned += o.Warned
	q.NotObjected += o.NotObjected
	q.Refused += o.Refused
}

// QualityCause is a code, how many messages were told it, and how many of them
// were refused for it in whole or in part.
type QualityCause struct {
	Code     string `db:"code" json:"code"`
	Messages int    `db:"messages" json:"messages"`
	Refused  int    `db:"refused" json:"refused"`
}

// qualitySent are the files that were delivered, with their label: a file that
// was sent again counts when it went last.
func qualitySent(label string) string {
	return `
with sent as (
	select d.file_id, ` + label + ` as label from deliveries d
	where d.state = 'confirmed' and d.lane = any(@lanes) and (@practice = '' or d.practice = @practice)
	  and (@from::timestamptz is null or d.confirmed_at >= @from)
	  and (@vendor = '' or exists (select 1 from contacts v where v.practice = d.practice and ` + vendorIs + `))
	group by d.file_id
	having @to::timestamptz is null or max(d.confirmed_at) < @to
)`
}

// Quality counts what the registry said of delivered messages, the newest week
// or month first, or sites by name. A week without a delivery has no row. It
// reads counters by file, not messages.
func (s *Store) Quality(ctx context.Context, f QualityFilter, by QualityBy) ([]Quality, error) {
	const op = "quality"
	label, ok := qualityLabels[by]
	if !ok {
		return nil, registry.Errorf(registry.Invalid, op, "there is no counting by %q", by)
	}
	sent, of, order := qualitySent(label), "s.label", " order by label desc"
	if by == BySite {
		of, order = "c.site", " order by label"
	}
	rows, err := many[Quality](ctx, s.pool, sent+`
		select `+of+` as label, sum(c.messages)::int as sent,
			coalesce(sum(c.messages) filter (where c.answer = 'accepted'), 0)::int as accepted,
			coalesce(sum(c.messages) filter (where c.answer = 'accepted-with-warnings'), 0)::int as warned,
			coalesce(sum(c.messages) filter (where c.answer = 'not-objected-to'), 0)::int as not_objected,
			coalesce(sum(c.messages) filter (where c.answer in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')), 0)::int as refused
		from sent s join answer_counts c on c.file_id = s.file_id
		where @site = '' or c.site = @site group by 1`+order, f.args())
	if err != nil || f.Causes <= 0 {
		return rows, fault(op, err)
	}
	type cause struct {
		Label string `db:"label"`
		QualityCause
	}
	causes, err := many[cause](ctx, s.pool, sent+`
		select label, code, messages, refused from (
			select label, code, messages, refused,
				row_number() over (partition by label order by refused desc, messages desc, code) as rank
			from (
				select `+of+` as label, c.code, sum(c.messages)::int as messages, sum(c.refused)::int as refused
				from sent s join cause_counts c on c.file_id = s.file_id
				where (@site = '' or c.site = @site) and c.code <> all(@harmless::text[]) group by 1, 2
			) counted
		) ranked where rank <= @causes order by label, rank`, f.args())
	at := map[string]int{}
	for i, r := range rows {
		at[r.Label] = i
	}
	for _, c := range causes {
		if i, ok := at[c.Label]; ok {
			rows[i].Causes = append(rows[i].Causes, c.QualityCause)
		}
	}
	return rows, fault(op, err)
}
