package extract_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"immtrail/dqa/extract"
	"immtrail/internal/reportgen"
	"immtrail/registry"
)

func TestMain(m *testing.M) {
	extract.Serve()
	os.Exit(m.Run())
}

func rows(t *testing.T, kind extract.Kind, src io.Reader) ([]extract.Row, error) {
	t.Helper()
	var out []extract.Row
	err := extract.Rows(t.Context(), kind, src, func(r extract.Row) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

func TestCellsComeAsTheyAreShown(t *testing.T) {
	f := excelize.NewFile()
	require.NoError(t, f.SetCellValue("Sheet1", "A1", 20260304))
	require.NoError(t, f.SetCellValue("Sheet1", "B1", 0.5))
	require.NoError(t, f.SetCellFormula("Sheet1", "C1", `HYPERLINK("http://example.invalid","x")`))
	require.NoError(t, f.SetCellValue("Sheet1", "D1", "=1+1"))
	require.NoError(t, f.SetCellValue("Sheet1", "E1", time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)))
	_, err := f.NewSheet("Second")
	require.NoError(t, err)
	require.NoError(t, f.SetCellValue("Second", "B3", "alone"))
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	got, err := rows(t, extract.XLSX, &b)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []string{"20260304", "0.5", "", "=1+1"}, got[0].Cells[:4], "a formula is not worked out")
	require.Contains(t, got[0].Cells[4], "26")
	require.Equal(t, extract.Row{Sheet: 2, Cells: []string{"", "alone"}}, got[1])
}

// pdf writes objects as a document; tail goes into its trailer.
func pdf(tail string, objects ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer <</Size %d /Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, strings.ReplaceAll(tail, "XREF", fmt.Sprint(xref)), xref)
	return b.String()
}

const (
	catalog = "<</Type/Catalog/Pages 2 0 R>>"
	onePage = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
	font    = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
	hello   = "<</Length 50>>stream\nBT /F1 10 Tf 50 700 Td (IEE-519 Warning) Tj ET   \nendstream"
)

// small is the time that a report may take however it is made: that after which a
// child is ended.
const small = 2 * time.Minute

func TestDocumentsMadeToHangAreReadOrRefusedInTime(t *testing.T) {
	manyObjects := []string{catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>", onePage, hello, font}
	for range 200_000 {
		manyObjects = append(manyObjects, "[]")
	}
	for name, c := range map[string]struct {
		text string
		read bool
	}{
		"a sound one":                  {pdf("", catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>", onePage, hello, font), true},
		"a circle of pages":            {pdf("", catalog, "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 99999999>>", "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 5>>"), false},
		"a table before itself":        {pdf("/Prev XREF", catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>", onePage, hello, font), true},
		"two hundred thousand objects": {pdf("", manyObjects...), true},
		"a page that is missing":       {pdf("", catalog, "<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>", onePage, hello, font), false},
		"cut in the middle":            {pdf("", catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>", onePage, hello, font)[:200], false},
		"only the beginning":           {"%PDF-1.7\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			got, err := rows(t, extract.PDF, strings.NewReader(c.text))
			require.Less(t, time.Since(begun), small)
			if !c.read {
				require.Equal(t, registry.Invalid, registry.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, []extract.Row{{Sheet: 1, Cells: []string{"IEE-519 Warning"}}}, got)
		})
	}
}

// bomb is a spreadsheet whose parts are long and say nothing.
func bomb(t *testing.T, part, unit string, times int) []byte {
	t.Helper()
	var b bytes.Buffer
	sound, err := reportgen.XLSX(reportgen.Section{Rows: [][]string{{"x"}}})
	require.NoError(t, err)
	from, err := zip.NewReader(bytes.NewReader(sound), int64(len(sound)))
	require.NoError(t, err)
	w := zip.NewWriter(&b)
	for _, f := range from.File {
		if f.Name != part {
			require.NoError(t, w.Copy(f))
		}
	}
	p, err := w.Create(part)
	require.NoError(t, err)
	for range times {
		_, err = io.WriteString(p, unit)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestSpreadsheetsMadeToBurstAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"a sheet of 1 GB":           bomb(t, "xl/worksheets/sheet1.xml", strings.Repeat(" ", 1<<20), 1<<10),
		"ten million empty strings": bomb(t, "xl/sharedStrings.xml", strings.Repeat("<si/>", 1000), 10_000),
		"another kind of archive":   zipped(t, "readme.txt", "IEE-519"),
		"the beginning of one":      bomb(t, "xl/x.xml", "x", 1)[:500],
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(data), 4<<20)
			begun := time.Now()
			_, err := rows(t, extract.XLSX, bytes.NewReader(data))
			require.Equal(t, registry.Invalid, registry.KindOf(err), "%v", err)
			require.Less(t, time.Since(begun), small)
		})
	}
}

func zipped(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	p, err := w.Create(name)
	require.NoError(t, err)
	_, err = io.WriteString(p, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// endless gives zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestReportsThatAreTooLargeAreRefused(t *testing.T) {
	for _, kind := range []extract.Kind{extract.XLSX, extract.PDF} {
		_, err := rows(t, kind, io.LimitReader(endless{}, 1<<30))
		require.ErrorContains(t, err, "larger than 64 MiB")
		require.Equal(t, registry.Invalid, registry.KindOf(err))
	}
}

func TestWhatGoesWrongAroundItIsNotTheReportsFault(t *testing.T) {
	sound, err := reportgen.XLSX(reportgen.Section{Rows: [][]string{{"a"}, {"b"}, {"c"}}})
	require.NoError(t, err)
	t.Run("the source breaks", func(t *testing.T) {
		broken := errors.New("broken")
		_, err := rows(t, extract.XLSX, io.MultiReader(bytes.NewReader(sound[:100]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken)
	})
	t.Run("the caller stops", func(t *testing.T) {
		full := errors.New("full")
		err := extract.Rows(t.Context(), extract.XLSX, bytes.NewReader(sound), func(extract.Row) error { return full })
		require.ErrorIs(t, err, full)
	})
	t.Run("the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := extract.Rows(ctx, extract.XLSX, bytes.NewReader(sound), func(extract.Row) error { return nil })
		require.Error(t, err)
		require.NotEqual(t, registry.Invalid, registry.KindOf(err), "to be read again: %v", err)
	})
}

func TestErrorsDoNotQuoteTheReport(t *testing.T) {
	for _, kind := range []extract.Kind{extract.XLSX, extract.PDF} {
		_, err := rows(t, kind, strings.NewReader("Zyxwvutsrq"))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "Zyx")
	}
}
