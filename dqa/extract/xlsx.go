package extract

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"

	"github.com/xuri/excelize/v2"
)

// Limits of a spreadsheet. Parts above unzipped would be spilled to the
// temporary folder by the library, in clear.
const (
	unzipped   = 64 << 20
	maxStrings = 500_000
	maxParts   = 2_000
)

// spreadsheet writes the rows of all sheets as they are shown; of a formula,
// the value that was last worked out.
func spreadsheet(data []byte, w *writer) error {
	if err := weigh(data); err != nil {
		return err
	}
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		UnzipSizeLimit: unzipped, UnzipXMLSizeLimit: unzipped,
	})
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // held in memory only
	for i, name := range f.GetSheetList() {
		if err := sheet(f, name, i+1, w); err != nil {
			return err
		}
	}
	return nil
}

func sheet(f *excelize.File, name string, n int, w *writer) error {
	rows, err := f.Rows(name)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // held in memory only
	for rows.Next() {
		cells, err := rows.Columns()
		if err != nil {
			return err
		}
		if err := w.row(n, cells); err != nil {
			return err
		}
	}
	return rows.Error()
}

// weigh refuses a bomb before the library holds any of it: too many parts, too
// much when unpacked (counted, not believed), too many shared strings.
func weigh(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	if len(z.File) > maxParts {
		return errTooMuchText
	}
	left := int64(unzipped)
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			return err
		}
		var count int
		var n int64
		if path.Base(part.Name) == "sharedStrings.xml" {
			n, count, err = countStrings(io.LimitReader(r, left+1))
		} else {
			n, err = io.Copy(io.Discard, io.LimitReader(r, left+1))
		}
		_ = r.Close() // only read from
		left -= n
		if left < 0 || count > maxStrings {
			return errTooMuchText
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// countStrings counts bytes and entries of a table of shared strings.
func countStrings(r io.Reader) (n int64, count int, err error) {
	buf := make([]byte, 64<<10)
	keep := 0
	for {
		got, err := r.Read(buf[keep:])
		n += int64(got)
		part := buf[:keep+got]
		count += bytes.Count(part, []byte("<si"))
		keep = copy(buf, part[max(0, len(part)-2):]) // an entry may begin here
		if errors.Is(err, io.EOF) {
			return n, count, nil
		}
		if err != nil {
			return n, count, err
		}
	}
}
