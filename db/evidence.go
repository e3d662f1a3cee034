package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// EvidenceFilter says of which practice and time the evidence is. From and To
// bound when a thing happened; To itself is outside, zero is open.
type EvidenceFilter struct {
	Practice string
	From, To time.Time
}

// Evidence is what is known of a practice's way without any patient: what it
// did, sent, was told and was answered. Within each list the oldest is first.
type Evidence struct {
	// Approval is the Production email; nil before it came. It is the practice's,
	// whatever the filter's time.
	Approval *registry.Approval
	// Early is one that is kept until the review; nil where none is.
	Early    *Early
	Moves    []Event
	Files    []EvidenceFile
	Verdicts []EvidenceVerdict
	Reports  []EvidenceReport
	Notices  []Notice
	Errors   []EvidenceErrors
	// Held is what became of the messages that were held back.
	Held HeldCount
	// EHRs are those whose vendors were asked for historical records.
	EHRs []HistoryEHR
	// Documents are what people handed in and the file store keeps as it came.
	Documents []EvidenceDocument
}

// EvidenceDocument is an email of the registry, or another document, that shows
// something.
type EvidenceDocument struct {
	// Key finds it in the file store.
	Key string `db:"key"`
	// Kind is the act that it belongs to, About the item or file of it, if any.
	Kind  string    `db:"kind"`
	About string    `db:"about"`
	At    time.Time `db:"at"`
	By    string    `db:"actor_name"`
}

// EvidenceFile is a file with its last delivery and what the registry said.
type EvidenceFile struct {
	ID       string        `db:"id"`
	Lane     registry.Lane `db:"lane"`
	Digest   string        `db:"digest"`
	StagedAt time.Time     `db:"staged_at"`
	State    string        `db:"state"`
	// Counts of our check; zero where none was made.
	Messages int    `db:"messages"`
	Doses    int    `db:"doses"`
	Held     int    `db:"held"`
	Errors   int    `db:"errors"`
	Warnings int    `db:"warnings"`
	RuleSet  string `db:"rule_set"`
	// The last delivery; empty where there was none.
	RemoteName   string     `db:"remote_name"`
	SentDigest   string     `db:"sent_digest"`
	SentSize     int64      `db:"sent_size"`
	SentAt       *time.Time `db:"sent_at"`
	ConfirmedHow string     `db:"confirmed_how"`
	ConfirmedAt  *time.Time `db:"confirmed_at"`
	ConfirmedBy  string     `db:"confirmed_by"`
	// What the registry said of its messages.
	Accepted    int      `db:"accepted"`
	Warned      int      `db:"warned"`
	NotObjected int      `db:"not_objected"`
	Refused     int      `db:"refused"`
	Reports     []string `db:"reports"`
	// MailVerdict is what the registry wrote of the file by email, last on MailDated
	// (YYYY-MM-DD); empty where it wrote nothing.
	MailVerdict registry.Verdict `db:"mail_verdict"`
	MailDated   string           `db:"mail_dated"`
}

// EvidenceVerdict counts what a rule found in a file.
type EvidenceVerdict struct {
	File     string `db:"file_id"`
	Rule     string `db:"rule"`
	Severity string `db:"severity"`
	Count    int    `db:"count"`
}

// EvidenceReport is a report that spoke of the practice's files. The counts are
// of its items about them.
type EvidenceReport struct {
	ID         string     `db:"id"`
	Digest     string     `db:"digest"`
	FetchedAt  time.Time  `db:"fetched_at"`
	ImportedAt *time.Time `db:"imported_at"`
	Items      int        `db:"items"`
	Refused    int        `db:"refused"`
}

// EvidenceErrors counts what the registry reported under one code, by how it
// ended.
type EvidenceErrors struct {
	Code      string    `db:"code"`
	First     time.Time `db:"first"`
	Last      time.Time `db:"last"`
	All       int       `db:"errors"`
	Verified  int       `db:"verified"`
	Corrected int       `db:"corrected"`
	Waived    int       `db:"waived"`
}

// Open is how many are not settled.
func (e EvidenceErrors) Open() int { return e.All - e.Verified - e.Corrected - e.Waived }

