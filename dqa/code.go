package dqa

import (
	"regexp"
	"strings"

	"immtrail/registry"
)

// told is a code with the sentence that follows it.
type told struct {
	code, text string
}

var codeForm = regexp.MustCompile(`(?i)([A-Z]{3})-(\d{1,6})`)

// splitCodes finds every CODE-NNN in text; several may be clumped in one cell,
// and each takes the sentence up to the next. Codes of ImmTrac2's families are
// found anywhere; those of a family that nobody knows only before "::", since
// PID-11 and IZ-47 look the same.
func splitCodes(text string) []told {
	if strings.IndexByte(text, '-') < 0 {
		return nil
	}
	var (
		out    []told
		starts []int
	)
	for _, m := range codeForm.FindAllStringSubmatchIndex(text, -1) {
		if !isCode(text, m[0], m[1]) {
			continue
		}
		starts = append(starts, m[0])
		out = append(out, told{code: strings.ToUpper(text[m[0]:m[1]]), text: text[m[1]:]})
	}
	for i := range out {
		rest := out[i].text
		if i+1 < len(out) {
			rest = rest[:starts[i+1]-(len(text)-len(rest))]
		}
		out[i].text = strings.TrimSpace(strings.Trim(rest, ":;,| \t\""))
	}
	return out
}

func isCode(text string, from, to int) bool {
	word := text[from:to]
	if to < len(text) && text[to] >= '0' && text[to] <= '9' {
		return false // a longer number
	}
	upper := word == strings.ToUpper(word)
	if registry.FamilyOf(strings.ToUpper(word)) == "" {
		return upper && strings.HasPrefix(strings.TrimLeft(text[to:], " "), "::") && !letterBefore(text, from)
	}
	if !letterBefore(text, from) {
		return true
	}
	// "missing.IEE-411" and "missingIEE-411" are clumped; "Summer-20" is a word.
	prev := text[from-1]
	return upper && prev >= 'a' && prev <= 'z'
}

func letterBefore(text string, at int) bool {
	return at > 0 && isAlnum(text[at-1]) && (text[at-1] > '9')
}
