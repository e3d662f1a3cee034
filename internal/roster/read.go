package roster

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"immtrail/registry"
)

// MaxBytes bounds a list: more than any list of practices has.
const MaxBytes = 16 << 20

// Entry is one practice of a list.
type Entry struct {
	// Line is that of its first row.
	Line  int
	ID    string
	cells map[string]string
	sites []siteRow
	list  *List
}

type siteRow struct {
	line  int
	cells map[string]string
}

// List is what was read.
type List struct {
	Entries []*Entry
	// has are the columns that the list has.
	has map[string]bool
}

// Fault is one thing that is wrong, where, and what to do.
type Fault struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Words  string `json:"words"`
}

// String is "line 7, column org_code: four capital letters …".
func (f Fault) String() string {
	if f.Column == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Words)
	}
	return fmt.Sprintf("line %d, column %s: %s", f.Line, f.Column, f.Words)
}

// Read reads a list and returns every fault in it, by line. Faults never repeat
// what a cell holds. The error is that of r, or of kind Invalid where it is no
// list at all.
func Read(r io.Reader) (*List, []Fault, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > MaxBytes {
		return nil, nil, registry.Errorf(registry.Invalid, "list", "it is larger than a list of practices (%d MiB)", MaxBytes>>20)
	}
	text, err := decode(data)
	if err != nil {
		return nil, nil, err
	}
	p := &reading{list: &List{has: map[string]bool{}}, byID: map[string]*Entry{}}
	p.rows(text)
	p.whole()
	slices.SortStableFunc(p.faults, func(a, b Fault) int { return a.Line - b.Line })
	return p.list, p.faults, nil
}

// workbook recognises what is no list, by its first bytes: a person saved the
// workbook itself, or named another file.
func workbook(data []byte) error {
	for _, m := range []struct{ prefix, words string }{
		{"PK\x03\x04", "it is an Excel workbook (.xlsx) or another zip: open it and save it as CSV UTF-8"},
		{"\xd0\xcf\x11\xe0", "it is an old Excel workbook (.xls): open it and save it as CSV UTF-8"},
		{"%PDF", "it is a PDF: export the list as CSV UTF-8"},
	} {
		if bytes.HasPrefix(data, []byte(m.prefix)) {
			return registry.Errorf(registry.Invalid, "list", "%s", m.words)
		}
	}
	return nil
}

// decode makes UTF-8 of what a spreadsheet wrote.
func decode(data []byte) (string, error) {
	if err := workbook(data); err != nil {
		return "", err
	}
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		return string(out), err
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", registry.Errorf(registry.Invalid, "list", "it is no text: export the list as CSV UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf8.Valid(data) {
		return string(data), nil
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(data)
	return string(out), err
}

// separator is what stands between the cells of the first row that is no comment.
func separator(text string) (sep rune, rest string) {
	rest = text
	if head, after, _ := strings.Cut(text, "\n"); len(strings.TrimSpace(head)) == 5 && strings.HasPrefix(strings.ToLower(head), "sep=") {
		return rune(head[4]), "\n" + after // Excel's own hint; the line number stays
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(strings.TrimLeft(line, `"`), "#") {
			continue
		}
		sep = ','
		for _, other := range []rune{';', '\t'} {
			if strings.Count(line, string(other)) > strings.Count(line, string(sep)) {
				sep = other
			}
		}
		return sep, rest
	}
	return ',', rest
}

type reading struct {
	list   *List
	byID   map[string]*Entry
	header []string
	faults []Fault
}

func (p *reading) fault(line int, column, format string, args ...any) {
	p.faults = append(p.faults, Fault{Line: line, Column: column, Words: fmt.Sprintf(format, args...)})
}

func (p *reading) rows(text string) {
	sep, text := separator(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.Comment, r.FieldsPerRecord = sep, '#', -1
	if sep == '#' || sep == '"' || sep == '\r' || sep == '\n' || !utf8.ValidRune(sep) || sep == utf8.RuneError {
		p.fault(1, "", "the cells are separated by something that cannot be: use commas or semicolons")
		return
	}
	for {
		cells, err := r.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad):
			p.fault(bad.Line, "", "the row cannot be read from here on: a quotation mark is open, or stands inside a cell; export the list anew")
			return
		case err != nil:
			p.fault(1, "", "the list cannot be read")
			return
		}
		line, _ := r.FieldPos(0)
		if strings.HasPrefix(strings.TrimSpace(cells[0]), "#") || strings.Join(cells, "") == "" {
			continue
		}
		if p.header == nil {
			if p.head(line, cells); len(p.faults) > 0 {
				return
			}
			continue
		}
		p.row(line, cells)
	}
}

// head takes the names of the columns.
func (p *reading) head(line int, cells []string) {
	p.header = []string{}
	for _, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		known := slices.ContainsFunc(columns, func(c column) bool { return c.name == name })
		switch {
		case name == "":
		case secretName.MatchString(name) && !known:
			p.fault(line, name, "secrets never go through a list: take the column out, put the secret into a file, and name it in the connection (starter connection add)")
		case !known:
			p.fault(line, shown(name), "there is no such column; `starter practice import --template` lists them")
		case p.list.has[name]:
			p.fault(line, name, "stands twice")
		}
		p.header = append(p.header, name)
		p.list.has[name] = true
	}
	for _, c := range columns {
		if c.must && !p.list.has[c.name] {
			p.fault(line, c.name, "is missing: %s", c.says)
		}
	}
}

