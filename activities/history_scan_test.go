package activities_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/activities"
	"immtrail/db"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
)

// grouped is a bundle whose practice has two sites.
func grouped(t *testing.T) *bundle {
	t.Helper()
	b := open(t, registry.PhaseProduction)
	p, err := b.db.Practice(t.Context(), "sunrise")
	require.NoError(t, err)
	p.Sites = append(p.Sites, registry.Site{ID: "allen", Name: "Allen", Facilities: []string{"TEST0002"}, Prescribers: []string{"1234567893"}})
	require.NoError(t, b.db.SavePractice(t.Context(), p, b.act("second-site")))
	return b
}

// years is a batch of both sites with doses of several years.
func (b *bundle) years(t *testing.T, seed uint64, messages int, defects ...hl7gen.Defect) []byte {
	t.Helper()
	var buf bytes.Buffer
	gen := hl7gen.New(seed, hl7gen.Options{
		OrgCode: "TEST0001", Now: b.now, ProcessingID: b.profile.Message.ProcessingID(registry.LaneHistorical),
		Facilities: []hl7gen.Facility{{ID: "TEST0001"}, {ID: "TEST0002"}},
	})
	_, err := gen.Batch(&buf, hl7gen.BatchOptions{
		Messages: messages, Historical: true, From: b.now.AddDate(-4, 0, 0), To: b.now.AddDate(0, -2, 0), Defects: defects,
	})
	require.NoError(t, err)
	return buf.Bytes()
}

// cuts are the ways of cutting a load.
var cuts = map[string]activities.PlanHistoryInput{
	"by count":             {PartMessages: 7},
	"by bytes":             {PartMessages: 1000, PartBytes: 12_000},
	"by year":              {PartMessages: 7, PartBy: "year"},
	"by site":              {PartMessages: 7, PartBy: "site"},
	"by year and by bytes": {PartMessages: 1000, PartBytes: 9_000, PartBy: "year"},
}

func TestPartsOfALoad(t *testing.T) {
	t.Parallel()
	for name, in := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in.Scope = scope()
			sources := map[string][]byte{}
			load := func() (*bundle, activities.HistoryPlan, []activities.Part) {
				b := grouped(t)
				b.setHistory(t, registry.HistoryAsked)
				for i, file := range []string{"2018.hl7", "2019.hl7"} {
					sources[file] = b.years(t, uint64(i+1), 20+i)
					b.put(t, registry.LaneHistorical, file, sources[file])
				}
				plan := must(t, b.histories().PlanHistory, in)
				b.setHistory(t, registry.HistoryPlanned)
				must(t, b.histories().ApproveHistory, activities.ApproveHistoryInput{Scope: scope(), Digest: plan.Digest, By: maria, Key: "approve"})
				return b, plan, must(t, b.histories().ListParts, activities.ListPartsInput{Scope: scope(), Max: 100}).Parts
			}
			b, plan, parts := load()
			require.Greater(t, plan.Parts, 4)
			_, again, others := load()
			require.Equal(t, plan, again, "the same files give the same plan anywhere")
			var got, want []string
			for i, part := range parts {
				require.Equal(t, part.File.Digest, others[i].File.Digest, "and the same parts")
				messages := messagesOf(t, b.bytes(t, part.File.ID))
				got = append(got, messages...)
				b.unmixed(t, part, in)
				sent := b.sentPart(t, part)
				require.Equal(t, messages, messagesOf(t, sent), "messages travel byte for byte")
				lines := strings.Split(strings.TrimRight(string(sent), "\r\n"), "\r")
				require.True(t, strings.HasPrefix(lines[0], "FHS|"), "an envelope of its own")
				require.True(t, strings.HasPrefix(lines[1], "BHS|"))
				require.Equal(t, "BTS|"+strconv.Itoa(len(messages)), lines[len(lines)-2])
				require.Equal(t, "FTS|1", lines[len(lines)-1])
				require.True(t, in.PartBytes == 0 || len(messages) == 1 || int64(len(strings.Join(messages, ""))) <= in.PartBytes)
				require.LessOrEqual(t, len(messages), in.PartMessages)
			}
			for _, source := range sources {
				want = append(want, messagesOf(t, source)...)
			}
			require.ElementsMatch(t, want, got, "every message once")
		})
	}
}

