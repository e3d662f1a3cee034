package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/internal/archive"
)

var limits = archive.Limits{Entries: 5, Bytes: 8 << 20, Ratio: 100}

type packed struct{ name, text string }

func zipped(t *testing.T, change func(*zip.FileHeader), files ...packed) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		out, err := w.CreateHeader(h)
		require.NoError(t, err)
		_, err = io.WriteString(out, f.text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return "MSH|" + fmt.Sprintf("%x", b)
}

func unpack(b []byte, l archive.Limits) (got []packed, err error) {
	err = archive.Each(bytes.NewReader(b), int64(len(b)), l, func(e archive.Entry, r io.Reader) error {
		text, err := io.ReadAll(r)
		got = append(got, packed{e.Name, string(text)})
		return err
	})
	return got, err
}

func TestArchives(t *testing.T) {
	t.Parallel()
	t.Run("a zip gives its files in order, without folders and hidden files", func(t *testing.T) {
		t.Parallel()
		got, err := unpack(zipped(t, nil, packed{"b/2019.hl7", "MSH|2"}, packed{"__MACOSX/._x", "x"}, packed{".DS_Store", "x"},
			packed{"2018.hl7", "MSH|1"}), limits)
		require.NoError(t, err)
		require.Equal(t, []packed{{"b/2019.hl7", "MSH|2"}, {"2018.hl7", "MSH|1"}}, got)
	})
	t.Run("a gzip of several streams is one file", func(t *testing.T) {
		t.Parallel()
		got, err := unpack(append(gzipped(t, "MSH|1\r"), gzipped(t, "MSH|2\r")...), limits)
		require.NoError(t, err)
		require.Equal(t, []packed{{"", "MSH|1\rMSH|2\r"}}, got)
	})
	t.Run("an error of the caller comes back as it is", func(t *testing.T) {
		t.Parallel()
		mine := errors.New("mine")
		b := gzipped(t, "MSH|")
		require.ErrorIs(t, archive.Each(bytes.NewReader(b), int64(len(b)), limits, func(archive.Entry, io.Reader) error { return mine }), mine)
	})
	t.Run("a disk that fails is no bad archive", func(t *testing.T) {
		t.Parallel()
		b := zipped(t, nil, packed{"a.hl7", noise(100_000)})
		err := archive.Check(failing{bytes.NewReader(b)}, int64(len(b)), limits)
		require.ErrorIs(t, err, errDisk)
	})
}

var errDisk = errors.New("input/output error")

// failing reads the end of a file, where a zip has its list, and not its middle.
type failing struct{ io.ReaderAt }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off > 10_000 && off < 50_000 {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestRefusedArchives(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("0", 4<<20)
	name := func(n string) []byte { return zipped(t, nil, packed{n, "MSH|"}) }
	damaged := gzipped(t, noise(1000))
	damaged[len(damaged)-6] ^= 1
	for what, c := range map[string]struct {
		bytes []byte
		says  string
	}{
		"a bomb by its ratio":          {zipped(t, nil, packed{"a.hl7", zeros}), "more than is allowed"},
		"a gzip bomb":                  {gzipped(t, zeros), "more than is allowed"},
		"a bomb of many entries":       {zipped(t, nil, packed{"a", "1"}, packed{"b", "1"}, packed{"c", "1"}, packed{"d", "1"}, packed{"e", "1"}, packed{"f", "1"}), "6 entries"},
		"a bomb over several entries":  {zipped(t, nil, packed{"a", zeros[:900<<10]}, packed{"b", zeros[:900<<10]}), "more than is allowed"},
		"more than the total":          {zipped(t, nil, packed{"a", noise(3 << 20)}, packed{"b", noise(3 << 20)}), "more than is allowed"},
		"an archive in an archive":     {zipped(t, nil, packed{"a.hl7", string(gzipped(t, "MSH|"))}), "an archive lies in it"},
		"a gzip of a zip":              {gzipped(t, string(name("a.hl7"))), "an archive lies in it"},
		"a way out":                    {name("../../etc/cron.d/x"), "no plain path"},
		"an absolute name":             {name("/etc/passwd"), "no plain path"},
		"a name of Windows":            {name(`C:\x.hl7`), "no plain path"},
		"a name that turns the screen": {name("a\u202e7lh.exe"), "no plain path"},
		"a name with an escape":        {name("a\x1b[2J.hl7"), "no plain path"},
		"a name that never ends":       {name(strings.Repeat("a", 300)), "no plain path"},
		"the same name twice":          {zipped(t, nil, packed{"a.hl7", "1"}, packed{"A.HL7", "2"}), "same name"},
		"a link":                       {zipped(t, func(h *zip.FileHeader) { h.SetMode(0o777 | 1<<27) }, packed{"a.hl7", "/etc/passwd"}), "link"},
		"an encrypted entry":           {zipped(t, func(h *zip.FileHeader) { h.Flags |= 1 }, packed{"a.hl7", "x"}), "encrypted"},
		"nothing in it":                {zipped(t, nil), "no file"},
		"a checksum that is wrong":     {damaged, "damaged"},
		"half a zip":                   {name("a.hl7")[:30], "damaged"},
		"half a gzip":                  {gzipped(t, noise(1000))[:500], "damaged"},
		"no archive":                   {[]byte("MSH|"), "neither"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := archive.Check(bytes.NewReader(c.bytes), int64(len(c.bytes)), limits)
			var refused *archive.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, err.Error(), c.says)
			require.NotContains(t, err.Error(), "passwd")
		})
	}
}

func FuzzArchive(f *testing.F) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	out, _ := w.Create("a.hl7")
	_, _ = io.WriteString(out, "MSH|^~\\&|")
	_ = w.Close()
	f.Add(buf.Bytes())
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n int64
		err := archive.Each(bytes.NewReader(b), int64(len(b)), limits, func(e archive.Entry, r io.Reader) error {
			got, err := io.Copy(io.Discard, r)
			n += got
			return err
		})
		require.LessOrEqual(t, n, max(1<<20, 100*int64(len(b))))
		var refused *archive.RefusedError
		if err != nil {
			require.ErrorAs(t, err, &refused)
		}
	})
}
