package conformance

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"immtrail/conformance/z22"
)

// about is what a general rule is made of; its sentences are written when
// somebody asks for them.
type about struct {
	path      string
	facet     facet
	level     int
	low, high int
	form      form
	table     string
	systems   []string
	further   bool // the first repetition is another rule's
	varies    bool // the limit depends on OBX-2
}

// declareGeneral declares the rule for one facet of the element at path.
func declareGeneral(path string, f facet, weight Lanes, drops Drops, level int, n *node) *Rule {
	a := &about{path: path, facet: f, level: level}
	r := Rule{ID: "Z-" + path + "." + f.word(), Where: path, Severity: weight, Drops: drops}
	if n != nil {
		a.low, a.high, a.form = n.low, n.high, n.form
		if n.set != nil {
			a.table, a.systems = n.set.name, n.set.systems
		}
	}
	switch f {
	case facetMissing, facetEmpty:
		r.Code = 101
	case facetCode, facetSystem:
		r.Code, r.Detail = 103, 5
	case facetType:
		r.Code, r.Detail = 102, 4
		if a.form >= formYear && a.form <= formTime {
			r.Detail = 2
		}
	case facetExtra, facetRepeat, facetLength, facetValue:
		r.Code, r.Detail = 102, 4
	}
	r.about, r.SilencedBy = a, silenced[r.ID]
	return declare(r)
}

// words are the names of elements as a person says them, one a line: a path or
// a part of a data type ("CX.4"), and the words.
//
//go:embed z22_words.txt
var wordsText string

var plainWords = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(wordsText) {
		if path, words, ok := strings.Cut(strings.TrimSpace(line), " "); ok && path != "#" {
			m[path] = words
		}
	}
	return m
})

// ElementName is what a person calls the element at path ("PID-3.4"), in small
// letters and without an article: "assigning authority of the patient's
// identifier". A path that the profile does not know gives "".
func ElementName(path string) string { return nameOf(path) }

// nameOf says what the element at path is: "the assigning authority of the
// patient's identifier".
func nameOf(path string) string {
	segment, rest, ok := strings.Cut(path, "-")
	if !ok {
		return plainWords()[segment]
	}
	s, _ := z22.Get().Segment(segment)
	numbers := strings.Split(rest, ".")
	list, whole, name := s.Fields, segment, ""
	at := segment + "-"
	for i, number := range numbers {
		n, _ := strconv.Atoi(number)
		if n < 1 || n > len(list) {
			break
		}
		e := list[n-1]
		at += number
		one := plainWords()[at]
		if one == "" && i > 0 {
			one = plainWords()[strings.TrimSuffix(whole, "_IZ")+"."+number]
		}
		if one == "" {
			one = tidy(e.Name)
		}
		if name != "" {
			name = one + " of the " + name
		} else {
			name = one
		}
		list, whole = z22.Get().Types[e.Type], e.Type
		at += "."
	}
	return name
}

// tidy makes a field name of the standard readable.
func tidy(name string) string {
	name, _, _ = strings.Cut(name, " (")
	for _, tail := range []string{" - pid", " - nk1", " - pv1", " - obx", " - in1", " - gt1", " - nte", " - rxa", " - patient"} {
		name = strings.TrimSuffix(name, tail)
	}
	words := strings.Fields(strings.ReplaceAll(name, "/ ", "/"))
	for i, w := range words {
		switch w {
		case "id", "ssn", "vip", "(pac)", "icu", "emp":
			words[i] = strings.ToUpper(w)
		case "#":
			words[i] = "number"
		}
	}
	return strings.Join(words, " ")
}

// speak writes the sentences of a general rule.
func (a *about) speak() (says, remedy, source string) {
	what := "The " + nameOf(a.path) + " (" + a.path + ")"
	if a.further {
		what = "In a further repetition, the " + nameOf(a.path) + " (" + a.path + ")"
	}
	ask := "Ask the EHR vendor to "
	switch a.facet {
	case facetMissing:
		says, remedy = what+" is missing.", ask+"fill "+a.path+"."
	case facetEmpty:
		says, remedy = what+" is empty.", "Fill it where it is known; if it never is, ask the EHR vendor."
	case facetExtra:
		says, remedy = what+" has a value that does not belong there.", ask+"leave "+a.path+" empty here."
	case facetRepeat:
		says, remedy = what+" is given more than once.", ask+"send one; the registry reads the first."
	case facetLength:
		says, remedy = what+" "+a.lengthSays()+".", "Shorten it; the registry may cut it off."
	case facetType:
		says, remedy = what+" "+a.form.says()+".", "Correct it, or ask the EHR vendor to."
	case facetCode:
		says, remedy = what+" is no code of table "+a.table+".", ask+"map it to a code of "+a.table+"."
	case facetSystem:
		says, remedy = what+" does not name "+strings.Join(a.systems, " or ")+" as the table of its code.",
			ask+"name the table in "+a.path+".3."
	case facetValue:
		says, remedy = what+" "+a.form.says()+".", ask+"correct "+a.path+"."
	}
	if a.varies {
		says, remedy = a.variesSays(what, says, ask)
	}
	return says, remedy, a.source()
}

// variesSays is for the parts of a value whose type another field gives: a
// sentence names no limit, since each type has its own.
func (a *about) variesSays(what, says, ask string) (string, string) {
	switch a.facet {
	case facetLength:
		says = what + " is longer than the type in OBX-2 allows."
	case facetCode:
		says = what + " is no code of the table that the type in OBX-2 asks for."
	case facetMissing, facetExtra, facetType, facetValue, facetSystem, facetEmpty, facetRepeat:
	}
	return says, ask + "send what the type in OBX-2 asks for."
}

func (a *about) lengthSays() string {
	if a.low > 0 && a.low != a.high {
		return "has not " + strconv.Itoa(a.low) + " to " + strconv.Itoa(a.high) + " characters"
	}
	if a.low > 0 {
		return "has not " + strconv.Itoa(a.high) + " characters"
	}
	return "is longer than " + strconv.Itoa(a.high) + " characters"
}

func (a *about) source() string {
	word := map[facet]string{
		facetMissing: "usage", facetEmpty: "usage RE", facetExtra: "usage X", facetRepeat: "cardinality",
		facetLength: "length", facetType: "data type", facetCode: "value set", facetSystem: "value set", facetValue: "conformance statement",
	}[a.facet]
	s := "Z22 " + a.path + " " + word
	if a.facet == facetValue {
		if a.path == "IN1-1" {
			return s + " IZ-69"
		}
		return s + " IZ-3, IZ-5"
	}
	return s
}