// sentPart delivers a part and reads what arrived.
func (b *bundle) sentPart(t *testing.T, part activities.Part) []byte {
	t.Helper()
	before := b.arrived(t, b.profile.Folders.Historical)
	b.deliverPart(t, part)
	for _, name := range b.arrived(t, b.profile.Folders.Historical) {
		if !contains(before, name) {
			content, err := os.ReadFile(filepath.Join(b.drop, b.profile.Folders.Historical, name))
			require.NoError(t, err)
			return content
		}
	}
	t.Fatal("nothing arrived")
	return nil
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// unmixed makes sure that a part is of one year or one site where it has to be.
func (b *bundle) unmixed(t *testing.T, part activities.Part, in activities.PlanHistoryInput) {
	t.Helper()
	b.check(t, part.File, registry.LaneHistorical)
	fates, err := b.db.HistoryFates(t.Context(), part.File.ID, 0, 1000)
	require.NoError(t, err)
	for _, f := range fates {
		switch in.PartBy {
		case "year":
			require.Equal(t, fates[0].Year, f.Year)
		case "site":
			require.Equal(t, fates[0].Site, f.Site)
		}
	}
}

func (b *bundle) scanner() activities.HistoryScanner {
	return activities.HistoryScanner{DB: b.db, Profile: &b.profile, Now: b.now}
}

// What is said of a folder beforehand is what the plan says once it is handed in.
func TestScanAgreesWithThePlan(t *testing.T) {
	t.Parallel()
	for name, in := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := grouped(t)
			in.Scope = scope()
			b.profile.Policy.HistoryPartMessages, b.profile.Policy.HistoryPartBytes, b.profile.Policy.HistoryPartBy = in.PartMessages, in.PartBytes, in.PartBy
			daily, _ := b.batch(t, 9, registry.LaneProduction, 6)
			b.send(t, registry.LaneProduction, "daily.hl7", daily)
			one, two := b.years(t, 1, 25, hl7gen.TestPatient, hl7gen.MissingBirthDate), b.years(t, 2, 12)
			files := map[string][]byte{
				"a.hl7": one, "b.zip": zipOf(t, map[string][]byte{"x/two.hl7": two}, "x/two.hl7"), "b2.hl7": two,
				"c.hl7.gz":    gzipOf(t, bytes.Replace(two, []byte("FHS|^~\\&|"), []byte("FHS|^~\\&|OTHER"), 1)),
				"d-daily.hl7": daily, "e.pdf": []byte("%PDF-1.7 patients"),
			}
			dir := t.TempDir()
			for file, content := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), content, 0o600))
				b.put(t, registry.LaneHistorical, file, content)
			}
			scan, err := activities.ScanHistory(t.Context(), b.scanner(), "sunrise", dir)
			require.NoError(t, err)
			again, err := activities.ScanHistory(t.Context(), b.scanner(), "sunrise", dir)
			require.NoError(t, err)
			require.Equal(t, scan, again, "looking keeps nothing")
			require.Len(t, scan.Files, 6)
			require.Equal(t, 2, scan.Files[2].SameAs, "b2.hl7 is what lies in b.zip")
			require.True(t, scan.Files[4].Sent(), "last month's daily file is recognised")
			require.Contains(t, scan.Files[5].Problem, "no HL7")

			b.setHistory(t, registry.HistoryAsked)
			plan := must(t, b.histories().PlanHistory, in)
			require.Equal(t, plan.Came, scan.Messages)
			require.Equal(t, plan.Doses, scan.GoingDoses)
			require.Greater(t, scan.Doses, scan.GoingDoses, "what is said twice or was sent has doses too")
			require.Equal(t, plan.Repeated, scan.Repeated)
			require.Positive(t, scan.Repeated, "two.hl7 came twice, under another envelope")
			require.Equal(t, plan.SentBefore, scan.SentBefore)
			require.Equal(t, plan.SentFiles, scan.SentFiles)
			require.Equal(t, plan.Messages, scan.Going)
			require.Equal(t, plan.Parts, scan.Parts)
			require.Equal(t, plan.Held, scan.Held)
			require.Equal(t, strconv.Itoa(plan.FirstYear), scan.Years[0].Key)
			sites := map[string]int{}
			for _, s := range scan.Sites {
				sites[s.Key] = s.Messages
			}
			require.Equal(t, scan.Messages, sites["plano"]+sites["allen"]+sites[""])
			require.Positive(t, sites["allen"])
		})
	}
}

