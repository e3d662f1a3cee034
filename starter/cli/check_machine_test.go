package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what was printed with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(root, "testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if it is meant: go test ./starter/cli -run Golden -update")
}

// root is the folder of this package, which tests leave.
var root, _ = os.Getwd()

// mixed is a file with one of each: a clean message, one without a birth date,
// one without a lot number, and a wrong count.
var mixed = strings.Replace(batchOf(
	productive(cleanMessage),
	edited("m-2", "4712", "|20200115|F", "||F"),
	edited("m-3", "4713", "|L1234|", "||"),
), "BTS|3", "BTS|4", 1)

// edited is the clean message with a control ID, a chart number, a first name for
// each chart number, and a change.
func edited(id, chart string, change ...string) string {
	given := "Zebedin" + string("abcdefghij"[chart[len(chart)-1]-'0'])
	if chart == "4711" {
		given = "Zebedine"
	}
	return strings.NewReplacer(append([]string{"|m-1|T|", "|" + id + "|P|", "4711", chart, "Zebedine", given}, change...)...).Replace(cleanMessage)
}

var versions = func() *strings.Replacer {
	both := conformance.Version(nil)
	rules, tables, _ := strings.Cut(both, " ")
	return strings.NewReplacer(both, "RULES TABLES", rules, "RULES", tables, "TABLES")
}()

func TestGoldenOutputs(t *testing.T) {
	h := newHarness(t)
	h.file(t, "mixed.hl7", mixed)
	h.file(t, "sub/clean.hl7", cleanBatch)
	h.file(t, "sub/notes.pdf", "%PDF-1.7")
	for name, args := range map[string][]string{
		"check.txt":         {"check", "mixed.hl7"},
		"check.json":        {"check", "mixed.hl7", "-o", "json"},
		"check.ndjson":      {"check", "mixed.hl7", "-o", "ndjson"},
		"check.csv":         {"check", "mixed.hl7", "-o", "csv"},
		"check.junit.xml":   {"check", "mixed.hl7", "gone.hl7", "sub", "-o", "junit"},
		"check-several.txt": {"check", "mixed.hl7", "sub"},
		"explain.txt":       {"check", "--explain", "F-05"},
	} {
		t.Run(name, func(t *testing.T) {
			r := h.run(t, args...)
			if strings.HasSuffix(name, ".txt") {
				r.fits()
			}
			// Versions of rules and tables change with every release.
			golden(t, name, versions.Replace(r.stdout))
		})
	}
}

func TestCheckNDJSON(t *testing.T) {
	h := newHarness(t)
	type line struct {
		File      string
		Message   int
		ControlID string `json:"control_id"`
		Outcome   string
		Findings  []struct {
			Rule, Severity, Location string
			Offset                   int64
			HL7Error                 *int `json:"hl7_error"`
		}
		Omitted int
		Error   string
	}
	lines := func(r result) (all []line) {
		for text := range strings.Lines(r.stdout) {
			var l line
			require.NoError(t, json.Unmarshal([]byte(text), &l), text)
			require.NotNil(t, l.Findings)
			all = append(all, l)
		}
		return all
	}
	path := h.file(t, "mixed.hl7", mixed)
	t.Run("one line for each message, the file itself last as message 0", func(t *testing.T) {
		all := lines(h.run(t, "check", path, "-o", "ndjson").exits(1))
		require.Len(t, all, 4)
		require.Equal(t, []int{1, 2, 3, 0}, []int{all[0].Message, all[1].Message, all[2].Message, all[3].Message})
		require.Equal(t, "accepted", all[0].Outcome)
		require.Equal(t, "message-rejected", all[1].Outcome)
		require.Equal(t, "m-2", all[1].ControlID)
		require.Equal(t, "P-06", all[1].Findings[0].Rule)
		require.Equal(t, "PID-7", all[1].Findings[0].Location)
		require.Equal(t, 101, *all[1].Findings[0].HL7Error)
		require.Equal(t, "F-05", all[3].Findings[0].Rule)
		require.True(t, strings.HasPrefix(mixed[all[1].Findings[0].Offset:], "PID|"))
	})
	t.Run("the names are exactly those that are promised", func(t *testing.T) {
		first, _, _ := strings.Cut(h.run(t, "check", path, "-o", "ndjson").stdout, "\n")
		//nolint:testifylint // the order of the names is a part of the promise
		require.Equal(t, fmt.Sprintf(`{"file":%q,"message":1,"control_id":"m-1","outcome":"accepted","findings":[]}`, path), first)
	})
	t.Run("a rule is told in every message, however many there are", func(t *testing.T) {
		var messages []string
		for i := range 1500 {
			messages = append(messages, edited(fmt.Sprintf("m-%d", i), fmt.Sprint(9000+i), "|20200115|F", "||F"))
		}
		many := h.file(t, "many.hl7", batchOf(messages...))
		all := lines(h.run(t, "check", many, "-o", "ndjson").exits(1))
		require.Equal(t, "P-06", all[1499].Findings[0].Rule)
		capped := lines(h.run(t, "check", many, "-o", "ndjson", "--max-findings", "5").exits(1))
		require.Empty(t, capped[1499].Findings)
		require.Equal(t, "message-rejected", capped[1499].Outcome)
	})
	t.Run("a message with a flood of findings is cut, and says how many are left out", func(t *testing.T) {
		flood := strings.Replace(productive(cleanMessage), "\rORC", strings.Repeat("\rNK1|9", 6_000)+"\rORC", 1)
		all := lines(h.run(t, "check", h.file(t, "flood.hl7", batchOf(flood)), "-o", "ndjson").exits(1))
		require.Len(t, all[0].Findings, 10_000)
		require.Positive(t, all[0].Omitted)
	})
	t.Run("a file that cannot be read has a line that says so", func(t *testing.T) {
		all := lines(h.run(t, "check", "gone.hl7", path, "-o", "ndjson").exits(3))
		require.Equal(t, "unknown", all[0].Outcome)
		require.Contains(t, all[0].Error, "gone.hl7")
		require.Len(t, all, 5)
	})
}

