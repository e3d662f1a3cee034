package docgen_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/starter/cli"
)

// commands are the starter's commands and below each its own, from --help.
func commands(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, name := range listed(t) {
		out[name] = listed(t, name)
	}
	return out
}

// aPractice stands among the commands of one that takes a practice's ID as well.
const aPractice = "[PRACTICE]"

// listed reads the names of the commands that --help lists.
func listed(t *testing.T, args ...string) []string {
	t.Helper()
	var printed bytes.Buffer
	require.Equal(t, cli.ExitOK, cli.Run(t.Context(), cli.Env{
		Args: append(args, "--help"), Stdin: strings.NewReader(""), Stdout: &printed, Stderr: &printed,
	}))
	var names []string
	inList := false
	for line := range strings.Lines(printed.String()) {
		if len(args) == 1 && strings.HasPrefix(line, "  starter "+args[0]+" [PRACTICE]") {
			names = append(names, aPractice)
		}
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case !strings.HasPrefix(line, " "):
			inList = strings.HasSuffix(strings.TrimSpace(line), ":") && !strings.HasPrefix(line, "Usage") &&
				!strings.HasPrefix(line, "Examples") && !strings.HasPrefix(line, "Flags") && !strings.HasPrefix(line, "Global")
		case inList && strings.HasPrefix(line, "  ") && word != "":
			names = append(names, strings.TrimSuffix(word, "\n"))
		}
	}
	return names
}
