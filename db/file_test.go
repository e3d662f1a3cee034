package db_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func token(c string) string { return "n-" + digest(c)[:32] }

func TestStageFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	stage := func(b *bundle, tok, content string) db.Staged {
		t.Helper()
		s, err := b.StageFile(ctx, db.NewFile{
			Practice: "a", Lane: registry.LaneTest, Digest: digest(content), Size: 3, VaultKey: "k" + content, At: day0,
			Arrival: &db.Arrival{Token: token(tok), SourceName: "INVENTED_PATIENT.hl7"},
		})
		require.NoError(t, err)
		return s
	}

	t.Run("the same bytes give the same ID, and the second arrival is known", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		first := stage(b, "1", "a")
		require.Equal(t, db.Staged{File: registry.FileRef{ID: "f-1", Digest: digest("a"), Size: 3}}, first)
		require.Equal(t, first, stage(b, "1", "a"), "the same arrival answers the same")
		again := stage(b, "2", "a")
		require.Equal(t, first.File, again.File)
		require.True(t, again.Known)
		require.Equal(t, again, stage(b, "2", "a"))
		require.NotEqual(t, first.File.ID, stage(b, "3", "b").File.ID)
	})

	t.Run("another lane is another file", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		require.NotEqual(t, b.file(t, "a", registry.LaneTest, "a").ID, b.file(t, "a", registry.LaneProduction, "a").ID)
	})

	t.Run("a hundred at once are one file", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		var wg sync.WaitGroup
		got := make([]db.Staged, 20)
		errs := make([]error, len(got))
		for i := range got {
			wg.Go(func() {
				got[i], errs[i] = b.StageFile(ctx, db.NewFile{
					Practice: "a", Lane: registry.LaneTest, Digest: digest("a"), Size: 3, VaultKey: "k", At: day0,
					Arrival: &db.Arrival{Token: "n-" + fmt.Sprintf("%032x", i), SourceName: "x"},
				})
			})
		}
		wg.Wait()
		fresh := 0
		for i := range got {
			require.NoError(t, errs[i])
			require.Equal(t, got[0].File, got[i].File)
			if !got[i].Known {
				fresh++
			}
		}
		require.Equal(t, 1, fresh, "one of them was the first")
	})

	t.Run("the name that the EHR gave lies sealed", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		stage(b, "1", "a")
		var stored []byte
		require.NoError(t, b.sql.QueryRow(ctx, `select source_name from arrivals`).Scan(&stored))
		require.NotContains(t, string(stored), "INVENTED")
		names, err := b.SourceNames(ctx, "f-1")
		require.NoError(t, err)
		require.Equal(t, []string{"INVENTED_PATIENT.hl7"}, names)
	})
}

func TestSettleFile(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)
	n := 0
	for _, from := range registry.FileStates() {
		for _, to := range registry.FileStates() {
			n++
			id := b.settled(t, n, from)
			err := b.SettleFile(ctx, "a", id, to, day0.Add(time.Hour))
			want := to
			switch {
			case from == registry.FileAnswered && to == registry.FileDelivered:
				want = from // a repeat that comes late
				require.NoError(t, err)
			case from.CanFollow(to):
				require.NoError(t, err)
			default:
				want = from
				requireKind(t, registry.NotAllowed, err)
			}
			got, err := b.File(ctx, id)
			require.NoError(t, err)
			require.Equal(t, want, got.State, "%s to %s", from, to)
			// What the store decides, the schema decides too.
			if to != registry.FileStaged {
				_, err = b.sql.Exec(ctx, `update files set state = $2, settled_at = now() where id = $1`, b.settled(t, 1000+n, from), to)
				require.Equal(t, from.CanFollow(to), err == nil, "%s to %s", from, to)
			}
		}
	}
	requireKind(t, registry.Missing, b.SettleFile(ctx, "a", "f-999999", registry.FileDropped, day0))
}

// settled makes a fresh file in a state.
func (b *bundle) settled(t *testing.T, n int, state registry.FileState) string {
	t.Helper()
	f, err := b.StageFile(t.Context(), db.NewFile{
		Practice: "a", Lane: registry.LaneTest, Digest: fmt.Sprintf("%064x", n), Size: 1, VaultKey: fmt.Sprint("k", n), At: day0,
	})
	require.NoError(t, err)
	if state != registry.FileStaged {
		require.NoError(t, b.SettleFile(t.Context(), "a", f.File.ID, state, day0))
	}
	return f.File.ID
}

