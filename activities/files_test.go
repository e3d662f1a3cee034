package activities_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

func TestScanOutbox(t *testing.T) {
	t.Parallel()
	scan := activities.ScanOutboxInput{Scope: scope(), Lane: registry.LaneTest, Max: 2}

	t.Run("what is not stable is counted and left", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "old.hl7", []byte("MSH|"))
		b.put(t, registry.LaneTest, "new.hl7", []byte("MSH|"))
		b.put(t, registry.LaneTest, "half.hl7.part", []byte("MSH|"))
		b.put(t, registry.LaneTest, ".hidden", []byte("MSH|"))
		young := filepath.Join(b.outbox, "sunrise", "test", "new.hl7")
		require.NoError(t, os.Chtimes(young, b.now.Add(-30*time.Second), b.now.Add(-30*time.Second)))
		require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(b.outbox, "sunrise", "test", "link.hl7")))
		got := must(t, b.files.ScanOutbox, scan)
		require.Len(t, got.Files, 1)
		require.Equal(t, 2, got.Unstable)
		require.Equal(t, got, must(t, b.files.ScanOutbox, scan))
		b.now = b.now.Add(time.Minute)
		require.Len(t, must(t, b.files.ScanOutbox, scan).Files, 2)
	})

	t.Run("no name that an EHR gave leaves the machine", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "DOE_JOHN_19700101.hl7", []byte("MSH|"))
		name := must(t, b.files.ScanOutbox, scan).Files[0].Name
		require.Regexp(t, `^n-[0-9a-f]{32}$`, name)
	})

	t.Run("at most Max, and that there is more", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		for _, name := range []string{"a", "b", "c"} {
			b.put(t, registry.LaneTest, name, []byte(name))
		}
		got := must(t, b.files.ScanOutbox, scan)
		require.Len(t, got.Files, 2)
		require.True(t, got.More)
	})

	t.Run("a folder that is not there is never an empty day", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		require.Empty(t, must(t, b.files.ScanOutbox, scan).Files)
		require.NoError(t, os.RemoveAll(filepath.Join(b.outbox, "sunrise", "test")))
		_, err := run(t, b.files.ScanOutbox, scan)
		requireKind(t, registry.Missing, err)
		require.NoError(t, os.RemoveAll(filepath.Join(b.outbox, "sunrise")))
		_, err = run(t, b.files.ScanOutbox, scan)
		requireKind(t, registry.Missing, err)
	})

	t.Run("an empty mount point is never an empty day, and the words say what to do", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|"))
		name := must(t, b.files.ScanOutbox, scan).Files[0].Name
		marker := filepath.Join(b.outbox, "sunrise", "test", activities.OutboxMarker)
		require.NoError(t, os.Remove(marker))
		_, err := run(t, b.files.ScanOutbox, scan)
		requireKind(t, registry.Missing, err)
		require.ErrorContains(t, err, "touch "+marker)
		_, err = run(t, b.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: registry.LaneTest, Name: name})
		requireKind(t, registry.Missing, err)
		require.NoError(t, os.WriteFile(marker, nil, 0o600))
		require.Len(t, must(t, b.files.ScanOutbox, scan).Files, 1, "what the words say is enough")
	})

	t.Run("a folder that exists is not marked by making the outbox again", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sunrise", "production"), 0o755))
		for range 2 {
			require.NoError(t, activities.MakeOutbox(dir, "sunrise"))
			require.NoError(t, activities.CheckMarker(dir, "sunrise", registry.LaneTest))
			require.Error(t, activities.CheckMarker(dir, "sunrise", registry.LaneProduction))
		}
		entries, err := os.ReadDir(filepath.Join(dir, "sunrise"))
		require.NoError(t, err)
		require.Len(t, entries, 3, "nothing half-made stays behind")
	})

	t.Run("a file from the future is taken when it does not move", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.files.Stable = 10 * time.Millisecond
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|"))
		path := filepath.Join(b.outbox, "sunrise", "test", "a.hl7")
		require.NoError(t, os.Chtimes(path, b.now.AddDate(1, 0, 0), b.now.AddDate(1, 0, 0)))
		require.Len(t, must(t, b.files.ScanOutbox, scan).Files, 1)
	})
}

