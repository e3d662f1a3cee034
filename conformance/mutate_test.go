package conformance_test

import (
	"slices"
	"strings"

	"immtrail/conformance/z22"
)

// What breaks a general rule: values made from the same table as the rule.

// element is an element on the way of a path.
type element struct {
	z22.Element
	whole string // the type around it
}

// way is the elements that a path leads through: field, component, subcomponent.
// kind is the type of a field whose type varies.
func way(path, kind string) []element {
	segment, rest, _ := strings.Cut(path, "-")
	s, _ := z22.Get().Segment(segment)
	list, whole := s.Fields, segment
	var out []element
	for _, number := range strings.Split(rest, ".") {
		if len(list) < atoi(number) {
			return nil
		}
		e := list[atoi(number)-1]
		if e.Type == "varies" && kind != "" {
			e.Type = kind
		}
		out = append(out, element{e, whole})
		list, whole = z22.Get().Types[e.Type], e.Type
	}
	return out
}

// good is a value as the profile wants it, as long as it may be.
func good(e element, level int) string {
	parts := z22.Get().Types[e.Type]
	if len(parts) == 0 || level > 2 {
		return goodLeaf(e)
	}
	return strings.Join(goodParts(e, level), separator(level))
}

func separator(level int) string { return []string{"^", "&", "&"}[level] }

func goodParts(e element, level int) []string {
	parts := z22.Get().Types[e.Type]
	values := make([]string, len(parts))
	for i, p := range parts {
		usage := p.Usage
		if usage == z22.Conditional {
			usage = usageAmong(p, values)
		}
		if usage == z22.Required {
			values[i] = good(element{p, e.Type}, level+1)
		}
	}
	if set, ok := tableOf(e.Element); ok && len(parts) > 2 {
		values[0], values[2] = set.Codes[0], set.Systems[0]
	}
	return values
}

func tableOf(e z22.Element) (z22.Set, bool) {
	if len(e.Tables) != 1 {
		return z22.Set{}, false
	}
	s, ok := z22.Get().Sets[e.Tables[0]]
	return s, ok && !s.Open
}

func usageAmong(e z22.Element, siblings []string) z22.Usage {
	for _, t := range e.Condition {
		v := siblings[t.Field-1]
		if t.Part > 0 {
			v = strings.Split(v+strings.Repeat("&", t.Part), "&")[t.Part-1]
		}
		holds := v != ""
		if len(t.OneOf) > 0 {
			holds = slices.Contains(t.OneOf, v)
		}
		if holds == t.Not {
			return e.Else
		}
	}
	return e.Then
}

func goodLeaf(e element) string {
	if set, ok := tableOf(e.Element); ok {
		return set.Codes[0]
	}
	if e.whole == "IN1" && e.N == 1 {
		return "1"
	}
	switch e.Type {
	case "NM", "SI":
		return strings.Repeat("2", max(1, min(e.MaxLength, 30)))
	case "DT", "DT_D", "DTM":
		return "20260303"
	case "TM":
		return "1015"
	}
	switch {
	case (e.whole == "EI_IZ" && e.N == 3) || (e.whole == "HD_IZ" && e.N == 2):
		return "2.16.840.1.113883"
	case (e.whole == "EI_IZ" && e.N == 4) || (e.whole == "HD_IZ" && e.N == 3):
		return "ISO"
	}
	return letters(max(1, min(e.MaxLength, 60)))
}

// longest is the longest value of an element without parts.
func longest(e element) string {
	switch {
	case e.Type == "NM", e.Type == "SI":
		return strings.Repeat("2", e.MaxLength)
	case e.whole == "EI_IZ" && e.N == 3, e.whole == "HD_IZ" && e.N == 2:
		return "2" + strings.Repeat(".1", e.MaxLength/2-1) + strings.Repeat("6", 1+(e.MaxLength+1)%2)
	}
	return letters(e.MaxLength)
}

func letters(n int) string { return strings.Repeat("Kavorimdel", n/10+1)[:n] }

