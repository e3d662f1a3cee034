package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The desk's usual files: cleanMessage in a batch, for production.
var (
	cleanBatch = batchOf(productive(cleanMessage))
	badBatch   = batchOf(productive(strings.Replace(cleanMessage, "|20200115|F", "|20990115|F", 1)))
)

func productive(message string) string { return strings.Replace(message, "|m-1|T|", "|m-1|P|", 1) }

func batchOf(messages ...string) string {
	return "FHS|^~\\&|EHR\rBHS|^~\\&|EHR\r" + strings.Join(messages, "") + fmt.Sprintf("BTS|%d\rFTS|1\r", len(messages))
}

// openEMR is a file in the known shape of OpenEMR's stock export, about
// invented patients.
func openEMR(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "MSH|^~\\&|OPENEMR||||20260330101500-0600||VXU^V04^VXU_V04|OPENEMR-110316102457117|P|2.5.1\r")
		fmt.Fprintf(&b, "PID|||%d^^^MPI&2.16.840.1.113883.19.3.2.1&ISO^MR||Kavor%c^Nemur%c||2023%02d%02d|F||2106-3^White^HL70005|%d Poruvika Street^^Plano^TX^75023^USA^M||^PRN^^^^972^48%05d\r",
			1000+i, 'a'+rune(i%26), 'a'+rune(i/3%26), 1+i%12, 1+i%28, 10+i, 10000+i*37)
		fmt.Fprintf(&b, "ORC|RE||%d^OPENEMR\r", 500+i)
		fmt.Fprintf(&b, "RXA|0|1|20260329|20260329|%s|0.5|mL^milliliter^UCUM||00^New immunization record^NIP001||||||K%04d|20270801|MSD^Merck^HL70227||||A\r",
			[]string{"03^MMR^CVX", "21^varicella^CVX", "10^IPV^CVX"}[i%3], i)
	}
	return b.String()
}

