package texas

import (
	_ "embed" // the checklist is data
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

//go:embed prerequisites.yaml
var prerequisitesYAML []byte

// prerequisiteOwners are those who may owe an item.
var prerequisiteOwners = []string{"practice", "EHR vendor", "registry", "you"}

var prerequisiteKey = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)

func builtinPrerequisites() ([]registry.Prerequisite, error) {
	var rows []registry.Prerequisite
	if err := yaml.Unmarshal(prerequisitesYAML, &rows); err != nil {
		return nil, registry.Errorf(registry.Invalid, "profile texas", "prerequisites.yaml: %w", err)
	}
	return rows, nil
}

// prerequisites lays the overlay's rows over those with the same key, field by
// field, and appends the others.
func (l *layer) prerequisites(node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		l.fail("prerequisites: wants rows such as [{key: intent, required: false}]")
		return
	}
	rows := slices.Clone(l.out.Profile.Prerequisites)
	for i, n := range node.Content {
		var head struct {
			Key string `yaml:"key"`
		}
		if err := n.Decode(&head); err != nil || head.Key == "" {
			l.fail("prerequisites[%d]: needs its key", i)
			return
		}
		at := slices.IndexFunc(rows, func(r registry.Prerequisite) bool { return r.Key == head.Key })
		if at < 0 {
			rows = append(rows, registry.Prerequisite{Source: "default"})
			at = len(rows) - 1
		}
		if err := strictDecode(n, &rows[at]); err != nil {
			l.fail("prerequisites[%d] (%s): %w", i, head.Key, err)
			return
		}
		if why := prerequisiteFault(rows[at]); why != "" {
			l.fail("prerequisites[%d] (%s): %s", i, head.Key, why)
			return
		}
	}
	l.out.Profile.Prerequisites = rows
}

// prerequisiteFault says what is wrong with a row, or "".
func prerequisiteFault(r registry.Prerequisite) string {
	switch {
	case !prerequisiteKey.MatchString(r.Key):
		return "key: lower-case letters, digits and hyphens, at most 31"
	case !oneLineText(r.Says):
		return "says: one line of text"
	case !slices.Contains(prerequisiteOwners, r.Owner):
		return fmt.Sprintf("owner: one of %s", words(prerequisiteOwners))
	case !slices.Contains(registry.Proofs(), r.Proof):
		return fmt.Sprintf("proof: none, or one of %s", words(registry.Proofs()[1:]))
	case r.Proof == registry.ProofPrescribers && !r.PerSite:
		return "proof: prescribers are those of a site; set per_site"
	}
	return ""
}
