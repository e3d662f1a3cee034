package db

import (
	"context"
	"errors"
	"iter"
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
	// BadOnly are the practices whose registry lists bad records only: their
	// messages that a report covers and does not name are not objected to.
	BadOnly []string
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

// ReportNames are the names of our files that a report told: the name at the
// registry, or the control ID of our envelope (file ID and attempt).
type ReportNames struct {
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
// the report's connection. Where several files have it, a file that the report
// names comes first, then the one that was prepared last. The worst item of a
// message is its answer; a later report replaces an earlier answer, except that
// an answer which nobody understands replaces none.
//
// Where the registry lists bad records only, a report covers a file that it
// names (in its lines, or by a name of its own that contains the file's) or of
// which it names a message; what it does not name of such a file is not
// objected to. A clean file that no report names stays unanswered.
func (s *Store) ImportReport(ctx context.Context, in ReportImport) (Report, error) {
	const op = "report import"
	var out Report
	var unreadable error
	err := s.tx(ctx, op, func(tx pgx.Tx) (err error) {
		out, err = lockReport(ctx, tx, in.ReportID)
		if err != nil || out.State != "fetched" {
			return err
		}
		names, err := s.copyItems(ctx, tx, in)
		if err != nil {
			if registry.KindOf(err) == registry.Invalid {
				unreadable = err
			}
			return err
		}
		if err := linkItems(ctx, tx, out, names); err != nil {
			return err
		}
		if err := answerMessages(ctx, tx, out, in, names); err != nil {
			return err
		}
		if err := comparePredictions(ctx, tx, in); err != nil {
			return err
		}
		out, err = one[Report](ctx, tx, `
			update reports set state = 'imported', imported_at = @at, (items, unmatched, not_understood) = (
				select count(*), count(*) filter (where file_id is null),
					count(*) filter (where outcome = 'unknown' and code = '')
				from report_items where report_id = @id)
			where id = @id returning `+reportColumns,
			pgx.NamedArgs{"id": in.ReportID, "at": in.At})
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

// copyItems streams the items into the table. An error of the reader is
// returned as it is, one of the database likewise.
func (s *Store) copyItems(ctx context.Context, tx pgx.Tx, in ReportImport) (ReportNames, error) {
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
	columns := []string{
		"report_id", "ordinal", "control_id", "ack", "code", "family", "severity", "location", "outcome", "text_sealed",
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"report_items"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		item, ok := next()
		if !ok {
			return nil, readErr // nil ends the copy
		}
		return []any{
			in.ReportID, item.Ordinal, plainText(item.ControlID), plainText(item.Ack), plainText(item.Code),
			string(item.Family), string(item.Severity), place(item.Location), string(item.Outcome), s.sealText(item.Text),
		}, nil
	}))
	if readErr != nil && !errors.Is(readErr, errStopped) {
		return names, readErr
	}
	return names, err
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

// plainText is what PostgreSQL takes as text.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// sentStates are the deliveries that may have reached the registry.
const sentStates = `('uploading', 'uploaded', 'renamed', 'confirmed', 'unknown')`

// linkItems finds the deliveries that the report names, then the message that
// each item answers, and records what is covered.
func linkItems(ctx context.Context, tx pgx.Tx, r Report, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "connection": r.Connection, "name": r.Name, "files": orEmpty(names.Files)}
	// A name without its ending: reports are often called after the file.
	_, err := tx.Exec(ctx, `
		insert into report_covers (report_id, delivery_id, file_id, named)
		select @report, id, file_id, true from deliveries
		where connection = @connection and state in `+sentStates+`
		  and (remote_name = any(@files) or file_id || '-' || attempt = any(@files)
			or position(regexp_replace(remote_name, '\.[A-Za-z0-9]+$', '') in @name) > 0)`, args)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update report_items i set file_id = f.file_id, message = f.ordinal, delivery_id = f.delivery_id
		from (
			select distinct on (m.control_id) m.control_id, m.file_id, m.ordinal, d.id as delivery_id
			from (select distinct control_id from report_items where report_id = @report and control_id <> '') asked
			join messages m on m.control_id = asked.control_id and not m.held
			join deliveries d on d.file_id = m.file_id and d.connection = @connection and d.state in `+sentStates+`
			left join report_covers c on c.report_id = @report and c.delivery_id = d.id
			order by m.control_id, c.delivery_id is null, d.prepared_at desc, length(d.id) desc, d.id desc, m.ordinal
		) f
		where i.report_id = @report and i.control_id = f.control_id`, args)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into report_covers (report_id, delivery_id, file_id, named)
		select distinct report_id, delivery_id, file_id, false from report_items
		where report_id = @report and delivery_id is not null
		on conflict (report_id, delivery_id) do nothing`, args)
	return err
}

// answerMessages writes what the report says of each message.
func answerMessages(ctx context.Context, tx pgx.Tx, r Report, in ReportImport, names ReportNames) error {
	args := pgx.NamedArgs{"report": r.ID, "at": in.At, "bad_only": orEmpty(in.BadOnly)}
	for name, item := range names.Rejected {
		if err := rejectFile(ctx, tx, r, in.At, name, item); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `
		update messages m set answer = a.outcome, answer_report = @report, answer_item = a.ordinal, answered_at = @at
		from (
			select distinct on (file_id, control_id) file_id, control_id, outcome, ordinal
			from report_items where report_id = @report and file_id is not null and control_id <> ''
			order by file_id, control_id, array_position(array['file-rejected', 'message-rejected',
				'patient-rejected', 'dose-rejected', 'unknown', 'accepted-with-warnings', 'not-objected-to',
				'accepted'], outcome), ordinal
		) a
		where m.file_id = a.file_id and m.control_id = a.control_id and not m.held
		  and (a.outcome <> 'unknown' or m.answer is null)`, args)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update messages m set answer = 'not-objected-to', answer_report = @report, answer_item = null, answered_at = @at
		from report_covers c join files f on f.id = c.file_id
		where c.report_id = @report and m.file_id = f.id and f.practice = any(@bad_only)
		  and m.answer is null and not m.held`, args)
	return err
}

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
		update messages set answer = 'file-rejected', answer_report = @report, answer_item = @item, answered_at = @at
		where file_id = @file and not held`, args)
	return err
}

// orEmpty keeps a nil list from becoming a null, which no row equals.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
