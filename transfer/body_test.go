package transfer_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/transfer"
	"immtrail/transfer/remotetest"
)

// source is one that can be looked into.
type source struct {
	io.Reader
	sum            string
	reads, closes  int
	closedInBefore bool
}

func (s *source) Read(p []byte) (int, error) {
	if s.closes > 0 {
		s.closedInBefore = true
	}
	s.reads++
	return s.Reader.Read(p)
}

func (s *source) Close() error { s.closes++; return nil }

type ownDigest struct{ *source }

func (s ownDigest) SHA256() string { return s.sum }

// over only passes bytes on.
type over struct{ io.ReadCloser }

func (o over) Unwrap() io.Reader { return o.ReadCloser }

func open(t *testing.T, size int64, src io.ReadCloser) *transfer.Body {
	t.Helper()
	b, err := transfer.OpenBody(transfer.UploadRequest{Size: size, Source: func() (io.ReadCloser, error) { return src, nil }}, "in/x.hl7")
	require.NoError(t, err)
	return b
}

func TestBody(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 64 << 10, 64<<10 + 1, 300_001, 2 << 20} {
		data := remotetest.Noise(size)
		for how, from := range map[string]io.Reader{
			"at once": bytes.NewReader(data), "in halves": iotest.HalfReader(bytes.NewReader(data)),
			"with its end": iotest.DataErrReader(bytes.NewReader(data)),
		} {
			src := &source{Reader: from}
			b := open(t, int64(size), src)
			require.NoError(t, b.Skip(int64(size/3)))
			got, err := io.ReadAll(b)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data[size/3:], got), "%d bytes %s", size, how)
			sum, err := b.Whole(remotetest.Digest(data))
			require.NoError(t, err)
			require.Equal(t, remotetest.Digest(data), sum)
			_, err = b.Whole(remotetest.Digest([]byte("another")))
			require.Equal(t, registry.Corrupt, registry.KindOf(err))
			require.NoError(t, b.Close())
			require.Equal(t, 1, src.closes)
		}
	}
	t.Run("a source with a digest of its own is not digested twice, and is held to it", func(t *testing.T) {
		data := remotetest.Noise(200_000)
		for _, sum := range []string{"what it says", ""} {
			b := open(t, 200_000, over{ownDigest{&source{Reader: bytes.NewReader(data), sum: sum}}})
			_, err := io.Copy(io.Discard, b)
			require.NoError(t, err)
			_, err = b.Whole("what it says")
			require.Equal(t, sum == "", err != nil)
			require.NoError(t, b.Close())
		}
	})
	t.Run("another length than said is our own file's fault, and no byte beyond it is given away", func(t *testing.T) {
		for _, said := range []int64{0, 10, 70_000, 199_999, 200_001} {
			b := open(t, said, &source{Reader: bytes.NewReader(remotetest.Noise(200_000))})
			n, _ := io.Copy(io.Discard, b)
			require.LessOrEqual(t, n, said)
			_, err := b.Whole("")
			require.Equal(t, registry.Corrupt, registry.KindOf(err))
			require.ErrorContains(t, err, "changed since it was checked")
			require.NoError(t, b.Close())
		}
	})
	t.Run("a source that fails keeps its kind", func(t *testing.T) {
		full := registry.Errorf(registry.Busy, "file store", "no")
		for _, said := range []int64{10, 200_000} {
			b := open(t, said, &source{Reader: io.MultiReader(bytes.NewReader(remotetest.Noise(5)), iotest.ErrReader(full))})
			_, err := io.Copy(io.Discard, b)
			require.ErrorIs(t, err, full)
			require.Equal(t, registry.Busy, registry.KindOf(b.Failed()))
			require.NoError(t, b.Close())
		}
		b := open(t, 200_000, over{io.NopCloser(bytes.NewReader(remotetest.Noise(200_000)))})
		_, err := io.Copy(io.Discard, b)
		require.NoError(t, err)
		sum, err := b.Whole("")
		require.NoError(t, err)
		require.Equal(t, remotetest.Digest(remotetest.Noise(200_000)), sum, "ours, where nobody below has one")
		require.NoError(t, b.Close())
		_, err = transfer.OpenBody(transfer.UploadRequest{Source: func() (io.ReadCloser, error) { return nil, full }}, "x")
		require.Equal(t, registry.Busy, registry.KindOf(err))
	})
	t.Run("one that is left in the middle ends its reading before the source is closed", func(t *testing.T) {
		src := &source{Reader: bytes.NewReader(remotetest.Noise(8 << 20))}
		b := open(t, 8<<20, src)
		_, err := io.ReadFull(b, make([]byte, 100))
		require.NoError(t, err)
		require.NoError(t, b.Close())
		require.False(t, src.closedInBefore)
		require.LessOrEqual(t, src.reads, 8, "what is read ahead is bounded")
		_, err = b.Read(make([]byte, 1<<20))
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}
