package db

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// RecordError is an error that the registry reported, as it is kept.
type RecordError struct {
	ID        string              `db:"id"`
	Practice  string              `db:"practice"`
	Site      string              `db:"site"`
	Code      string              `db:"code"`
	Owner     registry.Owner      `db:"owner"`
	Severity  registry.Severity   `db:"severity"`
	State     registry.ErrorState `db:"state"`
	Lane      registry.Lane       `db:"lane"`
	OpenedAt  time.Time           `db:"opened_at"`
	DueAt     time.Time           `db:"due_at"`
	Times     int                 `db:"times"`
	FileID    string              `db:"file_id"`
	Message   int                 `db:"message"`
	Dose      int                 `db:"dose"` // 0: the message as a whole
	ControlID string              `db:"control_id"`
	Location  string              `db:"location"`
	// FirstReport opened it, LastReport told it last, VerifiedBy proves it gone.
	FirstReport string     `db:"first_report"`
	LastReport  string     `db:"last_report"`
	VerifiedBy  string     `db:"verified_by"`
	SettledAt   *time.Time `db:"settled_at"`
	SettledBy   string     `db:"settled_by"`
	Reason      string     `db:"reason"`
	// Assignee has it in hand, FixFile holds the record anew, Reopened counts how
	// often it came back after its end.
	Assignee string `db:"assignee"`
	FixFile  string `db:"fix_file"`
	Reopened int    `db:"reopened"`
	// OwnerSince is when it came to its owner, or into its assignee's hands.
	OwnerSince time.Time `db:"owner_since"`
}

const recordErrorFrom = recordErrorOf + `errors e` + recordErrorWith

const recordErrorOf = `
	select e.id, e.practice, e.site, e.code, e.owner, e.severity, e.state, f.lane, e.opened_at, e.due_at, e.times,
		e.file_id, e.message, coalesce(e.dose, 0) as dose, coalesce(m.control_id, '') as control_id, i.location,
		e.first_report, e.last_report, coalesce(e.verified_by, '') as verified_by,
		e.settled_at, coalesce(e.settled_by, '') as settled_by, coalesce(e.reason, '') as reason,
		e.assignee, coalesce(e.fix_file, '') as fix_file, e.reopened,
		coalesce(e.owner_since, e.opened_at) as owner_since
	from `

const recordErrorWith = `
	join files f on f.id = e.file_id
	join report_items i on i.report_id = e.last_report and i.ordinal = e.last_item
	left join messages m on m.file_id = e.file_id and m.ordinal = e.message`

// ErrorFilter narrows a list of errors; what is empty does not.
type ErrorFilter struct {
	Practice, Site, Code, FileID string
	// Vendor is the EHR vendor's contact of the practices, as in
	// [QualityFilter].
	Vendor string
	Owner  registry.Owner
	// State; empty means those that are not settled, [AllErrors] every state.
	State    registry.ErrorState
	Assignee string
	// DueBefore keeps what is due before a date, OpenedBefore what is older.
	DueBefore, OpenedBefore time.Time
	Limit                   int
}

// AllErrors in an [ErrorFilter] is no state but all of them.
const AllErrors registry.ErrorState = "all"

// where says in SQL what f keeps of errors, or counters of them, called e: only
// what it asks for, so that the indexes of unsettled errors serve.
func (f ErrorFilter) where() (string, pgx.NamedArgs) {
	parts, args := []string{"true"}, pgx.NamedArgs{"limit": atMost(f.Limit)}
	add := func(sql, name string, value any, asked bool) {
		if asked {
			parts = append(parts, sql)
			args[name] = value
		}
	}
	switch f.State {
	case AllErrors:
	case "":
		parts = append(parts, "e.state in "+unsettled)
	default:
		add("e.state = @state", "state", string(f.State), true)
	}
	add("e.practice = @practice", "practice", f.Practice, f.Practice != "")
	add("e.site = @site", "site", f.Site, f.Site != "")
	add("e.code = @code", "code", f.Code, f.Code != "")
	add("e.file_id = @file", "file", f.FileID, f.FileID != "")
	add("e.owner = @owner", "owner", string(f.Owner), f.Owner != "")
	add("e.assignee = @assignee", "assignee", f.Assignee, f.Assignee != "")
	add("e.due_at < @due", "due", f.DueBefore, !f.DueBefore.IsZero())
	add("e.opened_at < @opened", "opened", f.OpenedBefore, !f.OpenedBefore.IsZero())
	add("e.practice in (select v.practice from contacts v where "+vendorIs+")", "vendor", strings.ToLower(f.Vendor), f.Vendor != "")
	return " where " + strings.Join(parts, " and ") + " ", args
}

