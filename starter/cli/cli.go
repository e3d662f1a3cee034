package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"immtrail/config"
	"immtrail/db"
	"immtrail/registry"
)

// Env is what a process has, handed in.
type Env struct {
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv looks up one variable; Environ lists all of them ("NAME=value").
	Getenv  func(string) string
	Environ []string
	// Home is the user's home folder; empty leaves ~/.config out.
	Home string
	// Login is the operating system's name of the user.
	Login string
	// Now is the wall clock.
	Now func() time.Time
	// IsTerminal says that standard output is a terminal: colours and progress.
	IsTerminal bool
	// Dial opens Temporal; nil means the real one. Tests hand in their own.
	Dial func(ctx context.Context, cfg *config.Config, getenv func(string) string) (Engine, error)
}

// Exit codes.
const (
	ExitOK       = 0
	ExitRefused  = 1 // refused, or errors found
	ExitUsage    = 2
	ExitCouldNot = 3 // unreachable, unreadable
)

// Run runs one command and returns its exit code.
func Run(ctx context.Context, env Env) int {
	a := newApp(env)
	root := a.root() //nolint:contextcheck // commands get theirs from ExecuteContext
	root.SetArgs(env.Args)
	cmd, err := root.ExecuteContextC(ctx)
	a.close()
	if err == nil {
		return ExitOK
	}
	err = inPlainWords(cmd, err)
	code := exitCode(err)
	a.complain(err, code)
	return code
}

// exit is an error with the exit code that belongs to it. Quiet errors were
// shown already.
type exit struct {
	code  int
	quiet bool
	err   error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func refused(format string, args ...any) error {
	return &exit{code: ExitRefused, err: fmt.Errorf(format, args...)}
}

func misused(format string, args ...any) error {
	return &exit{code: ExitUsage, err: fmt.Errorf(format, args...)}
}

func couldNot(format string, args ...any) error {
	return &exit{code: ExitCouldNot, err: fmt.Errorf(format, args...)}
}

// errFound says with the exit code alone that errors were found and shown.
var errFound = &exit{code: ExitRefused, quiet: true, err: errors.New("errors found")}

func exitCode(err error) int {
	var e *exit
	if errors.As(err, &e) {
		return e.code
	}
	var room *registry.Error
	if errors.As(err, &room) {
		switch room.Kind {
		case registry.NotAllowed, registry.Invalid, registry.Missing, registry.Conflict:
			return ExitRefused
		default:
			return ExitCouldNot
		}
	}
	var faults config.Faults
	if errors.As(err, &faults) {
		return ExitCouldNot
	}
	if isUsage(err) {
		return ExitUsage
	}
	return ExitCouldNot
}

// isUsage recognises what cobra says of commands and arguments; flags come
// through SetFlagErrorFunc.
func isUsage(err error) bool {
	for _, head := range []string{"unknown command", "accepts ", "requires at least", "required flag", "if any flags in the group", "at least one of the flags", "invalid argument"} {
		if strings.HasPrefix(err.Error(), head) {
			return true
		}
	}
	return false
}

// complain writes the error where errors go.
func (a *app) complain(err error, code int) {
	var e *exit
	if errors.As(err, &e) && e.quiet {
		return
	}
	if a.output == outputJSON {
		_ = json.NewEncoder(a.env.Stderr).Encode(map[string]any{"error": err.Error(), "exit": code})
		return
	}
	fmt.Fprintf(a.env.Stderr, "Error: %v\n", err)
	if code == ExitUsage {
		fmt.Fprintln(a.env.Stderr, "Run the command with --help for examples.")
	}
}

const (
	outputText = "text"
	outputJSON = "json"
	outputCSV  = "csv"
	outputYAML = "yaml"
)

// app is one run of the command line.
type app struct {
	env    Env
	output string
	// configPath is --config, as --as.
	configPath, as string

	cfg *config.Config
	// closers are run at the end, last first.
	closers []func()
	eng     Engine
	db      *db.Store
	// calls are the registry's telephone and address, by the practice's override.
	calls map[string][2]string
}

func newApp(env Env) *app {
	if env.Getenv == nil {
		env.Getenv = func(string) string { return "" }
	}
	if env.Now == nil {
		env.Now = time.Now
	}
	return &app{env: env, output: outputText}
}

func (a *app) close() {
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
}

// config loads the settings once. Its error is ready to be shown.
func (a *app) config() (*config.Config, error) {
	if a.cfg != nil {
		return a.cfg, nil
	}
	cfg, err := config.Load(a.source())
	if err != nil {
		return nil, couldNot("%w\nSee config.example.yaml for every setting; `starter config check` looks again", err)
	}
	a.cfg = cfg
	return cfg, nil
}

func (a *app) source() config.Source {
	return config.Source{Path: a.configPath, Getenv: a.env.Getenv, Environ: a.env.Environ, Home: a.env.Home}
}

// now is the date of the process: the wall clock, or a rehearsal's calendar.
func (a *app) now() time.Time {
	if a.cfg == nil {
		return a.env.Now()
	}
	return a.cfg.Calendar.Registry().Date(a.env.Now())
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Take medical practices to the Texas Immunization Registry and keep them there",
		Long: `starter is the command line of immtrail: it takes a medical practice from its
first test file to daily submission to the Texas Immunization Registry.

Exit codes: 0 done, 1 refused or errors found, 2 wrong usage, 3 could not.`,
		Example: `  starter check batch.hl7                    Judge a file at your desk, before anybody sends it
  starter doctor                             See what is wrong with this installation
  starter practice add sunrise-plano.yaml    Make a practice known
  starter onboard sunrise-plano              Begin its way to production
  starter status                             See who must do what next`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			allowed := cmd.Annotations[annotationOutputs]
			if allowed == "" {
				allowed = outputText + "," + outputJSON
			}
			if formats := strings.Split(allowed, ","); !slices.Contains(formats, a.output) {
				asked := a.output
				a.output = outputText
				return misused("--output %s: this command prints %s", asked, strings.Join(formats, ", "))
			}
			return filledIn(cmd, args)
		},
	}
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused("%w", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "file of settings (else immtrail.yaml here, in ~/.config or /etc)")
	flags.StringVarP(&a.output, "output", "o", outputText, "text or json")
	flags.StringVar(&a.as, "as", "", "act for another person, where the settings allow it")
	for _, group := range a.groups() {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID("machine")
	root.SetCompletionCommandGroupID("machine")
	return root
}

// annotationOutputs lists the formats of commands that print more than text and
// json.
const annotationOutputs = "outputs"

type group struct {
	id, title string
	commands  []*cobra.Command
}

// folder is a command that only holds others.
func folder(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}
