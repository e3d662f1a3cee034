package cli_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
)

// unzip reads every file of a ZIP into one text, each after its name.
func unzip(t *testing.T, path string) string {
	t.Helper()
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer z.Close()
	var all strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		all.WriteString("\n== " + f.Name + "\n" + string(text))
	}
	return all.String()
}

func TestEvidence(t *testing.T) {
	b := newBench(t)
	b.practice(t, registry.PhaseProduction)
	monday := time.Date(2026, 3, 16, 15, 0, 0, 0, time.UTC)
	b.delivered(t, "a", monday, 30)
	codes := make(told, 30)
	codes[0] = "IMR-111"
	b.reported(t, "a", monday, codes)
	out := filepath.Join(b.dir, "sunrise.zip")

	t.Run("the pack holds what was sent and answered, and no patient", func(t *testing.T) {
		b.run(t, "evidence", "sunrise-plano", "--from", "2026-03-01", "-o", out).exits(0).fits().shows("evidence of 1 practice", out)
		all := unzip(t, out)
		require.Contains(t, all, "| 2026-03 | 1 | 30 | 29 | 0 | 0 | 1 | 0 | 96.7 % |")
		require.Contains(t, all, "BURL_PROD_1.HL7")
		require.Contains(t, all, "| IMR-111 | 1 | 0 | 0 | 0 | 1 |")
		for _, name := range []string{"Quarrow", "Zebedine"} {
			require.NotContains(t, all, name, "the sealed patient and the registry's sentence stay where they are")
		}
		info, err := os.Stat(out)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		b.run(t, "audit", "list", "--kind", "evidence-written").exits(0).shows("sunrise-plano")
	})
	t.Run("what was handed in is named, and enclosed byte for byte where that is asked for", func(t *testing.T) {
		b.add(t, "lakeside", "LAKE0001")
		pdf := "%PDF-1.7\r\n\x00 approved"
		b.run(t, "onboard", "lakeside", "--from", "production", "--since", "2025-09-15", "--history", "done",
			"--evidence", b.file(t, "go.pdf", pdf)).exits(0)
		named, enclosed := filepath.Join(b.dir, "named.zip"), filepath.Join(b.dir, "enclosed.zip")
		b.run(t, "evidence", "lakeside", "--to", "2026-03-31", "-o", named).exits(0)
		require.Contains(t, unzip(t, named), "since 2025-09-15; historical load done")
		require.NotContains(t, unzip(t, named), pdf)
		b.run(t, "evidence", "lakeside", "--to", "2026-03-31", "--documents", "-o", enclosed).exits(0).fits().shows("look into them")
		require.Contains(t, unzip(t, enclosed), pdf)
	})
	t.Run("a file that is there is not overwritten", func(t *testing.T) {
		b.run(t, "evidence", "--all", "-o", out).exits(1).complains("is there already")
	})
	t.Run("what is asked for wrongly is said", func(t *testing.T) {
		b.run(t, "evidence", "-o", "x.zip").exits(2).complains("name a practice, or --all")
		b.run(t, "evidence", "nobody", "-o", "x.zip").exits(1).complains("there is no practice")
		b.run(t, "evidence", "--all", "--from", "tomorrow", "-o", "x.zip").exits(2).complains("a day such as")
		b.run(t, "evidence", "--all", "--from", "2026-03-05", "--to", "2026-03-01", "-o", "x.zip").exits(2).complains("not before")
		require.NoFileExists(t, "x.zip")
	})
}
