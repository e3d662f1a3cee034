package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/registry"
)

// share names the folder for sunrise-plano, in its override, with further settings of
// files.
func (b *bench) share(t *testing.T, practice, dir, more string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(b.dir, "profiles", "practices"), 0o700))
	b.file(t, filepath.Join("profiles", "practices", practice+".yaml"), "file: {shared_outbox: "+dir+more+"}\n")
}

func TestSharedOutbox(t *testing.T) {
	b := newBench(t)
	b.env.Now = time.Now
	dir := filepath.Join(b.dir, "srv", "ehr-east")
	marker := filepath.Join(dir, "production", activities.OutboxMarker)
	b.share(t, "sunrise-plano", dir, ", shared_patterns: [sun_*]")
	t.Run("to add a practice makes the folder that it shares, marked", func(t *testing.T) {
		b.practice(t, registry.PhaseProduction)
		require.FileExists(t, marker)
		require.FileExists(t, filepath.Join(dir, "test", activities.OutboxMarker))
		require.NoDirExists(t, filepath.Join(dir, "historical"))
	})
	t.Run("practice show says where its files are taken from", func(t *testing.T) {
		b.run(t, "practice", "show", "sunrise-plano").exits(0).fits().shows(filepath.Join(b.dir, "outbox", "sunrise-plano"), "ehr-east", "sun_*")
	})
	t.Run("doctor warns of a folder that nobody else shares", func(t *testing.T) {
		b.run(t, "doctor").fits().line("warning", "outbox").shows("only sunrise-plano")
	})
	t.Run("doctor finds a pattern of two, and companions that differ", func(t *testing.T) {
		b.share(t, "other", dir, ", shared_patterns: [sun_*], done_suffix: .done")
		b.run(t, "practice", "add", b.file(t, "other.yaml", strings.NewReplacer("sunrise-plano", "other", "BURL6343", "BURL0002", "0001112000", "0001113000").Replace(practiceFile)+"phase: production\n")).exits(0)
		b.run(t, "doctor").fits().shows("differ in file.done_suffix", "have the pattern sun_*")
	})
	t.Run("doctor and setup find that it is not mounted, and setup makes none in its place", func(t *testing.T) {
		require.NoError(t, os.Remove(marker))
		b.run(t, "doctor").exits(1).fits().line("wrong", "outbox", "ehr-east/production").shows("mount the share")
		b.run(t, "setup").exits(3).shows("touch")
		require.NoFileExists(t, marker)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "production")))
		b.run(t, "setup").exits(3).shows("touch")
		require.NoDirExists(t, filepath.Join(dir, "production"))
	})
	t.Run("one that is gone is made anew only while nobody has sent a file", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(dir))
		b.run(t, "setup").exits(0)
		require.FileExists(t, marker)
		b.store = nil // it may have been opened for a subtest before
		_, err := b.open(t).StageFile(t.Context(), db.NewFile{
			Practice: "other", Lane: registry.LaneTest, Digest: strings.Repeat("a", 64), Size: 1, VaultKey: "k", At: b.at(),
		})
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(dir))
		b.run(t, "setup").exits(3).shows("touch")
		require.NoDirExists(t, dir)
	})
}
