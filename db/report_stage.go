package db

import (
	"context"
	"errors"
	"math"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// errStopped tells the reader that nobody takes its items any more.
var errStopped = errors.New("stopped")

// stageSQL makes the tables that a report is read into: without indexes, and
// gone with the transaction. Planning a million rows on guesses of nothing goes
// wrong, and so does compiling a statement that runs once.
var stageSQL = []string{
	`set local work_mem = '64MB'`, `set local jit = off`, `set local random_page_cost = 1.1`,
	`create temp table report_stage (
		ordinal integer not null, control_id text not null, to_app text not null, to_facility text not null,
		ack text not null, code text not null, family text not null, severity text not null, location text not null,
		outcome text not null, text_sealed bytea, kind text not null, told_file text not null, position integer, field text not null,
		file_id text, message integer, delivery_id text, site text -- where it can answer one message only
	) on commit drop`,
	`create temp table report_plain (file_id text not null, delivery_id text not null, page integer not null, messages bit(1024) not null)
	on commit drop`,
	// How many messages of a site they are.
	`create temp table report_sites (file_id text not null, site text not null, messages integer not null) on commit drop`,
	`create temp table report_files (file_id text not null, fresh boolean not null) on commit drop`,
	`create temp table report_found (
		control_id text not null, to_app text not null, to_facility text not null, told_file text not null,
		position integer, file_id text not null, message integer not null, delivery_id text not null, site text not null,
		first boolean not null
	) on commit drop`,
	`create temp table report_worst (file_id text not null, message integer not null, site text not null, worst bigint not null) on commit drop`,
}

var stageColumns = []string{
	"ordinal", "control_id", "to_app", "to_facility", "ack", "code", "family", "severity", "location", "outcome",
	"text_sealed", "kind", "told_file", "position", "field", "file_id", "message", "delivery_id", "site",
}

// chunkItems is how many items are matched at once, and how many wait at most to
// be staged.
const chunkItems = 4096

// stageItems streams the items into the database: plain acceptances to where they
// stay (see [plainItems]), the rest into a table of its own, with the message
// that they answer where it can be one only. The reader reads ahead of the
// database. It returns how many were plain. An error of the reader is returned as it is, one of the database
// likewise.
func (s *Store) stageItems(ctx context.Context, tx pgx.Tx, r Report, in ReportImport) (names ReportNames, plain int, err error) {
	for _, sql := range stageSQL {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return names, 0, err
		}
	}
	st := &stage{tx: tx, store: s, plain: newPlainItems(tx, r)}
	st.plain.settleAll = s.settleAll
	names, err = st.readAhead(ctx, in.Read)
	if err != nil {
		return names, 0, err
	}
	if err := st.flush(ctx); err != nil {
		return names, 0, err
	}
	_, err = tx.Exec(ctx, `analyze report_stage`)
	return names, st.plain.items, err
}

// stage takes in the items of a report, chunk by chunk.
type stage struct {
	tx    pgx.Tx
	store *Store
	plain *plainItems
	rest  []matched
}

// matched is an item with the message that it certainly answers, if any.
type matched struct {
	registry.ReportItem
	match
}

// readAhead reads on while the database works. The reader stays in the caller's
// goroutine: what it does wrong is the caller's to catch.
func (st *stage) readAhead(
	ctx context.Context, read func(emit func(registry.ReportItem) error) (ReportNames, error),
) (names ReportNames, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	chunks, done := make(chan []registry.ReportItem, 1), make(chan error, 1)
	go func() {
		defer stop()
		done <- st.takeAll(ctx, chunks)
	}()
	var chunk []registry.ReportItem
	pass := func() error {
		select {
		case chunks <- chunk:
			chunk = nil
			return nil
		case <-ctx.Done():
			return errStopped
		}
	}
	var readErr error
	func() {
		defer close(chunks)
		names, readErr = read(func(item registry.ReportItem) error {
			if chunk == nil {
				chunk = make([]registry.ReportItem, 0, chunkItems)
			}
			if chunk = append(chunk, item); len(chunk) < chunkItems {
				return nil
			}
			return pass()
		})
		if readErr == nil && len(chunk) > 0 {
			readErr = pass()
		}
		if readErr != nil && !errors.Is(readErr, errStopped) {
			stop() // nothing of it is kept
		}
	}()
	err = <-done
	if readErr != nil && !errors.Is(readErr, errStopped) {
		return names, readErr
	}
	return names, err
}

func (st *stage) takeAll(ctx context.Context, chunks <-chan []registry.ReportItem) error {
	for chunk := range chunks {
		if err := st.take(ctx, chunk); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (st *stage) take(ctx context.Context, chunk []registry.ReportItem) error {
	var err error
	if st.rest, err = st.plain.take(ctx, chunk, st.rest); err != nil || len(st.rest) < chunkItems {
		return err
	}
	return st.flushRest(ctx)
}

func (st *stage) flush(ctx context.Context) error {
	if err := st.flushRest(ctx); err != nil {
		return err
	}
	return st.plain.finish(ctx)
}

// flushRest stages what is not plain.
func (st *stage) flushRest(ctx context.Context) error {
	if len(st.rest) == 0 {
		return nil
	}
	row := make([]any, len(stageColumns)) // pgx has written it when it asks for the next
	_, err := st.tx.CopyFrom(ctx, pgx.Identifier{"report_stage"}, stageColumns,
		pgx.CopyFromSlice(len(st.rest), func(i int) ([]any, error) {
			item := &st.rest[i]
			location := place(item.Location)
			file, message, delivery, site := item.answers()
			row = append(row[:0],
				item.Ordinal, plainText(item.ControlID), plainText(item.ToApp), plainText(item.ToFacility),
				plainText(item.Ack), plainText(item.Code), string(item.Family), string(item.Severity), location,
				string(item.Outcome), st.store.sealText(item.Text), itemKind(&item.ReportItem), ownName(item.File),
				positionOf(&item.ReportItem), fieldOf(location), file, message, delivery, site)
			return row, nil
		}))
	clear(st.rest)
	st.rest = st.rest[:0]
	return err
}

func itemKind(item *registry.ReportItem) string {
	if item.Line {
		return "line"
	}
	return "answer"
}

// ownName keeps what can be the name of a file of ours.
func ownName(name string) string {
	if name == "" || registry.CheckRemoteName(name) != nil {
		return ""
	}
	return name
}

// positionOf is null where the item tells none that can be one.
func positionOf(item *registry.ReportItem) *int32 {
	if item.Position <= 0 || item.Position > math.MaxInt32 {
		return nil
	}
	n := int32(item.Position)
	return &n
}

func (s *Store) sealText(text string) []byte {
	if text == "" {
		return nil
	}
	return s.sealer.Seal([]byte(text))
}

// placeForm is a place in a message as HL7 writes it, such as PID^1^11^^3.
var placeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}[0-9^.~&\[\]#-]*$`)

// place keeps what is a place and nothing else: the column of a report could
// hold anything, a patient's name included.
func place(location string) string {
	if len(location) <= 64 && placeForm.MatchString(location) {
		return location
	}
	return ""
}

var fieldForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})(?:\[\d+\]|\^\d*)?(?:[-^](\d+))?`)

// fieldOf brings a place down to segment and field, as [placeOf] does.
func fieldOf(place string) string {
	m := fieldForm.FindStringSubmatch(place)
	switch {
	case m == nil:
		return place
	case m[2] == "":
		return m[1]
	}
	return m[1] + "-" + m[2]
}

// plainText is what PostgreSQL takes as text.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
