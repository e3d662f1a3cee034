package fakeregistry

import (
	"io"
	"strconv"

	"immtrail/internal/reportgen"
)

// document writes a report that people open in an office program. It holds
// what it is going to write until its end.
type document struct {
	w      io.Writer
	format string
	info   reportInfo
	of     fileInfo
	names  []string
	// told are rows about which something is said, taken those of messages
	// without a complaint.
	told, taken [][]string
}

func (d *document) begin(info reportInfo) error {
	d.info = info
	return nil
}

func (d *document) file(of fileInfo) error {
	d.of = of
	d.names = append(d.names, of.Name)
	return nil
}

func (d *document) verdict(v *verdict) error {
	rows := rowsOf(d.info, d.of, v)
	if len(v.Complaints) == 0 {
		d.taken = append(d.taken, rows...)
		return nil
	}
	d.told = append(d.told, rows...)
	return nil
}

func (d *document) end() error {
	var data []byte
	var err error
	switch d.format {
	case AnswerXLSX:
		data, err = reportgen.XLSX(d.sheet()...)
	case AnswerHTML:
		data = reportgen.HTML(d.tables()...)
	case AnswerPDF:
		data, err = reportgen.PDF(d.pages()...)
	}
	if err == nil {
		_, err = d.w.Write(data)
	}
	return err
}

// sheet is one table below a title, as spreadsheets have it.
func (d *document) sheet() []reportgen.Section {
	table := append([][]string{rowColumns}, d.told...)
	return []reportgen.Section{
		{Heading: "Data Quality Assurance of " + d.info.OrgCode},
		{Rows: append(table, d.taken...)},
	}
}

// tables are two, with columns in another order.
func (d *document) tables() []reportgen.Section {
	pick := func(rows [][]string, at ...int) [][]string {
		out := make([][]string, 0, len(rows)+1)
		for _, r := range append([][]string{rowColumns}, rows...) {
			cells := make([]string, len(at))
			for i, n := range at {
				cells[i] = r[n]
			}
			out = append(out, cells)
		}
		return out
	}
	return []reportgen.Section{
		{Heading: "Records with messages", Rows: pick(d.told, 11, 8, 10, 3, 0, 2, 5, 6, 7)},
		{Heading: "Records without messages", Rows: pick(d.taken, 3, 7, 0, 2)},
	}
}

// pages are two sections, and a last line that counts.
func (d *document) pages() []reportgen.Section {
	told := [][]string{{"Message Control ID", "Severity", "Location", "Error Description", "Patient", "File Name"}}
	for _, r := range d.told {
		told = append(told, []string{r[3], r[8], r[10], r[11], r[5], r[0]})
	}
	taken := [][]string{{"Message Control ID", "Status", "Patient", "File Name"}}
	for _, r := range d.taken {
		taken = append(taken, []string{r[3], r[7], r[5], r[0]})
	}
	return []reportgen.Section{
		{Heading: "DQA report " + d.info.OrgCode + ", " + strconv.Itoa(len(d.names)) + " files"},
		{Heading: "Messages with errors or warnings", Rows: told, Widths: []float64{1.1, .5, .7, 2.6, 1, 1.7}},
		{Heading: "Successful messages", Rows: taken, Widths: []float64{1.1, .6, 1, 1.7}},
	}
}
