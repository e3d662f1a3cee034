package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/starter/cli"
)

func TestReveal(t *testing.T) {
	h := newHarness(t)
	bad := h.file(t, "bad.hl7", batchOf(edited("m-1", "4711", "|20200115|F", "|20990115|F", "MTH^Mother", "MOM^Mother")))
	t.Run("is refused in a pipe and a file", func(t *testing.T) {
		r := h.run(t, "check", "--reveal", bad).exits(2).complains("terminal only")
		require.Empty(t, r.stdout)
	})
	h.env.IsTerminal = true
	t.Run("is refused in every format but text, on a terminal too", func(t *testing.T) {
		for _, format := range []string{"json", "ndjson", "csv", "junit"} {
			r := h.run(t, "check", "--reveal", bad, "-o", format).exits(2)
			require.NotContains(t, r.stdout+r.stderr, "20990115")
		}
	})
	t.Run("cannot read standard input twice", func(t *testing.T) {
		h.runIn(t, badBatch, "check", "--reveal", "-").exits(2).complains("save it to a file first")
	})
	t.Run("shows the value that is wrong, with a warning before it", func(t *testing.T) {
		r := h.run(t, "check", "--reveal", bad).exits(1).shows("PID-7 = 20990115", "NK1[1]-3 = MOM")
		require.Less(t, strings.Index(r.stdout, "patient data"), strings.Index(r.stdout, "20990115"))
		require.NotContains(t, r.stdout, "Quarrow", "only what is wrong")
	})
	t.Run("without it a terminal shows no value either", func(t *testing.T) {
		require.NotContains(t, h.run(t, "check", bad).stdout, "20990115")
	})
	t.Run("a value cannot command the terminal", func(t *testing.T) {
		path := h.file(t, "esc.hl7", batchOf(edited("m-1", "4711", "|20200115|F", "|\x1b[2J\x9b\u202e\xff|F")))
		r := h.run(t, "check", "--reveal", path).exits(1).shows(`PID-7 = \x1b[2J`, `\u202e`, `\xff`)
		require.NotContains(t, r.stdout, "\x1b[2J")
		require.NotContains(t, r.stdout, "\u202e")
	})
	t.Run("says what is empty, and shows a second repetition and a component", func(t *testing.T) {
		path := h.file(t, "parts.hl7", batchOf(edited("m-1", "4711", "^^^CLINIC^MR", "^^^CLINIC^MR~K2^^^A^", "|20200115|F", "||F", "Plano^TX", "Plano^XX")))
		h.run(t, "check", "--reveal", path).exits(1).shows("PID-7 = (empty)", "PID-3[2].5 = (empty)", "PID-11.4")
	})
	t.Run("a segment that is missing has nothing to show", func(t *testing.T) {
		path := h.file(t, "none.hl7", batchOf(productive(strings.Replace(cleanMessage, "ORC|", "ZRC|", 1))))
		h.run(t, "check", "--reveal", path).exits(1).shows("RXA[1] ORC\n")
	})
	t.Run("a message with delimiters of its own is cut by them", func(t *testing.T) {
		odd := strings.ReplaceAll(strings.NewReplacer("|20200115|F", "|20990115|F").Replace(productive(cleanMessage)), "|", "#")
		h.run(t, "check", "--reveal", h.file(t, "odd.hl7", batchOf(odd))).exits(1).shows("PID-7 = 20990115", "MSH-2 = ^~\\&")
	})
}

func TestColours(t *testing.T) {
	h := newHarness(t)
	h.env.IsTerminal = true
	bad := h.file(t, "bad.hl7", badBatch)
	require.Contains(t, h.run(t, "check", bad).stdout, "\x1b[31m")
	h.vars["NO_COLOR"] = "1"
	require.NotContains(t, h.run(t, "check", bad).stdout, "\x1b")
}

func FuzzValueAt(f *testing.F) {
	f.Add([]byte(badBatch), int64(40), "PID-7")
	f.Add([]byte("MSH|^~\\&|\rRXA|0|1\r"), int64(10), "RXA[1]-5.1")
	f.Add([]byte("PID|x\x1b"), int64(0), "PID-3[2].5")
	f.Fuzz(func(t *testing.T, file []byte, offset int64, path string) {
		if offset < 0 {
			return
		}
		shown, err := cli.ValueAt(bytes.NewReader(file), offset, path)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len([]rune(shown)), 60)
		for _, r := range shown {
			require.False(t, r < ' ' || (r >= 0x7f && r < 0xa0), "%q", shown)
		}
	})
}
