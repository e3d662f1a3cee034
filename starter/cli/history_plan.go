package cli

import (
	"cmp"
	"context"
	"encoding/csv"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/activities"
	"immtrail/conformance"
	"immtrail/registry"
)

func (a *app) historyPlan() *cobra.Command {
	var names bool
	cmd := &cobra.Command{
		Use: "plan PRACTICE DIR", Short: "Look at files before they are handed in: what a plan of them would be", Args: cobra.ExactArgs(2),
		Long: `Reads every file of a folder and below it once, zip and gzip archives as well, and
says what a plan of them would come to: messages, years, sites, findings, what is said
twice or was sent before, parts and time. Nothing is kept, moved or sent.

Files are told by their number in the order of their names, since an EHR may put a
patient into a name; --names shows the names.`,
		Example: `  starter history plan sunrise-plano ./delivered
  starter history plan sunrise-plano ./delivered --output csv > plan.csv`,
		Annotations: map[string]string{annotationOutputs: "text,json,csv"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.planHistory(cmd.Context(), args[0], args[1], names)
		},
	}
	cmd.Flags().BoolVar(&names, "names", false, "show the names of files; they may name patients")
	return cmd
}

func (a *app) planHistory(ctx context.Context, id, dir string, names bool) error {
	store, err := a.store(ctx)
	if err != nil {
		return err
	}
	if _, err := a.practice(ctx, store, id); err != nil {
		return err
	}
	loaded, err := a.loadProfile(id)
	if err != nil {
		return err
	}
	tables, err := a.codeTables("")
	if err != nil {
		return err
	}
	tell, done := a.transferBar(bytesBelow(dir), "reading")
	scan, err := activities.ScanHistory(ctx, activities.HistoryScanner{
		DB: store, Profile: &loaded.Profile, Codes: tables, Now: a.now(), Progress: tell,
	}, id, dir)
	done()
	if err != nil {
		return couldNot("%w", err)
	}
	for i := range scan.Files {
		if !names {
			scan.Files[i].Name = ""
		}
	}
	if a.output == outputCSV {
		return a.historyPlanCSV(scan)
	}
	return a.show(scan, func(s *screen) { s.historyScan(scan) })
}

