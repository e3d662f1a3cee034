package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with the settings.
type Fault struct {
	// Key is the setting, such as "temporal.address".
	Key string `json:"key"`
	// Place is where it stands: file and line, a variable, or "not set".
	Place string `json:"place"`
	// Words say what is wrong and what to write instead. They never repeat the
	// value of a secret.
	Words string `json:"words"`
}

func (f Fault) String() string { return fmt.Sprintf("%s (%s): %s", f.Key, f.Place, f.Words) }

// Faults is every fault at once; it is the error of [Load] and
// [Config.Validate].
type Faults []Fault //nolint:errname // a list first; that it is an error comes second

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = "  " + fault.String()
	}
	noun := "faults"
	if len(f) == 1 {
		noun = "fault"
	}
	return fmt.Sprintf("the settings have %d %s:\n%s", len(f), noun, strings.Join(lines, "\n"))
}

// orNil keeps an empty list from becoming a non-nil error.
func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
