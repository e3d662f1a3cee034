package cdc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"immtrail/conformance/codes"
	"immtrail/hl7"
	"immtrail/registry"
)

// Bounds of a file. CDC's largest has some 200 kB, 600 records and values of
// 700 bytes.
const (
	maxBytes   = 8 << 20
	maxRecords = 200_000
	maxValue   = 8 << 10
	maxLine    = 64 << 10
)

// ErrNotNeeded marks a file of CDC's that the checker has no use for; the error
// around it says which.
var ErrNotNeeded = errors.New("not needed")

const (
	download = "Download it again from CDC's page of code sets (www2a.cdc.gov/vaccines/iis/iisstandards), as XML or as text"
	cut      = "It seems to be cut short: download it again"
)

// Read reads one of CDC's files. Name is what errors call it; today is the
// edition of a table that tells of no day itself. The error is of kind
// [registry.Corrupt] and names file, line and remedy, or wraps [ErrNotNeeded],
// or is what r said.
func Read(name string, r io.Reader, today hl7.Date) (codes.Table, error) {
	limited := &limit{r: r, left: maxBytes}
	src := bufio.NewReader(transform.NewReader(limited, unicode.BOMOverride(transform.Nop)))
	head, err := src.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return codes.Table{}, limited.explain(name, err)
	}
	if why := strange(head); why != "" {
		return codes.Table{}, refuse(name, 1, why, download)
	}
	in := &intake{name: name, table: codes.Table{Origin: name}}
	if bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<")) {
		err = in.readXML(src)
	} else {
		err = in.readLines(src)
	}
	if limited.err != nil {
		return codes.Table{}, limited.explain(name, limited.err)
	}
	if err != nil {
		return codes.Table{}, err
	}
	return in.finish(today)
}

// strange recognises what is no text at all, or a text of another sort.
func strange(head []byte) string {
	trimmed := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n"))
	switch {
	case len(trimmed) == 0:
		return "the file is empty"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "this is a ZIP archive; unpack it first"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "this is compressed (gzip); unpack it first"
	case bytes.HasPrefix(head, []byte("%PDF")), bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return "this is a PDF or an old Excel file"
	case bytes.HasPrefix(trimmed, []byte("<!doctype html")), bytes.HasPrefix(trimmed, []byte("<html")):
		return "this is a web page and not the file behind its link"
	case bytes.IndexByte(head, 0) >= 0:
		return "this is no text, or UTF-16 without its byte order mark"
	}
	return ""
}

func refuse(name string, line int, why, remedy string) error {
	return registry.Errorf(registry.Corrupt, "import codes", "%s, line %d: %s. %s", name, line, why, remedy)
}

// intake is the table in the making.
type intake struct {
	name    string
	shape   *shape
	table   codes.Table
	records int
	blank   int // records without the code that would make them a row
}

// take turns a record into a row.
func (in *intake) take(rec record) error {
	if in.records++; in.records > maxRecords {
		return refuse(in.name, rec.line, "there are more than 200,000 records, which no table of CDC has", download)
	}
	row, day, err := in.shape.row(rec)
	switch {
	case errors.Is(err, errBlank):
		in.blank++
		return nil
	case err != nil:
		return refuse(in.name, rec.line, err.Error(), "Correct the line or d"+download[1:])
	}
	in.table.Rows = append(in.table.Rows, row)
	in.table.Edition = max(in.table.Edition, day)
	return nil
}

func (in *intake) finish(today hl7.Date) (codes.Table, error) {
	if in.shape == nil || len(in.table.Rows) == 0 {
		return codes.Table{}, refuse(in.name, 1, "there is no record in it", download)
	}
	in.table.Kind = in.shape.kind
	if in.table.Edition == 0 {
		in.table.Edition = today
	}
	in.table.Arrange()
	if err := in.table.Check(); err != nil {
		return codes.Table{}, refuse(in.name, 1, fmt.Sprintf("a record is not as CDC writes it (%v)", err), download)
	}
	return in.table, nil
}

// limit refuses more than left bytes.
type limit struct {
	r    io.Reader
	left int64
	err  error
}

var errTooLarge = errors.New("larger than 8 MiB")

func (l *limit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.err = errTooLarge
		return 0, l.err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

func (l *limit) explain(name string, err error) error {
	if errors.Is(l.err, errTooLarge) {
		return refuse(name, 1, "it is larger than 8 MiB, which no table of CDC is", download)
	}
	return registry.Errorf(registry.KindOf(err), "import codes", "%s: %w", name, err)
}
