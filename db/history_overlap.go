package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// The rule of overlaps, by record key (patient, vaccine and date). The unit is
// the message, which travels byte for byte.
//
//   - What was sent and not refused stands, whichever way it went: a message of a
//     load all of whose records stand is left out (sent-before).
//   - Inside a plan the newer message wins: by MSH-7, then by the order of the
//     sources, then by its place. A message that has nothing but records of newer
//     ones is left out (repeated), and so is one that a newer one says again word
//     for word.
//   - A daily message that says word for word, but for its time and control ID, what
//     a message of a load said of the same records, and the registry did not
//     refuse, stays behind (sent-with-load). Any other daily message goes: it was
//     made later, and the newer one wins.
//   - While a delivery of the one way that carries a record is not there yet, a file
//     of the other way that has the record too is not prepared: only afterwards can
//     anybody say what stands, and which is the newer.
//   - A message with a dose that takes back or changes one (RXA-21 D or U), with a
//     dose that has no record key, or without any dose is never taken for known by
//     its records.
//   - What our checker holds back is neither sent nor a duplicate.

// standsSQL are the records among mine that a confirmed delivery of a file other
// than @files carried and the registry did not refuse.
func standsSQL(mine string) string {
	return `
	select distinct mine.record_digest
	from (select distinct record_digest from ` + mine + ` and record_digest is not null) mine
	join doses d using (record_digest)
	join deliveries v on v.file_id = d.file_id and v.state = 'confirmed' and v.lane <> 'test'
	join messages m on m.file_id = d.file_id and m.ordinal = d.message and not m.held
	left join answers a on a.file_id = d.file_id and a.message = d.message
	where d.file_id <> all(@files)
	  and coalesce(a.answer, '') not in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected')
	  and not exists (select 1 from history_left_out o where o.file_id = d.file_id and o.message = d.message)`
}

// leaveOutStanding notes the messages of @files all of whose records stand.
var leaveOutStanding = `
	with stands as materialized (` + standsSQL(`doses where file_id = any(@files)`) + `)
	insert into history_left_out (file_id, message, why)
	select d.file_id, d.message, @why
	from doses d join messages m on m.file_id = d.file_id and m.ordinal = d.message and not m.held
	left join stands s on s.record_digest = d.record_digest
	where d.file_id = any(@files)
	group by 1, 2 having bool_and(s.record_digest is not null and not d.corrects)`

// behindSent notes the messages of a file @id all of whose doses stand elsewhere: in a
// message of a file that a confirmed delivery carried, sent by lanes and alike by
// same, which compares the other message n with the dose of ours. It is looked up record
// by record (see cutSQL: of a new file the planner expects one row, and would compare each
// dose with each message), the files once each: a file is small beside all that was ever
// sent, and most of the others' records are of few files.
func behindSent(lanes, same string) string {
	return `
	with mine as materialized (
		select d.message, d.ordinal, d.record_digest, d.corrects, m.says_key
		from doses d cross join lateral (
			select says_key from messages where file_id = @id and ordinal = d.message and not held offset 0) m
		where d.file_id = @id
	), others as materialized (
		select mine.message, mine.ordinal, mine.says_key, o.file_id, o.message as other
		from mine cross join lateral (
			select o.file_id, o.message from doses o where o.record_digest = mine.record_digest and o.file_id <> @id offset 0) o
	), sent as materialized (
		select f.file_id from (select distinct file_id from others) f
		where exists (select from deliveries v where v.file_id = f.file_id and v.state = 'confirmed' and ` + lanes + ` offset 0)
	), stands as materialized (
		select distinct s.message, s.ordinal from others s join sent using (file_id)
		where exists (select from messages n where n.file_id = s.file_id and n.ordinal = s.other and not n.held` + same + ` offset 0)
		  and not exists (select from answers a where a.file_id = s.file_id and a.message = s.other
			and a.answer in ('dose-rejected', 'patient-rejected', 'message-rejected', 'file-rejected') offset 0)
		  and not exists (select from history_left_out l where l.file_id = s.file_id and l.message = s.other offset 0)
	)
	insert into history_left_out (file_id, message, why)
	select @id, mine.message, @why from mine left join stands s using (message, ordinal)
	group by mine.message having bool_and(not mine.corrects and s.message is not null)`
}

var (
	// leaveOutOfPart is leaveOutStanding for one part.
	leaveOutOfPart = behindSent(`v.lane <> 'test'`, ``)
	// leaveOutLoaded notes the messages of a daily file that a load has sent word for
	// word. Every dose has to have a record there, in the same message.
	leaveOutLoaded = behindSent(`v.lane = 'historical'`, ` and n.says_key = s.says_key`)
)