func TestStageFile(t *testing.T) {
	t.Parallel()
	first := func(t *testing.T, b *bundle) activities.StageFileInput {
		t.Helper()
		scan := must(t, b.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: registry.LaneTest, Max: 1})
		require.Len(t, scan.Files, 1)
		return activities.StageFileInput{Scope: scope(), Lane: registry.LaneTest, Name: scan.Files[0].Name}
	}

	t.Run("twice gives the same file, which has left the outbox", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|one"))
		in := first(t, b)
		got := must(t, b.files.StageFile, in)
		require.False(t, got.Known)
		require.False(t, got.Gone)
		again := must(t, b.files.StageFile, in)
		require.Equal(t, got.File, again.File)
		require.True(t, again.Gone)
		require.Empty(t, must(t, b.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: registry.LaneTest}).Files)
		kept, err := os.ReadFile(filepath.Join(b.outbox, "sunrise", "taken", "test", got.File.ID+"_a.hl7"))
		require.NoError(t, err)
		require.Equal(t, "MSH|one", string(kept))
	})

	t.Run("a crash before the file left is finished by the repeat", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|one"))
		in := first(t, b)
		// taken/ cannot be made, as if the process had died before it.
		blocked := filepath.Join(b.outbox, "sunrise", "taken")
		require.NoError(t, os.WriteFile(blocked, nil, 0o600))
		_, err := run(t, b.files.StageFile, in)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "a.hl7")
		require.NoError(t, os.Remove(blocked))
		got := must(t, b.files.StageFile, in)
		require.False(t, got.Known, "it is the same arrival, not a duplicate")
		require.Equal(t, "f-1", got.File.ID)
	})

	t.Run("the same bytes again are known, under any name", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|one"))
		one := must(t, b.files.StageFile, first(t, b))
		b.put(t, registry.LaneTest, "b.hl7", []byte("MSH|one"))
		two := must(t, b.files.StageFile, first(t, b))
		require.Equal(t, one.File, two.File)
		require.True(t, two.Known)
	})

	t.Run("deleted where the profile says so, once it is safe", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		b.profile.File.AfterStaging = "delete"
		b.put(t, registry.LaneTest, "a.hl7", []byte("MSH|one"))
		got := must(t, b.files.StageFile, first(t, b))
		require.Empty(t, mustDir(t, filepath.Join(b.outbox, "sunrise", "taken", "test")))
		file, err := b.db.File(t.Context(), got.File.ID)
		require.NoError(t, err)
		has, err := b.vault.Has(t.Context(), file.VaultKey)
		require.NoError(t, err)
		require.True(t, has)
	})

	t.Run("a name that nobody gave out is gone, and nothing is staged", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		got := must(t, b.files.StageFile, activities.StageFileInput{Scope: scope(), Lane: registry.LaneTest, Name: "../../etc/passwd"})
		require.Equal(t, activities.StageFileResult{Gone: true}, got)
	})

	t.Run("a practice's ID is not a path", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		in := activities.StageFileInput{Scope: activities.Scope{Practice: "../x"}, Lane: registry.LaneTest, Name: "n-1"}
		_, err := run(t, b.files.StageFile, in)
		requireKind(t, registry.Invalid, err)
	})
}

func mustDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return entries
}