// Evidence reads what is known of a practice's way, at one moment. Kind Missing
// where there is no such practice.
func (s *Store) Evidence(ctx context.Context, f EvidenceFilter) (Evidence, error) {
	const op = "evidence"
	var out Evidence
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return out, fault(op, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it has only read
	args := pgx.NamedArgs{"practice": f.Practice, "from": orNull(f.From), "to": orNull(f.To)}
	known, err := value[bool](ctx, tx, `select exists (select 1 from practices where id = @practice)`, args)
	if err != nil {
		return out, fault(op, err)
	}
	if !known {
		return out, registry.Errorf(registry.Missing, op, "there is no practice %s", f.Practice)
	}
	approvals, err := many[registry.Approval](ctx, tx, `
		select `+approvalColumns+` from approvals where practice = @practice`, args)
	if err != nil {
		return out, fault(op, err)
	}
	if len(approvals) > 0 {
		out.Approval = &approvals[0]
	}
	if kept, ok, err := early(ctx, tx, f.Practice); err != nil {
		return out, err
	} else if ok {
		out.Early = &kept
	}
	for _, read := range []func(context.Context, pgx.Tx, pgx.NamedArgs) error{
		out.readMoves, out.readFiles, out.readVerdicts, out.readReports, out.readNotices, out.readErrors,
		out.readHeld, out.readDocuments, out.readEHRs,
	} {
		if err := read(ctx, tx, args); err != nil {
			return Evidence{}, fault(op, err)
		}
	}
	return out, nil
}

// within bounds a column by the filter's time.
func within(column string) string {
	return ` and (@from::timestamptz is null or ` + column + ` >= @from) and (@to::timestamptz is null or ` + column + ` < @to)`
}

func (e *Evidence) readMoves(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	rows, err := tx.Query(ctx, `
		select id, key, practice, site, kind, coalesce(from_state, ''), coalesce(to_state, ''),
			actor_name, actor_via, actor_claimed, reason, detail, recorded, at, recorded_at
		from events where practice = @practice`+within("at")+` order by at, id`, args)
	if err != nil {
		return err
	}
	e.Moves, err = pgx.CollectRows(rows, scanEvent)
	return err
}

func (e *Evidence) readFiles(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Files, err = many[EvidenceFile](ctx, tx, `
		select f.id, f.lane, f.digest, f.staged_at, f.state,
			coalesce(f.messages, 0) as messages, coalesce(f.doses, 0) as doses, coalesce(f.held, 0) as held,
			coalesce(f.errors, 0) as errors, coalesce(f.warnings, 0) as warnings, coalesce(f.rule_set, '') as rule_set,
			coalesce(d.remote_name, '') as remote_name, coalesce(d.digest, '') as sent_digest,
			coalesce(d.size, 0) as sent_size, d.sent_at, coalesce(d.confirmed_how, '') as confirmed_how,
			d.confirmed_at, coalesce(d.confirmed_by, '') as confirmed_by,
			coalesce(a.accepted, 0) as accepted, coalesce(a.warned, 0) as warned,
			coalesce(a.not_objected, 0) as not_objected, coalesce(a.refused, 0) as refused,
			array(select distinct c.report_id from report_covers c where c.file_id = f.id order by 1) as reports,
			coalesce(m.verdict, '') as mail_verdict, coalesce(m.dated::text, '') as mail_dated
		from files f
		left join lateral (
			select verdict, dated from file_answers where file_id = f.id order by id desc limit 1) m on true
		left join lateral (
			select * from deliveries where file_id = f.id order by attempt desc limit 1) d on true
		left join lateral (
			select (sum(messages) filter (where answer = 'accepted'))::int as accepted,
				(sum(messages) filter (where answer = 'accepted-with-warnings'))::int as warned,
				(sum(messages) filter (where answer = 'not-objected-to'))::int as not_objected,
				(sum(messages) filter (where answer in
					('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')))::int as refused
			from answer_counts where file_id = f.id) a on true
		where f.practice = @practice`+within("f.staged_at")+` order by f.staged_at, f.id`, args)
	return err
}

func (e *Evidence) readVerdicts(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Verdicts, err = many[EvidenceVerdict](ctx, tx, `
		select c.file_id, c.rule, c.severity, c.count
		from rule_counts c join files f on f.id = c.file_id
		where f.practice = @practice`+within("f.staged_at")+`
		order by f.staged_at, f.id, c.rule, c.severity`, args)
	return err
}

func (e *Evidence) readReports(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Reports, err = many[EvidenceReport](ctx, tx, `
		select r.id, r.digest, r.fetched_at, r.imported_at, count(*)::int as items,
			(count(*) filter (where i.outcome in
				('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')))::int as refused
		from reports r
		join told_items i on i.report_id = r.id
		join files f on f.id = i.file_id and f.practice = @practice
		where true`+within("r.fetched_at")+`
		group by r.id, r.digest, r.fetched_at, r.imported_at order by r.fetched_at, r.id`, args)
	return err
}

func (e *Evidence) readNotices(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Notices, err = many[Notice](ctx, tx, `
		select `+noticeColumns+` from notices
		where practice = @practice`+within("prepared_at")+` order by prepared_at, event`, args)
	return err
}

func (e *Evidence) readErrors(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Errors, err = many[EvidenceErrors](ctx, tx, `
		select code, min(opened_at) as first, max(opened_at) as last, count(*)::int as errors,
			(count(*) filter (where state = 'verified'))::int as verified,
			(count(*) filter (where state = 'corrected'))::int as corrected,
			(count(*) filter (where state = 'waived'))::int as waived
		from errors where practice = @practice`+within("opened_at")+` group by code order by code`, args)
	return err
}

func (e *Evidence) readDocuments(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.Documents, err = many[EvidenceDocument](ctx, tx, `
		select distinct on (at, key) key, kind, about, at, actor_name from (
			select coalesce(nullif(detail->>'evidence_id', ''), detail->>'evidence') as key, kind,
				coalesce(detail->>'item', detail->>'file', '') as about, at, actor_name
			from events where practice = @practice
			union all
			select a.evidence_id, 'approved', '', a.at, a.approved_by from approvals a where a.practice = @practice) d
		where key like 'sha256/%'`+within("at")+` order by at, key, kind`, args)
	return err
}

func (e *Evidence) readEHRs(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) (err error) {
	e.EHRs, err = many[HistoryEHR](ctx, tx, historyEHRs, args)
	return err
}

func (e *Evidence) readHeld(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	counts, err := many[HeldCount](ctx, tx, heldCounts+within("since")+` group by practice`, args)
	if err == nil && len(counts) > 0 {
		e.Held = counts[0]
	}
	return err
}
