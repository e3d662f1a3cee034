package dqa

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"immtrail/registry"
)

// table is a report of rows while it is read: delimited text, a sheet, the
// lines of a page.
type table struct {
	*sink
	sep   byte
	cells []string
	lines []linePattern
	// said are the texts of the row that is read, by column.
	said fields
	// mapping and columns are in force since the last header; nil before one.
	mapping *Mapping
	columns map[registry.ReportColumn]int
	width   int
	// beyond says that the row has more cells than the header.
	beyond bool
	// section is the part of the report that the row stands in; nil outside.
	section *section
	sheet   int
	// file is the file of ours that a heading named last.
	file string
	// blocks says that some layout tells records in blocks of lines; block is the
	// open one, and gap that a blank line came since the last line.
	blocks bool
	block  *block
	gap    bool
	// under says that the last row was a header.
	under bool
}

func (s *sink) newTable() *table {
	t := &table{sink: s, lines: linePatterns(s.opts.Mappings)}
	for i := range s.opts.Mappings {
		t.blocks = t.blocks || s.opts.Mappings[i].Block != ""
	}
	return t
}

// fresh forgets the header and the section: another sheet begins.
func (t *table) fresh() error {
	if err := t.endBlock(); err != nil {
		return err
	}
	t.file, t.under = "", false
	t.mapping, t.columns, t.width, t.section = nil, nil, 0, nil
	t.sheet++
	return t.end()
}

// row reads one record of the table: a header, a heading, an answer, or
// something that nobody understands.
func (t *table) row(line string, cells []string) error {
	if t.opts.look != nil {
		return t.opts.look(t.sheet, line, cells)
	}
	if blank(line) {
		t.gap = true
		return nil
	}
	if t.ignored(line) {
		return nil
	}
	if done, err := t.blockLine(line, cells); done || err != nil {
		return err
	}
	under := t.under
	if t.under = false; under && units(cells) {
		return nil
	}
	if t.mayBeHeader(line, cells) && t.header(cells) {
		t.under = true
		return nil
	}
	if t.heading(line, cells) {
		return t.end()
	}
	if t.mapping != nil && sumUp(cells) && len(splitCodes(line)) == 0 {
		return t.lost(line) // a total below the table is no record
	}
	if t.mapping != nil && len(cells) > 1 {
		t.beyond = len(cells) > t.width
		return t.mapped(line, t.fields(cells), len(cells) >= t.width)
	}
	if f, ok := t.lineFields(line); ok {
		return t.mapped(line, f, true)
	}
	if t.mapping != nil && (t.width <= 1 || !strings.ContainsRune(line, ' ')) {
		return t.mapped(line, t.fields(cells), false)
	}
	return t.bare(line, cells) // a sentence among the rows names no message
}

// units reports whether the line below a header only says in brackets what its
// columns are measured or written in.
func units(cells []string) bool {
	filled := 0
	for _, c := range cells {
		if c == "" {
			continue
		}
		filled++
		if !unitForm.MatchString(c) {
			return false
		}
	}
	return filled > 0
}

var unitForm = regexp.MustCompile(`^(\([^()]{1,40}\)|\[[^\[\]]{1,40}\])$`)

// mayBeHeader saves looking at every row: after the first header only a row
// without digits or of another width can be one, such as that of the next
// section.
func (t *table) mayBeHeader(line string, cells []string) bool {
	if len(cells) < 2 {
		return false
	}
	const longTitle = 200 // comparing long texts with patterns takes long
	for _, c := range cells {
		if len(c) > longTitle {
			return false
		}
	}
	return t.mapping == nil || len(cells) != t.width || !strings.ContainsAny(line, "0123456789")
}

// header takes cells for a header if a mapping knows them: at least two
// columns, one of which says something about acceptance (in a section that
// says it itself, one that names the message will do).
func (t *table) header(cells []string) bool {
	words := make([]string, len(cells))
	for i, c := range cells {
		words[i] = headerWords(c)
	}
	var (
		best    *Mapping
		bestCol map[registry.ReportColumn]int
	)
	for i := range t.opts.Mappings {
		m := &t.opts.Mappings[i]
		if cols := matchColumns(m, words); len(cols) > len(bestCol) && t.telling(cols) {
			best, bestCol = m, cols
		}
	}
	if best == nil || (len(bestCol) < 2 && t.section == nil) {
		return false
	}
	t.mapping, t.columns, t.width = best, bestCol, len(cells)
	t.used(best)
	return true
}

// used notes the first mapping that fitted.
func (t *table) used(m *Mapping) {
	if t.sum.Mapping == "" {
		t.sum.Mapping = m.Name
	}
}

func (t *table) telling(cols map[registry.ReportColumn]int) bool {
	for _, c := range []registry.ReportColumn{registry.ColumnCode, registry.ColumnMessage, registry.ColumnOutcome} {
		if _, ok := cols[c]; ok {
			return true
		}
	}
	_, addressed := cols[registry.ColumnControlID]
	_, placed := cols[registry.ColumnPosition]
	return t.section != nil && (addressed || placed)
}

