package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A practice for each setting of how reports answer: per file, day and week,
// listing all or only the bad ones. Every one of them gets reports in one form
// after the other.
func TestEveryWayOfAnswering(t *testing.T) {
	dir := filepath.Join(root, "ways")
	p := start(t, "-journey", "-json", "-no-ui", "-report-format", "each", "-day", "2s", "-data", dir)

	require.Zero(t, p.within(2*journeyPatience), "%s\n%s", p.stdout, p.stderr)
	v := parse(t, p.stdout.String())
	require.True(t, v.OK)
	require.Len(t, v.Practices, 6)
	formats := map[string]map[string]bool{} // by span
	for _, w := range v.Practices {
		_, setting, _ := strings.Cut(w.Practice, "-")
		per, _, _ := strings.Cut(setting, "-")
		require.Empty(t, w.Missing, w.Practice)
		require.Equal(t, w.FilesSent, w.Verified, w.Practice)
		if per == "file" {
			require.Equal(t, w.FilesSent, w.Reports, "%s: a report for each file", w.Practice)
		}
		require.Equal(t, 1, w.ErrorsOpened, "%s: the missing consent, and not the dose that was there already", w.Practice)
		require.Equal(t, 1, w.ErrorsSettled, "%s: the corrected file was answered", w.Practice)
		if formats[per] == nil {
			formats[per] = map[string]bool{}
		}
		for _, f := range published(t, dir, w.Practice) {
			formats[per][f] = true
		}
	}
	every := map[string]bool{"ACK": true, "delimited": true, "HTML": true, "PDF": true, "XLSX": true}
	require.Equal(t, map[string]map[string]bool{"file": every, "day": every, "week": every}, formats)
}

// published are the formats of the reports that an account got, by their first
// bytes.
func published(t *testing.T, dir, account string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "registry", "homes", account, "reports", "*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 3, account)
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		format := "delimited"
		for prefix, f := range map[string]string{"PK": "XLSX", "%PDF": "PDF", "<html": "HTML", "FHS": "ACK", "MSH": "ACK"} {
			if strings.HasPrefix(string(data), prefix) {
				format = f
			}
		}
		out = append(out, format)
	}
	return out
}
