package conformance_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// The public message sets are too many and not ours to carry along:
// IMMTRAIL_CORPUS names the folder that holds them. Set but without them, or
// with less than all of their messages, the tests fail.
//
//	IMMTRAIL_CORPUS=/absolute/folder go test ./conformance -run Corpus -v
func corpus(t *testing.T, name string) *os.File {
	t.Helper()
	dir := os.Getenv("IMMTRAIL_CORPUS")
	if dir == "" {
		t.Skip("IMMTRAIL_CORPUS is not set")
	}
	require.True(t, filepath.IsAbs(dir), "IMMTRAIL_CORPUS is an absolute folder: tests run in the folder of their package")
	f, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func corpusRows(t *testing.T, name string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(corpus(t, name)).ReadAll()
	require.NoError(t, err)
	return rows[1:]
}

// judgeCorpus judges a set as a practice of Texas would its production file, on
// the day of the set; the findings are by control ID.
func judgeCorpus(t *testing.T, name string, messages int) (conformance.Summary, map[string][]registry.Finding) {
	t.Helper()
	loaded, err := texas.Load()
	require.NoError(t, err)
	found := map[string][]registry.Finding{}
	s, err := conformance.Check(t.Context(), corpus(t, name), conformance.Options{
		Lane: registry.LaneProduction, Now: time.Date(2019, 7, 16, 0, 0, 0, 0, time.UTC), Profile: &loaded.Profile,
		MaxFindings: 1 << 20,
		OnFinding:   func(f registry.Finding) { found[f.ControlID] = append(found[f.ControlID], f) },
	})
	require.NoError(t, err)
	require.Equal(t, messages, s.Messages)
	return s, found
}

func TestCorpusNIST2015IsErrorFree(t *testing.T) {
	s, found := judgeCorpus(t, "NIST_2015_Test_Cases_6_messages.hl7.txt", 6)
	for _, findings := range found {
		for _, f := range findings {
			require.NotEqual(t, registry.SeverityError, f.Severity, "message %d: %s at %s", f.Message, f.Rule, f.Path)
		}
	}
	t.Logf("6 messages: %d errors, %d warnings, %d notes", s.Errors, s.Warnings, s.Infos)
}

// The messages of 2014 conform to r1.4; under r1.5 some break IZ-47.
func TestCorpusNIST2014IsRead(t *testing.T) {
	s, found := judgeCorpus(t, "NIST_2014_Test_Cases_8_messages.hl7.txt", 8)
	rules := map[string]int{}
	for _, findings := range found {
		for _, f := range findings {
			if f.Severity == registry.SeverityError {
				rules[f.Rule]++
			}
		}
	}
	t.Logf("8 messages: %d errors, by rule %v", s.Errors, rules)
	require.Positive(t, rules["R-08.extra"]+rules["R-14"])
}

// atField reports whether one of the findings is of such weight at one of the
// labelled fields, or says that their segment is not there.
func atField(findings []registry.Finding, label string, weights ...registry.Severity) bool {
	for _, want := range strings.Split(label, " or ") {
		segment, _, _ := strings.Cut(want, "-")
		for _, f := range findings {
			at := flat(f.Path)
			for _, w := range weights {
				if f.Severity == w && (near(at, want) || at == segment) {
					return true
				}
			}
		}
	}
	return false
}

// TestCorpusFindsPlantedDefects looks for the one defect that each message
// names. Counted are findings that less than half of the messages share: what
// all have (an empty RXA-20, the old code SC) finds no planted defect, except
// where the set plants it.
func TestCorpusFindsPlantedDefects(t *testing.T) {
	s, all := judgeCorpus(t, "DQMQE_124_messages.hl7.txt", 124)
	shared := map[string]int{}
	for _, findings := range all {
		for _, f := range findings {
			shared[f.Rule+flat(f.Path)]++
		}
	}
	count := map[string]struct{ total, found, strict int }{}
	for _, row := range corpusRows(t, "labels.csv") {
		if row[0] != "dqmqe_124" {
			continue
		}
		id, weight, issue, field := row[1], row[4], row[5], row[6]
		c := count[weight]
		c.total++
		weights := []registry.Severity{registry.SeverityError, registry.SeverityWarning}
		if weight == "ACCEPT" {
			weights = append(weights, registry.SeverityInfo)
		}
		var own []registry.Finding
		for _, f := range all[id] {
			if shared[f.Rule+flat(f.Path)]*2 < s.Messages {
				own = append(own, f)
			}
		}
		switch {
		case atField(own, field, weights...):
			c.strict++
			c.found++
		case atField(all[id], field, weights...):
			c.found++
			t.Logf("%s %s at %s: found, and so in most messages", id, issue, field)
		default:
			t.Logf("%s %s at %s: missed", id, issue, field)
		}
		count[weight] = c
	}
	for _, weight := range []string{"ERROR", "WARN", "ACCEPT"} {
		c := count[weight]
		t.Logf("%s: %d of %d, of which %d by a finding that most messages have not", weight, c.found, c.total, c.strict)
	}
	require.Equal(t, 94, count["ERROR"].total+count["WARN"].total)
	require.Equal(t, 30, count["ACCEPT"].total)
	require.GreaterOrEqual(t, count["ERROR"].strict+count["WARN"].strict, 90)
	require.GreaterOrEqual(t, count["ACCEPT"].strict, 25)
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

// notOfTexas are codes that are valid somewhere and that this guide has not:
// CPT as the first code of RXA-5, other states' eligibility, sex O; and a
// protected record, which is held back by policy.
func notOfTexas(table, code string) bool {
	switch table {
	case "CPT":
		return true
	case "VFC":
		return len(code) != 3 || code[0] != 'V' || code == "V00" || (code > "V05" && code < "V22") || code > "V25"
	case "SEX":
		return code == "O"
	case "PROTECT":
		return code == "Y"
	}
	return false
}

// TestCorpusCodes looks at messages in which one code is varied, each with the
// code's status, and only at that field.
func TestCorpusCodes(t *testing.T) {
	_, found := judgeCorpus(t, "Coded_Values_2243_messages.hl7.txt", 2243)
	rows := corpusRows(t, "coded_values_labels.csv")
	require.Len(t, rows, 2243)
	valid, left, alarms := 0, 0, map[string]int{}
	deprecated, flagged, invalid, caught := 0, 0, 0, 0
	for _, row := range rows {
		id, table, code, status := row[0], row[1], row[2], row[3]
		field := codedFields[table]
		if field == "" {
			continue
		}
		told := atField(found[id], field, registry.SeverityError, registry.SeverityWarning)
		switch {
		case strings.HasPrefix(status, "Valid") && notOfTexas(table, code):
			left++
		case strings.HasPrefix(status, "Valid"):
			valid++
			for _, f := range found[id] {
				if f.Severity == registry.SeverityError && near(flat(f.Path), field) && !strings.HasPrefix(f.Rule, "R-06") {
					alarms[f.Rule+" "+table+" "+code]++
				}
			}
		case strings.HasPrefix(status, "Deprecated"):
			deprecated++
			if told {
				flagged++
			} else {
				t.Logf("deprecated and not flagged: %s %s", table, code)
			}
		case status == "Invalid":
			invalid++
			if told {
				caught++
			}
		}
	}
	t.Logf("%d valid codes (%d more are not of this guide): %d with an error at their field: %v", valid, left, len(alarms), alarms)
	t.Logf("%d of %d deprecated codes flagged, %d of %d invalid ones", flagged, deprecated, caught, invalid)
	require.Empty(t, alarms)
	require.GreaterOrEqual(t, flagged*100, deprecated*99)
	require.Equal(t, 2, invalid)
	require.Equal(t, invalid, caught)
}