func TestCheckCSV(t *testing.T) {
	h := newHarness(t)
	rows := func(r result) [][]string {
		all, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
		require.NoError(t, err)
		return all
	}
	t.Run("has one row for each finding", func(t *testing.T) {
		path := h.file(t, "mixed.hl7", mixed)
		all := rows(h.run(t, "check", path, "-o", "csv").exits(1))
		require.Len(t, all, 5)
		require.Equal(t, []string{"file", "severity", "rule", "message", "control_id", "place", "line", "offset", "hl7_error", "says", "remedy"}, all[0])
		require.Equal(t, []string{path, "error", "P-06", "2", "m-2", "PID-7"}, all[1][:6])
	})
	t.Run("a control ID that looks like a formula is none in a spreadsheet", func(t *testing.T) {
		for _, formula := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\uff1d1"} {
			path := h.file(t, "formula.hl7", batchOf(edited(formula, "4711", "|20200115|F", "||F")))
			for _, row := range rows(h.run(t, "check", path, "-o", "csv"))[1:] {
				if row[3] != "0" { // of a message
					require.Regexp(t, `^'|^\?`, row[4], formula)
				}
			}
		}
	})
	t.Run("a file that cannot be read has a row", func(t *testing.T) {
		require.Equal(t, "unreadable", rows(h.run(t, "check", "gone.hl7", "-o", "csv").exits(3))[1][1])
	})
}

func TestCheckJUnit(t *testing.T) {
	h := newHarness(t)
	type kase struct {
		Name      string `xml:"name,attr"`
		ClassName string `xml:"classname,attr"`
		Failure   *struct {
			Message string `xml:"message,attr"`
			Text    string `xml:",chardata"`
		} `xml:"failure"`
		Error   *struct{} `xml:"error"`
		Skipped *struct{} `xml:"skipped"`
	}
	type suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
			Cases []kase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	read := func(r result) (s suites) {
		require.NoError(t, xml.Unmarshal([]byte(r.stdout), &s), r.stdout)
		cases := 0
		for _, one := range s.Suites {
			require.Len(t, one.Cases, one.Tests)
			cases += one.Tests
		}
		require.Equal(t, s.Tests, cases)
		return s
	}
	t.Run("an error-free file is a suite with a case that passes", func(t *testing.T) {
		s := read(h.run(t, "check", h.file(t, "clean.hl7", cleanBatch), "-o", "junit").exits(0))
		require.Zero(t, s.Failures+s.Errors)
		require.Equal(t, "error-free", s.Suites[0].Cases[0].Name)
	})
	t.Run("each cause that is an error is a case that fails, with places and remedy", func(t *testing.T) {
		s := read(h.run(t, "check", h.file(t, "mixed.hl7", mixed), "gone.hl7", "-o", "junit").exits(3))
		require.Equal(t, 4, s.Failures)
		require.Equal(t, 1, s.Errors)
		c := s.Suites[0].Cases[1]
		require.Equal(t, "P-06: The patient's birth date is missing.", c.Name)
		require.Contains(t, c.Failure.Message, "Enter the birth date.")
		require.Contains(t, c.Failure.Text, "message 2, line")
		require.NotNil(t, s.Suites[1].Cases[0].Error)
	})
	t.Run("warnings pass", func(t *testing.T) {
		s := read(h.run(t, "check", h.file(t, "bare.hl7", productive(cleanMessage)), "-o", "junit").exits(0))
		require.Zero(t, s.Failures)
		require.Equal(t, 3, s.Tests)
	})
	t.Run("a million findings are bounded", func(t *testing.T) {
		require.Less(t, len(h.run(t, "check", h.file(t, "openemr.hl7", openEMR(2000)), "-o", "junit").stdout), 60_000)
	})
	t.Run("a file name with markup and control characters makes valid XML", func(t *testing.T) {
		read(h.run(t, "check", h.file(t, "<&\">\x01.hl7", badBatch), "-o", "junit").exits(1))
	})
}
