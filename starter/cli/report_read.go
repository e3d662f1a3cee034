package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"immtrail/dqa"
	"immtrail/internal/profiles"
	"immtrail/registry"
	"immtrail/registry/texas"
)

const outputNDJSON = "ndjson"

// readOptions are what reading a report at the desk depends on.
type readOptions struct {
	profiles []string
	most     int
}

func (a *app) reportRead() *cobra.Command {
	var o readOptions
	cmd := &cobra.Command{
		Use: "read FILE|REPORT", Short: "Show what a report says, without taking it in", Args: cobra.ExactArgs(1),
		Long: `Reads a report of the registry (HL7 acknowledgements, delimited text, XLSX, HTML
saved as .xls, PDF) and shows what it says and under which layout it was read.
Nothing is stored, and no server, database or settings are needed. Sentences of
the registry may name patients and are not shown. "-" reads standard input; the ID
of a report that is kept (see starter report list) reads it out of the file store.

Exit code 0: all of it was understood; 1: some lines were not, or the report is
not whole; 3: nothing in it was understood (see starter report learn).`,
		Example:     "  starter report read dqa-2026-03.xlsx\n  starter report read dqa.pdf --output csv > items.csv",
		Annotations: map[string]string{annotationOutputs: "text,json,ndjson,csv"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.readReport(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringArrayVar(&o.profiles, "profile", nil, "YAML file above the built-in values; may be repeated")
	cmd.Flags().IntVar(&o.most, "items", 20, "how many items to show")
	return cmd
}

// readReport is what `report read --output json` prints.
type readAnswer struct {
	File    string      `json:"file"`
	Profile []string    `json:"profile"`
	Summary dqa.Summary `json:"summary"`
	// Codes are what the report says, by code, most first; "" is an answer
	// without one.
	Codes []readCode `json:"codes"`
	// Items are the first of them, in order.
	Items []registry.ReportItem `json:"items"`
}

type readCode struct {
	Code    string         `json:"code"`
	Count   int            `json:"count"`
	Owner   registry.Owner `json:"owner,omitempty"`
	Known   bool           `json:"known"`
	Meaning string         `json:"meaning,omitempty"`
}

func (a *app) readReport(ctx context.Context, path string, o readOptions) error {
	loaded, from, err := a.deskValues(o.profiles)
	if err != nil {
		return err
	}
	src, size, name, err := a.openReport(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	watched, done := a.progress(src, size, "reading "+name)
	defer done()
	opts := dqa.Options{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings}
	switch a.output {
	case outputCSV:
		return a.readCSV(ctx, watched, name, opts)
	case outputNDJSON:
		sum, err := dqa.Read(ctx, watched, opts, func(it registry.ReportItem) error { return a.oneLine(it) })
		if err != nil {
			return unreadable(name, err)
		}
		return wholeReport(sum)
	}
	answer := readAnswer{File: name, Profile: from, Codes: []readCode{}, Items: []registry.ReportItem{}}
	counts := map[string]int{}
	answer.Summary, err = dqa.Read(ctx, watched, opts, func(it registry.ReportItem) error {
		counts[it.Code]++
		if len(answer.Items) < o.most {
			answer.Items = append(answer.Items, it)
		}
		return nil
	})
	done()
	if err != nil {
		return unreadable(name, err)
	}
	answer.Codes = countedCodes(counts, loaded.Catalogue)
	if err := a.show(answer, func(s *screen) { s.readReport(answer) }); err != nil {
		return err
	}
	return wholeReport(answer.Summary)
}

// wholeReport is the exit code's reason where not all was understood.
func wholeReport(sum dqa.Summary) error {
	if sum.NotUnderstood > 0 || len(sum.Faults) > 0 {
		return errFound
	}
	return nil
}

// unreadable says of which file it is that it cannot be read, where and why, and
// what can be done.
func unreadable(name string, err error) error {
	var known *registry.Error
	if errors.As(err, &known) && known.Kind == registry.Invalid && known.Err != nil {
		return couldNot("%s: %w", name, known.Err)
	}
	return couldNot("%s: %w", name, err)
}

func countedCodes(counts map[string]int, known texas.Catalogue) []readCode {
	out := []readCode{}
	for code, n := range counts {
		entry, ok := known[code]
		out = append(out, readCode{Code: code, Count: n, Owner: entry.Owner, Known: ok || code == "", Meaning: entry.Meaning})
	}
	slices.SortFunc(out, func(x, y readCode) int {
		if x.Count != y.Count {
			return y.Count - x.Count
		}
		return strings.Compare(x.Code, y.Code)
	})
	return out
}

// readCSV streams one row per item.
func (a *app) readCSV(ctx context.Context, src io.Reader, name string, opts dqa.Options) error {
	w := csv.NewWriter(a.env.Stdout)
	if err := w.Write([]string{"item", "control_id", "file", "position", "code", "severity", "place", "outcome", "meaning"}); err != nil {
		return couldNot("write: %w", err)
	}
	sum, err := dqa.Read(ctx, src, opts, func(it registry.ReportItem) error {
		position := ""
		if it.Position > 0 {
			position = strconv.Itoa(it.Position)
		}
		return w.Write([]string{
			strconv.Itoa(it.Ordinal), plain(it.ControlID), plain(it.File), position, plain(it.Code), it.Severity.Words(),
			plain(it.Location), string(it.Outcome), opts.Catalogue[it.Code].Meaning,
		})
	})
	w.Flush()
	if err = errors.Join(err, w.Error()); err != nil {
		return unreadable(name, err)
	}
	return wholeReport(sum)
}

func (s *screen) readReport(r readAnswer) {
	sum := r.Summary
	how := "read by its codes alone"
	if sum.Mapping != "" {
		how = "read with the layout \"" + sum.Mapping + "\""
	} else if sum.Format == dqa.FormatACK {
		how = "which need no layout"
	}
	s.line("%s: %s, %s.", r.File, sum.Format, how)
	s.line("%s: %d accepted, %d accepted with warnings, %d refused, %d unclear.",
		plural(sum.Records, "record answered", "records answered"), sum.Accepted, sum.Warned, sum.Rejected, sum.Unknown)
	if sum.NotUnderstood > 0 {
		s.line("%s", s.paint(warnStyle, plural(sum.NotUnderstood, "line was", "lines were")+" not understood: starter report learn FILE"))
	}
	for _, f := range sum.Faults {
		s.line("%s", s.paint(badStyle, "The report is not whole: "+f+"."))
	}
	s.line("")
	rows := [][]string{}
	for _, c := range r.Codes {
		row := []string{c.Code, strconv.Itoa(c.Count), string(c.Owner), c.Meaning}
		switch {
		case c.Code == "":
			row[0], row[3] = "-", "answers without a code"
		case !c.Known:
			row[2], row[3] = "?", "never met before: ask the registry what it means"
		}
		rows = append(rows, row)
	}
	s.table([]string{"CODE", "TIMES", "WHO FIXES IT", "MEANS"}, rows)
	if len(r.Items) == 0 {
		return
	}
	s.line("")
	rows = rows[:0]
	for _, it := range r.Items {
		where := it.ControlID
		if where == "" && it.Position > 0 {
			where = "number " + strconv.Itoa(it.Position) + " " + it.File
		}
		rows = append(rows, []string{strconv.Itoa(it.Ordinal), where, it.Code, it.Severity.Words(), it.Location, string(it.Outcome)})
	}
	s.table([]string{"ITEM", "MESSAGE", "CODE", "SEVERITY", "PLACE", "OUTCOME"}, rows)
	if more := sum.Items - len(r.Items); more > 0 {
		s.line("and %d more (--items, or --output csv for all)", more)
	}
}

// deskValues are the profile's values for work at the desk: those of the named
// files, or those of the settings where there are some.
func (a *app) deskValues(paths []string) (*texas.Loaded, []string, error) {
	from := []string{"built in"}
	if len(paths) == 0 {
		if cfg, err := a.config(); err == nil && cfg.Profile.Dir != "" {
			for _, name := range []string{profiles.File, profiles.MappingsFile, profiles.CatalogueFile} {
				if path := filepath.Join(cfg.Profile.Dir, name); exists(path) {
					paths = append(paths, path)
				}
			}
		}
	}
	var overlays []texas.Overlay
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, couldNot("%w", err)
		}
		overlays = append(overlays, texas.Overlay{Name: path, Data: data})
		from = append(from, path)
	}
	loaded, err := texas.Load(overlays...)
	if err != nil {
		return nil, nil, refused("the profile cannot be used (%s): %w", strings.Join(from[1:], ", "), err)
	}
	return loaded, from, nil
}

// oneLine writes v as a line of JSON.
func (a *app) oneLine(v any) error {
	enc := json.NewEncoder(a.env.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
