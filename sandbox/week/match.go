package week

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Names are the words that differ from rehearsal to rehearsal, by their name in
// the page.
type Names map[string]string

var (
	blanks      = regexp.MustCompile(`[ \t]+`)
	placeholder = regexp.MustCompile(`‹([a-z][a-z0-9-]*)›`)
)

const anything = "…"

// Expand puts what was learned into the arguments. It returns an error for a
// name that nothing has told yet.
func (s Step) Expand(known Names) ([]string, error) {
	out := make([]string, len(s.Args))
	for i, arg := range s.Args {
		var missing string
		out[i] = placeholder.ReplaceAllStringFunc(arg, func(name string) string {
			word, ok := known[inner(name)]
			if !ok {
				missing = name
			}
			return word
		})
		if missing != "" {
			return nil, fmt.Errorf("line %d: nothing has told yet what %s is", s.Line, missing)
		}
	}
	return out, nil
}

// Match compares what a command printed with what it has to print, and returns
// known with what was learned from it. Its error shows the first line that does
// not fit.
func (s Step) Match(printed string, known Names) (Names, error) {
	got := tidy(strings.Split(printed, "\n"))
	want := tidy(s.Want)
	learned, ok := match(want, got, known)
	if ok {
		return learned, nil
	}
	// The longest beginning that still fits tells where it breaks.
	for n := len(want) - 1; n >= 0; n-- {
		if _, ok := match(append(slices.Clone(want[:n]), anything), got, known); ok {
			return known, fmt.Errorf("line %d: not printed: %s\nprinted:\n%s", s.Line, s.Want[n], strings.TrimRight(printed, "\n"))
		}
	}
	return known, fmt.Errorf("line %d: something else was printed:\n%s", s.Line, strings.TrimRight(printed, "\n"))
}

// tidy makes runs of blanks one and drops empty lines at the end.
func tidy(lines []string) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		out = append(out, strings.TrimSpace(blanks.ReplaceAllString(l, " ")))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// match says whether got is of the form want. Each line ends with a newline, so
// that … as a line of its own can stand for none.
func match(want, got []string, known Names) (Names, bool) {
	var b strings.Builder
	var groups []string
	b.WriteString("^")
	for _, l := range want {
		if l == anything {
			b.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		b.WriteString(linePattern(l, known, &groups) + `\n`)
	}
	b.WriteString("$")
	re, err := regexp.Compile(b.String())
	if err != nil {
		return known, false // a page that large is none
	}
	text := strings.Join(got, "\n")
	if len(got) > 0 {
		text += "\n"
	}
	found := re.FindStringSubmatch(text)
	if found == nil {
		return known, false
	}
	learned := Names{}
	maps.Copy(learned, known)
	for i, name := range groups {
		word := found[i+1]
		if before, ok := learned[name]; ok && before != word {
			return known, false
		}
		learned[name] = word
	}
	return learned, true
}

// linePattern is the pattern of one line; the names that it learns are added to
// groups in the order of their groups.
func linePattern(line string, known Names, groups *[]string) string {
	var b strings.Builder
	plain := func(text string) {
		for i, part := range strings.Split(text, anything) {
			if i > 0 {
				b.WriteString(`[^\n]*`)
			}
			b.WriteString(regexp.QuoteMeta(part))
		}
	}
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(line, -1) {
		plain(line[at:m[0]])
		at = m[1]
		name := line[m[2]:m[3]]
		if word, ok := known[name]; ok {
			b.WriteString(regexp.QuoteMeta(word))
			continue
		}
		b.WriteString(`(\S+)`)
		*groups = append(*groups, name)
	}
	plain(line[at:])
	return b.String()
}

func inner(name string) string { return strings.TrimSuffix(strings.TrimPrefix(name, "‹"), "›") }
