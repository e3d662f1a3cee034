package cli_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// Every command that is printed anywhere, or stands in the runbook, is one that this
// build takes: by its name, its flags and its number of arguments. It is run where
// there are no settings, so that it can come no further than that.
func TestPrintedCommandsAreTaken(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	h := newHarness(t)
	found := map[string]string{}
	for _, dir := range []string{"workflows", "activities", "starter/cli", "db", "registry", "config", "internal/roster", "internal/wire"} {
		literals(t, filepath.Join(root, dir), func(where, text string) { commandsIn(text, where, found) })
	}
	for _, pattern := range []string{"registry/texas/letters/*.txt", "docs/runbook.md", "docs/operations.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			text, err := os.ReadFile(f)
			require.NoError(t, err)
			for n, line := range strings.Split(string(text), "\n") {
				commandsIn(line, filepath.Base(f)+":"+strconv.Itoa(n+1), found)
			}
		}
	}
	require.Greater(t, len(found), 100, "it finds them")
	for _, built := range []string{"starter prerequisite done %s %s", "starter rules clear %s %s --reason told", "starter onboard --from"} {
		delete(found, built) // further words are put behind or between
	}
	for command, where := range found {
		args := arguments(command)
		if named.MatchString(command) || strings.HasSuffix(command, more) { // by its name, or with more behind it than is seen here
			args = append(args, "--help")
		}
		out := h.run(t, args...)
		if out.code == 2 && !slices.ContainsFunc(fitting, func(words string) bool { return strings.Contains(out.stderr, words) }) {
			t.Errorf("%s prints %q, which is not taken:\n%s", where, command, out.stderr)
		}
	}
}

// literals hands over every string in a folder's program, where it stands.
func literals(t *testing.T, dir string, take func(where, text string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, dir)
	fset := token.NewFileSet()
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					at := fset.Position(lit.Pos())
					for line := range strings.SplitSeq(text, "\n") {
						take(filepath.Base(at.Filename)+":"+strconv.Itoa(at.Line), line)
					}
				}
			}
			return true
		})
	}
}

var (
	begins = regexp.MustCompile("(?:^|[ `\"(>])(starter [a-z].*)$")
	// verb is what a format or a template puts in.
	verb = regexp.MustCompile(`%[.0-9]*[sqdv]|\{\{[^}]*\}\}|‹[^›]*›`)
	// sentence is what follows a command in one.
	sentence = regexp.MustCompile(`(, |\)|: | says | lists | makes | changes | shows | has ).*$`)
	// named is a command that is spoken of by its name.
	named = regexp.MustCompile(`^starter( [a-z-]+)+( --[a-z]+)?$`)
	// aligned examples have what they do behind them.
	behind = regexp.MustCompile(` {2,}[A-Z#].*$| # .*$| [|<>] .*$`)
	// spoken is what stands in quotation marks.
	spoken = regexp.MustCompile(`"[^"]*"|'[^']*'`)
)

// more stands for what is put behind a piece of a command elsewhere.
const more = "sunrise-plano"

// fitting are answers to a command that is right and was run in the wrong place, or
// with a value that is filled in.
var fitting = []string{
	"there is no profile folder", "there is no home folder", "there is no rule", "on a terminal only", "eight characters", "unknown flag: --x",
}

// prose are sentences that only begin like a command.
var prose = []string{"starter is ", "starter and ", "starter has ", "starter in ", "starter with ", "starter on ", "starter of ", "starter --", "starter %", "starter cannot", "starter says", "starter work", "starter take", "starter on,", "starter with"}

// commandsIn adds the commands of a line to found.
func commandsIn(line, where string, found map[string]string) {
	line = spoken.ReplaceAllStringFunc(line, func(in string) string {
		if strings.Contains(in, "starter ") {
			return in
		}
		return "told"
	})
	for {
		m := begins.FindStringSubmatchIndex(line)
		if m == nil {
			return
		}
		rest := line[m[2]:]
		line = rest[len("starter "):]
		if slices.ContainsFunc(prose, func(p string) bool { return strings.HasPrefix(rest, p) }) {
			continue
		}
		rest, _, _ = strings.Cut(rest, "`")
		command, _ := registry.SplitMove(behind.ReplaceAllString(rest, ""))
		command = strings.TrimRight(sentence.ReplaceAllString(command, ""), ".,:;)")
		command = strings.TrimSuffix(command, "\\") // it goes on in the next line
		if strings.HasSuffix(command, " ") || strings.HasSuffix(command, "=") {
			command += more
		}
		if strings.Count(command, `"`)%2 == 1 { // quoted as a whole, in a sentence
			command, _, _ = strings.Cut(command, `"`)
		}
		found[command] = where
	}
}

// arguments are those of a command with everything filled in.
func arguments(command string) []string {
	var out []string
	word, quoted, open := "", false, false
	for _, r := range strings.TrimPrefix(command, "starter ") + " " {
		switch {
		case r == '"' || r == '\'':
			quoted, open = !quoted, true
		case r == ' ' && !quoted:
			if word != "" || open {
				out = append(out, filled(word))
			}
			word, open = "", false
		default:
			word += string(r)
		}
	}
	return out
}

// filled is a word as a person would fill it in.
func filled(word string) string {
	word = strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(word, "%s%s", "sunrise-plano"), "…", ""), "...")
	word = verb.ReplaceAllString(word, "x")
	switch {
	case word == "" || registry.Unfilled(word):
		return "x"
	}
	return word
}