func results() db.CheckResult {
	return db.CheckResult{
		Summary: registry.CheckSummary{
			Outcome: registry.OutcomeWarned, ErrorFree: true, Messages: 3, Doses: 3, Held: 1, Warnings: 2,
			Top: []registry.RuleCount{{Rule: "M-08", Severity: "W", Count: 2}}, RuleSet: "r1",
		},
		Counts: []registry.RuleCount{{Rule: "M-08", Severity: "W", Count: 2}},
		At:     day0,
	}
}

func write(w *db.CheckWriter) {
	for n := 1; n <= 3; n++ {
		w.Finding(registry.Finding{Rule: "M-08", Severity: "W", Place: registry.Place{Message: n, Path: "MSH-4", Offset: 5, Line: n}})
		w.Message(db.CheckedMessage{
			Ordinal: n, ControlID: fmt.Sprint("C", n), SendingFacility: "PL1", Site: "plano",
			Outcome: registry.OutcomeWarned, Held: n == 2, Patient: []byte(`{"family":"Invented"}`),
			Offset: int64(n * 100), Length: 90, Doses: []db.CheckedDose{{Ordinal: 1, RecordKey: "chart|08|20260101", Year: 2026}},
		})
	}
}

func TestSaveCheck(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)
	f := b.file(t, "a", registry.LaneTest, "a")
	save := func() {
		t.Helper()
		require.NoError(t, b.SaveCheck(ctx, "a", f.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
			write(w)
			return results(), nil
		}))
	}
	save()

	t.Run("everything is kept, patients sealed", func(t *testing.T) {
		got, err := b.File(ctx, f.ID)
		require.NoError(t, err)
		want := results().Summary
		require.Equal(t, &want, got.Check)
		findings, err := b.Findings(ctx, f.ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, findings, 3)
		require.Equal(t, registry.Place{Message: 2, ControlID: "C2", Path: "MSH-4", Offset: 5, Line: 2}, findings[1].Place)
		var sealed []byte
		require.NoError(t, b.sql.QueryRow(ctx, `select patient from messages where ordinal = 1`).Scan(&sealed))
		require.NotContains(t, string(sealed), "Invented")
		plain, err := b.Patient(ctx, f.ID, 1)
		require.NoError(t, err)
		require.JSONEq(t, `{"family":"Invented"}`, string(plain))
		_, err = b.Patient(ctx, f.ID, 9)
		requireKind(t, registry.Missing, err)
		var record []byte
		require.NoError(t, b.sql.QueryRow(ctx, `select record_digest from doses limit 1`).Scan(&record))
		require.Equal(t, db.RecordDigest(b.Sealer(), "a", "chart|08|20260101"), record)
	})

	t.Run("checking again overwrites, and keeps what the registry answered", func(t *testing.T) {
		_, err := b.sql.Exec(ctx, `insert into answers (file_id, message, answer, answer_report, answered_at) select file_id, ordinal, 'accepted', 'r-1', now() from messages where ordinal = 1`)
		require.NoError(t, err)
		save()
		var messages, findings, doses, counts, answered int
		require.NoError(t, b.sql.QueryRow(ctx, `select (select count(*) from messages), (select count(*) from findings),
			(select count(*) from doses), (select count(*) from rule_counts),
			(select count(*) from answered where answer = 'accepted')`).Scan(&messages, &findings, &doses, &counts, &answered))
		require.Equal(t, []int{3, 3, 3, 1, 1}, []int{messages, findings, doses, counts, answered})
	})

	t.Run("a check that breaks off keeps what was there", func(t *testing.T) {
		broken := errors.New("the reader broke")
		err := b.SaveCheck(ctx, "a", f.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
			w.Finding(registry.Finding{Rule: "X", Severity: "E"})
			return db.CheckResult{}, registry.Errorf(registry.Corrupt, "check", "%w", broken)
		})
		requireKind(t, registry.Corrupt, err)
		require.ErrorIs(t, err, broken)
		findings, err := b.Findings(ctx, f.ID, 0, 10)
		require.NoError(t, err)
		require.Len(t, findings, 3)
	})

	t.Run("more than one page goes through", func(t *testing.T) {
		big := b.file(t, "a", registry.LaneTest, "b")
		const n = 2345
		require.NoError(t, b.SaveCheck(ctx, "a", big.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
			for i := 1; i <= n; i++ {
				w.Finding(registry.Finding{Rule: "M-08", Severity: "W", Place: registry.Place{Message: i}})
				w.Message(db.CheckedMessage{Ordinal: i, Outcome: registry.OutcomeAccepted, Held: i%2 == 0, Length: 1})
			}
			r := results()
			r.Summary.Messages, r.Summary.Held = n, n/2
			return r, w.Err()
		}))
		last, err := b.Findings(ctx, big.ID, n-1, 10)
		require.NoError(t, err)
		require.Len(t, last, 1)
		require.Equal(t, n, last[0].Message)
		held, err := b.HeldAfter(ctx, big.ID, 2000, 3)
		require.NoError(t, err)
		require.Equal(t, []int{2002, 2004, 2006}, held)
	})

	t.Run("a writer that cannot go on says so early", func(t *testing.T) {
		err := b.SaveCheck(ctx, "a", f.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
			n := 0
			for ; n < 2000 && w.Err() == nil; n++ {
				w.Message(db.CheckedMessage{Ordinal: n, Outcome: "nonsense", Length: 1})
			}
			require.Less(t, n, 2000)
			return db.CheckResult{}, nil
		})
		requireKind(t, registry.Invalid, err)
	})

	t.Run("another practice's file is missing", func(t *testing.T) {
		b.practice(t, "other", registry.PhaseTesting)
		err := b.SaveCheck(ctx, "other", f.ID, func(*db.CheckWriter) (db.CheckResult, error) { return results(), nil })
		requireKind(t, registry.Missing, err)
	})
}

func TestReleaseFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	late := day0.AddDate(0, 0, 100)
	none := func(string) error { return nil }

	t.Run("a file goes once, with what was made of it", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		f := b.file(t, "a", registry.LaneTest, "a")
		_, _, err := b.PrepareDelivery(ctx, newDelivery("a", f, registry.LaneTest, 1, "b"))
		require.NoError(t, err)
		require.NoError(t, b.SettleFile(ctx, "a", f.ID, registry.FileDropped, day0))
		ids, err := b.Releasable(ctx, "a", late, 10)
		require.NoError(t, err)
		require.Equal(t, []string{f.ID}, ids)
		var shredded []string
		released, err := b.ReleaseFile(ctx, f.ID, late, late, func(key string) error {
			shredded = append(shredded, key)
			return nil
		})
		require.NoError(t, err)
		require.True(t, released)
		require.Equal(t, []string{"sha256/a", "sha256/out-b"}, shredded)
		released, err = b.ReleaseFile(ctx, f.ID, late, late, none)
		require.NoError(t, err)
		require.False(t, released)
	})

	t.Run("a file that is young, or not settled, stays", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		staged := b.settled(t, 1, registry.FileStaged)
		delivered := b.settled(t, 2, registry.FileDelivered)
		young := b.settled(t, 3, registry.FileRefused)
		for _, id := range []string{staged, delivered} {
			released, err := b.ReleaseFile(ctx, id, late, late, none)
			require.NoError(t, err)
			require.False(t, released)
		}
		released, err := b.ReleaseFile(ctx, young, day0.Add(-time.Hour), late, none)
		require.NoError(t, err)
		require.False(t, released)
	})

	t.Run("bytes that another file needs stay", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		f := b.file(t, "a", registry.LaneTest, "a")
		b.file(t, "a", registry.LaneProduction, "a")
		require.NoError(t, b.SettleFile(ctx, "a", f.ID, registry.FileRefused, day0))
		released, err := b.ReleaseFile(ctx, f.ID, late, late, func(key string) error {
			t.Errorf("%s was shredded", key)
			return nil
		})
		require.NoError(t, err)
		require.True(t, released)
	})

	t.Run("where shredding fails, the file is not released", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		b.practice(t, "a", registry.PhaseTesting)
		id := b.settled(t, 1, registry.FileRefused)
		_, err := b.ReleaseFile(ctx, id, late, late, func(string) error { return registry.Errorf(registry.Busy, "x", "full") })
		requireKind(t, registry.Busy, err)
		f, err := b.File(ctx, id)
		require.NoError(t, err)
		require.Nil(t, f.ReleasedAt)
	})
}
