package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/registry"
	"immtrail/vault"
)

type bundle struct {
	dir               string
	secret, recipient string
	v                 *vault.Vault
}

func setup(t *testing.T) *bundle {
	t.Helper()
	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	b := &bundle{dir: filepath.Join(t.TempDir(), "files"), secret: secret, recipient: recipient}
	b.v = b.open(t, []string{recipient}, []string{secret})
	return b
}

func (b *bundle) open(t *testing.T, recipients, identities []string) *vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), vault.Options{URL: fileURL(b.dir), Recipients: recipients, Identities: identities})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

func fileURL(dir string) string { return (&url.URL{Scheme: "file", Path: dir}).String() }

// files are all files below the store's folder.
func (b *bundle) files(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(b.dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(b.dir, p)
			found = append(found, rel)
		}
		return err
	}))
	return found
}

func noise(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(data)
	return data
}

func kind(t *testing.T, err error) registry.Kind {
	t.Helper()
	var e *registry.Error
	require.ErrorAs(t, err, &e)
	return e.Kind
}

func (b *bundle) get(t *testing.T, key string) ([]byte, error) {
	t.Helper()
	r, err := b.v.Open(t.Context(), key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestPut(t *testing.T) {
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20} {
		t.Run("what was put comes back", func(t *testing.T) {
			b := setup(t)
			data := noise(size)
			sum := sha256.Sum256(data)
			o, err := b.v.Put(t.Context(), iotest.HalfReader(bytes.NewReader(data)))
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(sum[:]), o.SHA256)
			require.EqualValues(t, size, o.Size)
			key, err := vault.KeyOf(o.SHA256)
			require.NoError(t, err)
			require.Equal(t, key, o.Key)
			got, err := b.get(t, o.Key)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
			has, err := b.v.Has(t.Context(), o.Key)
			require.NoError(t, err)
			require.True(t, has)
		})
		t.Run("the same bytes again change nothing", func(t *testing.T) {
			b := setup(t)
			first, err := b.v.Put(t.Context(), bytes.NewReader(noise(size)))
			require.NoError(t, err)
			before, err := os.ReadFile(filepath.Join(b.dir, first.Key))
			require.NoError(t, err)
			again, err := b.v.Put(t.Context(), bytes.NewReader(noise(size)))
			require.NoError(t, err)
			require.Equal(t, first, again)
			after, err := os.ReadFile(filepath.Join(b.dir, first.Key))
			require.NoError(t, err)
			require.True(t, bytes.Equal(before, after), "the object was written again")
			require.Equal(t, []string{first.Key}, b.files(t), "nothing else is left")
		})
	}
}

