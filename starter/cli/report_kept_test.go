package cli_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"immtrail/registry"
)

// A report that nothing understands is learnt from where it lies, and taken in.
func TestKeptReportIsLearntAndTakenIn(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseTesting)
	sentFile(t, b, "b")
	const odd = "Wer/Was/Urteil\nm-b/Kelvatu/abgelehnt\n"
	b.run(t, "report", "import", b.file(t, "odd.txt", odd), "--connection", "dshs").exits(1).fits().
		shows("r-1: no mapping understands this report", "starter report learn r-1")
	b.run(t, "report", "list").exits(0).fits().line("r-1", "not understood")
	b.run(t, "report", "read", "r-1").exits(3).complains("r-1: no mapping understands this report")

	r := b.run(t, "report", "learn", "r-1", "--yes", "--name", "slashes", "--line", `^(?P<control_id>[a-z-]+)/(?P<message>.*)$`).
		shows("To take it in:  starter report import r-1")
	require.NotContains(t, r.stdout, "Kelvatu")
	b.run(t, "report", "read", "r-1").exits(1).shows(`layout "slashes"`, "1 record answered")
	b.run(t, "report", "import", "r-1", "--connection", "other").exits(2).complains("r-1 came over dshs")
	b.run(t, "report", "import", "r-1").exits(0).shows("r-1: 2 answers about 1 file", "1 line was not understood")
	b.run(t, "report", "list").exits(0).line("r-1", "read", "2 answers")
	b.run(t, "report", "import", "r-1").exits(0).shows("nothing changed")
	b.run(t, "report", "import", "r-9").exits(1)
	b.run(t, "report", "import", b.file(t, "more.txt", odd)).exits(2).complains("--connection")

	t.Run("a file of that name goes first", func(t *testing.T) {
		b.run(t, "report", "read", b.file(t, "r-1", "Control ID,Code\n5,CLR-100\n")).exits(0).shows("CLR-100")
	})
}

// TestNoExportHoldsAFormula has a report say formulas wherever it can.
func TestNoExportHoldsAFormula(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.delivered(t, "a", b.at(), 3)
	var items []registry.ReportItem
	for _, lead := range []string{"=", "+", "-", "@", "\t=", "\r=", " =", "\uff1d"} {
		items = append(items, registry.ReportItem{
			ControlID: lead + "cmd|' /C calc'!A0", File: lead + "x.hl7", Code: "CLR-100", Outcome: registry.OutcomePatientRejected, Text: lead + "HYPERLINK(1)",
		}, registry.ReportItem{Outcome: registry.OutcomeUnknown, Line: true, Text: lead + "1+1"})
	}
	id := b.reported(t, "a", b.at(), told{""}, items...)
	for _, name := range []string{"r.csv", "r.xlsx"} {
		to := filepath.Join(b.dir, name)
		b.run(t, "report", "export", id, "--to", to, "--reveal").exits(0)
		for _, row := range exported(t, to) {
			for _, cell := range row {
				requirePlain(t, cell)
			}
		}
	}
	r := b.run(t, "report", "read", b.file(t, "x.csv", "Control ID,File,Code,Location\n=1+1,@x,CLR-100,=PID\n+1,-x,IMR-111,+5\n"), "-o", "csv")
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	for _, row := range rows {
		for _, cell := range row {
			requirePlain(t, cell)
		}
	}
}

func exported(t *testing.T, path string) [][]string {
	t.Helper()
	if strings.HasSuffix(path, ".xlsx") {
		book, err := excelize.OpenFile(path)
		require.NoError(t, err)
		defer func() { require.NoError(t, book.Close()) }()
		rows, err := book.GetRows("Report")
		require.NoError(t, err)
		return rows
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return rows
}

func requirePlain(t *testing.T, cell string) {
	t.Helper()
	if head := strings.TrimLeft(cell, " "); head != "" {
		require.NotContains(t, "=+-@\t\r\n\uff1d", string([]rune(head)[0]), "%q", cell)
	}
}
