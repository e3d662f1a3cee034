package dqa_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

var blocks = registry.ReportMapping{
	Name: "blocks", Block: "ref", BlankAccepted: true,
	Columns: map[registry.ReportColumn][]string{
		registry.ColumnControlID: {"ref"}, registry.ColumnMessage: {"says"}, registry.ColumnOutcome: {"result"},
	},
	Sections: []registry.ReportSection{{Heading: "batch *", File: true}, {Heading: "taken", Outcome: registry.OutcomeAccepted}},
}

func TestRecordsInBlocksOfLines(t *testing.T) {
	opts := options(t)
	opts.Mappings = append(opts.Mappings, blocks)
	const text = "Some registry\n\nBatch A_1.HL7\nRef: 1\nChild: Tam, Ivo\n\nRef: 2\nSays: CLR-100::Client Rejected.\n  No consent\nSays: IMR-111::Maker\n" +
		"\nBatch A_2.HL7\n\nRef: 3\nResult: Rejected\nSays: Something else\n\nTotal: 3\nthe end\n"
	for form, text := range map[string]string{
		"text": text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n"),
		"HTML": "<html><body><p>" + strings.ReplaceAll(text, "\n", "</p>\n<p>") + "</p></body></html>",
	} {
		t.Run(form, func(t *testing.T) {
			r := readWith(t, text, opts)
			require.NoError(t, r.err)
			require.Equal(t, "blocks", r.sum.Mapping)
			require.Equal(t, map[string]registry.Outcome{
				"1": registry.OutcomeAccepted, "2": registry.OutcomePatientRejected, "3": registry.OutcomeMessageRejected,
			}, r.outcomes())
			require.Equal(t, []string{"A_1.HL7", "A_1.HL7", "A_2.HL7"}, []string{r.verdicts[0].File, r.verdicts[1].File, r.verdicts[2].File})
			require.Equal(t, "Client Rejected. No consent", r.items[2].Text)
			require.Equal(t, "IMR-111", r.items[3].Code)
		})
	}
	t.Run("what is no key of the layout is kept", func(t *testing.T) {
		r := readWith(t, text, opts)
		require.Equal(t, 3, r.sum.NotUnderstood, "the title, the total and the end")
		require.Equal(t, "the end", r.items[len(r.items)-2].Text, "before the record that it stands below")
	})
	t.Run("a block without an end is cut, not held in memory", func(t *testing.T) {
		r := readWith(t, "Ref: 1\n"+strings.Repeat("Child: Tam\n", 1000)+"Ref: 2\n", opts)
		require.NoError(t, r.err)
		require.Len(t, r.outcomes(), 2)
		require.Equal(t, 1001-200, r.sum.NotUnderstood)
	})
	t.Run("a heading speaks for the blocks below it alone", func(t *testing.T) {
		r := readWith(t, "Ref: 1\nSays: CLR-100\nTaken\nRef: 2\nChild: x\n", opts)
		require.Equal(t, map[string]registry.Outcome{"1": registry.OutcomePatientRejected, "2": registry.OutcomeAccepted}, r.outcomes())
	})
}

func TestRowsBelowTheNameOfAFileBelongToIt(t *testing.T) {
	opts := options(t)
	opts.Mappings = append(opts.Mappings, registry.ReportMapping{
		Name: "per file", Columns: map[registry.ReportColumn][]string{registry.ColumnPosition: {"seq"}, registry.ColumnMessage: {"finding"}},
		Sections: []registry.ReportSection{{Heading: "file *", File: true}},
	})
	r := readWith(t, "File: A_1.HL7\nSeq,Finding\n(n),(text)\n1,CLR-100\nFile: A_2.HL7\n1,IMR-111\n", opts)
	require.NoError(t, r.err)
	require.Len(t, r.verdicts, 2, "the same position of another file is another record")
	require.Equal(t, "A_1.HL7", r.items[0].File)
	require.Equal(t, "A_2.HL7", r.items[1].File)
	require.Equal(t, 1, r.items[1].Position)
	require.Zero(t, r.sum.NotUnderstood, "what columns are written in is no answer")
}
