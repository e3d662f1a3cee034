package db

import (
	"context"
	"encoding/binary"
	"encoding/hex"

	"github.com/jackc/pgx/v5"

	"immtrail/registry"
)

// plainItems keeps the plain acceptances of a report: items that accept one
// message of ours and say nothing else. They are nearly all that a large report
// holds, so they are matched while it is read and written many to a row. An item
// of which anything else is to be known is left to the statements that settle
// it (see linkItems): that is always right, and slower.
type plainItems struct {
	tx                 pgx.Tx
	report, connection string

	items int // taken so far
	next  int // the ordinal that leaves no gap
	files map[string]*answeredFile
	pages int
	lists map[plainKey]*plainList
	kept  int // items in lists

	order   []int32 // of the chunk, which items may be plain
	ids     []string
	matches []match
	unknown []string
}

// What is kept in memory of a report. A report that answers more is right all
// the same.
const (
	maxPlainFiles = 20_000
	maxPlainPages = 100_000
	keptPlain     = 4 * chunkItems
)

// answeredFile is a file under whose messages a control ID was found.
type answeredFile struct {
	id, delivery  string
	org, iis      string
	ours, several bool // sent over the connection; more than once
	pages         map[int32]*[pageMessages / 8]byte
}

// pageMessages is how many messages a row of answer_pages is about.
const pageMessages = 1024

// plainKey is what items that are written together have in common.
type plainKey struct{ file, app, facility, ack, told string }

type plainList struct {
	delivery           string
	ordinals, messages []int32
	ids                []string
}

// match is a message of ours with the control ID of an item.
type match struct {
	file     *answeredFile
	message  int32
	facility string
	count    int32 // of messages, in files that went over the connection
	seen     int32 // of messages, in any
}

func newPlainItems(tx pgx.Tx, r Report) *plainItems {
	return &plainItems{
		tx: tx, report: r.ID, connection: r.Connection, next: 1,
		files: map[string]*answeredFile{}, lists: map[plainKey]*plainList{},
	}
}

// saysNoMore reports whether an item accepts the message with its control ID and
// says nothing else.
func saysNoMore(i *registry.ReportItem) bool {
	return i.Outcome == registry.OutcomeAccepted && i.ControlID != "" && i.Code == "" && i.Family == "" &&
		i.Severity == "" && i.Location == "" && i.Text == "" && i.Position == 0 && !i.Line
}

// take keeps the plain items of a chunk and returns the others, in the chunk's
// own memory.
func (p *plainItems) take(ctx context.Context, chunk []registry.ReportItem) ([]registry.ReportItem, error) {
	p.order, p.ids = p.order[:0], p.ids[:0]
	for i := range chunk {
		if chunk[i].Ordinal != p.next {
			p.next = -1 // there is a gap: nothing after it is kept so
			break
		}
		p.next++
		if saysNoMore(&chunk[i]) {
			p.order, p.ids = append(p.order, int32(i)), append(p.ids, plainText(chunk[i].ControlID)) //nolint:gosec // at most chunkItems
		}
	}
	if len(p.ids) == 0 {
		return chunk, nil
	}
	if err := p.match(ctx); err != nil {
		return nil, err
	}
	rest := chunk[:0]
	at := 0
	for i := range chunk {
		if at < len(p.order) && int(p.order[at]) == i {
			at++
			if p.keep(chunk[i], p.ids[at-1], p.matches[at-1]) {
				continue
			}
		}
		rest = append(rest, chunk[i])
	}
	if p.kept < keptPlain {
		return rest, nil
	}
	return rest, p.flush(ctx)
}

// Systems that number each file from 1 have a control ID in every file: such an
// item is not plain, and three messages tell that as well as thousands.
const matchSQL = `
	select a.n::int, m.file_id, m.ordinal, m.sending_facility
	from unnest($1::text[]) with ordinality a (control_id, n)
	cross join lateral (
		select file_id, ordinal, sending_facility from messages where control_id = a.control_id and not held limit ` + someMessages + `) m`

// manyMessages are looked at, at most.
const (
	manyMessages = 3
	someMessages = `3`
)

// match finds the messages of the chunk's control IDs. Where some are in files
// that are not known yet, those are looked up first.
func (p *plainItems) match(ctx context.Context) error {
	if err := p.matchKnown(ctx); err != nil || len(p.unknown) == 0 || !p.room() {
		return err
	}
	if err := p.lookUp(ctx); err != nil {
		return err
	}
	return p.matchKnown(ctx)
}

// room makes room for the files that are unknown, or reports that there is none.
func (p *plainItems) room() bool {
	if len(p.files)+len(p.unknown) <= maxPlainFiles {
		return true
	}
	for id, f := range p.files {
		if f.pages == nil {
			delete(p.files, id)
		}
	}
	return len(p.files)+len(p.unknown) <= maxPlainFiles
}

