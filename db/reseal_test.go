package db_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

// keys makes a sealer of the test's digest key and the named keys, newest first.
func keys(t *testing.T, names ...string) *db.Sealer {
	t.Helper()
	var all []db.SealKey
	for _, n := range names {
		all = append(all, db.SealKey{ID: n, Key: bytes.Repeat([]byte(n[:1]), 32)})
	}
	s, err := db.NewSealer(bytes.Repeat([]byte("d"), 32), all...)
	require.NoError(t, err)
	return s
}

// with is the same database under other keys.
func (b *bundle) with(t *testing.T, names ...string) *db.Store {
	t.Helper()
	s, err := db.Open(t.Context(), db.Options{URL: b.url, Sealer: keys(t, names...)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestEverySealedColumnIsResealed(t *testing.T) {
	t.Parallel()
	b := open(t)
	rows, err := b.sql.Query(t.Context(), `
		select c.table_name || '.' || c.column_name from information_schema.columns c
		join information_schema.tables t using (table_schema, table_name)
		where c.table_schema = 'public' and c.data_type = 'bytea' and t.table_type = 'BASE TABLE' order by 1`)
	require.NoError(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	known := slices.Clone(db.KeyedColumns)
	for _, c := range db.SealedColumns {
		known = append(known, c.Table+"."+c.Column)
	}
	slices.Sort(known)
	require.Equal(t, known, columns, "a new column of bytes is sealed (db.SealedColumns) or a keyed digest (db.KeyedColumns)")
	for _, c := range db.SealedColumns {
		rows, err := b.sql.Query(t.Context(), `
			select a.attname || ' ' || format_type(a.atttypid, null)
			from pg_index i cross join unnest(i.indkey) with ordinality k (n, pos)
			join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n
			where i.indrelid = $1::text::regclass and i.indisprimary order by k.pos`, c.Table)
		require.NoError(t, err)
		want, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		var got []string
		for _, k := range c.Key {
			got = append(got, k.Name+" "+k.Type)
		}
		require.Equal(t, want, got, c.Table)
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	b := open(t)
	ctx := t.Context()
	p := b.live(t, "sunrise-plano")
	const messages = 2500 // more than two batches
	staged, err := b.StageFile(ctx, db.NewFile{
		Practice: p, Lane: registry.LaneProduction, Digest: digest("a"), Size: 1, VaultKey: "k", At: day0,
		Arrival: &db.Arrival{Token: "n-" + digest("b")[:32], SourceName: "HOPPER.hl7"},
	})
	require.NoError(t, err)
	require.NoError(t, b.SaveCheck(ctx, p, staged.File.ID, func(w *db.CheckWriter) (db.CheckResult, error) {
		for i := range messages {
			w.Message(db.CheckedMessage{
				Ordinal: i + 1, ControlID: fmt.Sprint(i), Site: "plano", Outcome: registry.OutcomeAccepted, Length: 1, Patient: []byte("Grace"),
				Chart: "77", Doses: []db.CheckedDose{{Ordinal: 1, RecordKey: fmt.Sprint(i), Details: []byte("MMR")}},
			})
		}
		return db.CheckResult{At: day0, Summary: registry.CheckSummary{Outcome: registry.OutcomeAccepted, ErrorFree: true, Messages: messages, RuleSet: "r"}}, nil
	}))
	b.deliver(t, p, registry.LaneProduction, "a", staged.File, day0, make([]sentMessage, messages)...)
	b.imported(t, "1", day0, says([2]string{"0", "IMR-111"}, [2]string{"1", ""}))
	const values = 2*messages + 1 + 2
	sealedBy := func(id string) int {
		sum := 0
		for _, c := range db.SealedColumns {
			sum += b.count(t, fmt.Sprintf(`select count(*) from %s where substring(%s from 3 for 2) = $1`, c.Table, c.Column), []byte(id))
		}
		return sum
	}
	require.Equal(t, values, sealedBy("k1"))

	t.Run("without the old key nothing is touched, and the missing key is named", func(t *testing.T) {
		_, err := b.with(t, "n2").Reseal(ctx, nil)
		requireKind(t, registry.Invalid, err)
		require.ErrorContains(t, err, `"k1"`)
		require.Equal(t, values, sealedBy("k1"))
	})
	both := b.with(t, "n2", "k1")
	t.Run("broken off, it goes on where it was", func(t *testing.T) {
		stale, err := both.StaleSeals(ctx)
		require.NoError(t, err)
		require.Equal(t, values, stale)
		stop := errors.New("stopped")
		require.PanicsWithError(t, stop.Error(), func() {
			_, _ = both.Reseal(ctx, func(table string, done int) {
				if table == "doses" {
					panic(stop)
				}
			})
		})
		done := sealedBy("n2")
		require.Equal(t, 1+messages+1000, done)
		n, err := both.Reseal(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, values-done, n)
	})
	t.Run("again it finds nothing to do", func(t *testing.T) {
		n, err := both.Reseal(ctx, nil)
		require.NoError(t, err)
		require.Zero(t, n)
	})
	t.Run("the old key may go then, and everything is found and read", func(t *testing.T) {
		alone := b.with(t, "n2")
		stale, err := alone.StaleSeals(ctx)
		require.NoError(t, err)
		require.Zero(t, stale)
		work := 0
		require.NoError(t, alone.Worklist(ctx, db.WorkFilter{Practice: p}, func(w db.WorkItem) error {
			work++
			require.Equal(t, "Grace", w.Patient)
			require.Equal(t, "MMR", w.Dose)
			return nil
		}))
		require.Equal(t, 1, work)
		found, err := alone.FindPatient(ctx, p, "77")
		require.NoError(t, err)
		require.Len(t, found, 200)
		require.Equal(t, []string{"MMR"}, found[0].Doses)
		_, err = alone.ReportItems(ctx, "r-1", 0, 10)
		require.NoError(t, err)
		shown, err := alone.ShowError(ctx, "e-1")
		require.NoError(t, err)
		require.Equal(t, "MMR", shown.Dose)
	})
}
