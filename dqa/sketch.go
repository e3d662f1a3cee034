package dqa

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"immtrail/registry"
)

// A Sketch is what can be told of a report's layout without knowing it: which
// tables it has, what their columns look like and are probably for. It holds
// headers and headings of the report, never what stands in its rows.
type Sketch struct {
	Format Format `json:"format"`
	// Rows is how many were looked at, at most 20,000.
	Rows     int             `json:"rows"`
	Tables   []SketchTable   `json:"tables"`
	Headings []SketchHeading `json:"headings"`
	// Coded is how many rows hold CODE-NNN: they are understood in any layout.
	Coded int `json:"coded"`
}

// SketchTable is a header with the rows below it.
type SketchTable struct {
	Columns []SketchColumn `json:"columns"`
	Rows    int            `json:"rows"`
	// Block says that it is no table but records of "key: value" lines; Columns
	// are keys, and Block is the one that begins each record, as a mapping would
	// write it.
	Block string `json:"block,omitempty"`
}

// SketchColumn is a column of a table.
type SketchColumn struct {
	// Header is the header's text, Pattern how a mapping would write it.
	Header  string `json:"header"`
	Pattern string `json:"pattern"`
	// Looks says in words what most of its cells look like.
	Looks string `json:"looks"`
	// For is what it is probably for; empty: nothing that a mapping names.
	For registry.ReportColumn `json:"for,omitempty"`
}

// SketchHeading is a line above a table that speaks for the rows below it.
type SketchHeading struct {
	// Pattern is the heading as a mapping would write it, without its code.
	Pattern string `json:"pattern"`
	// Code says that it holds a code; Outcome what its words say of the rows.
	Code    bool             `json:"code,omitempty"`
	Outcome registry.Outcome `json:"outcome,omitempty"`
	// File says that it names a file of ours.
	File bool `json:"file,omitempty"`
}

// Bounds of a sketch.
const (
	sketchRows     = 20_000
	sketchTables   = 20
	sketchHeadings = 50
)

var errEnough = errors.New("enough was seen")

// Look sketches the layout of a report. Errors are those of [Read]; a report
// of acknowledgements has no layout to learn and is of kind Invalid here.
func Look(ctx context.Context, src io.Reader, opts Options) (Sketch, error) {
	var d draft
	opts.look = d.row
	opts.Verdict = nil
	d.known = opts.Mappings
	sum, err := Read(ctx, src, opts, func(registry.ReportItem) error { return nil })
	d.sketch.Format = sum.Format
	if sum.Format == FormatACK {
		return d.sketch, registry.Errorf(registry.Invalid, "report", "it is made of HL7 acknowledgements, which need no mapping")
	}
	// Read finds nothing in a report that is only looked at; that is no fault.
	if err != nil && !errors.Is(err, errEnough) && d.sketch.Rows == 0 {
		return d.sketch, err
	}
	return d.finish(), nil
}

// draft is a sketch in the making.
type draft struct {
	sketch Sketch
	known  []Mapping
	sheet  int
	open   *draftTable
	tables []*draftTable
	// heading is the last line that may be one; a table below it makes it so.
	heading string
	told    map[string]bool
	keys    keyed
}

type draftTable struct {
	header []string
	shapes [][shapes]int
	rows   int
}

func (d *draft) row(sheet int, line string, cells []string) error {
	if blank(line) {
		return nil
	}
	if d.sketch.Rows++; d.sketch.Rows > sketchRows {
		d.sketch.Rows--
		return errEnough
	}
	if sheet != d.sheet {
		d.sheet, d.open = sheet, nil
	}
	if len(splitCodes(line)) > 0 {
		d.sketch.Coded++
	}
	filled := 0
	for _, c := range cells {
		if c != "" {
			filled++
		}
	}
	d.keys.add(line)
	switch {
	case filled <= 2 && d.fileHeading(line, filled):
	case filled <= 1:
		d.heading = line
	case d.open != nil && d.open.rows == 0 && units(cells):
	case d.open != nil && sameHeader(d.open.header, cells):
		d.takeHeading()
	case d.open != nil && d.open.rows == 0 && len(cells) == len(d.open.header) && d.knownTitles(cells):
		// A header of two lines: the last one stands above the rows.
		d.open.header = append([]string(nil), cells...)
	case titles(cells) && (d.open == nil || len(cells) != len(d.open.header) || d.open.rows > 0):
		d.takeHeading()
		d.begin(cells)
	case sumUp(cells):
	case d.open != nil:
		d.open.add(cells)
	}
	return nil
}

func sameHeader(header, cells []string) bool {
	if len(header) != len(cells) {
		return false
	}
	for i := range header {
		if header[i] != cells[i] {
			return false
		}
	}
	return true
}

// knownTitles reports whether some layout knows two of the cells as titles. A
// first row of plain words, which may be a patient's name, is none.
func (d *draft) knownTitles(cells []string) bool {
	words := make([]string, len(cells))
	for i, c := range cells {
		words[i] = headerWords(c)
	}
	for i := range d.known {
		if len(matchColumns(&d.known[i], words)) >= 2 {
			return true
		}
	}
	return false
}

