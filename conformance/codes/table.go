package codes

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
)

// Kind is what a table is about; it is also the name of its file.
type Kind string

// The kinds of tables. The last four are this project's own and are never
// imported.
const (
	CVX      Kind = "cvx"     // vaccines
	MVX      Kind = "mvx"     // manufacturers
	Product  Kind = "product" // which manufacturer makes which vaccine
	NDCSale  Kind = "ndcsale" // drug codes of boxes
	NDCUse   Kind = "ndcuse"  // drug codes of vials and syringes
	CPT      Kind = "cpt"     // procedures
	VIS      Kind = "vis"     // editions of information statements
	VISOfCVX Kind = "cvxvis"  // which statement goes with which vaccine
	VISURL   Kind = "visurl"  // where a statement can be read
	Group    Kind = "group"   // vaccine groups
	Use      Kind = "use"     // when a vaccine was in use, and for which age
	Labeler  Kind = "labeler" // manufacturers behind the first five digits of an NDC
	Lot      Kind = "lot"     // shapes of lot numbers
)

// formatTag begins every table.
const formatTag = "immtrail-codes/1"

// Published are the kinds that CDC publishes, in the order of listings.
func Published() []Kind {
	return []Kind{CVX, MVX, Product, NDCSale, NDCUse, CPT, VIS, VISOfCVX, VISURL, Group}
}

func own() []Kind { return []Kind{Use, Labeler, Lot} }

// Title is what people call a table of the kind.
func (k Kind) Title() string {
	if l, ok := layouts[k]; ok {
		return l.title
	}
	return string(k)
}

// Table is the contents of one table.
type Table struct {
	Kind Kind
	// Edition is the day of the last change that the table itself tells of, or
	// where it tells of none, the day on which it was read.
	Edition hl7.Date
	// Origin is where it came from, in a word or two: a file's name.
	Origin string
	// Rows are values between bars, sorted, each once.
	Rows []string
}

// maxRow bounds a row: the longest of CDC's has some 300 bytes.
const maxRow = 4096

// Arrange sorts the rows and leaves out repeated ones, so that the same facts
// are always the same table.
func (t *Table) Arrange() {
	slices.Sort(t.Rows)
	t.Rows = slices.Compact(t.Rows)
}

// WriteTo writes the table as text.
func (t Table) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|%s\n", formatTag, t.Kind, t.Edition, clean(t.Origin))
	for _, row := range t.Rows {
		b.WriteString(row)
		b.WriteByte('\n')
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// ReadTable reads a table as [Table.WriteTo] wrote it and checks every row. The
// error is of kind [registry.Corrupt] and names the line.
func ReadTable(r io.Reader) (Table, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxRow), maxRow)
	var t Table
	for n := 1; lines.Scan(); n++ {
		row := lines.Text()
		if n == 1 {
			head := strings.Split(row, "|")
			if len(head) != 4 || head[0] != formatTag || layouts[Kind(head[1])].check == nil {
				return Table{}, registry.Errorf(registry.Corrupt, "codes", "line 1: not a code table of this version")
			}
			edition, ok := hl7.ParseDate([]byte(head[2]))
			if !ok {
				return Table{}, registry.Errorf(registry.Corrupt, "codes", "line 1: the edition is no date")
			}
			t = Table{Kind: Kind(head[1]), Edition: edition, Origin: head[3]}
			continue
		}
		if err := layouts[t.Kind].checkRow(row); err != nil {
			return Table{}, registry.Errorf(registry.Corrupt, "codes", "line %d: %w", n, err)
		}
		t.Rows = append(t.Rows, row)
	}
	switch {
	case lines.Err() != nil:
		return Table{}, registry.Errorf(registry.Corrupt, "codes", "after line %d: %w", len(t.Rows)+1, lines.Err())
	case len(t.Rows) == 0:
		return Table{}, registry.Errorf(registry.Corrupt, "codes", "the table is empty")
	}
	return t, nil
}

// Check reports the first row that does not fit the table's layout.
func (t Table) Check() error {
	l := layouts[t.Kind]
	if l.check == nil {
		return registry.Errorf(registry.Invalid, "codes", "there is no table %q", t.Kind)
	}
	for _, row := range t.Rows {
		if err := l.checkRow(row); err != nil {
			return registry.Errorf(registry.Corrupt, "codes", "%s: %w", t.Kind, err)
		}
	}
	return nil
}

// clean takes out of a text what would break a row.
func clean(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '|' || r < ' ' || r == ' ' || r == 0x7f }), " ")
}

// Row joins values to a row; values lose bars, line ends and blanks at their
// ends.
func Row(values ...string) string {
	for i, v := range values {
		values[i] = clean(v)
	}
	return strings.Join(values, "|")
}

// StripNames takes CDC's names out, so that facts alone remain.
func (t *Table) StripNames() {
	columns := layouts[t.Kind].check
	if len(columns) == 0 || columns[len(columns)-1].name != "name" {
		return
	}
	for i, row := range t.Rows {
		t.Rows[i] = row[:strings.LastIndexByte(row, '|')+1]
	}
	t.Arrange()
}
