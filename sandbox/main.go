package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"immtrail/dqa/extract"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/journey"
	"immtrail/sandbox/oracle"
)

// Exit codes, the same as the starter's.
const (
	exitOK       = 0
	exitNo       = 1 // the journey failed
	exitUsage    = 2
	exitCouldNot = 3
)

func main() {
	extract.Serve() // ends here in the child that reads a spreadsheet or a document
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(role(os.Args[2:]))
		}
	}
	opts, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(exitOK)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	if opts.sabotage == "help" {
		for _, s := range oracle.Sabotages() {
			fmt.Printf("%-20s %s\n", s.Name, s.Words)
		}
		os.Exit(exitOK)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := rehearse(ctx, opts)
	stop()
	os.Exit(code)
}

// options are what a person asks for.
type options struct {
	journey   bool
	json      bool
	manual    bool
	codec     bool
	dir       string
	day       time.Duration
	outbox    string
	practices int
	days      int
	sabotage  string
	killDir   string
	record    string
	noUI      bool
	sameGroup bool
	reports   journey.Reports
}

const usage = `A rehearsal of the whole journey with invented patients, on this machine only.

  go run ./sandbox                       boot, play, stay up until Ctrl-C
  go run ./sandbox -journey              play once; exit 0 only if all went well
  go run ./sandbox -journey -json        the same as JSON
  go run ./sandbox -data ./rehearsal     keep the state: kill it, start it again
  go run ./sandbox -manual               you are the coordinator
  go run ./sandbox -outbox ./my-files    your own files for the first practice
  go run ./sandbox -practices 50         more practices
  go run ./sandbox -report-format pdf    how the registry answers; each: a practice
                                         for every format and setting
  go run ./sandbox -journey -days 1095   three years of a group of three sites
  go run ./sandbox -sabotage help        break an invariant on purpose

Flags:
`

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() {
		fmt.Fprint(errs, usage)
		f.PrintDefaults()
	}
	f.BoolVar(&o.journey, "journey", false, "play once and end")
	f.BoolVar(&o.json, "json", false, "print the closing table as JSON")
	f.BoolVar(&o.manual, "manual", false, "leave the coordinator's part (review, approval, answers) to you")
	f.BoolVar(&o.codec, "codec", false, "encrypt what lies in Temporal, and serve the codec endpoint for the Web UI")
	f.StringVar(&o.dir, "data", "", "folder that keeps the state (default: a temporary one)")
	f.DurationVar(&o.day, "day", 0, "length of a day, at least 1s (default: 1s, longer with more than 10 practices)")
	f.StringVar(&o.outbox, "outbox", "", "folder with files of your own for the first practice; their MSH-11 says whether they are for test or production")
	f.IntVar(&o.practices, "practices", 3, "how many practices")
	f.IntVar(&o.days, "days", 0, "play a group of three sites for so many days of daily submission, with outages and changes of the clocks (1095: three years)")
	f.StringVar(&o.sabotage, "sabotage", "", "break one invariant on purpose when the journey is over; help lists them")
	f.StringVar(&o.killDir, "kill", "", "kill the worker before and after the first run of each activity; the folder counts the kills")
	f.StringVar(&o.record, "record", "", "write the histories of the journey into this folder")
	f.StringVar(&o.reports.Format, "report-format", "", "form of the registry's reports: "+strings.Join(fakeregistry.Formats(), ", ")+"; each: a practice for every one under every setting")
	f.StringVar(&o.reports.Per, "reports-per", "", "what a report is about: file, day or week")
	f.StringVar(&o.reports.Weekday, "reports-weekday", "", "day in English on which a report's week ends")
	f.StringVar(&o.reports.Lists, "reports-list", "", "what a report lists: all or bad-only")
	f.BoolVar(&o.noUI, "no-ui", false, "leave the Web UI out")
	f.BoolVar(&o.sameGroup, "same-group", false, "keep all processes in one group, so that kill -9 of the group takes them")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.reports.Format == "each" {
		o.reports.Format, o.reports.Each = "", true
		o.practices = o.reports.Practices(o.practices)
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("nothing is known about %q; sandbox -help shows what is", strings.Join(f.Args(), " "))
	case o.practices < 1:
		return o, errors.New("-practices: at least 1")
	case o.days < 0 || o.days > 0 && o.days < 60:
		return o, errors.New("-days: at least 60, so that all that happens has its time")
	case o.day != 0 && o.day < time.Second:
		return o, errors.New("-day: at least 1s; Temporal's Schedules know nothing shorter")
	case o.json && !o.journey && o.sabotage == "":
		return o, errors.New("-json is about the closing table of -journey; add -journey")
	case o.manual && o.journey:
		return o, errors.New("-manual waits for you, -journey waits for nobody; choose one")
	}
	if err := o.check(); err != nil {
		return o, err
	}
	if o.day == 0 {
		o.day = dayFor(o.practices)
	}
	return o, nil
}

// check refuses what would come out only when the journey is over.
func (o *options) check() error {
	if o.sabotage != "" && o.sabotage != "help" {
		if _, known := oracle.FindSabotage(o.sabotage); !known {
			return fmt.Errorf("-sabotage: nothing is called %q; -sabotage help lists what is", o.sabotage)
		}
		o.journey = true // there is nothing to judge without one
	}
	if err := o.reports.Fault(); err != nil {
		return err
	}
	if _, err := journey.OwnFiles(o.outbox); err != nil {
		return fmt.Errorf("-outbox: %w", err)
	}
	if o.killDir == "" {
		return nil
	}
	if err := os.MkdirAll(o.killDir, 0o755); err != nil {
		return fmt.Errorf("-kill: %w", err)
	}
	return nil
}

// perDay is how many of its small workflows a practice starts a day (a
// submission, a file, a report collection), and enginePerSecond how many of
// them the embedded engine does in a second.
const (
	perDay          = 3
	enginePerSecond = 12
)

// dayFor picks a longer day for more practices than the engine could follow.
func dayFor(practices int) time.Duration {
	if practices <= 10 {
		return time.Second
	}
	return time.Duration(practices*perDay/enginePerSecond+1) * time.Second
}
