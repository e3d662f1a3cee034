package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// CheckedMessage is what a check learned of one message.
type CheckedMessage struct {
	Ordinal                     int
	ControlID                   string
	SendingApp, SendingFacility string
	Site                        string
	Outcome                     registry.Outcome
	Held                        bool
	// Patient is what staff need to find the patient, in clear; it is sealed
	// here. Nil where there is none.
	Patient []byte
	// Chart is the chart number, and Who tells patients apart as record keys do;
	// only their keyed digests are kept.
	Chart, Who string
	// Content is the digest of what the message says; only its keyed digest is
	// kept.
	Content [32]byte
	// Says is the same without the control ID; only its keyed digest is kept.
	Says [32]byte
	// Sent is the day of MSH-7, YYYYMMDD; empty where it has none.
	Sent string
	// Offset and Length in bytes.
	Offset, Length int64
	Doses          []CheckedDose
}

// CheckedDose is one dose of a message.
type CheckedDose struct {
	Ordinal int
	// RecordKey tells records apart; only its keyed digest is kept. Empty where
	// the dose has none.
	RecordKey string
	// Year in which it was given; 0 where it is not known.
	Year int
	// Given doses were administered by the sender; Vaccine is their CVX code. Late
	// ones went more than 30 days after they were given (25 TAC 100.6), as far as
	// the message itself tells.
	Given, Late bool
	Vaccine     string
	// Corrects marks a dose that takes back or changes one (RXA-21 D or U).
	Corrects bool
	// Details are what staff need to find the dose, in clear; sealed here.
	Details []byte
}

// CheckResult is how a check ends.
type CheckResult struct {
	Summary registry.CheckSummary
	Counts  []registry.RuleCount
	// Changed are all rules that persons had graded anew; the summary names the
	// first of them only.
	Changed []registry.RuleGrade
	// Basis tells apart what it was judged by besides the rules, as a digest in
	// hex; empty where nobody will ask.
	Basis string
	At    time.Time
}

// rowsAtOnce bounds what a check keeps in memory before it goes to the server.
const rowsAtOnce = 1000

// CheckWriter takes what a check finds, in the order of the file. After an
// error it takes nothing more; [Store.SaveCheck] returns that error.
type CheckWriter struct {
	ctx      context.Context //nolint:containedctx // lives as long as the call of SaveCheck that made it
	tx       pgx.Tx
	sealer   *Sealer
	practice string
	file     string
	lane     registry.Lane
	messages []CheckedMessage
	findings []registry.Finding
	found    int // findings written before those in the slice
	doses    map[doseKind]doseCount
	err      error
}

// Err is the first thing that went wrong, so that a caller can stop early.
func (w *CheckWriter) Err() error { return w.err }

// Message adds a message. It may be kept until later and must not be changed.
func (w *CheckWriter) Message(m CheckedMessage) {
	if w.messages = append(w.messages, m); len(w.messages) >= rowsAtOnce {
		w.flushMessages()
	}
}

// Finding adds a finding.
func (w *CheckWriter) Finding(f registry.Finding) {
	if w.findings = append(w.findings, f); len(w.findings) >= rowsAtOnce {
		w.flushFindings()
	}
}