func TestCheck(t *testing.T) {
	h := newHarness(t)
	clean := h.file(t, "clean.hl7", cleanBatch)
	bad := h.file(t, "bad.hl7", badBatch)

	t.Run("an error-free file exits with 0 and says so first", func(t *testing.T) {
		r := h.run(t, "check", clean).exits(0).fits()
		require.Equal(t, "clean.hl7: error-free.", strings.SplitN(r.stdout, "\n", 2)[0])
	})
	t.Run("errors exit with 1 and say place and remedy, never a value", func(t *testing.T) {
		r := h.run(t, "check", bad).exits(1).fits().shows("error P-06", "What to do:", "message 1, line 4: PID-7")
		require.True(t, strings.HasPrefix(r.stdout, "bad.hl7: not error-free"), r.stdout)
		require.NotContains(t, r.stdout, "Quarrow")
		require.NotContains(t, r.stdout, "20990115")
		require.NotContains(t, r.stdout, "\x1b", "no colours but on a terminal")
	})
	t.Run("it is for production unless --lane, --phase or --for say else", func(t *testing.T) {
		testFile := h.file(t, "test.hl7", batchOf(cleanMessage))
		h.run(t, "check", testFile).exits(1).shows("F-10", "add --lane test", "Judged for production")
		for _, flag := range []string{"--lane", "--phase", "--for"} {
			h.run(t, "check", testFile, flag, "test").exits(0).shows("Judged for test")
		}
		h.run(t, "check", clean, "--lane", "test").exits(1).shows("would not count as a test file", "leave --lane test out")
		h.run(t, "check", clean, "--lane", "historical").exits(0).shows("Judged for historical")
		h.run(t, "check", clean, "--lane", "test", "--phase", "production").exits(2)
	})
	t.Run("--clock is the moment of judgement", func(t *testing.T) {
		h.run(t, "check", bad, "--clock", "2099-12-31T00:00:00Z").shows("for production, 31 Dec 2099")
		early := h.run(t, "check", clean, "--clock", "2020-01-01T00:00:00Z").exits(1)
		early.shows("R-03.future")
		h.run(t, "check", clean, "--clock", "yesterday").exits(2).complains("2026-03-31T08:00:00-05:00")
	})
	t.Run("standard input is a file too, and read once", func(t *testing.T) {
		h.runIn(t, cleanBatch, "check", "-").exits(0).shows("standard input: error-free")
		h.run(t, "check", "-", "-").exits(2).complains("only once")
	})
	t.Run("--practice counts messages per site", func(t *testing.T) {
		var got struct {
			Files []struct{ Sites map[string]int }
		}
		h.run(t, "check", clean, "--practice", h.file(t, "p.yaml", practiceFile), "-o", "json").json(&got)
		require.Equal(t, 1, got.Files[0].Sites["plano"])
	})
	t.Run("--profile names the built-in one or a file above it", func(t *testing.T) {
		h.run(t, "check", clean, "--profile", "texas").exits(0).shows("with the profile texas")
		profile := h.file(t, "mine.yaml", "rules.grades: {P-06: warning, R-03: warning}\n")
		h.run(t, "check", bad, "--profile", "texas", "--profile", profile).exits(0).shows("warning P-06", "error-free, with")
		h.run(t, "check", clean, "--profile", "ohio").exits(2).complains("the built-in profile is called texas")
		h.run(t, "check", clean, "--profile", "./none.yaml").exits(3).complains("none.yaml")
		h.run(t, "check", clean, "--profile", h.file(t, "odd.yaml", "policy.fun: 3")).exits(1).complains("odd.yaml", "policy.fun")
	})
	t.Run("broken settings do not stop it", func(t *testing.T) {
		h.file(t, "immtrail.yaml", "temporal: nonsense")
		defer func() { _ = os.Remove("immtrail.yaml") }()
		h.run(t, "check", clean).exits(0)
	})
	t.Run("without a file says what to name", func(t *testing.T) {
		h.run(t, "check").exits(2).complains("name a file or a folder", "--help")
	})
}

func TestCheckGroupsByCause(t *testing.T) {
	h := newHarness(t)
	t.Run("a thousand messages with one control ID are one cause, told first", func(t *testing.T) {
		r := h.run(t, "check", h.file(t, "openemr.hl7", openEMR(1000))).exits(1).fits()
		require.Equal(t, 1, strings.Count(r.stdout, "error F-07"), r.stdout)
		r.shows("error F-07.everybody (1 time)", "Said of single messages too: F-07 999 times",
			"warning F-06.none", "warning P-08.everybody", "warning R-12.everybody", "warning M-08.file")
		require.NotContains(t, r.stdout, "warning M-09", "M-08.file has said it")
		require.Less(t, strings.Count(r.stdout, "\n"), 150)
	})
	t.Run("what costs the message comes before what costs nothing", func(t *testing.T) {
		file := batchOf(productive(strings.NewReplacer("|20200115|F", "||F", "MTH^Mother", "MOM^Mother").Replace(cleanMessage)))
		r := h.run(t, "check", h.file(t, "two.hl7", file)).exits(1)
		require.Less(t, strings.Index(r.stdout, "error P-06"), strings.Index(r.stdout, "error N-02"))
	})
	t.Run("--max-findings says how many places are told, counts stay exact", func(t *testing.T) {
		var messages []string
		for i := range 9 {
			messages = append(messages, productive(strings.NewReplacer("|20200115|F", "||F").Replace(cleanMessage)))
			messages[i] = strings.NewReplacer("|m-1|", fmt.Sprintf("|m-%d|", i), "4711", fmt.Sprint(4711+i)).Replace(messages[i])
		}
		path := h.file(t, "nine.hl7", batchOf(messages...))
		h.run(t, "check", path).shows("error P-06 (9 times)", "PID-7 in messages 1 (line 4), 2 (line 14), 3 (line 24) and 6 more")
		few := h.run(t, "check", path, "--max-findings", "1").shows("error P-06 (9 times)", "and 8 more")
		require.NotContains(t, few.stdout, "message 2,")
		none := h.run(t, "check", path, "--max-findings", "0").shows("error P-06 (9 times)")
		require.NotContains(t, none.stdout, "message 1,")
	})
}

