package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// Anyway is who sends a file in spite of our verdict, why and when.
type Anyway struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// SendAnyway records that a person sends a file that our checker refused, with
// its audit event in the same transaction. again says that somebody did before;
// the file's Anyway is then theirs. Messages that are held back stay behind all
// the same.
//
// Kinds: Invalid without a person or a reason, Missing without such a file,
// NotAllowed for one that was not refused, cannot be read, or of which nothing
// may be sent.
func (s *Store) SendAnyway(ctx context.Context, id string, act Act) (f File, again bool, err error) {
	const op = "send anyway"
	if err := reasoned(op, "a file is sent in spite of our verdict", act); err != nil {
		return f, false, err
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if f, err = fileForUpdate(ctx, tx, id); err != nil {
			return err
		}
		if f.Anyway != nil {
			again = true
			return nil
		}
		if err := mayGoAnyway(ctx, tx, op, f); err != nil {
			return err
		}
		args := pgx.NamedArgs{"id": id, "by": act.By.Name, "reason": act.Reason, "at": act.At}
		if _, err := tx.Exec(ctx, `
			update files set anyway_by = @by, anyway_reason = @reason, anyway_at = @at where id = @id`, args); err != nil {
			return err
		}
		f.Anyway = &Anyway{By: act.By.Name, Reason: act.Reason, At: act.At}
		act.Key = "file-sent-anyway/" + id
		_, err = record(ctx, tx, event{
			practice: f.Practice, kind: "file-sent-anyway", act: act,
			detail: map[string]any{"file": id, "lane": f.Lane, "errors": f.Check.Errors, "rule_set": f.Check.RuleSet},
		})
		return err
	})
	return f, again, err
}

func fileForUpdate(ctx context.Context, tx pgx.Tx, id string) (File, error) {
	rows, err := tx.Query(ctx, `select `+fileColumns+` from files where id = @id for update`, pgx.NamedArgs{"id": id})
	if err != nil {
		return File{}, err
	}
	f, err := pgx.CollectExactlyOneRow(rows, scanFile)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, noFile(id)
	}
	return f, err
}

// mayGoAnyway refuses what nobody could send. Rules F-03.format and F-03.limit
// stop the reader: what comes after is not known.
func mayGoAnyway(ctx context.Context, tx pgx.Tx, op string, f File) error {
	refuse := func(format string, args ...any) error {
		return registry.Errorf(registry.NotAllowed, op, format, args...)
	}
	switch {
	case f.State != registry.FileRefused:
		return refuse("%s is %s; only a file that our check refused is sent in spite of it", f.ID, f.State)
	case f.ReleasedAt != nil:
		return refuse("the bytes of %s were destroyed after their retention; export it anew", f.ID)
	case f.Lane == registry.LaneHistorical:
		return refuse("%s is part of a historical load, which goes by its plan", f.ID)
	case f.Check == nil || f.Check.Messages == 0:
		return refuse("there is no message in %s", f.ID)
	case f.Check.Held == f.Check.Messages:
		return refuse("every message of %s is held back; see which rules hold them: starter file show %s", f.ID, f.ID)
	}
	broken, err := value[bool](ctx, tx, `
		select exists (select 1 from rule_counts where file_id = @id and rule in ('F-03.format', 'F-03.limit'))`,
		pgx.NamedArgs{"id": f.ID})
	if err == nil && broken {
		return refuse("%s cannot be read to its end; export it anew", f.ID)
	}
	return err
}

// RuleCounts lists how often each rule fired in a file's last check: errors
// first, then by count.
func (s *Store) RuleCounts(ctx context.Context, fileID string) ([]registry.RuleCount, error) {
	rows, err := many[registry.RuleCount](ctx, s.pool, `
		select rule, severity, count from rule_counts where file_id = @id
		order by array_position(array['E', 'W', 'I'], severity), count desc, rule`, pgx.NamedArgs{"id": fileID})
	return rows, fault("rule counts", err)
}
