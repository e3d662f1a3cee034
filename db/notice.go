package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Notice is a letter as it is kept: the words that went out, and whether they
// did.
type Notice struct {
	Event      string              `db:"event"`
	Kind       registry.LetterKind `db:"kind"`
	Practice   string              `db:"practice"` // empty where it concerns none, as of a connection
	MessageID  string              `db:"message_id"`
	Recipients []string            `db:"recipients"`
	Subject    string              `db:"subject"`
	Body       string              `db:"body"`
	State      string              `db:"state"` // prepared, sent, off, given-up
	PreparedAt time.Time           `db:"prepared_at"`
	SentAt     *time.Time          `db:"sent_at"`
	// AttachmentName and Attachment go with the letter; empty where nothing does.
	AttachmentName string `db:"attachment_name"`
	Attachment     string `db:"attachment"`
	// Reminds is what the letter reminds of; it is written, and not read again.
	Reminds []Reminded `db:"-"`
	// GivenUpBy is who decided that it is not sent: a person, or immtrail where its
	// mailbox is refused.
	GivenUpBy string `db:"given_up_by"`
	// SenderName and SenderEmail are in whose name it goes, and to whom its answer;
	// empty: whoever the settings name.
	SenderName  string `db:"sender_name"`
	SenderEmail string `db:"sender_email"`
}

// States of a notice.
const (
	NoticePrepared = "prepared" // written down; whether it went out is not known yet
	NoticeSent     = "sent"     // a mail server took it
	NoticeOff      = "off"      // letters were switched off; it was kept
	NoticeGivenUp  = "given-up" // it could not be sent, and was let go
)

const noticeColumns = `event, kind, coalesce(practice, '') as practice, message_id, recipients, subject, body, state, prepared_at, sent_at,
	attachment_name, attachment, given_up_by, sender_name, sender_email`

// NoticeOf reads the letter about an event; ok is false where there is none.
func (s *Store) NoticeOf(ctx context.Context, event string) (n Notice, ok bool, err error) {
	n, err = one[Notice](ctx, s.pool, `select `+noticeColumns+` from notices where event = @event`, pgx.NamedArgs{"event": event})
	if errors.Is(err, pgx.ErrNoRows) {
		return n, false, nil
	}
	return n, err == nil, fault("notice", err)
}

// FirstNotice reads the Message-ID of the first letter of a practice about a
// matter, among those that were prepared before n; empty where n is the first. A
// matter is a list of events: a letter belongs to it whose event is one of them or
// goes on after it with a slash. What becomes of the first letter does not matter,
// so that a repeat of n has the same answer.
func (s *Store) FirstNotice(ctx context.Context, n Notice, matter []string) (messageID string, err error) {
	messageID, err = value[string](ctx, s.pool, `
		select message_id from notices
		where coalesce(practice, '') = @practice and (prepared_at, event) < (@at, @event)
		  and exists (select from unnest(@matter::text[]) m where event = m or starts_with(event, m || '/'))
		order by prepared_at, event limit 1`,
		pgx.NamedArgs{"practice": n.Practice, "at": n.PreparedAt, "event": n.Event, "matter": matter})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return messageID, fault("notice thread", err)
}

