package db

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// SealedColumn is a column of which every value is sealed.
type SealedColumn struct {
	Table, Column string
	// Key are the columns of the table's primary key, with their types.
	Key []KeyColumn
}

// KeyColumn is one column of a primary key.
type KeyColumn struct{ Name, Type string }

// SealedColumns are all of them; a test holds the list against the schema. A
// column that is missing here would be lost with the key that sealed it.
var SealedColumns = []SealedColumn{
	{"arrivals", "source_name", []KeyColumn{{"practice", "text"}, {"lane", "text"}, {"token", "text"}}},
	{"messages", "patient", []KeyColumn{{"file_id", "text"}, {"ordinal", "integer"}}},
	{"doses", "details", []KeyColumn{{"file_id", "text"}, {"message", "integer"}, {"ordinal", "integer"}}},
	{"report_items", "text_sealed", []KeyColumn{{"report_id", "text"}, {"ordinal", "integer"}}},
}

// KeyedColumns are the columns that hold keyed digests: they are of the digest
// key, which never changes.
var KeyedColumns = []string{
	"doses.record_digest", "errors.cause", "messages.chart_digest", "messages.content_key", "messages.control_key",
	"messages.patient_digest", "messages.says_key", "sent_messages.content_key", "sent_messages.control_key",
}

// resealAtOnce bounds what a batch keeps in memory and locked.
const resealAtOnce = 1000

// Reseal seals with the first key what an older one has sealed, in batches that
// are each committed: broken off, it goes on where it was, and again it finds
// nothing to do. progress, where set, is told of each batch. It returns how many
// values were sealed anew. Kind Invalid when a value's key is not among those
// given; what came before it stays sealed anew.
func (s *Store) Reseal(ctx context.Context, progress func(table string, done int)) (total int, err error) {
	for _, c := range SealedColumns {
		done, err := s.resealColumn(ctx, c, progress)
		total += done
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// StaleSeals counts the values that an older key has sealed.
func (s *Store) StaleSeals(ctx context.Context) (int, error) {
	total := 0
	for _, c := range SealedColumns {
		n, err := value[int](ctx, s.pool, fmt.Sprintf(`select count(*)::int from %s where %s`, c.Table, c.stale()),
			pgx.NamedArgs{"head": s.sealer.head()})
		if err != nil {
			return 0, fault("sealed values", err)
		}
		total += n
	}
	return total, nil
}

// stale says in SQL that a value was not sealed with the first key.
func (c SealedColumn) stale() string {
	return fmt.Sprintf(`%s is not null and substring(%[1]s from 1 for length(@head::bytea)) <> @head`, c.Column)
}

// keys lists the primary key, each column with a form: "t.%s".
func (c SealedColumn) keys(form string) string {
	var out []string
	for _, k := range c.Key {
		out = append(out, fmt.Sprintf(form, k.Name, k.Type))
	}
	return strings.Join(out, ", ")
}

// resealColumn walks along the primary key, so that each row is looked at once.
func (s *Store) resealColumn(ctx context.Context, c SealedColumn, progress func(string, int)) (total int, err error) {
	const op = "reseal"
	// The key as text, so that one program walks every table.
	pick := fmt.Sprintf(`select array[%s], %s from %s t where %s and (@first or (%s) > (%s)) order by %s limit @page for no key update`,
		c.keys("t.%[1]s::text"), c.Column, c.Table, c.stale(), c.keys("t.%[1]s"), c.after(), c.keys("t.%[1]s"))
	var last []string
	for first := true; ; first = false {
		n := 0
		err := s.tx(ctx, op, func(tx pgx.Tx) error {
			args := pgx.NamedArgs{"head": s.sealer.head(), "first": first, "page": resealAtOnce}
			for i := range c.Key {
				args[fmt.Sprintf("k%d", i)] = ""
				if c.Key[i].Type == "integer" {
					args[fmt.Sprintf("k%d", i)] = "0"
				}
				if !first {
					args[fmt.Sprintf("k%d", i)] = last[i]
				}
			}
			rows, err := tx.Query(ctx, pick, args)
			if err != nil {
				return err
			}
			type sealed struct {
				key   []string
				value []byte
			}
			page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (out sealed, err error) {
				return out, row.Scan(&out.key, &out.value)
			})
			if err != nil || len(page) == 0 {
				return err
			}
			keys, values := make([][]string, len(c.Key)), make([][]byte, len(page))
			for i, p := range page {
				plain, err := s.sealer.Open(p.value)
				if err != nil {
					return err
				}
				values[i] = s.sealer.Seal(plain)
				for k := range c.Key {
					keys[k] = append(keys[k], p.key[k])
				}
			}
			n, last = len(page), page[len(page)-1].key
			return s.writeSealed(ctx, tx, c, keys, values)
		})
		total += n
		if err != nil || n == 0 {
			return total, err
		}
		if progress != nil {
			progress(c.Table, total)
		}
	}
}

func (c SealedColumn) after() string {
	var out []string
	for i, k := range c.Key {
		out = append(out, fmt.Sprintf("@k%d::text::%s", i, k.Type))
	}
	return strings.Join(out, ", ")
}

func (s *Store) writeSealed(ctx context.Context, tx pgx.Tx, c SealedColumn, keys [][]string, values [][]byte) error {
	args := pgx.NamedArgs{"values": values}
	var arrays, names, same []string
	for i, k := range c.Key {
		args[fmt.Sprintf("a%d", i)] = keys[i]
		arrays = append(arrays, fmt.Sprintf("@a%d::text[]", i))
		names = append(names, k.Name)
		same = append(same, fmt.Sprintf("t.%s = u.%s::%s", k.Name, k.Name, k.Type))
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`update %s t set %s = u.sealed from unnest(%s, @values::bytea[]) u (%s, sealed) where %s`,
		c.Table, c.Column, strings.Join(arrays, ", "), strings.Join(names, ", "), strings.Join(same, " and ")), args)
	return err
}
