package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// doseCount is a site's doses of one vaccine in a file.
type doseCount struct{ given, late int }

type doseKind struct{ site, vaccine string }

// maxDoseKinds bounds what a file's counts keep in memory: a CVX code has at most
// four digits, and nobody gives so many at so many sites.
const maxDoseKinds = 20_000

// countDoses adds up what messages say was given. A dose that was sent before is
// not late, whenever it comes again.
func (w *CheckWriter) countDoses(batch []CheckedMessage) {
	if w.err != nil || w.lane != registry.LaneProduction {
		return
	}
	var late [][]byte
	for _, m := range batch {
		for _, d := range m.Doses {
			if d.Late && !m.Held && d.RecordKey != "" {
				late = append(late, RecordDigest(w.sealer, w.practice, d.RecordKey))
			}
		}
	}
	before := map[string]bool{}
	if len(late) > 0 {
		rows, err := w.tx.Query(w.ctx, `
			select distinct d.record_digest from doses d
			join files f on f.id = d.file_id and f.practice = @practice and f.lane <> 'test' and f.id <> @id
				and f.state in ('delivered', 'answered')
			join messages m on m.file_id = d.file_id and m.ordinal = d.message and not m.held
			where d.record_digest = any(@late)`,
			pgx.NamedArgs{"practice": w.practice, "id": w.file, "late": late})
		if err == nil {
			var found [][]byte
			if found, err = pgx.CollectRows(rows, pgx.RowTo[[]byte]); err == nil {
				for _, digest := range found {
					before[string(digest)] = true
				}
			}
		}
		if w.err = err; err != nil {
			return
		}
	}
	for _, m := range batch {
		for _, d := range m.Doses {
			if d.Given && !m.Held {
				w.addDose(m.Site, d, d.Late && (d.RecordKey == "" || !before[string(RecordDigest(w.sealer, w.practice, d.RecordKey))]))
			}
		}
	}
}

func (w *CheckWriter) addDose(site string, d CheckedDose, late bool) {
	if w.doses == nil {
		w.doses = map[doseKind]doseCount{}
	}
	kind := doseKind{site, vaccineCode(d.Vaccine)}
	if _, known := w.doses[kind]; !known && len(w.doses) >= maxDoseKinds {
		kind.vaccine = ""
	}
	c := w.doses[kind]
	c.given++
	if late {
		c.late++
	}
	w.doses[kind] = c
}

// vaccineCode is a CVX code, or empty: what stands in a message may be anything.
func vaccineCode(code string) string {
	if len(code) > 4 {
		return ""
	}
	for _, r := range code {
		if r < '0' || r > '9' {
			return ""
		}
	}
	return code
}

// saveDoses writes the counts; those of a check before were deleted.
func (w *CheckWriter) saveDoses() error {
	if len(w.doses) == 0 {
		return nil
	}
	var rows [][]any
	for k, c := range w.doses {
		rows = append(rows, []any{w.file, k.site, k.vaccine, int32(c.given), int32(c.late)})
	}
	_, err := w.tx.CopyFrom(w.ctx, pgx.Identifier{"dose_counts"},
		[]string{"file_id", "site", "vaccine", "given", "late"}, pgx.CopyFromRows(rows))
	return err
}

// LateFilter says whose doses are counted; what is empty does not narrow. From and
// To bound the delivery; To itself is outside, zero is open.
type LateFilter struct {
	Practice, Site, File string
	// Vendor is as in [QualityFilter].
	Vendor   string
	From, To time.Time
}

// LateDoses counts what a site gave and reported, and how much of it went more than
// 30 days after it was given.
type LateDoses struct {
	Site  string `db:"site" json:"site"`
	Given int    `db:"given" json:"given"`
	Late  int    `db:"late" json:"late"`
	// Files are those with late doses.
	Files int `db:"files" json:"files"`
}

