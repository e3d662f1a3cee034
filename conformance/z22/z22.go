package z22

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed z22.txt
var table string

// Usage is what a profile asks of an element.
type Usage string

// The usages of HL7 v2.5.1 2.B.7.4. B (backward compatible) is read as O.
const (
	Required    Usage = "R"
	MayBeEmpty  Usage = "RE" // to be sent where it is known
	Optional    Usage = "O"
	Forbidden   Usage = "X"
	Conditional Usage = "C"
)

// A Term is one part of a condition; all parts must hold.
type Term struct {
	// Segment is empty for a sibling; otherwise the segment of the same group.
	Segment string
	// Field is a field number in conditions of fields, a component number in
	// those of components; Part is one level below, 0 for the whole.
	Field, Part int
	// Not turns the term around.
	Not bool
	// OneOf are the values asked for; none asks for any value.
	OneOf []string
}

// An Element is a field, a component or a subcomponent.
type Element struct {
	// N is its position, from 1.
	N     int
	Usage Usage
	// Then and Else are the usages of a conditional element where its
	// condition holds and where it does not.
	Then, Else Usage
	Condition  []Term
	// Max is how often a field may come; 0 is any number.
	Max int
	// MinLength and MaxLength count characters; 0 is no limit.
	MinLength, MaxLength int
	// Type is a data type, such as CE_IZ or NM.
	Type string
	// Tables are the code tables that a code may come from.
	Tables []string
	// Name is HL7's own, in small letters.
	Name string
}

// A Segment is a segment of the profile.
type Segment struct {
	Name   string
	Usage  Usage
	Fields []Element
	// Cases are the data types that field 5 of OBX takes by OBX-2.
	Cases []Case
}

// A Case is one of the types of a field whose type varies.
type Case struct{ Value, Type string }

// A Set is a code table.
type Set struct {
	Name string
	// Open tables may be extended by their users.
	Open bool
	// Systems are the names of coding systems that its codes belong to.
	Systems []string
	Codes   []string
}

// A Constraint is one of NIST's numbered conformance statements. Several have
// the same ID.
type Constraint struct{ ID, Owner, Target, Says string }

// Profile is the whole table.
type Profile struct {
	// Types are the data types that have components.
	Types       map[string][]Element
	Segments    []Segment
	Sets        map[string]Set
	Constraints []Constraint
}

// Get parses the embedded table, once.
var Get = sync.OnceValue(func() *Profile {
	p, err := parse(table)
	if err != nil {
		panic(err) // the table is part of the program, and a test reads it
	}
	return p
})

func parse(text string) (*Profile, error) {
	p := &Profile{Types: map[string][]Element{}, Sets: map[string]Set{}}
	typeName := ""
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		w := strings.Fields(line)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		ok := true
		switch {
		case w[0] == "type" && len(w) == 2:
			typeName = w[1]
		case w[0] == "segment" && len(w) == 4:
			typeName = ""
			p.Segments = append(p.Segments, Segment{Name: w[1], Usage: Usage(w[2])})
		case w[0] == "case" && len(w) == 4 && len(p.Segments) > 0:
			s := &p.Segments[len(p.Segments)-1]
			s.Cases = append(s.Cases, Case{w[2], w[3]})
		case w[0] == "constraint" && len(w) >= 5:
			p.Constraints = append(p.Constraints, Constraint{w[1], w[2], w[3], strings.Join(w[4:], " ")})
		case w[0] == "set" && len(w) >= 5:
			p.Sets[w[1]] = Set{Name: w[1], Open: w[2] == "open", Systems: strings.Split(w[3], "+"), Codes: w[4:]}
		default:
			var e Element
			if e, ok = element(w); ok {
				ok = p.add(typeName, e)
			}
		}
		if !ok {
			return nil, fmt.Errorf("z22.txt: line %d is not understood", n)
		}
	}
	return p, nil
}

func (p *Profile) add(typeName string, e Element) bool {
	if typeName != "" {
		p.Types[typeName] = append(p.Types[typeName], e)
		return e.N == len(p.Types[typeName])
	}
	if len(p.Segments) == 0 {
		return false
	}
	s := &p.Segments[len(p.Segments)-1]
	s.Fields = append(s.Fields, e)
	return e.N == len(s.Fields)
}

func element(w []string) (e Element, ok bool) {
	if len(w) < 8 {
		return e, false
	}
	n, err := strconv.Atoi(w[0])
	if err != nil {
		return e, false
	}
	e = Element{N: n, Type: w[4], Name: strings.Join(w[7:], " ")}
	if e.Usage, e.Then, e.Else, ok = usages(w[1]); !ok {
		return e, false
	}
	if w[2] != "*" && w[2] != "-" {
		e.Max, _ = strconv.Atoi(w[2])
	}
	low, high, ranged := strings.Cut(w[3], "..")
	if !ranged {
		low, high = "", low
	}
	e.MinLength, _ = strconv.Atoi(low)
	e.MaxLength, _ = strconv.Atoi(high)
	if w[5] != "-" {
		e.Tables = strings.Split(w[5], "+")
	}
	if w[6] != "-" {
		for part := range strings.SplitSeq(w[6], "&") {
			e.Condition = append(e.Condition, term(part))
		}
	}
	return e, (e.Usage == Conditional) == (len(e.Condition) > 0)
}

// usages reads "R" or "C(R/X)". A "C" without a condition is NIST's for
// elements that only HL7 itself makes conditional, without saying when.
func usages(s string) (usage, then, otherwise Usage, ok bool) {
	switch s {
	case "R", "RE", "O", "X":
		return Usage(s), "", "", true
	case "B", "C":
		return Optional, "", "", true
	}
	inner, found := strings.CutPrefix(strings.TrimSuffix(s, ")"), "C(")
	a, b, cut := strings.Cut(inner, "/")
	return Conditional, Usage(a), Usage(b), found && cut
}

func term(s string) Term {
	var t Term
	s, t.Not = strings.CutPrefix(s, "!")
	path, values, compared := strings.Cut(s, "=")
	if compared {
		path, t.Not = strings.CutSuffix(path, "!")
		t.OneOf = strings.Split(values, ",")
	}
	if segment, rest, other := strings.Cut(path, "-"); other {
		t.Segment, path = segment, rest
	}
	field, part, _ := strings.Cut(path, ".")
	t.Field, _ = strconv.Atoi(field)
	t.Part, _ = strconv.Atoi(part)
	return t
}

// Segment returns a segment of the profile by name.
func (p *Profile) Segment(name string) (s Segment, ok bool) {
	for _, s := range p.Segments {
		if s.Name == name {
			return s, true
		}
	}
	return Segment{}, false
}
