package cli

import (
	"io"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"immtrail/registry"
)

// ErrGone is what an Engine says of a workflow that does not run.
var ErrGone = errGone

// Refused makes an error as a workflow's refusal.
func Refused(words string) error { return refused("%s", words) }

// Commands lists the words of every command that --help shows.
func Commands() [][]string {
	var all [][]string
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		for _, c := range cmd.Commands() {
			if c.Name() == "completion" || c.Name() == "help" {
				continue // cobra's own
			}
			words := append(slices.Clone(path), c.Name())
			all = append(all, words)
			walk(c, words)
		}
	}
	walk(newApp(Env{}).root(), nil)
	return all
}

// TemporalEngine is the real Engine over a client.
func TemporalEngine(c client.Client) Engine { return &temporalEngine{c: c, queue: "q", namespace: "n"} }

// ExitCode is what Run would return for err.
func ExitCode(err error) int { return exitCode(err) }

// ValueAt is what --reveal shows of a place.
func ValueAt(f io.ReaderAt, offset int64, path string) (string, error) {
	return valueAt(f, registry.Place{Offset: offset, Path: path})
}