// LateDoses counts the doses of delivered production files by site; sites without a
// dose have no row.
func (s *Store) LateDoses(ctx context.Context, f LateFilter) ([]LateDoses, error) {
	args := QualityFilter{Practice: f.Practice, Site: f.Site, Vendor: f.Vendor, Lanes: []registry.Lane{registry.LaneProduction}, From: f.From, To: f.To}.args()
	args["file"] = f.File
	rows, err := many[LateDoses](ctx, s.pool, qualitySent(`''`)+`
		select c.site, sum(c.given)::int as given, sum(c.late)::int as late,
			(count(distinct c.file_id) filter (where c.late > 0))::int as files
		from sent s join dose_counts c on c.file_id = s.file_id
		where (@site = '' or c.site = @site) and (@file = '' or c.file_id = @file)
		group by c.site order by c.site`, args)
	return rows, fault("late doses", err)
}

// LatestDoses says when a practice's production files with doses were last confirmed.
type LatestDoses struct {
	// Late is that of the last one with a dose that went more than 30 days after it was
	// given, File which it was; Any that of the last one with a dose at all. Zero where
	// there is none.
	Late time.Time
	File string
	Any  time.Time
}

// LatestDoses looks at what was confirmed from since on.
func (s *Store) LatestDoses(ctx context.Context, practice string, since time.Time) (LatestDoses, error) {
	row, err := one[struct {
		Late *time.Time `db:"late"`
		File *string    `db:"file"`
		Any  *time.Time `db:"any"`
	}](ctx, s.pool, `
		select max(d.confirmed_at) filter (where l.late) as late, max(d.confirmed_at) as any,
			(array_agg(d.file_id order by d.confirmed_at desc) filter (where l.late))[1] as file
		from deliveries d
		join lateral (select bool_or(c.late > 0) as late from dose_counts c where c.file_id = d.file_id) l on l.late is not null
		where d.practice = @practice and d.lane = 'production' and d.state = 'confirmed' and d.confirmed_at >= @since`,
		pgx.NamedArgs{"practice": practice, "since": since})
	return LatestDoses{Late: or(row.Late), File: or(row.File), Any: or(row.Any)}, fault("late doses", err)
}

// SiteWeek is what the confirmed production files of one week say of one site.
type SiteWeek struct {
	// Week is its Monday, YYYY-MM-DD.
	Week string `db:"week"`
	Site string `db:"site"`
	// Records are messages; Given are doses, of so many Vaccines, most of Top.
	Records  int    `db:"records"`
	Given    int    `db:"given"`
	Vaccines int    `db:"vaccines"`
	Top      string `db:"top"`
}

// SiteWeeks reads the volume of a practice's sites by week, whose Mondays begin in
// zone, from the week of from until to (outside), the oldest first. A week without
// a record has no row.
func (s *Store) SiteWeeks(ctx context.Context, practice, zone string, from, to time.Time) ([]SiteWeek, error) {
	rows, err := many[SiteWeek](ctx, s.pool, `
		with sent as (
			select d.file_id, to_char(date_trunc('week', d.confirmed_at at time zone @zone), 'YYYY-MM-DD') as week
			from deliveries d
			where d.practice = @practice and d.lane = 'production' and d.state = 'confirmed'
			  and d.confirmed_at >= @from and d.confirmed_at < @to
		), records as (
			select s.week, c.site, sum(c.messages)::int as n from sent s join answer_counts c on c.file_id = s.file_id
			where c.site <> '' group by 1, 2
		), doses as (
			select week, site, sum(n)::int as given, count(*)::int as vaccines, (array_agg(vaccine order by n desc, vaccine))[1] as top
			from (select s.week, c.site, c.vaccine, sum(c.given) as n from sent s join dose_counts c on c.file_id = s.file_id
				group by 1, 2, 3) v group by 1, 2
		)
		select r.week, r.site, r.n as records, coalesce(d.given, 0) as given, coalesce(d.vaccines, 0) as vaccines, coalesce(d.top, '') as top
		from records r left join doses d on d.week = r.week and d.site = r.site order by r.week, r.site`,
		pgx.NamedArgs{"practice": practice, "zone": zone, "from": from, "to": to})
	return rows, fault("site weeks", err)
}
