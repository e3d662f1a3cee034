package db_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := open(t)

	t.Run("without a file nothing is marked", func(t *testing.T) {
		mark, err := b.FileMark(ctx)
		require.NoError(t, err)
		require.Zero(t, mark.Last)
		require.True(t, mark.Newest.IsZero())
	})
	p := b.live(t, "sunrise-plano")
	known := b.file(t, p, registry.LaneProduction, "a")
	mark, err := b.FileMark(ctx)
	require.NoError(t, err)
	require.NotZero(t, mark.Last)
	require.False(t, mark.Newest.IsZero())

	t.Run("files and objects that nobody wrote down are named, the others not", func(t *testing.T) {
		files, err := b.UnknownFiles(ctx, []string{known.ID, "f-999"})
		require.NoError(t, err)
		require.Equal(t, []string{"f-999"}, files)
		objects, err := b.UnknownObjects(ctx, []string{"sha256/a", "objects/none"})
		require.NoError(t, err)
		require.Equal(t, []string{"objects/none"}, objects)
	})
	t.Run("what waits to be judged is listed", func(t *testing.T) {
		staged, err := b.StagedFiles(ctx)
		require.NoError(t, err)
		require.Len(t, staged, 1)
		require.Equal(t, known.ID, staged[0].ID)
	})
	t.Run("numbers that others know are given to no file, once", func(t *testing.T) {
		skipped, err := b.SkipNumbers(ctx, 500, act("skip-1"))
		require.NoError(t, err)
		require.True(t, skipped)
		skipped, err = b.SkipNumbers(ctx, 500, act("skip-2"))
		require.NoError(t, err)
		require.False(t, skipped)
		require.Equal(t, "f-501", b.file(t, p, registry.LaneProduction, "b").ID)
		found, err := b.Events(ctx, db.EventQuery{Kind: "numbers-skipped"})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.True(t, strings.HasPrefix(found[0].Key, "skip-1"))
	})
}
