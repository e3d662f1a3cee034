package extract_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa/extract"
	"immtrail/internal/reportgen"
	"immtrail/registry"
)

// FuzzSpreadsheet throws a part of a spreadsheet at its reader, which runs in
// this process here: what is refused is refused, and no cell is unstorable.
func FuzzSpreadsheet(f *testing.F) {
	sound, err := reportgen.XLSX(reportgen.Section{Heading: "x", Rows: [][]string{{"Control ID", "Code"}, {"1", "CLR-100"}}})
	require.NoError(f, err)
	z, err := zip.NewReader(bytes.NewReader(sound), int64(len(sound)))
	require.NoError(f, err)
	for i, part := range z.File {
		r, err := part.Open()
		require.NoError(f, err)
		text, err := io.ReadAll(r)
		require.NoError(f, err)
		f.Add(i, text)
	}
	f.Fuzz(func(t *testing.T, part int, text []byte) {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for i, p := range z.File {
			if i != part%len(z.File) {
				require.NoError(t, w.Copy(p))
				continue
			}
			to, err := w.Create(p.Name)
			require.NoError(t, err)
			_, err = to.Write(text)
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		rows, err := extract.Spreadsheet(b.Bytes())
		if err != nil {
			return
		}
		for _, r := range rows {
			require.Equal(t, strings.ToValidUTF8(strings.Join(r.Cells, ""), "?"), strings.Join(r.Cells, ""))
		}
	})
}

// FuzzLayout puts texts anywhere on pages: each comes out once.
func FuzzLayout(f *testing.F) {
	f.Add([]byte{1, 70, 5, 10, 70, 5, 20, 70, 5, 1, 60, 5, 10, 60, 5})
	f.Add([]byte{1, 70, 5, 30, 70, 9, 1, 70, 2, 1, 69, 2, 1, 50, 3, 5, 50, 3})
	f.Fuzz(func(t *testing.T, at []byte) {
		var page [][3]byte
		for ; len(at) >= 3; at = at[3:] {
			page = append(page, [3]byte(at[:3]))
		}
		texts := 0
		for _, cells := range extract.Layout([][][3]byte{page, page}) {
			for _, c := range cells {
				texts += len(strings.Fields(c))
			}
		}
		require.Equal(t, 2*len(page), texts)
	})
}

// FuzzDocument throws documents at the child that reads them. It is slow.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(pdf("", catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>", onePage, hello, font)))
	f.Add([]byte(pdf("/Prev XREF", catalog, "<</Type/Pages/Kids[2 0 R]/Count 9>>")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			t.Skip("small ones say as much")
		}
		if _, err := rows(t, extract.PDF, bytes.NewReader(data)); err != nil {
			require.Equal(t, registry.Invalid, registry.KindOf(err))
		}
	})
}
