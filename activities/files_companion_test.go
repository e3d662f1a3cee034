package activities_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/registry"
)

func TestCompanions(t *testing.T) {
	t.Parallel()
	lane := registry.LaneProduction
	scan := activities.ScanOutboxInput{Scope: scope(), Lane: lane, Max: 10}
	with := func(t *testing.T, done, checksum string) *bundle {
		t.Helper()
		b := open(t, registry.PhaseProduction)
		b.profile.File.DoneSuffix, b.profile.File.ChecksumSuffix = done, checksum
		return b
	}
	stage := func(t *testing.T, b *bundle, wrong int) (activities.StageFileResult, error) {
		t.Helper()
		got := must(t, b.files.ScanOutbox, scan)
		require.Len(t, got.Files, 1)
		return run(t, b.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: lane, Name: got.Files[0].Name, Wrong: wrong})
	}
	lies := func(b *bundle, folder string) []string {
		entries, err := os.ReadDir(filepath.Join(b.outbox, "sunrise", folder))
		names := []string{}
		for _, e := range entries {
			if err == nil && e.Name()[0] != '.' {
				names = append(names, e.Name())
			}
		}
		return names
	}

	t.Run("a file is left until its companion says that it is complete", func(t *testing.T) {
		t.Parallel()
		b := with(t, ".done", "")
		b.put(t, lane, "a.hl7", []byte("MSH|a"))
		got := must(t, b.files.ScanOutbox, scan)
		require.Empty(t, got.Files)
		require.Equal(t, 1, got.Unstable)
		b.put(t, lane, "a.hl7.done", nil)
		staged, err := stage(t, b, 0)
		require.NoError(t, err)
		require.NotEmpty(t, staged.File.ID)
		require.Empty(t, lies(b, "production"), "the companion goes with it")
		require.Len(t, lies(b, "taken/production"), 2)
	})
	t.Run("a companion may stand in the place of the file's own ending", func(t *testing.T) {
		t.Parallel()
		b := with(t, ".done", "")
		b.put(t, lane, "a.hl7", []byte("MSH|a"))
		b.put(t, lane, "a.done", nil)
		require.Len(t, must(t, b.files.ScanOutbox, scan).Files, 1)
	})
	t.Run("one of an earlier file of that name says nothing", func(t *testing.T) {
		t.Parallel()
		b := with(t, ".done", "")
		b.put(t, lane, "a.hl7", []byte("MSH|a"))
		b.put(t, lane, "a.hl7.done", nil)
		old := b.now.Add(-48 * time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(b.outbox, "sunrise", "production", "a.hl7.done"), old, old))
		require.Empty(t, must(t, b.files.ScanOutbox, scan).Files)
	})
	t.Run("a right checksum is taken, of whatever kind", func(t *testing.T) {
		t.Parallel()
		content := []byte("MSH|a")
		long, short := sha256.Sum256(content), md5.Sum(content)
		for _, said := range []string{hex.EncodeToString(long[:]) + "  a.hl7\n", "MD5 (a.hl7) = " + hex.EncodeToString(short[:])} {
			b := with(t, "", ".sum")
			b.put(t, lane, "a.hl7", content)
			b.put(t, lane, "a.hl7.sum", []byte(said))
			staged, err := stage(t, b, 0)
			require.NoError(t, err)
			require.NotEmpty(t, staged.File.ID, said)
		}
	})
	t.Run("a wrong checksum, or none in the file, is not taken and not passed over", func(t *testing.T) {
		t.Parallel()
		for _, said := range []string{hex.EncodeToString(make([]byte, 32)), "to do", ""} {
			b := with(t, "", ".sha256")
			b.put(t, lane, "DOE_JOHN.hl7", []byte("MSH|a"))
			b.put(t, lane, "DOE_JOHN.hl7.sha256", []byte(said))
			for range 2 {
				staged, err := stage(t, b, 0)
				require.NoError(t, err)
				require.True(t, staged.WrongSum, "the others go first")
				require.Empty(t, staged.File.ID)
			}
			_, err := stage(t, b, 1)
			requireKind(t, registry.NotAllowed, err)
			require.ErrorContains(t, err, "does not match the checksum")
			require.NotContains(t, err.Error(), "DOE")
			require.Len(t, lies(b, "production"), 2, "it stays where it is")
			require.Zero(t, b.count(t, `select count(*) from files`))
		}
	})
	t.Run("what nobody finishes for a day is told, and its name is not", func(t *testing.T) {
		t.Parallel()
		b := with(t, ".done", "")
		b.put(t, lane, "DOE_JOHN.hl7.part", []byte("MSH|"))
		b.put(t, lane, "b.hl7", []byte("MSH|"))
		got := must(t, b.files.ScanOutbox, scan)
		require.Equal(t, 2, got.Unstable)
		require.Zero(t, got.Stuck)
		b.now = b.now.Add(24 * time.Hour)
		got = must(t, b.files.ScanOutbox, scan)
		require.Equal(t, 2, got.Stuck)
		require.Regexp(t, `^n-[0-9a-f]{32}$`, got.NewestStuck)

		b.put(t, lane, "c.hl7", []byte("MSH|"))
		b.now = b.now.Add(48 * time.Hour)
		later := must(t, b.files.ScanOutbox, scan)
		require.Equal(t, 3, later.Stuck)
		require.NotEqual(t, got.NewestStuck, later.NewestStuck, "while an old one lies there, a new one is told of")

		notices, man := b.notices(t)
		in := activities.SendNoticeInput{
			Scope: scope(), Kind: activities.NoticeWatch, Event: activities.StuckEvent("sunrise", got.NewestStuck), Words: "2 files have lain there",
		}
		for range 2 {
			must(t, notices.SendNotice, in)
		}
		require.Len(t, man.letters, 1, "once a file")
		require.Contains(t, man.last().Body, `section "outbox-unfinished"`)
	})
}
