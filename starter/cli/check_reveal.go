package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
)

// mayReveal refuses --reveal wherever a value could end up anywhere but on a
// screen.
func (a *app) mayReveal(o checkOptions) error {
	switch {
	case !o.reveal:
		return nil
	case a.output != outputText:
		return misused("--reveal shows patient data and goes with --output text only")
	case !a.env.IsTerminal:
		return misused("--reveal shows patient data on a terminal only, never in a file or a pipe")
	}
	return nil
}

const (
	// segmentWindow is how much of a segment is read again for its value.
	segmentWindow = 64 << 10
	// headerWindow is how far back the header of its message is looked for.
	headerWindow = 256 << 10
	// longestValue is how much of a value is shown, in characters.
	longestValue = 60
)

// value reads the file once more and says what stands at a place; "" where the
// place is no value. What a terminal would obey is shown as an escape.
func (d *desk) value(in input, p registry.Place) string {
	if !in.regular {
		return "(this file cannot be read a second time)"
	}
	f, err := os.Open(in.path)
	if err != nil {
		return "(cannot be read again: " + cause(in.path, err) + ")"
	}
	defer func() { _ = f.Close() }()
	text, err := valueAt(f, p)
	if err != nil {
		return "(cannot be read again: " + err.Error() + ")"
	}
	return text
}

// placePath are the paths of findings: RXA[2]-5.1, PID-3[2].5, FHS-2, PID.
var placePath = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})(?:\[\d+\])?(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?)?$`)

func valueAt(f io.ReaderAt, p registry.Place) (string, error) {
	line, err := lineAt(f, p.Offset)
	if err != nil {
		return "", err
	}
	if p.Path == "line" {
		return quoted(line), nil
	}
	parts := placePath.FindStringSubmatch(p.Path)
	if parts == nil || parts[2] == "" {
		return "", nil // a segment, or one that is missing
	}
	unit, err := hl7.NewReader(bytes.NewReader(append(append(headerBefore(f, p.Offset), '\r'), line...)), hl7.Limits{}).Next()
	if err != nil {
		return "", errors.New("the file has changed")
	}
	s := unit.Segment(parts[1])
	if s == nil || len(unit.Segments) > 1 && parts[1] == "MSH" {
		return "", errors.New("the file has changed")
	}
	field, _ := strconv.Atoi(parts[2])
	value := s.Field(field)
	if rep, _ := strconv.Atoi(parts[3]); rep > 0 || parts[4] != "" {
		value = nil
		for n, r := range s.Reps(field) {
			if n == max(rep, 1) {
				value = r.Bytes()
				if component, _ := strconv.Atoi(parts[4]); component > 0 {
					value = r.Component(component)
				}
			}
		}
	}
	if len(value) == 0 {
		return "(empty)", nil
	}
	return quoted(value), nil
}

// lineAt is the segment at an offset, without its end.
func lineAt(f io.ReaderAt, offset int64) ([]byte, error) {
	window := make([]byte, segmentWindow)
	n, err := f.ReadAt(window, offset)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("reading failed")
	}
	window = window[:n]
	if end := bytes.IndexAny(window, "\r\n"); end >= 0 {
		window = window[:end]
	}
	return window, nil
}

// headerBefore is the beginning of the message's header, for its delimiters.
// For a header itself it is empty; where it is too far away, it is an ordinary
// one.
func headerBefore(f io.ReaderAt, offset int64) []byte {
	const ordinary = `MSH|^~\&|`
	at := make([]byte, 3)
	if n, _ := f.ReadAt(at, offset); n == 3 && (string(at[1:]) == "HS" || string(at) == "MSH") {
		return nil
	}
	start := max(0, offset-headerWindow)
	window := make([]byte, offset-start)
	n, _ := f.ReadAt(window, start) // less than asked for gives the ordinary one
	window = window[:n]
	i := bytes.LastIndex(window, []byte("MSH"))
	for i > 0 && window[i-1] != '\r' && window[i-1] != '\n' && window[i-1] != '\v' {
		i = bytes.LastIndex(window[:i], []byte("MSH"))
	}
	if i < 0 || len(window)-i < len(ordinary) {
		return []byte(ordinary)
	}
	header := window[i:min(len(window), i+len(ordinary))]
	if end := bytes.IndexAny(header, "\r\n"); end >= 0 {
		header = header[:end]
	}
	return bytes.Clone(header)
}

// quoted makes a value harmless for a terminal: control characters, invisible
// and reordering ones, and bytes that are no text become escapes.
func quoted(value []byte) string {
	text := strconv.QuoteToGraphic(string(value))
	text = strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
	return short(strings.ReplaceAll(text, `\\`, `\`), longestValue)
}
