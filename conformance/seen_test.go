package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

func TestSeenSetIsExactWhereverItsDigestsAre(t *testing.T) {
	dir := t.TempDir()
	set := conformance.NewSeenSet(dir, 2048)
	defer set.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	plain := map[uint64]bool{}
	for range 100_000 {
		key := rnd.Uint64N(60_000)*0x9e3779b97f4a7c15 + 1
		require.Equal(t, plain[key], set.Add(key))
		plain[key] = true
	}
	require.NoError(t, set.Err())
	require.Positive(t, set.Runs())
	require.Less(t, set.Runs(), 8, "they have been merged")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "files have no names, so that a crash leaves none")
}

func TestDuplicatesAreFoundFarApartAndTheFolderIsLeftEmpty(t *testing.T) {
	var file bytes.Buffer
	const messages = 3000
	for i := range messages {
		id := fmt.Sprintf("c-%d", i)
		if i == messages-1 {
			id = "c-7"
		}
		file.WriteString(soundWith(id, chart("KAV"+id)))
	}
	run := func(workers int) told {
		return tell(bytes.NewReader(file.Bytes()), func(in *conformance.Options) {
			in.Workers, in.SpillDir = workers, t.TempDir()
			in.OnMessage = nil
		})
	}
	inMemory := run(1)
	require.NoError(t, inMemory.err)
	restore := conformance.FewInMemory(512)
	defer restore()
	for _, workers := range []int{1, 3} {
		require.Equal(t, inMemory, run(workers))
	}
	var rules []string
	for _, one := range inMemory.said {
		f := one.(registry.Finding)
		if f.Message == messages {
			rules = append(rules, f.Rule+" "+f.Path+" "+f.ControlID)
		}
	}
	require.Equal(t, []string{"F-07 MSH-10 c-7", "F-08 RXA[1] c-7", "F-08 RXA[2] c-7"}, rules)

	t.Run("where open files keep their names they hold no patient, and are gone at the end", func(t *testing.T) {
		defer conformance.KeepNames()()
		dir, seen := t.TempDir(), 0
		_, err := conformance.Check(context.Background(), bytes.NewReader(file.Bytes()), conformance.Options{
			Lane: registry.LaneTest, Now: now, SpillDir: dir, Workers: 1,
			OnMessage: func(m conformance.MessageFact) {
				if m.Ordinal != messages {
					return
				}
				names, err := filepath.Glob(filepath.Join(dir, "immtrail-seen-*"))
				require.NoError(t, err)
				for _, name := range names {
					seen++
					text, err := os.ReadFile(name)
					require.NoError(t, err)
					for _, word := range []string{"Kavorim", "KAVORI", "Nemuri", "NEMURI", "2024", "c-1"} {
						require.NotContains(t, string(text), word)
					}
				}
			},
		})
		require.NoError(t, err)
		require.Positive(t, seen)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	})
	t.Run("and a folder that cannot be written is an error", func(t *testing.T) {
		_, err := conformance.Check(context.Background(), bytes.NewReader(file.Bytes()), conformance.Options{
			Lane: registry.LaneTest, Now: now, SpillDir: filepath.Join(t.TempDir(), "missing"),
		})
		require.Equal(t, registry.Transient, registry.KindOf(err))
	})
}