// leaveOutRepeated notes the messages of @files that newer ones of them make
// needless.
const leaveOutRepeated = `
	with candidates as materialized (
		select m.file_id, m.ordinal, m.content_key,
			row_number() over (order by m.sent_on nulls first, s.n, m.ordinal) as age
		from unnest(@files::text[]) with ordinality s (file_id, n) join messages m using (file_id)
		where not m.held and not exists (
			select 1 from history_left_out o where o.file_id = m.file_id and o.message = m.ordinal)
	), newest as materialized (
		select d.record_digest, max(c.age) as age
		from candidates c join doses d on d.file_id = c.file_id and d.message = c.ordinal
		where d.record_digest is not null group by 1
	), again as materialized (
		select content_key, max(age) as age from candidates where content_key is not null group by 1 having count(*) > 1
	)
	insert into history_left_out (file_id, message, why)
	select c.file_id, c.ordinal, 'repeated'
	from candidates c join doses d on d.file_id = c.file_id and d.message = c.ordinal
	left join newest n on n.record_digest = d.record_digest
	group by 1, 2 having bool_and(n.age > c.age and not d.corrects)
	union
	select c.file_id, c.ordinal, 'repeated' from candidates c join again a using (content_key) where a.age > c.age`

// LeaveOutHistory decides which messages of a plan's sources go into no part,
// anew each time. files are the sources in order, all of them checked.
func (s *Store) LeaveOutHistory(ctx context.Context, files []string) error {
	return s.tx(ctx, "history overlaps", func(tx pgx.Tx) error {
		for _, sql := range []string{
			`delete from history_left_out where file_id = any(@files)`, leaveOutStanding, leaveOutRepeated,
		} {
			if _, err := tx.Exec(ctx, sql, pgx.NamedArgs{"files": files, "why": "sent-before"}); err != nil {
				return err
			}
		}
		return nil
	})
}

// LeftBehind is what [Store.LeaveOutSince] and [Store.LeaveOutLoaded] decided.
type LeftBehind struct {
	// Goes is how many messages may go.
	Goes int
	// Seen is the last delivery that was looked at. It goes into
	// [NewDelivery.Seen], so that what begins in between is not overlooked.
	Seen int64
}

// LeaveOutSince decides which messages of a part stay behind since what they
// say was sent after the plan, and holds them. It is asked before the part is
// prepared. Kind Transient while a daily file that has one of its doses too is on
// its way.
func (s *Store) LeaveOutSince(ctx context.Context, practice, part string) (LeftBehind, error) {
	return s.leaveBehind(ctx, practice, registry.LaneHistorical, part, "sent-since", leaveOutOfPart)
}

// LeaveOutLoaded decides which messages of a daily file stay behind since the
// historical load has sent the same, and holds them. It is asked before the file is
// prepared. Kind Transient while a part that has one of its doses too is on its way.
func (s *Store) LeaveOutLoaded(ctx context.Context, practice, file string) (LeftBehind, error) {
	return s.leaveBehind(ctx, practice, registry.LaneProduction, file, "sent-with-load", leaveOutLoaded)
}

// whereLeftOut are the messages of a file that stay behind, looked up one by one.
const whereLeftOut = ` where ctid = any(array(
	select m.ctid from history_left_out o
	cross join lateral (select ctid from messages where file_id = @id and ordinal = o.message offset 0) m
	where o.file_id = @id))`

// leaveBehind decides by a statement which messages of a file stay behind, anew
// each time.
func (s *Store) leaveBehind(ctx context.Context, practice string, lane registry.Lane, file, why, decide string) (out LeftBehind, err error) {
	const op = "history overlaps"
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := meetsNone(ctx, tx, op, practice, lane, file, 0); err != nil {
			return err
		}
		args, changed := pgx.NamedArgs{"id": file, "why": why}, int64(0)
		for _, sql := range []string{
			`update messages set held = false` + whereLeftOut,
			`delete from history_left_out where file_id = @id`,
			decide,
			`update messages set held = true` + whereLeftOut,
		} {
			tag, err := tx.Exec(ctx, sql, args)
			if err != nil {
				return err
			}
			changed += tag.RowsAffected()
		}
		if changed > 0 { // else they were counted when the file was checked
			if err := countAnswers(ctx, tx, `= @id`, args); err != nil {
				return err
			}
		}
		var err error
		if out.Goes, err = value[int](ctx, tx, `select count(*) from messages where file_id = @id and not held`, args); err != nil {
			return err
		}
		out.Seen, err = value[int64](ctx, tx, `select last_value from delivery_numbers`, nil)
		return err
	})
	return out, err
}

// onItsWay is a delivery of the other way that carries a record of @id, and is
// not there yet or began after @seen; looked up record by record (see cutSQL).
const onItsWay = `
	select coalesce((select v.id from deliveries v
	where v.practice = @practice and v.lane = @other and v.state <> 'abandoned'
	  and (v.confirmed_at is null or @seen > 0 and substr(v.id, 3)::bigint > @seen)
	  and exists (
		select from doses d
		cross join lateral (select o.message from doses o where o.record_digest = d.record_digest and o.file_id = v.file_id offset 0) o
		where d.file_id = @id and d.record_digest is not null
		  and exists (select from messages m where m.file_id = @id and m.ordinal = d.message and not m.held offset 0)
		  and exists (select from messages n where n.file_id = v.file_id and n.ordinal = o.message and not n.held offset 0))
	order by v.prepared_at, v.id limit 1), '')`

