package texas_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
)

func TestForetold(t *testing.T) {
	loaded, err := texas.Load()
	require.NoError(t, err)
	rules := map[string][]string{}
	for _, f := range loaded.Foretold {
		rules[f.Key] = append(rules[f.Key], f.Rule)
	}
	require.Equal(t, []string{"N-01"}, rules["IEE-519"])
	require.Equal(t, []string{"N-03.area", "N-03.nonumber", "N-03.phone", "P-10"}, rules["IEE-413"])
	require.Equal(t, []string{"B-08"}, rules["OBX-14"])
	require.Equal(t, []string{""}, rules["CLR-100"], "no file can show which consents the registry has")
	for key := range rules {
		if len(key) == 7 {
			require.Contains(t, loaded.Catalogue, key, "a code that is foretold is known")
		}
	}
}

func TestNameTemplateEnding(t *testing.T) {
	load := func(text string) error {
		_, err := texas.Load(texas.Overlay{Name: "texas.yaml", Data: []byte(text)})
		return err
	}
	t.Run("a template that does not end in .HL7 is refused with setting and remedy", func(t *testing.T) {
		err := load(`file.name_template: "{org}_{seq}.txt"`)
		require.ErrorContains(t, err, "texas.yaml: file.name_template")
		require.ErrorContains(t, err, ".HL7")
		require.ErrorContains(t, err, "F-01.extension")
	})
	t.Run("unless the profile says that DSHS wants it so", func(t *testing.T) {
		require.NoError(t, load("file.name_template: \"{org}_{seq}.txt\"\nrules.grades.F-01.extension: \"off\"\n"))
	})
}

func TestTheCatalogueForetellsWhatThePredictionsSay(t *testing.T) {
	loaded, err := texas.Load()
	require.NoError(t, err)
	rules := map[string][]string{}
	for _, f := range loaded.Foretold {
		if f.Rule != "" {
			rules[f.Key] = append(rules[f.Key], f.Rule)
		}
	}
	for _, code := range loaded.Catalogue.Codes() {
		e := loaded.Catalogue[code]
		require.NotEmpty(t, e.Scope, code)
		require.NotEmpty(t, e.Confidence, code)
		require.NotEmpty(t, e.Page, code)
		require.Equal(t, e.PerPatient, e.Scope == registry.ScopePatient && !e.Harmless, "%s: what is about a patient is one error for each", code)
		told := slices.DeleteFunc(slices.Clone(e.Foretold), func(w string) bool {
			return w == registry.ForetoldOwnData || w == registry.ForetoldNever
		})
		require.ElementsMatch(t, rules[code], told, "%s: catalogue.csv and predicts.csv", code)
	}
}

func TestCatalogueColumnsAreOverridable(t *testing.T) {
	load := func(text string) (*texas.Loaded, error) {
		return texas.Load(texas.Overlay{Name: "texas.yaml", Data: []byte("catalogue:\n  IMR-160: {owner: practice, meaning: M., remedy: R." + text + "}\n")})
	}
	loaded, err := load("")
	require.NoError(t, err)
	e := loaded.Catalogue["IMR-160"]
	require.Equal(t, registry.ScopeDose, e.Scope, "as its family says")
	require.Equal(t, []string{"never"}, e.Foretold)
	require.Equal(t, "low", e.Confidence)
	require.Equal(t, registry.PageUnknown, e.Page)
	loaded, err = load(", scope: patient, foretold: [own-data, N-01], confidence: high, page: consent")
	require.NoError(t, err)
	e = loaded.Catalogue["IMR-160"]
	require.Equal(t, registry.ScopePatient, e.Scope)
	require.Equal(t, []string{"own-data", "N-01"}, e.Foretold)
	for _, bad := range []string{", scope: aunt", ", foretold: [never, N-01]", ", foretold: [n]", ", confidence: sure", ", page: A b"} {
		_, err := load(bad)
		require.Error(t, err, bad)
	}
}

func TestPredictionsAreOverridable(t *testing.T) {
	load := func(text string) (*texas.Loaded, error) {
		return texas.Load(texas.Overlay{Name: "texas.yaml", Data: []byte(text)})
	}
	rules := func(l *texas.Loaded, key string) (out []string) {
		for _, f := range l.Foretold {
			if f.Key == key {
				out = append(out, f.Rule)
			}
		}
		return out
	}
	plain, err := load("")
	require.NoError(t, err)
	l, err := load("predictions:\n  IEE-413: {rules: [P-10, P-10.area], source: 'letter of 2026-10-01'}\n  IMR-131: {rules: [R-12]}\n  PID-3: {rules: [P-03]}\n  IEE-519: {rules: []}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"P-10", "P-10.area"}, rules(l, "IEE-413"), "an entry is replaced whole")
	require.Equal(t, []string{"R-12"}, rules(l, "IMR-131"), "a code is added")
	require.Equal(t, []string{"P-03"}, rules(l, "PID-3"), "a place is added")
	require.Equal(t, []string{""}, rules(l, "IEE-519"), "no file can show it")
	require.Equal(t, rules(plain, "IEE-998"), rules(l, "IEE-998"), "what is not named stays")
	i := slices.IndexFunc(l.Foretold, func(f registry.Foretold) bool { return f.Key == "IEE-413" })
	require.Equal(t, "your override: texas.yaml, letter of 2026-10-01", l.Foretold[i].Source)

	t.Run("what is said of a code in the catalogue counts, too", func(t *testing.T) {
		l, err := load("catalogue: {IEE-570: {foretold: [X-01.code, own-data]}, IEE-571: {foretold: [never]}, IEE-519: {meaning: M.}}")
		require.NoError(t, err)
		require.Equal(t, []string{"X-01.code"}, rules(l, "IEE-570"))
		require.Equal(t, []string{""}, rules(l, "IEE-571"))
		require.Equal(t, []string{"N-01"}, rules(l, "IEE-519"))
	})
	for text, want := range map[string]string{
		"predictions: {hundred: {rules: [P-10]}}":  "predictions.hundred: a code looks like",
		"predictions: {IEE-413: {rules: [phone]}}": "predictions.IEE-413: a rule looks like",
		"predictions: {IEE-413: {rule: P-10}}":     "predictions: has a field",
		"predictions: [IEE-413]":                   "predictions:",
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want, text)
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	}
}
