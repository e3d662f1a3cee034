package fakeregistry

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"immtrail/registry"
)

// rowColumns are the columns of a report of rows: one row for each complaint,
// and one for each message without any. Like real reports they name patients.
var rowColumns = []string{
	"File Name", "Processed", "Record", "Message Control ID", "Chart Number", "Patient Name",
	"Birth Date", "Status", "Severity", "Code", "Location", "Message",
}

// rowsOf are the rows about one message.
func rowsOf(info reportInfo, of fileInfo, v *verdict) [][]string {
	if len(v.Complaints) == 0 {
		return [][]string{rowOf(info, of, v, "Accepted", complaint{})}
	}
	var rows [][]string
	for _, c := range v.Complaints {
		rows = append(rows, rowOf(info, of, v, status(v, c), c))
	}
	return rows
}

func status(v *verdict, c complaint) string {
	switch {
	case c.family() == registry.FamilyInformation && !v.outcome().Bad():
		return "Accepted with warnings"
	case c.family() == registry.FamilyInformation:
		return "Warning"
	}
	return "Rejected"
}

func rowOf(info reportInfo, of fileInfo, v *verdict, status string, c complaint) []string {
	name, place, text := "", "", ""
	if v.Patient.Last != "" {
		name = v.Patient.full()
	}
	if c.Code != "" {
		place, text = c.place(), c.Code+"::"+c.Text
	}
	return []string{
		of.Name, info.At.In(zone).Format("01/02/2006 15:04"), strconv.Itoa(v.Ordinal), v.ControlID,
		v.Patient.Chart, name, v.Patient.Born, status, string(c.Severity), c.Code, place, text,
	}
}

// delimited writes a report as lines of text.
type delimited struct {
	w    io.Writer
	form string
	info reportInfo
	of   fileInfo
}

func newDelimited(w io.Writer, form string) *delimited {
	if form == FormSemicolon {
		w = charmap.Windows1252.NewEncoder().Writer(w)
	}
	return &delimited{w: w, form: form}
}

func (d *delimited) begin(info reportInfo) error {
	d.info = info
	if d.form == FormTab {
		if _, err := io.WriteString(d.w, "\ufeff"); err != nil {
			return err
		}
	}
	return d.write(rowColumns)
}

func (d *delimited) file(of fileInfo) error {
	d.of = of
	return nil
}

func (d *delimited) verdict(v *verdict) error {
	for _, r := range rowsOf(d.info, d.of, v) {
		if d.form == FormSemicolon && r[len(r)-1] != "" {
			r[len(r)-1] += " – see the registry’s guide" // characters that the encoding has above ASCII
		}
		if err := d.write(r); err != nil {
			return err
		}
	}
	return nil
}

func (d *delimited) write(cells []string) error {
	if d.form == FormPipe {
		quoted := make([]string, len(cells))
		for i, c := range cells {
			quoted[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		_, err := io.WriteString(d.w, strings.Join(quoted, "|")+"\r\n")
		return err
	}
	w := csv.NewWriter(d.w)
	switch d.form {
	case FormTab:
		w.Comma = '\t'
	case FormSemicolon:
		w.Comma = ';'
	}
	if err := w.Write(cells); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// end leaves the header alone where there is nothing to list.
func (d *delimited) end() error { return nil }
