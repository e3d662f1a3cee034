package ftps

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"immtrail/registry"
	"immtrail/transfer"
)

// listBudget in bytes is more than 100,000 names. A folder of reports holds
// hundreds.
const listBudget = 16 << 20

// facts is one line of MLSD or MLST (RFC 3659): "type=file;size=3; name".
type facts struct {
	name string
	seen transfer.Seen
	// self is the folder itself or its parent.
	self bool
}

// parseFacts reads a line. What is not said to be a file is none: servers call
// links by names of their own (OS.unix=slink).
func parseFacts(line string) (facts, bool) {
	list, name, ok := strings.Cut(line, " ")
	if !ok || !strings.HasSuffix(list, ";") || name == "" {
		return facts{}, false
	}
	f := facts{name: name, seen: transfer.Seen{Exists: true}}
	for fact := range strings.SplitSeq(strings.TrimSuffix(list, ";"), ";") {
		key, value, ok := strings.Cut(fact, "=")
		if !ok {
			return facts{}, false
		}
		switch strings.ToLower(key) {
		case "type":
			kind := strings.ToLower(value)
			f.seen.Regular = kind == "file"
			f.self = kind == "cdir" || kind == "pdir"
		case "size":
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < 0 {
				return facts{}, false
			}
			f.seen.Size = size
		case "modify":
			whole, _, _ := strings.Cut(value, ".")
			at, err := time.Parse("20060102150405", whole)
			if err != nil {
				return facts{}, false
			}
			f.seen.ModTime = at
		}
	}
	return f, true
}

// parseMLSD reads a listing. A line that is none is the rest of a name with a
// line break: it is refused together with the line before it.
func parseMLSD(raw []byte) []facts {
	var all []facts
	for line := range bytes.Lines(raw) {
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if text == "" {
			continue
		}
		f, ok := parseFacts(text)
		if !ok {
			if len(all) > 0 {
				all[len(all)-1].name += "\n" + text // no plain name
			} else {
				all = append(all, facts{name: "\n" + text, seen: transfer.Seen{Exists: true, Regular: true}})
			}
			continue
		}
		if !f.self {
			all = append(all, f)
		}
	}
	return all
}

// parseMLST reads the reply to MLST: one line of facts between two others.
func parseMLST(reply string) (transfer.Seen, bool) {
	lines := strings.Split(strings.TrimSpace(reply), "\n")
	for _, line := range lines[1:max(1, len(lines)-1)] {
		if f, ok := parseFacts(strings.TrimSpace(line)); ok {
			return f.seen, true
		}
	}
	return transfer.Seen{}, false
}

// add puts one name where it belongs.
func add(l *transfer.Listing, name string, seen transfer.Seen, also string) {
	switch {
	case !seen.Regular:
		l.Skipped++
	case registry.CheckListedName(name, also) != nil:
		l.Refuse(name)
	default:
		l.Entries = append(l.Entries, transfer.Entry{Name: name, Size: seen.Size, ModTime: seen.ModTime})
	}
}
