package cells

import "strings"

// Plain keeps a cell from being taken for a formula, also behind blanks, and
// from breaking its line.
func Plain(cell string) string {
	cell = Visible(cell)
	if head := strings.TrimLeft(cell, " \u00a0\u3000"); head != "" && strings.ContainsRune("=+-@\uff1d\uff0b\uff0d\uff20", []rune(head)[0]) {
		return "'" + cell
	}
	return cell
}

// Visible replaces control characters and what is no UTF-8 by question marks.
func Visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
