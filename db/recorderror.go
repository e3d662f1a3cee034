package db

import (
	"context"
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
	// Due is when an error of a code that a practice's report opens now becomes
	// overdue; the entry has no code where the catalogue does not know it.
	Due func(practice string, entry registry.CatalogueEntry) (time.Time, error)
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
			// Two reports may tell of the same errors in different order: those of a
			// connection are settled one after the other.
			if _, err := tx.Exec(ctx, `select from connections where name = $1 for no key update`, r.Connection); err != nil {
				return err
			}
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
	if out.Opened, out.NewCodes, err = openErrors(ctx, tx, in); err != nil {
		return err
	}
	for _, step := range []string{openBefore, `analyze open_before`} {
		if _, err := tx.Exec(ctx, step, pgx.NamedArgs{"report": in.ReportID}); err != nil {
			return err
		}
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
		in.ReportID, out.Opened, out.Verified, orEmpty(out.NewCodes))
	return err
}

// unsettled are the states in which something is left to do.
const unsettled = `('open', 'assigned', 'fix-sent')`

// openBefore are the errors that the report could prove gone: those of its
// practices that it does not complain of itself.
const openBefore = `
	insert into open_before
	select e.id, e.practice, f.lane = 'test', e.file_id, e.message, e.dose
	from errors e join files f on f.id = e.file_id
	where e.practice in (select distinct f.practice from report_covers c join files f on f.id = c.file_id where c.report_id = @report)
	  and e.state in ` + unsettled + ` and e.last_report <> @report`

// verifySQL closes the errors whose record the report shows as taken: the same
// message, or one with the same dose.
var verifySQL = `
with taken as (
	select e.id from open_before e
	join ` + answerOf("e.file_id", "e.message") + ` a on a.answer_report = @report and a.answer in ` + takenAnswers + `
	union
	select e.id from open_before e
	join doses ed on ed.file_id = e.file_id and ed.message = e.message and (e.dose is null or e.dose = ed.ordinal)
	join doses td on td.record_digest = ed.record_digest
	join ` + answerOf("td.file_id", "td.message") + ` a on a.answer_report = @report and a.answer in ` + takenAnswers + `
	join files tf on tf.id = td.file_id and tf.practice = e.practice and (tf.lane = 'test') = e.test
)
update errors e set state = 'verified', verified_by = @report, settled_at = @at, settled_by = null
from taken where e.id = taken.id`

// takenAnswers are those with which nothing of a record was kept out.
const takenAnswers = `('accepted', 'accepted-with-warnings', 'not-objected-to')`

// overtakenSQL closes the errors of this report whose record was taken before
// with a file that was sent later: the report on the correction came first.
var overtakenSQL = `
with again as (
	select distinct b.practice, b.cause, td.file_id as taken_file, td.message as taken_message
	from bad_items b
	join doses ed on ed.file_id = b.file_id and ed.message = b.message and (b.dose is null or b.dose = ed.ordinal)
	join doses td on td.record_digest = ed.record_digest and td.file_id <> b.file_id
), proof as (
	select distinct on (e.id) e.id, a.answer_report as report
	from again
	join ` + answerOf("again.taken_file", "again.taken_message") + ` a on a.answer in ` + takenAnswers + `
	join errors e on e.practice = again.practice and e.cause = again.cause and e.state in ` + unsettled + `
	join files ef on ef.id = e.file_id
	join files tf on tf.id = again.taken_file and tf.practice = e.practice and (tf.lane = 'test') = (ef.lane = 'test')
	join deliveries es on es.file_id = ef.id and es.state = 'confirmed'
	join deliveries ts on ts.file_id = tf.id and ts.state = 'confirmed' and ts.sent_at > es.sent_at
	order by e.id, ts.sent_at
)
update errors e set state = 'verified', verified_by = proof.report, settled_at = @at, settled_by = null
from proof where e.id = proof.id`
