package extract

import (
	"bytes"
	"encoding/json"
	"io"
)

// Spreadsheet reads a spreadsheet in this process and returns its rows.
func Spreadsheet(data []byte) ([]Row, error) {
	var out bytes.Buffer
	if err := spreadsheet(data, &writer{out: &out, left: 1 << 20}); err != nil {
		return nil, err
	}
	var rows []Row
	dec := json.NewDecoder(&out)
	for {
		var r Row
		if err := dec.Decode(&r); err == io.EOF {
			return rows, nil
		} else if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
}

// Layout puts pieces of text on a page into rows. Each piece is left, top and
// length in tens of points.
func Layout(pages [][][3]byte) [][]string {
	var l layout
	var out [][]string
	for _, page := range pages {
		var pieces []piece
		for _, p := range page {
			left, top := float64(p[0])*10, float64(p[1])*10
			pieces = append(pieces, piece{
				left: left, right: left + float64(p[2])*10, top: top, bottom: top - 8, text: string(rune('a' + p[2]%26)),
			})
		}
		out = append(out, l.rows(pieces)...)
	}
	return out
}
