package texas

import (
	"bytes"
	_ "embed" // what is known is data
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

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

// foretelling is an entry of an overlay's "predictions": the rules that foretell
// a code or a place. None: it is known to depend on what only the registry has.
type foretelling struct {
	Rules  []string `yaml:"rules"`
	Source string   `yaml:"source"`
}

// predictions lays an overlay's predictions over those already there; the entry
// of a key is replaced whole.
func (l *layer) predictions(node *yaml.Node) {
	var said map[string]foretelling
	if err := strictDecode(node, &said); err != nil {
		l.fail("predictions: %w", err)
		return
	}
	for _, key := range sortedKeys(said) {
		f := said[key]
		switch i := slices.IndexFunc(f.Rules, func(rule string) bool { return !ruleForm.MatchString(rule) }); {
		case !codeForm.MatchString(key) && !placeForm.MatchString(key):
			l.fail("predictions.%s: a code looks like IEE-519, a place like OBX-14", key)
		case i >= 0:
			l.fail("predictions.%s: a rule looks like N-01 or N-03.self", key)
		default:
			source := SourceOverride + l.name
			if f.Source != "" {
				source += ", " + f.Source
			}
			l.foretell(key, f.Rules, source)
		}
	}
}

// foretoldByCatalogue takes over what entries of the catalogue say: one place
// where it is written is enough.
func (l *layer) foretoldByCatalogue(node *yaml.Node) {
	var said map[string]struct {
		Foretold []string `yaml:"foretold"`
	}
	if err := node.Decode(&said); err != nil {
		return // the catalogue has said so
	}
	for _, code := range sortedKeys(said) {
		words := said[code].Foretold
		if words == nil || foretoldFault(words) != "" || !codeForm.MatchString(code) {
			continue
		}
		rules := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
			return w == registry.ForetoldNever || w == registry.ForetoldOwnData
		})
		l.foretell(code, rules, SourceOverride+l.name+", "+fmt.Sprintf("catalogue.%s.foretold", code))
	}
}

// foretell replaces the rules of a key; none is one entry without a rule.
func (l *layer) foretell(key string, rules []string, source string) {
	at := slices.IndexFunc(l.out.Foretold, func(f registry.Foretold) bool { return f.Key == key })
	l.out.Foretold = slices.DeleteFunc(l.out.Foretold, func(f registry.Foretold) bool { return f.Key == key })
	if at < 0 {
		at = len(l.out.Foretold)
	}
	if len(rules) == 0 {
		rules = []string{""}
	}
	var entries []registry.Foretold
	for _, rule := range slices.Compact(slices.Sorted(slices.Values(rules))) {
		entries = append(entries, registry.Foretold{Key: key, Rule: rule, Source: source})
	}
	l.out.Foretold = slices.Insert(l.out.Foretold, at, entries...)
}
