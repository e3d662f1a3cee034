package db

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// TestFile is a test file as the gate sees it.
type TestFile struct {
	ID    string
	State registry.FileState
	// Checked, ErrorFree and Errors are our checker's verdict.
	Checked, ErrorFree bool
	Errors             int
	// Anyway is who sends it in spite of our verdict; empty where nobody does.
	Anyway string
	// RemoteName is the name under which it went; DeliveredAt is nil until a
	// delivery of it was confirmed.
	RemoteName  string
	DeliveredAt *time.Time
	// Sent messages and their doses, how many of the messages the registry has
	// answered, and how many of those answers refuse or warn of something.
	Sent, Doses, Answered, Bad, Warned int
	AnsweredAt                         *time.Time
	// Mail is what the registry said of the file by email; empty where it did
	// not. MailDate is YYYY-MM-DD.
	Mail     registry.Verdict
	MailDate string
	// Before says that the file came before the registry last asked for changes.
	Before bool
}

// TestFiles lists the test files of a practice in the order in which they came,
// the newest first.
func (s *Store) TestFiles(ctx context.Context, practice string) ([]TestFile, error) {
	files, err := many[TestFile](ctx, s.pool, `
		with revision as (
			select max(recorded_at) as at from events
			where practice = @practice and kind = 'phase' and detail->>'event' = 'changes-needed'
		)
		select f.id, f.state, f.checked_at is not null as checked, coalesce(f.error_free, false) as error_free,
			coalesce(f.errors, 0) as errors, coalesce(f.anyway_by, '') as anyway,
			coalesce(d.remote_name, '') as remote_name, d.confirmed_at as delivered_at,
			coalesce(m.sent, 0) as sent, coalesce(m.answered, 0) as answered, coalesce(m.bad, 0) as bad,
			coalesce(m.warned, 0) as warned, m.answered_at, coalesce(n.doses, 0) as doses,
			coalesce(w.verdict, '') as mail, coalesce(w.dated::text, '') as mail_date,
			coalesce(f.recorded_at <= (select at from revision), false) as before
		from files f
		left join lateral (
			select remote_name, confirmed_at from deliveries
			where file_id = f.id and state = 'confirmed' order by attempt desc limit 1
		) d on true
		left join lateral (
			select count(*) as sent, max(answered_at) as answered_at,
				count(*) filter (where answer is not null and answer <> 'unknown') as answered,
				count(*) filter (where answer = 'accepted-with-warnings') as warned,
				count(*) filter (where answer in ('dose-rejected', 'patient-rejected', 'message-rejected',
					'file-rejected')) as bad
			from answered where file_id = f.id and not held
		) m on true
		left join lateral (
			select count(*) as doses from doses o join messages p on p.file_id = o.file_id and p.ordinal = o.message
			where o.file_id = f.id and not p.held
		) n on true
		left join lateral (
			select verdict, dated from file_answers where file_id = f.id order by id desc limit 1
		) w on true
		where f.practice = @practice and f.lane = 'test'
		order by substr(f.id, 3)::bigint desc`, pgx.NamedArgs{"practice": practice})
	return files, fault("test files", err)
}

// MailAnswer is what the registry said of a whole test file by email.
type MailAnswer struct {
	FileID  string
	Verdict registry.Verdict
	// Evidence is the email in the file store; Sender, Dated (YYYY-MM-DD) and
	// MessageID are what its head says.
	Evidence, Sender, Dated, MessageID string
}

// RecordMailAnswer keeps it with its audit event; again is true where it was
// kept before. Kind Missing when the practice has no such file, NotAllowed for a
// file that is no test file, that was not delivered, or that was delivered after
// the day of the email.
func (s *Store) RecordMailAnswer(ctx context.Context, practice string, m MailAnswer, act Act) (again bool, err error) {
	const op = "answer by email"
	type row struct {
		Lane      registry.Lane
		Delivered *time.Time
		Zone      string
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{
			"practice": practice, "file": m.FileID, "verdict": m.Verdict, "evidence": m.Evidence, "sender": m.Sender,
			"dated": m.Dated, "message_id": m.MessageID, "by": act.By.Name, "at": act.At,
		}
		f, err := one[row](ctx, tx, `
			select f.lane, p.zone, (select coalesce(d.confirmed_at, d.sent_at) from deliveries d
				where d.file_id = f.id and d.state in ('confirmed', 'renamed') order by attempt desc limit 1) as delivered
			from files f join practices p on p.id = f.practice
			where f.id = @file and f.practice = @practice for update of f`, args)
		if errors.Is(err, pgx.ErrNoRows) {
			return noFile(m.FileID)
		}
		switch {
		case err != nil:
			return err
		case f.Lane != registry.LaneTest:
			return registry.Errorf(registry.NotAllowed, op, "%s is a %s file; an email answers test files only", m.FileID, f.Lane)
		case f.Delivered == nil:
			return registry.Errorf(registry.NotAllowed, op, "%s was not delivered; what was not sent cannot be answered", m.FileID)
		case m.Dated < dayIn(*f.Delivered, f.Zone):
			return registry.Errorf(registry.NotAllowed, op, "the email is of %s, and %s was delivered on %s",
				m.Dated, m.FileID, dayIn(*f.Delivered, f.Zone))
		}
		tag, err := tx.Exec(ctx, `
			insert into file_answers (file_id, verdict, evidence, sender, dated, message_id, said_by, at)
			values (@file, @verdict, @evidence, @sender, @dated::text::date, @message_id, @by, @at)
			on conflict do nothing`, args)
		if err != nil || tag.RowsAffected() == 0 {
			again = err == nil
			return err
		}
		_, err = record(ctx, tx, event{practice: practice, kind: "file-answered-by-email", act: act, detail: map[string]any{
			"file": m.FileID, "verdict": m.Verdict, "evidence": m.Evidence, "dated": m.Dated,
		}})
		return err
	})
	return again, err
}

