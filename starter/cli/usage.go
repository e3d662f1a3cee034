package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"immtrail/registry"
)

// What cobra says of arguments and flags.
var (
	wrongCount  = regexp.MustCompile(`^(?:accepts (?:at most )?(\d+) arg\(s\), received|requires at least (\d+) arg\(s\), only received) (\d+)$`)
	missingFlag = regexp.MustCompile(`^required flag\(s\) (.+) not set$`)
	exclusive   = regexp.MustCompile(`^if any flags in the group \[(.+?)\] are set none of the others can be; \[(.+?)\] were all set$`)
	together    = regexp.MustCompile(`^if any flags in the group \[(.+?)\] are set they must all be set; missing \[(.+?)\]$`)
	oneOf       = regexp.MustCompile(`^at least one of the flags in the group \[(.+?)\] is required$`)
)

// inPlainWords says what is wrong with a command line so that it can be mended: by
// the names of flags as they are typed, and with the line as it should be.
func inPlainWords(cmd *cobra.Command, err error) error {
	text := err.Error()
	if m := wrongCount.FindStringSubmatch(text); m != nil {
		line := "It is: " + strings.TrimSuffix(cmd.UseLine(), " [flags]")
		want, _ := strconv.Atoi(m[1] + m[2])
		if got, _ := strconv.Atoi(m[3]); got < want {
			return misused("something is missing. %s", line)
		}
		return misused("there is a word too many; what has blanks goes into quotation marks. %s", line)
	}
	if m := missingFlag.FindStringSubmatch(text); m != nil {
		return misused("%s missing", isAre(flagNames(strings.ReplaceAll(m[1], `"`, ""), ",")))
	}
	if m := exclusive.FindStringSubmatch(text); m != nil {
		return misused("%s exclude each other", strings.Join(flagNames(m[2], " "), " and "))
	}
	if m := together.FindStringSubmatch(text); m != nil {
		return misused("%s go together; %s missing", strings.Join(flagNames(m[1], " "), " and "), isAre(flagNames(m[2], " ")))
	}
	if m := oneOf.FindStringSubmatch(text); m != nil {
		return misused("say %s", strings.Join(flagNames(m[1], " "), " or "))
	}
	return noSuchFile(err)
}

func flagNames(list, between string) []string {
	var out []string
	for name := range strings.SplitSeq(list, between) {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, "--"+name)
		}
	}
	return out
}

func isAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return strings.Join(names, ", ") + " are"
}

// noSuchFile says in plain words why a file that somebody named cannot be read.
// Other errors stay as they are.
func noSuchFile(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) || err.Error() != path.Error() {
		return err
	}
	switch {
	case errors.Is(path, fs.ErrNotExist):
		if here, wdErr := os.Getwd(); wdErr == nil && !strings.HasPrefix(path.Path, "/") {
			return couldNot("there is no file %s in %s", path.Path, here)
		}
		return couldNot("there is no file %s", path.Path)
	case errors.Is(path, syscall.EISDIR):
		return couldNot("%s is a folder; name a file", path.Path)
	case errors.Is(path, fs.ErrPermission):
		return couldNot("%s may not be opened by your login (%s)", path.Path, path.Op)
	}
	return err
}

// filledIn refuses a command that was pasted with a word in it that stands for
// something, such as FILE.
func filledIn(cmd *cobra.Command, args []string) (err error) {
	for _, arg := range args {
		if registry.Unfilled(arg) && !exists(arg) {
			return misused("%s stands for what you have to say: put that in its place", arg)
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && registry.Unfilled(f.Value.String()) && !exists(f.Value.String()) {
			err = misused("--%s %s: %[2]s stands for what you have to say: put that in its place", f.Name, f.Value)
		}
	})
	return err
}

// unknownCommand names the nearest one.
func unknownCommand(cmd *cobra.Command, name string) error {
	words := fmt.Sprintf("unknown command %q for %q", name, cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return misused("%s; did you mean %s?", words, strings.Join(near, " or "))
	}
	var has []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			has = append(has, c.Name())
		}
	}
	return misused("%s; it has %s", words, strings.Join(has, ", "))
}
