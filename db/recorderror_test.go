package db_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func (b *bundle) errors(t *testing.T, f db.ErrorFilter) []db.RecordError {
	t.Helper()
	list, err := b.ListErrors(t.Context(), f)
	require.NoError(t, err)
	return list
}

func TestReconcileReport(t *testing.T) {
	t.Parallel()
	later := day0.AddDate(0, 0, 3)

	t.Run("opens an error per bad item, none for warnings that are known", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x", "y"), msg("2", "allen", "z"))
		items := says([2]string{"1", "IMR-111"}, [2]string{"1", "IEE-519"}, [2]string{"2", ""}, [2]string{"strange", "IMR-111"})
		items[0].Location, items[1].Outcome = "RXA^2^17", registry.OutcomeWarned
		r, got := b.imported(t, "1", day0, items)
		require.Equal(t, 1, got.Opened)
		require.Equal(t, []db.PracticeOpen{{Practice: p, Open: 1}}, got.Open)
		require.Empty(t, got.NewCodes)

		list := b.errors(t, db.ErrorFilter{Practice: p})
		require.Len(t, list, 1)
		e := list[0]
		require.Equal(t, "IMR-111", e.Code)
		require.Equal(t, "plano", e.Site)
		require.Equal(t, registry.OwnerPractice, e.Owner)
		require.Equal(t, 2, e.Dose, "the place names the dose")
		require.Equal(t, day0.AddDate(0, 0, 14), e.DueAt.UTC())
		require.Equal(t, r.ID, e.FirstReport)
	})

	t.Run("doing it again changes nothing and answers the same", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		r, first := b.imported(t, "1", day0, says([2]string{"1", "IMR-999"}))
		require.Equal(t, []string{"IMR-999"}, first.NewCodes)
		require.Equal(t, first, b.reconcile(t, r.ID, later))
		require.Equal(t, 1, b.errors(t, db.ErrorFilter{})[0].Times)
	})

	t.Run("a code that nobody knows opens one whatever its grade", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		items := says([2]string{"1", "IEE-777"})
		items[0].Severity = registry.SeverityWarning
		_, got := b.imported(t, "1", day0, items)
		require.Equal(t, 1, got.Opened)
		require.Equal(t, []string{"IEE-777"}, got.NewCodes)
		require.Equal(t, registry.OwnerDataTeam, b.errors(t, db.ErrorFilter{})[0].Owner)
	})
}

func TestReconcileReportRepeats(t *testing.T) {
	t.Parallel()
	later := day0.AddDate(0, 0, 3)

	t.Run("repeats are one error, and a report's repeats too", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}, [2]string{"1", "IMR-111"}))
		b.sent(t, p, registry.LaneProduction, "b", later, msg("9", "plano", "x"))
		_, got := b.imported(t, "2", later, says([2]string{"9", "IMR-111"}))
		require.Zero(t, got.Opened)
		list := b.errors(t, db.ErrorFilter{})
		require.Len(t, list, 1)
		require.Equal(t, 3, list[0].Times)
		require.Equal(t, "9", list[0].ControlID, "the last message that was refused for it")
	})

	t.Run("a code per patient is one error, however many doses", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.sent(t, p, registry.LaneProduction, "b", later, msg("1", "plano", "y"))
		b.imported(t, "1", day0, says([2]string{"1", "CLR-100"}))
		b.imported(t, "2", later, says([2]string{"1", "CLR-100"}))
		require.Len(t, b.errors(t, db.ErrorFilter{}), 1)
	})

	t.Run("many items go page by page", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		msgs, pairs := controls("m", 1201)
		for i := range pairs {
			pairs[i][1] = "IMR-111"
		}
		b.sent(t, p, registry.LaneProduction, "a", day0, msgs...)
		_, got := b.imported(t, "1", day0, says(pairs...))
		require.Equal(t, 1201, got.Opened)
	})
}

func TestErrorsAreVerified(t *testing.T) {
	t.Parallel()
	later := day0.AddDate(0, 0, 3)

	t.Run("when a corrected record is taken, whatever its control ID", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"), msg("2", "plano", "y"))
		b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}, [2]string{"2", "IMR-111"}))
		b.sent(t, p, registry.LaneProduction, "b", later, msg("77", "plano", "x"))
		r, got := b.imported(t, "2", later, says([2]string{"77", ""}))
		require.Equal(t, 1, got.Verified)
		require.Equal(t, 1, got.Open[0].Open, "the other record was not sent again")
		done := b.errors(t, db.ErrorFilter{State: registry.ErrorVerified})
		require.Len(t, done, 1)
		require.Equal(t, r.ID, done[0].VerifiedBy)
	})

	t.Run("when the same message is taken by a later report", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano"))
		b.imported(t, "1", day0, says([2]string{"1", "MER-001"}))
		_, got := b.imported(t, "2", later, says([2]string{"1", ""}))
		require.Equal(t, 1, got.Verified)
	})

	t.Run("not by another patient's message with the same control ID", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}))
		b.sent(t, p, registry.LaneProduction, "b", later, msg("1", "plano", "other"))
		_, got := b.imported(t, "2", later, says([2]string{"1", ""}))
		require.Zero(t, got.Verified)
	})
}

