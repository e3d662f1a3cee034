package docgen_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/registry/texas"
)

var (
	// pageTold is a page that a program or a letter sends its reader to.
	pageTold = regexp.MustCompile(`\bdocs/([a-z-]+\.md)(#[a-z0-9-]*)?`)
	// sectionTold is how letters name a section.
	sectionTold = regexp.MustCompile(`docs/runbook\.md, section "([^"]*)"`)
)

// Whoever is woken by an alert goes where it says: its section is there.
func TestSectionsThatAlertsNameExist(t *testing.T) {
	have := headings(page(t, "docs", "runbook.md"))
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	named := slices.Concat(constants(t, "Page"), incidentKinds(t))
	for _, reason := range registry.HoldReasons() {
		named = append(named, string(reason))
	}
	for _, name := range named {
		require.True(t, have[name], "docs/runbook.md has no heading with `%s`", name)
		for _, kind := range []registry.LetterKind{
			registry.LetterHold, registry.LetterWatch, registry.LetterApprovalRefused, registry.LetterByHand, registry.LetterResolved,
		} {
			_, body, err := letters.Render(kind, registry.LetterData{Page: name})
			require.NoError(t, err)
			told := sectionTold.FindStringSubmatch(body)
			require.Len(t, told, 2, "%s sends nobody to the runbook", kind)
			require.Equal(t, name, told[1])
		}
	}
}

// A page or a heading that the source names, in letters, profiles and commands.
func TestPagesThatTheSourceNamesExist(t *testing.T) {
	seen := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{".go", ".txt", ".yaml", ".service"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range pageTold.FindAllStringSubmatch(string(text), -1) {
			seen++
			target := page(t, "docs", m[1])
			if m[2] != "" {
				require.True(t, slices.Contains(anchors(target), m[2][1:]), "%s names %s, which is no heading", path, m[0])
			}
		}
		return nil
	}))
	require.Greater(t, seen, 5)
}
