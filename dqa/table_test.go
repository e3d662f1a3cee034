package dqa_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// rows is a small report of our own making.
var rows = [][]string{
	{"File Name", "Message Control ID", "Severity", "Location", "Error Message", "Status"},
	{"SUNR1234_PROD_1.HL7", "100", "", "", "", "Accepted"},
	{"SUNR1234_PROD_1.HL7", "101", "Warning", "NK1", "IEE-519::Warning. No responsible person, missing.", "Accepted"},
	{"SUNR1234_PROD_1.HL7", "102", "Error", "PID-22", "CLR-100::Client Rejected. No consent; \"none\" on file.", "Rejected"},
	{"SUNR1234_PROD_1.HL7", "103", "Error", "RXA-3", "IMR-109::Immunization rejected. Duplicate.", "Rejected"},
}

func table(sep string, quote bool) string {
	var b strings.Builder
	for _, r := range rows {
		for i, c := range r {
			if i > 0 {
				b.WriteString(sep)
			}
			if quote || strings.Contains(c, sep) || strings.Contains(c, `"`) {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			b.WriteString(c)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func TestDelimitedReportIsReadWhateverItsForm(t *testing.T) {
	inUTF16 := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	for name, text := range map[string]string{
		"comma":                   table(",", false),
		"comma, all quoted":       table(",", true),
		"pipe":                    table("|", false),
		"tab":                     table("\t", false),
		"semicolon":               table(";", false),
		"LF":                      strings.ReplaceAll(table(",", false), "\r", ""),
		"CR":                      strings.ReplaceAll(table(",", false), "\n", ""),
		"byte order mark":         "\ufeff" + table(",", false),
		"UTF-16, as Excel writes": inUTF16(table("\t", false)),
		"title and rulers above":  "\r\n-----------\r\n\r\n" + table(",", false),
	} {
		t.Run(name, func(t *testing.T) {
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
			require.Equal(t, registry.SeverityError, r.items[2].Severity)
			require.Equal(t, "SUNR1234_PROD_1.HL7", r.verdicts[0].File)
			require.Zero(t, r.sum.NotUnderstood)
		})
	}
}

func TestRowsOfOneRecordAreOneVerdict(t *testing.T) {
	r := read(t, "Control ID,Code,Description\n7,IEE-519,Warning. x\n7,CLR-100,No consent\n8,IEE-519,Warning. x\n")
	require.NoError(t, r.err)
	require.Len(t, r.verdicts, 2)
	require.Equal(t, registry.OutcomePatientRejected, r.verdicts[0].Outcome)
	require.Equal(t, 1, r.verdicts[0].FirstItem)
	require.Equal(t, 2, r.verdicts[0].LastItem)
	require.Equal(t, "No consent", r.items[1].Text)
}

func TestReportWithoutHeaderIsUnderstoodByItsCodes(t *testing.T) {
	r := read(t, "Daily report\n12, Doe Jane, PID-22, E, CLR-100::Client Rejected. No consent\n13, Roe Rick, NK1, W, IEE-519::Warning. x IEE-411::Warning. y\n")
	require.NoError(t, r.err)
	require.Empty(t, r.sum.Mapping)
	require.Equal(t, []string{"", "CLR-100", "IEE-519", "IEE-411"}, r.codes())
	require.Equal(t, "PID-22", r.items[1].Location)
	require.Equal(t, registry.OutcomePatientRejected, r.verdicts[0].Outcome)
	require.Empty(t, r.verdicts[0].ControlID, "nothing tells which message is meant")
	require.Equal(t, 1, r.sum.NotUnderstood, "the title is kept")
	require.Contains(t, r.items[1].Text, "Doe Jane", "a reader needs the row; the caller seals it")
}

func TestSectionsMayHaveHeadersOfTheirOwn(t *testing.T) {
	r := read(t, "Section Errors\nControl ID,Error Code,Description\n1,CLR-100,No consent\n\nSection Successes\nStatus,Message Control ID,File Name\nAccepted,2,SUNR1234_PROD_1.HL7\nAccepted,3,SUNR1234_PROD_1.HL7\n")
	require.NoError(t, r.err)
	require.Equal(t, map[string]registry.Outcome{
		"1": registry.OutcomePatientRejected, "2": registry.OutcomeAccepted, "3": registry.OutcomeAccepted,
	}, r.outcomes())
	require.Equal(t, 2, r.sum.NotUnderstood)
}

func TestStatusColumnCounts(t *testing.T) {
	for status, want := range map[string]registry.Outcome{
		"Accepted":               registry.OutcomeAccepted,
		"Loaded":                 registry.OutcomeAccepted,
		"No errors":              registry.OutcomeAccepted,
		"AA":                     registry.OutcomeAccepted,
		"Accepted with warnings": registry.OutcomeWarned,
		"Rejected":               registry.OutcomeMessageRejected,
		"Failed":                 registry.OutcomeMessageRejected,
		"Not accepted":           registry.OutcomeMessageRejected,
		"Queued":                 registry.OutcomeUnknown,
		"":                       registry.OutcomeUnknown,
	} {
		t.Run("status "+status, func(t *testing.T) {
			r := read(t, "Control ID,Status\n1,"+status+"\n")
			require.Equal(t, want, r.one(t).Outcome)
		})
	}
	t.Run("a warning in a refused row is a refusal", func(t *testing.T) {
		r := read(t, "Control ID,Code,Status\n1,IEE-519,Rejected\n")
		require.Equal(t, registry.OutcomeMessageRejected, r.one(t).Outcome)
	})
	t.Run("an unknown code in an accepted row is no silent acceptance", func(t *testing.T) {
		r := read(t, "Control ID,Code,Description,Status\n1,519,Something,\n")
		require.Equal(t, registry.OutcomeUnknown, r.one(t).Outcome)
		require.Equal(t, "519 Something", r.items[0].Text)
	})
}

func TestMappingOfOnesOwn(t *testing.T) {
	mine := registry.ReportMapping{
		Name: "weekly list", BlankAccepted: true,
		Columns: map[registry.ReportColumn][]string{
			registry.ColumnControlID: {"our number"}, registry.ColumnMessage: {"what * says"},
		},
	}
	opts := options(t)
	opts.Mappings = append(opts.Mappings, mine)
	r := readWith(t, "Our Number;Patient;What DSHS says\n1;Doe;\n2;Roe;CLR-100::No consent\n", opts)
	require.NoError(t, r.err)
	require.Equal(t, "weekly list", r.sum.Mapping)
	require.Equal(t, registry.OutcomeAccepted, r.outcomes()["1"])
	require.Equal(t, registry.OutcomePatientRejected, r.outcomes()["2"])
}

func TestNothingInATableIsDropped(t *testing.T) {
	const head = "Control ID,Code,Description\n"
	t.Run("a code in a column that nobody named counts", func(t *testing.T) {
		r := read(t, "Control ID,Status,Remark\n1,Accepted,CLR-100::No consent\n")
		require.Equal(t, registry.OutcomePatientRejected, r.one(t).Outcome)
	})
	t.Run("a line that lost its shape is kept", func(t *testing.T) {
		r := read(t, head+"1,CLR-100,x\nthe end\n")
		require.Equal(t, 1, r.sum.NotUnderstood)
		require.Equal(t, "the end", r.items[1].Text)
	})
	t.Run("a quoted field goes over lines", func(t *testing.T) {
		r := read(t, head+"1,CLR-100,\"first\nsecond, third\"\n2,IMR-111,x\n")
		require.Equal(t, "first\nsecond, third", r.items[0].Text)
		require.Len(t, r.verdicts, 2)
	})
	t.Run("commas in a quoted field over lines are its own", func(t *testing.T) {
		r := read(t, "Control ID,Message\n7,\"CLR-100::No consent\nnot here, nor there\nat all\"\n8,IMR-111::Maker\n")
		require.Equal(t, []string{"CLR-100", "IMR-111"}, r.codes())
		require.Contains(t, r.items[0].Text, "nor there")
	})
	t.Run("two stray quotes swallow nothing between them", func(t *testing.T) {
		r := read(t, "Control ID,Code\n\"open\n7,CLR-100\n8,IMR-111\nshut\"\n")
		require.Equal(t, map[string]registry.Outcome{"7": registry.OutcomePatientRejected, "8": registry.OutcomeDoseRejected}, r.outcomes())
		require.Equal(t, 2, r.sum.NotUnderstood)
	})
	t.Run("a quote that is never closed swallows nothing", func(t *testing.T) {
		var b strings.Builder
		b.WriteString(head + "1,CLR-100,\"never closed\n")
		for i := range 60 {
			fmt.Fprintf(&b, "%d,IMR-111,x\n", i+2)
		}
		r := read(t, b.String())
		require.NoError(t, r.err)
		require.Len(t, r.verdicts, 61)
	})
	t.Run("a table of no rows is a report that names nobody", func(t *testing.T) {
		r := read(t, head)
		require.NoError(t, r.err)
		require.Empty(t, r.items)
		require.Equal(t, "common words", r.sum.Mapping)
	})
	t.Run("the old Windows encoding is read", func(t *testing.T) {
		r := read(t, head+"1,CLR-100,Jos\xe9 \x96 no consent\n")
		require.Equal(t, "José – no consent", r.items[0].Text)
	})
}
