package dqa_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/internal/reportgen"
	"immtrail/registry"
)

// written is the small report of table_test.go in every form that is no text.
func written(t *testing.T, sections ...reportgen.Section) map[string]string {
	t.Helper()
	xlsx, err := reportgen.XLSX(sections...)
	require.NoError(t, err)
	pdf, err := reportgen.PDF(sections...)
	require.NoError(t, err)
	return map[string]string{"XLSX": string(xlsx), "HTML": string(reportgen.HTML(sections...)), "PDF": string(pdf)}
}

func TestReportIsReadInEveryForm(t *testing.T) {
	for form, text := range written(t, reportgen.Section{Rows: rows}) {
		t.Run(form, func(t *testing.T) {
			r := read(t, text)
			require.NoError(t, r.err)
			require.Equal(t, "common words", r.sum.Mapping)
			require.Equal(t, []string{"", "IEE-519", "CLR-100", "IMR-109"}, r.codes())
			require.Equal(t, map[string]registry.Outcome{
				"100": registry.OutcomeAccepted, "101": registry.OutcomeWarned,
				"102": registry.OutcomePatientRejected, "103": registry.OutcomeWarned,
			}, r.outcomes())
			require.Equal(t, `Client Rejected. No consent; "none" on file.`, r.items[2].Text)
			require.Equal(t, "PID-22", r.items[2].Location)
			require.Equal(t, "SUNR1234_PROD_1.HL7", r.verdicts[0].File)
			require.Zero(t, r.sum.NotUnderstood)
		})
	}
}

// bySections is a report in which headings say what went wrong.
var bySections = []reportgen.Section{
	{Heading: "IEE-519 Warning. Responsible person missing", Rows: [][]string{
		{"Message Control ID", "Patient", "Birth date"}, {"201", "Poruvika, Tam", "03/04/2021"}, {"202", "Kelvatu, Ona", "01/09/2020"},
	}},
	{Heading: "CLR-100 Client Rejected. No consent on file", Rows: [][]string{
		{"Message Control ID", "Patient", "Birth date"}, {"203", "Sarvolen, Ivo", "07/07/2019"},
	}},
	{Heading: "Records loaded", Rows: [][]string{{"Message Control ID", "Loaded"}, {"204", "1"}, {"205", "1"}}},
}

var sectionMapping = registry.ReportMapping{
	Name:    "by sections",
	Columns: map[registry.ReportColumn][]string{registry.ColumnControlID: {"message control id"}},
	Sections: []registry.ReportSection{
		{Heading: "records loaded", Outcome: registry.OutcomeAccepted},
		{Heading: "*", Code: true},
	},
	Ignore: []string{"page *"},
}

func TestHeadingsSpeakForTheRowsBelowThem(t *testing.T) {
	for form, text := range written(t, bySections...) {
		t.Run(form, func(t *testing.T) {
			opts := options(t)
			opts.Mappings = append([]dqa.Mapping{sectionMapping}, opts.Mappings...)
			r := readWith(t, text, opts)
			require.NoError(t, r.err)
			require.Equal(t, "by sections", r.sum.Mapping)
			require.Equal(t, map[string]registry.Outcome{
				"201": registry.OutcomeWarned, "202": registry.OutcomeWarned, "203": registry.OutcomePatientRejected,
				"204": registry.OutcomeAccepted, "205": registry.OutcomeAccepted,
			}, r.outcomes())
			require.Equal(t, []string{"IEE-519", "IEE-519", "CLR-100", "", ""}, r.codes())
			require.Contains(t, r.items[0].Text, "Poruvika", "the row tells staff who is meant")
			require.Zero(t, r.sum.NotUnderstood)
		})
	}
}

func TestLinesOfRunningTextAreReadByExpressions(t *testing.T) {
	opts := options(t)
	opts.Mappings = append(opts.Mappings, registry.ReportMapping{
		Name: "one line each", Lines: []string{`^Record (?P<position>\d+) of (?P<file>\S+): (?P<message>.+)$`},
		Ignore: []string{"end of report"},
	})
	r := readWith(t, "Record 3 of SUNR_1.HL7: CLR-100::No consent\nRecord 3 of SUNR_1.HL7: IEE-519::Warning. x\n"+
		"Record 4 of SUNR_1.HL7: accepted without error\nEnd of report.\n", opts)
	require.NoError(t, r.err)
	require.Equal(t, "one line each", r.sum.Mapping)
	require.Len(t, r.verdicts, 2)
	require.Equal(t, registry.OutcomePatientRejected, r.verdicts[0].Outcome)
	require.Equal(t, 3, r.items[0].Position)
	require.Equal(t, "SUNR_1.HL7", r.items[0].File)
	require.Zero(t, r.sum.NotUnderstood)
}