func TestPutIsSafe(t *testing.T) {
	t.Run("nothing lies on the disk in the clear and nobody else may read it", func(t *testing.T) {
		b := setup(t)
		const canary = "QXKZWVUTRPLM"
		o, err := b.v.Put(t.Context(), strings.NewReader("PID|1||77||"+canary))
		require.NoError(t, err)
		raw, err := os.ReadFile(filepath.Join(b.dir, o.Key))
		require.NoError(t, err)
		require.NotContains(t, string(raw), canary)
		require.NoError(t, filepath.WalkDir(b.dir, func(p string, d fs.DirEntry, err error) error {
			require.NoError(t, err)
			fi, err := d.Info()
			require.NoError(t, err)
			require.Zero(t, fi.Mode().Perm()&0o077, p)
			return nil
		}))
	})
	t.Run("one object comes of many puts at once", func(t *testing.T) {
		b := setup(t)
		data := noise(200_000)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { _, errs[i] = b.v.Put(t.Context(), bytes.NewReader(data)) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Len(t, b.files(t), 1)
	})
	t.Run("an object that was cut short is replaced", func(t *testing.T) {
		b := setup(t)
		data := noise(200_000)
		o, err := b.v.Put(t.Context(), bytes.NewReader(data))
		require.NoError(t, err)
		for _, length := range []int64{0, 10, 150_000} {
			require.NoError(t, os.Truncate(filepath.Join(b.dir, o.Key), length))
			_, err = b.v.Put(t.Context(), bytes.NewReader(data))
			require.NoError(t, err)
			got, err := b.get(t, o.Key)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
		}
	})
}

func TestInterruptedPut(t *testing.T) {
	data := noise(150_000)
	for _, at := range []int64{0, 1, 65_535, 65_536, 65_537, 149_999, 150_000} {
		t.Run("leaves nothing when the source fails", func(t *testing.T) {
			b := setup(t)
			broken := registry.Errorf(registry.Missing, "outbox", "the share is gone")
			src := io.MultiReader(io.LimitReader(bytes.NewReader(data), at), iotest.ErrReader(broken))
			_, err := b.v.Put(t.Context(), src)
			require.Equal(t, registry.Missing, kind(t, err), "the source's kind is kept")
			require.Empty(t, b.files(t))
		})
		t.Run("does not blame the store for its source", func(t *testing.T) {
			b := setup(t)
			src := io.MultiReader(io.LimitReader(bytes.NewReader(data), at), iotest.ErrReader(fs.ErrPermission))
			_, err := b.v.Put(t.Context(), src)
			require.ErrorIs(t, err, fs.ErrPermission)
			require.Equal(t, registry.Transient, kind(t, err))
		})
		t.Run("leaves nothing when the context ends", func(t *testing.T) {
			b := setup(t)
			ctx, cancel := context.WithCancel(t.Context())
			src := io.MultiReader(io.LimitReader(bytes.NewReader(data), at), readerFunc(func([]byte) (int, error) {
				cancel()
				return 0, nil
			}), bytes.NewReader(data))
			_, err := b.v.Put(ctx, src)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, registry.Transient, kind(t, err))
			require.Empty(t, b.files(t))
		})
	}
	t.Run("leaves nothing under the name when naming fails", func(t *testing.T) {
		b := setup(t)
		o, err := b.v.Put(t.Context(), bytes.NewReader(data))
		require.NoError(t, err)
		require.NoError(t, b.v.Delete(t.Context(), o.Key))
		require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "sha256")))
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, "sha256"), nil, 0o600))
		_, err = b.v.Put(t.Context(), bytes.NewReader(data))
		require.Error(t, err)
		require.NoError(t, os.Remove(filepath.Join(b.dir, "sha256")))
		has, err := b.v.Has(t.Context(), o.Key)
		require.NoError(t, err)
		require.False(t, has)
		again, err := b.v.Put(t.Context(), bytes.NewReader(data))
		require.NoError(t, err, "the next attempt stores it")
		require.Equal(t, o, again)
	})
	t.Run("leaves at most what is swept when the process is killed", func(t *testing.T) {
		b := setup(t)
		left := filepath.Join(b.dir, "incoming", "XYZ.18f.tmp")
		require.NoError(t, os.WriteFile(left, data, 0o600))
		old := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		require.NoError(t, os.Chtimes(left, old, old))
		n, err := b.v.Sweep(t.Context(), old)
		require.NoError(t, err)
		require.Zero(t, n, "a put that still runs is left alone")
		n, err = b.v.Sweep(t.Context(), old.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Empty(t, b.files(t))
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func put(t *testing.T, data []byte) (*bundle, vault.Object, string) {
	t.Helper()
	b := setup(t)
	o, err := b.v.Put(t.Context(), bytes.NewReader(data))
	require.NoError(t, err)
	return b, o, filepath.Join(b.dir, o.Key)
}

func TestOpenObject(t *testing.T) {
	t.Run("a cut object is corrupt wherever it was cut", func(t *testing.T) {
		b, o, path := put(t, noise(140_000))
		fi, err := os.Stat(path)
		require.NoError(t, err)
		for size := fi.Size() - 1; size >= 0; size -= 7919 {
			require.NoError(t, os.Truncate(path, size))
			_, err := b.get(t, o.Key)
			require.Equal(t, registry.Corrupt, kind(t, err))
		}
	})
	t.Run("a changed byte is found wherever it is", func(t *testing.T) {
		b, o, path := put(t, noise(140_000))
		sound, err := os.ReadFile(path)
		require.NoError(t, err)
		for at := 300; at < len(sound); at += 9973 {
			bad := bytes.Clone(sound)
			bad[at] ^= 1
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := b.get(t, o.Key)
			require.Equal(t, registry.Corrupt, kind(t, err))
		}
	})
	t.Run("another object under the name is corrupt", func(t *testing.T) {
		b, o, path := put(t, []byte("one"))
		two, err := b.v.Put(t.Context(), strings.NewReader("two"))
		require.NoError(t, err)
		require.NoError(t, os.Rename(filepath.Join(b.dir, two.Key), path))
		_, err = b.get(t, o.Key)
		require.Equal(t, registry.Corrupt, kind(t, err))
		require.ErrorContains(t, err, "another digest")
	})
	t.Run("a reader tells the digest that it proved, at its end and not before", func(t *testing.T) {
		b := setup(t)
		data := noise(100_000)
		o, err := b.v.Put(t.Context(), bytes.NewReader(data))
		require.NoError(t, err)
		r, err := b.v.Open(t.Context(), o.Key)
		require.NoError(t, err)
		defer r.Close()
		said := r.(interface{ SHA256() string }).SHA256
		_, err = io.CopyN(io.Discard, r, 99_999)
		require.NoError(t, err)
		require.Empty(t, said())
		_, err = io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.Equal(t, o.SHA256, said())
	})
	t.Run("an object that is not there is missing", func(t *testing.T) {
		b := setup(t)
		_, err := b.get(t, "sha256/ab/"+strings.Repeat("0", 62))
		require.Equal(t, registry.Missing, kind(t, err))
	})
}

func TestOpenObjectGuards(t *testing.T) {
	t.Run("no key leads out of the store", func(t *testing.T) {
		b := setup(t)
		for _, key := range []string{"", "incoming/x", "../secret", "sha256/../../secret", "sha256/ab/cd", "SHA256/ab/" + strings.Repeat("0", 62), "sha256/AB/" + strings.Repeat("0", 62), "sha256/a/b" + strings.Repeat("0", 62)} {
			_, err := b.get(t, key)
			require.Equal(t, registry.Invalid, kind(t, err), key)
			require.Equal(t, registry.Invalid, kind(t, b.v.Delete(t.Context(), key)), key)
		}
	})
	t.Run("reading ends with the context", func(t *testing.T) {
		b, o, _ := put(t, noise(1<<20))
		ctx, cancel := context.WithCancel(t.Context())
		r, err := b.v.Open(ctx, o.Key)
		require.NoError(t, err)
		defer r.Close()
		cancel()
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, registry.Transient, kind(t, err))
	})
}

func TestKeys(t *testing.T) {
	t.Run("the wrong key says which recipients are configured", func(t *testing.T) {
		b := setup(t)
		o, err := b.v.Put(t.Context(), strings.NewReader("x"))
		require.NoError(t, err)
		secret, recipient, err := vault.NewIdentity()
		require.NoError(t, err)
		b.v = b.open(t, []string{recipient}, []string{secret})
		_, err = b.get(t, o.Key)
		require.Equal(t, registry.Unauthorised, kind(t, err))
		require.ErrorContains(t, err, recipient)
		require.NotContains(t, err.Error(), secret)
	})
	t.Run("a rotation keeps old files readable and drops the old key", func(t *testing.T) {
		b := setup(t)
		old, err := b.v.Put(t.Context(), strings.NewReader("old"))
		require.NoError(t, err)
		secret, recipient, err := vault.NewIdentity()
		require.NoError(t, err)
		b.v = b.open(t, []string{b.recipient, recipient}, []string{secret, b.secret})
		both, err := b.v.Put(t.Context(), strings.NewReader("both"))
		require.NoError(t, err)
		got, err := b.get(t, old.Key)
		require.NoError(t, err)
		require.Equal(t, "old", string(got))
		b.v = b.open(t, []string{recipient}, []string{secret})
		got, err = b.get(t, both.Key)
		require.NoError(t, err)
		require.Equal(t, "both", string(got))
		again, err := b.v.Put(t.Context(), strings.NewReader("both"))
		require.NoError(t, err, "another header length does not make the object look damaged")
		require.Equal(t, both, again)
	})
	t.Run("a store without identities takes files and gives none", func(t *testing.T) {
		b := setup(t)
		b.v = b.open(t, []string{b.recipient}, nil)
		o, err := b.v.Put(t.Context(), strings.NewReader("x"))
		require.NoError(t, err)
		_, err = b.get(t, o.Key)
		require.Equal(t, registry.Unauthorised, kind(t, err))
	})
}

func TestOpen(t *testing.T) {
	secret, recipient, err := vault.NewIdentity()
	require.NoError(t, err)
	otherSecret, _, err := vault.NewIdentity()
	require.NoError(t, err)
	dir := t.TempDir()
	open := func(o vault.Options) error {
		v, err := vault.Open(t.Context(), o)
		if err == nil {
			require.NoError(t, v.Close())
		}
		return err
	}
	good := vault.Options{URL: fileURL(dir + "/files"), Recipients: []string{recipient}, Identities: []string{secret}}
	t.Run("what cannot work is refused at the start", func(t *testing.T) {
		require.NoError(t, open(good))
		for _, url := range []string{"", "/var/files", "file://relative", "s3://bucket", "http://x", "file:///var/a#b", "file:///var/a?b=c"} {
			o := good
			o.URL = url
			require.Equal(t, registry.Invalid, kind(t, open(o)), url)
		}
		o := good
		o.Recipients = nil
		require.Equal(t, registry.Invalid, kind(t, open(o)))
		o.Recipients = []string{secret}
		err := open(o)
		require.Equal(t, registry.Invalid, kind(t, err))
		require.NotContains(t, err.Error(), secret[20:40])
		o = good
		o.Identities = []string{"AGE-SECRET-KEY-1NONSENSE"}
		err = open(o)
		require.Equal(t, registry.Invalid, kind(t, err))
		require.NotContains(t, err.Error(), "NONSENSE")
		o.Identities = []string{otherSecret}
		require.Equal(t, registry.Unauthorised, kind(t, open(o)))
	})
	t.Run("a folder that everybody can read is refused with what to do", func(t *testing.T) {
		require.NoError(t, os.Chmod(dir+"/files", 0o755))
		err := open(good)
		require.Equal(t, registry.NotAllowed, kind(t, err))
		require.ErrorContains(t, err, "0700")
		require.NoError(t, os.Chmod(dir+"/files", 0o750))
		require.NoError(t, open(good))
	})
}

func TestDeleteAndList(t *testing.T) {
	b := setup(t)
	want := map[string]bool{}
	for _, text := range []string{"a", "b", "c"} {
		o, err := b.v.Put(t.Context(), strings.NewReader(text))
		require.NoError(t, err)
		want[o.Key] = true
	}
	keys := func() map[string]bool {
		got := map[string]bool{}
		for o, err := range b.v.List(t.Context()) {
			require.NoError(t, err)
			require.Positive(t, o.StoredSize)
			got[o.Key] = true
		}
		return got
	}
	require.Equal(t, want, keys())
	var gone string
	for gone = range want {
		break
	}
	// A second name keeps the bytes in reach after the deletion.
	kept := filepath.Join(b.dir, "kept")
	require.NoError(t, os.Link(filepath.Join(b.dir, gone), kept))
	require.NoError(t, b.v.Delete(t.Context(), gone))
	require.NoError(t, b.v.Delete(t.Context(), gone), "gone already is no error")
	raw, err := os.ReadFile(kept)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "age-encryption.org", "the header that holds the file's key is overwritten")
	require.NoError(t, os.Remove(kept))
	delete(want, gone)
	require.Equal(t, want, keys())
	has, err := b.v.Has(t.Context(), gone)
	require.NoError(t, err)
	require.False(t, has)
}

// Memory must not grow with the file.
func TestMemory(t *testing.T) {
	b := setup(t)
	const size = 96 << 20
	var heap peak
	o, err := b.v.Put(t.Context(), io.LimitReader(&heap, size))
	require.NoError(t, err)
	r, err := b.v.Open(t.Context(), o.Key)
	require.NoError(t, err)
	defer r.Close()
	n, err := io.Copy(&heap, r)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.Less(t, heap.most, uint64(24<<20), "for 96 MiB there and back")
}

// peak is zeros to read and a hole to write to; it remembers the largest heap
// on the way.
type peak struct {
	most  uint64
	moved int
}

func (p *peak) Read(b []byte) (int, error) {
	clear(b)
	return p.Write(b)
}

func (p *peak) Write(b []byte) (int, error) {
	const every = 4 << 20
	if p.moved%every+len(b) >= every {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.most = max(p.most, m.HeapAlloc)
	}
	p.moved += len(b)
	return len(b), nil
}
