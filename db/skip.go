package db

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Kinds of events about one submission: a person asks for one to be left out, it
// was left out, a person starts one now.
const (
	SubmissionSkip    = "submission-skip"
	SubmissionSkipped = "submission-skipped"
	SubmissionRun     = "submission-run"
)

// Skip is a person's wish that one submission be left out: the first that begins at
// or after Due, on the wall clock.
type Skip struct {
	// Key is that of the event by which it is kept that it was left out.
	Key string
	Due time.Time
	By  string
}

// AskSkip keeps the wish, with its audit event; again is true where the submission
// of that time is to be left out already. Kind Missing without such a practice.
func (s *Store) AskSkip(ctx context.Context, practice string, due time.Time, act Act) (again bool, err error) {
	err = s.tx(ctx, "skip a submission", func(tx pgx.Tx) error {
		if err := lockPractice(ctx, tx, practice); err != nil {
			return err
		}
		open, err := openSkip(ctx, tx, practice)
		if err != nil {
			return err
		}
		if again = open.Due.Equal(due); again {
			return nil
		}
		_, err = record(ctx, tx, event{
			practice: practice, kind: SubmissionSkip, act: act, detail: map[string]any{"due": due.UTC().Format(time.RFC3339Nano)},
		})
		return err
	})
	return again, err
}

// OpenSkip is the newest wish that no submission has followed yet; its key is empty
// where there is none.
func (s *Store) OpenSkip(ctx context.Context, practice string) (skip Skip, err error) {
	err = s.tx(ctx, "skip", func(tx pgx.Tx) error {
		skip, err = openSkip(ctx, tx, practice)
		return err
	})
	return skip, err
}

func openSkip(ctx context.Context, tx pgx.Tx, practice string) (Skip, error) {
	type row struct {
		ID  int64  `db:"id"`
		Due string `db:"due"`
		By  string `db:"by"`
	}
	found, err := many[row](ctx, tx, `
		select e.id, e.detail ->> 'due' as due, e.actor_name as by from events e
		where e.practice = @practice and e.kind = '`+SubmissionSkip+`'
		  and e.id = (select max(id) from events where practice = @practice and kind = '`+SubmissionSkip+`')
		  and not exists (select 1 from events d where d.key = '`+SubmissionSkipped+`/' || e.id)`, pgx.NamedArgs{"practice": practice})
	if err != nil || len(found) == 0 {
		return Skip{}, err
	}
	due, err := time.Parse(time.RFC3339Nano, found[0].Due)
	if err != nil {
		return Skip{}, registry.Errorf(registry.Invalid, "skip", "the audit row %d has no time", found[0].ID)
	}
	return Skip{Key: SubmissionSkipped + "/" + strconv.FormatInt(found[0].ID, 10), Due: due, By: found[0].By}, nil
}
