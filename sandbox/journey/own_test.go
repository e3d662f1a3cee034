package journey_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/sandbox/journey"
)

func TestOwnFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	msh := func(id string) string {
		return "MSH|^~\\&|EHR|SITE|||20260301||VXU^V04^VXU_V04|1|" + id + "|2.5.1\rPID|1\r"
	}
	live := file("a.hl7", "FHS|^~\\&\rBHS|^~\\&\r"+msh("P"))
	modes := file("b.hl7", msh("P^T"))
	test := file("c.hl7", msh("T"))
	strange := file("d.txt", "not HL7 at all")
	cut := file("e.hl7", "MSH|^~\\&")
	file(".hidden", msh("P"))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))

	own, err := journey.OwnFiles(dir)

	require.NoError(t, err)
	require.Equal(t, []string{live, modes}, own[registry.LaneProduction])
	require.Equal(t, []string{test, strange, cut}, own[registry.LaneTest])

	t.Run("a folder without files is refused", func(t *testing.T) {
		_, err := journey.OwnFiles(t.TempDir())
		require.ErrorContains(t, err, "holds no files")
	})
	t.Run("no folder is no file", func(t *testing.T) {
		own, err := journey.OwnFiles("")
		require.NoError(t, err)
		require.Empty(t, own)
	})
}
