package codes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/codes"
	"immtrail/hl7"
	"immtrail/registry"
)

// newer is the embedded table of a kind with one row more, of a later day.
func newer(t *testing.T, k codes.Kind, row string, edition hl7.Date) codes.Table {
	t.Helper()
	s, err := codes.EmbeddedSet()
	require.NoError(t, err)
	table := s[k]
	table.Rows = append(append([]string{}, table.Rows...), row)
	table.Edition, table.Origin = edition, "download"
	table.Arrange()
	return table
}

// tree is all files below a folder with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

func TestWithoutAFolderTheTablesAreTheBuiltInOnes(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		tb, err := codes.Folder{Dir: dir}.Tables()
		require.NoError(t, err)
		require.Same(t, codes.Embedded(), tb)
	}
}

func TestImportedTablesAreUsed(t *testing.T) {
	folder := codes.Folder{Dir: filepath.Join(t.TempDir(), "a", "codes")}
	changed, err := folder.Import([]codes.Table{newer(t, codes.CVX, "480|a||20260601|glimmer", 20260601)}, false)
	require.NoError(t, err)
	require.Equal(t, []codes.Kind{codes.CVX}, changed)
	tb, err := folder.Tables()
	require.NoError(t, err)
	require.Equal(t, "glimmer", tb.CVX([]byte("480")).Name)
	require.NotNil(t, tb.MVX([]byte("MSD")), "the others stay")
	require.Contains(t, tb.Version(), "cdc-2026-06-01.")

	t.Run("a second import keeps what the first brought", func(t *testing.T) {
		_, err := folder.Import([]codes.Table{newer(t, codes.MVX, "QZ|a|20260701|", 20260701)}, false)
		require.NoError(t, err)
		tb, err := folder.Tables()
		require.NoError(t, err)
		require.NotNil(t, tb.CVX([]byte("480")))
		require.NotNil(t, tb.MVX([]byte("QZ")))
	})
}

func TestImportingTwiceChangesNothing(t *testing.T) {
	folder := codes.Folder{Dir: t.TempDir()}
	tables := []codes.Table{newer(t, codes.CVX, "480|a||20260601|", 20260601), newer(t, codes.Group, "480|GLIMMER|480", 20260601)}
	_, err := folder.Import(tables, false)
	require.NoError(t, err)
	before := tree(t, folder.Dir)
	tables[1].Edition = 20260701 // a table without a day of its own, read on another day
	changed, err := folder.Import(tables, false)
	require.NoError(t, err)
	require.Empty(t, changed)
	require.Equal(t, before, tree(t, folder.Dir))
}

func TestTheBuiltInTablesThemselvesChangeNothing(t *testing.T) {
	folder := codes.Folder{Dir: filepath.Join(t.TempDir(), "codes")}
	s, err := codes.EmbeddedSet()
	require.NoError(t, err)
	changed, err := folder.Import([]codes.Table{s[codes.CVX], s[codes.VIS]}, false)
	require.NoError(t, err)
	require.Empty(t, changed)
	require.NoDirExists(t, folder.Dir)
}

func TestNothingIsImportedWhenOneTableIsRefused(t *testing.T) {
	good := newer(t, codes.CVX, "480|a||20260601|", 20260601)
	old := newer(t, codes.MVX, "QZ|a|20200101|", 20200101)
	short := newer(t, codes.NDCUse, "12345-0678-01|03||||", 20260601)
	short.Rows = short.Rows[:100]
	broken := newer(t, codes.VIS, "x|y", 20260601)
	for name, c := range map[string]struct {
		tables []codes.Table
		says   string
	}{
		"an older one":       {[]codes.Table{good, old}, "older than the table of manufacturers"},
		"one cut short":      {[]codes.Table{good, short}, "has 100 rows"},
		"a broken one":       {[]codes.Table{good, broken}, "columns"},
		"the same one twice": {[]codes.Table{good, good}, "import one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := codes.Folder{Dir: t.TempDir()}
			_, err := folder.Import(c.tables, false)
			require.ErrorContains(t, err, c.says)
			require.Contains(t, []registry.Kind{registry.Conflict, registry.Corrupt}, registry.KindOf(err))
			require.Empty(t, tree(t, folder.Dir))
		})
	}
	t.Run("a shorter one is taken when asked for", func(t *testing.T) {
		folder := codes.Folder{Dir: t.TempDir()}
		changed, err := folder.Import([]codes.Table{short}, true)
		require.NoError(t, err)
		require.Equal(t, []codes.Kind{codes.NDCUse}, changed)
	})
}

// An upgrade may bring newer tables than those that were imported once.
func TestTheNewerTableOfEachKindIsUsed(t *testing.T) {
	folder := codes.Folder{Dir: t.TempDir()}
	_, err := folder.Import([]codes.Table{newer(t, codes.CVX, "480|a||20260601|", 20260601)}, false)
	require.NoError(t, err)
	for path, text := range tree(t, folder.Dir) {
		if strings.HasSuffix(path, "cvx.txt") {
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(text, "|20260601|download", "|20200101|download", 1)), 0o600))
		}
	}
	tb, err := folder.Tables()
	require.NoError(t, err)
	require.Nil(t, tb.CVX([]byte("480")))
}

func TestAnImportThatWasCutOffLeavesWhatWasInUse(t *testing.T) {
	folder := codes.Folder{Dir: t.TempDir()}
	_, err := folder.Import([]codes.Table{newer(t, codes.CVX, "480|a||20260601|", 20260601)}, false)
	require.NoError(t, err)
	// Cut off while writing the tables, and before the last rename.
	half := filepath.Join(folder.Dir, ".import-123")
	require.NoError(t, os.Mkdir(half, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(half, "cvx.txt"), []byte("immtrail-co"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder.Dir, "current.next"), []byte("2026"), 0o600))
	tb, err := folder.Tables()
	require.NoError(t, err)
	require.NotNil(t, tb.CVX([]byte("480")))

	t.Run("and the next one succeeds and cleans up", func(t *testing.T) {
		_, err := folder.Import([]codes.Table{newer(t, codes.MVX, "QZ|a|20260701|", 20260701)}, false)
		require.NoError(t, err)
		require.NoDirExists(t, half)
		require.NoFileExists(t, filepath.Join(folder.Dir, "current.next"))
	})
}

func TestADamagedFolderIsSaidAndNotPassedOver(t *testing.T) {
	for name, damage := range map[string]struct{ file, text string }{
		"an empty pointer":        {"current", ""},
		"a pointer to elsewhere":  {"current", "../../etc"},
		"a pointer to nothing":    {"current", "2020-01-01.00000000"},
		"a hidden folder":         {"current", ".import-1"},
		"a table that is damaged": {"VERSION/cvx.txt", "immtrail-codes/1|cvx|20260601|x\n03|"},
		"a file that is no table": {"VERSION/readme.txt", "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := codes.Folder{Dir: t.TempDir()}
			_, err := folder.Import([]codes.Table{newer(t, codes.CVX, "480|a||20260601|", 20260601)}, false)
			require.NoError(t, err)
			version, err := os.ReadFile(filepath.Join(folder.Dir, "current"))
			require.NoError(t, err)
			put(t, folder.Dir, strings.Replace(damage.file, "VERSION", strings.TrimSpace(string(version)), 1), damage.text)
			_, err = folder.Tables()
			require.Equal(t, registry.Corrupt, registry.KindOf(err))
			require.ErrorContains(t, err, folder.Dir)
			require.ErrorContains(t, err, "remove the folder")
		})
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o600))
}
