package registry

import (
	"slices"
	"strings"
)

// blanks are the words that stand for something in commands and JSON that are
// printed to be pasted.
var blanks = []string{
	"YOUR NAME", "NAME", "REASON", "WHY", "WHAT IT ASKS FOR", "FILE", "FILE.eml", "FILE.yaml", "DATE", "DAY", "YYYY-MM-DD",
	"ITEM", "MESSAGE", "ADDRESS", "REFERENCE", "PRACTICE", "…", "...",
}

// Unfilled reports whether text is a word that stands for something, such as YOUR
// NAME: it was pasted as it was printed, and says nothing. Case counts, since a
// person may be called Name.
func Unfilled(text string) bool { return slices.Contains(blanks, strings.TrimSpace(text)) }

// SplitMove parts what moves a wait into the command, to be pasted as it is, and the
// remark behind it. Of a telephone call there is no command.
func SplitMove(move string) (command, remark string) {
	if !strings.HasPrefix(move, "starter ") {
		return "", move
	}
	end, quoted := len(move), false
	for i := range len(move) {
		rest := move[i:]
		switch {
		case rest[0] == '"':
			quoted = !quoted
		case quoted:
		case strings.HasPrefix(rest, ". -"), rest[0] == '.' && i > 0 && move[i-1] == '.': // the command goes on
		case strings.HasPrefix(rest, " ("), strings.HasPrefix(rest, ", or "), strings.HasPrefix(rest, ". "), strings.HasPrefix(rest, "; "):
			end = min(end, i)
		}
	}
	return move[:end], strings.TrimLeft(move[end:], " ,.;")
}
