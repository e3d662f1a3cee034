package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestRetention(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	b.run(t, "retention", "plan").exits(0).fits().line("sunrise-plano", "0")
	long := b.at().AddDate(-1, 0, 0)
	open := b.leftOut(t, "F-11")
	store := b.open(t)
	_, err := store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: digestOf("a"), Size: 7, VaultKey: "sha256/aa/" + digestOf("a")[2:], At: long,
	})
	require.NoError(t, err)
	require.NoError(t, store.SettleFile(t.Context(), "sunrise-plano", "f-2", registry.FileRefused, long))
	_, err = store.StageFile(t.Context(), db.NewFile{
		Practice: "sunrise-plano", Lane: registry.LaneTest, Digest: digestOf("b"), Size: 9, VaultKey: "sha256/bb/" + digestOf("b")[2:], At: b.at(),
	})
	require.NoError(t, err)

	type row struct {
		Due, Young, Unsettled, Destroyed int
		DueBytes                         int64 `json:"due_bytes"`
		LeftOut                          int   `json:"left_out"`
	}
	plan := func(t *testing.T) row {
		t.Helper()
		var got []row
		b.run(t, "retention", "plan", "sunrise-plano", "-o", "json").exits(0).json(&got)
		require.Len(t, got, 1)
		return got[0]
	}
	t.Run("the plan counts what is due and what is kept, each file once", func(t *testing.T) {
		require.Equal(t, row{Due: 1, DueBytes: 7, Unsettled: 1, LeftOut: 1}, plan(t))
		b.run(t, "retention", "plan", "sunrise-plano").exits(0).fits()
	})
	t.Run("running it takes a person and a reason", func(t *testing.T) {
		b.run(t, "retention", "run", "sunrise-plano").exits(2)
		b.env.Login = "nobody"
		b.run(t, "retention", "run", "sunrise-plano", "--reason", "x").exits(1)
		b.env.Login = "mary"
		require.Equal(t, 1, plan(t).Due)
	})
	t.Run("it destroys what is due, once, and nothing that is undecided", func(t *testing.T) {
		b.run(t, "retention", "run", "sunrise-plano", "--reason", "the disk is full").exits(0).shows("1 file")
		b.run(t, "retention", "run", "sunrise-plano", "--reason", "again").exits(0).shows("nothing is due")
		require.Equal(t, row{Unsettled: 1, LeftOut: 1, Destroyed: 1}, plan(t))
		e := b.events(t, "retention-run")
		require.Len(t, e, 1)
		require.Equal(t, "the disk is full", e[0].Reason)
		f, err := store.File(t.Context(), open)
		require.NoError(t, err)
		require.Nil(t, f.ReleasedAt)
	})
	t.Run("who is not known has no plan", func(t *testing.T) {
		b.run(t, "retention", "plan", "nowhere").exits(1)
	})
}

func digestOf(c string) string {
	const n = 64
	out := ""
	for range n {
		out += c
	}
	return out
}
