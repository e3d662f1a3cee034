package db

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// HeldState is how a message that was held back stands.
type HeldState string

// The states. Only open ones ask for anything.
const (
	HeldOpen     HeldState = "open"
	HeldReplaced HeldState = "replaced"
	HeldReleased HeldState = "released"
	HeldDropped  HeldState = "dropped"
)

// HeldMessage is a message that was left out of its file's delivery.
type HeldMessage struct {
	File     string        `db:"file_id"`
	Message  int           `db:"message"` // its ordinal in the file
	Practice string        `db:"practice"`
	Lane     registry.Lane `db:"lane"`
	Site     string        `db:"site"`
	Since    time.Time     `db:"since"`
	State    HeldState     `db:"state"`
	// EndedAt is when it was released or dropped, or its correction delivered; nil
	// while it is open.
	EndedAt *time.Time `db:"ended_at"`
	// Into is the file in which it was released, or the correction came.
	Into   string `db:"into_file"`
	By     string `db:"by_name"`
	Reason string `db:"reason"`
	// Rules are those of the asked ones that fired on it, as far as its file's
	// check kept findings.
	Rules []string `db:"rules"`
}

// HeldFilter narrows a list of held messages.
type HeldFilter struct {
	// Practice and File; empty means all.
	Practice, File string
	// Ended lists those that ended too.
	Ended bool
	// Rules are the rules that hold messages back, as the profile names them: a
	// rule without its part after the dot means all its parts.
	Rules []string
	// Max rows; 0 means 100.
	Max int
}

// HeldMessages lists messages that were held back, the oldest first.
func (s *Store) HeldMessages(ctx context.Context, f HeldFilter) ([]HeldMessage, error) {
	limit := f.Max
	if limit <= 0 {
		limit = 100
	}
	all, err := many[HeldMessage](ctx, s.pool, `
		select h.*, array(select distinct d.rule from findings d
			where d.file_id = h.file_id and d.message = h.message
			  and (d.rule = any(@rules::text[]) or split_part(d.rule, '.', 1) = any(@rules::text[])) order by 1) as rules
		from held_messages h
		where (@practice = '' or h.practice = @practice) and (@file = '' or h.file_id = @file)
		  and (@ended or h.state = 'open')
		order by h.since, length(h.file_id), h.file_id, h.message limit @limit`,
		pgx.NamedArgs{"practice": f.Practice, "file": f.File, "ended": f.Ended, "rules": f.Rules, "limit": limit})
	return all, fault("held messages", err)
}

// HeldCount is what became of a practice's held messages.
type HeldCount struct {
	Practice string `db:"practice"`
	// Oldest is since when the oldest open one is held; nil where none is open.
	Oldest   *time.Time `db:"oldest"`
	Open     int        `db:"open"`
	Replaced int        `db:"replaced"`
	Released int        `db:"released"`
	Dropped  int        `db:"dropped"`
}

const heldCounts = `
	select practice, min(since) filter (where state = 'open') as oldest,
		(count(*) filter (where state = 'open'))::int as open, (count(*) filter (where state = 'replaced'))::int as replaced,
		(count(*) filter (where state = 'released'))::int as released, (count(*) filter (where state = 'dropped'))::int as dropped
	from held_messages where (@practice = '' or practice = @practice)`

// HeldCounts counts held messages by practice; of all where practice is empty.
func (s *Store) HeldCounts(ctx context.Context, practice string) ([]HeldCount, error) {
	all, err := many[HeldCount](ctx, s.pool, heldCounts+` group by practice order by practice`,
		pgx.NamedArgs{"practice": practice})
	return all, fault("held messages", err)
}

// DropHeld gives held messages of a file up, by a named person with a reason,
// with one audit event. dropped is how many were not dropped before: doing it
// again changes nothing.
//
// Kinds: Invalid without person or reason, Missing for a message that is not held
// back, NotAllowed for one that was released or replaced.
func (s *Store) DropHeld(ctx context.Context, file string, messages []int, act Act) (dropped int, err error) {
	const op = "drop held messages"
	if err := reasoned(op, "a message is dropped", act); err != nil {
		return 0, err
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		f, held, err := heldForUpdate(ctx, tx, op, file, messages)
		if err != nil {
			return err
		}
		var open []int
		for _, h := range held {
			switch h.State {
			case HeldOpen:
				open = append(open, h.Message)
			case HeldDropped:
			default:
				return heldEnded(op, h)
			}
		}
		dropped = len(open)
		return endHeld(ctx, tx, f, HeldDropped, open, "", act)
	})
	return dropped, err
}

