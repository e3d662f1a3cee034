package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance/codes"
)

// mvxDownload is the built-in table of manufacturers as CDC writes it, with one
// more.
func mvxDownload(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, row := range codes.Embedded().Table(codes.MVX).Rows {
		v := strings.Split(row, "|")
		status := map[string]string{"a": "Active", "i": "Inactive"}[v[1]]
		b.WriteString(v[0] + "|Name of " + v[0] + "||" + status + "|2024/12/06\r\n")
	}
	return b.String() + "QZ|Quiet Zebra||Active|2026/02/03\r\n"
}

func TestCodesList(t *testing.T) {
	h := newHarness(t)
	t.Run("names every table with edition, rows and origin", func(t *testing.T) {
		h.run(t, "codes", "list").exits(0).fits().
			line("vaccines (CVX)", "2025-11-19", "288", "built in, cvx.xml").
			line("drug codes of boxes (NDC)", "560").
			shows(codes.Embedded().Version(), "--dir")
	})
	t.Run("is the same as JSON", func(t *testing.T) {
		var got struct {
			Version, Edition string
			Tables           []struct {
				Kind, Title, Edition, Origin string
				Rows                         int
				Imported                     bool
			}
		}
		h.run(t, "codes", "list", "-o", "json").exits(0).json(&got)
		require.Equal(t, codes.Embedded().Version(), got.Version)
		require.Equal(t, "2025-12-09", got.Edition)
		require.Len(t, got.Tables, len(codes.Published()))
		require.Equal(t, "cvx", got.Tables[0].Kind)
		require.Equal(t, 288, got.Tables[0].Rows)
		require.False(t, got.Tables[0].Imported)
	})
}

func TestCodesShow(t *testing.T) {
	h := newHarness(t)
	for code, lines := range map[string][]string{
		"03":                       {"CVX 03", "active", "MMR", "MSD, SKB", "1971-04-22", "injected", "90707", "from 5 months"},
		"213":                      {"CVX 213", "inactive", "for doses from a card only", "COVID-19"},
		"998":                      {"CVX 998", "no vaccine"},
		"msd":                      {"MVX MSD", "03, 05", "active"},
		"0006-4681-01":             {"NDC 00006-4681-01", "vial or syringe", "Sold from", "MSD"},
		"90707":                    {"CPT 90707", "03"},
		"253088698300012711210806": {"VIS 253088698300012711210806", "historic, edition of 2021-08-06", "https://"},
		"0886983000127":            {"VIS 2530886983000127112", "current"},
	} {
		t.Run(code, func(t *testing.T) {
			h.run(t, "codes", "show", code).exits(0).fits().shows(lines...)
			var got map[string]any
			h.run(t, "codes", "show", code, "-o", "json").exits(0).json(&got)
			require.Equal(t, codes.Embedded().Version(), got["version"])
		})
	}
	t.Run("a code above the table may be new", func(t *testing.T) {
		h.run(t, "codes", "show", "480").exits(1).complains("may be new", "2025-11-19", "starter codes import")
	})
	t.Run("an NDC that is not listed is no mistake", func(t *testing.T) {
		h.run(t, "codes", "show", "99999-9999-99").exits(1).complains("does not list every package")
	})
	t.Run("anything else is told what codes look like", func(t *testing.T) {
		h.run(t, "codes", "show", "\x1b[31mred").exits(1).complains("no code of our tables", "CVX has two or three digits")
		require.NotContains(t, h.run(t, "codes", "show", "\x1b[31mred").stderr, "\x1b")
	})
}