// bad is a value that breaks a word of the rule, in an element without parts.
func bad(e element, word string) (string, bool) {
	set, coded := tableOf(e.Element)
	switch word {
	case "length":
		if coded || e.MaxLength == 0 || e.MaxLength > 100_000 {
			return "", false
		}
		switch e.Type {
		case "NM", "SI":
			return strings.Repeat("2", e.MaxLength+1), true
		case "DT", "DT_D", "DTM", "TM":
			return "", false
		}
		if e.whole == "EI_IZ" && e.N == 3 || e.whole == "HD_IZ" && e.N == 2 {
			return "2" + strings.Repeat(".16", 80), true
		}
		return letters(e.MaxLength + 1), true
	case "type":
		switch e.Type {
		case "NM", "SI":
			return "x", true
		case "DT", "DT_D", "DTM", "TM":
			return "x0260230", true
		}
	case "code":
		return "\x27", coded && len(set.Codes) > 0
	case "value":
		if e.whole == "IN1" {
			return "2", true
		}
		return "2.x", (e.whole == "EI_IZ" && e.N == 3) || (e.whole == "HD_IZ" && e.N == 2)
	}
	return "", false
}

// met changes the siblings of a part so that it has the usage wanted.
func met(p z22.Element, whole string, values []string, usage z22.Usage, level int) bool {
	if p.Usage == usage {
		return true
	}
	if p.Usage != z22.Conditional || (p.Then != usage && p.Else != usage) {
		return false
	}
	siblings := z22.Get().Types[whole]
	for i, t := range p.Condition {
		want := !t.Not
		if p.Then != usage {
			if i > 0 {
				break
			}
			want = !want
		}
		sibling := siblings[t.Field-1]
		switch {
		case len(t.OneOf) > 0 && want:
			values[t.Field-1] = t.OneOf[0]
		case len(t.OneOf) > 0:
			values[t.Field-1] = good(element{sibling, whole}, level)
		case want && values[t.Field-1] == "":
			values[t.Field-1] = good(element{sibling, whole}, level)
		case !want:
			values[t.Field-1] = ""
		}
	}
	return true
}

// settle fills what the siblings now require and clears what they forbid,
// except for the part at hand.
func settle(whole string, values []string, except, level int) {
	for i, p := range z22.Get().Types[whole] {
		if i+1 == except || p.Usage != z22.Conditional {
			continue
		}
		switch usageAmong(p, values) {
		case z22.Required:
			if values[i] == "" {
				values[i] = good(element{p, whole}, level)
			}
		case z22.Forbidden:
			values[i] = ""
		case z22.MayBeEmpty, z22.Optional, z22.Conditional:
		}
	}
}

// breakAt is a value of e in which the word is broken at the rest of the way.
func breakAt(e element, rest []element, word string, level int) (was, is string, ok bool) {
	parts := z22.Get().Types[e.Type]
	if len(rest) == 0 && len(parts) == 0 {
		is, ok = bad(e, word)
		if ok && word == "length" {
			return longest(e), is, ok
		}
		return goodLeaf(e), is, ok
	}
	values := goodParts(e, level)
	if len(rest) == 0 {
		return brokenWhole(e, values, word, level)
	}
	p := rest[0]
	i := p.N - 1
	sep := separator(level)
	usage := map[string]z22.Usage{"missing": z22.Required, "empty": z22.MayBeEmpty, "extra": z22.Forbidden}[word]
	if len(rest) == 1 && usage != "" {
		if !met(p.Element, e.Type, values, usage, level+1) {
			return "", "", false
		}
		settle(e.Type, values, p.N, level+1)
		wrong := slices.Clone(values)
		if word == "extra" {
			values[i], wrong[i] = "", good(p, level+1)
		} else {
			values[i], wrong[i] = good(p, level+1), ""
		}
		if !strings.HasPrefix(e.Type, "HD") && !strings.HasPrefix(e.Type, "EI") { // where one stands for the other
			settle(e.Type, wrong, p.N, level+1)
		}
		if strings.Join(wrong, "") == "" {
			filler(e, p, values, wrong, level)
		}
		return strings.Join(values, sep), strings.Join(wrong, sep), strings.Join(wrong, "") != ""
	}
	if p.Usage == z22.Conditional && usageAmong(p.Element, values) == z22.Forbidden &&
		!met(p.Element, e.Type, values, p.Then, level+1) {
		return "", "", false
	}
	if p.Usage == z22.Forbidden {
		return "", "", false
	}
	settle(e.Type, values, p.N, level+1)
	a, b, ok := breakAt(p, rest[1:], word, level+1)
	wrong := slices.Clone(values)
	values[i], wrong[i] = a, b
	settle(e.Type, values, p.N, level+1)
	settle(e.Type, wrong, p.N, level+1)
	return strings.Join(values, sep), strings.Join(wrong, sep), ok
}

