package hl7

import "bytes"

// Delims are the delimiters that a message announces in its first eight bytes.
type Delims struct {
	Field, Component, Repetition, Escape, Sub byte
}

// StandardDelims are the recommended delimiters |^~\& (HL7 v2.5.1, 2.5.4).
var StandardDelims = Delims{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Sub: '&'}

// parseDelims reads MSH-1 and MSH-2. What is missing or nonsense (a letter, a
// control character, the same byte twice) falls back to the standard delimiter
// as a whole set, and ok is false.
func parseDelims(header []byte) (d Delims, ok bool) {
	if len(header) < 4 || !delimiter(header[3]) {
		return StandardDelims, false
	}
	d = StandardDelims
	d.Field = header[3]
	enc := header[4:]
	if i := bytes.IndexByte(enc, d.Field); i >= 0 {
		enc = enc[:i]
	}
	into := [...]*byte{&d.Component, &d.Repetition, &d.Escape, &d.Sub}
	for i := range min(len(enc), len(into)) {
		*into[i] = enc[i]
	}
	all := [...]byte{d.Field, d.Component, d.Repetition, d.Escape, d.Sub}
	for i, c := range all {
		if !delimiter(c) || bytes.IndexByte(all[:i], c) >= 0 {
			return StandardDelims, false
		}
	}
	return d, len(enc) == 4 || len(enc) == 5
}

// delimiter reports whether c can separate anything: printable, and neither a
// letter, a digit nor a blank.
func delimiter(c byte) bool {
	switch {
	case c <= ' ', c >= 0x7f:
		return false
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return false
	}
	return true
}
