package texas

import (
	_ "embed" // the layouts are data
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"immtrail/registry"
)

//go:embed mappings.yaml
var mappingsYAML []byte

func builtinMappings() ([]registry.ReportMapping, error) {
	var ms []registry.ReportMapping
	if err := yaml.Unmarshal(mappingsYAML, &ms); err != nil {
		return nil, registry.Errorf(registry.Invalid, "profile texas", "mappings.yaml: %w", err)
	}
	return ms, nil
}

// MappingFault says why m cannot be used, or returns "".
func MappingFault(m registry.ReportMapping) string { return mappingFault(m) }

// HeaderPattern writes a header's text as mappings compare it: lower case, runs
// of everything but letters, digits and "*" made one blank.
func HeaderPattern(header string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(header), func(r rune) bool {
		return r != '*' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// mappingFault says why m cannot be used, or returns "".
func mappingFault(m registry.ReportMapping) string {
	if strings.TrimSpace(m.Name) == "" {
		return "name: is missing"
	}
	if len(m.Columns) == 0 && len(m.Lines) == 0 && len(m.Sections) == 0 {
		return "columns: is missing"
	}
	for _, col := range sortedKeys(m.Columns) {
		if !slices.Contains(registry.ReportColumns(), col) {
			return fmt.Sprintf("columns.%s: one of %s", col, words(registry.ReportColumns()))
		}
		for _, p := range m.Columns[col] {
			if fault := patternFault(p); fault != "" {
				return fmt.Sprintf("columns.%s: %s", col, fault)
			}
		}
	}
	for i, section := range m.Sections {
		if fault := patternFault(section.Heading); fault != "" {
			return fmt.Sprintf("sections[%d].heading: %s", i, fault)
		}
		if section.Outcome == "" && !section.Code && !section.File {
			return fmt.Sprintf("sections[%d]: an outcome, code: true or file: true is missing", i)
		}
		if section.Outcome != "" && !slices.Contains(sectionOutcomes, section.Outcome) {
			return fmt.Sprintf("sections[%d].outcome: one of %s", i, words(sectionOutcomes))
		}
	}
	if m.Block != "" {
		if fault := patternFault(m.Block); fault != "" {
			return "block: " + fault
		}
	}
	for i, p := range m.Ignore {
		if fault := patternFault(p); fault != "" {
			return fmt.Sprintf("ignore[%d]: %s", i, fault)
		}
	}
	return linesFault(m.Lines)
}

// sectionOutcomes are what a heading may say of the rows below it.
var sectionOutcomes = []registry.Outcome{
	registry.OutcomeAccepted, registry.OutcomeWarned, registry.OutcomeDoseRejected,
	registry.OutcomePatientRejected, registry.OutcomeMessageRejected,
}

func patternFault(p string) string {
	if _, err := path.Match(p, ""); err != nil || strings.TrimSpace(p) == "" {
		return fmt.Sprintf("%q is not a pattern", p)
	}
	return ""
}

// linesFault wants every expression to compile, to name a record or a code,
// and to name nothing else than columns.
func linesFault(lines []string) string {
	for i, expr := range lines {
		form, err := regexp.Compile(expr)
		if err != nil {
			return fmt.Sprintf("lines[%d]: is not a regular expression", i)
		}
		named := 0
		for _, name := range form.SubexpNames() {
			if name == "" {
				continue
			}
			named++
			if !slices.Contains(registry.ReportColumns(), registry.ReportColumn(name)) {
				return fmt.Sprintf("lines[%d]: the group %s is none of %s", i, name, words(registry.ReportColumns()))
			}
		}
		if named == 0 {
			return fmt.Sprintf("lines[%d]: names no group such as (?P<control_id>\\S+)", i)
		}
	}
	return ""
}
