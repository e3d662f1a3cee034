package hl7

import (
	"bytes"
	"encoding/hex"
)

// Unescape resolves HL7 escape sequences (\F\ \S\ \T\ \R\ \E\ and \Xhh..\) in
// a value. Formatting escapes (\H\, \.br\) and broken ones stay as they are.
// Without an escape character the value itself comes back.
func Unescape(b []byte, d Delims) []byte {
	if bytes.IndexByte(b, d.Escape) < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != d.Escape {
			out = append(out, b[i])
			continue
		}
		n := bytes.IndexByte(b[i+1:], d.Escape)
		if n < 0 {
			return append(out, b[i:]...)
		}
		text, ok := unescapeOne(b[i+1:i+1+n], d)
		if !ok {
			text = b[i : i+n+2]
		}
		out = append(out, text...)
		i += n + 1
	}
	return out
}

func unescapeOne(code []byte, d Delims) ([]byte, bool) {
	if len(code) == 1 {
		switch code[0] {
		case 'F':
			return []byte{d.Field}, true
		case 'S':
			return []byte{d.Component}, true
		case 'T':
			return []byte{d.Sub}, true
		case 'R':
			return []byte{d.Repetition}, true
		case 'E':
			return []byte{d.Escape}, true
		}
		return nil, false
	}
	if len(code) > 1 && code[0] == 'X' {
		text, err := hex.DecodeString(string(code[1:]))
		return text, err == nil
	}
	return nil, false
}

// Escape makes s safe inside a component of a message with standard
// delimiters. Line ends, which no escape of a name or an ID needs, become blanks.
func Escape(s string) string {
	var b bytes.Buffer
	for i := range len(s) {
		switch c := s[i]; c {
		case '|':
			b.WriteString(`\F\`)
		case '^':
			b.WriteString(`\S\`)
		case '~':
			b.WriteString(`\R\`)
		case '\\':
			b.WriteString(`\E\`)
		case '&':
			b.WriteString(`\T\`)
		case '\r', '\n':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