// SaveCheck runs check and keeps what it hands to the writer, and its result,
// in one transaction. Checking again replaces findings, doses and predictions;
// what the registry has answered about messages stays. An error of check is
// returned as it is and nothing is kept. Kind Missing without such a file.
func (s *Store) SaveCheck(
	ctx context.Context, practice, fileID string, check func(w *CheckWriter) (CheckResult, error),
) error {
	return s.tx(ctx, "save check", func(tx pgx.Tx) error {
		lane, err := value[registry.Lane](ctx, tx, `
			select lane from files where id = @id and practice = @practice for update`,
			pgx.NamedArgs{"id": fileID, "practice": practice})
		if errors.Is(err, pgx.ErrNoRows) {
			return noFile(fileID)
		}
		if err != nil {
			return err
		}
		args := pgx.NamedArgs{"id": fileID}
		for _, sql := range []string{
			`delete from findings where file_id = @id`,
			`delete from rule_counts where file_id = @id`,
			`delete from doses where file_id = @id`,
			`delete from dose_counts where file_id = @id`,
		} {
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		w := &CheckWriter{ctx: ctx, tx: tx, sealer: s.sealer, practice: practice, file: fileID, lane: lane}
		result, err := check(w)
		if w.err != nil {
			return w.err
		}
		if err != nil {
			return err
		}
		w.flushMessages()
		w.flushFindings()
		if w.err != nil {
			return w.err
		}
		if err := w.saveDoses(); err != nil {
			return err
		}
		return finishCheck(ctx, tx, fileID, result)
	})
}

func finishCheck(ctx context.Context, tx pgx.Tx, fileID string, r CheckResult) error {
	c := r.Summary
	if c.Top == nil {
		c.Top = []registry.RuleCount{}
	}
	changed := r.Changed
	if changed == nil {
		changed = []registry.RuleGrade{}
	}
	if _, err := tx.Exec(ctx, `delete from messages where file_id = @id and ordinal > @last`,
		pgx.NamedArgs{"id": fileID, "last": c.Messages}); err != nil {
		return err
	}
	for _, n := range r.Counts {
		if _, err := tx.Exec(ctx, `
			insert into rule_counts (file_id, rule, severity, count) values (@id, @rule, @severity, @count)`,
			pgx.NamedArgs{"id": fileID, "rule": n.Rule, "severity": n.Severity, "count": n.Count}); err != nil {
			return err
		}
	}
	if err := countAnswers(ctx, tx, `= @id`, pgx.NamedArgs{"id": fileID}); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		update files set checked_at = @at, outcome = @outcome, error_free = @error_free, hold_file = @hold_file,
			messages = @messages, doses = @doses, held = @held, errors = @errors, warnings = @warnings,
			infos = @infos, top = @top, rule_set = @rule_set, rules_changed = @changed, basis = nullif(@basis, '')
		where id = @id`,
		pgx.NamedArgs{
			"id": fileID, "at": r.At, "outcome": c.Outcome, "error_free": c.ErrorFree, "hold_file": c.HoldFile,
			"messages": c.Messages, "doses": c.Doses, "held": c.Held, "errors": c.Errors, "warnings": c.Warnings,
			"infos": c.Infos, "top": c.Top, "rule_set": c.RuleSet, "changed": changed, "basis": r.Basis,
		})
	return err
}

// flushMessages writes messages by one statement that also replaces, and their
// doses by COPY.
func (w *CheckWriter) flushMessages() {
	batch := w.messages
	w.messages = w.messages[:0]
	if w.err != nil || len(batch) == 0 {
		return
	}
	n := len(batch)
	ordinals, controls := make([]int32, n), make([]string, n)
	apps, facilities, sites := make([]string, n), make([]string, n), make([]string, n)
	outcomes, held, patients := make([]string, n), make([]bool, n), make([][]byte, n)
	offsets, lengths := make([]int64, n), make([]int64, n)
	days := make([]*time.Time, n)
	systems, contents, charts, whos := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	says := make([][]byte, n)
	for i, m := range batch {
		ordinals[i], controls[i] = int32(m.Ordinal), m.ControlID
		apps[i], facilities[i], sites[i] = m.SendingApp, m.SendingFacility, m.Site
		outcomes[i], held[i], patients[i] = string(m.Outcome), m.Held, w.sealer.Seal(m.Patient)
		offsets[i], lengths[i] = m.Offset, m.Length
		systems[i], contents[i] = w.sentKeys(m)
		if day, err := time.Parse("20060102", m.Sent); err == nil {
			days[i] = &day
		}
		if m.Says != [32]byte{} {
			says[i] = w.sealer.Digest("says", w.practice, string(m.Says[:]))
		}
		if m.Chart != "" {
			charts[i] = chartDigest(w.sealer, w.practice, m.Chart)
		}
		if m.Who != "" {
			whos[i] = w.sealer.Digest("patient", w.practice, m.Who)
		}
	}
	_, w.err = w.tx.Exec(w.ctx, `
		insert into messages (file_id, ordinal, control_id, sending_app, sending_facility, site, outcome, held,
			patient, byte_offset, byte_length, control_key, content_key, chart_digest, patient_digest, sent_on, says_key)
		select @id, u.* from unnest(@ordinals::integer[], @controls::text[], @apps::text[], @facilities::text[],
			@sites::text[], @outcomes::text[], @held::boolean[], @patients::bytea[], @offsets::bigint[],
			@lengths::bigint[], @systems::bytea[], @contents::bytea[], @charts::bytea[], @whos::bytea[], @days::date[], @says::bytea[]) u
		on conflict (file_id, ordinal) do update set control_id = excluded.control_id,
			sending_app = excluded.sending_app, sending_facility = excluded.sending_facility,
			site = excluded.site, outcome = excluded.outcome, held = excluded.held, patient = excluded.patient,
			byte_offset = excluded.byte_offset, byte_length = excluded.byte_length,
			control_key = excluded.control_key, content_key = excluded.content_key,
			chart_digest = excluded.chart_digest, patient_digest = excluded.patient_digest, sent_on = excluded.sent_on, says_key = excluded.says_key`,
		pgx.NamedArgs{
			"id": w.file, "ordinals": ordinals, "controls": controls, "apps": apps, "facilities": facilities,
			"sites": sites, "outcomes": outcomes, "held": held, "patients": patients, "offsets": offsets,
			"lengths": lengths, "systems": systems, "contents": contents, "charts": charts,
			"whos": whos, "days": days, "says": says,
		})
	if w.err == nil {
		w.copyDoses(batch)
		w.countDoses(batch)
	}
}

func (w *CheckWriter) copyDoses(batch []CheckedMessage) {
	var rows [][]any
	for _, m := range batch {
		for _, d := range m.Doses {
			var digest []byte
			if d.RecordKey != "" {
				digest = RecordDigest(w.sealer, w.practice, d.RecordKey)
			}
			var year *int16
			if d.Year > 0 && d.Year < 10_000 {
				y := int16(d.Year)
				year = &y
			}
			rows = append(rows, []any{w.file, int32(m.Ordinal), int32(d.Ordinal), digest, year, w.sealer.Seal(d.Details), d.Corrects})
		}
	}
	_, w.err = w.tx.CopyFrom(w.ctx, pgx.Identifier{"doses"},
		[]string{"file_id", "message", "ordinal", "record_digest", "given_year", "details", "corrects"}, pgx.CopyFromRows(rows))
}

// RecordDigest is the digest by which the same record of a practice is found
// again, in whichever file it comes.
func RecordDigest(s *Sealer, practice, recordKey string) []byte {
	return s.Digest("record", practice, recordKey)
}

func (w *CheckWriter) flushFindings() {
	batch := w.findings
	w.findings = w.findings[:0]
	if w.err != nil || len(batch) == 0 {
		return
	}
	_, w.err = w.tx.CopyFrom(w.ctx, pgx.Identifier{"findings"},
		[]string{"file_id", "ordinal", "rule", "severity", "message", "path", "byte_offset", "line"},
		pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
			f := batch[i]
			return []any{
				w.file, int32(w.found + i + 1), f.Rule, string(f.Severity), int32(f.Message), f.Path, f.Offset, int32(f.Line),
			}, nil
		}))
	w.found += len(batch)
}

// Findings lists what a check found, in the order of the file: at most limit,
// after the given ordinal. They name places and quote nothing.
func (s *Store) Findings(ctx context.Context, fileID string, after, limit int) ([]registry.Finding, error) {
	const op = "findings"
	rows, err := s.pool.Query(ctx, `
		select f.rule, f.severity, f.message, coalesce(m.control_id, ''), f.path, f.byte_offset, f.line
		from findings f left join messages m on m.file_id = f.file_id and m.ordinal = f.message
		where f.file_id = @id and f.ordinal > @after order by f.ordinal limit @limit`,
		pgx.NamedArgs{"id": fileID, "after": after, "limit": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (registry.Finding, error) {
		var f registry.Finding
		err := row.Scan(&f.Rule, &f.Severity, &f.Message, &f.ControlID, &f.Path, &f.Offset, &f.Line)
		return f, err
	})
	return found, fault(op, err)
}

// HeldAfter returns the ordinals of held messages after the given one, in
// order, at most limit: a page, so that memory does not grow with the file.
func (s *Store) HeldAfter(ctx context.Context, fileID string, after, limit int) ([]int, error) {
	const op = "held messages"
	rows, err := s.pool.Query(ctx, `
		select ordinal from messages where file_id = @id and held and ordinal > @after order by ordinal limit @limit`,
		pgx.NamedArgs{"id": fileID, "after": after, "limit": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[int])
	return held, fault(op, err)
}

// Patient opens the sealed reference of a message. Whoever shows it writes an
// audit event. Nil where the message has none; Missing without such a message.
func (s *Store) Patient(ctx context.Context, fileID string, ordinal int) ([]byte, error) {
	const op = "patient"
	sealed, err := value[[]byte](ctx, s.pool, `select patient from messages where file_id = @id and ordinal = @ordinal`,
		pgx.NamedArgs{"id": fileID, "ordinal": ordinal})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, registry.Errorf(registry.Missing, op, "file %s has no message %d", fileID, ordinal)
	}
	if err != nil {
		return nil, fault(op, err)
	}
	return s.sealer.Open(sealed)
}
