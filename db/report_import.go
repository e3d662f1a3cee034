package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// ReportImport is the import of a fetched report.
type ReportImport struct {
	ReportID string
	At       time.Time
	// Terms say how the registry answers the practices of the connection.
	Terms []ReportTerms
	// Foretold says which rules of ours are known to foretell which codes.
	Foretold []registry.Foretold
	// Unforetold are codes that say nothing about our verdict: harmless ones that
	// no rule is known for.
	Unforetold []string
	// FindingsKept is how many findings of a rule a check keeps.
	FindingsKept int
	// Read reads the report's items in order and tells which files it named.
	// An error of kind Invalid means that nothing understands the report.
	Read func(emit func(registry.ReportItem) error) (ReportNames, error)
}

// ReportTerms are how reports answer one practice's files.
type ReportTerms struct {
	Practice string
	// BadOnly: bad records only are listed. Messages that a report covers and
	// does not name are then not objected to.
	BadOnly bool
	// From and To bound the deliveries that the report tells of; both zero where
	// it tells of the files that it names.
	From, To time.Time
}

// ReportNames are the names of our files that a report told: the name at the
// registry, or the control ID of our envelope (file ID and attempt); and how it
// was read.
type ReportNames struct {
	Format, Mapping string
	Records         int
	Faults          []string

	Files []string
	// Rejected are those refused as a whole, with the item that says so. An
	// empty name is the file that the report's own name tells.
	Rejected map[string]int
}

// ImportReport stores the items of a report, links them to the messages that
// they answer, and records the answers: all of it in one transaction, or
// nothing. A report that was imported is answered as it was then. One that
// nothing understands is quarantined, with the reason, and tried anew when it is
// imported again.
//
// An item belongs to the message with its control ID in a file that went over
// the report's connection. Where several files have it, the sending system that
// the answer is addressed to comes first, then a file that the report names,
// then the one that was prepared last; an answer to another organization
// belongs to none of them. The worst item of a
// message is its answer; a later report replaces an earlier answer, except that
// an answer which nobody understands replaces none.
//
// An item without a control ID belongs to the message at its position in the
// file that it names, counted as the file was sent.
//
// A report covers the deliveries of the days that it tells of, where the terms
// say so; otherwise those that it names (in its lines, or by a name of its own
// that contains the file's) or of which it names a message. Where the registry
// lists bad records only, what such a report does not name of a delivery that
// it covers is not objected to; without a covering report nothing is answered.
// Where it lists all records, an item of its own tells of each covered delivery
// of which it answers fewer messages than were sent.
func (s *Store) ImportReport(ctx context.Context, in ReportImport) (Report, error) {
	const op = "report import"
	var out Report
	var unreadable error
	err := s.tx(ctx, op, func(tx pgx.Tx) (err error) {
		out, err = lockReport(ctx, tx, in.ReportID)
		if err != nil || out.State == "imported" {
			return err
		}
		names, plain, err := s.stageItems(ctx, tx, out, in)
		if err != nil {
			if registry.KindOf(err) == registry.Invalid {
				unreadable = err
			}
			return err
		}
		if err := linkItems(ctx, tx, out, in, names); err != nil {
			return err
		}
		if err := answerMessages(ctx, tx, out, in, names); err != nil {
			return err
		}
		if err := countReport(ctx, tx, out.ID); err != nil {
			return err
		}
		if err := tellDifferences(ctx, tx, out, in); err != nil {
			return err
		}
		if err := comparePredictions(ctx, tx, in); err != nil {
			return err
		}
		out, err = one[Report](ctx, tx, `
			update reports set state = 'imported', reason = '', imported_at = @at, format = @format, mapping = @mapping,
				records = @records, faults = @faults, (items, unmatched, not_understood, differences) = (
				select @plain + count(*) filter (where kind <> 'difference'),
					count(*) filter (where file_id is null and kind <> 'difference'),
					count(*) filter (where kind = 'line'), count(*) filter (where kind = 'difference')
				from report_items where report_id = @id)
			where id = @id returning `+reportColumns,
			pgx.NamedArgs{
				"id": in.ReportID, "at": in.At, "format": names.Format, "mapping": plainText(names.Mapping),
				"plain": plain, "records": names.Records, "faults": orEmpty(names.Faults),
			})
		return err
	})
	if unreadable != nil {
		return s.quarantine(ctx, in, unreadable)
	}
	return out, err
}

func (s *Store) quarantine(ctx context.Context, in ReportImport, why error) (Report, error) {
	var out Report
	err := s.tx(ctx, "report quarantine", func(tx pgx.Tx) (err error) {
		out, err = lockReport(ctx, tx, in.ReportID)
		if err != nil || out.State == "imported" || out.Reason == why.Error() {
			return err
		}
		out, err = one[Report](ctx, tx, `
			update reports set state = 'quarantined', imported_at = @at, reason = @why
			where id = @id returning `+reportColumns,
			pgx.NamedArgs{"id": in.ReportID, "at": in.At, "why": why.Error()})
		return err
	})
	return out, err
}

func lockReport(ctx context.Context, tx pgx.Tx, id string) (Report, error) {
	r, err := one[Report](ctx, tx, `select `+reportColumns+` from reports where id = @id for update`,
		pgx.NamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return r, registry.Errorf(registry.Missing, "report", "there is no report %s", id)
	}
	return r, err
}

// sentStates are the deliveries that may have reached the registry.
const sentStates = `('uploading', 'uploaded', 'renamed', 'confirmed', 'unknown')`

// rejectFile answers all messages of a file that was refused as a whole. What
// the report says of single messages comes after it. Where the name does not
// tell one file of ours, the item stays unmatched.
func rejectFile(ctx context.Context, tx pgx.Tx, r Report, at time.Time, name string, item int) error {
	args := pgx.NamedArgs{"report": r.ID, "at": at, "name": name, "item": item}
	type cover struct {
		FileID     string `db:"file_id"`
		DeliveryID string `db:"delivery_id"`
		Message    int    `db:"message"`
	}
	found, err := many[cover](ctx, tx, `
		select c.file_id, c.delivery_id, (select min(ordinal) from messages m where m.file_id = c.file_id and not m.held) as message
		from report_covers c join deliveries d on d.id = c.delivery_id
		where c.report_id = @report and c.named and (@name = '' or d.remote_name = @name or d.file_id || '-' || d.attempt = @name)`, args)
	if err != nil || len(found) != 1 {
		return err
	}
	args["file"], args["delivery"], args["message"] = found[0].FileID, found[0].DeliveryID, found[0].Message
	_, err = tx.Exec(ctx, `
		update report_items set file_id = @file, message = @message, delivery_id = @delivery
		where report_id = @report and ordinal = @item and file_id is null`, args)
	if err != nil {
		return err
	}
	for _, step := range []string{
		`delete from answer_pages where file_id = @file`,
		`update report_files set fresh = false where file_id = @file`,
	} {
		if _, err := tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		insert into answers as a (file_id, message, answer, answer_report, answer_item, answered_at)
		select @file, ordinal, 'file-rejected', @report, @item, @at from messages where file_id = @file and not held
		`+replaceAnswer, args)
	return err
}

// orEmpty keeps a nil list from becoming a null, which no row equals.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
