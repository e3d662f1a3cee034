package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func because(key, reason string) db.Act { return db.Act{Key: key, By: maria, Reason: reason, At: day0} }

func TestRuleGrades(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)

	t.Run("a grade is kept with person and reason, and the same again changes nothing", func(t *testing.T) {
		again, err := b.SetRuleGrade(ctx, "a", "R-10", "warning", because("1", "DSHS said so"))
		require.NoError(t, err)
		require.False(t, again)
		again, err = b.SetRuleGrade(ctx, "a", "R-10", "warning", because("2", "once more"))
		require.NoError(t, err)
		require.True(t, again)
		got, err := b.RuleGrades(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, []db.RuleGrade{
			{Practice: "a", Rule: "R-10", Grade: "warning", By: maria.Name, Reason: "DSHS said so", At: day0},
		}, got)
	})
	t.Run("another grade takes its place, and the audit has both", func(t *testing.T) {
		_, err := b.SetRuleGrade(ctx, "a", "R-10", "off", because("3", "it is wrong"))
		require.NoError(t, err)
		events, err := b.Events(ctx, db.EventQuery{Kind: "rule-graded"})
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, []string{"warning", "off", "it is wrong"}, []string{events[0].From, events[0].To, events[0].Reason})
	})
	t.Run("taking it back is an act too, and can be repeated", func(t *testing.T) {
		for i, want := range []bool{false, true} {
			again, err := b.ClearRuleGrade(ctx, "a", "R-10", because("clear"+string(rune('0'+i)), "mended"))
			require.NoError(t, err)
			require.Equal(t, want, again)
		}
		got, err := b.RuleGrades(ctx, "")
		require.NoError(t, err)
		require.Empty(t, got)
		require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'rule-cleared'`))
	})
	t.Run("nobody and nothing are no reason", func(t *testing.T) {
		_, err := b.SetRuleGrade(ctx, "a", "R-10", "off", because("4", " "))
		requireKind(t, registry.Invalid, err)
		_, err = b.ClearRuleGrade(ctx, "a", "R-10", db.Act{Key: "5", Reason: "x", At: day0})
		requireKind(t, registry.Invalid, err)
		_, err = b.SetRuleGrade(ctx, "nowhere", "R-10", "off", because("6", "x"))
		requireKind(t, registry.Missing, err)
	})
}

func TestSendAnyway(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	b.practice(t, "a", registry.PhaseTesting)
	// refused is a test file that our check did not let go.
	refused := func(c string, change func(*db.CheckResult)) string {
		f := b.file(t, "a", registry.LaneTest, c)
		require.NoError(t, b.SaveCheck(ctx, "a", f.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
			for i := range 2 {
				w.Message(db.CheckedMessage{Ordinal: i + 1, Outcome: registry.OutcomeAccepted, Length: 1})
			}
			r := db.CheckResult{At: day0, Summary: registry.CheckSummary{
				Outcome: registry.OutcomeMessageRejected, HoldFile: true, Messages: 2, Errors: 3, RuleSet: "r1",
			}}
			if change != nil {
				change(&r)
			}
			return r, nil
		}))
		require.NoError(t, b.SettleFile(ctx, "a", f.ID, registry.FileRefused, day0))
		return f.ID
	}

	t.Run("who and why is kept, audited, and stays when it is done again", func(t *testing.T) {
		id := refused("1", nil)
		for i, who := range []string{"first", "second"} {
			f, again, err := b.SendAnyway(ctx, id, because(who, "DSHS wants to see it"))
			require.NoError(t, err)
			require.Equal(t, i == 1, again)
			require.Equal(t, &db.Anyway{By: maria.Name, Reason: "DSHS wants to see it", At: day0}, f.Anyway)
		}
		require.Equal(t, 1, b.count(t, `select count(*) from events where kind = 'file-sent-anyway'`))
		gate, err := b.TestFiles(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, maria.Name, gate[0].Anyway)
	})
	t.Run("what nobody can send stays", func(t *testing.T) {
		digestOf := map[string]string{"is held back": "2", "there is no message": "3", "cannot be read to its end": "4"}
		for name, change := range map[string]func(*db.CheckResult){
			"is held back":        func(r *db.CheckResult) { r.Summary.Held = 2 },
			"there is no message": func(r *db.CheckResult) { r.Summary.Messages = 0 },
			"cannot be read to its end": func(r *db.CheckResult) {
				r.Counts = []registry.RuleCount{{Rule: "F-03.limit", Severity: "E", Count: 1}}
			},
		} {
			_, _, err := b.SendAnyway(ctx, refused(digestOf[name], change), because(name, "x"))
			requireKind(t, registry.NotAllowed, err)
			require.ErrorContains(t, err, name)
		}
	})
	t.Run("a file that was not refused, and one that is not there", func(t *testing.T) {
		f := b.file(t, "a", registry.LaneTest, "8")
		_, _, err := b.SendAnyway(ctx, f.ID, because("8", "x"))
		requireKind(t, registry.NotAllowed, err)
		_, _, err = b.SendAnyway(ctx, "f-999", because("9", "x"))
		requireKind(t, registry.Missing, err)
		_, _, err = b.SendAnyway(ctx, f.ID, because("10", ""))
		requireKind(t, registry.Invalid, err)
	})
	t.Run("the table refuses half a decision", func(t *testing.T) {
		_, err := b.sql.Exec(ctx, `update files set anyway_by = 'x', anyway_at = null where id = 'f-1'`)
		require.Error(t, err)
	})
}
