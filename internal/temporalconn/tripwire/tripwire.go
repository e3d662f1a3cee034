// Package tripwire says no to payloads that must never enter Temporal's
// history: large ones, and ones that look like HL7. No such payload is meant to
// exist; the wire is there for the day when a bug makes one.
//
// The data converter refuses such a payload wherever it comes from. In workflow
// code that is too late: a refused argument makes the workflow task fail and be
// retried for ever, without a word to anybody. A workflow therefore measures an
// input with [MeasureInput] first and turns a refusal into a hold.
//
// The package is standard library only and deterministic, so that workflows may
// import it. It must not do I/O, and its errors must not quote what they saw.
package tripwire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// MaxBytes is the size of the largest payload, after encoding to JSON and
// before encryption. References, digests and counts need a fraction of it.
const MaxBytes = 8 << 10

// Rule names what a payload broke.
type Rule string

// The rules.
const (
	// TooLarge: more than MaxBytes.
	TooLarge Rule = "payload-too-large"
	// LooksLikeHL7: a segment of an HL7 message or its encoding characters.
	LooksLikeHL7 Rule = "payload-looks-like-hl7"
	// HL7InBase64: the same, under base64, as Go encodes []byte in JSON.
	HL7InBase64 Rule = "payload-holds-hl7-in-base64"
	// NotEncodable: no JSON can be made of it.
	NotEncodable Rule = "payload-cannot-be-encoded"
)

// Error is a refusal. It names the rule and the size and never the content.
type Error struct {
	Rule Rule
	// Size is the length of the payload in bytes; 0 where it is not known.
	Size int
}

// Error is one sentence for logs and holds.
func (e *Error) Error() string {
	if e.Rule == TooLarge {
		return fmt.Sprintf("refused for history: %s (%d bytes, at most %d)", e.Rule, e.Size, MaxBytes)
	}
	return fmt.Sprintf("refused for history: %s", e.Rule)
}

// MeasureInput applies the rules to in as the data converter would encode it.
// It returns an [*Error] or nil.
func MeasureInput(in any) error {
	// The checker sees the runtime below json.Marshal. Its result depends on
	// the value alone: it sorts the keys of maps.
	//workflowcheck:ignore
	data, err := json.Marshal(in)
	if err != nil {
		return &Error{Rule: NotEncodable} // the cause may quote a value
	}
	return Check(data)
}

// Check applies the rules to an encoded payload. It returns an [*Error] or nil.
func Check(data []byte) error {
	if len(data) > MaxBytes {
		return &Error{Rule: TooLarge, Size: len(data)}
	}
	if rule := look(data); rule != "" {
		return &Error{Rule: rule, Size: len(data)}
	}
	return nil
}

// LooksRisky reports whether text looks like HL7, of whatever size it is. It is
// meant for texts that must get through in some form, such as error messages.
func LooksRisky(text string) bool { return look([]byte(text)) != "" }

// look searches data as it stands, with its JSON escapes undone, and what
// either holds in base64.
func look(data []byte) Rule {
	for _, view := range [][]byte{data, unescape(data)} {
		if hasMark(view) {
			return LooksLikeHL7
		}
		if marksInBase64(view) {
			return HL7InBase64
		}
	}
	return ""
}

// marks are what no reference, digest, count or sentence of ours contains: the
// segments that begin files, batches and messages or that carry patients and
// doses, with HL7's usual separator, and the usual encoding characters, which
// give away a message with another separator. There is no look at what stands
// before a mark: a false alarm is a bug report, a miss is a breach.
var marks = [][]byte{
	[]byte("MSH|"), []byte("FHS|"), []byte("BHS|"), []byte("PID|"), []byte("PD1|"), []byte("NK1|"),
	[]byte("ORC|"), []byte("RXA|"), []byte("RXR|"), []byte("OBX|"), []byte("MSA|"), []byte("ERR|"),
	[]byte(`^~\&`),
}

func hasMark(b []byte) bool {
	for _, m := range marks {
		if bytes.Contains(b, m) {
			return true
		}
	}
	return false
}

// unescape undoes JSON's escapes until none is left, also those of JSON within
// JSON. It need not be exact: it only has to show what a reader would see.
func unescape(b []byte) []byte {
	for range 4 {
		if bytes.IndexByte(b, '\\') < 0 {
			return b
		}
		b = unescapeOnce(b)
		if hasMark(b) {
			return b
		}
	}
	return b
}

func unescapeOnce(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			if r, ok := hex4(b[i+1:]); ok {
				out = append(out, string(r)...)
				i += 4
				continue
			}
			out = append(out, 'u')
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// marksInBase64 decodes every run of base64 in b, at each of the four ways that
// it may be cut from a longer run. Line ends within a run are skipped.
func marksInBase64(b []byte) bool {
	run := make([]byte, 0, len(b))
	flush := func() bool {
		defer func() { run = run[:0] }()
		return runHasMark(run)
	}
	for _, c := range b {
		switch {
		case c == '-':
			run = append(run, '+') // base64 for URLs
		case c == '_':
			run = append(run, '/')
		case isBase64(c):
			run = append(run, c)
		case c == '\r' || c == '\n':
		default:
			if flush() {
				return true
			}
		}
	}
	return flush()
}

// shortest is the length below which base64 cannot hold a mark of four bytes.
const shortest = 6

func runHasMark(run []byte) bool {
	if len(run) < shortest {
		return false
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(run)))
	for cut := range 4 {
		part := run[cut:]
		if len(part)%4 == 1 {
			part = part[:len(part)-1] // a single letter is no byte
		}
		n, err := base64.RawStdEncoding.Decode(out, part)
		if err == nil && hasMark(out[:n]) {
			return true
		}
	}
	return false
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}
