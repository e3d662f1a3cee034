package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
	"immtrail/starter/cli"
)

// ownFile writes a file as an EHR of the first sample practice would, and
// returns the control IDs of its messages.
func ownFile(t *testing.T, path, processingID string, seed uint64) []string {
	t.Helper()
	var file bytes.Buffer
	_, err := hl7gen.New(seed, hl7gen.Options{
		OrgCode: "SUNR1001", Facilities: []hl7gen.Facility{{ID: "SUNR1001-1"}},
		Now: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC), ProcessingID: processingID,
	}).Batch(&file, hl7gen.BatchOptions{Messages: 3})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	var ids []string
	for _, line := range strings.FieldsFunc(file.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
		if strings.HasPrefix(line, "MSH|") {
			ids = append(ids, strings.Split(line, "|")[9])
		}
	}
	require.Len(t, ids, 3)
	return ids
}

func TestOwnFiles(t *testing.T) {
	dir, own := filepath.Join(root, "own"), t.TempDir()
	test := ownFile(t, filepath.Join(own, "monday.hl7"), "T", 501)
	live := ownFile(t, filepath.Join(own, "tuesday.hl7"), "P", 502)
	require.NoError(t, os.WriteFile(filepath.Join(own, "letter.txt"), []byte("Dear registry,\n"), 0o600))

	p := start(t, "-journey", "-json", "-no-ui", "-practices", "1", "-data", dir, "-outbox", own)

	require.Zero(t, p.within(journeyPatience), "%s\n%s", p.stdout, p.stderr)
	require.True(t, parse(t, p.stdout.String()).OK)
	ledger, err := fakeregistry.ReadLedger(filepath.Join(dir, "registry"))
	require.NoError(t, err)
	arrived := func(lane registry.Lane, ids []string) bool {
		return slices.ContainsFunc(ledger, func(r fakeregistry.Received) bool {
			var got []string
			for _, m := range r.Messages {
				got = append(got, m.ControlID)
			}
			return r.Lane == lane && slices.Equal(got, ids)
		})
	}
	require.True(t, arrived(registry.LaneTest, test), "the test file of one's own reached the registry's test folder")
	require.True(t, arrived(registry.LaneProduction, live), "the production file of one's own reached the registry's folder")
}

// TestManual plays the coordinator with the commands that a person types.
func TestManual(t *testing.T) {
	dir := filepath.Join(root, "manual")
	// What a person has exported for a true deployment does not reach a rehearsal.
	cmd := exec.Command(sandboxBinary(), "-manual", "-no-ui", "-practices", "1", "-data", dir)
	cmd.Env = append(os.Environ(), "IMMTRAIL_DATABASE__URL=postgres://nowhere.invalid/true", "IMMTRAIL_OF_OLD=1")
	p := startAs(t, cmd)
	p.until("request the registry's review")

	require.Never(t, func() bool { return p.stdout.has("in review;") }, 3*time.Second, poll, "nobody asked for the review yet")

	starter(t, dir, "review", "send", "sunrise-plano")
	p.until("in review;")
	p.interrupt()
	require.Zero(t, p.within(shutdown), p.stderr)
	nothingLeft(t, dir)
}

// starter runs a command of the starter with the settings of a rehearsal.
func starter(t *testing.T, dir string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := map[string]string{"IMMTRAIL_CONFIG": filepath.Join(dir, "immtrail.yaml"), "IMMTRAIL_ALLOW_AS": "1"}
	code := cli.Run(t.Context(), cli.Env{
		Args: append(args, "--as", "Carla Coordinator"), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		Getenv: func(name string) string { return env[name] }, Environ: []string{
			"IMMTRAIL_CONFIG=" + env["IMMTRAIL_CONFIG"], "IMMTRAIL_ALLOW_AS=1",
		},
		Login: "root", Now: time.Now,
	})
	require.Zero(t, code, "%s%s", &out, &errs)
}
