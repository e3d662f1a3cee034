package docgen_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/internal/docgen"
	"immtrail/registry"
	"immtrail/registry/texas"
)

var update = flag.Bool("update", false, "write the generated pages anew")

const root = "../.."

func page(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(b)
}

func TestRulesPageIsCurrent(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, docgen.Rules(&b))
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, "docs", "rules.md"), b.Bytes(), 0o644))
	}
	require.Equal(t, b.String(), page(t, "docs", "rules.md"), "write it anew: go test ./internal/docgen -update")
}

// headings are the words in backquotes in the headings of a page: `floor`.
func headings(text string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			found[m[1]] = true
		}
	}
	return found
}

func TestRunbookHasASectionForWhateverCanAlert(t *testing.T) {
	have := headings(page(t, "docs", "runbook.md"))
	for _, reason := range registry.HoldReasons() {
		require.True(t, have[string(reason)], "docs/runbook.md has no heading with `%s`", reason)
	}
	for _, kind := range registry.LetterKinds() {
		require.True(t, have[string(kind)], "docs/runbook.md has no heading with `%s`", kind)
	}
	for _, kind := range incidentKinds(t) {
		require.True(t, have[kind], "docs/runbook.md has no heading with `%s`", kind)
	}
}

func TestCatalogueNamesRulesAndPagesThatExist(t *testing.T) {
	catalogue, err := texas.BuiltinCatalogue()
	require.NoError(t, err)
	have := headings(page(t, "docs", "runbook.md"))
	require.True(t, have[registry.PageUnknown], "docs/runbook.md has no heading with `%s`", registry.PageUnknown)
	for _, code := range catalogue.Codes() {
		e := catalogue[code]
		require.True(t, have[e.Page], "%s: docs/runbook.md has no heading with `%s`", code, e.Page)
		rules := slices.DeleteFunc(slices.Clone(e.Foretold), func(w string) bool {
			return w == registry.ForetoldOwnData || w == registry.ForetoldNever
		})
		require.Empty(t, conformance.UnknownRules(rules), code)
	}
}

func TestRunbookSaysHowEachHoldMayEnd(t *testing.T) {
	text := page(t, "docs", "runbook.md")
	for _, reason := range registry.HoldReasons() {
		_, section, found := strings.Cut(text, "### `"+string(reason)+"`")
		require.True(t, found, "no section for %s", reason)
		section, _, _ = strings.Cut(section, "\n### ")
		for _, action := range []registry.HoldAction{
			registry.ActionRetry, registry.ActionArrived, registry.ActionResend, registry.ActionDrop, registry.ActionContinue,
		} {
			require.Equal(t, reason.Allows(action), strings.Contains(section, "--action "+string(action)),
				"section %s and the action %s", reason, action)
		}
	}
}

// incidentKinds are the constants Incident… of the watch.
func incidentKinds(t *testing.T) []string {
	t.Helper()
	return constants(t, "Incident")
}

// constants are the values of a prefix's string constants in package activities.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "activities", "*.go"))
	require.NoError(t, err)
	var found []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				found = append(found, value)
			}
			return true
		})
	}
	require.NotEmpty(t, found)
	return found
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			rel, _ := filepath.Rel(root, path)
			found = append(found, rel)
		}
		return err
	}))
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(page(t, name), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			path := filepath.Join(filepath.Dir(name), target)
			if target == "" {
				path = name
			}
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err, "%s links to %s", name, m[1])
			if anchor != "" {
				require.Contains(t, anchors(page(t, path)), anchor, "%s links to %s", name, m[1])
			}
		}
	}
}

// anchors are the headings as a forge makes links of them.
func anchors(text string) []string {
	var out []string
	strip := regexp.MustCompile(`[^a-z0-9 _-]`)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			title := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			out = append(out, strings.ReplaceAll(strip.ReplaceAllString(title, ""), " ", "-"))
		}
	}
	return out
}

func TestDirectDependenciesAndTheirLinesAgree(t *testing.T) {
	text := page(t, "docs", "dependencies.md")
	direct := map[string]bool{"immtrail": true}
	for _, mod := range []string{"go.mod", "sandbox/go.mod"} {
		for line := range strings.Lines(page(t, mod)) {
			fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
			if len(fields) == 2 && strings.HasPrefix(fields[1], "v") { // indirect ones carry a comment
				direct[fields[0]] = true
			}
		}
	}
	for mod := range direct {
		if !strings.Contains(text, "`"+mod+"`") {
			t.Errorf("docs/dependencies.md does not say what %s is for", mod)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(text, -1) {
		for mod := range strings.SplitSeq(strings.ReplaceAll(row[1], "`", ""), ", ") {
			require.True(t, direct[mod], "docs/dependencies.md tells of %s, which nothing needs directly", mod)
		}
	}
}

// A page that names a command that is not there sends people astray.
func TestCommandsInPagesExist(t *testing.T) {
	help := commands(t)
	typed := regexp.MustCompile("(?:^\\$ |^  +|`)starter ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?")
	for _, name := range pages(t) {
		for line := range strings.Lines(page(t, name)) {
			for _, m := range typed.FindAllStringSubmatch(line, -1) {
				subs, ok := help[m[1]]
				require.True(t, ok, "%s: there is no command %q", name, "starter "+m[1])
				if len(subs) > 0 && m[2] != "" && !slices.Contains(subs, aPractice) {
					require.Contains(t, subs, m[2], "%s: there is no command %q", name, "starter "+m[1]+" "+m[2])
				}
			}
		}
	}
}
