package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/starter/cli"
)

// harness runs the command line in this process, as `starter` does.
type harness struct {
	env cli.Env
	// vars are the environment.
	vars map[string]string
	dir  string
}

// result is what a run came to.
type result struct {
	t              *testing.T
	code           int
	stdout, stderr string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{vars: map[string]string{}, dir: t.TempDir()}
	h.env = cli.Env{
		Getenv: func(name string) string { return h.vars[name] },
		Login:  "mary",
		Now:    func() time.Time { return time.Date(2026, 3, 31, 15, 4, 5, 0, time.UTC) },
	}
	// No settings of the machine that runs the tests may be found.
	t.Chdir(h.dir)
	return h
}

// file writes a file into the harness's folder and returns its path.
func (h *harness) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (h *harness) run(t *testing.T, args ...string) result {
	t.Helper()
	return h.runIn(t, "", args...)
}

func (h *harness) runIn(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	env := h.env
	env.Args, env.Stdin, env.Stdout, env.Stderr = args, strings.NewReader(stdin), &out, &errOut
	env.Environ = nil
	for name, value := range h.vars {
		env.Environ = append(env.Environ, name+"="+value)
	}
	code := cli.Run(t.Context(), env)
	return result{t: t, code: code, stdout: out.String(), stderr: errOut.String()}
}

// exits asserts the exit code and shows what was printed if it is another.
func (r result) exits(code int) result {
	r.t.Helper()
	require.Equal(r.t, code, r.code, "standard output:\n%s\nstandard error:\n%s", r.stdout, r.stderr)
	return r
}

// fits asserts that nothing printed for people is wider than 100 columns but a
// command on a line of its own, which stays whole to be copied.
func (r result) fits() result {
	r.t.Helper()
	for line := range strings.SplitSeq(r.stdout, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " >"), "starter ") {
			continue
		}
		require.LessOrEqual(r.t, len([]rune(line)), 100, "too wide: %s", line)
	}
	return r
}

// shows asserts that every text stands in the output.
func (r result) shows(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		require.Contains(r.t, r.stdout, text)
	}
	return r
}

// line asserts that one line holds all the texts, in order.
func (r result) line(texts ...string) result {
	r.t.Helper()
	for i, text := range texts {
		texts[i] = regexp.QuoteMeta(text)
	}
	require.Regexp(r.t, "(?m)^.*"+strings.Join(texts, ".*")+".*$", r.stdout)
	return r
}

// complains asserts that every text stands in the error.
func (r result) complains(texts ...string) result {
	r.t.Helper()
	for _, text := range texts {
		require.Contains(r.t, r.stderr, text)
	}
	return r
}

// json decodes the output.
func (r result) json(into any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal([]byte(r.stdout), into), "not JSON:\n%s", r.stdout)
}