// matchColumns finds the columns of m in a header. Earlier patterns go first,
// and a cell is one column only.
func matchColumns(m *Mapping, words []string) map[registry.ReportColumn]int {
	cols := map[registry.ReportColumn]int{}
	taken := make([]bool, len(words))
	for _, col := range registry.ReportColumns() {
		for _, pattern := range m.Columns[col] {
			for i, w := range words {
				if taken[i] || w == "" {
					continue
				}
				if matches(pattern, w) {
					cols[col], taken[i] = i, true
					break
				}
			}
			if _, found := cols[col]; found {
				break
			}
		}
	}
	return cols
}

func matches(pattern, words string) bool {
	ok, err := path.Match(pattern, words)
	return ok && err == nil // a pattern that is none was refused with the profile
}

// headerWords is a header's text as mappings compare it: lower case, runs of
// everything but letters and digits made one blank.
func headerWords(cell string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// fields are a row's texts by what they say.
type fields map[registry.ReportColumn]string

// fields are good until the next row.
func (t *table) fields(cells []string) fields {
	if t.said == nil {
		t.said = fields{}
	}
	f := t.said
	clear(f)
	for col, i := range t.columns {
		if i < len(cells) {
			f[col] = cells[i]
		}
	}
	return f
}

func (f fields) address() address {
	at := address{id: cleanID(f[registry.ColumnControlID]), file: f[registry.ColumnFile]}
	if n, err := strconv.Atoi(f[registry.ColumnPosition]); err == nil && n > 0 {
		at.position = n
	}
	return at
}

// addressIn is the address of a row below a heading that names a file.
func (f fields) addressIn(file string) address {
	at := f.address()
	if at.file == "" {
		at.file = file
	}
	return at
}

// named reports whether a message of ours is meant, whichever it is.
func (a address) named() bool { return a.id != "" || a.position > 0 }

// mapped reads a row whose texts are known; whole says that it has all columns
// of the header.
func (t *table) mapped(line string, f fields, whole bool) error {
	var (
		at      = f.addressIn(t.file)
		code    = f[registry.ColumnCode]
		message = f[registry.ColumnMessage]
		codes   = rowCodes(code, message)
		c       = claim{
			severity: severityWord(f[registry.ColumnSeverity]),
			location: location(f[registry.ColumnLocation]),
		}
		said bool
	)
	c.status, said = statusWord(f[registry.ColumnOutcome])
	if len(codes) == 0 {
		codes = splitCodes(line) // in a column that the mapping does not name
	}
	if len(codes) == 0 && !said && code == "" && c.severity == "" {
		c.status, said = taken(message)
	}
	if len(codes) == 0 && !said && (whole || at.named()) {
		codes, c.status, said = t.section.says(line)
	}
	if len(codes) == 0 && !said && (!at.named() || !whole) {
		return t.lost(line)
	}
	if err := t.begin(at, ""); err != nil {
		return err
	}
	switch {
	case len(codes) > 0:
		return t.told(codes, c)
	case code == "" && message == "" && !said && c.severity == "" && t.blankAccepted():
		return t.put(registry.ReportItem{Outcome: registry.OutcomeAccepted})
	case c.status == registry.OutcomeAccepted && code == "" && c.severity == "" && rejectingWords(message) == "":
		return t.put(registry.ReportItem{Outcome: registry.OutcomeAccepted, Text: cleanText(message)})
	}
	c.text = strings.TrimSpace(code + " " + message)
	if c.text == "" {
		c.text = line
	}
	if t.beyond {
		c.line = line // cells that the header does not name
	}
	return t.claim(c)
}

// taken reads the few words that stand in place of a message where there is
// nothing to say: "ok", "no errors".
func taken(message string) (o registry.Outcome, said bool) {
	const few = 3
	if o, said = statusWord(message); said && o == registry.OutcomeAccepted && len(strings.Fields(message)) <= few {
		return o, true
	}
	return "", false
}

func (t *table) blankAccepted() bool { return t.mapping != nil && t.mapping.BlankAccepted }

// rowCodes are the codes of a row: those of the message with their sentences,
// and those of the code column that the message does not repeat.
func rowCodes(code, message string) []told {
	out := splitCodes(message)
	for _, c := range splitCodes(code) {
		repeated := false
		for _, o := range out {
			repeated = repeated || o.code == c.code
		}
		if !repeated {
			if c.text == "" {
				c.text = message
			}
			out = append(out, c)
		}
	}
	return out
}

// bare reads a row without a header: by its codes alone. It cannot tell which
// message of ours is meant.
func (t *table) bare(line string, cells []string) error {
	codes := splitCodes(line)
	var c claim
	if len(codes) == 0 && len(cells) > 1 {
		codes, c.status, _ = t.section.says(line)
	}
	if len(codes) == 0 && c.status == "" {
		return t.lost(line)
	}
	for _, cell := range cells {
		if c.location == "" {
			c.location = location(cell)
		}
		if c.severity == "" && len(cell) <= 16 {
			c.severity = severityWord(cell)
		}
	}
	if len(codes) == 1 {
		c.severity = orSeverity(c.severity, severityOfText(codes[0].text))
		codes[0].text = line // its other cells may say whose record it is
	}
	if err := t.begin(address{}, ""); err != nil {
		return err
	}
	if len(codes) == 0 {
		return t.put(registry.ReportItem{Outcome: c.status, Text: cleanText(line)})
	}
	return t.told(codes, c)
}

// lost tells a row that nobody understands. It ends the open record, so that
// rows are never kept in memory.
func (t *table) lost(line string) error {
	if err := t.end(); err != nil {
		return err
	}
	return t.stray(line)
}