func TestCheckSaysWhatIsNotHL7(t *testing.T) {
	h := newHarness(t)
	for name, c := range map[string]struct{ bytes, is, remedy string }{
		"batch.hl7.gz": {"\x1f\x8b\x08\x00\x00\x00", "a gzip archive", "gunzip batch.hl7.gz"},
		"batch.zip":    {"PK\x03\x04\x14\x00", "a zip archive", "unzip batch.zip"},
		"scan.hl7":     {"%PDF-1.7\n", "a PDF document", "Ask the EHR"},
		"rows.hl7":     {"name,date\nx,y\n", "text without a segment", "Ask the EHR"},
	} {
		t.Run(name+" is named as "+c.is, func(t *testing.T) {
			path := h.file(t, name, c.bytes)
			h.run(t, "check", path).exits(1).fits().shows(name+": not an HL7 file.", c.is, c.remedy)
			var got struct{ Files []struct{ Found string } }
			h.run(t, "check", path, "-o", "json").exits(1).json(&got)
			require.Contains(t, got.Files[0].Found, c.is)
			h.runIn(t, c.bytes, "check", "-").exits(1).shows(c.is)
		})
	}
	t.Run("an empty file has its own words", func(t *testing.T) {
		h.run(t, "check", h.file(t, "none.hl7", "")).exits(1).shows("There is no message in the file")
	})
}

func TestCheckOfSeveralFiles(t *testing.T) {
	h := newHarness(t)
	for name, text := range map[string]string{
		"out/a.hl7": cleanBatch, "out/sub/b.txt": badBatch, "out/noext": cleanBatch, "out/C.HL7": "%PDF-1.7",
		"out/list.csv": "a,b\n", "out/old.hl7.gz": "\x1f\x8b\x08\x00", "out/.hidden.hl7": badBatch, "out/.git/x.hl7": badBatch,
	} {
		h.file(t, name, text)
	}
	t.Run("a folder stands for every HL7 file in it and below, whatever the names", func(t *testing.T) {
		r := h.run(t, "check", "out").exits(1).fits()
		r.line("out/a.hl7", "error-free").line("out/noext", "error-free").line("out/sub/b.txt", "errors").line("out/C.HL7", "not HL7")
		r.line("4 files", "2 error-free")
	})
	t.Run("what is left out is said with the reason", func(t *testing.T) {
		h.run(t, "check", "out").line("out/.git", "a hidden folder").line("out/.hidden.hl7", "a hidden file").
			line("out/list.csv", "text without a segment").line("out/old.hl7.gz", "a gzip archive")
		var got struct {
			LeftOut []struct{ File, Why string } `json:"left_out"`
		}
		h.run(t, "check", "out", "-o", "json").json(&got)
		require.Len(t, got.LeftOut, 4)
	})
	t.Run("the worst exit code wins, and every file is judged", func(t *testing.T) {
		h.run(t, "check", "out/a.hl7", "out/noext").exits(0).line("2 files", "2 error-free")
		r := h.run(t, "check", "gone.hl7", "out/a.hl7", "out/sub/b.txt").exits(3).complains("gone.hl7")
		r.line("gone.hl7", "not read").line("out/a.hl7", "error-free").line("3 files", "1 error-free")
		h.run(t, "check", "gone.hl7", "-o", "json").exits(3).complains(`"exit":3`)
	})
	t.Run("a file named twice is judged once", func(t *testing.T) {
		h.run(t, "check", "out/a.hl7", "./out/a.hl7", "out").line("4 files")
	})
	t.Run("a folder without HL7 exits with 3 and says what else is there", func(t *testing.T) {
		h.file(t, "papers/a.pdf", "%PDF-1.7")
		h.run(t, "check", "papers").exits(3).complains("no HL7 file in this folder", "1 other file left out")
		require.NoError(t, os.MkdirAll("bare", 0o700))
		h.run(t, "check", "bare").exits(3).complains("no HL7 file in this folder")
	})
	t.Run("a hidden file that is named is judged", func(t *testing.T) {
		h.run(t, "check", "out/.hidden.hl7").exits(1).shows("P-06")
	})
	t.Run("a pattern that no shell has resolved is resolved", func(t *testing.T) {
		h.run(t, "check", "out/*.hl7").exits(0).shows("a.hl7: error-free")
		h.run(t, "check", "out/*.nothing").exits(3).complains("*.nothing")
	})
	t.Run("many files end in a table of the worst", func(t *testing.T) {
		for i := range 60 {
			h.file(t, fmt.Sprintf("many/%03d.hl7", i), cleanBatch)
		}
		h.file(t, "many/z.hl7", badBatch)
		r := h.run(t, "check", "many").exits(1).line("and 21 more files").line("61 files", "60 error-free")
		require.Contains(t, r.stdout[strings.Index(r.stdout, "FILE "):], filepath.Join("many", "z.hl7"))
	})
	t.Run("a name cannot command the terminal", func(t *testing.T) {
		path := h.file(t, "\x1b[31mred.hl7", cleanBatch)
		require.NotContains(t, h.run(t, "check", path).exits(0).stdout, "\x1b")
	})
}