// brokenWhole breaks a word of an element with parts.
func brokenWhole(e element, values []string, word string, level int) (was, is string, ok bool) {
	sep := separator(level)
	wrong := slices.Clone(values)
	switch word {
	case "code", "system":
		if set, coded := tableOf(e.Element); !coded || len(set.Codes) == 0 {
			return "", "", false
		}
		if word == "code" {
			wrong[0] = "\x27"
		} else {
			wrong[2] = "99ABC"
		}
	case "length":
		for i := range values {
			values[i] = values[i][:min(len(values[i]), 8)]
			wrong[i] = values[i]
		}
		for i, p := range z22.Get().Types[e.Type] {
			if len(strings.Join(wrong, sep)) <= e.MaxLength && wrong[i] == "" && p.Type == "ST" && p.Usage != z22.Forbidden && p.Usage != z22.Conditional {
				wrong[i] = letters(p.MaxLength)
			}
		}
		if len(strings.Join(wrong, sep)) <= e.MaxLength {
			return "", "", false
		}
	default:
		return "", "", false
	}
	return strings.Join(values, sep), strings.Join(wrong, sep), true
}

// extraSegments are good examples of segments that the sound message has not,
// and what each stands behind.
func withSegment(name string) edit {
	return func(d doc) doc {
		if slices.ContainsFunc(d, func(l string) bool { return strings.HasPrefix(l, name) }) {
			return d
		}
		s, _ := z22.Get().Segment(name)
		fields := []string{name}
		for _, e := range s.Fields {
			value := ""
			if e.Usage == z22.Required {
				value = good(element{e, name}, 0)
			}
			fields = append(fields, value)
		}
		behind := map[string]string{"SFT": "MSH", "TQ1": "ORC", "NTE": "OBX"}[name]
		switch name {
		case "TQ2":
			d, behind = withSegment("TQ1")(d), "TQ1"
		case "PV2":
			d, behind = withSegment("PV1")(d), "PV1"
		case "IN2", "IN3":
			d, behind = withSegment("IN1")(d), "IN1"
		}
		if behind == "" {
			behind = "NK1"
		}
		return after(behind, strings.Join(fields, "|"))(d)
	}
}

// filler puts a value into another part, so that the element is there although
// the part at hand is not.
func filler(e, except element, values, wrong []string, level int) {
	for i, p := range z22.Get().Types[e.Type] {
		if p.N == except.N || slices.ContainsFunc(except.Condition, func(t z22.Term) bool { return t.Field == p.N }) {
			continue
		}
		if u := p.Usage; u == z22.Optional || u == z22.MayBeEmpty || u == z22.Conditional {
			if u == z22.Conditional && usageAmong(p, wrong) == z22.Forbidden && !strings.HasPrefix(e.Type, "HD") {
				continue
			}
			value := good(element{p, e.Type}, level+1)
			wrong[i] = value
			if u != z22.Conditional || usageAmong(p, values) != z22.Forbidden {
				values[i] = value
			}
			return
		}
	}
}
