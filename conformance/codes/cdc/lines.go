package cdc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// readLines reads lines of values between bars.
func (in *intake) readLines(src io.Reader) error {
	lines := bufio.NewScanner(src)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	var columns []string
	n := 0
	for lines.Scan() {
		n++
		raw := lines.Bytes()
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		if bytes.IndexByte(raw, 0) >= 0 {
			return refuse(in.name, n, "there are NUL bytes in it", download)
		}
		values := strings.Split(strings.TrimRight(decode(raw), "\r"), "|")
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
			if len(values[i]) > maxValue {
				return refuse(in.name, n, "a value is longer than 8 kB", download)
			}
		}
		if columns == nil {
			shape, names, err := recogniseLine(values)
			if err != nil {
				return fmt.Errorf("%s: %w", in.name, err)
			}
			if shape == nil {
				if n == 1 && len(values) > 3 && heading(values) {
					continue
				}
				return refuse(in.name, n, "this is none of CDC's tables of codes", download)
			}
			in.shape, columns = shape, names
		}
		if !fits(values, columns) {
			return refuse(in.name, n, fmt.Sprintf("there are %d values where the lines before have %d", len(values), len(columns)), cut)
		}
		rec := record{line: n, fields: make(map[string]string, len(columns))}
		for i, name := range columns {
			rec.fields[name] = values[i]
		}
		if err := in.take(rec); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return refuse(in.name, n+1, "the line is longer than 64 kB, as no line of CDC's is", download)
	case lines.Err() != nil:
		return refuse(in.name, n+1, "it cannot be read any further", download)
	}
	return nil
}

// fits: as many values as columns, or one empty more: some of CDC's lines end
// with a bar.
func fits(values, columns []string) bool {
	return len(values) == len(columns) || (len(values) == len(columns)+1 && values[len(columns)] == "")
}

// heading: names of columns, which hold no digits.
func heading(values []string) bool {
	return !strings.ContainsAny(strings.Join(values, ""), "0123456789")
}

// decode reads a line that is not UTF-8 as Windows-1252, in which CDC's older
// exports write accents and signs.
func decode(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(raw)
	if err != nil {
		return strings.ToValidUTF8(string(raw), "?")
	}
	return string(text)
}
