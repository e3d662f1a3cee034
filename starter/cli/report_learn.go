package cli

import (
	"bufio"
	"context"
	"fmt"
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

// learnOptions are the flags of `report learn`.
type learnOptions struct {
	name, to, block                  string
	columns, sections, lines, ignore []string
	blank, yes, dry                  bool
	profiles                         []string
}

func (a *app) reportLearn() *cobra.Command {
	var o learnOptions
	cmd := &cobra.Command{
		Use: "learn FILE|REPORT", Short: "Teach a layout of reports that nobody has seen yet", Args: cobra.ExactArgs(1),
		Long: `Looks at a report, shows its columns and what each is taken for, asks for the rest
(or takes flags), writes the layout into mappings.yaml of your profile folder, and
reads the report again with it. No new release is needed. Only headers are
written down, nothing of the rows. A report that is kept because nothing understood
it is named by its ID (see starter report list).

What columns can be for: ` + joinColumns() + `.
A section is a heading that speaks for the rows below it: by an outcome
(accepted, accepted-with-warnings, dose-rejected, patient-rejected,
message-rejected), by its code, or by the name of your file that it holds
("file *=file"). A record may also be a block of lines, "Message ID: 17", "Error: …".`,
		Example: `  starter report learn dqa.xlsx
  starter report learn r-12
  starter report learn dqa.csv --column control_id="Our Ref" --column message=Finding --yes
  starter report learn dqa.pdf --section "records loaded=accepted" --section "*=code"
  starter report learn dqa.txt --line '^(?P<control_id>\S+) (?P<message>.*)$' --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.learnReport(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "what to call the layout (default: its first headers)")
	f.StringArrayVar(&o.columns, "column", nil, "what a column is for: control_id=\"Our Ref\"; may be repeated")
	f.StringArrayVar(&o.sections, "section", nil, "what a heading says: \"rows loaded=accepted\", \"*=code\", \"file *=file\"")
	f.StringVar(&o.block, "block", "", "records are \"key: value\" lines; the key that begins each: \"Message ID\"")
	f.StringArrayVar(&o.lines, "line", nil, "regular expression for lines without columns, with named groups")
	f.StringArrayVar(&o.ignore, "ignore", nil, "pattern of lines that say nothing: \"page *\"")
	f.BoolVar(&o.blank, "blank-accepted", false, "a row that names a record and nothing else was accepted")
	f.StringVar(&o.to, "to", "", "file to write (default: mappings.yaml in profile.dir)")
	f.BoolVar(&o.yes, "yes", false, "ask nothing and take what was recognised")
	f.BoolVar(&o.dry, "dry-run", false, "show what it would come to and write nothing")
	f.StringArrayVar(&o.profiles, "profile", nil, "YAML file above the built-in values; may be repeated")
	return cmd
}

func joinColumns() string {
	var names []string
	for _, c := range registry.ReportColumns() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

// learnAnswer is what `report learn --output json` prints.
type learnAnswer struct {
	File    string                 `json:"file"`
	Sketch  dqa.Sketch             `json:"recognised"`
	Mapping registry.ReportMapping `json:"mapping"`
	// Written is the file that holds the layout now; empty with --dry-run.
	Written string `json:"written,omitempty"`
	// Read is what the report says under the layout.
	Read dqa.Summary `json:"read"`
}

func (a *app) learnReport(ctx context.Context, path string, o learnOptions) error {
	if path == "-" {
		return misused("a report is read twice here; name a file")
	}
	to, err := a.mappingsFile(o)
	if err != nil {
		return err
	}
	loaded, _, err := a.deskValues(o.profiles)
	if err != nil {
		return err
	}
	answer := learnAnswer{File: filepath.Base(path)}
	opts := dqa.Options{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings}
	err = a.throughReport(ctx, path, "looking at", func(src io.Reader) error {
		answer.Sketch, err = dqa.Look(ctx, src, opts)
		return err
	})
	if err != nil {
		return unreadable(answer.File, err)
	}
	answer.Mapping = propose(answer.Sketch, layoutName(o.name, answer.Sketch))
	asks := !o.yes && a.env.IsTerminal && a.output == outputText
	if err := a.complete(&answer, o, asks); err != nil {
		return err
	}
	if err := usable(answer.Mapping); err != nil {
		return err
	}
	opts.Mappings = append([]dqa.Mapping{answer.Mapping}, opts.Mappings...)
	err = a.throughReport(ctx, path, "reading", func(src io.Reader) error {
		answer.Read, err = dqa.Read(ctx, src, opts, func(registry.ReportItem) error { return nil })
		return err
	})
	if err != nil {
		return unreadable(answer.File+", with this layout", fmt.Errorf("%w; nothing was written", err))
	}
	if !o.dry {
		if err := profiles.SaveMapping(to, answer.Mapping); err != nil {
			return couldNot("%w", err)
		}
		answer.Written = to
	}
	if err := a.show(answer, func(s *screen) { s.learned(answer, !asks) }); err != nil {
		return err
	}
	return wholeReport(answer.Read)
}

func (a *app) mappingsFile(o learnOptions) (string, error) {
	if o.to != "" || o.dry {
		return o.to, nil
	}
	cfg, err := a.config()
	if err != nil || cfg.Profile.Dir == "" {
		return "", misused("there is no profile folder (profile.dir in the settings): say with --to which file to write")
	}
	return filepath.Join(cfg.Profile.Dir, profiles.MappingsFile), nil
}

func (a *app) throughReport(ctx context.Context, path, doing string, do func(io.Reader) error) error {
	src, size, name, err := a.openReport(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	watched, done := a.progress(src, size, doing+" "+name)
	defer done()
	return do(watched)
}

// layoutName is what the person calls the layout, or its first headers: the
// name of a report's file may be a patient's.
func layoutName(name string, sketch dqa.Sketch) string {
	if name != "" {
		return name
	}
	var headers []string
	for _, t := range sketch.Tables {
		for _, c := range t.Columns {
			if len(headers) < 3 {
				headers = append(headers, c.Pattern)
			}
		}
	}
	if len(headers) == 0 {
		return "learnt layout"
	}
	return strings.Join(headers, ", ")
}

// propose makes a mapping of what was recognised.
func propose(s dqa.Sketch, name string) registry.ReportMapping {
	m := registry.ReportMapping{Name: name, Columns: map[registry.ReportColumn][]string{}}
	for _, t := range s.Tables {
		if t.Block != "" {
			m.Block = t.Block
		}
		for _, c := range t.Columns {
			if c.For != "" && !slices.Contains(m.Columns[c.For], c.Pattern) {
				m.Columns[c.For] = append(m.Columns[c.For], c.Pattern)
			}
		}
	}
	for _, h := range s.Headings {
		if h.File {
			m.Sections = append(m.Sections, registry.ReportSection{Heading: h.Pattern, File: true})
		}
	}
	// A heading that says an outcome goes before one that only has a code.
	for _, h := range s.Headings {
		if h.Outcome != "" {
			m.Sections = append(m.Sections, registry.ReportSection{Heading: h.Pattern, Outcome: h.Outcome})
		}
	}
	for _, h := range s.Headings {
		if h.Code {
			m.Sections = append(m.Sections, registry.ReportSection{Heading: h.Pattern, Code: true})
		}
	}
	return m
}

// complete puts in what the flags say, and asks for what is still missing.
func (a *app) complete(answer *learnAnswer, o learnOptions, asks bool) error {
	m := &answer.Mapping
	for _, c := range o.columns {
		role, header, ok := strings.Cut(c, "=")
		col := registry.ReportColumn(role)
		if !ok || !slices.Contains(registry.ReportColumns(), col) {
			return misused("--column %s: write one of %s, then = and the header's text", c, joinColumns())
		}
		take(m, col, texas.HeaderPattern(header))
	}
	var sections []registry.ReportSection
	for _, said := range o.sections {
		i := strings.LastIndexByte(said, '=')
		if i < 1 {
			return misused("--section %s: write the heading, then = and an outcome, code or file", said)
		}
		section := registry.ReportSection{Heading: texas.HeaderPattern(said[:i])}
		switch says := said[i+1:]; says {
		case "code":
			section.Code = true
		case "file":
			section.File = true
		default:
			section.Outcome = registry.Outcome(says)
		}
		sections = append(sections, section)
	}
	m.Sections = append(sections, m.Sections...)
	m.Lines = o.lines
	if o.block != "" {
		m.Block = texas.HeaderPattern(o.block)
	}
	for _, p := range o.ignore {
		m.Ignore = append(m.Ignore, texas.HeaderPattern(p))
	}
	m.BlankAccepted = o.blank
	if !asks {
		return nil
	}
	a.screen().sketch(answer.Sketch)
	return a.askColumns(answer)
}

// take makes a header the one for col, and for nothing else.
func take(m *registry.ReportMapping, col registry.ReportColumn, pattern string) {
	for other, patterns := range m.Columns {
		m.Columns[other] = slices.DeleteFunc(patterns, func(p string) bool { return p == pattern })
		if len(m.Columns[other]) == 0 {
			delete(m.Columns, other)
		}
	}
	m.Columns[col] = append([]string{pattern}, m.Columns[col]...)
}

// asked is what a person is asked for where nothing was recognised, in order.
var asked = []struct {
	col   registry.ReportColumn
	words string
}{
	{registry.ColumnControlID, "names the message (its control ID, MSH-10)"},
	{registry.ColumnPosition, "counts the messages of your file (1, 2, 3)"},
	{registry.ColumnMessage, "holds the registry's code or sentence"},
	{registry.ColumnOutcome, "says whether the record was accepted"},
	{registry.ColumnFile, "names your file"},
}

func (a *app) askColumns(answer *learnAnswer) error {
	var headers []dqa.SketchColumn
	for _, t := range answer.Sketch.Tables {
		headers = append(headers, t.Columns...)
	}
	if len(headers) == 0 {
		return nil
	}
	in := bufio.NewReader(a.env.Stdin)
	for _, q := range asked {
		if isLearnt(answer.Mapping, q.col) {
			continue
		}
		n, more := a.askColumn(in, q.words, len(headers))
		if n > 0 {
			take(&answer.Mapping, q.col, headers[n-1].Pattern)
		}
		if !more {
			return nil // no more answers: as if all were none
		}
	}
	return nil
}

// isLearnt reports whether nothing is left to ask about a column: it is known, or
// something else says the same.
func isLearnt(m registry.ReportMapping, col registry.ReportColumn) bool {
	has := func(c registry.ReportColumn) bool { return len(m.Columns[c]) > 0 }
	file := has(registry.ColumnFile) || slices.ContainsFunc(m.Sections, func(s registry.ReportSection) bool { return s.File })
	switch col {
	case registry.ColumnControlID:
		return has(col) || has(registry.ColumnPosition) && file
	case registry.ColumnPosition:
		return has(col) || has(registry.ColumnControlID)
	case registry.ColumnMessage:
		return has(col) || has(registry.ColumnCode)
	case registry.ColumnFile:
		return file
	case registry.ColumnCode, registry.ColumnSeverity, registry.ColumnLocation, registry.ColumnOutcome:
	}
	return has(col)
}

// askColumn asks for the number of a column until it is one; 0 is none. more is
// false where the answers have ended.
func (a *app) askColumn(in *bufio.Reader, words string, columns int) (n int, more bool) {
	for {
		a.note("Which column %s? Its number, or Enter for none:", words)
		line, err := in.ReadString('\n')
		line = strings.TrimSpace(line)
		if line == "" {
			return 0, err == nil
		}
		if n, bad := strconv.Atoi(line); bad == nil && n >= 1 && n <= columns {
			return n, err == nil
		}
		a.note("There is no such column; they are numbered 1 to %d.", columns)
		if err != nil {
			return 0, false
		}
	}
}

func usable(m registry.ReportMapping) error {
	if why := texas.MappingFault(m); why != "" {
		if len(m.Columns)+len(m.Lines)+len(m.Sections) == 0 {
			return refused("no column, heading or line was recognised: name them with --column, --section or --line")
		}
		return misused("the layout cannot be used: %s", why)
	}
	return nil
}

func (s *screen) sketch(k dqa.Sketch) {
	n := 0
	for i, t := range k.Tables {
		what, header := "Table "+strconv.Itoa(i+1)+", "+plural(t.Rows, "row", "rows"), "HEADER"
		if t.Block != "" {
			what, header = "Records of \"key: value\" lines, "+plural(t.Rows, "record", "records")+", each begins with \""+t.Block+"\"", "KEY"
		}
		s.title(what)
		rows := [][]string{}
		for _, c := range t.Columns {
			n++
			what := string(c.For)
			if what == "" {
				what = "-"
			}
			rows = append(rows, []string{strconv.Itoa(n), c.Header, c.Looks, what})
		}
		s.table([]string{"NO", header, "LOOKS LIKE", "TAKEN FOR"}, rows)
		s.line("")
	}
	for _, h := range k.Headings {
		says := "the rows below it are " + string(h.Outcome)
		switch {
		case h.File:
			says = "it names the file that the rows below it are of"
		case h.Code:
			says = "its code belongs to the rows below it"
		}
		s.line("Heading \"%s\": %s.", h.Pattern, says)
	}
	if len(k.Tables) == 0 {
		s.line("No table was recognised among %s; %s a code.", plural(k.Rows, "line", "lines"), plural(k.Coded, "holds", "hold"))
	}
}

// learned shows the layout and what it comes to; whole also what it was made
// of, which a person who was asked has seen.
func (s *screen) learned(r learnAnswer, whole bool) {
	if whole {
		s.sketch(r.Sketch)
		s.line("")
	}
	m := r.Mapping
	s.title("Layout \"" + m.Name + "\"")
	var rows [][]string
	for _, col := range registry.ReportColumns() {
		if len(m.Columns[col]) > 0 {
			rows = append(rows, []string{string(col), strings.Join(m.Columns[col], ", ")})
		}
	}
	for _, sec := range m.Sections {
		says := string(sec.Outcome)
		switch {
		case sec.Code:
			says = "its code"
		case sec.File:
			says = "names your file"
		}
		rows = append(rows, []string{"section", sec.Heading + ": " + says})
	}
	if m.Block != "" {
		rows = append(rows, []string{"block", "a record begins with " + m.Block})
	}
	for _, l := range m.Lines {
		rows = append(rows, []string{"line", l})
	}
	s.table([]string{"WHAT", "WHERE"}, rows)
	s.line("")
	sum := r.Read
	s.line("Read with it: %s (%d accepted, %d with warnings, %d refused, %d unclear); %s not understood.",
		plural(sum.Records, "record", "records"), sum.Accepted, sum.Warned, sum.Rejected, sum.Unknown,
		plural(sum.NotUnderstood, "line", "lines"))
	if len(m.Columns[registry.ColumnControlID]) == 0 && len(m.Columns[registry.ColumnPosition]) == 0 {
		s.line("%s", s.paint(warnStyle, "No column names the message: its answers cannot be matched with what was sent (--column control_id=HEADER, or position=HEADER)."))
	}
	if r.Written == "" {
		s.line("Nothing was written (--dry-run).")
		return
	}
	s.line("Written to %s. The worker reads it with the next report.", r.Written)
	if _, err := os.Stat(r.Written); err == nil {
		s.raw("To look again: starter report read %s --profile %s", r.File, r.Written)
	}
	if isKept(r.File) {
		s.raw("To take it in:  starter report import %s", r.File)
	}
}
