package db

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// NewFile is a file that is safe in the file store and about to be known.
type NewFile struct {
	Practice string
	Lane     registry.Lane
	// Digest is the hex SHA-256 of the bytes, Size their length.
	Digest string
	Size   int64
	// VaultKey finds the bytes in the file store.
	VaultKey string
	At       time.Time
	// Arrival says how it came out of the outbox; nil for files that we made.
	Arrival *Arrival
}

// Arrival is one file that lay in an outbox.
type Arrival struct {
	// Token stands for the file in the outbox: "n-" and 32 hex digits.
	Token string
	// SourceName is what the EHR called it; it is sealed before it is written.
	SourceName string
}

// Staged is a file after [Store.StageFile].
type Staged struct {
	File registry.FileRef
	// Known says that the same bytes had come before in this lane, under
	// another arrival.
	Known bool
}

// StageFile makes a file known. The same bytes in the same lane of a practice
// are the same file, with the same ID; the same arrival again answers as it did
// the first time. Bytes that retention had shredded count as there again.
func (s *Store) StageFile(ctx context.Context, f NewFile) (Staged, error) {
	var out Staged
	err := s.tx(ctx, "stage file", func(tx pgx.Tx) error {
		if err := lockVaultKey(ctx, tx, f.VaultKey); err != nil {
			return err
		}
		if f.Arrival != nil {
			before, ok, err := arrival(ctx, tx, f.Practice, f.Lane, f.Arrival.Token)
			if err != nil {
				return err
			}
			if ok && before.File.Digest == f.Digest {
				out = Staged{File: before.File, Known: before.Known}
				return nil
			}
		}
		fresh, err := insertFile(ctx, tx, f, &out.File)
		if err == nil && fresh && f.Lane == registry.LaneHistorical {
			fresh, err = dropSentBefore(ctx, tx, f, out.File.ID)
		}
		if err != nil || f.Arrival == nil {
			out.Known = !fresh
			return err
		}
		out.Known = !fresh
		if out.Known {
			if err := cameAgain(ctx, tx, f, out.File.ID); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `
			insert into arrivals (practice, lane, token, file_id, known, source_name, at)
			values (@practice, @lane, @token, @file, @known, @name, @at)
			on conflict (practice, lane, token) do update
				set file_id = excluded.file_id, known = excluded.known, at = excluded.at, left_at = null`,
			pgx.NamedArgs{
				"practice": f.Practice, "lane": f.Lane, "token": f.Arrival.Token, "file": out.File.ID,
				"known": out.Known, "name": s.sealer.Seal([]byte(f.Arrival.SourceName)), "at": f.At,
			})
		return err
	})
	return out, err
}

func insertFile(ctx context.Context, tx pgx.Tx, f NewFile, ref *registry.FileRef) (fresh bool, err error) {
	type row struct {
		ID    string
		Fresh bool
	}
	got, err := one[row](ctx, tx, `
		insert into files (practice, lane, digest, size, vault_key, staged_at)
		values (@practice, @lane, @digest, @size, @vault_key, @at)
		on conflict (practice, lane, digest) do update set released_at = null
		returning id, xmax = 0 as fresh`,
		pgx.NamedArgs{
			"practice": f.Practice, "lane": f.Lane, "digest": f.Digest, "size": f.Size,
			"vault_key": f.VaultKey, "at": f.At,
		})
	*ref = registry.FileRef{ID: got.ID, Digest: f.Digest, Size: f.Size}
	return got.Fresh, err
}

