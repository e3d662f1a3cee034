package fakeregistry

import (
	"encoding/csv"
	"io"
	"strconv"

	"immtrail/registry"
)

// delimited writes a report as rows: one for each complaint, and one for each
// message without any. Like real reports it names patients.
type delimited struct {
	w    *csv.Writer
	info answerInfo
}

func newDelimited(w io.Writer) *delimited { return &delimited{w: csv.NewWriter(w)} }

// delimitedColumns are the report's columns, in order.
var delimitedColumns = []string{
	"File Name", "Processed", "Record", "Message Control ID", "Chart Number", "Patient Name",
	"Birth Date", "Status", "Severity", "Code", "Location", "Message",
}

func (d *delimited) begin(info answerInfo) error {
	d.info = info
	return d.w.Write(delimitedColumns)
}

func (d *delimited) verdict(v *verdict) error {
	if len(v.Complaints) == 0 {
		return d.row(v, "Accepted", complaint{})
	}
	for _, c := range v.Complaints {
		if err := d.row(v, status(v, c), c); err != nil {
			return err
		}
	}
	return nil
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

func (d *delimited) row(v *verdict, status string, c complaint) error {
	name, place, text := "", "", ""
	if v.Patient.Last != "" {
		name = v.Patient.full()
	}
	if c.Code != "" {
		place, text = c.place(), c.Code+"::"+c.Text
	}
	return d.w.Write([]string{
		d.info.name, d.info.at.In(zone).Format("01/02/2006 15:04"), strconv.Itoa(v.Ordinal), v.ControlID,
		v.Patient.Chart, name, v.Patient.Born, status, string(c.Severity), c.Code, place, text,
	})
}

// end leaves the header alone where there is nothing to list.
func (d *delimited) end() error {
	d.w.Flush()
	return d.w.Error()
}
