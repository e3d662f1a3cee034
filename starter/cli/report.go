package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/workflows"
)

func (a *app) reportCommand() *cobra.Command {
	return folder("report", "Read, learn, import, list, show and export the registry's reports",
		"  starter report read dqa.xlsx\n  starter report import dqa.csv --connection dshs\n  starter report list",
		a.reportRead(), a.reportLearn(), a.reportImport(), a.reportList(), a.reportShow(), a.reportExport())
}

// importedReport is what `report import --output json` prints.
type importedReport struct {
	Report string `json:"report"`
	// Again says that the same bytes were taken in before.
	Again         bool `json:"again"`
	Items         int  `json:"items"`
	Unmatched     int  `json:"unmatched"`
	NotUnderstood int  `json:"not_understood"`
	// Unreadable: nothing here understands it; it is kept as it came.
	Unreadable bool     `json:"unreadable"`
	Reason     string   `json:"reason,omitempty"`
	Opened     int      `json:"opened"`
	Verified   int      `json:"verified"`
	NewCodes   []string `json:"new_codes"`
	Files      []string `json:"files"`
}

func (a *app) reportImport() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "import FILE|REPORT", Short: "Take in a report that came by another way, such as by email", Args: cobra.ExactArgs(1),
		Long: `Takes in a report that the registry gave you by hand: acknowledgements (HL7),
delimited text, XLSX, HTML or PDF. It is kept in the file store, matched with what was sent, and
opens or closes errors just as a fetched one does. The same report again changes
nothing; one that nothing understood is tried anew, by its ID, once its layout is
taught.`,
		Example: "  starter report import dqa-2026-03.csv --connection dshs\n  starter report import r-12",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importReport(cmd.Context(), args[0], connection)
		},
	}
	cmd.Flags().StringVar(&connection, "connection", "", "whose files it answers; see: starter connection list")
	return cmd
}

func (a *app) importReport(ctx context.Context, path, connection string) error {
	by, err := a.actor()
	if err != nil {
		return err
	}
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	reports, err := a.reports(ctx, store)
	if err != nil {
		return err
	}
	stored, err := a.takeReport(ctx, reports, path, connection)
	if err != nil {
		return err
	}
	scope := activities.Scope{Calendar: a.cfg.Calendar.Registry()}
	got, err := reports.ImportReport(ctx, activities.ImportReportInput{Scope: scope, ReportID: stored.ID})
	if err != nil {
		return temporalWords(err)
	}
	out := importedReport{
		Report: stored.ID, Again: stored.Reconciled, Reason: got.Reason, Items: got.Items, Unmatched: got.Unmatched,
		NotUnderstood: got.NotUnderstood, Unreadable: got.Unreadable, NewCodes: []string{}, Files: []string{},
	}
	if !got.Unreadable {
		settled, err := reports.ReconcileErrors(ctx, activities.ReconcileErrorsInput{Scope: scope, ReportID: stored.ID})
		if err != nil {
			return temporalWords(err)
		}
		out.Opened, out.Verified, out.NewCodes = settled.Opened, settled.Verified, append(out.NewCodes, settled.NewCodes...)
	}
	if err := store.RecordAct(ctx, "", "", "report-imported", a.act(by, "report/"+stored.ID, stored.ID)); err != nil {
		return err
	}
	for _, f := range got.Files {
		out.Files = append(out.Files, f.FileID)
	}
	a.tellFiles(ctx, out)
	if err := a.show(out, func(s *screen) { s.imported(out) }); err != nil {
		return err
	}
	if out.Unreadable {
		return errFound
	}
	return nil
}

// reports is the room's hands, used here without Temporal.
func (a *app) reports(ctx context.Context, store *db.Store) (*activities.Reports, error) {
	w, err := a.wire()
	if err != nil {
		return nil, err
	}
	vault, err := a.fileStore(ctx)
	if err != nil {
		return nil, err
	}
	loaded, err := a.loadProfile("")
	if err != nil {
		return nil, err
	}
	return &activities.Reports{
		DB: store, Vault: vault, Dialer: w.Dialer(),
		Connections: activities.Connections{DB: store, Secret: w.Secret, Now: a.now}, Profiles: w.Profiles(),
		Known: func() (activities.ReportKnowledge, error) {
			return activities.ReportKnowledge{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings, Foretold: loaded.Foretold}, nil
		},
		Clock: a.env.Now,
	}, nil
}

// takeReport is the report that an argument means: one that is kept, or a file that
// is kept from now on.
func (a *app) takeReport(ctx context.Context, reports *activities.Reports, path, connection string) (db.Report, error) {
	if isKept(path) {
		r, err := a.kept(ctx, path)
		if err == nil && connection != "" && connection != r.Connection {
			return r, misused("%s came over %s; leave --connection away", r.ID, r.Connection)
		}
		return r, err
	}
	if connection == "" {
		return db.Report{}, misused("say with --connection whose files it answers; see: starter connection list")
	}
	if _, err := reports.DB.Connection(ctx, connection); err != nil {
		return db.Report{}, err
	}
	return a.keepReport(ctx, reports, path, connection)
}

