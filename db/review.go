package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// ReviewWords are what the coordinator adds to a practice's next review letter.
type ReviewWords struct {
	Words string    `db:"words"`
	By    string    `db:"written_by"`
	At    time.Time `db:"at"`
}

// ReviewWords reads them; all empty where there are none. Those of a letter after
// which the registry asked for changes are not those of the next.
func (s *Store) ReviewWords(ctx context.Context, practice string) (ReviewWords, error) {
	w, err := one[ReviewWords](ctx, s.pool, `select words, written_by, at from review_words
		where practice = @practice and recorded_at > coalesce((select max(recorded_at) from events
			where practice = @practice and kind = 'phase' and detail->>'event' = 'changes-needed'), '-infinity')`,
		pgx.NamedArgs{"practice": practice})
	if errors.Is(err, pgx.ErrNoRows) {
		return ReviewWords{}, nil
	}
	return w, fault("review words", err)
}

// SetReviewWords replaces them, with an audit event; empty words take them away.
// Kind NotAllowed once the review was asked for: the letter is written then.
func (s *Store) SetReviewWords(ctx context.Context, practice, words string, act Act) error {
	const op = "review words"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		at, err := practiceForUpdate(ctx, tx, practice)
		if err != nil {
			return err
		}
		if at.Phase != registry.PhaseTesting && at.Phase != registry.PhaseRegistered {
			return registry.Errorf(registry.NotAllowed, op, "%s is %s: its letter is written", practice, at.Phase.Words())
		}
		args := pgx.NamedArgs{"practice": practice, "words": words, "by": act.By.Name, "at": act.At}
		sql := `insert into review_words (practice, words, written_by, at) values (@practice, @words, @by, @at)
			on conflict (practice) do update set words = excluded.words, written_by = excluded.written_by,
				at = excluded.at, recorded_at = now()`
		if words == "" {
			sql = `delete from review_words where practice = @practice`
		}
		if _, err := tx.Exec(ctx, sql, args); err != nil {
			return err
		}
		_, err = record(ctx, tx, event{practice: practice, kind: "review-words", act: act})
		return err
	})
}

// Reviews counts the reviews that were asked for here, and says when the last one
// was (of one that a person recorded: the day that they gave) and when the registry last asked for changes; zero where that never was.
func (s *Store) Reviews(ctx context.Context, practice string) (n int, asked, changes time.Time, err error) {
	type row struct {
		N              int
		Asked, Changes *time.Time
	}
	r, err := one[row](ctx, s.pool, `
		select count(*) filter (where detail->>'event' = 'review-requested' and not recorded)::int as n,
			max(case when not recorded then at when detail ? 'since' then ((detail->>'since') || ' 12:00+00')::timestamptz end)
				filter (where detail->>'event' = 'review-requested') as asked,
			max(at) filter (where detail->>'event' = 'changes-needed') as changes
		from events where practice = @practice and kind = 'phase'`, pgx.NamedArgs{"practice": practice})
	return r.N, or(r.Asked), or(r.Changes), fault("reviews", err)
}

// FirstFile is how far a practice's first production file is.
type FirstFile struct {
	// Approved: the practice went into production here, so that its first file is
	// to be watched.
	Approved bool `db:"approved"`
	// UnderWay counts production files that came and were neither refused nor
	// given up; File is the first that was confirmed, and At when.
	UnderWay int        `db:"under_way"`
	File     string     `db:"file"`
	At       *time.Time `db:"at"`
	// Told: the registry was told of it, or a person let that letter go.
	Told bool `db:"told"`
	// Answered: the registry has answered every message of it.
	Answered bool `db:"answered"`
}

// FirstFileFacts reads it. The letter about it is the event notice.
func (s *Store) FirstFileFacts(ctx context.Context, practice, notice string) (FirstFile, error) {
	f, err := one[FirstFile](ctx, s.pool, `
		select exists (select 1 from events e where e.practice = p.id and e.kind = 'phase'
				and e.detail->>'event' = 'approved' and not e.recorded) as approved,
			(select count(*) from files f where f.practice = p.id and f.lane = 'production'
				and f.state not in ('refused', 'dropped'))::int as under_way,
			coalesce(d.file_id, '') as file, d.confirmed_at as at,
			exists (select 1 from notices n where n.event = @notice and n.state <> 'prepared')
				or exists (select 1 from events e where e.practice = p.id and e.kind = 'letter-given-up'
					and e.detail->>'letter' = @notice) as told,
			d.file_id is not null and not exists (select 1 from answered m where m.file_id = d.file_id
				and not m.held and (m.answer is null or m.answer = 'unknown')) as answered
		from practices p left join deliveries d on d.practice = p.id and d.first
		where p.id = @practice`, pgx.NamedArgs{"practice": practice, "notice": notice})
	if errors.Is(err, pgx.ErrNoRows) {
		return f, noPractice(practice)
	}
	return f, fault("first file", err)
}

// OtherDeliveries reports whether another file of the practice is on its way in
// the lane, or has arrived.
func (s *Store) OtherDeliveries(ctx context.Context, practice string, lane registry.Lane, file string) (bool, error) {
	others, err := value[bool](ctx, s.pool, `select exists (select 1 from deliveries
		where practice = @practice and lane = @lane and file_id <> @file and state <> 'abandoned')`,
		pgx.NamedArgs{"practice": practice, "lane": lane, "file": file})
	return others, fault("other deliveries", err)
}
