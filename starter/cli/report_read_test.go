package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	knownReport = "File Name,Message Control ID,Severity,Location,Error Message,Status\n" +
		"S_1.HL7,m-1,Warning,NK1,IEE-519::Warning. No responsible person.,Accepted\n" +
		"S_1.HL7,m-2,Error,PID,\"CLR-100::Client Rejected, Zebedine.\",Rejected\n" +
		"S_1.HL7,m-3,,,,Accepted\n"
	strangeReport = "Our Ref|Child|Finding\nmone|Quarrow, Zebedine|XYZ refused\nmtwo|Mallow, Tess|CLR-100 nothing on file\n"
)

func TestReportRead(t *testing.T) {
	h := newHarness(t)
	file := h.file(t, "dqa.csv", knownReport)
	t.Run("says what the report says and how it was read", func(t *testing.T) {
		r := h.run(t, "report", "read", file).exits(0).fits().shows(`layout "common words"`, "3 records answered: 1 accepted, 1 accepted with warnings, 1 refused")
		r.line("CLR-100", "1", "practice").line("2", "m-2", "CLR-100", "error", "PID", "patient-rejected")
		require.NotContains(t, r.stdout, "Zebedine", "the registry's sentences may name patients")
	})
	t.Run("for programs", func(t *testing.T) {
		var got struct {
			Summary struct{ Records, Rejected int }
			Items   []struct {
				Control_ID, Code, Outcome string //nolint:revive // as in the JSON
			}
		}
		h.run(t, "report", "read", file, "--output", "json").exits(0).json(&got)
		require.Equal(t, 3, got.Summary.Records)
		require.Len(t, got.Items, 3)
		csv := h.run(t, "report", "read", file, "--output", "csv").exits(0)
		require.Equal(t, 4, strings.Count(csv.stdout, "\n"))
		require.NotContains(t, csv.stdout, "Zebedine")
	})
	t.Run("one line of JSON for each item", func(t *testing.T) {
		out := h.run(t, "report", "read", file, "--output", "ndjson").exits(0).stdout
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Len(t, lines, 3)
		var item map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[1]), &item))
		require.Equal(t, "CLR-100", item["code"])
	})
	t.Run("what was not understood is said with the exit code", func(t *testing.T) {
		h.run(t, "report", "read", h.file(t, "odd.csv", knownReport+"\nDear colleagues\n")).exits(1).shows("1 line was not understood")
	})
	t.Run("what nothing understands names the way out", func(t *testing.T) {
		r := h.run(t, "report", "read", h.file(t, "letter.txt", "Dear Zebedine\n")).exits(3).complains("starter report learn")
		require.NotContains(t, r.stderr, "Zebedine")
	})
}

func TestReportLearn(t *testing.T) {
	h := newHarness(t)
	file := h.file(t, "Quarrow Zebedine.txt", strangeReport)
	t.Run("without a place to write it asks for one", func(t *testing.T) {
		h.run(t, "report", "learn", file, "--yes").exits(2).complains("--to")
	})
	t.Run("what was not recognised is named by flags", func(t *testing.T) {
		r := h.run(t, "report", "learn", file, "--to", "mappings.yaml",
			"--column", "control_id=Our Ref", "--column", "message=Finding").exits(0).fits()
		r.shows(`Layout "our ref, child, finding"`, "our ref", "Read with it: 2 records").line("Child", "words or names", "-")
		written, err := os.ReadFile("mappings.yaml")
		require.NoError(t, err)
		require.NotContains(t, string(written), "Quarrow", "nothing of the rows is written down")
		h.run(t, "report", "read", file, "--profile", "mappings.yaml").exits(0).shows(`layout "our ref, child, finding"`).line("mtwo", "CLR-100")
	})
	t.Run("again replaces it", func(t *testing.T) {
		h.run(t, "report", "learn", file, "--to", "mappings.yaml", "--column", "control_id=Our Ref", "--column", "message=Finding").exits(0)
		written, err := os.ReadFile("mappings.yaml")
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(written), "name: our ref, child, finding"))
	})
	t.Run("a dry run writes nothing", func(t *testing.T) {
		h.run(t, "report", "learn", file, "--dry-run", "--column", "control_id=Our Ref", "--line", `^(?P<message>\w+ only)$`).exits(0).shows("Nothing was written")
	})
	t.Run("asks at a terminal", func(t *testing.T) {
		h.env.IsTerminal = true
		defer func() { h.env.IsTerminal = false }()
		r := h.runIn(t, "no\n9\n1\n\n\n", "report", "learn", file, "--to", "asked.yaml").exits(0)
		require.Equal(t, 2, strings.Count(r.stderr, "There is no such column; they are numbered 1 to"), "a slip is asked again")
		require.Contains(t, r.stderr, "names the message")
		written, err := os.ReadFile("asked.yaml")
		require.NoError(t, err)
		require.Contains(t, string(written), "our ref")
	})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a column for nothing we know": {[]string{"--column", "colour=Finding"}, "--column colour=Finding: write one of control_id"},
		"an outcome that is none":      {[]string{"--section", "loaded=fine"}, "sections[0].outcome: one of accepted"},
		"an expression that is none":   {[]string{"--line", "("}, "lines[0]: is not a regular expression"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			h.run(t, append([]string{"report", "learn", file, "--dry-run"}, c.args...)...).exits(2).complains(c.want)
		})
	}
}
