package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/conformance/codes"
	"immtrail/conformance/codes/cdc"
	"immtrail/hl7"
)

// codesDirVariable names the folder in the environment; it is the setting
// codes.dir, so that worker and starter agree.
const codesDirVariable = "IMMTRAIL_CODES__DIR"

func (a *app) codesCommand() *cobra.Command {
	var dir string
	cmd := folder("codes", "The code tables that files are judged by: vaccines, makers, drug codes",
		`  starter codes list                          Which tables are in use, and of which day
  starter codes show 208                      What is known of a code
  starter codes import cvx.xml mvx.xml        Take over what CDC has published since`,
		a.codesListCommand(&dir), a.codesShowCommand(&dir), a.codesImportCommand(&dir))
	cmd.Long = `The checker carries CDC's tables of vaccines (CVX), manufacturers (MVX), products,
drug codes (NDC), procedures (CPT), information statements (VIS) and vaccine
groups. Import newer ones when CDC publishes them. Nothing here needs a server, a
database or settings.`
	cmd.PersistentFlags().StringVar(&dir, "dir", "", "folder of imported tables (else codes.dir of the settings, else your own)")
	return cmd
}

// codesDir is the folder of imported tables: as asked for, from the
// environment, by the settings, or in the person's own folder of settings; empty
// where there is none.
func (a *app) codesDir(asked string) string {
	if asked == "" {
		asked = a.env.Getenv(codesDirVariable)
	}
	if asked != "" {
		return asked
	}
	// Settings are not needed here; where there are some, they say it.
	if cfg, err := a.config(); err == nil && cfg.Codes.Dir != "" {
		return cfg.Codes.Dir
	}
	base := a.userConfigDir()
	if base == "" {
		return ""
	}
	return filepath.Join(base, "immtrail", "codes")
}

// userConfigDir is [os.UserConfigDir] of the environment that was handed in.
func (a *app) userConfigDir() string {
	switch runtime.GOOS {
	case "windows":
		return a.env.Getenv("AppData")
	case "darwin", "ios":
		if a.env.Home != "" {
			return filepath.Join(a.env.Home, "Library", "Application Support")
		}
		return ""
	}
	if dir := a.env.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	if a.env.Home == "" {
		return ""
	}
	return filepath.Join(a.env.Home, ".config")
}

// codeTables are the tables to judge by: built in, or imported where there are.
func (a *app) codeTables(dir string) (*codes.Tables, error) {
	t, err := codes.Folder{Dir: a.codesDir(dir)}.Tables()
	if err != nil {
		return nil, couldNot("%w", err)
	}
	return t, nil
}

// listedCodes is what `codes list --output json` prints.
type listedCodes struct {
	Version string        `json:"version"`
	Edition string        `json:"edition"`
	Folder  string        `json:"folder"`
	Tables  []listedTable `json:"tables"`
}

type listedTable struct {
	Kind     codes.Kind `json:"kind"`
	Title    string     `json:"title"`
	Edition  string     `json:"edition"`
	Rows     int        `json:"rows"`
	Origin   string     `json:"origin"`
	Imported bool       `json:"imported"`
}

func (a *app) codesListCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tables in use: edition, rows and where each comes from",
		Example: "  starter codes list", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.codesList(*dir) },
	}
}

func (a *app) codesList(dir string) error {
	folder := codes.Folder{Dir: a.codesDir(dir)}
	t, err := a.codeTables(dir)
	if err != nil {
		return err
	}
	imported, err := folder.Load()
	if err != nil {
		return couldNot("%w", err)
	}
	answer := listedCodes{Version: t.Version(), Edition: codes.Day(t.Edition()), Folder: folder.Dir, Tables: []listedTable{}}
	for _, k := range codes.Published() {
		table := t.Table(k)
		theirs, ok := imported[k]
		answer.Tables = append(answer.Tables, listedTable{
			Kind: k, Title: k.Title(), Edition: codes.Day(table.Edition), Rows: len(table.Rows), Origin: table.Origin,
			Imported: ok && theirs.Edition == table.Edition && theirs.Origin == table.Origin,
		})
	}
	return a.show(answer, func(s *screen) {
		rows := make([][]string, 0, len(answer.Tables))
		for _, l := range answer.Tables {
			from := "built in"
			if l.Imported {
				from = "imported"
			}
			rows = append(rows, []string{l.Title, l.Edition, fmt.Sprint(l.Rows), from + ", " + l.Origin})
		}
		s.table([]string{"TABLE", "LAST CHANGE", "ROWS", "FROM"}, rows)
		s.line("")
		s.line("Version %s, as every verdict names it.", answer.Version)
		s.line("Imported tables are kept in %s.", orNowhere(answer.Folder))
	})
}

