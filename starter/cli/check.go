package cli

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/conformance"
	"immtrail/registry"
)

// checkOptions are the flags of `check`.
type checkOptions struct {
	lane, clock string
	profiles    []string
	practice    string
	explain     string
	most        int
	reveal      bool
}

// outputJUnit is a format of `check` alone.
const outputJUnit = "junit"

func (a *app) checkCommand() *cobra.Command {
	o := checkOptions{lane: string(registry.LaneProduction), most: -1}
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Judge files at your desk, before anybody sends them",
		Long: `Judges HL7 files as immtrail does before sending them: what the registry would
refuse, where, and what to do. It needs no server, no database, no settings and no
network: give it to your EHR vendor. No value of a file is printed, unless --reveal
asks for it.

A folder stands for every HL7 file in it and below it, whatever their names; what
is left out is listed with the reason. "-" reads standard input.

Exit codes: 0 no errors (warnings do not count), 1 errors found, 2 wrong usage,
3 a file could not be read. Of several files the worst counts.`,
		Example: `  starter check batch.hl7                           Would the registry take it?
  starter check --lane test first-test.hl7          ... as one of the three to five test files
  starter check export/                             Every HL7 file in a folder and below
  starter check --practice sunrise.yaml batch.hl7   Sites and prescribers are checked too
  starter check --explain P-06                      What is rule P-06, and what mends it?
  starter check --reveal batch.hl7                  See the values, on this screen only
  starter check -o junit export/ > check.xml        For a build server
  starter check -o ndjson batch.hl7 | jq -c 'select(.outcome != "accepted")'
  unzip -p export.zip | starter check -             From another program`,
		Annotations: map[string]string{
			annotationOutputs: strings.Join([]string{outputText, outputJSON, outputNDJSON, outputCSV, outputJUnit}, ","),
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.explain != "" {
				return a.explainRule(o)
			}
			if len(args) == 0 {
				return misused("name a file or a folder to check, or - for standard input")
			}
			if os.Getenv("GOMEMLIMIT") == "" {
				defer debug.SetMemoryLimit(debug.SetMemoryLimit(checkMemory))
			}
			return a.check(cmd.Context(), args, o)
		},
	}
	a.checkFlags(cmd, &o)
	return cmd
}

// checkMemory is how much the collector may let pile up. Of a very large file
// some 60 MiB are in use, mostly what tells duplicates apart, and without a limit
// as much again would be garbage. It is not the most: what is needed is taken.
const checkMemory = 76 << 20

