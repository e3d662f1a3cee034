package db_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/db"
	"immtrail/registry"
)

func key(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

func TestSealer(t *testing.T) {
	t.Parallel()
	plain := []byte(`{"family":"Invented"}`)
	old, err := db.NewSealer(key('d'), db.SealKey{ID: "2025", Key: key('a')})
	require.NoError(t, err)

	t.Run("what is sealed opens again and shows nothing", func(t *testing.T) {
		sealed := old.Seal(plain)
		require.NotContains(t, string(sealed), "Invented")
		require.NotEqual(t, sealed, old.Seal(plain), "each sealing differs")
		got, err := old.Open(sealed)
		require.NoError(t, err)
		require.Equal(t, plain, got)
	})

	t.Run("after a rotation old rows open and new rows take the new key", func(t *testing.T) {
		rotated, err := db.NewSealer(key('d'), db.SealKey{ID: "2026", Key: key('b')}, db.SealKey{ID: "2025", Key: key('a')})
		require.NoError(t, err)
		got, err := rotated.Open(old.Seal(plain))
		require.NoError(t, err)
		require.Equal(t, plain, got)
		_, err = old.Open(rotated.Seal(plain))
		requireKind(t, registry.Invalid, err)
		require.ErrorContains(t, err, "2026")
		require.Equal(t, old.Digest("x"), rotated.Digest("x"), "records are found again after a rotation")
	})

	t.Run("a changed byte anywhere is refused", func(t *testing.T) {
		sealed := old.Seal(plain)
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			_, err := old.Open(bad)
			requireKind(t, registry.Invalid, err)
		}
		for i := range sealed {
			_, err := old.Open(append([]byte{}, sealed[:i]...))
			requireKind(t, registry.Invalid, err)
		}
	})

	t.Run("nothing stays nothing", func(t *testing.T) {
		require.Nil(t, old.Seal(nil))
		got, err := old.Open(nil)
		require.NoError(t, err)
		require.Nil(t, got)
	})

	t.Run("digests depend on key, parts and their borders", func(t *testing.T) {
		other, err := db.NewSealer(key('e'), db.SealKey{ID: "2025", Key: key('a')})
		require.NoError(t, err)
		require.Len(t, old.Digest("a", "bc"), 32)
		twin, err := db.NewSealer(key('d'), db.SealKey{ID: "other", Key: key('z')})
		require.NoError(t, err)
		require.Equal(t, old.Digest("a", "bc"), twin.Digest("a", "bc"))
		require.NotEqual(t, old.Digest("a", "bc"), old.Digest("ab", "c"))
		require.NotEqual(t, old.Digest("a", "bc"), other.Digest("a", "bc"))
	})

	t.Run("keys that are none are refused", func(t *testing.T) {
		for name, keys := range map[string][]db.SealKey{
			"no key":      nil,
			"short":       {{ID: "a", Key: []byte("short")}},
			"no name":     {{Key: key('a')}},
			"named twice": {{ID: "a", Key: key('a')}, {ID: "a", Key: key('b')}},
		} {
			_, err := db.NewSealer(key('d'), keys...)
			requireKind(t, registry.Invalid, err)
			require.NotContains(t, err.Error(), "short\"", name)
		}
		_, err := db.NewSealer([]byte("short"), db.SealKey{ID: "a", Key: key('a')})
		requireKind(t, registry.Invalid, err)
	})
}

func FuzzSealerOpen(f *testing.F) {
	s, err := db.NewSealer(key('d'), db.SealKey{ID: "k", Key: key('a')})
	require.NoError(f, err)
	f.Add([]byte(nil))
	f.Add([]byte{1, 255})
	f.Add(s.Seal([]byte("x")))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := s.Open(sealed)
		if err == nil && len(sealed) > 0 && !bytes.Equal(plain, []byte("x")) {
			t.Fatal("something was opened that nobody sealed")
		}
	})
}
