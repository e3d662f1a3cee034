package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// This file holds the only reads that give patient data away. Their callers
// write an audit row first.

// chartDigest is by which a patient's messages are found again.
func chartDigest(s *Sealer, practice, chart string) []byte { return s.Digest("chart", practice, chart) }

// WorkItem is one unsettled error with what staff need to mend it. Patient and
// Dose are unsealed, as the checker sealed them; Dose is empty where the error
// is about the message as a whole and it has several.
type WorkItem struct {
	Error         RecordError
	Patient, Dose string
}

// WorkFilter says whose work is asked for: of a practice, of a site, or all.
type WorkFilter struct {
	Practice, Site string
	// Owner narrows it to those who can mend it; empty: everybody.
	Owner registry.Owner
}

// Worklist calls each for every unsettled error that counts, by practice, site
// and due date. It streams: memory does not grow with the list.
func (s *Store) Worklist(ctx context.Context, f WorkFilter, each func(WorkItem) error) error {
	const op = "worklist"
	rows, err := s.pool.Query(ctx, `
		with work as (`+recordErrorFrom+`
			where e.state in `+unsettled+` and exists (select 1 from open_errors o where o.id = e.id)
			  and (@practice = '' or e.practice = @practice) and (@site = '' or e.site = @site)
			  and (@owner = '' or e.owner = @owner))
		select w.*, m.patient, d.details from work w
		left join messages m on m.file_id = w.file_id and m.ordinal = w.message
		left join lateral (
			select d.details from doses d where d.file_id = w.file_id and d.message = w.message
			  and (d.ordinal = w.dose or (w.dose = 0 and (select count(*) from doses o
				where o.file_id = w.file_id and o.message = w.message) = 1)) limit 1
		) d on true
		order by w.practice, w.site, w.due_at, length(w.id), w.id`,
		pgx.NamedArgs{"practice": f.Practice, "site": f.Site, "owner": string(f.Owner)})
	if err != nil {
		return fault(op, err)
	}
	type row struct {
		RecordError
		Patient []byte `db:"patient"`
		Details []byte `db:"details"`
	}
	defer rows.Close()
	for rows.Next() {
		r, err := pgx.RowToStructByName[row](rows)
		if err != nil {
			return fault(op, err)
		}
		patient, err := s.sealer.Open(r.Patient)
		if err != nil {
			return err
		}
		dose, err := s.sealer.Open(r.Details)
		if err != nil {
			return err
		}
		if err := each(WorkItem{Error: r.RecordError, Patient: string(patient), Dose: string(dose)}); err != nil {
			return err
		}
	}
	return fault(op, rows.Err())
}

// SentRecord is one message about a patient and what became of it.
type SentRecord struct {
	FileID    string        `db:"file_id"`
	Lane      registry.Lane `db:"lane"`
	Message   int           `db:"message"`
	ControlID string        `db:"control_id"`
	Site      string        `db:"site"`
	Held      bool          `db:"held"`
	StagedAt  time.Time     `db:"staged_at"`
	// SentAt and RemoteName are of the last delivery that may have arrived.
	SentAt     *time.Time `db:"sent_at"`
	RemoteName string     `db:"remote_name"`
	State      string     `db:"state"`
	// Answer is what the registry said, in Report; empty: nothing yet.
	Answer     string     `db:"answer"`
	AnsweredAt *time.Time `db:"answered_at"`
	Report     string     `db:"report"`
	Codes      []string   `db:"codes"`
	// Patient and Doses are unsealed.
	Patient string   `db:"-"`
	Doses   []string `db:"-"`
}

// FindPatient lists the messages of a practice about the patient with a chart
// number, newest first, at most 200.
func (s *Store) FindPatient(ctx context.Context, practice, chart string) ([]SentRecord, error) {
	const op = "find"
	type row struct {
		SentRecord
		PatientSealed []byte   `db:"patient"`
		DosesSealed   [][]byte `db:"doses"`
	}
	rows, err := many[row](ctx, s.pool, `
		select m.file_id, f.lane, m.ordinal as message, m.control_id, m.site, m.held, f.staged_at,
			coalesce(d.confirmed_at, d.sent_at) as sent_at, coalesce(d.remote_name, '') as remote_name,
			coalesce(d.state, '') as state, coalesce(m.answer, '') as answer, m.answered_at,
			coalesce(m.answer_report, '') as report,
			coalesce((select array_agg(distinct i.code order by i.code) from report_items i
				where i.file_id = m.file_id and i.message = m.ordinal and i.code <> ''), '{}') as codes,
			m.patient, coalesce((select array_agg(x.details order by x.ordinal) from doses x
				where x.file_id = m.file_id and x.message = m.ordinal and x.details is not null), '{}') as doses
		from answered m join files f on f.id = m.file_id
		left join lateral (
			select * from deliveries d where d.file_id = m.file_id and d.state in `+sentStates+`
			order by d.prepared_at desc, length(d.id) desc, d.id desc limit 1
		) d on true
		where m.chart_digest = @chart and f.practice = @practice
		order by f.staged_at desc, m.file_id, m.ordinal limit 200`,
		pgx.NamedArgs{"practice": practice, "chart": chartDigest(s.sealer, practice, chart)})
	if err != nil {
		return nil, fault(op, err)
	}
	out := make([]SentRecord, 0, len(rows))
	for _, r := range rows {
		rec := r.SentRecord
		patient, err := s.sealer.Open(r.PatientSealed)
		if err != nil {
			return nil, err
		}
		rec.Patient = string(patient)
		for _, sealed := range r.DosesSealed {
			dose, err := s.sealer.Open(sealed)
			if err != nil {
				return nil, err
			}
			rec.Doses = append(rec.Doses, string(dose))
		}
		out = append(out, rec)
	}
	return out, nil
}
