package e2e_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/sandbox/week"
	"immtrail/starter/cli"
)

// The page of a coordinator's week is played as it stands.
func TestWeek(t *testing.T) {
	page, err := os.Open(filepath.Join("..", "..", "docs", "week.md"))
	require.NoError(t, err)
	defer page.Close()
	days, err := week.Parse(page)
	require.NoError(t, err)

	project, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := filepath.Join(root, "week")
	p := start(t, "-manual", "-no-ui", "-data", dir, "-day", "2s")
	p.until("Worth trying")
	require.NoError(t, week.Play(t.Context(), days, typed(dir), week.Options{
		Known: week.Names{"rehearsal": dir, "project": project}, Patience: journeyPatience,
		Day: func(name string) { t.Log(name) },
	}))
	p.interrupt()
	require.Zero(t, p.within(shutdown), p.stderr)
}

// typed runs commands of the starter as typed into a terminal, where both
// outputs come to one screen.
func typed(dir string) week.Runner {
	env := map[string]string{"IMMTRAIL_CONFIG": filepath.Join(dir, "immtrail.yaml"), "IMMTRAIL_ALLOW_AS": "1"}
	return func(ctx context.Context, args []string) (string, int) {
		var screen bytes.Buffer
		code := cli.Run(ctx, cli.Env{
			Args: args, Stdin: strings.NewReader(""), Stdout: &screen, Stderr: &screen,
			Getenv: func(name string) string { return env[name] },
			Environ: []string{
				"IMMTRAIL_CONFIG=" + env["IMMTRAIL_CONFIG"], "IMMTRAIL_ALLOW_AS=" + env["IMMTRAIL_ALLOW_AS"],
			},
			Login: "root", Now: time.Now,
		})
		return screen.String(), code
	}
}
