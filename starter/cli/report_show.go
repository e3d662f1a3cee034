package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// countedCode is how often a report tells a code.
type countedCode struct {
	Code      string           `json:"code"`
	New       bool             `json:"new"`
	Outcome   registry.Outcome `json:"outcome"`
	Items     int              `json:"items"`
	Records   int              `json:"records"`
	Unmatched int              `json:"unmatched"`
	Meaning   string           `json:"meaning,omitempty"`
}

// reportFile is a file of ours that a report tells of.
type reportFile struct {
	File     string `json:"file"`
	Practice string `json:"practice"`
}

// reportDetail is what `report show --output json` prints.
type reportDetail struct {
	shownReport
	Dated   time.Time `json:"dated"`
	Format  string    `json:"format,omitempty"`
	Layout  string    `json:"layout,omitempty"`
	Records int       `json:"records"`
	// Reason says why nothing understands it, Faults what shows that it is not
	// whole.
	Reason      string                `json:"reason,omitempty"`
	Faults      []string              `json:"faults"`
	Files       []reportFile          `json:"files"`
	MoreFiles   bool                  `json:"more_files"`
	Differences []db.ReportDifference `json:"differences"`
	// DifferencesAll counts those that do not stand in Differences too.
	DifferencesAll int           `json:"differences_all"`
	Codes          []countedCode `json:"codes"`
}

// maxOfReport bounds the files and differences that one screen tells.
const maxOfReport = 20

func (a *app) reportShow() *cobra.Command {
	return &cobra.Command{
		Use: "show REPORT", Short: "Show one report: how it was read, what it says, what does not add up", Args: cobra.ExactArgs(1),
		Long: `Shows how a report was read and of which day it is, what it says by code, which
answers belong to nothing that was sent, and of which files it answers fewer
messages than were sent. Nothing of it is about a patient.`,
		Example: "  starter report show r-12",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showReport(cmd.Context(), args[0])
		},
	}
}

func (a *app) showReport(ctx context.Context, id string) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	r, err := store.Report(ctx, id)
	if err != nil {
		return err
	}
	loaded, err := a.loadProfile("")
	if err != nil {
		return err
	}
	out := reportDetail{
		shownReport: showReport(r), Dated: r.Dated, Format: r.Format, Layout: r.Mapping, Records: r.Records, Reason: r.Reason,
		Faults: append([]string{}, r.Faults...), DifferencesAll: r.Differences, Codes: []countedCode{},
	}
	files, err := store.AnsweredFiles(ctx, id, "", maxOfReport+1)
	if err != nil {
		return err
	}
	out.MoreFiles, out.Files = len(files) > maxOfReport, []reportFile{}
	for _, f := range files[:min(len(files), maxOfReport)] {
		out.Files = append(out.Files, reportFile{File: f.FileID, Practice: f.Practice})
	}
	if out.Differences, err = store.ReportDifferences(ctx, id, maxOfReport); err != nil {
		return err
	}
	out.Differences = append([]db.ReportDifference{}, out.Differences...)
	codes, err := store.ReportCodes(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range codes {
		out.Codes = append(out.Codes, countCode(c, loaded.Catalogue))
	}
	return a.show(out, func(s *screen) { s.report(out) })
}

func countCode(c db.ReportCode, codes texas.Catalogue) countedCode {
	entry, known := codes[c.Code]
	return countedCode{
		Code: c.Code, New: c.Code != "" && !known, Outcome: c.Outcome, Items: c.Items, Records: c.Records,
		Unmatched: c.Unmatched, Meaning: entry.Meaning,
	}
}

func (s *screen) report(r reportDetail) {
	read := joinWords(", ", r.Format, strings.TrimSpace("layout "+r.Layout))
	if r.Layout == "" {
		read = r.Format
	}
	imported := ""
	if r.ImportedAt != nil {
		imported = day(*r.ImportedAt)
	}
	var files []string
	for _, f := range r.Files {
		files = append(files, f.File+" of "+f.Practice)
	}
	if r.MoreFiles {
		files = append(files, "and more")
	}
	s.pairs(
		[2]string{"Report", r.ID + " over " + r.Connection + ", " + reportState(r.State)},
		[2]string{"Of", day(r.Dated)}, [2]string{"Came", day(r.FetchedAt)}, [2]string{"Taken in", imported},
		[2]string{"Read as", read}, [2]string{"Not understood", r.Reason}, [2]string{"Not whole", strings.Join(r.Faults, "; ")},
		[2]string{"Says", plural(r.Items, "thing", "things") + " about " + plural(r.Records, "record", "records")},
		[2]string{"Errors", plural(r.Opened, "opened", "opened") + ", " + plural(r.Verified, "proven settled", "proven settled")},
		[2]string{"Answers", strings.Join(files, ", ")},
	)
	s.reportTroubles(r)
	if len(r.Codes) == 0 {
		return
	}
	rows := [][]string{}
	for _, c := range r.Codes {
		meaning := c.Meaning
		if c.New {
			meaning = "NEW CODE: ask the registry, then: starter errors classify " + c.Code + " --help"
		}
		rows = append(rows, []string{
			strconv.Itoa(c.Items), orWord(c.Code, "no code"), strings.ReplaceAll(string(c.Outcome), "-", " "),
			strconv.Itoa(c.Records), strconv.Itoa(c.Unmatched), meaning,
		})
	}
	s.raw("")
	s.table([]string{"TIMES", "CODE", "OUTCOME", "RECORDS", "UNMATCHED", "MEANS"}, rows)
	s.raw("")
	s.line("Line by line: starter report export %s --to %s.csv", r.ID, r.ID)
}

// reportTroubles says what does not add up.
func (s *screen) reportTroubles(r reportDetail) {
	var said []string
	unmatched := 0 // without the lines that nobody understands, which are told by themselves
	for _, c := range r.Codes {
		unmatched += c.Unmatched
	}
	if unmatched > 0 {
		said = append(said, plural(unmatched, "answer belongs", "answers belong")+" to nothing that was sent from here.")
	}
	if r.NotUnderstood > 0 {
		said = append(said, plural(r.NotUnderstood, "line was", "lines were")+" not understood and kept sealed. Teach the layout: starter report learn FILE.")
	}
	for _, d := range r.Differences {
		said = append(said, d.RemoteName+" ("+d.FileID+" of "+d.Practice+"): "+strconv.Itoa(d.Expected)+" sent, "+strconv.Itoa(d.Found)+" answered.")
	}
	if more := r.DifferencesAll - len(r.Differences); more > 0 {
		said = append(said, "And "+plural(more, "further file", "further files")+" of which fewer were answered than sent.")
	}
	if len(r.NewCodes) > 0 {
		said = append(said, "New codes: "+strings.Join(r.NewCodes, ", ")+". Ask the registry what they mean, then: starter errors classify CODE --help.")
	}
	if len(said) > 0 {
		s.raw("")
	}
	for _, words := range said {
		s.hang("%s", words)
	}
}
