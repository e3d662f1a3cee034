package dqa_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/internal/reportgen"
	"immtrail/registry"
)

// TestHostileReportIsRefusedWithPlaceAndRemedy reads what no registry sends. The
// activities' tests show that the original is kept and the reason with it.
func TestHostileReportIsRefusedWithPlaceAndRemedy(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	xlsx, err := reportgen.XLSX(reportgen.Section{Rows: rows})
	require.NoError(t, err)
	pdf, err := reportgen.PDF(reportgen.Section{Rows: rows})
	require.NoError(t, err)
	var once, twice bytes.Buffer
	zip1, zip2 := gzip.NewWriter(&once), gzip.NewWriter(&twice)
	_, err = io.WriteString(zip1, table(",", true))
	require.NoError(t, err)
	require.NoError(t, zip1.Close())
	_, err = zip2.Write(once.Bytes())
	require.NoError(t, err)
	require.NoError(t, zip2.Close())

	for name, c := range map[string]struct{ text, want string }{
		"a line of 10 MB":                           {table(",", false) + long + "\n", "line 6 is longer than 1 MiB: no report has such lines; ask the registry for it anew"},
		"a line of 10 MB that is quoted":            {table(",", false) + `"` + long + "\"\n", "line 6 is longer than 1 MiB"},
		"an acknowledgement with a line of 10 MB":   {ack("1", "AA") + "ERR|" + long + "\r", "segment at line 3"},
		"a page with a text of 10 MB":               {"<table><tr><td>1<td>" + long + "</table>", "row 1 is longer than 1 MiB: no report has such lines"},
		"a page with a cell of 10 MB in pieces":     {"<table><tr><td>1<td>" + strings.Repeat(long[:1000]+"<b></b>", 10<<10) + "</table>", "row 1 is longer than 1 MiB"},
		"a page with a row of ten million cells":    {"<table><tr>" + strings.Repeat("<td>", 10_000_000) + "</table>", "row 1 is longer than 1 MiB"},
		"a page with wide cells":                    {"<table><tr>" + strings.Repeat("<td colspan=999999999>x", 100_000) + "</table>", "row 1 is longer than 1 MiB"},
		"gzip":                                      {once.String(), "a compressed archive: unpack it, and take in what is inside"},
		"gzip in gzip":                              {twice.String(), "a compressed archive: unpack it"},
		"a spreadsheet cut off":                     {string(xlsx[:len(xlsx)*3/4]), "the spreadsheet is damaged, cut off, locked by a password, or not one: open it and save it anew"},
		"a PDF document cut off":                    {string(pdf[:len(pdf)*3/4]), "the PDF document is cut off, its end is missing: ask the registry for it anew"},
		"a PDF document cut off before its last %%": {string(pdf[:len(pdf)-6]), "the PDF document is cut off"},
		"a spreadsheet in a spreadsheet's archive":  {nested(t, xlsx), "the spreadsheet is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			r := read(t, c.text)
			require.Less(t, time.Since(begun), 2*time.Minute)
			require.Error(t, r.err)
			require.Equal(t, registry.Invalid, registry.KindOf(r.err))
			require.Contains(t, r.err.Error(), c.want)
		})
	}
}

// nested is an archive that holds another.
func nested(t *testing.T, inside []byte) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	p, err := w.Create("report.xlsx")
	require.NoError(t, err)
	_, err = p.Write(inside)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestReportThatBreaksOffIsSaidToBeCut(t *testing.T) {
	page := string(reportgen.HTML(reportgen.Section{Rows: rows}))
	for name, text := range map[string]string{
		"acknowledgements":        "FHS|^~\\&\rBHS|^~\\&\r" + ack("1", "AA"),
		"a page":                  page[:strings.Index(page, "102")],
		"a page in its comment":   strings.Replace(page, "<td>102", "<!-- <td>102", 1),
		"a page in a script":      strings.Replace(page, "<td>102", "<script><td>102", 1),
		"a page in its title":     page[:strings.Index(page, "Report")] + "<table><tr><td>CLR-100",
		"a page, never with an a": "<table><tr><td>CLR-100</td></tr><tr><td>IMR-111",
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, text)
			require.True(t, r.err != nil || len(r.sum.Faults) > 0, "nothing says so: %+v", r.sum)
		})
	}
	t.Run("a table whose last line is half is kept and told", func(t *testing.T) {
		whole := table(",", false)
		r := read(t, whole[:strings.Index(whole, "103")+5])
		require.NoError(t, r.err)
		require.Equal(t, 1, r.sum.NotUnderstood+r.sum.Unknown, "%+v", r.sum)
	})
}

