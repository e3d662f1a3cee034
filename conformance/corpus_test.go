package conformance_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// corpus opens a file of the public message sets, which are too many and not
// ours to carry along: IMMTRAIL_TEST_DATA names the folder that has "messages".
func corpus(t *testing.T, name string) *os.File {
	t.Helper()
	dir := os.Getenv("IMMTRAIL_TEST_DATA")
	if dir == "" {
		t.Skip("IMMTRAIL_TEST_DATA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "messages", name))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// corpusInput is how the sets want to be read: old clock, MSH-11 is P everywhere.
func corpusInput() conformance.Options {
	return conformance.Options{
		Lane: registry.LaneTest,
		Now:  time.Date(2019, 7, 16, 0, 0, 0, 0, time.UTC),
		Profile: &registry.Profile{
			Message: registry.MessageSettings{TestProcessingID: "P"},
			Rules:   registry.RuleSettings{Grades: map[string]string{"M-08": "off"}},
		},
	}
}

func TestNIST2015MessagesAreErrorFree(t *testing.T) {
	in := corpusInput()
	in.OnFinding = func(f registry.Finding) {
		if f.Severity == registry.SeverityError {
			t.Errorf("message %d: %s at %s", f.Message, f.Rule, f.Path)
		}
	}
	res, err := conformance.Check(t.Context(), corpus(t, "NIST_2015_Test_Cases_6_messages.hl7.txt"), in)
	require.NoError(t, err)
	require.Equal(t, 6, res.Messages)
	require.True(t, res.ErrorFree)
	t.Logf("%d warnings: %v", res.Warnings, res.Counts)
}

// TestRecallOnPlantedDefects counts how many of the messages with one known
// defect get a finding at the labelled field.
func TestRecallOnPlantedDefects(t *testing.T) {
	labels, err := csv.NewReader(corpus(t, "labels.csv")).ReadAll()
	require.NoError(t, err)
	type hit struct{ rule, path string }
	all, common := map[string][]hit{}, map[hit]int{}
	in := corpusInput()
	in.OnFinding = func(f registry.Finding) {
		h := hit{f.Rule, flat(f.Path)}
		all[f.ControlID] = append(all[f.ControlID], h)
		common[h]++
	}
	res, err := conformance.Check(t.Context(), corpus(t, "DQMQE_124_messages.hl7.txt"), in)
	require.NoError(t, err)
	// What most messages have is background (an empty RXA-20, an old route
	// code) and finds no planted defect.
	found := map[string][]string{}
	for id, hits := range all {
		for _, h := range hits {
			if common[h]*2 < res.Messages {
				found[id] = append(found[id], h.path)
			}
		}
	}
	total, hits, errorTotal, errorHits := 0, 0, 0, 0
	for _, row := range labels[1:] {
		if row[0] != "dqmqe_124" {
			continue
		}
		total++
		hit := false
		for _, want := range strings.Split(row[6], " or ") {
			for _, path := range found[row[1]] {
				hit = hit || near(path, want)
			}
		}
		if row[4] == "ERROR" {
			errorTotal++
			if hit {
				errorHits++
			}
		}
		if hit {
			hits++
		} else {
			t.Logf("missed %s %s %s: %s (%v)", row[1], row[4], row[6], row[5], found[row[1]])
		}
	}
	t.Logf("recall %d of %d; of errors %d of %d", hits, total, errorHits, errorTotal)
	require.GreaterOrEqual(t, hits, 100)
}

// flat takes occurrences and the place of a missing segment out of a path.
func flat(path string) string {
	if i := strings.LastIndexByte(path, ' '); i >= 0 {
		path = path[i+1:]
	}
	var b strings.Builder
	depth := 0
	for _, c := range path {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth == 0:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// near: a finding at the field, at a component of it, or at the segment's field
// where the label names a component.
func near(path, want string) bool {
	wantField, _, _ := strings.Cut(want, ".")
	pathField, _, _ := strings.Cut(path, ".")
	return path == want || pathField == wantField
}

// codedFields is where each table of the set of coded values is varied.
var codedFields = map[string]string{
	"CVX": "RXA-5", "NDC": "RXA-5", "CPT": "RXA-5", "ID-TYPE": "PID-3", "ADR-TYPE1": "PID-11.7", "NAME-TYPE": "PID-5.7",
	"SEX": "PID-8", "RACE": "PID-10", "ETH": "PID-22", "BIRTH-ORDER": "PID-25", "PUBLICITY": "PD1-11",
	"PROTECT": "PD1-12", "RELATE": "NK1-3", "IS": "RXA-9", "OBS-METHOD": "OBX-17", "VFC": "OBX-5",
}

// TestValidCodesRaiseNoErrorAtTheirField looks at messages in which one code
// is varied, each with the code's status.
func TestValidCodesRaiseNoErrorAtTheirField(t *testing.T) {
	labels, err := csv.NewReader(corpus(t, "coded_values_labels.csv")).ReadAll()
	require.NoError(t, err)
	found := map[string][]registry.Finding{}
	in := corpusInput()
	in.MaxFindings = 1 << 20
	in.OnFinding = func(f registry.Finding) { found[f.ControlID] = append(found[f.ControlID], f) }
	_, err = conformance.Check(t.Context(), corpus(t, "Coded_Values_2243_messages.hl7.txt"), in)
	require.NoError(t, err)
	alarms, valid := map[string]int{}, 0
	for _, row := range labels[1:] {
		field := codedFields[row[1]]
		if !strings.HasPrefix(row[3], "Valid") || field == "" {
			continue
		}
		valid++
		for _, f := range found[row[0]] {
			if f.Severity == registry.SeverityError && near(flat(f.Path), field) {
				alarms[f.Rule+" "+row[1]+" "+row[2]]++
			}
		}
	}
	t.Logf("%d valid codes, %d with an error at their field", valid, len(alarms))
	for what := range alarms {
		// Valid elsewhere, but not in the guide: CPT as the first code of RXA-5,
		// "unknown" vaccines, sex O, and other states' own eligibility codes.
		assert.Regexp(t, `^(R-05.table CPT|R-06|R-05.unknown CVX 99|P-07.code SEX O$|B-04.code VFC (MIA|OR|V0))`, what)
	}
}
