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
// that is not certain is left to the statements that settle it (see linkItems):
// they are always right, and slower.
type plainItems struct {
	tx                 pgx.Tx
	report, connection string
	settleAll          bool

	items int // taken so far
	next  int // the ordinal that leaves no gap
	files map[string]*answeredFile
	names map[string]string // of sites and facilities, each once
	pages int
	lists map[plainKey]*plainList
	kept  int // items in lists

	// Of the chunk: where the match of each item is, -1 for none; the control IDs
	// that are asked for, and where the match of each is.
	at      []int32
	asked   []string
	index   map[string]int32
	matches []match
	unknown []string // files that are to be looked up
	apart   int      // chunks for which control IDs are not tried as a range
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
	sites         map[string]int32 // accepted messages of each
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
	site     string
	count    int32 // of messages, in files that went over the connection
	seen     int32 // of messages, in any
}

func newPlainItems(tx pgx.Tx, r Report) *plainItems {
	return &plainItems{
		tx: tx, report: r.ID, connection: r.Connection, next: 1,
		files: map[string]*answeredFile{}, names: map[string]string{}, index: map[string]int32{}, lists: map[plainKey]*plainList{},
	}
}

// saysNoMore reports whether an item accepts the message with its control ID and
// says nothing else.
func saysNoMore(i *registry.ReportItem) bool {
	return i.Outcome == registry.OutcomeAccepted && i.ControlID != "" && i.Code == "" && i.Family == "" &&
		i.Severity == "" && i.Location == "" && i.Text == "" && i.Position == 0 && !i.Line
}

// take keeps the plain items of a chunk and adds the others to rest.
func (p *plainItems) take(ctx context.Context, chunk []registry.ReportItem, rest []matched) ([]matched, error) {
	p.at, p.asked = p.at[:0], p.asked[:0]
	clear(p.index)
	for i := range chunk {
		n := int32(-1)
		if id := plainText(chunk[i].ControlID); id != "" && !chunk[i].Line {
			var known bool
			if n, known = p.index[id]; !known {
				n = int32(len(p.asked)) //nolint:gosec // at most chunkItems
				p.index[id], p.asked = n, append(p.asked, id)
			}
		}
		p.at = append(p.at, n)
	}
	p.matches = append(p.matches[:0], make([]match, len(p.asked))...)
	if len(p.asked) > 0 && !p.settleAll {
		if err := p.match(ctx); err != nil {
			return nil, err
		}
	}
	for i := range chunk {
		item := &chunk[i]
		if item.Ordinal != p.next {
			p.next = -1 // there is a gap: nothing after it is kept so
		} else {
			p.next++
		}
		var m match
		if n := p.at[i]; n >= 0 {
			m = p.matches[n].certain(item.ToFacility)
			if m.file != nil && p.next > 0 && saysNoMore(item) && p.keep(item, p.asked[n], m) {
				continue
			}
		}
		rest = append(rest, matched{*item, m})
	}
	if p.kept < keptPlain {
		return rest, nil
	}
	return rest, p.flush(ctx)
}

// matchRange reads all messages between the first and the last control ID of a
// chunk. EHRs number messages, or put the time into them, so that what was sent
// together stands together; where it does not, that are more than manyMatches.
const matchRange = `
	select control_id, file_id, ordinal, sending_facility, site from messages
	where control_id between (select min(i) from unnest($1::text[]) i) and (select max(i) from unnest($1::text[]) i) and not held
	order by control_id limit $2`

// matchEach looks each of them up. Systems that number each file from 1 have a
// control ID in every file: such an item is not certain, and three messages tell
// that as well as thousands.
const matchEach = `
	select a.control_id, m.file_id, m.ordinal, m.sending_facility, m.site
	from unnest($1::text[]) a (control_id)
	cross join lateral (
		select file_id, ordinal, sending_facility, site from messages
		where control_id = a.control_id and not held limit $2) m`

