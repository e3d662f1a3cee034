package texas

import (
	_ "embed" // the layouts are data
	"fmt"
	"path"
	"slices"
	"strings"

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

// mappingFault says why m cannot be used, or returns "".
func mappingFault(m registry.ReportMapping) string {
	if strings.TrimSpace(m.Name) == "" {
		return "name: is missing"
	}
	if len(m.Columns) == 0 {
		return "columns: is missing"
	}
	for _, col := range sortedKeys(m.Columns) {
		if !slices.Contains(registry.ReportColumns(), col) {
			return fmt.Sprintf("columns.%s: one of %s", col, words(registry.ReportColumns()))
		}
		for _, p := range m.Columns[col] {
			if _, err := path.Match(p, ""); err != nil || strings.TrimSpace(p) == "" {
				return fmt.Sprintf("columns.%s: %q is not a pattern", col, p)
			}
		}
	}
	return ""
}