// bytesBelow is for the bar only: what cannot be read is told by the scan.
func bytesBelow(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error { // its function returns no errors
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// filesShown bounds the lists of files on a screen.
const filesShown = 20

func (s *screen) historyScan(p activities.HistoryScan) {
	s.line("A historical load of %s, looked at; nothing is kept or sent.", p.Practice)
	s.raw("")
	s.pairs(
		[2]string{"Files", strconv.Itoa(len(p.Files)) + ", " + bytesWords(p.Bytes)},
		[2]string{"Unfinished", nonZero(p.Unfinished)},
		[2]string{"Messages", strconv.Itoa(p.Messages) + " with " + plural(p.Doses, "dose", "doses")},
		[2]string{"Said twice", nonZero(p.Repeated)},
		[2]string{"Sent before", nonZero(p.SentBefore)},
		[2]string{"Dry run", plural(p.Errors, "error", "errors") + ", " + plural(p.Warnings, "warning", "warnings") +
			"; " + plural(p.Held, "message", "messages") + " in the parts would be held back"},
		[2]string{"Parts", strconv.Itoa(p.Parts) + " with " + plural(p.Going, "message", "messages") + " and " + plural(p.GoingDoses, "dose", "doses") + ", " + bytesWords(p.GoesBytes)},
		[2]string{"Takes about", lasting(time.Duration(p.Seconds) * time.Second)},
		[2]string{"At the pace", p.Pace},
	)
	s.scannedEHRs(p.EHRs)
	s.scanned("YEAR", p.Years)
	s.scanned("SITE", p.Sites)
	if len(p.Rules) > 0 {
		s.raw("")
		var rows [][]string
		for _, c := range p.Rules {
			rule, _ := conformance.Lookup(c.Rule)
			rows = append(rows, []string{c.Rule, c.Severity.Words(), strconv.Itoa(c.Count), rule.Says})
		}
		s.table([]string{"RULE", "GRADE", "TIMES", "SAYS"}, rows)
	}
	s.scannedFiles(p)
	s.raw("")
	if p.SentFiles > 0 {
		s.line("%s sent before as a whole: daily files, handed in by mistake? They would not be sent again.",
			plural(p.SentFiles, "file was", "files were"))
	}
	switch {
	case p.State == registry.HistoryClosed:
		s.line("The historical load of %s is closed for ever: nothing of this would be taken.", p.Practice)
		return
	case p.State == registry.HistoryNone:
		s.line("The vendor said that there is no historical load: nothing of this is taken before it is opened again:")
		s.raw("starter history reopen %s --reason \"…\"", p.Practice)
		return
	case p.Parts == 0:
		s.line("There is nothing to be sent.")
		return
	}
	s.line("Next: put the files into the practice's historical outbox, then approve the plan that is made of them:")
	s.raw("starter history status %s", p.Practice)
}

func (s *screen) scanned(what string, groups []activities.ScannedGroup) {
	if len(groups) == 0 {
		return
	}
	s.raw("")
	var rows [][]string
	for _, g := range groups {
		rows = append(rows, []string{known(g.Key), strconv.Itoa(g.Messages), strconv.Itoa(g.Doses)})
	}
	s.table([]string{what, "MESSAGES", "DOSES"}, rows)
}

// scannedEHRs is a table where the practice has had several EHRs.
func (s *screen) scannedEHRs(ehrs []activities.ScannedEHR) {
	if len(ehrs) == 0 {
		return
	}
	s.raw("")
	n := strconv.Itoa
	var rows [][]string
	for _, e := range ehrs {
		rows = append(rows, []string{
			visible(cmp.Or(e.EHR, "the present EHR")), n(e.Files), n(e.Messages), n(e.Doses), nonZero(e.Held), nonZero(e.Repeated), nonZero(e.SentBefore),
		})
	}
	s.table([]string{"EHR", "FILES", "MESSAGES", "DOSES", "HELD BACK", "SAID TWICE", "SENT BEFORE"}, rows)
}

func known(key string) string {
	if key == "" {
		return "not known"
	}
	return key
}

// scannedFiles lists the files of which there is something to say.
func (s *screen) scannedFiles(p activities.HistoryScan) {
	var rows [][]string
	more := 0
	for _, f := range p.Files {
		words := scannedWords(f)
		switch {
		case words == "" && f.Name == "":
		case len(rows) >= filesShown:
			more++
		default:
			rows = append(rows, []string{strconv.Itoa(f.Number), strconv.Itoa(f.Messages), words, visible(f.Name)})
		}
	}
	if len(rows) == 0 {
		return
	}
	s.raw("")
	s.table([]string{"FILE", "MESSAGES", "WHAT ABOUT IT", ""}, rows)
	if more > 0 {
		s.line("and %s; --output csv lists all.", plural(more, "file more", "files more"))
	}
}

func scannedWords(f activities.ScannedFile) string {
	switch {
	case f.Problem != "":
		return f.Problem
	case f.SameAs > 0:
		return "the same bytes as file " + strconv.Itoa(f.SameAs)
	case f.SentOn != "":
		return "this very file was sent on " + f.SentOn
	case f.Sent():
		return "sent before as a whole: a daily file?"
	}
	var words []string
	for _, part := range []struct {
		n    int
		what string
	}{{f.Held, "held back"}, {f.Repeated, "said twice"}, {f.SentBefore, "sent before"}} {
		if part.n > 0 {
			words = append(words, strconv.Itoa(part.n)+" "+part.what)
		}
	}
	if f.Torn {
		words = append(words, "its header or trailer does not fit (F-06): was all of it delivered?")
	}
	return strings.Join(words, ", ")
}

// lasting is a duration as people say it.
func lasting(d time.Duration) string {
	switch d = d.Round(time.Minute); {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return plural(int(d.Minutes()), "minute", "minutes")
	case d < 48*time.Hour:
		return plural(int(d.Round(time.Hour).Hours()), "hour", "hours")
	}
	return plural(int(d.Round(24*time.Hour).Hours()/24), "day", "days")
}

// historyPlanCSV has a row for each total, year, site, rule and file.
func (a *app) historyPlanCSV(p activities.HistoryScan) error {
	w := csv.NewWriter(a.env.Stdout)
	n := strconv.Itoa
	rows := [][]string{{"what", "key", "messages", "doses", "held_back", "said_twice", "sent_before", "findings", "parts", "bytes", "seconds", "words"}}
	rows = append(rows, []string{
		"total", p.Practice, n(p.Messages), n(p.Doses), n(p.Held), n(p.Repeated), n(p.SentBefore), n(p.Errors + p.Warnings),
		n(p.Parts), strconv.FormatInt(p.GoesBytes, 10), strconv.FormatInt(p.Seconds, 10), plain(p.Pace),
	})
	for _, e := range p.EHRs {
		rows = append(rows, []string{
			"ehr", plain(cmp.Or(e.EHR, "the present EHR")), n(e.Messages), n(e.Doses), n(e.Held), n(e.Repeated), n(e.SentBefore), "", "", "", "", "",
		})
	}
	rows = append(rows, groupRows("year", p.Years)...)
	rows = append(rows, groupRows("site", p.Sites)...)
	for _, c := range p.Rules {
		rows = append(rows, []string{"rule", c.Rule, "", "", "", "", "", n(c.Count), "", "", "", c.Severity.Words()})
	}
	for _, f := range p.Files {
		key := n(f.Number)
		if f.Name != "" {
			key = plain(f.Name)
		}
		rows = append(rows, []string{
			"file", key, n(f.Messages), n(f.Doses), n(f.Held), n(f.Repeated), n(f.SentBefore), "", "", "", "", plain(scannedWords(f)),
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return couldNot("write the plan: %w", err)
	}
	return nil
}

func groupRows(what string, groups []activities.ScannedGroup) (rows [][]string) {
	for _, g := range groups {
		rows = append(rows, []string{
			what, plain(g.Key), strconv.Itoa(g.Messages), strconv.Itoa(g.Doses), "", "", "", "", "", "", "", "",
		})
	}
	return rows
}
