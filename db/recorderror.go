package db

import (
	"context"
	"encoding/hex"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// ReportReconcile asks for the errors of an imported report.
type ReportReconcile struct {
	ReportID string
	At       time.Time
	// Catalogue is what is known of codes.
	Catalogue map[string]registry.CatalogueEntry
	// Due is when an error that a practice's report opens now becomes overdue.
	Due func(practice string) (time.Time, error)
}

// Reconciled is what reconciling a report came to.
type Reconciled struct {
	Opened, Verified int
	NewCodes         []string
	Open             []PracticeOpen
}

// PracticeOpen is how many errors a practice has open.
type PracticeOpen struct {
	Practice string `db:"practice"`
	Open     int    `db:"open"`
}

// maxNewCodes bounds what of a strange report goes into history.
const maxNewCodes = 50

// ReconcileReport opens an error for every bad item of an imported report and
// verifies those whose record the report shows as accepted. Once done it
// answers the same again; only the open errors are counted anew.
//
// An item opens an error where something was kept out, unless the catalogue
// calls its code harmless, and where the catalogue does not know its code,
// whatever its grade: nobody can say then that it does not matter. Warnings
// that are known are counted with the answers and open none. An item that no
// message of ours belongs to opens none; the import counts it.
//
// The cause is practice, site, code and record: repeats collapse into one
// error, whose record is the dose where the item's place names one (or the
// message has only one), the message otherwise, and the patient for codes that
// are per patient. A cause that comes back after it was verified is open again;
// one that was waived stays so. One that a person
// corrected at the registry is open again too: the report knows better.
//
// An error is verified when a later report takes a message of the same lane
// (test, or true patient data) with the same dose, or the same message itself.
// Reports may come in another order than the files went: where a message of a
// file that was sent later had been taken before, the error is opened and
// verified at once.
func (s *Store) ReconcileReport(ctx context.Context, in ReportReconcile) (Reconciled, error) {
	var out Reconciled
	err := s.tx(ctx, "errors reconcile", func(tx pgx.Tx) error {
		r, err := lockReport(ctx, tx, in.ReportID)
		if err != nil {
			return err
		}
		if r.State == "fetched" {
			return registry.Errorf(registry.Invalid, "errors reconcile", "report %s is not imported", r.ID)
		}
		out = Reconciled{Opened: r.Opened, Verified: r.Verified, NewCodes: r.NewCodes}
		if r.State == "imported" {
			if err := s.reconcileOnce(ctx, tx, in, &out); err != nil {
				return err
			}
		}
		out.Open, err = many[PracticeOpen](ctx, tx, `
			select f.practice, (select count(*) from open_errors e where e.practice = f.practice)::int as open
			from report_covers c join files f on f.id = c.file_id
			where c.report_id = @report group by f.practice order by f.practice`,
			pgx.NamedArgs{"report": in.ReportID})
		return err
	})
	return out, err
}

func (s *Store) reconcileOnce(ctx context.Context, tx pgx.Tx, in ReportReconcile, out *Reconciled) error {
	tag, err := tx.Exec(ctx, `update reports set reconciled_at = $2 where id = $1 and reconciled_at is null`, in.ReportID, in.At)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	codes, news, err := opening(ctx, tx, in)
	if err != nil {
		return err
	}
	out.NewCodes = news
	if out.Opened, err = s.openErrors(ctx, tx, in, codes); err != nil {
		return err
	}
	verified, err := tx.Exec(ctx, verifySQL, pgx.NamedArgs{"report": in.ReportID, "at": in.At})
	if err != nil {
		return err
	}
	overtaken, err := tx.Exec(ctx, overtakenSQL, pgx.NamedArgs{"report": in.ReportID, "at": in.At})
	if err != nil {
		return err
	}
	out.Verified = int(verified.RowsAffected() + overtaken.RowsAffected())
	_, err = tx.Exec(ctx, `update reports set opened = $2, verified = $3, new_codes = $4 where id = $1`,
		in.ReportID, out.Opened, out.Verified, orEmpty(news))
	return err
}

// opening says which codes of the report open an error whatever their outcome,
// because the catalogue does not know them, and names the new ones.
func opening(ctx context.Context, tx pgx.Tx, in ReportReconcile) (unknown, news []string, err error) {
	all, err := many[struct {
		Code string `db:"code"`
	}](ctx, tx, `select distinct code from report_items where report_id = @report and code <> '' order by code`,
		pgx.NamedArgs{"report": in.ReportID})
	if err != nil {
		return nil, nil, err
	}
	for _, c := range all {
		if _, known := in.Catalogue[c.Code]; !known {
			unknown = append(unknown, c.Code)
		}
	}
	return unknown, unknown[:min(len(unknown), maxNewCodes)], nil
}

// badItem is an item that opens an error, with what tells its cause.
type badItem struct {
	Ordinal  int      `db:"ordinal"`
	Code     string   `db:"code"`
	Severity string   `db:"severity"`
	Location string   `db:"location"`
	FileID   string   `db:"file_id"`
	Message  int      `db:"message"`
	Practice string   `db:"practice"`
	Lane     string   `db:"lane"`
	Site     string   `db:"site"`
	Patient  []byte   `db:"patient"`
	Doses    [][]byte `db:"doses"`
}

const itemPage = 500

// openErrors goes through the bad items page by page, so that memory does not
// grow with the report.
func (s *Store) openErrors(ctx context.Context, tx pgx.Tx, in ReportReconcile, unknown []string) (opened int, err error) {
	due := map[string]time.Time{}
	for after := 0; ; {
		items, err := many[badItem](ctx, tx, badItems,
			pgx.NamedArgs{"report": in.ReportID, "after": after, "unknown": orEmpty(unknown), "page": itemPage})
		if err != nil || len(items) == 0 {
			return opened, err
		}
		for _, item := range items {
			if _, ok := due[item.Practice]; ok {
				continue
			}
			if due[item.Practice], err = in.Due(item.Practice); err != nil {
				return opened, err
			}
		}
		fresh, err := s.openPage(ctx, tx, in, items, due)
		if err != nil {
			return opened, err
		}
		opened += fresh
		after = items[len(items)-1].Ordinal
	}
}

const badItems = `
	select i.ordinal, i.code, i.severity, i.location, i.file_id, i.message, f.practice, f.lane, m.site, m.patient,
		coalesce((select array_agg(d.record_digest order by d.ordinal) from doses d
			where d.file_id = i.file_id and d.message = i.message), '{}') as doses
	from report_items i
	join files f on f.id = i.file_id
	join messages m on m.file_id = i.file_id and m.ordinal = i.message
	where i.report_id = @report and i.ordinal > @after and i.kind = 'answer'
	  and (i.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')
	       or i.code = any(@unknown))
	order by i.ordinal limit @page`

// causeOf is a cause with the last item of a page that is about it.
type causeOf struct {
	item   badItem
	owner  registry.Owner
	digest []byte
	dose   int
	times  int
}

// openPage opens the errors of a page of items, or counts more for their
// causes. fresh is how many were not open before.
func (s *Store) openPage(
	ctx context.Context, tx pgx.Tx, in ReportReconcile, items []badItem, due map[string]time.Time,
) (fresh int, err error) {
	var causes []causeOf
	at := map[string]int{}
	for _, item := range items {
		entry, known := in.Catalogue[item.Code]
		owner := entry.Owner
		if !known {
			owner = registry.OwnerDataTeam
		}
		digest, dose, err := s.cause(item, entry)
		if err != nil {
			return 0, err
		}
		key := item.Practice + string(digest)
		i, again := at[key]
		if !again {
			i = len(causes)
			at[key] = i
			causes = append(causes, causeOf{})
		}
		causes[i] = causeOf{item: item, owner: owner, digest: digest, dose: dose, times: causes[i].times + 1}
	}
	return value[int](ctx, tx, openSQL, causeColumns(in, causes, due))
}

func causeColumns(in ReportReconcile, causes []causeOf, due map[string]time.Time) pgx.NamedArgs {
	n := len(causes)
	practices, sites, codes, owners := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	severities, files, digests := make([]string, n), make([]string, n), make([][]byte, n)
	dues, times, items := make([]time.Time, n), make([]int32, n), make([]int32, n)
	messages, doses := make([]int32, n), make([]int32, n)
	for i, c := range causes {
		practices[i], sites[i], codes[i], owners[i] = c.item.Practice, c.item.Site, c.item.Code, string(c.owner)
		severities[i], files[i], digests[i] = c.item.Severity, c.item.FileID, c.digest
		dues[i], times[i], items[i] = due[c.item.Practice], int32(c.times), int32(c.item.Ordinal)
		messages[i], doses[i] = int32(c.item.Message), int32(c.dose)
	}
	return pgx.NamedArgs{
		"practices": practices, "sites": sites, "codes": codes, "causes": digests, "owners": owners,
		"severities": severities, "dues": dues, "times": times, "items": items, "files": files,
		"messages": messages, "doses": doses, "at": in.At, "report": in.ReportID,
	}
}

// openSQL opens or counts. What comes back after its end is open again with
// the age that it had; what was waived stays so; an assigned one stays with
// whoever has it in hand.
const openSQL = `
with asked as (
	select * from unnest(@practices::text[], @sites::text[], @codes::text[], @causes::bytea[], @owners::text[],
		@severities::text[], @dues::timestamptz[], @times::integer[], @items::integer[], @files::text[],
		@messages::integer[], @doses::integer[])
		as a (practice, site, code, cause, owner, severity, due_at, times, item, file_id, message, dose)
), was as (
	select e.practice, e.cause from errors e join asked a using (practice, cause) where e.state in ` + unsettled + `
), told as (
	insert into errors as e (practice, site, code, cause, owner, severity, opened_at, due_at, times,
		first_report, first_item, last_report, last_item, file_id, message, dose)
	select practice, site, code, cause, owner, severity, @at, due_at, times,
		@report, item, @report, item, file_id, message, nullif(dose, 0) from asked
	on conflict (practice, cause) do update set
		times = e.times + excluded.times, last_report = excluded.last_report, last_item = excluded.last_item,
		file_id = excluded.file_id, message = excluded.message, dose = excluded.dose,
		state = case when e.state = 'waived' then e.state when e.assignee <> '' then 'assigned' else 'open' end,
		reopened = e.reopened + (e.state in ('verified', 'corrected'))::integer,
		due_at = case when e.state in ('verified', 'corrected') then excluded.due_at else e.due_at end,
		verified_by = null, fix_file = null,
		settled_at = case when e.state = 'waived' then e.settled_at end,
		settled_by = case when e.state = 'waived' then e.settled_by end,
		reason = case when e.state = 'waived' then e.reason end
	returning e.practice, e.cause, e.state
)
select count(*)::int from told where state in ('open', 'assigned')
	and not exists (select 1 from was where was.practice = told.practice and was.cause = told.cause)`

// unsettled are the states in which something is left to do.
const unsettled = `('open', 'assigned', 'fix-sent')`

// rxaForm finds the occurrence of RXA in a place: RXA^2^5 or RXA[2]-5.
var rxaForm = regexp.MustCompile(`^RXA[\^\[](\d{1,4})\b`)

// cause is the keyed digest of what an error is about, and the dose where it
// is about one.
func (s *Store) cause(item badItem, entry registry.CatalogueEntry) (digest []byte, dose int, err error) {
	group := "patient data"
	if item.Lane == string(registry.LaneTest) {
		group = "test"
	}
	head := []string{"error", group, item.Practice, item.Site, item.Code}
	family := registry.FamilyOf(item.Code)
	switch {
	case family == registry.FamilyFile:
		return s.sealer.Digest(append(head, "file", item.FileID)...), 0, nil
	case entry.PerPatient && len(item.Patient) > 0:
		who, err := s.sealer.Open(item.Patient)
		return s.sealer.Digest(append(head, "patient", string(who))...), 0, err
	}
	if m := rxaForm.FindStringSubmatch(item.Location); m != nil {
		dose, _ = strconv.Atoi(m[1])
	}
	if dose > len(item.Doses) || family == registry.FamilyMessage || family == registry.FamilyClient {
		dose = 0
	} else if dose == 0 && len(item.Doses) == 1 {
		dose = 1
	}
	if dose > 0 {
		return s.sealer.Digest(append(head, "dose", hex.EncodeToString(item.Doses[dose-1]))...), dose, nil
	}
	if len(item.Doses) > 0 {
		// A message is known again by its first dose: a corrected one may come
		// with another control ID.
		return s.sealer.Digest(append(head, "message", hex.EncodeToString(item.Doses[0]))...), 0, nil
	}
	return s.sealer.Digest(append(head, "message", item.FileID, strconv.Itoa(item.Message))...), 0, nil
}

// verifySQL closes the errors whose record the report shows as taken. What the
// report itself complains of is not among them.
const verifySQL = `
with taken as (
	select m.file_id, m.ordinal, f.practice, f.lane = 'test' as test
	from messages m join files f on f.id = m.file_id
	where m.answer_report = @report and m.answer in ('accepted', 'accepted-with-warnings', 'not-objected-to')
), shown as (
	select e.id from errors e
	join taken t on t.practice = e.practice and t.file_id = e.file_id and t.ordinal = e.message
	where e.state in ` + unsettled + ` and e.last_report <> @report
	union
	select e.id from taken t
	join doses td on td.file_id = t.file_id and td.message = t.ordinal
	join doses ed on ed.record_digest = td.record_digest
	join errors e on e.file_id = ed.file_id and e.message = ed.message and (e.dose is null or e.dose = ed.ordinal)
	join files ef on ef.id = e.file_id and (ef.lane = 'test') = t.test
	where e.practice = t.practice and e.state in ` + unsettled + ` and e.last_report <> @report
)
update errors e set state = 'verified', verified_by = @report, settled_at = @at, settled_by = null
from shown where e.id = shown.id`

// overtakenSQL closes the errors of this report whose record was taken before
// with a file that was sent later: the report on the correction came first.
const overtakenSQL = `
with sent as (
	select file_id, max(sent_at) as at from deliveries where state = 'confirmed' group by file_id
), proof as (
	select distinct on (e.id) e.id, m.answer_report as report
	from errors e
	join doses ed on ed.file_id = e.file_id and ed.message = e.message and (e.dose is null or e.dose = ed.ordinal)
	join doses td on td.record_digest = ed.record_digest and td.file_id <> e.file_id
	join messages m on m.file_id = td.file_id and m.ordinal = td.message
		and m.answer in ('accepted', 'accepted-with-warnings', 'not-objected-to')
	join files ef on ef.id = e.file_id
	join files tf on tf.id = td.file_id and tf.practice = e.practice and (tf.lane = 'test') = (ef.lane = 'test')
	join sent es on es.file_id = ef.id
	join sent ts on ts.file_id = tf.id and ts.at > es.at
	where e.last_report = @report and e.state in ` + unsettled + `
	order by e.id, ts.at
)
update errors e set state = 'verified', verified_by = proof.report, settled_at = @at, settled_by = null
from proof where e.id = proof.id`
