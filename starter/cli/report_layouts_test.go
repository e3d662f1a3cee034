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
	{
		"records as blocks of lines", "10-blocks.txt",
		"Texas Immunization Registry\nRun on: 03/04/2026\n\n" +
			"Message ID: G5-0009001\nPatient: Poruvika, Ana\nResult: Accepted\n\n" +
			"Message ID: G5-0009002\nPatient: Kelvatu, Ona\nResult: Rejected\nFinding: CLR-100::Client Rejected.\n  No consent on file\n\n" +
			"Message ID: G5-0009003\nPatient: Sarvolen, Ivo\nResult: Rejected\nFinding: IMR-111::Immunization rejected.\nFinding: IEE-519::Warning. x\n\n" +
			"Message ID: G5-0009004\nPatient: Tam, Ivo\nResult: Accepted\nFinding: IEE-519::Warning. x\n\n" +
			"Total: 4\nEnd of run.\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "message id", registry.ColumnMessage: "finding", registry.ColumnOutcome: "result"},
		nil, 4, 4,
	},
	{
		"blocks between rulers, with dots and another key first", "11-dots.txt",
		"Record no ....: 1\nMSH-10 .......: G5-0009001\nState ........: ok\n-----\n" +
			"Record no ....: 2\nMSH-10 .......: G5-0009002\nState ........: CLR-100 No consent\n-----\n" +
			"Record no ....: 3\nMSH-10 .......: G5-0009003\nState ........: IMR-111 Maker\n-----\n" +
			"Record no ....: 4\nMSH-10 .......: G5-0009004\nState ........: IEE-519 Warning. x\n-----\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "msh 10", registry.ColumnMessage: "state", registry.ColumnPosition: "record no"},
		nil, 0, 4,
	},
	{
		"blocks in a sheet of two columns", "12-sheet.xls",
		"<html><table>" +
			"<tr><td>Our Ref:</td><td>G5-0009001</td></tr><tr><td>Verdict:</td><td>loaded</td></tr><tr><td></td><td></td></tr>" +
			"<tr><td>Our Ref:</td><td>G5-0009002</td></tr><tr><td>Verdict:</td><td>CLR-100 No consent</td></tr><tr><td></td><td></td></tr>" +
			"<tr><td>Our Ref:</td><td>G5-0009003</td></tr><tr><td>Verdict:</td><td>IMR-111 Maker</td></tr><tr><td></td><td></td></tr>" +
			"<tr><td>Our Ref:</td><td>G5-0009004</td></tr><tr><td>Verdict:</td><td>IEE-519 Warning. x</td></tr></table></html>",
		map[registry.ReportColumn]string{registry.ColumnControlID: "our ref", registry.ColumnMessage: "verdict"},
		nil, 0, 4,
	},
	{
		"units below the header", "13-units.csv",
		"Our Number;Size;Finding;Grade\n" +
			"(MSH-10);(kB);(code and text);(E/W)\n" +
			"G5-0009001;1;ok;\n" +
			"G5-0009002;2;CLR-100::Client Rejected. No consent;E\n" +
			"G5-0009003;1;IMR-111::Immunization rejected.;E\n" +
			"G5-0009004;3;IEE-519::Warning. x;W\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "our number", registry.ColumnMessage: "finding", registry.ColumnSeverity: "grade"},
		nil, 0, 4,
	},
	{
		"units in the header", "14-inheader.csv",
		"Message [MSH-10]|Delay (days)|Answer (code::text)|Place (segment-field)\n" +
			"G5-0009001|1|accepted|\n" +
			"G5-0009002|2|CLR-100::Client Rejected. No consent|PID-22\n" +
			"G5-0009003|1|IMR-111::Immunization rejected.|RXA-17\n" +
			"G5-0009004|3|IEE-519::Warning. x|NK1\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "message msh 10", registry.ColumnMessage: "answer code text", registry.ColumnLocation: "place segment field"},
		nil, 0, 4,
	},
	{
		"a section for each file", "15-perfile.csv",
		"File: SUNR_PROD_1.HL7\n" +
			"Record No,Finding,Status\n" +
			"1,,Accepted\n" +
			"2,CLR-100::Client Rejected. No consent,Rejected\n" +
			"\n" +
			"File: SUNR_PROD_2.HL7\n" +
			"Record No,Finding,Status\n" +
			"1,IMR-111::Immunization rejected.,Rejected\n" +
			"2,IEE-519::Warning. x,Accepted\n",
		map[registry.ReportColumn]string{registry.ColumnPosition: "record no", registry.ColumnMessage: "finding", registry.ColumnOutcome: "status"},
		nil, 0, 4,
	},
	{
		"blocks below the names of files", "16-blocksperfile.txt",
		"Batch SUNR_PROD_1.HL7 (2 records)\n\n" +
			"Number: 1\nVerdict: accepted\n\nNumber: 2\nVerdict: CLR-100 No consent\n\n" +
			"Batch SUNR_PROD_2.HL7 (2 records)\n\n" +
			"Number: 1\nVerdict: IMR-111 Maker\n\nNumber: 2\nVerdict: IEE-519 Warning. x\n",
		map[registry.ReportColumn]string{registry.ColumnPosition: "number", registry.ColumnMessage: "verdict"},
		[]string{"--column", "position=Number", "--section", "batch *=file"},
		0, 4,
	},
	{
		"two rows of headers with units", "17-both.tsv",
		"Message\tAnswer\t\t\n" +
			"Control ID\tCode\tText\tStatus\n" +
			"[MSH-10]\t[CODE]\t[free]\t[Y/N]\n" +
			"G5-0009001\t\t\tY\n" +
			"G5-0009002\tCLR-100\tNo consent\tRejected\n" +
			"G5-0009003\tIMR-111\tMaker\tRejected\n" +
			"G5-0009004\tIEE-519\tWarning. x\tAccepted\n",
		map[registry.ReportColumn]string{registry.ColumnControlID: "control id", registry.ColumnCode: "code", registry.ColumnMessage: "text", registry.ColumnOutcome: "status"},
		nil, 1, 4,
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
			again := h.run(t, "report", "read", file, "--profile", to, "-o", "json")
			require.Contains(t, again.stdout, got.Mapping.Name, "the layout that was written is the one that reads it")
		})
	}
}
