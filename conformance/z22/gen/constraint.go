package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// node is an XML element of an assertion or a condition.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (n node) child(name string) node {
	for _, c := range n.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return node{}
}

type constraints struct {
	Predicates  node `xml:"Predicates"`
	Constraints node `xml:"Constraints"`
}

// predicate is a usage that depends on a condition.
type predicate struct{ usage, condition string }

// predicates are keyed by owner and position: "XTN_IZ 4", "PID_IZ 1_5 25".
// NIST writes the one that looks across segments twice: a dummy at the segment
// to be shown, and the real one at the group. The real one is taken.
func predicates(c *constraints) (map[string]predicate, error) {
	found := map[string]predicate{}
	for _, level := range c.Predicates.Children {
		for _, owner := range level.Children {
			for _, p := range owner.Children {
				cond := p.child("Condition")
				if len(cond.Children) != 1 {
					return nil, fmt.Errorf("predicate %s: no single condition", p.attr("ID"))
				}
				key, where := owner.attr("ID")+" "+plain(p.attr("Target")), ""
				if level.XMLName.Local == "Group" {
					key, where = "ORC_IZ 1_5 12", "RXA-"
				}
				text, err := condition(cond.Children[0], where)
				if err != nil {
					return nil, fmt.Errorf("predicate %s: %w", p.attr("ID"), err)
				}
				found[key] = predicate{
					usage: "C(" + p.attr("TrueUsage") + "/" + p.attr("FalseUsage") + ")", condition: text,
				}
			}
		}
	}
	return found, nil
}

// plain turns NIST's 9[1].1[1] into 9.1.
func plain(path string) string {
	return strings.NewReplacer("[1]", "", "[*]", "").Replace(path)
}

// condition writes "4", "!2", "!2.1&!3", "2=NET", "2!=NET", "20=CP,PA".
func condition(n node, where string) (string, error) {
	at := where + strings.TrimPrefix(plain(n.attr("Path")), map[bool]string{true: "3."}[where != ""])
	switch n.XMLName.Local {
	case "Presence":
		return at, nil
	case "PlainText":
		return at + "=" + n.attr("Text"), nil
	case "StringList":
		return at + "=" + n.attr("CSV"), nil
	case "NOT":
		inner, err := condition(n.Children[0], where)
		if name, value, ok := strings.Cut(inner, "="); ok {
			return name + "!=" + value, err
		}
		return "!" + inner, err
	case "AND":
		return both(n, where)
	case "OR":
		return "always", nil // the dummy: valued or not valued
	}
	return "", fmt.Errorf("a condition of kind %s", n.XMLName.Local)
}

// both joins two conditions; "valued and equal to" says no more than "equal to".
func both(n node, where string) (string, error) {
	var parts []string
	for _, c := range n.Children {
		part, err := condition(c, where)
		if err != nil {
			return "", err
		}
		parts = append(parts, strings.Split(part, "&")...)
	}
	var kept []string
	for i, p := range parts {
		implied := false
		for j, other := range parts {
			implied = implied || (i != j && strings.HasPrefix(other, p+"="))
		}
		if !implied {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "&"), nil
}

// writeConstraints writes "constraint ID owner target what": the simple ones as
// "=TEXT" or "~form", the others as "by hand".
func writeConstraints(w io.Writer, c *constraints) {
	fmt.Fprintln(w)
	for _, level := range c.Constraints.Children {
		for _, owner := range level.Children {
			name := owner.attr("ID")
			if level.XMLName.Local == "Message" {
				name = "message"
			}
			for _, k := range owner.Children {
				fmt.Fprintf(w, "constraint %s %s %s %s\n", k.attr("ID"), strings.Fields(name)[0], plain(k.attr("Target")), assertion(k.child("Assertion")))
			}
		}
	}
}

func assertion(a node) string {
	if len(a.Children) != 1 {
		return "by hand"
	}
	n := a.Children[0]
	switch n.XMLName.Local {
	case "PlainText":
		return "=" + n.attr("Text")
	case "Format":
		switch re := n.attr("Regex"); {
		case strings.HasPrefix(re, `[0-2](\.`):
			return "~oid"
		case strings.Contains(re, "ZZZZ"), strings.Contains(re, `(\+|\-)`):
			return "~second-and-zone"
		default:
			return "~day"
		}
	case "SimpleValue":
		return "~positive"
	}
	return "by hand"
}
