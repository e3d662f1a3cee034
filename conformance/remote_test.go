package conformance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

func TestRemoteName(t *testing.T) {
	profile := &registry.Profile{File: registry.FileSettings{
		NameTemplate: "{org}_{lane}_{date}{time}_{seq}.HL7", TestWord: "TEST", ProductionWord: "PROD", HistoricalWord: "HIST",
	}}
	rules := func(p *registry.Profile, name string) []string {
		ids := []string{}
		for _, f := range conformance.RemoteName(p, practice, registry.LaneTest, name) {
			ids = append(ids, f.Rule)
		}
		return ids
	}
	for name, want := range map[string][]string{
		"SUNR1234_TEST_20260304101500_000001.HL7":  {},
		"SUNR1234_TEST_20260304101500_1000000.HL7": {},
		"SUNR1234_PROD_20260304101500_000001.HL7":  {"F-01"},
		"SUNR1234_TEST_20260304101500_000001.hl7":  {"F-01.extension"},
		"OTHR1234_TEST_20260304101500_000001.HL7":  {"F-01.id"},
		"0001112000.HL7":    {"F-01"},
		"SUNR1234 TEST.HL7": {"F-01.letters"},
		"../SUNR1234.HL7":   {"F-01.letters"},
		"":                  {"F-01.letters", "F-01.id", "F-01.extension"},
	} {
		require.Equal(t, want, rules(profile, name), name)
	}

	t.Run("a template with signs of its own matches them and nothing else", func(t *testing.T) {
		dotted := &registry.Profile{File: registry.FileSettings{NameTemplate: "{iis}.{seq}.HL7"}}
		require.Empty(t, rules(dotted, "0001112000.000001.HL7"))
		require.Equal(t, []string{"F-01"}, rules(dotted, "0001112000x000001.HL7"))
	})
	t.Run("what DSHS says otherwise is a grade of the profile", func(t *testing.T) {
		lax := *profile
		lax.File.NameTemplate = "{org}_{seq}.txt"
		require.Equal(t, []string{"F-01.extension"}, rules(&lax, "SUNR1234_000001.txt"))
		lax.Rules.Grades = map[string]string{"F-01.extension": "off"}
		require.Empty(t, rules(&lax, "SUNR1234_000001.txt"))
		lax.Rules.Grades = map[string]string{"F-01": "warning"}
		require.Equal(t, registry.SeverityWarning, conformance.RemoteName(&lax, practice, registry.LaneTest, "x")[0].Severity)
	})
}

func TestGrades(t *testing.T) {
	profile := map[string]string{"P-06.future": "error", "R-10": "warning"}
	changed := func(pairs ...string) (out []registry.RuleGrade) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, registry.RuleGrade{Rule: pairs[i], Grade: pairs[i+1], By: "Ana"})
		}
		return out
	}
	t.Run("a person's family lies above the profile's single rules, a person's rule above both", func(t *testing.T) {
		got := conformance.Regrade(profile, changed("P-06.old", "off", "P-06", "warning"))
		require.Equal(t, map[string]string{"R-10": "warning", "P-06": "warning", "P-06.old": "off"}, got)
		require.Equal(t, map[string]string{"P-06.future": "error", "R-10": "warning"}, profile, "the profile stays")
		in := conformance.Graded(registry.LaneProduction, got)
		require.Equal(t, registry.SeverityWarning, in["P-06.future"])
		require.Equal(t, registry.Severity(""), in["P-06.old"])
		require.Equal(t, registry.SeverityError, in["P-07"])
	})
	t.Run("without a profile", func(t *testing.T) {
		require.Equal(t, map[string]string{"D-02": "off"}, conformance.Regrade(nil, changed("D-02", "off")))
	})
	t.Run("held rules are known by family and by ID", func(t *testing.T) {
		held := []string{"D-02", "M-08.sender", "F-03.line", "M-01"}
		require.Equal(t, []string{"D-02"}, conformance.HeldRules("D-02", held))
		require.Equal(t, []string{"M-08.sender"}, conformance.HeldRules("M-08", held))
		require.Equal(t, []string{"M-01"}, conformance.HeldRules("M-01", held), "those that cost less are not held with the family")
		require.Empty(t, conformance.HeldRules("R-10", held))
	})
	t.Run("what was meant is offered", func(t *testing.T) {
		require.Subset(t, conformance.NearRules("p-6", 99), []string{"P-06", "P-06.form", "P-06.future", "P-06.old"})
		require.Len(t, conformance.NearRules("P-06.past", 2), 2)
		require.Subset(t, conformance.NearRules("X-99", 9), []string{"X-01", "X-02"})
		require.Empty(t, conformance.NearRules("consent", 9))
		require.Greater(t, len(conformance.Matching("P-06")), 3)
		require.Empty(t, conformance.Matching("p-06"))
	})
}