func orNowhere(dir string) string {
	if dir == "" {
		return "no folder, since there is no home folder; name one with --dir"
	}
	return dir
}

// importedCodes is what `codes import --output json` prints.
type importedCodes struct {
	Version string          `json:"version"`
	Folder  string          `json:"folder"`
	Files   []importedTable `json:"files"`
}

type importedTable struct {
	File    string     `json:"file"`
	Kind    codes.Kind `json:"kind,omitempty"`
	Title   string     `json:"title,omitempty"`
	Edition string     `json:"edition,omitempty"`
	Rows    int        `json:"rows,omitempty"`
	// Outcome is imported, unchanged or not-needed.
	Outcome string `json:"outcome"`
}

func (a *app) codesImportCommand(dir *string) *cobra.Command {
	var fewer bool
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take over tables that CDC has published, as XML or as text",
		Long: `Takes over files that you have downloaded from CDC's page of code sets
(www2a.cdc.gov/vaccines/iis/iisstandards): CVX, MVX, product names, NDC units of
sale and of use, CPT, VIS, vaccine groups. Which table a file has is told by what
stands in it. If one file is refused, nothing is imported; importing the same
files again changes nothing. Restart the worker afterwards.`,
		Example: `  starter codes import cvx.xml tradename.xml NDC_Unit_use.txt
  starter codes import --dir /etc/immtrail/codes *.xml *.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error { return a.codesImport(*dir, files, fewer) },
	}
	cmd.Flags().BoolVar(&fewer, "fewer", false, "take a table that is much shorter than the one in use")
	return cmd
}

func (a *app) codesImport(dir string, files []string, fewer bool) error {
	folder := codes.Folder{Dir: a.codesDir(dir)}
	if folder.Dir == "" {
		return misused("there is no home folder to keep tables in; name a folder with --dir")
	}
	answer := importedCodes{Folder: folder.Dir, Files: []importedTable{}}
	var tables []codes.Table
	for _, path := range files {
		t, err := readCDC(path, hl7.DateOf(a.env.Now()))
		if errors.Is(err, cdc.ErrNotNeeded) {
			answer.Files = append(answer.Files, importedTable{File: path, Outcome: "not-needed"})
			continue
		}
		if err != nil {
			return couldNot("%w\nNothing was imported", err)
		}
		tables = append(tables, t)
		answer.Files = append(answer.Files, importedTable{
			File: path, Kind: t.Kind, Title: t.Kind.Title(), Edition: codes.Day(t.Edition), Rows: len(t.Rows), Outcome: "unchanged",
		})
	}
	changed, err := folder.Import(tables, fewer)
	if err != nil {
		return fmt.Errorf("%w\nNothing was imported", err)
	}
	for i := range answer.Files {
		for _, k := range changed {
			if answer.Files[i].Kind == k {
				answer.Files[i].Outcome = "imported"
			}
		}
	}
	t, err := folder.Tables()
	if err != nil {
		return couldNot("%w", err)
	}
	answer.Version = t.Version()
	return a.show(answer, func(s *screen) { s.importedCodes(answer, len(changed)) })
}

func (s *screen) importedCodes(answer importedCodes, changed int) {
	rows := make([][]string, 0, len(answer.Files))
	for _, f := range answer.Files {
		rows = append(rows, []string{f.File, f.Title, f.Edition, fmt.Sprint(f.Rows), strings.ReplaceAll(f.Outcome, "-", " ")})
	}
	s.table([]string{"FILE", "TABLE", "LAST CHANGE", "ROWS", ""}, rows)
	s.line("")
	if changed == 0 {
		s.line("Nothing is new: the tables in use have the same rows.")
		return
	}
	s.line("%s imported to %s. Version %s is in use for checks at the desk; restart the worker so that it takes it too.",
		plural(changed, "table", "tables"), answer.Folder, answer.Version)
}

func readCDC(path string, today hl7.Date) (codes.Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return codes.Table{}, err
	}
	defer func() { _ = f.Close() }() // only read
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return codes.Table{}, fmt.Errorf("%s is a folder; name the files", path)
	}
	return cdc.Read(filepath.Base(path), f, today)
}
