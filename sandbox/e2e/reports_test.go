package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A practice for each way in which the registry may answer: every format, per
// file, day and week, listing all or only the bad ones.
func TestEveryWayOfAnswering(t *testing.T) {
	p := start(t, "-journey", "-json", "-no-ui", "-report-format", "each", "-day", "3s", "-data", filepath.Join(root, "ways"))

	require.Zero(t, p.within(2*journeyPatience), "%s\n%s", p.stdout, p.stderr)
	v := parse(t, p.stdout.String())
	require.True(t, v.OK)
	formats, spans := map[string]int{}, map[string]int{}
	for _, w := range v.Practices {
		format, per, _ := strings.Cut(w.Practice, "-")
		formats[format]++
		spans[per]++
		require.Empty(t, w.Missing, w.Practice)
		require.Equal(t, w.FilesSent, w.Verified, w.Practice)
		require.Positive(t, w.Reports, w.Practice)
		if per == "file" {
			require.Equal(t, w.FilesSent, w.Reports, "%s: a report for each file", w.Practice)
		}
		require.Equal(t, 1, w.ErrorsOpened, "%s: the missing consent, and not the dose that was there already", w.Practice)
		require.Equal(t, 1, w.ErrorsSettled, "%s: the corrected file was answered", w.Practice)
	}
	require.Equal(t, map[string]int{"ack": 3, "delimited": 3, "xlsx": 3, "html": 3, "pdf": 3}, formats)
	require.Equal(t, map[string]int{"file": 5, "day": 5, "week": 5}, spans)
}
