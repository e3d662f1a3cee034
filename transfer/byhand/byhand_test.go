package byhand_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer/byhand"
)

func file(folder, name string) byhand.File {
	content := "content"
	sum := sha256.Sum256([]byte(content))
	return byhand.File{
		Folder: folder, Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
		Source: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

func requireKind(t *testing.T, want registry.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, registry.KindOf(err), err.Error())
}

func TestLayOut(t *testing.T) {
	t.Parallel()

	t.Run("only its owner can read it, and again is the same", func(t *testing.T) {
		t.Parallel()
		folder := filepath.Join(t.TempDir(), "maria")
		for range 2 {
			path, err := byhand.LayOut(file(folder, "BURL_PROD_1.HL7"))
			require.NoError(t, err)
			require.Equal(t, filepath.Join(folder, "BURL_PROD_1.HL7"), path)
		}
		dir, err := os.Stat(folder)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), dir.Mode().Perm())
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Len(t, entries, 1, "no half file beside it")
		info, err := entries[0].Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})

	t.Run("a folder that others can use is refused", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		require.NoError(t, os.Chmod(folder, 0o750))
		_, err := byhand.LayOut(file(folder, "A.HL7"))
		requireKind(t, registry.NotAllowed, err)
		require.ErrorContains(t, err, "chmod 700")
	})

	t.Run("a name that climbs and a folder that is none are refused", func(t *testing.T) {
		t.Parallel()
		_, err := byhand.LayOut(file(t.TempDir(), "../A.HL7"))
		requireKind(t, registry.Invalid, err)
		_, err = byhand.LayOut(file("uploads", "A.HL7"))
		requireKind(t, registry.Invalid, err)
	})

	t.Run("another file than the one prepared is not laid out", func(t *testing.T) {
		t.Parallel()
		folder := filepath.Join(t.TempDir(), "maria")
		f := file(folder, "A.HL7")
		f.SHA256 = strings.Repeat("0", 64)
		_, err := byhand.LayOut(f)
		requireKind(t, registry.Corrupt, err)
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, entries)
	})

	t.Run("removing it twice is no error", func(t *testing.T) {
		t.Parallel()
		folder := filepath.Join(t.TempDir(), "maria")
		_, err := byhand.LayOut(file(folder, "A.HL7"))
		require.NoError(t, err)
		require.NoError(t, byhand.Remove(folder, "A.HL7"))
		require.NoError(t, byhand.Remove(folder, "A.HL7"))
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, entries)
	})
}