const (
	manyMessages = 3
	manyMatches  = 3 * chunkItems
	// scattered is for how many chunks each is looked up once a range was in vain.
	scattered = 16
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

func (p *plainItems) matchKnown(ctx context.Context) error {
	if p.apart--; p.apart < 0 {
		if whole, err := p.matchBy(ctx, matchRange, manyMatches); err != nil || whole {
			return err
		}
		p.apart = scattered
	}
	_, err := p.matchBy(ctx, matchEach, manyMessages)
	return err
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

// matchBy fills in the matches. It reports whether fewer than limit were read.
func (p *plainItems) matchBy(ctx context.Context, sql string, limit int) (whole bool, err error) {
	p.unknown = p.unknown[:0]
	clear(p.matches)
	asked := map[string]bool{}
	rows, err := p.tx.Query(ctx, sql, p.asked, limit)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	read := 0
	for rows.Next() {
		read++
		raw := rows.RawValues() // binary, as pgx asks for what it knows
		n, ok := p.index[string(raw[0])]
		if !ok {
			continue // between those that are asked for
		}
		m := &p.matches[n]
		if m.seen++; m.seen >= manyMessages {
			m.count = 2
		}
		file := p.files[string(raw[1])]
		if file == nil {
			if id := string(raw[1]); !asked[id] {
				asked[id], p.unknown = true, append(p.unknown, id)
			}
			m.count = 2 // whatever it is, it is not certain
			continue
		}
		m.found(file, int32(binary.BigEndian.Uint32(raw[2])), p.name(raw[3]), p.name(raw[4])) //nolint:gosec // an integer of PostgreSQL
	}
	return read < limit, rows.Err()
}

// found counts a message if its file went over the connection.
func (m *match) found(file *answeredFile, message int32, facility, site string) {
	if !file.ours {
		return
	}
	if m.count++; file.several {
		m.count++
	}
	m.file, m.message, m.facility, m.site = file, message, facility, site
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

// certain is the match if the item can only be about that message: there is no
// other with its control ID, and the acknowledgement is for its own organization.
func (m match) certain(facility string) match {
	if m.count != 1 || facility != "" && facility != m.facility && facility != m.file.org && facility != m.file.iis {
		return match{}
	}
	return m
}

// answers are the columns of a match; null where there is none.
func (m match) answers() (file, message, delivery, site any) {
	if m.file == nil {
		return nil, nil, nil, nil
	}
	return m.file.id, m.message, m.file.delivery, m.site
}

// keep keeps a plain item.
func (p *plainItems) keep(item *registry.ReportItem, id string, m match) bool {
	if !p.accept(m) {
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

// accept notes the message as accepted.
func (p *plainItems) accept(m match) bool {
	page := m.message / pageMessages
	bits := m.file.pages[page]
	if bits == nil {
		if p.pages >= maxPlainPages {
			return false
		}
		if m.file.pages == nil {
			m.file.pages, m.file.sites = map[int32]*[pageMessages / 8]byte{}, map[string]int32{}
		}
		bits = new([pageMessages / 8]byte)
		m.file.pages[page] = bits
		p.pages++
	}
	n := m.message % pageMessages
	bit := byte(0x80) >> (n % 8) // PostgreSQL counts bits from the left
	if bits[n/8]&bit == 0 {
		m.file.sites[m.site]++
	}
	bits[n/8] |= bit
	return true
}

// name is one string for each name.
func (p *plainItems) name(raw []byte) string {
	name, ok := p.names[string(raw)]
	if !ok {
		if len(p.names) >= maxPlainFiles {
			clear(p.names)
		}
		name = string(raw)
		p.names[name] = name
	}
	return name
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
	var files, deliveries, bits, siteFiles, sites []string
	var pages, counts []int32
	for _, f := range p.files {
		for page, set := range f.pages {
			files, deliveries = append(files, f.id), append(deliveries, f.delivery)
			pages, bits = append(pages, page), append(bits, hex.EncodeToString(set[:]))
		}
		for site, n := range f.sites {
			siteFiles, sites, counts = append(siteFiles, f.id), append(sites, site), append(counts, n)
		}
	}
	args := pgx.NamedArgs{
		"files": orEmpty(files), "deliveries": orEmpty(deliveries), "pages": orEmpty(pages), "bits": orEmpty(bits),
		"site_files": orEmpty(siteFiles), "sites": orEmpty(sites), "counts": orEmpty(counts),
	}
	for _, step := range []string{
		`insert into report_plain (file_id, delivery_id, page, messages)
		select file_id, delivery_id, page, ('x' || bits)::bit(1024)
		from unnest(@files::text[], @deliveries::text[], @pages::integer[], @bits::text[]) p (file_id, delivery_id, page, bits)`,
		`analyze report_plain`,
		`insert into report_sites (file_id, site, messages)
		select * from unnest(@site_files::text[], @sites::text[], @counts::integer[])`,
	} {
		if _, err := p.tx.Exec(ctx, step, args); err != nil {
			return err
		}
	}
	return nil
}
