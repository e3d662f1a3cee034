package db

import (
	"context"
	"errors"
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
}

const recordErrorFrom = `
	select e.id, e.practice, e.site, e.code, e.owner, e.severity, e.state, f.lane, e.opened_at, e.due_at, e.times,
		e.file_id, e.message, coalesce(e.dose, 0) as dose, coalesce(m.control_id, '') as control_id, i.location,
		e.first_report, e.last_report, coalesce(e.verified_by, '') as verified_by,
		e.settled_at, coalesce(e.settled_by, '') as settled_by, coalesce(e.reason, '') as reason,
		e.assignee, coalesce(e.fix_file, '') as fix_file, e.reopened
	from errors e
	join files f on f.id = e.file_id
	join report_items i on i.report_id = e.last_report and i.ordinal = e.last_item
	left join messages m on m.file_id = e.file_id and m.ordinal = e.message`

// ErrorFilter narrows a list of errors; what is empty does not.
type ErrorFilter struct {
	Practice, Site, Code, FileID string
	Owner                        registry.Owner
	// State; empty means those that are not settled, [AllErrors] every state.
	State    registry.ErrorState
	Assignee string
	// DueBefore keeps what is due before a date.
	DueBefore time.Time
	Limit     int
}

// AllErrors in an [ErrorFilter] is no state but all of them.
const AllErrors registry.ErrorState = "all"

func (f ErrorFilter) args() pgx.NamedArgs {
	states, ok := map[registry.ErrorState][]string{
		"":        {string(registry.ErrorOpen), string(registry.ErrorAssigned), string(registry.ErrorFixSent)},
		AllErrors: {},
	}[f.State]
	if !ok {
		states = []string{string(f.State)}
	}
	due := &f.DueBefore
	if f.DueBefore.IsZero() {
		due = nil
	}
	return pgx.NamedArgs{
		"practice": f.Practice, "site": f.Site, "code": f.Code, "file": f.FileID, "owner": string(f.Owner),
		"states": states, "due": due, "assignee": f.Assignee, "limit": atMost(f.Limit),
	}
}

const errorFilter = `
	where (@practice = '' or e.practice = @practice) and (@site = '' or e.site = @site)
	  and (@code = '' or e.code = @code) and (@file = '' or e.file_id = @file)
	  and (@owner = '' or e.owner = @owner)
	  and (cardinality(@states::text[]) = 0 or e.state = any(@states))
	  and (@assignee = '' or e.assignee = @assignee)
	  and (@due::timestamptz is null or e.due_at < @due)`

// ListErrors lists errors, what is due first at the top.
func (s *Store) ListErrors(ctx context.Context, f ErrorFilter) ([]RecordError, error) {
	rows, err := many[RecordError](ctx, s.pool, recordErrorFrom+errorFilter+
		` order by e.due_at, length(e.id), e.id limit @limit`, f.args())
	return rows, fault("errors list", err)
}

// ErrorDetail is all about one error. Text and Patient are unsealed: they may
// name a patient and are for the eyes of the person who asked.
type ErrorDetail struct {
	RecordError
	// Text is the registry's sentence; Patient what staff need to find the
	// patient, as the checker sealed it.
	Text, Patient string
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
	sealed, err := one[struct {
		Text    []byte `db:"text"`
		Patient []byte `db:"patient"`
	}](ctx, s.pool, `
		select i.text_sealed as text, m.patient from errors e
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
	d.Text, d.Patient = string(text), string(patient)
	return d, err
}

func noSuchError(op, id string, err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return registry.Errorf(registry.Missing, op, "there is no error %q; `starter errors list` shows them", id)
	}
	return fault(op, err)
}