// MailAnswer is the last word of the registry about a file by email; empty where
// there is none.
func (s *Store) MailAnswer(ctx context.Context, file string) (registry.Verdict, error) {
	v, err := value[registry.Verdict](ctx, s.pool, `
		select verdict from file_answers where file_id = @file order by id desc limit 1`, pgx.NamedArgs{"file": file})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return v, fault("answer by email", err)
}

// dayIn is the day of a moment in a zone; one that is not known is UTC, since
// zones are checked where practices are added.
func dayIn(at time.Time, zone string) string {
	if loc, err := time.LoadLocation(zone); err == nil {
		at = at.In(loc)
	}
	return at.Format(time.DateOnly)
}

// Releasable lists files of a practice whose bytes retention no longer needs:
// settled before the given date, no error of theirs open, no message of theirs
// held back that nobody decided on, not released yet. The files that a historical
// load was cut from, and parts that were never sent, are settled by its closing.
func (s *Store) Releasable(ctx context.Context, practice string, before time.Time, limit int) ([]string, error) {
	const op = "releasable files"
	rows, err := s.pool.Query(ctx, `
		select f.id from files f where f.practice = @practice and `+releasable+`
		order by f.settled_at, f.id limit @limit`,
		pgx.NamedArgs{"practice": practice, "before": before, "limit": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, fault(op, err)
}

const releasable = `f.released_at is null
	and (f.state in ('answered', 'refused', 'dropped') and f.settled_at < @before or ` + loadOver + ` and e.at < @before))
	and not exists (select 1 from errors e where e.file_id = f.id and e.state in ` + unsettled + `)
	and not exists (select 1 from held_messages h where h.file_id = f.id and h.state = 'open')`

// loadOver says that a file of a historical load is settled by the end of the load:
// it was closed, the vendors have none after all, or the practice was withdrawn; open
// at its end, for when that was.
const loadOver = `f.state = 'staged' and f.lane = 'historical' and exists (
	select 1 from events e join practices q on q.id = e.practice where e.practice = f.practice
		and (e.kind = 'history' and e.to_state = q.history_state and e.to_state in ('closed', 'none')
			or e.kind = 'phase' and e.to_state = 'withdrawn')`

// ReleaseFile has shred destroy the bytes of a file and of its deliveries, and
// records it. Bytes that another file still needs stay. released is false where
// the file is not, or no longer, to be released. An error of shred keeps its
// kind, and the file stays unreleased; shredding must be repeatable.
func (s *Store) ReleaseFile(
	ctx context.Context, id string, before, at time.Time, shred func(vaultKey string) error,
) (released bool, err error) {
	err = s.tx(ctx, "release file", func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"id": id, "before": before, "at": at}
		keys, err := fileKeys(ctx, tx, args)
		if err != nil {
			return err
		}
		// Locked in one order and before the row, as staging does.
		for _, key := range keys {
			if err := lockVaultKey(ctx, tx, key); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `update files f set released_at = @at where f.id = @id and `+releasable, args)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := forgetSent(ctx, tx, id); err != nil {
			return err
		}
		for _, key := range keys {
			needed, err := value[bool](ctx, tx, `
				select exists (select 1 from files where vault_key = @key and released_at is null)
					or exists (select 1 from deliveries d join files f on f.id = d.file_id
						where d.vault_key = @key and f.released_at is null)`, pgx.NamedArgs{"key": key})
			if err != nil {
				return err
			}
			if needed {
				continue
			}
			if err := shred(key); err != nil {
				return err
			}
		}
		released = true
		return nil
	})
	return released && err == nil, err
}

func fileKeys(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select vault_key from files where id = @id
		union select vault_key from deliveries where file_id = @id`, args)
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(keys)
	return keys, err
}
