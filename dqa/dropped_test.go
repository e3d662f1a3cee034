package dqa_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/internal/reportgen"
	"immtrail/registry"
)

// outcomeOf is what a made line says of its record.
var outcomeOf = map[string]registry.Outcome{
	"": registry.OutcomeAccepted, "CLR-100": registry.OutcomePatientRejected, "IMR-111": registry.OutcomeDoseRejected,
	"IEE-519": registry.OutcomeWarned, "IMR-109": registry.OutcomeWarned,
}

// requireNothingDropped holds a report against the lines that it was made of:
// each answer is one verdict, each line of garbage stands in one item.
func requireNothingDropped(t *testing.T, lines []reportgen.Line, r report) {
	t.Helper()
	require.NoError(t, r.err)
	require.Len(t, r.items, r.sum.Items)
	verdicts := map[string][]registry.Outcome{}
	for _, v := range r.verdicts {
		verdicts[v.ControlID] = append(verdicts[v.ControlID], v.Outcome)
	}
	answers := 0
	for _, l := range lines {
		if l.ControlID != "" {
			answers++
			require.Equal(t, []registry.Outcome{outcomeOf[l.Code]}, verdicts[l.ControlID], "%s, once", l.ControlID)
		}
		if l.ControlID != "" && l.Code == "" {
			continue
		}
		found := 0
		for _, it := range r.items {
			if strings.Contains(it.Text, l.Mark+" ") || strings.HasSuffix(it.Text, l.Mark) {
				found++
			}
		}
		require.Equal(t, 1, found, "the line with %s: %q", l.Mark, l.Cells)
	}
	require.Equal(t, answers, r.sum.Records-strangers(r), "and no record beside them")
	told := r.sum.NotUnderstood
	for _, v := range r.verdicts {
		told += v.LastItem - v.FirstItem + 1
	}
	require.Equal(t, len(r.items), told, "every item belongs to a record or is a line that nobody understands")
}

// strangers are records that name no message of ours.
func strangers(r report) (n int) {
	for _, v := range r.verdicts {
		if v.ControlID == "" {
			n++
		}
	}
	return n
}

func controlIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("G5-%07d", i)
	}
	return ids
}

// TestNothingIsDroppedWhateverTheReport reads made reports of every form.
func TestNothingIsDroppedWhateverTheReport(t *testing.T) {
	opts := options(t)
	seeds := uint64(400)
	if testing.Short() {
		seeds = 40
	}
	t.Run("acknowledgements and delimited text", func(t *testing.T) {
		for seed := range seeds {
			rnd := rand.New(rand.NewPCG(seed, 2))
			lines := reportgen.Lines(seed, controlIDs(1+rnd.IntN(30)))
			end := []string{"\n", "\r", "\r\n"}[rnd.IntN(3)]
			sep := []string{",", ";", "\t", "|"}[rnd.IntN(4)]
			encoding := reportgen.Encodings[rnd.IntN(len(reportgen.Encodings))]
			t.Run(fmt.Sprintf("seed %d, %s", seed, encoding), func(t *testing.T) {
				for _, text := range [][]byte{
					reportgen.Acknowledgements(lines, end, encoding),
					reportgen.Delimited(lines, sep, end, encoding, rnd.IntN(2) == 0),
				} {
					r := readWith(t, string(text), opts)
					requireNothingDropped(t, lines, r)
					require.Equal(t, r, readWith(t, string(text), opts), "reading again gives the same")
				}
			})
		}
	})
	t.Run("HTML", func(t *testing.T) {
		for seed := range seeds {
			lines := reportgen.Lines(seed, controlIDs(1+int(seed%20)))
			requireNothingDropped(t, lines, readWith(t, string(reportgen.HTML(reportgen.Table(lines))), opts))
		}
	})
	t.Run("XLSX", func(t *testing.T) {
		for seed := range seeds / 20 {
			lines := reportgen.Lines(seed, controlIDs(1+int(seed%20)))
			data, err := reportgen.XLSX(reportgen.Table(lines))
			require.NoError(t, err)
			requireNothingDropped(t, lines, readWith(t, string(data), opts))
		}
	})
	t.Run("PDF", func(t *testing.T) {
		for seed := range uint64(4) {
			lines := reportgen.Lines(seed, controlIDs(8))
			data, err := reportgen.PDF(reportgen.Table(onPaper(lines)))
			require.NoError(t, err)
			requireNothingDropped(t, lines, readWith(t, string(data), opts))
		}
	})
}

// onPaper leaves out what a page cannot show: letters beyond ASCII (the writer's
// fonts have none), and rows whose cells no longer stand in columns.
func onPaper(lines []reportgen.Line) []reportgen.Line {
	out := make([]reportgen.Line, len(lines))
	for i, l := range lines {
		if l.ControlID == "" {
			l.Cells = []string{"stray " + l.Mark + " line"}
		}
		out[i] = l
	}
	return out
}

// FuzzNothingDropped puts any line between answers: it takes none of them away.
func FuzzNothingDropped(f *testing.F) {
	for _, line := range []string{"words", `"open`, `a,"b`, "\xed\xa0\x80", ",,,,,", `""""`, "MSH|", "Message Control ID,Status"} {
		f.Add(line, uint8(0))
	}
	opts := options(f)
	f.Fuzz(func(t *testing.T, line string, where uint8) {
		if strings.ContainsAny(line, "\r\n") || dqa.DetectFormat([]byte(line)) != dqa.FormatText {
			t.Skip("one line of text")
		}
		answers := []string{"A1,CLR-100,No consent", "A2,,", "A3,IMR-111,\"Maker, none\"", "A4,IEE-519,Warning"}
		at := int(where) % (len(answers) + 1)
		var b strings.Builder
		b.WriteString("Control ID,Code,Description\n")
		for i, a := range answers {
			if i == at {
				b.WriteString(line + "\n")
			}
			b.WriteString(a + "\n")
		}
		r := readWith(t, b.String(), opts)
		if r.err != nil {
			require.Equal(t, registry.Invalid, registry.KindOf(r.err))
			return
		}
		coded := 0
		for _, it := range r.items {
			if it.Code == "CLR-100" || it.Code == "IMR-111" || it.Code == "IEE-519" {
				coded++
			}
		}
		require.GreaterOrEqual(t, coded, 3, "every code is told")
	})
}