// ToldOf lists whom letters about a matter went to, by address; see [Store.FirstNotice]
// for what belongs to it.
func (s *Store) ToldOf(ctx context.Context, matter string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
		select distinct unnest(recipients) as address from notices
		where (event = @matter or starts_with(event, @matter || '/')) and state in ('sent', 'off') order by address`,
		pgx.NamedArgs{"matter": matter})
	if err != nil {
		return nil, fault("notice told", err)
	}
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return told, fault("notice told", err)
}

// PrepareNotice records a letter before it is sent and returns what is kept
// for its event: the letter that was prepared first, whoever comes later. Kind
// Invalid when the event belongs to another practice or another letter.
func (s *Store) PrepareNotice(ctx context.Context, n Notice) (Notice, error) {
	const op = "notice prepare"
	var out Notice
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"event": n.Event, "kind": n.Kind, "practice": n.Practice, "message_id": n.MessageID,
			"recipients": n.Recipients, "subject": n.Subject, "body": n.Body, "at": n.PreparedAt,
			"attachment_name": n.AttachmentName, "attachment": n.Attachment,
			"sender_name": n.SenderName, "sender_email": n.SenderEmail,
		}
		tag, err := tx.Exec(ctx, `
			insert into notices (event, kind, practice, message_id, recipients, subject, body, prepared_at,
				attachment_name, attachment, sender_name, sender_email)
			values (@event, @kind, nullif(@practice, ''), @message_id, @recipients, @subject, @body, @at,
				@attachment_name, @attachment, @sender_name, @sender_email)
			on conflict (event) do nothing`, args)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 1 {
			if err := keepReminders(ctx, tx, n.Event, n.Reminds); err != nil {
				return err
			}
		}
		out, err = one[Notice](ctx, tx, `select `+noticeColumns+` from notices where event = @event`, args)
		return err
	})
	if err == nil && (out.Practice != n.Practice || out.Kind != n.Kind) {
		err = registry.Errorf(registry.Invalid, op, "the event %s has a letter of another kind", n.Event)
	}
	return out, err
}

// SettleNotice records what became of a prepared letter. One that was settled
// stays as it is; now tells whether this call settled it, which one call does.
func (s *Store) SettleNotice(ctx context.Context, event string, sent bool, at time.Time) (now bool, err error) {
	tag, err := s.pool.Exec(ctx, `
		update notices set state = case when @sent then 'sent' else 'off' end, sent_at = case when @sent then @at::timestamptz end
		where event = @event and state = 'prepared'`,
		pgx.NamedArgs{"event": event, "sent": sent, "at": at})
	return tag.RowsAffected() == 1, fault("notice settle", err)
}

// GiveUpNotice records that a letter that could not be sent was let go, with its
// audit event; now tells whether this call let it go. One that was settled stays as
// it is; one that was never prepared leaves its event only.
func (s *Store) GiveUpNotice(ctx context.Context, practice, notice string, act Act) (now bool, err error) {
	err = s.tx(ctx, "notice give up", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update notices set state = 'given-up', given_up_by = @by
			where event = @event and state = 'prepared'`, pgx.NamedArgs{"event": notice, "by": act.By.Name})
		if err != nil {
			return err
		}
		now = tag.RowsAffected() == 1
		_, err = record(ctx, tx, event{practice: practice, kind: "letter-given-up", act: act, detail: map[string]any{"letter": notice}})
		return err
	})
	return now, err
}

// NoticeFilter narrows a list of notices; what is empty does not.
type NoticeFilter struct {
	Practice, State string
	Kind            registry.LetterKind
	Limit           int
}

// ListNotices lists letters, newest first.
func (s *Store) ListNotices(ctx context.Context, f NoticeFilter) ([]Notice, error) {
	rows, err := many[Notice](ctx, s.pool, `select `+noticeColumns+` from notices
		where (@practice = '' or practice = @practice) and (@state = '' or state = @state)
		  and (@kind = '' or kind = @kind)
		order by prepared_at desc, event limit @limit`,
		pgx.NamedArgs{"practice": f.Practice, "state": f.State, "kind": string(f.Kind), "limit": atMost(f.Limit)})
	return rows, fault("notice list", err)
}

// LetterFile is a file as letters may speak of it: nothing in it was named by
// anybody but us.
type LetterFile struct {
	ID         string        `db:"id"`
	Lane       registry.Lane `db:"lane"`
	Came       time.Time     `db:"came"` // when it was taken out of the outbox
	State      string        `db:"state"`
	RemoteName string        `db:"remote_name"`
	Delivered  *time.Time    `db:"delivered"`
	Doses      int           `db:"doses"`
	Errors     int           `db:"errors"`
	// Anyway is who sent it in spite of our verdict; empty where nobody did.
	Anyway string `db:"anyway"`
	Answer
	// Answered is when the last report spoke of it.
	Answered *time.Time `db:"answered"`
}

const letterFileSQL = `
	select f.id, f.lane, f.staged_at as came, f.state, coalesce(d.remote_name, '') as remote_name, d.confirmed_at as delivered,
		coalesce(f.doses, 0) as doses, coalesce(f.errors, 0) as errors,
		coalesce(f.anyway_by, '') as anyway, a.*
	from files f
	left join lateral (
		select remote_name, confirmed_at from deliveries
		where file_id = f.id and state <> 'abandoned' order by attempt desc limit 1
	) d on true
	cross join lateral (
		select ` + answerCounts + `, max(m.answered_at) as answered
		from answered m where m.file_id = f.id and not m.held
	) a`