func TestErrorsAreVerifiedByTheirOwnLane(t *testing.T) {
	t.Parallel()
	later, last := day0.AddDate(0, 0, 3), day0.AddDate(0, 0, 6)

	t.Run("not by a test file: that proves nothing about true data", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.practice(t, "sunrise-plano", registry.PhaseTesting).ID
		b.sent(t, p, registry.LaneTest, "a", day0, msg("1", "plano", "x"))
		_, got := b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}))
		require.Equal(t, 1, got.Open[0].Open, "while the practice tests, its errors count")
		b.sent(t, p, registry.LaneTest, "b", later, msg("2", "plano", "x"))
		_, got = b.imported(t, "2", later, says([2]string{"2", ""}))
		require.Equal(t, 1, got.Verified, "a corrected test file does prove it")
	})

	t.Run("and opened again when the cause comes back", func(t *testing.T) {
		t.Parallel()
		b := open(t)
		p := b.live(t, "sunrise-plano")
		b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
		b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}))
		b.imported(t, "2", later, says([2]string{"1", ""}))
		_, got := b.imported(t, "3", last, says([2]string{"1", "IMR-111"}))
		require.Equal(t, 1, got.Opened)
		e := b.errors(t, db.ErrorFilter{})[0]
		require.Equal(t, registry.ErrorOpen, e.State)
		require.Equal(t, day0, e.OpenedAt.UTC(), "with the age that it had")
		require.Empty(t, e.VerifiedBy)
	})
}

func TestWaiveError(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"))
	b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}))
	id := b.errors(t, db.ErrorFilter{})[0].ID

	t.Run("it takes a person and a reason", func(t *testing.T) {
		for _, a := range []db.Act{
			{Key: "w", By: maria, At: day0, Reason: " "},
			{Key: "w", By: registry.Actor{Via: "cli"}, At: day0, Reason: "it is right"},
		} {
			requireKind(t, registry.Invalid, b.WaiveError(ctx, id, a))
		}
	})

	t.Run("it is audited, and repeating it changes nothing", func(t *testing.T) {
		a := db.Act{Key: "waive/" + id, By: maria, At: day0, Reason: "the record is right, the code is wrong"}
		for range 2 {
			require.NoError(t, b.WaiveError(ctx, id, a))
		}
		d, err := b.ShowError(ctx, id)
		require.NoError(t, err)
		require.Equal(t, registry.ErrorWaived, d.State)
		require.Equal(t, maria.Name, d.SettledBy)
		require.Equal(t, "Grace Hopper was looked at", d.Text)
		require.Equal(t, "Grace of 1", d.Patient)
		events, err := b.Events(ctx, db.EventQuery{Practice: p, Kind: "error-waived"})
		require.NoError(t, err)
		require.Len(t, events, 1)
	})

	t.Run("what is settled cannot be given up again", func(t *testing.T) {
		requireKind(t, registry.NotAllowed, b.WaiveError(ctx, id, db.Act{Key: "other", By: maria, At: day0, Reason: "again"}))
		requireKind(t, registry.Missing, b.WaiveError(ctx, "e-999", db.Act{Key: "none", By: maria, At: day0, Reason: "x"}))
	})

	t.Run("it stays so when the registry complains again", func(t *testing.T) {
		_, got := b.imported(t, "2", day0.AddDate(0, 0, 1), says([2]string{"1", "IMR-111"}))
		require.Zero(t, got.Opened)
		require.Empty(t, b.errors(t, db.ErrorFilter{}))
		require.Equal(t, 2, b.errors(t, db.ErrorFilter{State: db.AllErrors})[0].Times)
	})

	t.Run("rows that must not exist are refused", func(t *testing.T) {
		for _, sql := range []string{
			`update errors set state = 'verified'`,
			`update errors set state = 'waived', reason = null`,
			`update errors set state = 'waived', settled_by = ' '`,
			`update errors set state = 'open'`,
			`update errors set state = 'gone'`,
		} {
			_, err := b.sql.Exec(ctx, sql)
			require.Error(t, err, sql)
		}
	})
}

func TestListErrors(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	q := b.live(t, "hill-country")
	b.sent(t, p, registry.LaneProduction, "a", day0, msg("1", "plano", "x"), msg("2", "allen", "y"), msg("3", "allen", "z"))
	b.sent(t, q, registry.LaneProduction, "b", day0.AddDate(0, 0, 1), msg("7", "plano", "x"))
	b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}, [2]string{"2", "IMR-111"}, [2]string{"3", "MER-001"}))
	b.imported(t, "2", day0.AddDate(0, 0, 5), says([2]string{"7", "IMR-111"}))

	for _, c := range []struct {
		f    db.ErrorFilter
		want int
	}{
		{db.ErrorFilter{}, 4},
		{db.ErrorFilter{Practice: p}, 3},
		{db.ErrorFilter{Practice: p, Site: "allen"}, 2},
		{db.ErrorFilter{Code: "IMR-111"}, 3},
		{db.ErrorFilter{Owner: registry.OwnerVendor}, 1},
		{db.ErrorFilter{DueBefore: day0.AddDate(0, 0, 15)}, 3},
		{db.ErrorFilter{State: registry.ErrorWaived}, 0},
		{db.ErrorFilter{Limit: 2}, 2},
	} {
		t.Run(fmt.Sprintf("%+v", c.f), func(t *testing.T) {
			require.Len(t, b.errors(t, c.f), c.want)
		})
	}

	t.Run("groups say where the work is", func(t *testing.T) {
		groups, err := b.GroupErrors(t.Context(), db.ErrorFilter{Practice: p})
		require.NoError(t, err)
		require.Len(t, groups, 2)
		require.Equal(t, "IMR-111", groups[0].Code)
		require.Equal(t, 2, groups[0].Errors)
		require.Equal(t, 2, groups[0].Sites)
	})
}