// lockVaultKey keeps staging a file and shredding the same bytes apart until
// the transaction ends: they lie under one key in the file store.
func lockVaultKey(ctx context.Context, tx pgx.Tx, key string) error {
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended(@key, 0))`, pgx.NamedArgs{"key": key})
	return err
}

// ArrivedFile is the file that a token stood for.
type ArrivedFile struct {
	File  registry.FileRef
	Known bool
	// Left is set once the file has left the outbox.
	Left bool
}

// Arrival looks a token up; ok is false where nothing was staged under it.
func (s *Store) Arrival(ctx context.Context, practice string, lane registry.Lane, token string) (a ArrivedFile, ok bool, err error) {
	a, ok, err = arrival(ctx, s.pool, practice, lane, token)
	return a, ok, fault("arrival", err)
}

func arrival(ctx context.Context, q querier, practice string, lane registry.Lane, token string) (ArrivedFile, bool, error) {
	type row struct {
		ID, Digest  string
		Size        int64
		Known, Left bool
	}
	found, err := many[row](ctx, q, `
		select f.id, f.digest, f.size, a.known, a.left_at is not null as left
		from arrivals a join files f on f.id = a.file_id
		where a.practice = @practice and a.lane = @lane and a.token = @token`,
		pgx.NamedArgs{"practice": practice, "lane": lane, "token": token})
	if err != nil || len(found) == 0 {
		return ArrivedFile{}, false, err
	}
	r := found[0]
	return ArrivedFile{File: registry.FileRef{ID: r.ID, Digest: r.Digest, Size: r.Size}, Known: r.Known, Left: r.Left}, true, nil
}

// ArrivalLeft records that the file of a token has left the outbox.
func (s *Store) ArrivalLeft(ctx context.Context, practice string, lane registry.Lane, token string, at time.Time) error {
	_, err := s.pool.Exec(ctx, `
		update arrivals set left_at = @at
		where practice = @practice and lane = @lane and token = @token and left_at is null`,
		pgx.NamedArgs{"practice": practice, "lane": lane, "token": token, "at": at})
	return fault("arrival left", err)
}

// File is what is known of a file.
type File struct {
	ID       string
	Practice string
	Lane     registry.Lane
	Digest   string
	Size     int64
	VaultKey string
	State    registry.FileState
	StagedAt time.Time
	// SettledAt, ReleasedAt and CheckedAt are nil where that has not happened.
	SettledAt, ReleasedAt, CheckedAt *time.Time
	// Check is what the last check came to; nil before the first.
	Check *registry.CheckSummary
	// Changed are all rules that persons had graded anew for that check.
	Changed []registry.RuleGrade
	// Basis is what that check judged by besides the rules, as a digest in hex;
	// empty where it was not asked.
	Basis string
	// Anyway is who sends the file in spite of our verdict; nil where nobody does.
	Anyway *Anyway
}

const fileColumns = `id, practice, lane, digest, size, vault_key, state, staged_at, settled_at, released_at, checked_at,
	coalesce(outcome, ''), coalesce(error_free, false), coalesce(hold_file, false), coalesce(messages, 0),
	coalesce(doses, 0), coalesce(held, 0), coalesce(errors, 0), coalesce(warnings, 0), coalesce(infos, 0),
	coalesce(top, '[]'), coalesce(rule_set, ''), rules_changed, coalesce(basis, ''),
	coalesce(anyway_by, ''), coalesce(anyway_reason, ''), anyway_at`

func scanFile(row pgx.CollectableRow) (File, error) {
	var f File
	var c registry.CheckSummary
	var anyway Anyway
	var anywayAt *time.Time
	err := row.Scan(&f.ID, &f.Practice, &f.Lane, &f.Digest, &f.Size, &f.VaultKey, &f.State, &f.StagedAt,
		&f.SettledAt, &f.ReleasedAt, &f.CheckedAt, &c.Outcome, &c.ErrorFree, &c.HoldFile, &c.Messages,
		&c.Doses, &c.Held, &c.Errors, &c.Warnings, &c.Infos, &c.Top, &c.RuleSet, &f.Changed, &f.Basis, &anyway.By, &anyway.Reason, &anywayAt)
	if f.CheckedAt != nil {
		c.Changed, c.ChangedRules = shortGrades(f.Changed), len(f.Changed)
		f.Check = &c
	}
	if anywayAt != nil {
		anyway.At = *anywayAt
		f.Anyway = &anyway
	}
	return f, err
}

// File reads one. Kind Missing when there is none.
func (s *Store) File(ctx context.Context, id string) (File, error) {
	const op = "file"
	rows, err := s.pool.Query(ctx, `select `+fileColumns+` from files where id = @id`, pgx.NamedArgs{"id": id})
	if err != nil {
		return File{}, fault(op, err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, scanFile)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, noFile(id)
	}
	return f, fault(op, err)
}

func noFile(id string) error {
	return registry.Errorf(registry.Missing, "file", "there is no file %q", id)
}

// Files lists the files of a practice, newest first, at most limit (100 where
// it is 0 or less).
func (s *Store) Files(ctx context.Context, practice string, limit int) ([]File, error) {
	const op = "files"
	if limit <= 0 {
		limit = 100
	}
	rows, err := s.pool.Query(ctx, `
		select `+fileColumns+` from files where practice = @practice and not (lane = 'historical' and state = 'staged' and not exists (
			select 1 from history_parts p join history_loads l using (practice, number) where p.file_id = files.id and l.state = 'loading'))
		order by substr(id, 3)::bigint desc limit @limit`, pgx.NamedArgs{"practice": practice, "limit": limit})
	if err != nil {
		return nil, fault(op, err)
	}
	files, err := pgx.CollectRows(rows, scanFile)
	return files, fault(op, err)
}

// SourceNames opens the names that the EHR gave to a file, oldest first. They
// may name a patient: whoever shows them writes an audit event.
func (s *Store) SourceNames(ctx context.Context, fileID string) ([]string, error) {
	const op = "source names"
	rows, err := s.pool.Query(ctx, `select source_name from arrivals where file_id = @id order by at, token`,
		pgx.NamedArgs{"id": fileID})
	if err != nil {
		return nil, fault(op, err)
	}
	sealed, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fault(op, err)
	}
	names := make([]string, 0, len(sealed))
	for _, b := range sealed {
		plain, err := s.sealer.Open(b)
		if err != nil {
			return nil, err
		}
		names = append(names, string(plain))
	}
	return names, nil
}

// SettleFile records what became of a file. What it was before stays where the
// file is further already (a late "delivered" after "answered"); kind
// NotAllowed where state contradicts it (a delivered file that is "dropped").
func (s *Store) SettleFile(ctx context.Context, practice, id string, state registry.FileState, at time.Time) error {
	const op = "settle file"
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		now, err := value[registry.FileState](ctx, tx, `
			select state from files where id = @id and practice = @practice for update`,
			pgx.NamedArgs{"id": id, "practice": practice})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return noFile(id)
		case err != nil || now == state:
			return err
		case now == registry.FileAnswered && state == registry.FileDelivered:
			return nil
		case !now.CanFollow(state):
			return registry.Errorf(registry.NotAllowed, op, "file %s is %s and cannot become %s", id, now, state)
		}
		_, err = tx.Exec(ctx, `update files set state = @state, settled_at = @at where id = @id`,
			pgx.NamedArgs{"id": id, "state": state, "at": at})
		return err
	})
}
