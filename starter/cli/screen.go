package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"immtrail/registry"
)

// screenWidth is what everything printed for people fits in.
const screenWidth = 100

// show prints v as JSON, or lets text print it for people.
func (a *app) show(v any, text func(s *screen)) error {
	if a.output == outputJSON {
		enc := json.NewEncoder(a.env.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return couldNot("write the answer: %w", err)
		}
		return nil
	}
	// A thousand rows are not a thousand writes.
	out := bufio.NewWriterSize(a.env.Stdout, 64<<10)
	s := a.screen()
	s.w = out
	text(s)
	if err := out.Flush(); err != nil {
		return couldNot("write the answer: %w", err)
	}
	return nil
}

// screen has colours on terminals only, and not where NO_COLOR asks for none.
func (a *app) screen() *screen {
	return &screen{w: a.env.Stdout, color: a.env.IsTerminal && a.env.Getenv("NO_COLOR") == ""}
}

// note tells people something that is not the answer.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.env.Stderr, format+"\n", args...)
}

// screen prints for people: at most 100 columns, colours on terminals only.
type screen struct {
	w     io.Writer
	color bool
}

var (
	headStyle = lipgloss.NewStyle().Bold(true)
	goodStyle = lipgloss.NewStyle().Foreground(lipgloss.Green)
	badStyle  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	warnStyle = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

func (s *screen) paint(style lipgloss.Style, text string) string {
	if !s.color {
		return text
	}
	return style.Render(text)
}

func (s *screen) line(format string, args ...any) {
	for _, l := range wrap(fmt.Sprintf(format, args...), screenWidth) {
		fmt.Fprintln(s.w, l)
	}
}

// hang prints a line whose continuations are indented.
func (s *screen) hang(format string, args ...any) {
	const indent = "    "
	first := true
	for _, l := range wrap(fmt.Sprintf(format, args...), screenWidth-len(indent)) {
		if !first {
			l = indent + l
		}
		first = false
		fmt.Fprintln(s.w, l)
	}
}

// raw prints a line as it is: commands to be copied are never broken.
func (s *screen) raw(format string, args ...any) { fmt.Fprintf(s.w, format+"\n", args...) }

func (s *screen) title(text string) { fmt.Fprintln(s.w, s.paint(headStyle, text)) }

// pairs prints names and values under each other; empty values are left out.
func (s *screen) pairs(pairs ...[2]string) {
	width := 0
	for _, p := range pairs {
		if p[1] != "" {
			width = max(width, len(p[0]))
		}
	}
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		for i, l := range wrap(p[1], screenWidth-width-2) {
			name := p[0]
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(s.w, "%s  %s\n", s.paint(headStyle, fmt.Sprintf("%-*s", width, name)), l)
		}
	}
}

// table prints rows under headers. Where a row is too wide the widest columns
// give way and their cells take several lines.
func (s *screen) table(headers []string, rows [][]string) {
	fitted := make([][]string, len(rows))
	widths := columnWidths(headers, rows)
	for i, row := range rows {
		for col, cell := range row {
			fitted[i] = append(fitted[i], strings.Join(wrap(cell, widths[col]), "\n"))
		}
	}
	t := table.New().Headers(headers...).Rows(fitted...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderHeader(false).BorderColumn(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := lipgloss.NewStyle()
			if col < len(headers)-1 {
				style = style.PaddingRight(2)
			}
			if row == table.HeaderRow && s.color {
				style = style.Bold(true)
			}
			return style
		})
	for line := range strings.SplitSeq(t.String(), "\n") {
		fmt.Fprintln(s.w, strings.TrimRight(line, " "))
	}
}

// leastColumn is the width below which a column is not made narrower.
const leastColumn = 10

// columnWidths are as wide as what stands in the columns, and together fit the
// screen as far as that is possible.
func columnWidths(headers []string, rows [][]string) []int {
	widths := make([]int, len(headers))
	total := 2 * (len(headers) - 1)
	for col, h := range headers {
		widths[col] = lipgloss.Width(h)
		for _, row := range rows {
			if col < len(row) {
				widths[col] = max(widths[col], lipgloss.Width(row[col]))
			}
		}
		total += widths[col]
	}
	for ; total > screenWidth; total-- {
		widest := 0
		for col, w := range widths {
			if w > widths[widest] {
				widest = col
			}
		}
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
	}
	return widths
}

// wrap breaks text at blanks; a word longer than width stays whole, and so does a
// command, which is there to be copied.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if len(paragraph) <= width && tidy(paragraph) { // the common case, and much the fastest
			lines = append(lines, paragraph)
			continue
		}
		indent := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
		line := ""
		for _, word := range words(paragraph, width) {
			switch {
			case line == "":
				line = indent + word
			case columns(line)+1+columns(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = indent + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// leastForCommands is the width from which on commands stay whole; a column of a
// table is narrower.
const leastForCommands = 60

// words are what lines are made of: a command that stands at the beginning or after
// a colon is one word, up to the remark that follows it.
func words(text string, width int) []string {
	const name = "starter "
	at := strings.Index(text, ": "+name) + len(": ")
	switch {
	case strings.HasPrefix(strings.TrimLeft(text, " "), name):
		at = strings.Index(text, name)
	case at < len(": "):
		return strings.Fields(text)
	}
	if width < leastForCommands {
		return strings.Fields(text)
	}
	command, _ := registry.SplitMove(text[at:])
	rest := text[at+len(command):]
	punctuation := rest[:len(rest)-len(strings.TrimLeft(rest, ",.;"))]
	out := append(strings.Fields(text[:at]), command+punctuation)
	return append(out, words(rest[len(punctuation):], width)...)
}

// tidy reports whether wrapping would leave a line as it is if it fits: plain ASCII
// without blanks that would become one.
func tidy(line string) bool {
	if strings.HasSuffix(line, " ") || strings.Contains(strings.TrimLeft(line, " "), "  ") {
		return false
	}
	return ascii(line)
}

// ascii reports whether every byte is one column on a terminal.
func ascii(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// columns is how wide text stands on a terminal.
func columns(text string) int {
	if ascii(text) {
		return len(text)
	}
	return lipgloss.Width(text)
}

// plural is "1 file" or "3 files".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
