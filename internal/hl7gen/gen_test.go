package hl7gen_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

var (
	now      = time.Date(2026, 3, 4, 2, 0, 0, 0, time.UTC)
	practice = &registry.Practice{
		ID: "sunrise-plano", OrgCode: "SUNR1234", Zone: "America/Chicago",
		Sites: []registry.Site{
			{ID: "plano", Facilities: []string{"SUNRPLANO"}, Prescribers: []string{"1234567893"}},
			{ID: "frisco", Facilities: []string{"SUNRFRISCO"}},
		},
	}
	profile = &registry.Profile{
		Message: registry.MessageSettings{
			TestProcessingID: "T", ProductionProcessingID: "P", HistoricalProcessingID: "P", ReceivingFacility: "TEXIIS",
		},
		Rules: registry.RuleSettings{Held: []string{"F-10", "F-11", "M-08.sender"}},
	}
)

func options(processing string) hl7gen.Options {
	return hl7gen.Options{
		OrgCode: "SUNR1234", Prescribers: []string{"1234567893"}, Now: now, ProcessingID: processing,
		Facilities: []hl7gen.Facility{{"SUNRPLANO", 3}, {"SUNRFRISCO", 1}},
	}
}

func check(t *testing.T, file []byte, lane registry.Lane) (conformance.Summary, []registry.Finding) {
	t.Helper()
	var findings []registry.Finding
	res, err := conformance.Check(t.Context(), bytes.NewReader(file), conformance.Options{
		Lane: lane, Now: now, Profile: profile, Practice: practice,
		OnFinding: func(f registry.Finding) { findings = append(findings, f) },
	})
	require.NoError(t, err)
	return res, findings
}

func TestBatchesWithoutDefectsPassTheChecker(t *testing.T) {
	for name, c := range map[string]struct {
		lane       registry.Lane
		processing string
		batch      hl7gen.BatchOptions
	}{
		"test":       {registry.LaneTest, "T", hl7gen.BatchOptions{Messages: 500}},
		"production": {registry.LaneProduction, "P", hl7gen.BatchOptions{Messages: 500}},
		"historical": {registry.LaneHistorical, "P", hl7gen.BatchOptions{
			Messages: 500, Historical: true, From: now.AddDate(-12, 0, 0), To: now.AddDate(0, -6, 0),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			facts, err := hl7gen.New(7, options(c.processing)).Batch(&file, c.batch)
			require.NoError(t, err)
			res, findings := check(t, file.Bytes(), c.lane)
			require.True(t, res.ErrorFree, "%v", res.Counts)
			require.Zero(t, res.Warnings, "%v", res.Counts)
			require.Empty(t, slices.DeleteFunc(findings, func(f registry.Finding) bool { return f.Severity == "I" }))
			require.Equal(t, facts.Messages, res.Messages)
			require.Equal(t, facts.Doses, res.Doses)
			require.Equal(t, facts.Facilities["SUNRPLANO"], res.Sites["plano"])
			require.Equal(t, facts.Facilities["SUNRFRISCO"], res.Sites["frisco"])
			require.False(t, res.HoldFile)
		})
	}
}

func TestEachDefectIsTheOnlyError(t *testing.T) {
	for _, d := range hl7gen.Defects() {
		t.Run(string(d), func(t *testing.T) {
			var file bytes.Buffer
			facts, err := hl7gen.New(11, options("P")).Batch(&file, hl7gen.BatchOptions{Messages: 8, Defects: []hl7gen.Defect{d}})
			require.NoError(t, err)
			require.Len(t, facts.Planted, 1)
			_, findings := check(t, file.Bytes(), registry.LaneProduction)
			var rules []string
			for _, f := range findings {
				if f.Severity == registry.SeverityInfo {
					continue // that consent is not checked is said of every file
				}
				require.Equal(t, facts.Planted[0].Ordinal, f.Message)
				if f.Severity == registry.SeverityError {
					rules = append(rules, f.Rule)
				}
			}
			if d.Rule() == "" {
				require.Empty(t, rules)
				require.NotEmpty(t, d.Code())
			} else {
				require.Equal(t, []string{d.Rule()}, rules)
			}
		})
	}
}

func TestRegistryOnlyDefectsAreMarkedInTheChartNumber(t *testing.T) {
	var file bytes.Buffer
	facts, err := hl7gen.New(3, options("P")).Batch(&file, hl7gen.BatchOptions{
		Messages: 40, Defects: []hl7gen.Defect{hl7gen.NoConsent, hl7gen.DuplicateDose},
	})
	require.NoError(t, err)
	for i, p := range facts.Patients {
		require.Equal(t, i == 1, strings.HasSuffix(p.MRN, hl7gen.NoConsentMark))
		require.Equal(t, i == 2, strings.HasSuffix(p.MRN, hl7gen.DuplicateDoseMark))
	}
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	write := func(seed uint64) string {
		var file bytes.Buffer
		_, err := hl7gen.New(seed, options("T")).Batch(&file, hl7gen.BatchOptions{Messages: 50})
		require.NoError(t, err)
		return file.String()
	}
	once, again := write(1), write(1)
	require.Equal(t, once, again)
	require.NotEqual(t, write(1), write(2))
}

func TestControlIDsNeverRepeatWithinAGenerator(t *testing.T) {
	g := hl7gen.New(5, options("T"))
	seen := map[string]bool{}
	for range 3 {
		facts, err := g.Batch(&bytes.Buffer{}, hl7gen.BatchOptions{Messages: 200})
		require.NoError(t, err)
		for _, id := range facts.ControlIDs {
			require.False(t, seen[id])
			seen[id] = true
		}
	}
}

func TestPatientsCanBeFoundByAScan(t *testing.T) {
	var file bytes.Buffer
	facts, err := hl7gen.New(9, options("T")).Batch(&file, hl7gen.BatchOptions{Messages: 20})
	require.NoError(t, err)
	for _, p := range facts.Patients {
		for _, needle := range p.Needles() {
			require.GreaterOrEqual(t, len(needle), 7)
			require.Contains(t, file.String(), needle)
		}
		require.Len(t, p.Family, 12)
	}
}

func TestTooManyDefectsAreRefused(t *testing.T) {
	_, err := hl7gen.New(9, options("T")).Batch(&bytes.Buffer{}, hl7gen.BatchOptions{
		Messages: 1, Defects: []hl7gen.Defect{hl7gen.MissingLot},
	})
	require.Error(t, err)
}
