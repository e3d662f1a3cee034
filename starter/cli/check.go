package cli

import (
	"context"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/registry"
)

type checkOptions struct {
	practice string
	profiles []string
	lane     string
	most     int
}

func (a *app) checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Judge a file at your desk, before anybody sends it",
		Long: `Judges an HL7 file as immtrail does before sending it, and says for each problem
where it is and what to do. It needs no server, no database and no settings:
give it to your EHR vendor. No value of the file is printed. "-" reads standard
input.

Exit code 0: no errors (warnings do not count); 1: errors found.`,
		Example: `  starter check batch.hl7
  starter check batch.hl7 --for production --practice sunrise-plano.yaml
  starter check batch.hl7 --output csv > findings.csv`,
		Args:        cobra.ExactArgs(1),
		Annotations: map[string]string{annotationOutputs: "text,json,csv"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.check(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.practice, "practice", "", "the practice's YAML file: sites and prescribers are checked too")
	cmd.Flags().StringArrayVar(&o.profiles, "profile", nil, "YAML file of values above the built-in Texas ones; may be repeated")
	cmd.Flags().StringVar(&o.lane, "for", string(registry.LaneTest), "test, production or historical")
	cmd.Flags().IntVar(&o.most, "places", 3, "how many places to show for each rule")
	_ = cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions([]string{"test", "production", "historical"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// checked is what `check --output json` prints.
type checked struct {
	File    string                `json:"file"`
	For     registry.Lane         `json:"for"`
	Profile []string              `json:"profile"`
	Summary registry.CheckSummary `json:"summary"`
	// Sites counts messages per site, "" those of no known site; with --practice only.
	Sites map[string]int `json:"sites,omitempty"`
	Rules []checkedRule  `json:"rules"`
}

// checkedRule is one rule that fired, with the first places.
type checkedRule struct {
	registry.RuleCount
	Says   string           `json:"says"`
	Remedy string           `json:"remedy"`
	Places []registry.Place `json:"places"`
}

func (a *app) check(ctx context.Context, path string, o checkOptions) error {
	lane := registry.Lane(o.lane)
	if !lane.Valid() {
		return misused("--for %s: test, production or historical", o.lane)
	}
	input := conformance.Options{Lane: lane, Now: a.env.Now()}
	profile, from, err := a.deskProfile(o)
	if err != nil {
		return err
	}
	input.Profile = profile
	if o.practice != "" {
		if input.Practice, err = readPractice(o.practice); err != nil {
			return err
		}
	}
	src, size, name, err := a.openInput(path)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	watched, done := a.progress(src, size, "checking "+name)
	defer done()
	if a.output == outputCSV {
		return a.checkCSV(ctx, watched, input)
	}
	places := map[string][]registry.Place{}
	input.OnFinding = func(f registry.Finding) {
		if len(places[f.Rule]) < max(o.most, 0) {
			places[f.Rule] = append(places[f.Rule], f.Place)
		}
	}
	result, err := conformance.Check(ctx, watched, input)
	done()
	if err != nil {
		return couldNot("%w", err)
	}
	answer := checked{File: name, For: lane, Profile: from, Summary: result.CheckSummary, Rules: []checkedRule{}}
	if input.Practice != nil {
		answer.Sites = result.Sites
	}
	for _, weight := range []registry.Severity{registry.SeverityError, registry.SeverityWarning, registry.SeverityInfo} {
		for _, c := range result.Counts {
			if c.Severity == weight {
				rule, _ := conformance.Lookup(c.Rule)
				answer.Rules = append(answer.Rules, checkedRule{c, rule.Says, rule.Remedy, places[c.Rule]})
			}
		}
	}
	if err := a.show(answer, func(s *screen) { s.checked(answer) }); err != nil {
		return err
	}
	if !result.ErrorFree {
		return errFound
	}
	return nil
}

// checkCSV streams one row per finding.
func (a *app) checkCSV(ctx context.Context, src io.Reader, input conformance.Options) error {
	w := csv.NewWriter(a.env.Stdout)
	header := []string{"severity", "rule", "message", "control_id", "place", "line", "offset", "says", "remedy"}
	if err := w.Write(header); err != nil {
		return couldNot("write: %w", err)
	}
	input.OnFinding = func(f registry.Finding) {
		rule, _ := conformance.Lookup(f.Rule)
		_ = w.Write([]string{
			f.Severity.Words(), f.Rule, strconv.Itoa(f.Message), plain(f.ControlID), f.Path,
			strconv.Itoa(f.Line), strconv.FormatInt(f.Offset, 10), rule.Says, rule.Remedy,
		}) // the writer keeps its first error for Flush
	}
	result, err := conformance.Check(ctx, src, input)
	if err != nil {
		return couldNot("%w", err)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return couldNot("write: %w", err)
	}
	if !result.ErrorFree {
		return errFound
	}
	return nil
}

// plain keeps a cell from being taken for a formula by a spreadsheet.
func plain(cell string) string {
	if cell != "" && (cell[0] == '=' || cell[0] == '+' || cell[0] == '-' || cell[0] == '@') {
		return "'" + cell
	}
	return cell
}

func (a *app) openInput(path string) (src io.ReadCloser, size int64, name string, err error) {
	if path == "-" {
		return io.NopCloser(a.env.Stdin), 0, "standard input", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, "", couldNot("%w", err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		_ = f.Close()
		return nil, 0, "", couldNot("%s is a folder; name one file", path)
	}
	return f, info.Size(), filepath.Base(path), nil
}

func (s *screen) checked(c checked) {
	sum := c.Summary
	for _, r := range c.Rules {
		style := warnStyle
		if r.Severity == registry.SeverityError {
			style = badStyle
		}
		s.line("%s %s (%s): %s", s.paint(style, r.Severity.Words()), r.Rule, plural(r.Count, "time", "times"), r.Says)
		s.line("    What to do: %s", r.Remedy)
		for _, p := range r.Places {
			s.line("    %s", placeWords(p))
		}
		if more := r.Count - len(r.Places); more > 0 && len(r.Places) > 0 {
			s.line("    and %d more", more)
		}
	}
	if len(c.Rules) > 0 {
		s.line("")
	}
	s.line("%s: %s with %s: %s, %s, %s.", c.File, plural(sum.Messages, "message", "messages"),
		plural(sum.Doses, "dose", "doses"), plural(sum.Errors, "error", "errors"),
		plural(sum.Warnings, "warning", "warnings"), plural(sum.Infos, "note", "notes"))
	s.line("%s", s.verdict(c))
}

func placeWords(p registry.Place) string {
	where := "line " + strconv.Itoa(p.Line)
	if p.Message > 0 {
		where = "message " + strconv.Itoa(p.Message) + ", " + where
	}
	return where + ": " + p.Path
}

func (s *screen) verdict(c checked) string {
	sum := c.Summary
	switch {
	case sum.HoldFile && c.For == registry.LaneTest:
		return s.paint(badStyle, "It is not error-free: it would not be sent and would not count as a test file.")
	case sum.HoldFile:
		return s.paint(badStyle, "It would not be sent.")
	case sum.Held > 0:
		return s.paint(warnStyle, plural(sum.Held, "message", "messages")+" would be left out; the rest would be sent.")
	case sum.ErrorFree:
		return s.paint(goodStyle, "It is error-free.")
	}
	return s.paint(warnStyle, "It would be sent; the registry is expected to refuse some of it.")
}