// sumUp reports whether cells are a line that counts, such as "Accepted: 12".
func sumUp(cells []string) bool {
	return len(cells) > 0 && strings.HasSuffix(cells[0], ":")
}

// begin opens a table, or goes on with one of the same header.
func (d *draft) begin(cells []string) {
	for _, t := range d.tables {
		if sameHeader(t.header, cells) {
			d.open = t
			return
		}
	}
	d.open = &draftTable{header: append([]string(nil), cells...), shapes: make([][shapes]int, len(cells))}
	if len(d.tables) < sketchTables {
		d.tables = append(d.tables, d.open)
	}
}

func (t *draftTable) add(cells []string) {
	t.rows++
	for i := range min(len(cells), len(t.shapes)) {
		t.shapes[i][shapeOf(cells[i])]++
	}
}

// takeHeading keeps the line above a table if it says something.
func (d *draft) takeHeading() {
	line := d.heading
	d.heading = ""
	if line == "" || len(d.sketch.Headings) >= sketchHeadings {
		return
	}
	h := SketchHeading{Code: len(splitCodes(line)) > 0}
	h.Pattern = headerWords(codeForm.ReplaceAllString(line, " "))
	if !h.Code {
		h.Outcome = headingOutcome(line)
	}
	if h.Code {
		h.Pattern = "*" // the words of a code's heading change with the code
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	if h.Pattern == "" || (!h.Code && h.Outcome == "") || d.told[h.Pattern] {
		return
	}
	d.told[h.Pattern] = true
	d.sketch.Headings = append(d.sketch.Headings, h)
}

// fileHeading keeps the form of a line that only names a file of ours.
func (d *draft) fileHeading(line string, filled int) bool {
	file := fileIn(line)
	if file == "" || len(splitCodes(line)) > 0 || filled > 1 && !strings.Contains(line, ":") {
		return false
	}
	before, after, _ := strings.Cut(line, file)
	pattern := strings.TrimSpace(headerWords(before) + " *")
	if len(strings.Fields(before)) > 6 || len(strings.Fields(after)) > 6 || len(d.sketch.Headings) >= sketchHeadings {
		return false
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	if !d.told["file "+pattern] {
		d.told["file "+pattern] = true
		d.sketch.Headings = append(d.sketch.Headings, SketchHeading{Pattern: pattern, File: true})
	}
	return true
}

// headingOutcome is what the words of a heading say of the rows below it: a
// family of codes, somebody who was rejected, or acceptance.
func headingOutcome(line string) registry.Outcome {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if o := registry.FamilyOf(word + "-1").Outcome(); o.Bad() {
			return o
		}
	}
	if o := rejectingWords(line); o != "" {
		return o
	}
	o, _ := statusWord(line)
	return o
}

// titles reports whether cells can be a header: words without digits or codes,
// none of them long, most of the cells filled.
func titles(cells []string) bool {
	filled := 0
	for _, c := range cells {
		if c == "" {
			continue
		}
		filled++
		if len(c) > 60 || !strings.ContainsFunc(c, unicode.IsLetter) || len(splitCodes(c)) > 0 {
			return false
		}
		if strings.ContainsAny(c, "0123456789") && !titleNumber.MatchString(strings.ToUpper(c)) {
			return false
		}
		if _, status := statusWord(c); status && len(strings.Fields(c)) == 1 && !strings.EqualFold(c, "error") {
			return false // "Accepted" is a cell, "Error Code" a title
		}
	}
	return filled >= 2 && 2*filled > len(cells)
}

// titleNumber finds the digits that titles have: MSH-10, PID 3.1, HL7.
var titleNumber = regexp.MustCompile(`\b([A-Z][A-Z0-9]{2}[-. ]?\d|HL7|ADDRESS ?\d|LINE ?\d)`)

func (d *draft) finish() Sketch {
	if t, headings, ok := d.keys.finish(d.sketch.Rows, d.known); ok {
		d.sketch.Tables, d.sketch.Headings = []SketchTable{t}, headings
		return d.sketch
	}
	for _, t := range d.tables {
		if t.rows > 0 {
			d.sketch.Tables = append(d.sketch.Tables, t.finish(d.known))
			d.count(t, d.sketch.Tables[len(d.sketch.Tables)-1].Columns)
		}
	}
	return d.sketch
}

// count takes a column of numbers for the messages' positions in their file, where
// headings name files and no column names a message.
func (d *draft) count(t *draftTable, columns []SketchColumn) {
	named := slices.ContainsFunc(columns, func(c SketchColumn) bool {
		return c.For == registry.ColumnControlID || c.For == registry.ColumnPosition
	})
	if named || !slices.ContainsFunc(d.sketch.Headings, func(h SketchHeading) bool { return h.File }) {
		return
	}
	for i := range columns {
		if columns[i].For == "" && columns[i].Pattern != "" && share(t.shapes[i], shapeNumber) >= 90 {
			columns[i].For = registry.ColumnPosition
			return
		}
	}
}

// finish guesses what columns are for: by the words of known mappings first,
// then by what their cells look like.
func (t *draftTable) finish(known []Mapping) SketchTable {
	out := SketchTable{Rows: t.rows}
	words := make([]string, len(t.header))
	for i, h := range t.header {
		words[i] = headerWords(h)
		out.Columns = append(out.Columns, SketchColumn{
			Header: h, Pattern: words[i], Looks: looks(t.shapes[i]),
		})
	}
	taken := map[registry.ReportColumn]bool{}
	best := map[registry.ReportColumn]int{}
	for i := range known {
		if cols := matchColumns(&known[i], words); len(cols) > len(best) {
			best = cols
		}
	}
	t.identify(best, known, words)
	for col, i := range best {
		out.Columns[i].For, taken[col] = col, true
	}
	for _, guess := range guesses {
		for i := range out.Columns {
			if out.Columns[i].For == "" && !taken[guess.col] && words[i] != "" && share(t.shapes[i], guess.shape) >= guess.least {
				out.Columns[i].For, taken[guess.col] = guess.col, true
			}
		}
	}
	return out
}

// identify mends what the words of a header alone get wrong: a column called
// "Message" that holds identifiers names the message and is not its text.
func (t *draftTable) identify(cols map[registry.ReportColumn]int, known []Mapping, words []string) {
	at, is := cols[registry.ColumnMessage]
	if _, named := cols[registry.ColumnControlID]; !is || named || share(t.shapes[at], shapeToken) < 80 {
		return
	}
	delete(cols, registry.ColumnMessage)
	cols[registry.ColumnControlID] = at
	free := append([]string(nil), words...)
	for _, i := range cols {
		free[i] = ""
	}
	for i := range known {
		if text, ok := matchColumns(&known[i], free)[registry.ColumnMessage]; ok {
			cols[registry.ColumnMessage] = text
			return
		}
	}
}

// guesses are tried in this order; least is the share of filled cells, in per
// cent, that must have the shape.
var guesses = []struct {
	col   registry.ReportColumn
	shape shape
	least int
}{
	{registry.ColumnCode, shapeCode, 60},
	{registry.ColumnMessage, shapeCodedText, 30},
	{registry.ColumnSeverity, shapeSeverity, 90},
	{registry.ColumnOutcome, shapeStatus, 80},
	{registry.ColumnLocation, shapePlace, 80},
	{registry.ColumnFile, shapeFile, 80},
	{registry.ColumnControlID, shapeToken, 80},
	{registry.ColumnMessage, shapeSentence, 60},
}

// shape is what a cell looks like.
type shape int

const (
	shapeEmpty shape = iota
	shapeCode
	shapeCodedText
	shapeSeverity
	shapeStatus
	shapePlace
	shapeFile
	shapeDate
	shapeNumber
	shapeToken
	shapeSentence
	shapeWords
	shapes // how many there are
)

var shapeWordsOf = [shapes]string{
	"empty", "codes", "codes with text", "severities", "acceptance", "places in a message", "file names", "dates",
	"numbers", "identifiers", "sentences", "words or names",
}

var (
	wholeCode = regexp.MustCompile(`(?i)^([A-Z]{3}-\d{1,6}[,; ]*)+$`)
	dateForm  = regexp.MustCompile(`^(\d{8}(\d{4,6})?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d.*)?)$`)
	fileForm  = regexp.MustCompile(`(?i)^[\w.-]+\.(hl7|txt|dat|csv)$`)
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9][\w.:/-]{2,}$`)
)

func shapeOf(cell string) shape {
	switch words := len(strings.Fields(cell)); {
	case words == 0:
		return shapeEmpty
	case location(cell) == "" && wholeCode.MatchString(cell):
		return shapeCode
	case len(splitCodes(cell)) > 0:
		return shapeCodedText
	case words == 1 && severityWord(cell) != "":
		return shapeSeverity
	case location(cell) != "":
		return shapePlace
	case dateForm.MatchString(cell):
		return shapeDate
	case fileForm.MatchString(cell):
		return shapeFile
	case words >= 6:
		return shapeSentence
	default:
		return fewWords(cell)
	}
}

func fewWords(cell string) shape {
	if _, ok := statusWord(cell); ok {
		return shapeStatus
	}
	letters := strings.ContainsFunc(cell, unicode.IsLetter)
	digits := strings.ContainsFunc(cell, unicode.IsDigit)
	switch {
	case digits && !letters && len(cell) < 6:
		return shapeNumber
	case digits && tokenForm.MatchString(cell):
		return shapeToken
	}
	return shapeWords
}

// share is how many of the filled cells have the shape, in per cent.
func share(counts [shapes]int, s shape) int {
	filled := -counts[shapeEmpty]
	for _, n := range counts {
		filled += n
	}
	if filled == 0 {
		return 0
	}
	return 100 * counts[s] / filled
}

// looks names the commonest shape of the filled cells.
func looks(counts [shapes]int) string {
	best := shapeEmpty
	for s := shapeEmpty + 1; s < shapes; s++ {
		if counts[s] > counts[best] || best == shapeEmpty && counts[s] > 0 {
			best = s
		}
	}
	return shapeWordsOf[best]
}
