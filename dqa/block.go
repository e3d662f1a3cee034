package dqa

import (
	"regexp"
	"strings"

	"immtrail/registry"
)

// block is a record that is told in several lines of "key: value".
type block struct {
	mapping *Mapping
	fields  fields
	lines   []string
	size    int
	// last is what the last line was for; a line without a key goes on with it.
	last registry.ReportColumn
}

// Bounds of a block; what comes after them is kept as lines of their own.
const (
	blockLines = 200
	blockSize  = 64 << 10
)

// keyForm is a line of a block: a few words, then a colon or an equals sign, dots
// perhaps before it, and the value.
var keyForm = regexp.MustCompile(`^([\pL][^:=|]{0,58}?)[ .]*[:=]+(?:[\s,;|]+|$)(.*)$`)

// keyValue splits a line of a block.
func keyValue(line string) (words, value string, ok bool) {
	m := keyForm.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	words = headerWords(m[1])
	return words, strings.Trim(m[2], " \t\",;|"), words != ""
}

// blockLine reads a line as one of a block; done is false where it is none.
func (t *table) blockLine(line string, cells []string) (done bool, err error) {
	if !t.blocks {
		return false, nil
	}
	words, value, ok := keyValue(line)
	if ok {
		for i := range t.opts.Mappings {
			m := &t.opts.Mappings[i]
			if m.Block == "" || !matches(m.Block, words) {
				continue
			}
			err := t.endBlock()
			t.block = &block{mapping: m, fields: fields{}}
			t.block.add(line, words, value)
			t.gap = false
			return true, err
		}
	}
	b := t.block
	if b == nil {
		return false, nil
	}
	section, file := t.section, t.file
	if t.heading(line, cells) { // it speaks for what is below it alone
		section, t.section = t.section, section
		file, t.file = t.file, file
		err := t.endBlock()
		t.section, t.file = section, file
		return true, err
	}
	full := len(b.lines) >= blockLines || b.size+len(line) > blockSize
	switch col := b.column(words); {
	case full || !ok && b.last != registry.ColumnMessage || t.gap && col == "":
		return true, t.stray(line) // below the last record, or among the keys
	case !ok:
		b.fields[b.last] += " " + line
		b.keep(line)
	default:
		b.add(line, words, value)
	}
	return true, nil
}

// column is what a key is for.
func (b *block) column(words string) registry.ReportColumn {
	for _, col := range registry.ReportColumns() {
		for _, pattern := range b.mapping.Columns[col] {
			if words != "" && matches(pattern, words) {
				return col
			}
		}
	}
	return ""
}

// add takes in a line. A code or a sentence may come several times; of anything
// else the first counts.
func (b *block) add(line, words, value string) {
	b.keep(line)
	col := b.column(words)
	b.last = col
	if col == "" || value == "" {
		return
	}
	switch have := b.fields[col]; {
	case have == "":
		b.fields[col] = value
	case col == registry.ColumnCode || col == registry.ColumnMessage:
		b.fields[col] = have + cellBreak + value
	}
}

func (b *block) keep(line string) {
	b.lines = append(b.lines, line)
	b.size += len(line)
}

// endBlock tells the record of the open block.
func (t *table) endBlock() error {
	b := t.block
	if b == nil {
		return nil
	}
	t.block, t.beyond = nil, false
	t.mapping, t.columns, t.width = b.mapping, nil, 0
	t.used(b.mapping)
	if err := t.mapped(strings.Join(b.lines, cellBreak), b.fields, true); err != nil {
		return err
	}
	return t.end()
}

// finish tells what is still open at the end of a report.
func (t *table) finish() error {
	if err := t.endBlock(); err != nil {
		return err
	}
	return t.end()
}