func TestCodesShowIsStableJSON(t *testing.T) {
	h := newHarness(t)
	var got map[string]json.RawMessage
	h.run(t, "codes", "show", "208", "-o", "json").exits(0).json(&got)
	keys := make([]string, 0, len(got))
	for k := range got {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	require.Equal(t, []string{
		"ages", "changed", "code", "first_day", "former_makers", "groups", "impossible_after", "impossible_before",
		"last_day", "makers", "packages", "procedures", "routes", "sources", "status", "system", "table", "version",
	}, keys)
}

func TestCodesImport(t *testing.T) {
	h := newHarness(t)
	good := h.file(t, "download.dat", mvxDownload(t))
	dir := filepath.Join(h.dir, "codes")

	t.Run("takes over a table, whatever the file is called", func(t *testing.T) {
		h.run(t, "codes", "import", good, "--dir", dir).exits(0).fits().
			line("manufacturers (MVX)", "2026-02-03", "90", "imported").shows("1 table imported", "restart the worker")
		h.run(t, "codes", "list", "--dir", dir).exits(0).line("manufacturers (MVX)", "90", "imported, download.dat")
		h.run(t, "codes", "show", "qz", "--dir", dir).exits(0).shows("Quiet Zebra")
	})
	t.Run("a second time changes nothing", func(t *testing.T) {
		before, err := os.ReadDir(dir)
		require.NoError(t, err)
		h.run(t, "codes", "import", good, "--dir", dir).exits(0).shows("Nothing is new")
		after, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, after, len(before))
	})
	t.Run("links of packages are said to be of no use", func(t *testing.T) {
		linker := h.file(t, "NDC_Linker.txt", "807|4076|4156|NVX\r\n")
		h.run(t, "codes", "import", linker, good, "--dir", dir).exits(0).line("NDC_Linker.txt", "not needed")
	})
	t.Run("one bad file and nothing is imported", func(t *testing.T) {
		other := filepath.Join(h.dir, "other")
		bad := h.file(t, "cut.txt", mvxDownload(t)+"ZZ|Half a li")
		h.run(t, "codes", "import", good, bad, "--dir", other).exits(3).
			complains("cut.txt, line 91", "cut short", "Nothing was imported")
		require.NoDirExists(t, other)
	})
	t.Run("a table cut at a line's end is noticed by its length", func(t *testing.T) {
		lines := strings.SplitAfter(mvxDownload(t), "\n")
		short := h.file(t, "short.txt", strings.Join(lines[60:], ""))
		h.run(t, "codes", "import", short, "--dir", filepath.Join(h.dir, "other")).exits(1).complains("cut short", "--fewer")
	})
	t.Run("what is no file or no table is refused", func(t *testing.T) {
		h.run(t, "codes", "import", filepath.Join(h.dir, "gone.xml"), "--dir", dir).exits(3).complains("gone.xml", "Nothing was imported")
		h.run(t, "codes", "import", h.dir, "--dir", dir).exits(3).complains("folder")
		h.run(t, "codes", "import", h.file(t, "page.xml", "<!DOCTYPE html><html>"), "--dir", dir).exits(3).complains("web page")
		h.run(t, "codes", "import").exits(2)
	})
	t.Run("without a home there is no folder to guess", func(t *testing.T) {
		h.run(t, "codes", "import", good).exits(2).complains("--dir")
	})
	t.Run("the environment, the settings or the home say where", func(t *testing.T) {
		h.vars["IMMTRAIL_CODES__DIR"] = filepath.Join(h.dir, "by-env")
		h.run(t, "codes", "import", good).exits(0)
		require.FileExists(t, filepath.Join(h.dir, "by-env", "current"))
		delete(h.vars, "IMMTRAIL_CODES__DIR")

		home := *h
		home.env.Home = filepath.Join(h.dir, "home")
		home.vars = map[string]string{"XDG_CONFIG_HOME": filepath.Join(h.dir, "xdg"), "AppData": filepath.Join(h.dir, "xdg")}
		home.run(t, "codes", "import", good).exits(0).shows("immtrail")
	})
}

func TestChecksUseImportedTables(t *testing.T) {
	h := newHarness(t)
	h.vars["IMMTRAIL_CODES__DIR"] = filepath.Join(h.dir, "codes")
	file := h.file(t, "in.hl7", strings.Replace(cleanMessage, "PMC^Sanofi Pasteur^MVX", "QZ^Quiet Zebra^MVX", 1))
	h.run(t, "check", file, "-o", "json").exits(1).shows("R-12.code", codes.Embedded().Version())
	h.run(t, "codes", "import", h.file(t, "mvx.txt", mvxDownload(t))).exits(0)
	require.NotContains(t, h.run(t, "check", file, "-o", "json").stdout, "R-12.code")

	t.Run("damaged ones are said and not passed over", func(t *testing.T) {
		h.file(t, "codes/current", "nonsense")
		h.run(t, "check", file).exits(3).complains("code tables", "remove the folder")
		h.run(t, "codes", "list").exits(3).complains("remove the folder")
	})
}
