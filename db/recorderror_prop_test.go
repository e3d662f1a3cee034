package db_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// A corrected file may carry another chart number: the record is the same by
// what the digests are made of, and its acceptance proves the error gone.
func TestACorrectionIsAClaimUntilTheReportProvesIt(t *testing.T) {
	t.Parallel()
	b := open(t)
	p := b.live(t, "sunrise-plano")
	who := func(m sentMessage, who string) sentMessage { m.who = who; return m }
	b.sent(t, p, registry.LaneProduction, "a", day0, who(msg("1", "plano", "x"), "HOPPER^GRACE|19061209|F"))
	b.imported(t, "1", day0, says([2]string{"1", "IMR-111"}, [2]string{"1", "CLR-100"}))
	states := func() map[string]registry.ErrorState {
		out := map[string]registry.ErrorState{}
		for _, e := range b.errors(t, db.ErrorFilter{State: db.AllErrors}) {
			out[e.Code] = e.State
		}
		return out
	}
	require.Equal(t, map[string]registry.ErrorState{"IMR-111": registry.ErrorOpen, "CLR-100": registry.ErrorOpen}, states())

	t.Run("another record of the same practice is no correction", func(t *testing.T) {
		b.sent(t, p, registry.LaneProduction, "b", day0, msg("2", "plano", "another dose"))
		require.Equal(t, registry.ErrorOpen, states()["IMR-111"])
	})
	t.Run("the same record of another practice is none either", func(t *testing.T) {
		q := b.live(t, "hill-country")
		b.sent(t, q, registry.LaneProduction, "c", day0, msg("3", "plano", "x"))
		b.imported(t, "2", day0, says([2]string{"3", ""}))
		require.Equal(t, registry.ErrorOpen, states()["IMR-111"])
	})
	t.Run("a file with the record is linked, under whichever chart number, and proves nothing", func(t *testing.T) {
		d := b.sent(t, p, registry.LaneProduction, "d", day0.AddDate(0, 0, 1), who(msg("4", "plano", "x"), "HOPPER^GRACE|19061209|F"))
		for _, e := range b.errors(t, db.ErrorFilter{Practice: p}) {
			require.Equal(t, registry.ErrorFixSent, e.State)
			require.Equal(t, d.FileID, e.FixFile)
		}
	})
	t.Run("a report that still complains of it takes the claim back, and it is the same error", func(t *testing.T) {
		_, got := b.imported(t, "3", day0.AddDate(0, 0, 2), says([2]string{"4", "CLR-100"}))
		require.Zero(t, got.Verified)
		require.Equal(t, registry.ErrorOpen, states()["CLR-100"], "one for the patient, whatever the message")
		require.Equal(t, registry.ErrorFixSent, states()["IMR-111"], "of this one the report says nothing, and the record was not taken")
		require.Len(t, states(), 2)
	})
	t.Run("the report that takes the record proves it", func(t *testing.T) {
		_, got := b.imported(t, "4", day0.AddDate(0, 0, 3), says([2]string{"4", ""}))
		require.Equal(t, 2, got.Verified)
	})
}

// Whatever persons and reports do in whatever order: nothing is verified without
// a report that shows its record as taken, nothing loses its age, and the
// counters agree.
func TestNobodyCanTickAnErrorToVerified(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	random := rand.New(rand.NewPCG(1, 2))
	const records = 8
	opened := map[string]time.Time{}
	at := day0
	for step := range 40 {
		at = at.AddDate(0, 0, 1)
		var msgs []sentMessage
		var pairs [][2]string
		for r := range records {
			control := fmt.Sprintf("%d-%d", step, r)
			msgs = append(msgs, msg(control, "plano", fmt.Sprint("dose ", r)))
			if random.IntN(2) == 0 {
				pairs = append(pairs, [2]string{control, []string{"", "IMR-111"}[random.IntN(2)]})
			}
		}
		b.sent(t, p, registry.LaneProduction, fmt.Sprint("step ", step), at, msgs...)
		var people sync.WaitGroup
		for _, e := range b.errors(t, db.ErrorFilter{}) {
			do := random.IntN(8)
			people.Go(func() { // while the report is imported
				act := db.Act{Key: fmt.Sprint(e.ID, step), By: maria, At: at, Reason: "because"}
				switch do {
				case 0:
					_ = b.WaiveError(ctx, e.ID, act)
				case 1:
					_ = b.CorrectError(ctx, e.ID, act)
				case 2:
					_ = b.AssignError(ctx, e.ID, "Tess", "", act)
				}
			})
		}
		b.imported(t, fmt.Sprint("step ", step), at, says(pairs...))
		people.Wait()
		for _, e := range b.errors(t, db.ErrorFilter{State: db.AllErrors}) {
			first, known := opened[e.ID]
			if !known {
				opened[e.ID] = e.OpenedAt
				first = e.OpenedAt
			}
			require.Equal(t, first, e.OpenedAt, "it keeps its age")
		}
	}
	require.NotEmpty(t, opened)
	require.LessOrEqual(t, len(opened), records, "one error for each record and code")
	for name, wrong := range map[string]string{
		"verified without a report that shows the record as taken": `
			select count(*) from errors e where e.state = 'verified' and not exists (
				select 1 from report_items i join doses d on d.file_id = i.file_id and d.message = i.message
				join doses ed on ed.file_id = e.file_id and ed.message = e.message and ed.record_digest = d.record_digest
				where i.report_id = e.verified_by and i.outcome = 'accepted')`,
		"ended by nobody": `
			select count(*) from errors where state in ('waived', 'corrected') and not exists (
				select 1 from events v where v.kind in ('error-waived', 'error-corrected') and v.detail->>'error' = errors.id)`,
		"counters that differ": `
			select count(*) from (select practice, site, code, owner, state, count(*) as errors, sum(times) as times from errors
				group by practice, site, code, owner, state) is_so
			full join (select * from error_counts where errors > 0) said using (practice, site, code, owner, state)
			where is_so.errors is distinct from said.errors or is_so.times is distinct from said.times`,
	} {
		require.Zero(t, b.count(t, wrong), name)
	}
	for _, sql := range []string{
		`update errors set state = 'verified', verified_by = null, settled_at = now()`,
		`update errors set state = 'verified', verified_by = 'r-nothing', settled_at = now()`,
	} {
		_, err := b.sql.Exec(ctx, sql)
		require.Error(t, err, sql)
	}
}
