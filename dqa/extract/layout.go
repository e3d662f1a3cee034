package extract

import (
	"cmp"
	"slices"
	"strings"
)

// piece is a run of text at its place on a page, in points; y grows upwards.
type piece struct {
	left, right, top, bottom float64
	text                     string
}

// layout turns the pieces of pages into rows of cells. A page has no table,
// only texts at places: pieces at one height are a line; the widest line so
// far says where columns begin, until a line does not fit and another table
// begins; what stands alone below a cell goes on with it.
type layout struct {
	starts []float64 // left edges of the columns
}

// Distances in points, for the type of 7 to 12 points that reports are set in.
const (
	cellGap   = 6.0 // wider than a blank
	edgeSlack = 4.0 // two texts that begin in one column
)

// line is a row before it has columns.
type line struct {
	pieces      []piece
	top, bottom float64
}

func (l *layout) rows(pieces []piece) [][]string {
	var out [][]string
	lines := toLines(pieces)
	for len(lines) > 0 {
		n := l.measure(lines)
		out = append(out, l.table(lines[:n])...)
		lines = lines[n:]
	}
	return out
}

// measure finds the columns of the table that lines begin with, and how many
// of the lines belong to it. A line of which two pieces would share a column
// begins another table, whose columns lie elsewhere.
func (l *layout) measure(lines []line) int {
	for i, ln := range lines {
		switch {
		case len(ln.pieces) > max(len(l.starts), 2):
		case i > 0 && l.crowded(ln):
			l.starts = l.starts[:0]
			return i
		case i > 0 || !l.crowded(ln):
			continue
		}
		l.starts = l.starts[:0]
		for _, p := range ln.pieces {
			l.starts = append(l.starts, p.left)
		}
	}
	return len(lines)
}

// crowded reports whether two pieces of a line lie in one column.
func (l *layout) crowded(ln line) bool {
	if len(l.starts) == 0 {
		return false
	}
	taken := map[int]bool{}
	for _, p := range ln.pieces {
		at := max(l.column(p), 0)
		if taken[at] {
			return true
		}
		taken[at] = true
	}
	return false
}

// table puts the lines of a table into its columns.
func (l *layout) table(lines []line) [][]string {
	var (
		out  [][]string
		prev line
	)
	for _, ln := range lines {
		cells := l.cells(ln)
		if l.continues(prev, ln, cells, out) {
			row := out[len(out)-1]
			for i, c := range cells {
				row[i] = strings.TrimSpace(row[i] + " " + c)
			}
			prev.bottom = ln.bottom
		} else {
			out = append(out, cells)
			prev = ln
		}
	}
	return out
}

// toLines gathers pieces of one height, joins those that only a blank parts,
// and orders all as one reads.
func toLines(pieces []piece) []line {
	pieces = slices.DeleteFunc(slices.Clone(pieces), func(p piece) bool { return strings.TrimSpace(p.text) == "" })
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(b.top+b.bottom, a.top+a.bottom) })
	var lines []line
	for _, p := range pieces {
		mid := (p.top + p.bottom) / 2
		if n := len(lines); n > 0 && mid <= lines[n-1].top && mid >= lines[n-1].bottom {
			ln := &lines[n-1]
			ln.pieces = append(ln.pieces, p)
			ln.top, ln.bottom = max(ln.top, p.top), min(ln.bottom, p.bottom)
			continue
		}
		lines = append(lines, line{pieces: []piece{p}, top: p.top, bottom: p.bottom})
	}
	for i := range lines {
		lines[i].pieces = joined(lines[i].pieces)
	}
	return lines
}

func joined(pieces []piece) []piece {
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.left, b.left) })
	var out []piece
	for _, p := range pieces {
		if n := len(out); n > 0 && p.left-out[n-1].right < cellGap {
			last := &out[n-1]
			last.text = strings.TrimSpace(last.text) + " " + strings.TrimSpace(p.text)
			last.right = max(last.right, p.right)
			continue
		}
		out = append(out, p)
	}
	return out
}

// cells puts the pieces of a line into columns. A line of one piece that
// begins in the first column or in none is a sentence of its own.
func (l *layout) cells(ln line) []string {
	if len(l.starts) == 0 || (len(ln.pieces) == 1 && l.column(ln.pieces[0]) <= 0) {
		cells := make([]string, 0, len(ln.pieces))
		for _, p := range ln.pieces {
			cells = append(cells, p.text)
		}
		return cells
	}
	cells := make([]string, len(l.starts))
	for _, p := range ln.pieces {
		i := max(l.column(p), 0)
		cells[i] = strings.TrimSpace(cells[i] + " " + p.text)
	}
	return cells
}

// column is the last column that begins at or left of p, or -1.
func (l *layout) column(p piece) int {
	at := -1
	for i, start := range l.starts {
		if start <= p.left+edgeSlack {
			at = i
		}
	}
	return at
}

// continues reports whether ln is the rest of the row before it: close below,
// nothing in the first column, and not everywhere filled.
func (l *layout) continues(prev, ln line, cells []string, out [][]string) bool {
	if len(out) == 0 || len(cells) != len(l.starts) || len(out[len(out)-1]) != len(cells) || cells[0] != "" {
		return false
	}
	height := ln.top - ln.bottom
	return prev.bottom-ln.top < 0.8*height && len(ln.pieces) < len(prev.pieces)
}
