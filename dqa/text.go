package dqa

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// spanMax is over how many lines a quoted field may go. A quote that is never
// closed must not swallow the rest of the report.
const spanMax = 20

// readText reads delimited text of any separator, quoting and encoding.
func (s *sink) readText(src io.Reader, head []byte) error {
	if bytes.HasPrefix(head, bomLE) || bytes.HasPrefix(head, bomBE) {
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
		src = transform.NewReader(src, utf16.NewDecoder())
		if decoded, err := utf16.NewDecoder().Bytes(head); err == nil {
			head = decoded
		}
	}
	t := s.newTable()
	t.sep = detectSeparator(head)
	lines := newLines(src)
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		line, cells := t.record(lines, line)
		if err := t.row(line, cells); err != nil {
			return err
		}
	}
	if lines.err != nil {
		return sourceError(lines.err)
	}
	return s.end()
}

// lines hands out lines of text, and takes back those that were looked at in
// vain.
type lines struct {
	scan *bufio.Scanner
	back []string
	err  error
}

func newLines(src io.Reader) *lines {
	sc := bufio.NewScanner(src)
	sc.Buffer(make([]byte, 0, headLen), lineMax+2)
	sc.Split(splitLine)
	return &lines{scan: sc}
}

// splitLine ends lines at CR, LF or both; a line between CR and LF is blank and
// is passed over by the reader.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (l *lines) next() (string, bool) {
	if len(l.back) > 0 {
		line := l.back[0]
		l.back = l.back[1:]
		return line, true
	}
	for l.scan.Scan() {
		b := bytes.TrimPrefix(l.scan.Bytes(), bomUTF8)
		if len(b) > 0 {
			return text(b), true
		}
	}
	l.err = l.scan.Err()
	return "", false
}

// record reads the cells of line, going on over further lines while a quoted
// field is open. Where it is never closed, the quote is taken for a plain
// character and the lines are read one by one. It returns all that it read.
func (t *table) record(l *lines, line string) (joined string, cells []string) {
	cells, open := splitCells(line, t.sep, t.cells[:0])
	if !open {
		t.cells = cells
		return line, cells
	}
	joined = line
	var taken []string
	for open && len(taken) < spanMax && len(joined) < lineMax {
		more, ok := l.next()
		if !ok {
			break
		}
		taken = append(taken, more)
		joined += "\n" + more
		cells, open = splitCells(joined, t.sep, t.cells[:0])
	}
	if open {
		l.back = append(taken, l.back...)
		joined = line
		cells = strings.Split(line, string(t.sep))
	}
	t.cells = cells
	return joined, cells
}

// splitCells splits a line at sep. A field that begins with a quote goes to
// the quote that closes it, with "" for a quote inside; open reports that none
// does.
func splitCells(line string, sep byte, into []string) (cells []string, open bool) {
	for {
		line = strings.TrimLeft(line, " ")
		if !strings.HasPrefix(line, `"`) {
			end := strings.IndexByte(line, sep)
			if end < 0 {
				return append(into, strings.TrimSpace(line)), false
			}
			into = append(into, strings.TrimSpace(line[:end]))
			line = line[end+1:]
			continue
		}
		cell, rest, closed := quoted(line[1:])
		if !closed {
			return into, true
		}
		end := strings.IndexByte(rest, sep)
		if end < 0 {
			return append(into, strings.TrimSpace(cell+rest)), false
		}
		into = append(into, strings.TrimSpace(cell+rest[:end]))
		line = rest[end+1:]
	}
}

// quoted reads up to the closing quote.
func quoted(s string) (cell, rest string, closed bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", "", false
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		if !strings.HasPrefix(s, `"`) {
			return b.String(), s, true
		}
		b.WriteByte('"')
		s = s[1:]
	}
}

// separators are tried in this order; the one that gives most lines the same
// number of cells wins, and of equals the one that gives more cells.
const separators = "|\t,;"

// detectSeparator looks at the first lines. Without any that fits it returns
// NUL, which no line holds: every line is then one cell.
func detectSeparator(head []byte) byte {
	sample := strings.FieldsFunc(text(head), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(sample) > 1 && len(head) >= headLen {
		sample = sample[:len(sample)-1] // the last line is cut off
	}
	if len(sample) > 200 {
		sample = sample[:200]
	}
	var (
		best            byte
		bestRows, bestN int
	)
	for i := range len(separators) {
		rows := map[int]int{}
		for _, line := range sample {
			if cells, open := splitCells(line, separators[i], nil); !open && len(cells) > 1 {
				rows[len(cells)]++
			}
		}
		for n, count := range rows {
			if count > bestRows || count == bestRows && n > bestN {
				best, bestRows, bestN = separators[i], count, n
			}
		}
	}
	return best
}