// meetsNone makes sure that nothing of the other way carries a record of a file and
// is not there yet, and that none begins until the transaction ends: parts do not
// keep one another waiting. Where seen is given, one that began after that
// delivery and has arrived since counts too. Kind Transient where there is one.
func meetsNone(ctx context.Context, tx pgx.Tx, op, practice string, lane registry.Lane, file string, seen int64) error {
	lock, other := `pg_advisory_xact_lock_shared`, registry.LaneProduction
	if lane == registry.LaneProduction {
		lock, other = `pg_advisory_xact_lock`, registry.LaneHistorical
	}
	args := pgx.NamedArgs{"id": file, "practice": practice, "other": other, "seen": seen, "key": "overlap/" + practice}
	if _, err := tx.Exec(ctx, `select `+lock+`(hashtextextended(@key, 0))`, args); err != nil {
		return err
	}
	meets, err := value[string](ctx, tx, onItsWay, args)
	if err != nil || meets == "" {
		return err
	}
	return registry.Errorf(registry.Transient, op, "%s is on its way with a dose that %s has too; %s waits until it is there", meets, file, file)
}

// LeftOutCount counts messages of a file that stay behind since what they say was or
// will be sent otherwise: "sent-with-load", "sent-since", "sent-before" or "repeated".
type LeftOutCount struct {
	Why   string `db:"why"`
	Count int    `db:"count"`
}

// LeftOut counts what of a file the rule of overlaps leaves out.
func (s *Store) LeftOut(ctx context.Context, file string) ([]LeftOutCount, error) {
	all, err := many[LeftOutCount](ctx, s.pool,
		`select why, count(*)::int as count from history_left_out where file_id = @file group by why order by why`,
		pgx.NamedArgs{"file": file})
	return all, fault("history overlaps", err)
}

// LeftWithLoad counts the messages of a practice's daily files that stayed behind since
// the historical load had sent the same, of files confirmed from since on; of all
// practices where practice is empty.
func (s *Store) LeftWithLoad(ctx context.Context, practice string, since time.Time) (int, error) {
	n, err := value[int](ctx, s.pool, `
		select count(*) from (select distinct file_id from deliveries d
			where d.lane = 'production' and d.state = 'confirmed' and d.confirmed_at >= @since
			  and (@practice = '' or d.practice = @practice)) d
		join history_left_out o on o.file_id = d.file_id and o.why = 'sent-with-load'`,
		pgx.NamedArgs{"practice": practice, "since": since})
	return n, fault("history overlaps", err)
}

// HistorySourceCounts is a source in numbers.
type HistorySourceCounts struct {
	FileID     string `db:"file_id"`
	Messages   int    `db:"messages"`
	Repeated   int    `db:"repeated"`
	SentBefore int    `db:"sent_before"`
	// Stays tells apart which messages stay behind, held back or left out.
	Stays string `db:"stays"`
}

// CountHistorySources counts sources, in the order of files.
func (s *Store) CountHistorySources(ctx context.Context, files []string) ([]HistorySourceCounts, error) {
	counts, err := many[HistorySourceCounts](ctx, s.pool, `
		select f.id as file_id, f.messages,
			(select count(*) from history_left_out o where o.file_id = f.id and why = 'repeated')::int as repeated,
			(select count(*) from history_left_out o where o.file_id = f.id and why = 'sent-before')::int as sent_before,
			md5(coalesce((select string_agg(m.ordinal::text, ',' order by m.ordinal) from messages m where m.file_id = f.id and m.held), '')
				|| ';' || coalesce((select string_agg(o.message::text, ',' order by o.message) from history_left_out o where o.file_id = f.id), '')) as stays
		from unnest(@files::text[]) with ordinality s (id, n) join files f using (id) order by s.n`,
		pgx.NamedArgs{"files": files})
	return counts, fault("history sources", err)
}

// HistoryFate is what becomes of a message of a source.
type HistoryFate struct {
	Ordinal int    `db:"ordinal"`
	Site    string `db:"site"`
	// Year is of its first dose; 0 where no dose has one.
	Year    int  `db:"year"`
	LeftOut bool `db:"left_out"`
}

// HistoryFates lists messages of a source in order after an ordinal: a page.
func (s *Store) HistoryFates(ctx context.Context, file string, after, limit int) ([]HistoryFate, error) {
	page, err := many[HistoryFate](ctx, s.pool, `
		select m.ordinal, m.site, o.why is not null as left_out,
			coalesce((select min(given_year) from doses d where d.file_id = m.file_id and d.message = m.ordinal), 0)::int as year
		from messages m left join history_left_out o on o.file_id = m.file_id and o.message = m.ordinal
		where m.file_id = @file and m.ordinal > @after order by m.ordinal limit @limit`,
		pgx.NamedArgs{"file": file, "after": after, "limit": limit})
	return page, fault("history fates", err)
}