func TestScanOfAHostileFolder(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside.hl7")
	good, _ := b.batch(t, 1, registry.LaneHistorical, 3)
	lay := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	lay("a.hl7", good)
	lay("b.zip", zipOf(t, map[string][]byte{"ok.hl7": good, "../DOE JANE.hl7": good}, "ok.hl7", "../DOE JANE.hl7"))
	lay("c.gz", gzipOf(t, bytes.Repeat([]byte("M"), 40<<20)))
	lay("d.hl7.part", good)
	lay(".hidden.hl7", good)
	lay("e.hl7", append(append([]byte{}, good...), []byte("MSH|^~\\&|"+string(bytes.Repeat([]byte("x"), 2<<20)))...))
	require.NoError(t, os.WriteFile(outside, good, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "f.hl7")))
	scan, err := activities.ScanHistory(t.Context(), b.scanner(), "sunrise", dir)
	require.NoError(t, err)
	require.Equal(t, 3, scan.Messages, "of a.hl7 alone: nothing of a refused archive, of half a file, or from behind a link")
	require.Equal(t, 3, scan.Going)
	require.Zero(t, scan.Repeated)
	require.Equal(t, 1, scan.Unfinished)
	problems := ""
	for _, f := range scan.Files {
		problems += f.Problem + "\n"
	}
	require.Contains(t, problems, "no plain path")
	require.Contains(t, problems, "bomb")
	require.Contains(t, problems, "half of it")
	require.NotContains(t, problems, "DOE")

	_, err = activities.ScanHistory(t.Context(), b.scanner(), "sunrise", filepath.Join(dir, "nowhere"))
	require.Equal(t, registry.Missing, registry.KindOf(err))
}

func TestPaceOfALoad(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	b.now = time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC) // 20:00 in Texas
	dir := t.TempDir()
	b.profile.Policy.HistoryPartMessages = 1
	good, _ := b.batch(t, 1, registry.LaneHistorical, 6)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.hl7"), good, 0o600))
	seconds := func() int64 {
		scan, err := activities.ScanHistory(t.Context(), b.scanner(), "sunrise", dir)
		require.NoError(t, err)
		return scan.Seconds
	}
	b.profile.Host.Sessions, b.profile.Host.FilesPerHour = 2, 0
	require.EqualValues(t, 30, seconds(), "six parts of ten seconds, two at once")
	b.profile.Host.FilesPerHour = 2
	require.EqualValues(t, 3*3600, seconds())
	b.profile.Host.QuietHours = []string{"22:00-05:00"}
	require.EqualValues(t, (3+7)*3600, seconds(), "four before the night, two after it")
}

func TestAScanKnowsFilesThatWereSent(t *testing.T) {
	t.Parallel()
	b := open(t, registry.PhaseProduction)
	a := b.histories()
	b.setHistory(t, registry.HistoryAsked)
	recorded, _ := b.batch(t, 1, registry.LaneProduction, 5)
	daily, _ := b.batch(t, 2, registry.LaneProduction, 4)
	fresh, _ := b.batch(t, 3, registry.LaneHistorical, 6)
	mark, err := activities.FingerprintOf(bytes.NewReader(recorded))
	require.NoError(t, err)
	_, err = b.db.RecordSent(t.Context(), "sunrise", []db.SentFile{{
		Lane: registry.LaneProduction, Digest: mark.Digest, ContentDigest: mark.Content, Size: int64(len(recorded)), Messages: 5, SentOn: "2026-02-11",
	}}, b.act("recorded"))
	require.NoError(t, err)
	b.delivered(t, 2, registry.LaneProduction, 4)

	dir := t.TempDir()
	for name, content := range map[string][]byte{"1.hl7": recorded, "2.hl7": daily, "3.hl7": fresh} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		b.put(t, registry.LaneHistorical, name, content)
	}
	scan, err := activities.ScanHistory(t.Context(), activities.HistoryScanner{DB: b.db, Profile: &b.profile, Now: b.now}, "sunrise", dir)
	require.NoError(t, err)
	require.Equal(t, "2026-02-11", scan.Files[0].SentOn, "on a person's word")
	require.Equal(t, b.now.Format(time.DateOnly), scan.Files[1].SentOn, "last month's daily file, handed in by mistake")
	require.Empty(t, scan.Files[2].SentOn)
	require.Equal(t, 2, scan.SentFiles)
	require.Equal(t, []int{15, 9, 6}, []int{scan.Messages, scan.SentBefore, scan.Going})

	plan := must(t, a.PlanHistory, planInput(10))
	require.Equal(t, scan.Going, plan.Messages, "and the plan is of what goes")
}
