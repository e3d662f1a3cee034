package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// expected sends a file whose messages m1, m2, … have these findings.
func (b *bundle) expected(t *testing.T, practice, c string, findings ...[]registry.Finding) {
	t.Helper()
	f := b.file(t, practice, registry.LaneProduction, c)
	require.NoError(t, b.SaveCheck(t.Context(), practice, f.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		counts := map[string]int{}
		for i, found := range findings {
			outcome := registry.OutcomeAccepted
			for _, x := range found {
				x.Message = i + 1
				w.Finding(x)
				counts[x.Rule]++
				if x.Severity == registry.SeverityError {
					outcome = registry.OutcomeDoseRejected
				}
			}
			w.Message(db.CheckedMessage{Ordinal: i + 1, ControlID: c + "m" + string(rune('1'+i)), Outcome: outcome, Length: 9})
		}
		r := db.CheckResult{At: day0, Summary: registry.CheckSummary{
			Outcome: registry.OutcomeAccepted, Messages: len(findings), Errors: 1, RuleSet: "r1",
		}}
		for rule, n := range counts {
			r.Counts = append(r.Counts, registry.RuleCount{Rule: rule, Severity: "E", Count: n})
		}
		return r, w.Err()
	}))
	b.publish(t, practice, registry.LaneProduction, f, c)
}

func found(rule string, severity registry.Severity, path string) []registry.Finding {
	return []registry.Finding{{Rule: rule, Severity: severity, Place: registry.Place{Path: path, Line: 1}}}
}

var foretold = []registry.Foretold{
	{Key: "IEE-519", Rule: "N-01"}, {Key: "IMR-111", Rule: "R-12"}, {Key: "OBX-14", Rule: "B-08"}, {Key: "CLR-100"},
}

// answers imports a report twice.
func (b *bundle) answers(t *testing.T, c string, items []registry.ReportItem) {
	t.Helper()
	r := b.report(t, c, "dqa-"+c+".txt")
	for range 2 {
		_, err := b.ImportReport(t.Context(), db.ReportImport{
			ReportID: r.ID, At: day0, Read: reads(items, db.ReportNames{}), Foretold: foretold,
			Unforetold: []string{"IMR-109"}, FindingsKept: 3,
		})
		require.NoError(t, err)
	}
}

func (b *bundle) score(t *testing.T, f db.PredictionFilter) db.Predictions {
	t.Helper()
	got, err := b.Predictions(t.Context(), f)
	require.NoError(t, err)
	return got
}

func TestPredictions(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "a")
	b.expected(t, p, "1",
		found("N-01", "W", "NK1"),            // m1: the registry says it too
		nil,                                  // m2: the registry says it alone
		found("R-12.pair", "E", "RXA[1]-17"), // m3: by the family of the rule
		found("R-99", "E", "RXA[2]-5.1"),     // m4: no rule is known, the place tells
		found("P-06", "E", "PID-7"),          // m5: the registry takes it
		found("N-01", "W", "NK1"),            // m6: a warning that is known, not shared
		found("P-99", "W", "PID-9"),          // m7: a warning of which nobody knows
		found("B-08", "W", "OBX[3]-14"),      // m8: no code, but a place
		append(found("R-99", "E", "PID-7"), found("N-01", "W", "NK1")...), // m9: refused for another reason
	)
	items := says([2]string{"1m1", "IEE-519"}, [2]string{"1m2", "IEE-519"}, [2]string{"1m3", "IMR-111"}, [2]string{"1m4", "IMR-777"},
		[2]string{"1m5", ""}, [2]string{"1m6", ""}, [2]string{"1m7", ""}, [2]string{"1m8", ""}, [2]string{"1m9", "IMR-109"})
	items[3].Location = "RXA[2]-5"
	items[7].Location, items[7].Outcome = "OBX[3]-14", registry.OutcomeWarned
	b.answers(t, "1", items)

	t.Run("codes: what was foretold and what was not", func(t *testing.T) {
		got := b.score(t, db.PredictionFilter{})
		require.Equal(t, []db.CodeScore{
			{Code: "IEE-519", Hits: 1, Misses: 1, Rules: []string{"N-01"}},
			{Place: "OBX-14", Hits: 1, Rules: []string{"B-08"}},
			{Code: "IMR-111", Hits: 1, Rules: []string{"R-12.pair"}},
			{Code: "IMR-777", Hits: 1, Rules: []string{"R-99"}},
		}, got.Codes)
	})
	t.Run("rules: who cried wolf", func(t *testing.T) {
		require.Equal(t, []db.RuleScore{
			{Rule: "N-01", Hits: 1, FalseAlarms: 1},
			{Rule: "B-08", Hits: 1},
			{Rule: "P-06", FalseAlarms: 1},
			{Rule: "R-12.pair", Hits: 1},
			{Rule: "R-99", Hits: 1},
		}, b.score(t, db.PredictionFilter{}).Rules, "a refused message proves nothing against our other findings")
	})
	t.Run("whole messages", func(t *testing.T) {
		require.Equal(t, db.Agreement{BothTook: 5, BothRefused: 3, TheyTook: 1}, b.score(t, db.PredictionFilter{}).Agreement)
	})
	t.Run("a filter narrows it", func(t *testing.T) {
		require.Empty(t, b.score(t, db.PredictionFilter{Practice: "other"}).Codes)
		require.Empty(t, b.score(t, db.PredictionFilter{Since: day0.AddDate(0, 0, 1)}).Rules)
		require.Len(t, b.score(t, db.PredictionFilter{Practice: p, Since: day0}).Codes, 4)
	})
	t.Run("a later report that says the same is not counted again, and one that says more ends a false alarm", func(t *testing.T) {
		b.answers(t, "2", says([2]string{"1m1", "IEE-519"}, [2]string{"1m2", "IEE-519"}, [2]string{"1m6", "IEE-519"}))
		got := b.score(t, db.PredictionFilter{})
		require.Equal(t, db.CodeScore{Code: "IEE-519", Hits: 2, Misses: 1, Rules: []string{"N-01"}}, got.Codes[0])
		require.Equal(t, db.RuleScore{Rule: "N-01", Hits: 2}, got.Rules[0])
	})
	t.Run("nothing of a patient stands there", func(t *testing.T) {
		require.Zero(t, b.count(t, `select count(*) from predictions p where p::text like '%Hopper%' or p::text like '%1m1%'`))
	})
	t.Run("where more was found than is kept, a miss is not claimed", func(t *testing.T) {
		none := []registry.Finding(nil)
		one := found("N-01", "W", "NK1")
		b.expected(t, p, "3", one, one, one, one, none)
		_, err := b.sql.Exec(t.Context(), `delete from findings where file_id = 'f-2' and message = 4`)
		require.NoError(t, err)
		b.answers(t, "3", says([2]string{"3m4", "IEE-519"}))
		require.Equal(t, 1, b.score(t, db.PredictionFilter{}).Codes[0].Misses)
	})
}
