package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// root holds the built sandbox and every folder of a rehearsal. PostgreSQL's own
// user has to pass through it.
var root string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if root, err = os.MkdirTemp("", "immtrail-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if os.Getenv("E2E_KEEP") == "" {
		defer func() { _ = os.RemoveAll(root) }()
	} else {
		fmt.Fprintln(os.Stderr, "the rehearsals are kept in", root)
	}
	if err := os.Chmod(root, 0o711); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-o", sandboxBinary(), "immtrail/sandbox")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the sandbox: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func sandboxBinary() string { return filepath.Join(root, "sandbox") }

// journeyPatience bounds one journey on a machine that does other things too;
// an idle one takes half a minute.
const journeyPatience = 12 * time.Minute

// verdict is what -json prints.
type verdict struct {
	OK        bool     `json:"ok"`
	Reasons   []string `json:"reasons"`
	Practices []struct {
		Practice      string               `json:"practice"`
		Reached       map[string]time.Time `json:"reached"`
		Missing       []string             `json:"missing"`
		FilesSent     int                  `json:"files_sent"`
		Verified      int                  `json:"verified"`
		Reports       int                  `json:"reports"`
		ErrorsOpened  int                  `json:"errors_opened"`
		ErrorsSettled int                  `json:"errors_settled"`
	} `json:"practices"`
	Wall           time.Duration    `json:"wall_ns"`
	Day            string           `json:"day"`
	WorkerRestarts int              `json:"worker_restarts"`
	Scanned        map[string]int64 `json:"scanned_bytes"`
}

// rehearsal is a journey that was played to its end and whose folder is kept.
type rehearsal struct {
	dir, histories string
	code           int
	stdout, errs   string
}

var (
	playedOnce sync.Once
	played     rehearsal
)

// finished is the one journey that several tests look at.
func finished(t *testing.T) rehearsal {
	t.Helper()
	playedOnce.Do(func() {
		played.dir, played.histories = filepath.Join(root, "finished"), filepath.Join(root, "histories")
		ctx, cancel := context.WithTimeout(t.Context(), journeyPatience)
		defer cancel()
		p := start(t, "-journey", "-json", "-data", played.dir, "-record", played.histories)
		played.code = p.wait(ctx)
		played.stdout, played.errs = p.stdout.String(), p.stderr.String()
	})
	require.Zero(t, played.code, "the journey that this test looks at failed:\n%s\n%s", played.stdout, played.errs)
	return played
}

// parse reads the closing table; nothing else may stand on standard output.
func parse(t *testing.T, stdout string) verdict {
	t.Helper()
	var v verdict
	require.NoError(t, json.Unmarshal([]byte(stdout), &v), stdout)
	return v
}

// copyOf is a finished rehearsal's folder, copied so that it can be spoilt.
func copyOf(t *testing.T, from, name string) string {
	t.Helper()
	to := filepath.Join(root, name)
	out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { _ = os.RemoveAll(to) })
	return to
}