func TestSurrogatesAndWrongEncodingsCanBeStored(t *testing.T) {
	text := table(",", false)
	name := "M\u00fcller"
	named := strings.Replace(text, "none", name, 1)
	const lone = "\xed\xa0\x80"
	for form, c := range map[string]struct {
		text string
		want string
	}{
		"half a surrogate as UTF-8":               {strings.Replace(text, "none", "A"+lone+"B", 1), ""},
		"half a surrogate as an entity":           {strings.Replace(string(reportgen.HTML(reportgen.Section{Rows: rows})), "none", "A&#xD800;B", 1), ""},
		"half a surrogate in UTF-16":              {"\xff\xfe" + strings.ReplaceAll(wide(strings.Replace(text, "none", "AQB", 1)), "Q\x00", "\x00\xd8"), ""},
		"Windows-1252":                            {strings.Replace(named, "\u00fc", "\xfc", 1), name},
		"a page that calls Windows-1252 UTF-8":    {strings.Replace(string(reportgen.HTML(reportgen.Section{Rows: rows})), "none", "M\xfcller", 1), name},
		"UTF-8 with a damaged letter elsewhere":   {strings.Replace(named, "Client", "Cl\xffient", 1), name},
		"UTF-16 without a mark":                   {wide(named), name},
		"acknowledgements in UTF-16 with a mark":  {"\xff\xfe" + wide(ack("102", "AE", errSeg("PID^1^22", "E", "CLR-100::No consent for "+name))), name},
		"acknowledgements in UTF-16 without one":  {wide(ack("102", "AE", errSeg("PID^1^22", "E", "CLR-100::No consent for "+name))), name},
		"a page that calls itself UTF-16 and not": {strings.Replace(string(reportgen.HTML(reportgen.Section{Rows: rows})), "utf-8", "utf-16", 1), ""},
	} {
		t.Run(form, func(t *testing.T) {
			r := read(t, c.text)
			require.NoError(t, r.err)
			require.Equal(t, registry.OutcomePatientRejected, r.outcomes()["102"])
			found := false
			for _, it := range r.items {
				require.Equal(t, strings.ToValidUTF8(it.Text, "?"), it.Text, "it can be stored")
				found = found || strings.Contains(it.Text, c.want)
			}
			require.True(t, found)
		})
	}
}

// wide is text in UTF-16, low byte first, without a mark; all of it is Latin-1.
func wide(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteByte(byte(r))
		b.WriteByte(0)
	}
	return b.String()
}

// TestGigabyteStreams reads as much as IMMTRAIL_HOSTILE_MIB says of each form that
// streams, 4 MiB without it. `go run ./internal/bench/report -hostile` measures
// the same with 1 GiB.
func TestGigabyteStreams(t *testing.T) {
	mib := 4
	if said := os.Getenv("IMMTRAIL_HOSTILE_MIB"); said != "" {
		_, err := fmt.Sscan(said, &mib)
		require.NoError(t, err)
	}
	for name, c := range map[string]struct{ head, piece string }{
		"lines that nobody understands": {"Control ID,Code\n1,CLR-100\n", strings.Repeat("w", 4000) + "\n"},
		"quotes that are never closed":  {"Control ID,Code\n1,CLR-100\n", "\"" + strings.Repeat("w", 4000) + "\n"},
		"one answer after the other":    {"Control ID,Code,Description\n", "7,CLR-100," + strings.Repeat("w ", 2000) + "\n"},
		"codes of one record":           {"Control ID,Code,Description\n", "7,CLR-100,x\n7,IMR-111,y\n"},
		"a page":                        {"<table><tr><td>Control ID<td>Code", "<tr><td>7<td>CLR-100"},
		"empty lines":                   {"Control ID,Code\n1,CLR-100\n", "\r\n\r\n\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			piece := c.piece
			for len(piece) < 64<<10 {
				piece += piece
			}
			var most uint64
			var n int
			_, err := dqa.Read(context.Background(), io.MultiReader(strings.NewReader(c.head), &endless{piece: piece, n: mib << 20 / len(piece)}), options(t),
				func(registry.ReportItem) error {
					if n++; n%100_000 == 0 {
						var m runtime.MemStats
						runtime.GC()
						runtime.ReadMemStats(&m)
						most = max(most, m.HeapAlloc)
					}
					return nil
				})
			require.NoError(t, err)
			require.Less(t, most, uint64(32<<20))
		})
	}
}