// counted reports whether the counters of errors can tell what f keeps.
func (f ErrorFilter) counted() bool {
	return f.FileID == "" && f.Assignee == "" && f.DueBefore.IsZero() && f.OpenedBefore.IsZero()
}

// vendorIs says that a contact v is the EHR vendor that @vendor names.
const vendorIs = `v.role = 'ehr-vendor'
		and @vendor in (lower(v.email), split_part(lower(v.email), '@', 2), lower(v.name))`

// ListErrors lists errors, what is due first at the top.
func (s *Store) ListErrors(ctx context.Context, f ErrorFilter) ([]RecordError, error) {
	// What is shown is picked before it is joined with what is told of it.
	where, args := f.where()
	rows, err := many[RecordError](ctx, s.pool,
		recordErrorOf+`(select * from errors e`+where+`order by e.due_at, e.number limit @limit) e`+
			recordErrorWith+` order by e.due_at, e.number`, args)
	return rows, fault("errors list", err)
}

// ErrorDetail is all about one error. Text, Patient and Dose are unsealed: they
// may name a patient and are for the eyes of the person who asked.
type ErrorDetail struct {
	RecordError
	// Text is the registry's sentence; Patient and Dose what staff need to find
	// them, as the checker sealed it. Dose is empty where the error is about the
	// message as a whole and it has several.
	Text, Patient, Dose string
	// AssignedBy is who put it into its assignee's hands; empty without one, and
	// ByRule where a rule of the practice did.
	AssignedBy string
}

// ShowError reads one error. Kind Missing when there is none.
func (s *Store) ShowError(ctx context.Context, id string) (ErrorDetail, error) {
	const op = "error show"
	args := pgx.NamedArgs{"id": id}
	var d ErrorDetail
	var err error
	if d.RecordError, err = one[RecordError](ctx, s.pool, recordErrorFrom+` where e.id = @id`, args); err != nil {
		return d, noSuchError(op, id, err)
	}
	if d.Assignee != "" {
		if err := d.readAssigned(ctx, s.pool); err != nil {
			return d, fault(op, err)
		}
	}
	sealed, err := one[struct {
		Text    []byte `db:"text"`
		Patient []byte `db:"patient"`
		Dose    []byte `db:"dose"`
	}](ctx, s.pool, `
		select i.text_sealed as text, m.patient, (
			select d.details from doses d where d.file_id = e.file_id and d.message = e.message
			  and (d.ordinal = e.dose or e.dose is null and not exists (
				select 1 from doses o where o.file_id = e.file_id and o.message = e.message and o.ordinal = 2))
			order by d.ordinal limit 1) as dose
		from errors e
		join report_items i on i.report_id = e.last_report and i.ordinal = e.last_item
		left join messages m on m.file_id = e.file_id and m.ordinal = e.message
		where e.id = @id`, args)
	if err != nil {
		return d, fault(op, err)
	}
	text, err := s.sealer.Open(sealed.Text)
	if err != nil {
		return d, err
	}
	patient, err := s.sealer.Open(sealed.Patient)
	if err != nil {
		return d, err
	}
	dose, err := s.sealer.Open(sealed.Dose)
	d.Text, d.Patient, d.Dose = string(text), string(patient), string(dose)
	return d, err
}

func noSuchError(op, id string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return registry.Errorf(registry.Missing, op, "there is no error %q; `starter errors list` shows them", id)
	}
	return fault(op, err)
}

// ByRule stands where a rule says whose an error is, and nobody did by hand.
const ByRule = "by a rule of the practice"

func (d *ErrorDetail) readAssigned(ctx context.Context, q querier) error {
	said, err := many[struct {
		By string
	}](ctx, q, `
		select actor_name as by from events
		where at >= @since and practice = @practice and kind = 'error-assigned' and detail->>'error' = @id and detail->>'to' = @to
		order by id desc limit 1`,
		pgx.NamedArgs{"practice": d.Practice, "id": d.ID, "to": d.Assignee, "since": d.OwnerSince})
	d.AssignedBy = ByRule
	if len(said) > 0 {
		d.AssignedBy = said[0].By
	}
	return err
}
