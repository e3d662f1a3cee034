package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/xuri/excelize/v2"

	"immtrail/conformance"
	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
)

func (a *app) errorsWorklist() *cobra.Command {
	var filter db.WorkFilter
	var all bool
	var owner, dir string
	cmd := &cobra.Command{
		Use: "worklist [PRACTICE]", Short: "Write what each site has to mend, patient by patient", Args: cobra.MaximumNArgs(1),
		Long: `Writes one spreadsheet (XLSX) for each site with unsettled errors: name, birth
date, chart number, vaccine, date given, what is wrong, what to type where, due.

The files hold patient data. Only you can read them (mode 0600); who wrote them,
for which site and how many rows stays in the audit log. Files that are there
already are not overwritten.`,
		Example: `  starter errors worklist sunrise-plano -d friday/
  starter errors worklist sunrise-plano --site allen -d friday/
  starter errors worklist --all --for practice -d friday/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				filter.Practice = args[0]
			}
			if (filter.Practice == "") != all {
				return misused("name a practice, or --all")
			}
			filter.Owner = registry.Owner(owner)
			return a.writeWorklists(cmd.Context(), filter, dir)
		},
	}
	cmd.Flags().StringVar(&filter.Site, "site", "", "one site only")
	cmd.Flags().BoolVar(&all, "all", false, "every practice")
	cmd.Flags().StringVar(&owner, "for", "", "only what these can mend: practice, ehr-vendor, data-team or registry")
	cmd.Flags().StringVarP(&dir, "dir", "d", "", "folder to write into")
	_ = cmd.MarkFlagRequired("dir")
	return cmd
}

// writtenList is a work list that was written, without anything about a patient.
type writtenList struct {
	Practice string `json:"practice"`
	Site     string `json:"site"`
	File     string `json:"file"`
	Rows     int    `json:"rows"`
}

func (a *app) writeWorklists(ctx context.Context, filter db.WorkFilter, dir string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile(filter.Practice)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return couldNot("%w", err)
	}
	w := &listWriter{app: a, dir: dir, codes: loaded.Catalogue, by: by, store: store}
	err = store.Worklist(ctx, filter, func(item db.WorkItem) error { return w.add(ctx, item) })
	if err = errors.Join(err, w.close(ctx)); err != nil {
		return err
	}
	return a.show(w.written, func(s *screen) {
		if len(w.written) == 0 {
			s.line("Nothing is unsettled; no list was written.")
			return
		}
		rows := [][]string{}
		for _, l := range w.written {
			rows = append(rows, []string{l.Practice, l.Site, plural(l.Rows, "record", "records"), l.File})
		}
		s.table([]string{"PRACTICE", "SITE", "TO MEND", "FILE"}, rows)
		s.line("")
		s.line("These files hold patient data: hand them over as you would a chart, and delete them afterwards.")
	})
}

// listWriter writes one spreadsheet after the other; items come site by site.
type listWriter struct {
	*app
	dir     string
	codes   texas.Catalogue
	by      registry.Actor
	store   *db.Store
	written []writtenList

	practice, site string
	book           *excelize.File
	rows           *excelize.StreamWriter
	n              int
}

var listHeader = []any{
	"Name", "Born", "Sex", "Chart number", "Of", "Vaccine", "Given on", "Lot", "By", "What is wrong", "What to do",
	"Due", "Where in the record", "Error",
}

const listSheet = "To mend"

func (w *listWriter) add(ctx context.Context, item db.WorkItem) error {
	e := item.Error
	if w.book == nil || e.Practice != w.practice || e.Site != w.site {
		if err := w.close(ctx); err != nil {
			return err
		}
		if err := w.open(e.Practice, e.Site); err != nil {
			return err
		}
	}
	var p conformance.PatientRef
	var d conformance.DoseRef
	// What is not of the form in which it was sealed is left blank: the error's
	// own page shows it.
	_ = json.Unmarshal([]byte(item.Patient), &p)
	_ = json.Unmarshal([]byte(item.Dose), &d)
	entry := w.codes[e.Code]
	w.n++
	return w.row(
		joinWords(", ", p.Family, p.Given), shortDate(p.BirthDate), p.Sex, p.ChartNumber, p.ChartAuthority,
		d.Vaccine, shortDate(d.Date), d.Lot, d.Provider, joinWords(": ", e.Code, entry.Meaning), entry.Remedy,
		day(e.DueAt), e.Location, e.ID,
	)
}

// row writes texts; none of them can be taken for a formula.
func (w *listWriter) row(cells ...string) error {
	values := make([]any, len(cells))
	for i, c := range cells {
		values[i] = plain(c)
	}
	at, err := excelize.CoordinatesToCellName(1, w.n+1)
	if err != nil {
		return couldNot("%w", err)
	}
	return w.rows.SetRow(at, values)
}

func (w *listWriter) open(practice, site string) error {
	w.practice, w.site, w.n = practice, site, 0
	// A long list spills while it is written: into the folder that the person
	// named for patient data (mode 0600), never into the common temporary one.
	w.book = excelize.NewFile(excelize.Options{TmpDir: w.dir})
	if err := w.book.SetSheetName("Sheet1", listSheet); err != nil {
		return couldNot("%w", err)
	}
	rows, err := w.book.NewStreamWriter(listSheet)
	if err != nil {
		return couldNot("%w", err)
	}
	w.rows = rows
	for i, width := range []float64{24, 11, 5, 14, 12, 28, 11, 10, 18, 44, 44, 11, 12, 9} {
		if err := rows.SetColWidth(i+1, i+1, width); err != nil {
			return couldNot("%w", err)
		}
	}
	if err := rows.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return couldNot("%w", err)
	}
	return rows.SetRow("A1", listHeader)
}

// close writes the open list into its file, with the audit row first: what
// cannot be recorded is not written.
func (w *listWriter) close(ctx context.Context) error {
	if w.book == nil {
		return nil
	}
	book := w.book
	w.book = nil
	defer func() { _ = book.Close() }() // removes what was spilled
	if err := w.rows.Flush(); err != nil {
		return couldNot("%w", err)
	}
	name := w.practice + "_" + w.site + "_" + day(w.now()) + ".xlsx"
	act := w.act(w.by, "worklist/"+w.practice+"/"+w.site, plural(w.n, "record", "records"))
	if err := w.store.RecordAct(ctx, w.practice, w.site, "worklist-written", act); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return refused("%s is there already; name another folder, or remove it", filepath.Join(w.dir, name))
	}
	if err != nil {
		return couldNot("%w", err)
	}
	if err := errors.Join(book.Write(f), f.Close()); err != nil {
		return couldNot("%w", err)
	}
	w.written = append(w.written, writtenList{Practice: w.practice, Site: w.site, File: filepath.Join(w.dir, name), Rows: w.n})
	return nil
}

// joinWords joins what is not empty.
func joinWords(sep string, parts ...string) string {
	var filled []string
	for _, p := range parts {
		if p != "" {
			filled = append(filled, p)
		}
	}
	return strings.Join(filled, sep)
}

// shortDate writes YYYYMMDD as YYYY-MM-DD, and anything else as it is.
func shortDate(d string) string {
	if len(d) != 8 {
		return d
	}
	return d[:4] + "-" + d[4:6] + "-" + d[6:]
}
