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

func TestReportShowAndExport(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.delivered(t, "a", b.at(), 5)
	id := b.reported(t, "a", b.at(), told{"", "IMR-111", "IMR-999"},
		registry.ReportItem{ControlID: "of nobody", Code: "CLR-100", Outcome: registry.OutcomePatientRejected},
		registry.ReportItem{Outcome: registry.OutcomeUnknown, Line: true, Text: "??? Quarrow"})

	t.Run("show says how it was read, what it says and what does not add up", func(t *testing.T) {
		r := b.run(t, "report", "show", id).exits(0).fits().
			line("Of", "2026-03-31").line("Read as", "delimited, layout codes").
			shows("BURL_PROD_1.HL7 (f-1 of sunrise-plano): 5 sent, 3 answered",
				"1 answer belongs to nothing that was sent", "1 line was not understood", "New codes: IMR-999").
			line("1", "IMR-111", "dose rejected", "1", "0", "maker of the vaccine").
			line("1", "CLR-100", "0", "1").line("IMR-999", "NEW CODE")
		require.NotContains(t, r.stdout, "Quarrow")
		var got struct {
			Layout, Format string
			Files          []struct{ File, Practice string }
			Differences    []struct{ Sent, Answered int }
			Codes          []struct {
				Code string
				New  bool
			}
		}
		b.run(t, "report", "show", id, "-o", "json").exits(0).json(&got)
		require.Equal(t, "codes", got.Layout)
		require.Equal(t, "f-1", got.Files[0].File)
		require.Equal(t, 5, got.Differences[0].Sent)
		require.Len(t, got.Codes, 4)
		b.run(t, "report", "show", "r-99").exits(1)
	})
	t.Run("export leaves the sentences out and the file to its owner", func(t *testing.T) {
		to := filepath.Join(b.dir, "r.csv")
		b.run(t, "report", "export", id, "--to", to).exits(0).shows("6 lines")
		text, err := os.ReadFile(to)
		require.NoError(t, err)
		require.NotContains(t, string(text), "Quarrow")
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 7)
		require.NotContains(t, rows[0], "text")
		require.Equal(t, []string{"2", "answer", "a-1", "f-1", "2"}, rows[2][:5])
		require.Equal(t, "line not understood", rows[5][1])
		require.Equal(t, []string{"5", "3"}, rows[6][13:15])
		info, err := os.Stat(to)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.Empty(t, b.events(t, "report-revealed"))
		b.run(t, "report", "export", id, "--to", to).exits(1).complains("is there already")
	})
	t.Run("with the sentences it leaves an audit row, and no formula", func(t *testing.T) {
		to := filepath.Join(b.dir, "r.xlsx")
		b.run(t, "report", "export", id, "--to", to, "--reveal").exits(0).shows("patient data")
		book, err := excelize.OpenFile(to)
		require.NoError(t, err)
		defer func() { _ = book.Close() }()
		cell, err := book.GetCellValue("Report", "P3")
		require.NoError(t, err)
		require.Equal(t, "'=Zebedine Quarrow was refused", cell)
		formula, err := book.GetCellFormula("Report", "P3")
		require.NoError(t, err)
		require.Empty(t, formula)
		events := b.events(t, "report-revealed")
		require.Len(t, events, 1)
		require.Equal(t, "Mary Major", events[0].By.Name)
		require.Contains(t, events[0].Reason, id)
	})
	t.Run("another ending is wrong usage", func(t *testing.T) {
		b.run(t, "report", "export", id, "--to", "r.pdf").exits(2)
		b.run(t, "report", "export", "r-99", "--to", "x.csv").exits(1)
		require.NoFileExists(t, filepath.Join(b.dir, "x.csv"))
	})
}