func (p *plainItems) matchKnown(ctx context.Context) error {
	p.unknown = p.unknown[:0]
	p.matches = append(p.matches[:0], make([]match, len(p.ids))...)
	asked := map[string]bool{}
	rows, err := p.tx.Query(ctx, matchSQL, p.ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last *answeredFile
	for rows.Next() {
		raw := rows.RawValues() // binary, as pgx asks for what it knows
		n := binary.BigEndian.Uint32(raw[0]) - 1
		if last == nil || last.id != string(raw[1]) {
			if last = p.files[string(raw[1])]; last == nil {
				if id := string(raw[1]); !asked[id] {
					asked[id], p.unknown = true, append(p.unknown, id)
				}
				p.matches[n].count = 2 // whatever it is, it is not certain
				continue
			}
		}
		m := &p.matches[n]
		if m.seen++; m.seen == manyMessages {
			m.count = 2
		}
		switch {
		case !last.ours:
			continue
		case last.several:
			m.count++
		}
		m.count++
		m.file, m.message = last, int32(binary.BigEndian.Uint32(raw[2])) //nolint:gosec // an integer of PostgreSQL
		m.facility = string(raw[3])
	}
	return rows.Err()
}

// lookUp finds out which of the unknown files went over the connection.
func (p *plainItems) lookUp(ctx context.Context) error {
	for _, id := range p.unknown {
		p.files[id] = &answeredFile{id: id}
	}
	rows, err := p.tx.Query(ctx, `
		select d.file_id, d.id, p.org_code, p.iis_id from deliveries d join practices p on p.id = d.practice
		where d.file_id = any($1) and d.connection = $2 and d.state in `+sentStates, p.unknown, p.connection)
	if err != nil {
		return err
	}
	var file, delivery, org, iis string
	_, err = pgx.ForEachRow(rows, []any{&file, &delivery, &org, &iis}, func() error {
		f := p.files[file]
		f.several = f.ours
		f.ours, f.delivery, f.org, f.iis = true, delivery, org, iis
		return nil
	})
	return err
}

// keep keeps an item if it can only be about one message.
func (p *plainItems) keep(item registry.ReportItem, id string, m match) bool {
	if m.count != 1 || !m.addressed(item.ToFacility) || !p.accept(m) {
		return false
	}
	key := plainKey{m.file.id, item.ToApp, item.ToFacility, item.Ack, item.File}
	l := p.lists[key]
	if l == nil {
		l = &plainList{delivery: m.file.delivery}
		p.lists[key] = l
	}
	l.ordinals, l.messages, l.ids = append(l.ordinals, int32(item.Ordinal)), append(l.messages, m.message), append(l.ids, id) //nolint:gosec // as many as items
	p.items++
	p.kept++
	return true
}

// addressed reports whether the acknowledgement is certainly for the message's
// own organization.
func (m match) addressed(facility string) bool {
	return facility == "" || facility == m.facility || facility == m.file.org || facility == m.file.iis
}

// accept notes the message as accepted.
func (p *plainItems) accept(m match) bool {
	page := m.message / pageMessages
	bits := m.file.pages[page]
	if bits == nil {
		if p.pages >= maxPlainPages {
			return false
		}
		if m.file.pages == nil {
			m.file.pages = map[int32]*[pageMessages / 8]byte{}
		}
		bits = new([pageMessages / 8]byte)
		m.file.pages[page] = bits
		p.pages++
	}
	n := m.message % pageMessages
	bits[n/8] |= 0x80 >> (n % 8) // PostgreSQL counts bits from the left
	return true
}

var plainColumns = []string{
	"report_id", "first", "last", "to_app", "to_facility", "ack", "told_file", "file_id", "delivery_id",
	"ordinals", "messages", "control_ids",
}

// flush writes the lists.
func (p *plainItems) flush(ctx context.Context) error {
	if len(p.lists) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(p.lists))
	for key, l := range p.lists {
		rows = append(rows, []any{
			p.report, l.ordinals[0], l.ordinals[len(l.ordinals)-1], plainText(key.app), plainText(key.facility),
			plainText(key.ack), ownName(key.told), key.file, l.delivery, l.ordinals, l.messages, l.ids,
		})
	}
	_, err := p.tx.CopyFrom(ctx, pgx.Identifier{"accepted_items"}, plainColumns, pgx.CopyFromRows(rows))
	clear(p.lists)
	p.kept = 0
	return err
}

// finish writes what is left, and the accepted messages.
func (p *plainItems) finish(ctx context.Context) error {
	if err := p.flush(ctx); err != nil {
		return err
	}
	var files, deliveries, bits []string
	var pages []int32
	for _, f := range p.files {
		for page, set := range f.pages {
			files, deliveries = append(files, f.id), append(deliveries, f.delivery)
			pages, bits = append(pages, page), append(bits, hex.EncodeToString(set[:]))
		}
	}
	for _, step := range []string{
		`
		insert into report_plain (file_id, delivery_id, page, messages)
		select file_id, delivery_id, page, ('x' || bits)::bit(1024)
		from unnest(@files::text[], @deliveries::text[], @pages::integer[], @bits::text[]) p (file_id, delivery_id, page, bits)`,
		`analyze report_plain`,
	} {
		if _, err := p.tx.Exec(ctx, step, pgx.NamedArgs{
			"files": orEmpty(files), "deliveries": orEmpty(deliveries), "pages": orEmpty(pages), "bits": orEmpty(bits),
		}); err != nil {
			return err
		}
	}
	return nil
}