func (a *app) checkFlags(cmd *cobra.Command, o *checkOptions) {
	f := cmd.Flags()
	f.StringVar(&o.lane, "lane", o.lane, "what the file is for: `test`, production or historical")
	f.StringVar(&o.lane, "phase", o.lane, "another name of --lane")
	f.StringVar(&o.lane, "for", o.lane, "the old name of --lane")
	f.StringArrayVar(&o.profiles, "profile", nil, "`texas`, or a YAML file of values above it; may be repeated")
	f.StringVar(&o.practice, "practice", "", "the practice's YAML `file`: sites and prescribers are checked too")
	f.StringVar(&o.clock, "clock", "", "judge as of this `moment` (RFC 3339), not as of now")
	f.IntVar(&o.most, "max-findings", o.most, "list at most `n` places of each rule (text 3, json 100, junit 20,\ncsv and ndjson all); counts are exact all the same")
	f.IntVar(&o.most, "places", o.most, "the old name of --max-findings")
	f.StringVar(&o.explain, "explain", "", "explain a `rule`, such as P-06, and check nothing")
	f.BoolVar(&o.reveal, "reveal", false, "show the values that are wrong: PATIENT DATA, on a terminal only")
	f.StringVarP(&a.output, "output", "o", outputText, "`text`, json, ndjson, csv or junit")
	// What --help need not say.
	f.Lookup("max-findings").DefValue, f.Lookup("phase").DefValue = "0", ""
	for _, old := range []string{"for", "places"} {
		_ = f.MarkHidden(old)
	}
	cmd.MarkFlagsMutuallyExclusive("lane", "phase", "for")
	fixed := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	for _, name := range []string{"lane", "phase"} {
		_ = cmd.RegisterFlagCompletionFunc(name, fixed("test", "production", "historical"))
	}
	_ = cmd.RegisterFlagCompletionFunc("output", fixed(outputText, outputJSON, outputNDJSON, outputCSV, outputJUnit))
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions([]string{builtinProfile}, cobra.ShellCompDirectiveDefault))
	_ = cmd.RegisterFlagCompletionFunc("explain", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var ids []string
		for _, r := range conformance.Rules() {
			ids = append(ids, r.ID+"\t"+r.Says)
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
	_ = cmd.MarkFlagFilename("practice", "yaml", "yml")
}

// desk is one run of `check`.
type desk struct {
	app     *app
	options conformance.Options
	profile []string // where its values come from
	most    int
	reveal  bool
	run     conformance.Run
	alone   bool // one file only
	meter   *meter
}

// reporter writes verdicts in one format. Its errors are those of writing.
type reporter interface {
	// finding and message are called while a file is read, in its order.
	finding(file string, f registry.Finding)
	message(file string, m conformance.MessageFact)
	// file is called after each file, end after the last.
	file(v *verdict) error
	end(t *total) error
	// wantsMessages says that message is to be called; it costs time.
	wantsMessages() bool
}

func (a *app) check(ctx context.Context, args []string, o checkOptions) error {
	d, err := a.desk(o)
	if err != nil {
		return err
	}
	inputs, out, err := d.inputs(args)
	if err != nil {
		return err
	}
	d.alone = len(inputs) == 1
	report := d.reporter()
	t := &total{
		For: d.options.Lane, Clock: d.options.Now, Profile: d.profile, LeftOut: out,
		RuleSet: conformance.Version(d.options.Codes), Files: []*verdict{},
	}
	t.Rules, t.Tables, _ = strings.Cut(t.RuleSet, " ")
	d.meter = a.newMeter(inputs)
	for _, in := range inputs {
		v := d.judge(ctx, in, report)
		if ctx.Err() != nil {
			return couldNot("stopped before the end: %w", ctx.Err())
		}
		t.add(v)
		if err := report.file(v); err != nil {
			return couldNot("write: %w", err)
		}
	}
	if err := report.end(t); err != nil {
		return couldNot("write: %w", err)
	}
	return t.exit()
}

// desk reads what the flags say. Its errors are ready to be shown.
func (a *app) desk(o checkOptions) (*desk, error) {
	d := &desk{app: a, most: o.most, reveal: o.reveal}
	d.options = conformance.Options{Lane: registry.Lane(o.lane), Now: a.env.Now()}
	if !d.options.Lane.Valid() {
		return nil, misused("--lane %s: test, production or historical", o.lane)
	}
	tables, err := a.codeTables("")
	if err != nil {
		return nil, err
	}
	d.options.Codes = tables
	if o.clock != "" {
		at, err := time.Parse(time.RFC3339, o.clock)
		if err != nil {
			return nil, misused("--clock %s: write it as 2026-03-31T08:00:00-05:00", o.clock)
		}
		d.options.Now = at
	}
	if err := a.mayReveal(o); err != nil {
		return nil, err
	}
	if o.practice != "" {
		if d.options.Practice, err = readPractice(o.practice); err != nil {
			return nil, err
		}
	}
	d.options.Profile, d.profile, err = a.deskProfile(o)
	return d, err
}

// total is what a run comes to, and what --output json prints.
type total struct {
	For     registry.Lane `json:"for"`
	Clock   time.Time     `json:"clock"`
	Profile []string      `json:"profile"`
	// RuleSet is Rules and Tables in one, as verdicts in the database carry it.
	RuleSet string     `json:"rule_set"`
	Rules   string     `json:"rules_version"`
	Tables  string     `json:"code_tables"`
	Files   []*verdict `json:"files"`
	LeftOut []leftOut  `json:"left_out,omitempty"`
	Sum     sum        `json:"total"`
	// Exit is the exit code of the command.
	Exit int `json:"exit"`
}

// sum adds up the files.
type sum struct {
	Files      int `json:"files"`
	ErrorFree  int `json:"error_free"`
	Unreadable int `json:"unreadable"`
	Messages   int `json:"messages"`
	Doses      int `json:"doses"`
	// Refused counts messages that the registry is expected to refuse whole.
	Refused  int `json:"messages_refused"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
}

func (t *total) add(v *verdict) {
	t.Files = append(t.Files, v)
	t.Exit = max(t.Exit, v.exit())
	s := &t.Sum
	s.Files++
	if v.Problem != "" {
		s.Unreadable++
		return
	}
	if v.Summary.ErrorFree {
		s.ErrorFree++
	}
	s.Messages += v.Summary.Messages
	s.Doses += v.Summary.Doses
	s.Refused += v.refused()
	s.Errors += v.Summary.Errors
	s.Warnings += v.Summary.Warnings
	s.Infos += v.Summary.Infos
}

// exit is nil, the quiet error for "errors were found and shown", or an error
// that names the files that could not be read.
func (t *total) exit() error {
	switch t.Exit {
	case ExitOK:
		return nil
	case ExitRefused:
		return errFound
	}
	var errs []error
	for _, v := range t.Files {
		if v.Problem != "" {
			errs = append(errs, errors.New(v.Problem))
		}
	}
	const shown = 5
	if n := len(errs); n > shown {
		errs = append(slices.Clip(errs[:shown]), errors.New("and "+plural(n-shown, "more file", "more files")+" that could not be read"))
	}
	return couldNot("%w", errors.Join(errs...))
}
