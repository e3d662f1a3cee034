package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/xuri/excelize/v2"

	"immtrail/db"
)

func (a *app) reportExport() *cobra.Command {
	var to string
	var reveal bool
	cmd := &cobra.Command{
		Use: "export REPORT", Short: "Write what a report says, line by line, as CSV or XLSX", Args: cobra.ExactArgs(1),
		Long: `Writes one row for each thing that a report says, with what it was matched with.
The ending of the file's name decides: .csv or .xlsx. A file that is there already
is not overwritten; only you can read the new one (mode 0600).

The registry's own sentences and the lines that nobody understood may name
patients: they are left out, unless you ask for them with --reveal. Who asked then
stays in the audit log.`,
		Example: "  starter report export r-12 --to r-12.csv\n  starter report export r-12 --to r-12.xlsx --reveal",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.exportReport(cmd.Context(), args[0], to, reveal)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "file to write, ending in .csv or .xlsx")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "with the registry's sentences: patient data; leaves an audit row")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

// itemColumns are the columns of an export; the last comes with --reveal only.
var itemColumns = []string{
	"line", "kind", "control_id", "practice_file", "message", "delivery", "named_file", "position", "code", "family",
	"severity", "location", "outcome", "sent", "answered", "text",
}

const (
	// maxSheetRows is what a spreadsheet holds, without the head.
	maxSheetRows = 1<<20 - 1
	// maxRevealedRows keeps a spreadsheet small enough to be made in memory: a
	// larger one passes through a temporary file in clear.
	maxRevealedRows = 5000
	exportPage      = 1000
)

// rowWriter is a CSV file or a sheet.
type rowWriter interface {
	row(cells []string) error
	// end writes what is left; nothing may be written afterwards.
	end() error
}

func (a *app) exportReport(ctx context.Context, id, to string, reveal bool) error {
	ending := strings.ToLower(filepath.Ext(to))
	if ending != ".csv" && ending != ".xlsx" {
		return misused("--to %s: a name that ends in .csv or .xlsx", to)
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	r, err := store.Report(ctx, id)
	if err != nil {
		return err
	}
	if most := maxSheetRows; ending == ".xlsx" {
		if reveal {
			most = maxRevealedRows
		}
		if r.Items+r.Differences > most {
			return refused("%s holds %d lines, more than go into such a spreadsheet (%d); export it as .csv", r.ID, r.Items+r.Differences, most)
		}
	}
	if _, err := os.Stat(to); err == nil {
		return refused("%s is there already; name another file, or remove it", to)
	}
	if reveal {
		by, err := a.actor()
		if err != nil {
			return err
		}
		// The audit comes first: what cannot be recorded is not written.
		act := a.act(by, "report-export/"+r.ID, r.ID+", "+plural(r.Items, "line", "lines"))
		if err := store.RecordAct(ctx, "", "", "report-revealed", act); err != nil {
			return err
		}
	}
	rows, err := writeExport(ctx, store, r, to, reveal)
	if err != nil {
		return err
	}
	return a.show(map[string]any{"report": r.ID, "file": to, "rows": rows, "revealed": reveal}, func(s *screen) {
		s.line("%s of %s written to %s.", plural(rows, "line", "lines"), r.ID, to)
		if reveal {
			s.line("It holds patient data: hand it over as you would a chart, and delete it afterwards.")
		}
	})
}

// writeExport writes a new file, whole or not at all.
func writeExport(ctx context.Context, store *db.Store, r db.Report, to string, reveal bool) (rows int, err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, refused("%s is there already; name another file, or remove it", to)
	}
	if err != nil {
		return 0, couldNot("%w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(to) // a half-written list would look whole
		}
	}()
	columns := len(itemColumns)
	if !reveal {
		columns--
	}
	w, err := newRowWriter(f, to)
	if err != nil {
		return 0, err
	}
	if err := w.row(itemColumns[:columns]); err != nil {
		return 0, couldNot("%w", err)
	}
	for after := 0; ; {
		items, err := store.ReportItems(ctx, r.ID, after, exportPage)
		if err != nil {
			return rows, err
		}
		for _, item := range items {
			if err := w.row(itemCells(item)[:columns]); err != nil {
				return rows, couldNot("%w", err)
			}
			rows++
		}
		if len(items) < exportPage {
			break
		}
		after = items[len(items)-1].Ordinal
	}
	if err := w.end(); err != nil {
		return rows, couldNot("%w", err)
	}
	return rows, nil
}

func itemCells(i db.ReportItem) []string {
	kind, sent, answered := "answer", "", ""
	switch {
	case i.Line:
		kind = "line not understood"
	case i.Expected > 0:
		kind, sent, answered = "difference", strconv.Itoa(i.Expected), strconv.Itoa(i.Found)
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return []string{
		strconv.Itoa(i.Ordinal), kind, i.ControlID, i.FileID, number(i.Message), i.DeliveryID, i.File, number(i.Position),
		i.Code, string(i.Family), string(i.Severity), i.Location, string(i.Outcome), sent, answered, i.Text,
	}
}

func newRowWriter(f io.Writer, name string) (rowWriter, error) {
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		return csvRows{csv.NewWriter(f)}, nil
	}
	book := excelize.NewFile()
	const sheet = "Report"
	err := book.SetSheetName("Sheet1", sheet)
	if err != nil {
		return nil, couldNot("%w", err)
	}
	out, err := book.NewStreamWriter(sheet)
	if err != nil {
		return nil, couldNot("%w", err)
	}
	return &sheetRows{book: book, out: out, to: f}, nil
}

type csvRows struct{ *csv.Writer }

func (w csvRows) row(cells []string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = plain(c)
	}
	return w.Write(safe)
}

func (w csvRows) end() error {
	w.Flush()
	return w.Error()
}

type sheetRows struct {
	book *excelize.File
	out  *excelize.StreamWriter
	to   io.Writer
	n    int
}

func (w *sheetRows) row(cells []string) error {
	w.n++
	values := make([]any, len(cells))
	for i, c := range cells {
		values[i] = plain(c)
	}
	at, err := excelize.CoordinatesToCellName(1, w.n)
	if err != nil {
		return err
	}
	return w.out.SetRow(at, values)
}

func (w *sheetRows) end() error {
	return errors.Join(w.out.Flush(), w.book.Write(w.to), w.book.Close())
}
