package dqa

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"immtrail/registry"
)

// section is a part of a report whose heading speaks for the rows below it.
type section struct {
	outcome registry.Outcome
	codes   []told
}

// says is what the heading says of a row that says nothing itself. A nil
// section says nothing. The row is kept as the text of each code, since it
// tells whose record it is.
func (s *section) says(line string) (codes []told, status registry.Outcome, said bool) {
	if s == nil {
		return nil, "", false
	}
	for _, c := range s.codes {
		codes = append(codes, told{code: c.code, text: line})
	}
	return codes, s.outcome, s.outcome != ""
}

// headingMost is how many filled cells a heading may have; more are a row.
const headingMost = 2

// heading takes a row for the heading of a section if a mapping says so. The
// mapping in force goes first.
func (t *table) heading(line string, cells []string) bool {
	filled := 0
	for _, c := range cells {
		if c != "" {
			filled++
		}
	}
	if filled > headingMost {
		return false
	}
	if t.mapping != nil && t.begins(t.mapping, line) {
		return true
	}
	for i := range t.opts.Mappings {
		if t.begins(&t.opts.Mappings[i], line) {
			return true
		}
	}
	return false
}

func (t *table) begins(m *Mapping, line string) bool {
	if len(m.Sections) == 0 {
		return false
	}
	codes := splitCodes(line)
	words := headerWords(codeForm.ReplaceAllString(line, " "))
	for _, s := range m.Sections {
		if !matches(s.Heading, words) || (s.Code && len(codes) == 0) {
			continue
		}
		if s.File {
			file := fileIn(line)
			if file == "" {
				continue
			}
			t.file, t.section = file, nil
			t.used(m)
			return true
		}
		t.section = &section{outcome: s.Outcome}
		if s.Code {
			t.section.codes = codes
		}
		t.used(m)
		return true
	}
	return false
}

// fileIn is the name of a file that a heading holds.
func fileIn(line string) string {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,;|\"'():", r) }) {
		if fileForm.MatchString(word) {
			return word
		}
	}
	return ""
}

// ignored reports whether a mapping says that a line says nothing. A line with
// a code is never ignored.
func (t *table) ignored(line string) bool {
	words := ""
	for i := range t.opts.Mappings {
		for _, pattern := range t.opts.Mappings[i].Ignore {
			if !mayMatch(pattern, line) {
				continue
			}
			if words == "" {
				words = headerWords(line)
			}
			if matches(pattern, words) && len(splitCodes(line)) == 0 {
				return true
			}
		}
	}
	return false
}

// mayMatch saves making words of every line of a long report: a pattern's first
// word stands in each line that it matches, in whatever case.
func mayMatch(pattern, line string) bool {
	word := strings.TrimLeft(pattern, "* ?")
	if end := strings.IndexAny(word, "* ?[\\"); end >= 0 {
		word = word[:end]
	}
	if word == "" {
		return true
	}
	low := word[0]
	for i := 0; i+len(word) <= len(line); i++ {
		if c := line[i]; c >= utf8.RuneSelf {
			return true // letters of other alphabets have their own rules of case
		} else if c|0x20 == low|0x20 && strings.EqualFold(line[i:i+len(word)], word) {
			return true
		}
	}
	return strings.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// linePattern is a mapping's expression for a line of running text.
type linePattern struct {
	mapping *Mapping
	form    *regexp.Regexp
}

func linePatterns(mappings []Mapping) []linePattern {
	var out []linePattern
	for i := range mappings {
		for _, expr := range mappings[i].Lines {
			// One that is none was refused with the profile.
			if form, err := regexp.Compile(expr); err == nil {
				out = append(out, linePattern{&mappings[i], form})
			}
		}
	}
	return out
}

// lineFields reads a line by the first expression that fits it.
func (t *table) lineFields(line string) (fields, bool) {
	for _, p := range t.lines {
		m := p.form.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		f := fields{}
		for i, name := range p.form.SubexpNames() {
			if name != "" {
				f[registry.ReportColumn(name)] = m[i]
			}
		}
		t.used(p.mapping)
		return f, true
	}
	return nil, false
}