// LetterFile reads one file of a practice. Kind Missing when there is none.
func (s *Store) LetterFile(ctx context.Context, practice, file string) (LetterFile, error) {
	f, err := one[LetterFile](ctx, s.pool, letterFileSQL+` where f.id = @file and f.practice = @practice`,
		pgx.NamedArgs{"practice": practice, "file": file})
	if errors.Is(err, pgx.ErrNoRows) {
		return f, noFile(file)
	}
	return f, fault("letter file", err)
}

// LetterFiles reads files of a practice, the first delivered first; IDs that are
// not there are left out.
func (s *Store) LetterFiles(ctx context.Context, practice string, ids []string) ([]LetterFile, error) {
	rows, err := many[LetterFile](ctx, s.pool, letterFileSQL+`
		where f.practice = @practice and f.id = any(@ids)
		order by d.confirmed_at, length(f.id), f.id`, pgx.NamedArgs{"practice": practice, "ids": ids})
	return rows, fault("letter files", err)
}

// LetterCause is why a file was refused, told once however often it struck.
type LetterCause struct {
	Rule     string            `db:"rule"`
	Severity registry.Severity `db:"severity"`
	Count    int               `db:"count"`
	Message  int               `db:"message"` // of the first place; 0 is the file itself
	Path     string            `db:"path"`
}

// FirstProductionFile reads the practice's first confirmed production file; ok
// is false while there is none.
func (s *Store) FirstProductionFile(ctx context.Context, practice string) (f LetterFile, ok bool, err error) {
	found, err := many[LetterFile](ctx, s.pool, letterFileSQL+`
		where f.id = (select file_id from deliveries where practice = @practice and first)`,
		pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return f, false, fault("first file", err)
	}
	return found[0], true, nil
}

// LastMove is when a practice last came to a state by an event of kind "phase",
// "history" or "submission"; zero where it never did.
func (s *Store) LastMove(ctx context.Context, practice, kind, to string) (time.Time, error) {
	at, err := value[*time.Time](ctx, s.pool, `
		select max(at) from events where practice = @practice and kind = @kind and to_state = @to`,
		pgx.NamedArgs{"practice": practice, "kind": kind, "to": to})
	return or(at), fault("last move", err)
}

// FileCauses lists what our checker found wrong with a file, and what the
// registry refused of it, at most limit of each, the most frequent first.
func (s *Store) FileCauses(ctx context.Context, file string, limit int) ([]LetterCause, error) {
	rows, err := many[LetterCause](ctx, s.pool, `
		(select c.rule, c.severity, c.count, coalesce(f.message, 0) as message, coalesce(f.path, '') as path
		from rule_counts c
		left join lateral (select message, path from findings
			where file_id = c.file_id and rule = c.rule and severity = c.severity order by ordinal limit 1) f on true
		where c.file_id = @file and c.severity = 'E' order by c.count desc, c.rule limit @limit)
		union all
		(select i.code, 'E', count(*)::int, min(i.message),
			(array_agg(i.location order by i.message, i.report_id, i.ordinal))[1]
		from report_items i
		where i.file_id = @file and i.outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')
		group by i.code order by count(*) desc, i.code limit @limit)`,
		pgx.NamedArgs{"file": file, "limit": atMost(limit)})
	return rows, fault("file causes", err)
}

// LetterFault is one place of a refused file, for the table that goes with its
// letter.
type LetterFault struct {
	// Registry: the registry said it; else our checker.
	Registry bool              `db:"registry"`
	Rule     string            `db:"rule"`
	Severity registry.Severity `db:"severity"`
	Message  int               `db:"message"` // 0 is the file itself
	Line     int               `db:"line"`    // 0 where it is not known
	Path     string            `db:"path"`
}

// FileFaults lists every place at which our checker found an error or the
// registry refused something, in the order of the file, at most limit.
func (s *Store) FileFaults(ctx context.Context, file string, limit int) ([]LetterFault, error) {
	rows, err := many[LetterFault](ctx, s.pool, `
		select registry, rule, severity, message, line, path from (
			select false as registry, rule, severity, message, line, path, ordinal::bigint as ordinal
			from findings where file_id = @file and severity = 'E'
			union all
			select true, code, 'E', coalesce(message, 0), 0, location, ordinal::bigint
			from report_items
			where file_id = @file and outcome in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')
		) f order by message, registry, ordinal limit @limit`,
		pgx.NamedArgs{"file": file, "limit": limit})
	return rows, fault("file faults", err)
}
