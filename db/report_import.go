package db

import (
	"context"
	"errors"
	"iter"
	"math"
	"regexp"
	"strings"
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
// nothing understands is quarantined, with the reason.
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
		if err != nil || out.State != "fetched" {
			return err
		}
		names, err := s.stageItems(ctx, tx, in)
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
		if err := tellDifferences(ctx, tx, out, in); err != nil {
			return err
		}
		if err := comparePredictions(ctx, tx, in); err != nil {
			return err
		}
		if err := countAnswers(ctx, tx, `in (select file_id from report_covers where report_id = @report)`,
			pgx.NamedArgs{"report": out.ID}); err != nil {
			return err
		}
		out, err = one[Report](ctx, tx, `
			update reports set state = 'imported', imported_at = @at, format = @format, mapping = @mapping,
				records = @records, faults = @faults, (items, unmatched, not_understood, differences) = (
				select count(*) filter (where kind <> 'difference'),
					count(*) filter (where file_id is null and kind <> 'difference'),
					count(*) filter (where kind = 'line'), count(*) filter (where kind = 'difference')
				from report_items where report_id = @id)
			where id = @id returning `+reportColumns,
			pgx.NamedArgs{
				"id": in.ReportID, "at": in.At, "format": names.Format, "mapping": plainText(names.Mapping),
				"records": names.Records, "faults": orEmpty(names.Faults),
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
		if err != nil || out.State != "fetched" {
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

// errStopped tells the reader that nobody takes its items any more.
var errStopped = errors.New("stopped")

// stageSQL makes the table that a report is read into: without indexes, and gone
// with the transaction. Planning a million rows on guesses of nothing goes
// wrong, and so does compiling a statement that runs once.
var stageSQL = []string{
	`set local work_mem = '64MB'`, `set local jit = off`,
	`create temp table report_stage (
		ordinal integer not null, control_id text not null, to_app text not null, to_facility text not null,
		ack text not null, code text not null, family text not null, severity text not null, location text not null,
		outcome text not null, text_sealed bytea, kind text not null, told_file text not null, position integer, field text not null
	) on commit drop`,
	`create temp table report_found (
		control_id text not null, to_app text not null, to_facility text not null, told_file text not null,
		position integer, file_id text not null, message integer not null, delivery_id text not null,
		first boolean not null
	) on commit drop`,
	`create temp table report_worst (file_id text not null, message integer not null, worst bigint not null) on commit drop`,
}

var stageColumns = []string{
	"ordinal", "control_id", "to_app", "to_facility", "ack", "code", "family", "severity", "location", "outcome",
	"text_sealed", "kind", "told_file", "position", "field",
}

// stageItems streams the items into a table of their own. An error of the reader
// is returned as it is, one of the database likewise.
func (s *Store) stageItems(ctx context.Context, tx pgx.Tx, in ReportImport) (ReportNames, error) {
	for _, sql := range stageSQL {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return ReportNames{}, err
		}
	}
	var names ReportNames
	var readErr error
	next, stop := iter.Pull(func(yield func(registry.ReportItem) bool) {
		names, readErr = in.Read(func(item registry.ReportItem) error {
			if !yield(item) {
				return errStopped
			}
			return nil
		})
	})
	defer stop()
	row := make([]any, len(stageColumns)) // pgx has written it when it asks for the next
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"report_stage"}, stageColumns, pgx.CopyFromFunc(func() ([]any, error) {
		item, ok := next()
		if !ok {
			return nil, readErr // nil ends the copy
		}
		location := place(item.Location)
		row = append(row[:0],
			item.Ordinal, plainText(item.ControlID), plainText(item.ToApp), plainText(item.ToFacility),
			plainText(item.Ack), plainText(item.Code), string(item.Family), string(item.Severity), location,
			string(item.Outcome), s.sealText(item.Text), itemKind(item), ownName(item.File), positionOf(item), fieldOf(location))
		return row, nil
	}))
	if readErr != nil && !errors.Is(readErr, errStopped) {
		return names, readErr
	}
	if err != nil {
		return names, err
	}
	_, err = tx.Exec(ctx, `analyze report_stage`)
	return names, err
}

func itemKind(item registry.ReportItem) string {
	if item.Line {
		return "line"
	}
	return "answer"
}

// ownName keeps what can be the name of a file of ours.
func ownName(name string) string {
	if name == "" || registry.CheckRemoteName(name) != nil {
		return ""
	}
	return name
}

// positionOf is null where the item tells none that can be one.
func positionOf(item registry.ReportItem) *int32 {
	if item.Position <= 0 || item.Position > math.MaxInt32 {
		return nil
	}
	n := int32(item.Position)
	return &n
}

func (s *Store) sealText(text string) []byte {
	if text == "" {
		return nil
	}
	return s.sealer.Seal([]byte(text))
}

// placeForm is a place in a message as HL7 writes it, such as PID^1^11^^3.
var placeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}[0-9^.~&\[\]#-]*$`)

// place keeps what is a place and nothing else: the column of a report could
// hold anything, a patient's name included.
func place(location string) string {
	if len(location) <= 64 && placeForm.MatchString(location) {
		return location
	}
	return ""
}

var fieldForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})(?:\[\d+\]|\^\d*)?(?:[-^](\d+))?`)

// fieldOf brings a place down to segment and field, as [placeOf] does.
func fieldOf(place string) string {
	m := fieldForm.FindStringSubmatch(place)
	switch {
	case m == nil:
		return place
	case m[2] == "":
		return m[1]
	}
	return m[1] + "-" + m[2]
}

// plainText is what PostgreSQL takes as text.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
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
