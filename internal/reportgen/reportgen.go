package reportgen

import (
	"bytes"
	"html"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"github.com/xuri/excelize/v2"
)

// A Section is a heading, which may be empty, with a table below it, which may
// have no rows. The first row is the table's header.
type Section struct {
	Heading string
	Rows    [][]string
	// Widths are the columns' shares of a page's width, for [PDF]; without any
	// all are of one width.
	Widths []float64
}

// XLSX writes all sections on one sheet, below each other.
func XLSX(sections ...Section) ([]byte, error) {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // held in memory only
	n := 0
	put := func(cells []string) error {
		n++
		at, err := excelize.CoordinatesToCellName(1, n)
		if err != nil {
			return err
		}
		return f.SetSheetRow("Sheet1", at, &cells)
	}
	for _, s := range sections {
		if s.Heading != "" {
			if err := put([]string{s.Heading}); err != nil {
				return nil, err
			}
		}
		for _, r := range s.Rows {
			if err := put(r); err != nil {
				return nil, err
			}
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// HTML writes each section as a table below its heading.
func HTML(sections ...Section) []byte {
	var b strings.Builder
	b.WriteString("<html><head><meta charset=\"utf-8\"><title>Report</title><style>td { border: 1px }</style></head>\n<body>\n")
	for _, s := range sections {
		if s.Heading != "" {
			b.WriteString("<h2>" + html.EscapeString(s.Heading) + "</h2>\n")
		}
		b.WriteString("<table border=1>\n")
		for _, r := range s.Rows {
			b.WriteString("<tr>")
			for _, c := range r {
				b.WriteString("<td>" + html.EscapeString(c) + "</td>")
			}
			b.WriteString("</tr>\n")
		}
		b.WriteString("</table>\n")
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

// PDF writes the sections onto landscape pages, each page with a foot. Long
// cells go on in the next line.
func PDF(sections ...Section) ([]byte, error) {
	doc := fpdf.New("L", "pt", "Letter", "")
	doc.SetFont("Helvetica", "", 8)
	doc.SetFooterFunc(func() {
		doc.SetY(-30)
		doc.CellFormat(0, 10, "Page "+strings.Repeat("I", doc.PageNo()), "", 0, "C", false, 0, "")
	})
	doc.AddPage()
	for _, s := range sections {
		if s.Heading != "" {
			doc.CellFormat(0, 20, s.Heading, "", 1, "L", false, 0, "")
		}
		for _, r := range s.Rows {
			pdfRow(doc, r, s.Widths)
		}
	}
	var out bytes.Buffer
	if err := doc.Output(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func pdfRow(doc *fpdf.Fpdf, cells []string, shares []float64) {
	const lineHeight = 10
	left, _, right, bottom := doc.GetMargins()
	pageWidth, pageHeight := doc.GetPageSize()
	widths := columnWidths(shares, len(cells), pageWidth-left-right)
	lines, most := make([][][]byte, len(cells)), 1
	for i, c := range cells {
		lines[i] = doc.SplitLines([]byte(c), widths[i]-12)
		most = max(most, len(lines[i]))
	}
	if doc.GetY()+float64(most*lineHeight) > pageHeight-bottom-40 {
		doc.AddPage()
	}
	top, at := doc.GetY(), left
	for i := range cells {
		for n, l := range lines[i] {
			doc.SetXY(at, top+float64(n*lineHeight))
			doc.CellFormat(widths[i], lineHeight, string(l), "", 0, "L", false, 0, "")
		}
		at += widths[i]
	}
	doc.SetXY(left, top+float64(most*lineHeight)+4)
}

func columnWidths(shares []float64, columns int, whole float64) []float64 {
	widths, sum := make([]float64, columns), 0.0
	for i := range widths {
		widths[i] = 1
		if i < len(shares) {
			widths[i] = shares[i]
		}
		sum += widths[i]
	}
	for i := range widths {
		widths[i] *= whole / sum
	}
	return widths
}
