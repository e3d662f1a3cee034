package activities_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// perPractice gives each practice a profile of its own.
type perPractice map[string]*registry.Profile

func (p perPractice) Profile(id string) (*registry.Profile, error) { return p[id], nil }

// sharing is one folder of two practices in production: sunrise (TEST0001) and
// other (TEST0002).
type sharing struct {
	*bundle
	dir      string
	profiles perPractice
}

func newSharing(t *testing.T) *sharing {
	t.Helper()
	b := open(t, registry.PhaseProduction)
	require.NoError(t, b.db.SavePractice(t.Context(), &registry.Practice{
		ID: "other", Name: "Other", Registry: "texas", OrgCode: "TEST0002", Zone: "America/Chicago", Connection: "texas-sftp",
		Phase: registry.PhaseProduction, Sites: []registry.Site{{ID: "one", Name: "One", Facilities: []string{"TEST0002"}}},
	}, b.act("practice-added/other")))
	require.NoError(t, activities.MakeOutbox(b.outbox, "other"))
	for _, id := range []string{"sunrise", "other"} {
		require.NoError(t, b.db.SetSubmission(t.Context(), id, registry.SubmissionOn, b.act("on/"+id)))
	}
	s := &sharing{bundle: b, dir: filepath.Join(t.TempDir(), "east"), profiles: perPractice{}}
	require.NoError(t, activities.MakeOutbox(filepath.Dir(s.dir), "east"))
	for _, id := range []string{"sunrise", "other"} {
		own := b.profile
		own.File.SharedOutbox = s.dir
		s.profiles[id] = &own
	}
	b.files.Profiles = s.profiles
	return s
}

// lay puts a file of so many messages of each org into the folder.
func (s *sharing) lay(t *testing.T, name string, orgs ...string) {
	t.Helper()
	var content bytes.Buffer
	for n, org := range orgs {
		gen := hl7gen.New(uint64(n+1), hl7gen.Options{OrgCode: org, Now: s.now, ProcessingID: "P"})
		_, err := gen.Batch(&content, hl7gen.BatchOptions{Messages: 2})
		require.NoError(t, err)
	}
	path := filepath.Join(s.dir, "production", name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, content.Bytes(), 0o644))
	require.NoError(t, os.Chtimes(path, s.now.Add(-time.Hour), s.now.Add(-time.Hour)))
}

func (s *sharing) scan(t *testing.T, practice string) activities.ScanOutboxResult {
	t.Helper()
	return must(t, s.files.ScanOutbox, activities.ScanOutboxInput{
		Scope: activities.Scope{Practice: practice}, Lane: registry.LaneProduction, Max: 10,
	})
}