func TestLongCellsGoOnInTheNextLineOfAPage(t *testing.T) {
	sentence := "IEE-519::Warning. NK1 Segment/Responsible person, missing; " + strings.Repeat("please add one ", 8)
	pdf, err := reportgen.PDF(reportgen.Section{Rows: [][]string{
		{"Message Control ID", "Error Message", "Status"},
		{"301", sentence, "Accepted"},
		{"302", "", "Accepted"},
		{"303", sentence, "Accepted"},
	}})
	require.NoError(t, err)
	r := read(t, string(pdf))
	require.NoError(t, r.err)
	require.Equal(t, []string{"IEE-519", "", "IEE-519"}, r.codes())
	require.Equal(t, strings.TrimPrefix(strings.TrimSpace(sentence), "IEE-519::"), r.items[0].Text)
	require.Zero(t, r.sum.NotUnderstood)
}

func TestTablesGoOnOverPagesAndSheets(t *testing.T) {
	many := [][]string{{"Message Control ID", "Code", "Status"}}
	for i := range 300 {
		many = append(many, []string{"m-" + strings.Repeat("I", 1+i%3) + string(rune('a'+i%26)), "", "Accepted"})
	}
	pdf, err := reportgen.PDF(reportgen.Section{Rows: many})
	require.NoError(t, err)
	r := read(t, string(pdf))
	require.NoError(t, r.err)
	require.Equal(t, 300, r.sum.Accepted)
}

func TestHTMLIsReadHoweverItWasSaved(t *testing.T) {
	want := map[string]registry.Outcome{"1": registry.OutcomePatientRejected, "2": registry.OutcomeAccepted}
	for name, text := range map[string]string{
		"capitals, nothing closed":  "<TABLE><TR><TH>Control ID<TH>Message<TH>Status<TR><TD>1<TD>CLR-100::none<TD>Rejected<TR><TD>2<TD><TD>Accepted",
		"a title over all columns":  "<table><tr><td colspan=3>Your report</td></tr><tr><td>Control ID<td>Message<td>Status</tr><tr><td>1<td>CLR-100 none<td>Rejected</tr><tr><td>2<td>&nbsp;<td>Accepted</tr></table>",
		"breaks inside cells":       "<table><tr><td>Control<br>ID<td>Message<td>Status</tr><tr><td>1<td>CLR-100<br>none<td>Rejected</tr><tr><td>2<td><td>Accepted</tr></table>",
		"a head that never ends":    "<html><head><title>x</title><table><tr><td>Control ID<td>Message<td>Status<tr><td>1<td>CLR-100<td>Rejected<tr><td>2<td><td>Accepted</table>",
		"scripts and styles":        "<style>td{}</style><script>if (1<2) { 'CLR-105' }</script><table><tr><td>Control ID<td>Message<td>Status<tr><td>1<td>CLR-100<td>Rejected<tr><td>2<td><td>Accepted</table>",
		"XML of an old spreadsheet": `<?xml version="1.0"?><Workbook><Worksheet ss:Name="x"><Table><Row><Cell><Data>Control ID</Data></Cell><Cell><Data>Message</Data></Cell><Cell><Data>Status</Data></Cell></Row><Row><Cell><Data>1</Data></Cell><Cell><Data>CLR-100</Data></Cell><Cell><Data>Rejected</Data></Cell></Row><Row><Cell><Data>2</Data></Cell><Cell/><Cell><Data>Accepted</Data></Cell></Row></Table></Worksheet></Workbook>`,
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, text)
			require.NoError(t, r.err)
			require.Equal(t, want, r.outcomes())
			require.Contains(t, r.codes(), "CLR-100")
			require.NotContains(t, r.codes(), "CLR-105")
		})
	}
	t.Run("Windows-1252", func(t *testing.T) {
		r := read(t, "<table><tr><td>Control ID<td>Message<tr><td>1<td>CLR-100 Pe\xf1a")
		require.NoError(t, r.err)
	})
}

// FuzzRows throws anything at the readers that work in this process.
func FuzzRows(f *testing.F) {
	f.Add(string(reportgen.HTML(bySections...)))
	f.Add("<tr><td colspan=9999999999>CLR-100<td")
	f.Add("Control ID,Message\n1,CLR-100\n")
	opts := options(f)
	opts.Mappings = append([]dqa.Mapping{sectionMapping}, opts.Mappings...)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "PK") || strings.HasPrefix(text, "%PDF") {
			t.Skip("read by a child")
		}
		r := readWith(t, text, opts)
		if r.err != nil {
			return
		}
		require.Len(t, r.items, r.sum.Items)
		require.Equal(t, r.sum.Records, r.sum.Accepted+r.sum.Warned+r.sum.Rejected+r.sum.Unknown)
		again := readWith(t, text, opts)
		require.Equal(t, r.items, again.items)
		for _, it := range r.items {
			require.False(t, bytes.ContainsRune([]byte(it.ControlID+it.Location+it.Code), 0))
		}
	})
}
