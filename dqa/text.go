package dqa

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// spanMax is over how many lines a quoted field may go. A quote that is never
// closed must not swallow the rest of the report.
const spanMax = 20

// readText reads delimited text of any separator, quoting and encoding.
func (s *sink) readText(src io.Reader, head []byte) error {
	t := s.newTable()
	t.sep = detectSeparator(head)
	lines := newLines(src)
	for {
		line, ok := lines.next()
		if !ok {
			break
		}
		t.gap, lines.gap = t.gap || lines.gap, false
		line, cells := t.record(lines, line)
		if err := t.row(line, cells); err != nil {
			return err
		}
	}
	if errors.Is(lines.err, bufio.ErrTooLong) {
		return tooLong("line", lines.n)
	}
	if lines.err != nil {
		return sourceError(lines.err)
	}
	return t.finish()
}

// lines hands out lines of text, and takes back those that were looked at in
// vain.
type lines struct {
	scan *bufio.Scanner
	back []string
	// n counts the lines that were read, blank ones too.
	n   int
	err error
	// cr says that the last line ended at a CR, so that a LF ends none.
	cr bool
	// gap says that blank lines were passed over.
	gap bool
}

func newLines(src io.Reader) *lines {
	sc := bufio.NewScanner(src)
	sc.Buffer(make([]byte, 0, headLen), lineMax+2)
	l := &lines{scan: sc}
	sc.Split(l.split)
	return l
}

// split ends lines at CR, LF or both.
func (l *lines) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	skip := 0
	if l.cr && len(data) > 0 {
		if l.cr = false; data[0] == '\n' {
			skip = 1
		}
	}
	rest := data[skip:]
	if i := lineEnd(rest); i >= 0 {
		l.n, l.cr = l.n+1, rest[i] == '\r'
		return skip + i + 1, rest[:i], nil
	}
	if atEOF && len(rest) > 0 {
		l.n++
		return skip + len(rest), rest, nil
	}
	return skip, nil, nil
}

// lineEnd is the place of the first CR or LF, or -1.
func lineEnd(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	if end >= 0 {
		data = data[:end]
	}
	if cr := bytes.IndexByte(data, '\r'); cr >= 0 {
		return cr
	}
	return end
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
		l.gap = true
	}
	l.err = l.scan.Err()
	return "", false
}

// record reads the cells of line, going on over further lines while a quoted
// field is open. Where it is never closed, or closed in the middle of a cell of a
// later line, the quote is taken for a plain character and the lines are read one
// by one. It returns all that it read.
func (t *table) record(l *lines, line string) (joined string, cells []string) {
	cells, end := splitCells(line, t.sep, t.cells[:0])
	if end != openQuote {
		t.cells = cells
		return line, cells
	}
	joined = line
	var taken []string
	for end == openQuote && len(taken) < spanMax && len(joined) < headLen {
		more, ok := l.next()
		if !ok {
			break
		}
		taken = append(taken, more)
		joined += "\n" + more
		cells, end = splitCells(joined, t.sep, t.cells[:0])
	}
	if end != wholeCells || t.swallows(taken, len(cells)) {
		l.back = append(taken, l.back...)
		joined = line
		cells = strings.Split(line, string(t.sep))
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
	}
	t.cells = cells
	return joined, cells
}

// swallows reports whether a cell over lines would take in rows of the table: two
// stray quotes look like one such cell. Where it makes a row of the header's width,
// a line in it has to be an answer of its own to count.
func (t *table) swallows(taken []string, cells int) bool {
	fits := t.width > 1 && cells == t.width
	if t.width > 0 {
		cells = min(cells, t.width)
	}
	for _, line := range taken {
		alone, end := splitCells(line, t.sep, nil)
		if end != openQuote && len(alone) >= max(cells, 2) && (!fits || t.answer(line, alone)) {
			return true
		}
	}
	return false
}

// answer reports whether a line by itself names a message and has a code for it.
func (t *table) answer(line string, cells []string) bool {
	id := t.fields(cells).address().id
	return id != "" && !strings.ContainsRune(id, ' ') && len(splitCodes(id)) == 0 && len(splitCodes(line)) > 0
}

// cellsEnd says how the quotes of a line ended.
type cellsEnd int

const (
	wholeCells cellsEnd = iota
	// tornQuote: more than blanks stand between a closing quote and the separator.
	tornQuote
	// openQuote: a quote is never closed.
	openQuote
)

// splitCells splits a line at sep. A field that begins with a quote goes to
// the quote that closes it, with "" for a quote inside.
func splitCells(line string, sep byte, into []string) (cells []string, end cellsEnd) {
	for {
		line = strings.TrimLeft(line, " ")
		cell, rest := "", line
		if strings.HasPrefix(line, `"`) {
			var closed bool
			if cell, rest, closed = quoted(line[1:]); !closed {
				return into, openQuote
			}
		}
		at := strings.IndexByte(rest, sep)
		if at < 0 {
			at = len(rest)
		}
		if line != rest && strings.TrimSpace(rest[:at]) != "" {
			end = tornQuote
		}
		into = append(into, strings.TrimSpace(cell+rest[:at]))
		if at == len(rest) {
			return into, end
		}
		line = rest[at+1:]
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
			if cells, end := splitCells(line, separators[i], nil); end != openQuote && len(cells) > 1 {
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