func TestSharedOutbox(t *testing.T) {
	t.Parallel()
	t.Run("each file goes to the practice that its messages name, and is taken once", func(t *testing.T) {
		t.Parallel()
		s := newSharing(t)
		s.lay(t, "a.hl7", "TEST0001")
		s.lay(t, "b.hl7", "TEST0002")
		require.Len(t, s.scan(t, "sunrise").Files, 1)
		other := s.scan(t, "other")
		require.Len(t, other.Files, 1)
		require.Zero(t, other.Stray+s.scan(t, "sunrise").Stray)
		in := activities.StageFileInput{Scope: activities.Scope{Practice: "other"}, Lane: registry.LaneProduction, Name: other.Files[0].Name}
		staged := must(t, s.files.StageFile, in)
		require.NotEmpty(t, staged.File.ID)
		again := must(t, s.files.StageFile, in)
		require.Equal(t, staged.File, again.File)
		require.True(t, again.Gone)
		require.NoFileExists(t, filepath.Join(s.dir, "production", "b.hl7"))
		require.FileExists(t, filepath.Join(s.dir, "production", "a.hl7"))
		require.FileExists(t, filepath.Join(s.dir, "taken", "production", staged.File.ID+"_b.hl7"))
		require.Equal(t, 1, s.count(t, `select count(*) from files where practice = 'other'`))
	})
	t.Run("a pattern of its path says whose it is before what is in it", func(t *testing.T) {
		t.Parallel()
		s := newSharing(t)
		s.profiles["other"].File.SharedPatterns = []string{"other/*", "OTH_*"}
		s.lay(t, "other/x.hl7", "TEST0001")
		s.lay(t, "OTH_1.hl7", "TEST0001")
		require.Empty(t, s.scan(t, "sunrise").Files)
		require.Len(t, s.scan(t, "other").Files, 2)
		for _, f := range s.scan(t, "other").Files {
			staged := must(t, s.files.StageFile, activities.StageFileInput{Scope: activities.Scope{Practice: "other"}, Lane: registry.LaneProduction, Name: f.Name})
			if staged.Known {
				continue
			}
			_, err := run(t, s.files.CheckFile, activities.CheckFileInput{Scope: activities.Scope{Practice: "other"}, Lane: registry.LaneProduction, File: staged.File})
			requireKind(t, registry.NotAllowed, err)
			require.ErrorContains(t, err, "they name sunrise", "files of another practice are caught all the same")
		}
	})
	t.Run("what is of nobody, of two, or unreadable is left, and one practice asks", func(t *testing.T) {
		t.Parallel()
		s := newSharing(t)
		s.profiles["sunrise"].File.SharedPatterns = []string{"both_*"}
		s.profiles["other"].File.SharedPatterns = []string{"both_*"}
		s.lay(t, "two.hl7", "TEST0001", "TEST0002")
		s.lay(t, "nobody.hl7", "NONE0009")
		s.lay(t, "empty.hl7")
		s.lay(t, "both_a.hl7", "TEST0001")
		require.Empty(t, s.scan(t, "sunrise").Files)
		require.Zero(t, s.scan(t, "sunrise").Stray, "the first of them asks")
		got := s.scan(t, "other")
		require.Empty(t, got.Files)
		require.Equal(t, 4, got.Stray)
		require.Len(t, got.Strays, 4)
		require.Regexp(t, `^n-[0-9a-f]{32}$`, got.Strays[0])
		_, err := run(t, s.files.ScanOutbox, activities.ScanOutboxInput{
			Scope: activities.Scope{Practice: "other"}, Lane: registry.LaneProduction, Max: 1, Strict: true,
		})
		requireKind(t, registry.NotAllowed, err)
		require.ErrorContains(t, err, "4 files in the shared folder "+s.dir)
		require.NotContains(t, err.Error(), "nobody.hl7")

		require.NoError(t, s.db.SetSubmission(t.Context(), "other", registry.SubmissionPaused, s.act("pause")))
		require.Equal(t, 4, s.scan(t, "sunrise").Stray, "while that one is paused the next asks")
	})
	t.Run("what a person left there is not asked about again, what comes after it is", func(t *testing.T) {
		t.Parallel()
		s := newSharing(t)
		s.lay(t, "nobody.hl7", "NONE0009")
		token := s.scan(t, "other").Strays[0]
		require.NoError(t, s.db.RecordAct(t.Context(), "other", "", activities.FileLeft, s.act(activities.FileLeftKey(token))))
		require.Zero(t, s.scan(t, "other").Stray)
		s.lay(t, "nobody2.hl7", "NONE0009")
		got := s.scan(t, "other")
		require.Equal(t, 1, got.Stray)
		require.NotEqual(t, token, got.Strays[0])
	})
	t.Run("a shared folder that is not mounted is a question, not an empty day", func(t *testing.T) {
		t.Parallel()
		s := newSharing(t)
		require.NoError(t, os.Remove(filepath.Join(s.dir, "production", activities.OutboxMarker)))
		_, err := run(t, s.files.ScanOutbox, activities.ScanOutboxInput{Scope: scope(), Lane: registry.LaneProduction, Max: 1})
		requireKind(t, registry.Missing, err)
	})
}