// keepReport puts the file into the file store and makes it known.
func (a *app) keepReport(ctx context.Context, reports *activities.Reports, path, connection string) (db.Report, error) {
	src, size, name, err := a.openInput(path)
	if err != nil {
		return db.Report{}, err
	}
	defer func() { _ = src.Close() }() // only read from
	watched, done := a.progress(src, size, "reading")
	kept, err := reports.Vault.Put(ctx, watched)
	done()
	if err != nil {
		return db.Report{}, err
	}
	if kept.Size == 0 {
		return db.Report{}, refused("%s is empty", name)
	}
	written := a.now()
	if info, err := os.Stat(path); err == nil {
		written = info.ModTime()
	}
	loaded, err := a.loadProfile("")
	if err != nil {
		return db.Report{}, err
	}
	dated := activities.ReportDate(name, written, a.now(), loaded.Profile.BusinessDays().Location())
	// Its own name may name a patient; that of its content cannot.
	return reports.DB.AddReport(ctx, db.FetchedReport{
		Connection: connection,
		File:       db.RemoteFile{Name: "by-hand-" + kept.SHA256[:12], Size: kept.Size, ModTime: dated},
		Digest:     kept.SHA256, VaultKey: kept.Key, At: a.now(), Dated: dated,
	})
}

// tellFiles nudges the files that wait for this report. One that is not told
// looks by itself later.
func (a *app) tellFiles(ctx context.Context, out importedReport) {
	if len(out.Files) == 0 {
		return
	}
	eng, err := a.engine(ctx)
	for _, file := range out.Files {
		if err == nil {
			err = eng.Signal(ctx, workflows.FileID(file), workflows.SignalReportImported.Name,
				workflows.ReportImported{ReportID: out.Report})
		}
	}
	if err != nil {
		a.note("The report is taken in. The files that wait for it could not be told now and will look by themselves.")
	}
}

func (s *screen) imported(r importedReport) {
	if r.Unreadable {
		s.line("%s: %s.", r.Report, orWord(r.Reason, "nothing here understands it"))
		s.line("It is kept as it came. A new layout is taught with: starter report learn %s; then: starter report import %s", r.Report, r.Report)
		return
	}
	again := ""
	if r.Again {
		again = " It had been taken in before; nothing changed."
	}
	s.line("%s: %s about %s.%s", r.Report, plural(r.Items, "answer", "answers"), plural(len(r.Files), "file", "files"), again)
	s.line("%s opened, %s proven settled.", plural(r.Opened, "error", "errors"), plural(r.Verified, "error", "errors"))
	if r.Unmatched > 0 {
		s.line("%s to nothing that was sent from here.", plural(r.Unmatched, "answer belongs", "answers belong"))
	}
	if r.NotUnderstood > 0 {
		s.line("%s not understood.", plural(r.NotUnderstood, "line was", "lines were"))
	}
	for _, code := range r.NewCodes {
		s.line("The code %s has not been met before: ask the registry what it means.", code)
	}
	s.line("Next: starter errors list")
}

// shownReport is a report as it is kept.
type shownReport struct {
	ID            string     `json:"id"`
	Connection    string     `json:"connection"`
	State         string     `json:"state"`
	FetchedAt     time.Time  `json:"fetched_at"`
	ImportedAt    *time.Time `json:"imported_at,omitempty"`
	Items         int        `json:"items"`
	Unmatched     int        `json:"unmatched"`
	NotUnderstood int        `json:"not_understood"`
	Opened        int        `json:"opened"`
	Verified      int        `json:"verified"`
	NewCodes      []string   `json:"new_codes"`
}

func showReport(r db.Report) shownReport {
	return shownReport{
		ID: r.ID, Connection: r.Connection, State: r.State, FetchedAt: r.FetchedAt, ImportedAt: r.ImportedAt,
		Items: r.Items, Unmatched: r.Unmatched, NotUnderstood: r.NotUnderstood,
		Opened: r.Opened, Verified: r.Verified, NewCodes: append([]string{}, r.NewCodes...),
	}
}

// reportState is what became of a report, in words.
func reportState(state string) string {
	return map[string]string{"fetched": "being read", "imported": "read", "quarantined": "not understood"}[state]
}

func (a *app) reportList() *cobra.Command {
	var filter db.ReportFilter
	cmd := &cobra.Command{
		Use: "list", Short: "List the reports, newest first", Args: cobra.NoArgs,
		Example: "  starter report list\n  starter report list --practice sunrise-plano",
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			found, err := store.ListReports(cmd.Context(), filter)
			if err != nil {
				return err
			}
			shown := []shownReport{}
			for _, r := range found {
				shown = append(shown, showReport(r))
			}
			return a.show(shown, func(s *screen) { s.reports(shown) })
		},
	}
	cmd.Flags().StringVar(&filter.Practice, "practice", "", "only those that answer a practice's files")
	cmd.Flags().StringVar(&filter.Connection, "connection", "", "one connection only")
	cmd.Flags().IntVar(&filter.Limit, "limit", 50, "at most this many")
	return cmd
}

func (s *screen) reports(found []shownReport) {
	if len(found) == 0 {
		s.line("There is none.")
		return
	}
	rows := make([][]string, len(found))
	for i, r := range found {
		rows[i] = []string{
			r.ID, r.Connection, day(r.FetchedAt), reportState(r.State), plural(r.Items, "answer", "answers"),
			plural(r.Opened, "error opened", "errors opened"), plural(r.Verified, "settled", "settled"),
		}
	}
	s.table([]string{"REPORT", "CONNECTION", "CAME", "STATE", "HOLDS", "OPENED", "PROVEN"}, rows)
}