// ReleaseHeld stages bytes that hold exactly the given messages of a file as a
// file of its own, by a named person with a reason. A message is released once:
// the same messages again give the same file, and again is true.
//
// Kinds: as [Store.DropHeld]; NotAllowed also where some of them went with
// another release, and for files of a historical load.
func (s *Store) ReleaseHeld(ctx context.Context, file string, messages []int, bytes NewFile, act Act) (ref registry.FileRef, again bool, err error) {
	const op = "release held messages"
	if err := reasoned(op, "a message is released", act); err != nil {
		return ref, false, err
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		if err := lockVaultKey(ctx, tx, bytes.VaultKey); err != nil {
			return err
		}
		f, held, err := heldForUpdate(ctx, tx, op, file, messages)
		if err != nil {
			return err
		}
		if f.Lane != registry.LaneProduction {
			return registry.Errorf(registry.NotAllowed, op, "%s is of a historical load: what was left out of it goes with a supplement", f.ID)
		}
		into := map[string]int{}
		for _, h := range held {
			if h.State != HeldOpen && h.State != HeldReleased {
				return heldEnded(op, h)
			}
			into[h.Into]++
		}
		if len(into) > 1 {
			return registry.Errorf(registry.NotAllowed, op, "some of these messages of %s were released before; name the others alone", f.ID)
		}
		if held[0].State == HeldReleased {
			again = true
			before, err := one[registry.FileRef](ctx, tx, `select id, digest, size from files where id = @id`, pgx.NamedArgs{"id": held[0].Into})
			ref = before
			return err
		}
		bytes.Practice, bytes.Lane = f.Practice, f.Lane
		if _, err := insertFile(ctx, tx, bytes, &ref); err != nil {
			return err
		}
		return endHeld(ctx, tx, f, HeldReleased, messages, ref.ID, act)
	})
	return ref, again, err
}

// heldForUpdate reads held messages of a file, which no other decision reaches
// until the transaction ends.
func heldForUpdate(ctx context.Context, tx pgx.Tx, op, file string, messages []int) (File, []HeldMessage, error) {
	f, err := fileForUpdate(ctx, tx, file)
	if err != nil {
		return f, nil, err
	}
	held, err := many[HeldMessage](ctx, tx, `
		select h.*, '{}'::text[] as rules from held_messages h
		where h.file_id = @file and h.message = any(@messages::integer[]) order by h.message`,
		pgx.NamedArgs{"file": file, "messages": messages})
	if err != nil {
		return f, nil, err
	}
	for _, m := range messages {
		if !slices.ContainsFunc(held, func(h HeldMessage) bool { return h.Message == m }) {
			return f, nil, registry.Errorf(registry.Missing, op, "no message %d of %s is held back", m, file)
		}
	}
	if len(held) == 0 {
		return f, nil, registry.Errorf(registry.Missing, op, "no message of %s was named", file)
	}
	return f, held, nil
}

func heldEnded(op string, h HeldMessage) error {
	words := string(h.State)
	if h.Into != "" {
		words += " (" + h.Into + ")"
	}
	return registry.Errorf(registry.NotAllowed, op, "%s/%d was %s already", h.File, h.Message, words)
}

func endHeld(ctx context.Context, tx pgx.Tx, f File, to HeldState, messages []int, into string, act Act) error {
	if len(messages) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `
		insert into held_ends (file_id, message, ended, into_file, by_name, reason, at)
		select @file, m, @ended, nullif(@into, ''), @by, @reason, @at from unnest(@messages::integer[]) m`,
		pgx.NamedArgs{
			"file": f.ID, "ended": to, "into": into, "by": act.By.Name, "reason": act.Reason, "at": act.At, "messages": messages,
		}); err != nil {
		return err
	}
	// Its key is the act's content: no message ends twice.
	act.Key = "held-" + string(to) + "/" + f.ID + "/" + strconv.Itoa(messages[0])
	detail := map[string]any{"file": f.ID, "count": len(messages), "messages": messages[:min(len(messages), heldNamed)]}
	if into != "" {
		detail["into"] = into
	}
	_, err := record(ctx, tx, event{practice: f.Practice, kind: "held-" + string(to), to: string(to), act: act, detail: detail})
	return err
}

// heldNamed bounds the messages that an audit event names; all stand in held_ends.
const heldNamed = 100

// ReleasedInto reports whether a file was made of messages that a person released:
// the rules that held them back do not hold them again.
func (s *Store) ReleasedInto(ctx context.Context, fileID string) (bool, error) {
	is, err := value[bool](ctx, s.pool, `select exists (select 1 from held_ends where into_file = @id)`, pgx.NamedArgs{"id": fileID})
	return is, fault("released messages", err)
}
