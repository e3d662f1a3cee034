package conformance

import (
	"bytes"

	"immtrail/conformance/z22"
	"immtrail/hl7"
)

// What the profile asks of an element may depend on others.

// usageIn is the usage of a field in its segment.
func (n *node) usageIn(s *segment) z22.Usage {
	if n.usage != z22.Conditional {
		return n.usage
	}
	for i := range n.cond {
		t := &n.cond[i]
		v := s.Field(t.Field)
		if t.Part > 0 {
			v = s.Component(t.Field, t.Part)
		}
		if !meets(t, v) {
			return n.else_
		}
	}
	return n.then
}

func meets(t *z22.Term, v []byte) bool {
	if len(t.OneOf) == 0 {
		return hl7.Empty(v) == t.Not
	}
	for _, code := range t.OneOf {
		if string(v) == code {
			return !t.Not
		}
	}
	return t.Not
}

// dependsOn reports whether one of parts, a bit for each from 0, decides the
// usage of a component.
func (n *node) dependsOn(parts uint64) bool {
	for i := range n.cond {
		if parts>>(n.cond[i].Field-1)&1 == 1 {
			return true
		}
	}
	return false
}

// without are the parts, a bit for each from 0, that are absent where n is
// required: an identifier is, where there is none of the other kind.
func (n *node) without() (parts uint64) {
	for i := range n.cond {
		if t := &n.cond[i]; t.Not && len(t.OneOf) == 0 {
			parts |= 1 << (t.Field - 1)
		}
	}
	return parts
}

// usageAmong is the usage of a component beside its siblings.
func (n *node) usageAmong(parts *pieces, sub byte) z22.Usage {
	for i := range n.cond {
		t := &n.cond[i]
		v := parts.at(t.Field - 1)
		if t.Part > 0 {
			v = piece(v, sub, t.Part)
		}
		if !meets(t, v) {
			return n.else_
		}
	}
	return n.then
}

func piece(b []byte, sep byte, n int) []byte {
	for ; n > 1; n-- {
		i := bytes.IndexByte(b, sep)
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	if i := bytes.IndexByte(b, sep); i >= 0 {
		return b[:i]
	}
	return b
}
