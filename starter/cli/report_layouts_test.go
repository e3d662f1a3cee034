package cli_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/dqa"
	"immtrail/registry"
)

// oddLayout is a report of four records: the first was taken, the second and
// third refused, the fourth taken with a warning.
type oddLayout struct {
	name, file, text string
	// columns must be recognised; flags is the help that is needed.
	columns map[registry.ReportColumn]string
	flags   []string
	// lost are the lines that are no record, records how many are told.
	lost, records int
}

var oddLayouts = []oddLayout{
	{
		"two rows of headers, the first merged", "01-merged.xls",
		"<html><table><tr><td colspan=3>Submission</td><td colspan=3>Finding</td></tr>\n" +
			"<tr><td>Batch</td><td>Our Ref</td><td>Patient</td><td>Where</td><td>Grade</td><td>Finding Text</td></tr>\n" +
			"<tr><td>A1.HL7</td><td>G5-0009001</td><td>Poruvika</td><td></td><td></td><td>No errors</td></tr>\n" +
			"<tr><td>A1.HL7</td><td>G5-0009002</td><td>Kelvatu</td><td>PID-22</td><td>Error</td><td>CLR-100::Client Rejected. No consent</td></tr>\n" +
			"<tr><td>A1.HL7</td><td>G5-0009003</td><td>Sarvolen</td><td>RXA-17</td><td>Error</td><td>IMR-111::Immunization rejected.</td></tr>\n" +
			"<tr><td>A1.HL7</td><td>G5-0009004</td><td>Tam</td><td>NK1</td><td>Warning</td><td>IEE-519::Warning. x</td></tr></table></html>",
		map[registry.ReportColumn]string{registry.ColumnControlID: "our ref", registry.ColumnMessage: "finding text", registry.ColumnSeverity: "grade", registry.ColumnLocation: "where", registry.ColumnFile: "batch"},
		nil, 1, 4,
	},
	{
		"title lines above and totals below", "02-titles.csv",
		"Texas Immunization Registry\n" +
			"Data Quality Report, 03/04/2026\n" +
			"Organization:,SUNR1234\n" +
			"\n" +
			"Reference,Status,Detail\n" +
			"G5-0009001,Accepted,\n" +
			"G5-0009002,Rejected,CLR-100::Client Rejected. No consent\n" +
			"G5-0009003,Rejected,IMR-111::Immunization rejected.\n" +
			"G5-0009004,Accepted with warnings,IEE-519::Warning. x\n" +
			"\n" +
			"Total records:,4,\n" +
			"Accepted:,2,\n" +
			"Rejected:,2,\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "reference", registry.ColumnMessage: "detail", registry.ColumnOutcome: "status"},
		nil, 6, 4,
	},
	{
		"semicolons, decimal commas, Windows-1252", "03-german.csv",
		"Lfd. Nr.;Nachrichten-ID;G\xfcte in %;Befund\r\n" +
			"1;G5-0009001;100,0;ok\r\n" +
			"2;G5-0009002;0,5;CLR-100::Client Rejected. No consent\r\n" +
			"3;G5-0009003;50,25;IMR-111::Immunization rejected.\r\n" +
			"4;G5-0009004;99,9;IEE-519::Warning. x\r\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "nachrichten id", registry.ColumnMessage: "befund"},
		nil, 0, 4,
	},
	{
		"code and text in one column", "04-onecolumn.tsv",
		"Msg\tResult of processing\n" +
			"G5-0009001\tAccepted\n" +
			"G5-0009002\tCLR-100 - Client Rejected, no consent\n" +
			"G5-0009003\tIMR-111: Immunization rejected\n" +
			"G5-0009004\tIEE-519 Warning, no responsible person\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "msg", registry.ColumnMessage: "result of processing"},
		nil, 0, 4,
	},
	{
		"a section for each family of codes", "05-sections.csv",
		"FIR - Files rejected\n" +
			"none\n" +
			"\n" +
			"MER - Messages rejected\n" +
			"none\n" +
			"\n" +
			"CLR - Clients rejected\n" +
			"Code,Control No,Name\n" +
			"CLR-100,G5-0009002,Kelvatu\n" +
			"\n" +
			"IMR - Immunizations rejected\n" +
			"Code,Control No,Name,Vaccine\n" +
			"IMR-111,G5-0009003,Sarvolen,08\n" +
			"\n" +
			"IEE - Warnings\n" +
			"Code,Control No,Name\n" +
			"IEE-519,G5-0009004,Tam\n" +
			"\n" +
			"Accepted records\n" +
			"Control No,Name\n" +
			"G5-0009001,Poruvika\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "control no", registry.ColumnCode: "code"},
		nil, 4, 4,
	},
	{
		"columns in odd order, nothing said of what was taken", "06-order.csv",
		"Finding|Born|Name|Where|Grade|Sent In|Our Number\n" +
			"|03/04/2021|Poruvika, A|||A1.HL7|G5-0009001\n" +
			"CLR-100::Client Rejected. No consent|01/09/2020|Kelvatu, O|PID-22|E|A1.HL7|G5-0009002\n" +
			"IMR-111::Immunization rejected.|07/07/2019|Sarvolen, I|RXA-17|E|A1.HL7|G5-0009003\n" +
			"IEE-519::Warning. x|07/07/2019|Tam, I|NK1|W|A1.HL7|G5-0009004\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "our number", registry.ColumnMessage: "finding", registry.ColumnSeverity: "grade", registry.ColumnLocation: "where", registry.ColumnFile: "sent in"},
		[]string{"--blank-accepted"},
		0, 4,
	},
	{
		"a header of two lines", "07-twolines.csv",
		"Message,Error,Error,Record\n" +
			"Control ID,Code,Description,Status\n" +
			"G5-0009001,,,Accepted\n" +
			"G5-0009002,CLR-100,No consent,Rejected\n" +
			"G5-0009003,IMR-111,Maker,Rejected\n" +
			"G5-0009004,IEE-519,Warning. x,Accepted\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "control id", registry.ColumnCode: "code", registry.ColumnMessage: "description", registry.ColumnOutcome: "status"},
		nil, 1, 4,
	},
	{
		"a row for each error, and a message in a column called Message", "08-pererror.csv",
		"Error No,Error,Text,Message,Line\n" +
			"1,CLR-100,No consent,G5-0009002,PID-22\n" +
			"2,CLR-101,Flag,G5-0009002,PID-22\n" +
			"3,IMR-111,Maker,G5-0009003,RXA-17\n" +
			"4,IEE-519,Warning. x,G5-0009004,NK1\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "message", registry.ColumnCode: "error", registry.ColumnMessage: "text", registry.ColumnLocation: "line"},
		nil, 0, 3,
	},
	{
		"a row for each message, its codes joined by commas", "09-joined.csv",
		"Message,Result,Codes\n" +
			"G5-0009001,Loaded,\n" +
			"G5-0009002,Not loaded,\"CLR-100,CLR-101\"\n" +
			"G5-0009003,Not loaded,\"IMR-111, IEE-519\"\n" +
			"G5-0009004,Loaded,IEE-519\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "message", registry.ColumnCode: "codes", registry.ColumnOutcome: "result"},
		nil, 0, 4,
	},
}

func TestLayoutsNeverSeenAreLearnt(t *testing.T) {
	for _, c := range oddLayouts {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			file := h.file(t, c.file, c.text)
			to := filepath.Join(t.TempDir(), "mappings.yaml")
			r := h.run(t, append([]string{"report", "learn", file, "--yes", "--to", to, "-o", "json"}, c.flags...)...)
			var got struct {
				Mapping registry.ReportMapping
				Read    dqa.Summary
			}
			require.NoError(t, json.Unmarshal([]byte(r.stdout), &got), r.stderr)
			columns := map[registry.ReportColumn]string{}
			for col, patterns := range got.Mapping.Columns {
				require.Len(t, patterns, 1, col)
				columns[col] = patterns[0]
			}
			require.Equal(t, c.columns, columns)
			require.Equal(t, c.records, got.Read.Records)
			require.Equal(t, c.records-3, got.Read.Accepted)
			require.Equal(t, 1, got.Read.Warned)
			require.Equal(t, 2, got.Read.Rejected)
			require.Zero(t, got.Read.Unknown)
			require.Equal(t, c.lost, got.Read.NotUnderstood, "kept as lines of their own")
		})
	}
}