func TestCheckFile(t *testing.T) {
	t.Parallel()

	t.Run("twice gives the same verdict and the same rows", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		content, facts := b.batch(t, 1, registry.LaneTest, 12, hl7gen.MissingLot)
		f := b.stage(t, registry.LaneTest, "a.hl7", content)
		first := b.check(t, f, registry.LaneTest)
		require.Equal(t, 12, first.Messages)
		require.Equal(t, facts.Doses, first.Doses)
		require.False(t, first.ErrorFree)
		require.True(t, first.HoldFile)
		findings, err := b.db.Findings(t.Context(), f.ID, 0, 1000)
		require.NoError(t, err)
		require.Equal(t, first, b.check(t, f, registry.LaneTest))
		again, err := b.db.Findings(t.Context(), f.ID, 0, 1000)
		require.NoError(t, err)
		require.Equal(t, findings, again)
		require.Equal(t, 12, b.count(t, `select count(*) from messages`))
		require.Equal(t, facts.Doses, b.count(t, `select count(*) from doses where record_digest is not null`))
	})

	t.Run("a file that is no HL7 is a verdict", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		f := b.stage(t, registry.LaneTest, "a.pdf", []byte("%PDF-1.7 this is no HL7"))
		got := b.check(t, f, registry.LaneTest)
		require.True(t, got.HoldFile)
		require.Equal(t, registry.OutcomeFileRejected, got.Outcome)
	})

	t.Run("an empty file is a verdict", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		require.True(t, b.check(t, b.stage(t, registry.LaneTest, "a.hl7", nil), registry.LaneTest).HoldFile)
	})

	t.Run("no patient is in clear anywhere in the database", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		content, facts := b.batch(t, 2, registry.LaneTest, 10, hl7gen.MissingBirthDate)
		f := b.stage(t, registry.LaneTest, facts.Patients[0].Family+".hl7", content)
		b.check(t, f, registry.LaneTest)
		dump := b.dump(t)
		require.Greater(t, len(dump), 1000)
		for _, p := range facts.Patients {
			for _, needle := range p.Needles() {
				require.NotContains(t, dump, needle)
			}
		}
		sealed, err := b.db.Patient(t.Context(), f.ID, 1)
		require.NoError(t, err)
		require.Contains(t, string(sealed), facts.Patients[0].Family)
	})

	t.Run("another file than the one asked for is a bug", func(t *testing.T) {
		t.Parallel()
		b := open(t, registry.PhaseTesting)
		f := b.stage(t, registry.LaneTest, "a.hl7", []byte("MSH|"))
		_, err := run(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: f, Lane: registry.LaneProduction})
		requireKind(t, registry.Invalid, err)
	})
}

func (b *bundle) count(t *testing.T, sql string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// dump is every row of every table as text.
func (b *bundle) dump(t *testing.T) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `select tablename::text from pg_tables where schemaname = 'public'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), `select t::text from `+pgx.Identifier{table}.Sanitize()+` t`)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, line := range lines {
			all.WriteString(line + "\n")
		}
	}
	return all.String()
}

func TestSettleAndRelease(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseTesting)
	content, _ := b.batch(t, 3, registry.LaneTest, 3)
	f := b.stage(t, registry.LaneTest, "a.hl7", content)
	settle := func(s activities.FileState) (activities.Done, error) {
		return run(t, b.files.SettleFile, activities.SettleFileInput{Scope: scope(), FileID: f.ID, State: s})
	}
	release := activities.ReleaseFilesInput{Scope: scope(), AfterDays: 30}

	t.Run("a file that is not settled is kept", func(t *testing.T) {
		b.now = b.now.AddDate(0, 0, 100)
		require.Zero(t, must(t, b.files.ReleaseFiles, release).Released)
	})

	t.Run("a delivered file cannot be dropped", func(t *testing.T) {
		for _, s := range []activities.FileState{activities.FileDelivered, activities.FileDelivered, activities.FileAnswered, activities.FileDelivered} {
			_, err := settle(s)
			require.NoError(t, err)
		}
		_, err := settle(activities.FileDropped)
		requireKind(t, registry.NotAllowed, err)
	})

	t.Run("answered and old enough, its bytes go once", func(t *testing.T) {
		require.Zero(t, must(t, b.files.ReleaseFiles, release).Released, "it was settled today")
		b.now = b.now.AddDate(0, 0, 31)
		require.Equal(t, 1, must(t, b.files.ReleaseFiles, release).Released)
		require.Zero(t, must(t, b.files.ReleaseFiles, release).Released)
		file, err := b.db.File(t.Context(), f.ID)
		require.NoError(t, err)
		has, err := b.vault.Has(t.Context(), file.VaultKey)
		require.NoError(t, err)
		require.False(t, has)
		_, err = run(t, b.files.CheckFile, activities.CheckFileInput{Scope: scope(), File: f, Lane: registry.LaneTest})
		requireKind(t, registry.Missing, err)
	})

	t.Run("the same bytes handed in again are there again", func(t *testing.T) {
		require.Equal(t, f, b.stage(t, registry.LaneTest, "b.hl7", content))
		b.check(t, f, registry.LaneTest)
	})

	t.Run("after no days is after nothing", func(t *testing.T) {
		_, err := run(t, b.files.ReleaseFiles, activities.ReleaseFilesInput{Scope: scope()})
		requireKind(t, registry.Invalid, err)
	})
}
