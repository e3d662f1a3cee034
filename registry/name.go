package registry

import (
	"fmt"
	"strings"
	"time"
)

// RemoteName makes the name of a file at the registry. It is pure: the same
// input gives the same name, so that a retry cannot invent another one. The
// caller stores it before it is used.
//
// It returns an error of kind [Invalid] when the template or a value would
// give a name that is not plain ASCII letters, digits, "_", "-" and ".".
func RemoteName(f FileSettings, p *Practice, l Lane, date time.Time, seq int64) (string, error) {
	name := strings.NewReplacer(
		"{org}", p.OrgCode,
		"{iis}", p.IISID,
		"{lane}", f.Word(l),
		"{date}", date.Format("20060102"),
		"{time}", date.Format("150405"),
		"{seq}", fmt.Sprintf("%06d", seq),
	).Replace(f.NameTemplate)
	if err := CheckRemoteName(name); err != nil {
		return "", err
	}
	return name, nil
}

// Word is what {lane} becomes in the name of a file of lane l.
func (f FileSettings) Word(l Lane) string {
	switch l {
	case LaneTest:
		return f.TestWord
	case LaneProduction:
		return f.ProductionWord
	case LaneHistorical:
		return f.HistoricalWord
	}
	return ""
}

// CheckRemoteName refuses names that are not a plain base name: names from a
// template as well as names from a listing, where a hostile server could send
// "../", an absolute path or control characters. The error does not repeat the
// name.
func CheckRemoteName(name string) error { return CheckListedName(name, "") }

// NameCharacters are all that a profile may allow in names of the registry's own
// files beside those of [CheckRemoteName]: none that leads out of a folder, is
// an option, a pattern or a quote, or does something to a terminal.
const NameCharacters = " ()[]+,=@#&~"

// CheckNameCharacters refuses what is none of [NameCharacters]. Kind [Invalid].
func CheckNameCharacters(also string) error {
	for _, r := range also {
		if !strings.ContainsRune(NameCharacters, r) {
			return Errorf(Invalid, "remote name", "%q may not be allowed in names", r)
		}
	}
	return nil
}

// CheckListedName is [CheckRemoteName] for names that the registry chose, with
// the characters that its profile allows too. Blanks stand single and inside,
// since servers lose the others in their listings.
func CheckListedName(name, also string) error {
	if name == "" || len(name) > 200 || name == "." || name == ".." || name[0] == '-' || name[0] == '.' {
		return Errorf(Invalid, "remote name", "not a plain file name (%d bytes)", len(name))
	}
	if err := CheckNameCharacters(also); err != nil {
		return err
	}
	if strings.TrimSpace(name) != name || strings.Contains(name, "  ") {
		return Errorf(Invalid, "remote name", "begins or ends with a blank, or holds two in a row")
	}
	for _, r := range name {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '_' || r == '-' || r == '.' || strings.ContainsRune(also, r)
		if !plain {
			return Errorf(Invalid, "remote name", "holds a character other than letters, digits, _ - . and those of transfer.name_characters")
		}
	}
	return nil
}
