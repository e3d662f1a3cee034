package texas

import (
	"bytes"
	_ "embed" // what is known is data
	"encoding/csv"
	"regexp"

	"immtrail/registry"
)

//go:embed predicts.csv
var predictsCSV []byte

var placeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}(-\d{1,2})?$`)

// foretold lists which rules of our checker are known to foretell which codes of
// the registry's answers, or places where an answer has no code. A key may
// stand several times; one without a rule is known to depend on what only the
// registry has.
func foretold() ([]registry.Foretold, error) {
	const op = "predictions"
	rows, err := csv.NewReader(bytes.NewReader(predictsCSV)).ReadAll()
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, op, "predicts.csv: %w", err)
	}
	var out []registry.Foretold
	seen := map[[2]string]bool{}
	for i, row := range rows[1:] {
		f := registry.Foretold{Key: row[0], Rule: row[1], Source: row[2]}
		switch {
		case !codeForm.MatchString(f.Key) && !placeForm.MatchString(f.Key):
			return nil, registry.Errorf(registry.Invalid, op, "predicts.csv: line %d: a code looks like IEE-519, a place like OBX-14", i+2)
		case f.Rule != "" && !ruleForm.MatchString(f.Rule):
			return nil, registry.Errorf(registry.Invalid, op, "predicts.csv: line %d: a rule looks like N-01 or N-03.self", i+2)
		case f.Source == "" || seen[[2]string{f.Key, f.Rule}]:
			return nil, registry.Errorf(registry.Invalid, op, "predicts.csv: line %d: it has no source, or stands twice", i+2)
		}
		seen[[2]string{f.Key, f.Rule}] = true
		out = append(out, f)
	}
	return out, nil
}