// shown is a name as a fault may repeat it: short, and of plain letters.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	return name[:min(len(name), 30)]
}

func (p *reading) row(line int, raw []string) {
	if len(raw) > len(p.header) && strings.Join(raw[len(p.header):], "") != "" {
		p.fault(line, "", "has %d cells and the head has %d: put a cell that holds the separator in quotation marks", len(raw), len(p.header))
		return
	}
	cells := map[string]string{}
	for i, name := range p.header {
		if i < len(raw) && name != "" {
			cells[name] = unquote(strings.TrimSpace(raw[i]))
		}
	}
	if cells["practice"] == exampleID {
		p.fault(line, "practice", "is the example of the template: take the row out")
		return
	}
	for _, c := range columns {
		p.cell(line, c, cells[c.name])
	}
	id := cells["practice"]
	if id == "" {
		return // said
	}
	e := p.byID[id]
	if e == nil {
		e = &Entry{Line: line, ID: id, cells: map[string]string{}, list: p.list}
		p.byID[id] = e
		p.list.Entries = append(p.list.Entries, e)
	}
	for _, c := range columns {
		if c.ofSite() || cells[c.name] == "" {
			continue
		}
		if before := e.cells[c.name]; before != "" && before != cells[c.name] {
			p.fault(line, c.name, "is another than in line %d of the same practice: write the same, or leave it empty", e.Line)
		}
		e.cells[c.name] = cells[c.name]
	}
	e.sites = append(e.sites, siteRow{line: line, cells: cells})
}

// cell judges one cell by itself.
func (p *reading) cell(line int, c column, cell string) {
	switch {
	case strings.Contains(cell, "PRIVATE KEY-----"):
		p.fault(line, c.name, "holds a private key: take it out, put it into a file, and name it in the connection; replace the key, since it was in a list")
	case cell == "" && c.must && (c.ofSite() || c.name == "practice"):
		p.fault(line, c.name, "is empty: %s", c.says)
	case cell != "" && c.fault != nil:
		if why := c.fault(cell); why != "" {
			p.fault(line, c.name, "%s", why)
		}
	}
}

// unquote takes off the mark that keeps a cell from being a formula.
func unquote(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && rest != "" && strings.ContainsRune("=+-@ ", rune(rest[0])) {
		return rest
	}
	return cell
}

// whole judges what takes more than one cell.
func (p *reading) whole() {
	if p.header == nil && len(p.faults) == 0 {
		p.fault(1, "", "there is no head: `starter practice import --template` writes one")
	}
	orgs := map[string]*Entry{}
	for _, e := range p.list.Entries {
		for _, c := range columns {
			if c.must && !c.ofSite() && e.cells[c.name] == "" && c.name != "practice" {
				p.fault(e.Line, c.name, "is empty: %s", c.says)
			}
		}
		if other := orgs[e.cells["org_code"]]; other != nil && e.cells["org_code"] != "" {
			p.fault(e.Line, "org_code", "belongs to the practice of line %d already: sites of one organization have one practice", other.Line)
		}
		orgs[e.cells["org_code"]] = e
		p.sites(e)
		p.entry(e)
		p.contacts(e)
	}
}

func (p *reading) sites(e *Entry) {
	ids, facilities := map[string]int{}, map[string]int{}
	for _, s := range e.sites {
		if before := ids[s.cells["site"]]; before > 0 {
			p.fault(s.line, "site", "stands in line %d already", before)
		}
		if s.cells["site"] != "" {
			ids[s.cells["site"]] = s.line
		}
		for _, f := range parts(s.cells["facilities"]) {
			if before := facilities[f]; before > 0 && before != s.line {
				p.fault(s.line, "facilities", "one of them is named in line %d already: it must name one site", before)
			}
			facilities[f] = s.line
		}
		if from, until := s.cells["site_from"], s.cells["site_until"]; from != "" && until != "" && until < from {
			p.fault(s.line, "site_until", "lies before site_from")
		}
	}
}

func (p *reading) entry(e *Entry) {
	from := stageNamed(e.cells[ColumnFrom])
	begins := from == "" || from == registry.PhaseRegistered
	for _, name := range []string{ColumnSince, ColumnHistory, ColumnEvidence, ColumnApprovedBy} {
		if begins && e.cells[name] != "" {
			p.fault(e.Line, name, "goes with a stage in the column from (testing, in-review, production)")
		}
	}
	if begins {
		return
	}
	if e.cells[ColumnSince] == "" {
		p.fault(e.Line, ColumnSince, "is empty: the day on which it reached that stage")
	}
	if from == registry.PhaseProduction && e.cells[ColumnHistory] == "" {
		p.fault(e.Line, ColumnHistory, "is empty: none, due or done")
	}
	if h := e.cells[ColumnHistory]; from != registry.PhaseProduction && h != "" && h != "due" {
		p.fault(e.Line, ColumnHistory, "before production there is no load that was sent: leave it empty")
	}
}

func (p *reading) contacts(e *Entry) {
	for _, prefix := range []string{"practice", "vendor", "coordinator"} {
		if e.cells[prefix+"_email"] == "" && (e.cells[prefix+"_contact"] != "" || e.cells[prefix+"_phone"] != "") {
			p.fault(e.Line, prefix+"_email", "is empty: a contact needs an address")
		}
	}
}
