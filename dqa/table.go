package dqa

import (
	"path"
	"strings"
	"unicode"

	"immtrail/registry"
)

// table is a delimited report while it is read.
type table struct {
	*sink
	sep   byte
	cells []string
	// mapping and columns are in force since the last header; nil before one.
	mapping *Mapping
	columns map[registry.ReportColumn]int
	width   int
}

// row reads one record of the table: a header, an answer, or something that
// nobody understands.
func (t *table) row(line string, cells []string) error {
	if blank(line) {
		return nil
	}
	if t.mayBeHeader(line, cells) && t.header(cells) {
		return nil
	}
	if t.mapping == nil {
		return t.bare(line, cells)
	}
	return t.mapped(line, cells)
}

// mayBeHeader saves looking at every row: after the first header only a row
// without digits or of another width can be one, such as that of the next
// section.
func (t *table) mayBeHeader(line string, cells []string) bool {
	if len(cells) < 2 {
		return false
	}
	return t.mapping == nil || len(cells) != t.width || !strings.ContainsAny(line, "0123456789")
}

// header takes cells for a header if a mapping knows them: at least two
// columns, one of which says something about acceptance.
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
		if cols := matchColumns(m, words); len(cols) > len(bestCol) && telling(cols) {
			best, bestCol = m, cols
		}
	}
	if best == nil || len(bestCol) < 2 {
		return false
	}
	t.mapping, t.columns, t.width = best, bestCol, len(cells)
	if t.sum.Mapping == "" {
		t.sum.Mapping = best.Name
	}
	return true
}

func telling(cols map[registry.ReportColumn]int) bool {
	for _, c := range []registry.ReportColumn{registry.ColumnCode, registry.ColumnMessage, registry.ColumnOutcome} {
		if _, ok := cols[c]; ok {
			return true
		}
	}
	return false
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
				if ok, err := path.Match(pattern, w); err == nil && ok {
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

// headerWords is a header's text as mappings compare it: lower case, runs of
// everything but letters and digits made one blank.
func headerWords(cell string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

func (t *table) cell(cells []string, col registry.ReportColumn) string {
	i, ok := t.columns[col]
	if !ok || i >= len(cells) {
		return ""
	}
	return cells[i]
}

// mapped reads a row whose columns are known.
func (t *table) mapped(line string, cells []string) error {
	var (
		id      = cleanID(t.cell(cells, registry.ColumnControlID))
		code    = t.cell(cells, registry.ColumnCode)
		message = t.cell(cells, registry.ColumnMessage)
		codes   = rowCodes(code, message)
		c       = claim{
			severity: severityWord(t.cell(cells, registry.ColumnSeverity)),
			location: location(t.cell(cells, registry.ColumnLocation)),
		}
		said bool
	)
	c.status, said = statusWord(t.cell(cells, registry.ColumnOutcome))
	if len(codes) == 0 {
		codes = splitCodes(line) // in a column that the mapping does not name
	}
	if len(codes) == 0 && !said && (id == "" || len(cells) < t.width) {
		return t.lost(line)
	}
	if err := t.begin(id, "", t.cell(cells, registry.ColumnFile)); err != nil {
		return err
	}
	switch {
	case len(codes) > 0:
		return t.told(codes, c)
	case code == "" && message == "" && !said && c.severity == "" && t.mapping.BlankAccepted:
		return t.put(registry.ReportItem{Outcome: registry.OutcomeAccepted})
	case c.status == registry.OutcomeAccepted && code == "" && c.severity == "" && rejectingWords(message) == "":
		return t.put(registry.ReportItem{Outcome: registry.OutcomeAccepted, Text: cleanText(message)})
	}
	c.text = strings.TrimSpace(code + " " + message)
	if c.text == "" {
		c.text = line
	}
	return t.claim(c)
}

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
	if len(codes) == 0 {
		return t.lost(line)
	}
	var c claim
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
	if err := t.begin("", "", ""); err != nil {
		return err
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
