package stage

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRehearsalThatStoodStill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()

	first := &Stage{dir: dir}
	down, err := first.loadState(time.Second)
	require.NoError(t, err)
	require.Zero(t, down)
	require.True(t, first.Fresh())

	t.Run("killed before it said that it lives: nothing has happened yet", func(t *testing.T) {
		again := &Stage{dir: dir}
		down, err := again.loadState(time.Minute)
		require.NoError(t, err)
		require.Zero(t, down)
		require.False(t, again.Fresh())
		require.Equal(t, first.state, again.state, "the day of the first start holds")
	})

	t.Run("ten minutes of standing still are no ten months", func(t *testing.T) {
		require.NoError(t, os.WriteFile(first.alivePath(), nil, 0o600))
		then := time.Now().Add(-10 * time.Minute)
		require.NoError(t, os.Chtimes(first.alivePath(), then, then))
		before := first.Calendar().Date(then)
		again := &Stage{dir: dir}
		down, err := again.loadState(time.Second)
		require.NoError(t, err)
		require.InDelta(t, 10*time.Minute, down, float64(time.Minute))
		// A second of the wall clock is a day here, and a busy machine takes some.
		require.WithinDuration(t, before, again.Calendar().Date(time.Now()), 60*24*time.Hour)
	})

	t.Run("a damaged state is told, not begun over", func(t *testing.T) {
		require.NoError(t, os.WriteFile(first.statePath(), []byte("{"), 0o600))
		_, err := (&Stage{dir: dir}).loadState(time.Second)
		require.ErrorContains(t, err, "begin anew in another folder")
	})
}

func TestPatienceFollowsTheDay(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 1, patience(24*time.Hour), 0)
	require.InDelta(t, 1, patience(100*time.Hour), 0, "never more than real life")
	require.Positive(t, patience(time.Second))
	require.Less(t, patience(time.Second), 0.01)
}