func TestExplain(t *testing.T) {
	h := newHarness(t)
	t.Run("shows the rule whole", func(t *testing.T) {
		h.run(t, "check", "--explain", "P-06").exits(0).fits().
			shows("The patient's birth date is missing.", "Enter the birth date.", "error, whatever the file is for",
				"101 required field missing (table HL70357, ERR-3)", "patient and doses are refused", "P-06.future")
		h.run(t, "check", "--explain", "F-11").exits(0).shows("test: not looked at; production: error; historical: error")
	})
	t.Run("however it is written", func(t *testing.T) {
		for _, id := range []string{"p6", "P06", "p-06", "P-6"} {
			h.run(t, "check", "--explain", id).exits(0).shows("The patient's birth date is missing.")
		}
	})
	t.Run("a family that is no rule shows its rules", func(t *testing.T) {
		h.run(t, "check", "--explain", "F-03").exits(0).fits().shows("F-03.bom", "F-03.mllp")
	})
	t.Run("an unknown rule exits with 2 and offers what comes near", func(t *testing.T) {
		h.run(t, "check", "--explain", "P-06.past").exits(2).complains("P-06.future")
		h.run(t, "check", "--explain", "maiden").exits(2).complains("P-05")
		h.run(t, "check", "--explain", "PID-7").exits(2).complains("P-06")
		h.run(t, "check", "--explain", "%&").exits(2).complains("docs/rules.md")
		h.run(t, "check", "--explain", "P-06", "-o", "csv").exits(2)
	})
	t.Run("says how your profile grades it", func(t *testing.T) {
		profile := h.file(t, "mine.yaml", "rules.grades: {P-06: warning}\n")
		h.run(t, "check", "--explain", "P-06", "--profile", profile).exits(0).line("Your profile", "warning")
	})
	t.Run("as JSON too", func(t *testing.T) {
		var got []struct {
			ID, Says, Remedy, Source string
			HL70357                  int
			Severity                 struct{ Test string }
		}
		h.run(t, "check", "--explain", "P-06", "-o", "json").exits(0).json(&got)
		require.Equal(t, 101, got[0].HL70357)
		require.Equal(t, "E", got[0].Severity.Test)
	})
}
