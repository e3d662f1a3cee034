package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"immtrail/registry"
)

// Options open a file store.
type Options struct {
	// URL is where it lies: "file:///var/lib/immtrail/files". The folder is
	// made when it is missing (mode 0700).
	URL string
	// Recipients are age public keys; every file is encrypted to all of them.
	Recipients []string
	// Identities are the age secret keys that open files, resolved. Without
	// any, files can be put and not read.
	Identities []string
}

// Vault is an open file store. It may be used by many at once, and by many
// processes on one folder.
type Vault struct {
	bucket *blob.Bucket
	dir    string
	keys   keyring
}

// Object is a stored file.
type Object struct {
	// Key finds the object again; it is made from SHA256.
	Key string `json:"key"`
	// SHA256 (hex) and Size (bytes) are those of the plain file.
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Stored is an object in a listing.
type Stored struct {
	Key    string
	SHA256 string
	// StoredSize is the length of the encrypted object in bytes.
	StoredSize int64
	ModTime    time.Time
}

// Operations, as errors name them.
const (
	opOpen   = "file store"
	opPut    = "file store put"
	opGet    = "file store open"
	opDelete = "file store delete"
	opList   = "file store list"
)

// incoming holds what is not whole yet, and what is being destroyed.
const incoming = "incoming"

const (
	dirMode  = 0o700
	fileMode = 0o600
)

// Open opens the file store. Kinds: Invalid (URL or keys that are none),
// Unauthorised (no identity opens what would be encrypted to the recipients),
// NotAllowed (everybody on the machine can read the folder), Transient (the
// folder cannot be reached).
func Open(_ context.Context, o Options) (*Vault, error) {
	keys, err := parseKeys(o.Recipients, o.Identities)
	if err != nil {
		return nil, err
	}
	dir, err := folder(o.URL)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, incoming), dirMode); err != nil {
		return nil, fail(opOpen, "making the folder", err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return nil, fail(opOpen, "looking at the folder", err)
	}
	if fi.Mode().Perm()&0o007 != 0 {
		return nil, registry.Errorf(registry.NotAllowed, opOpen,
			"everybody on this machine can read %s (mode %#o); make it 0700", dir, fi.Mode().Perm())
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		DirFileMode: dirMode,
		NoTempDir:   true, // a rename is atomic within one file system only, and /tmp is another
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fail(opOpen, "opening the folder", err)
	}
	return &Vault{bucket: bucket, dir: dir, keys: keys}, nil
}

// folder reads a file URL.
func folder(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme == "":
		return "", registry.Errorf(registry.Invalid, opOpen, "the place must be a URL such as file:///var/lib/immtrail/files")
	case u.Scheme != fileblob.Scheme:
		return "", registry.Errorf(registry.Invalid, opOpen, "%s:// is not supported; use file://", u.Scheme)
	case u.RawQuery != "" || u.Fragment != "":
		return "", registry.Errorf(registry.Invalid, opOpen, "the URL must not hold ? or #; write %%3F and %%23 where a folder's name has them")
	case u.Host != "" || !filepath.IsAbs(filepath.FromSlash(u.Path)):
		return "", registry.Errorf(registry.Invalid, opOpen, "a file URL has three slashes and an absolute path: file:///var/lib/immtrail/files")
	}
	return filepath.Clean(filepath.FromSlash(u.Path)), nil
}

// Close releases the store.
func (v *Vault) Close() error {
	if err := v.bucket.Close(); err != nil {
		return fail(opOpen, "closing", err)
	}
	return nil
}

// Has reports whether an object is there. It does not read it.
func (v *Vault) Has(ctx context.Context, key string) (bool, error) {
	if _, err := digestOf(key); err != nil {
		return false, err
	}
	ok, err := v.bucket.Exists(ctx, key)
	if err != nil {
		return false, fail(opGet, "looking for "+key, err)
	}
	return ok, nil
}

// List goes through all objects, by key. It ends after the first error.
func (v *Vault) List(ctx context.Context) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		for it := v.bucket.List(&blob.ListOptions{Prefix: keyPrefix}); ; {
			o, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Stored{}, fail(opList, "reading the folder", err))
				return
			}
			digest, err := digestOf(o.Key)
			if err != nil {
				continue // not ours
			}
			if !yield(Stored{Key: o.Key, SHA256: digest, StoredSize: o.Size, ModTime: o.ModTime}, nil) {
				return
			}
		}
	}
}

// Delete destroys an object: its name goes first, then the header that holds
// its key is overwritten, then the rest is removed. Where the disk keeps old
// blocks (copy-on-write, snapshots, wear levelling), what stays is encrypted.
// That it is gone already is no error.
func (v *Vault) Delete(_ context.Context, key string) error {
	digest, err := digestOf(key)
	if err != nil {
		return err
	}
	doomed := filepath.Join(v.dir, incoming, "shred-"+digest)
	name := v.path(key)
	if err := os.Rename(name, doomed); err != nil && !os.IsNotExist(err) {
		return fail(opDelete, key, err)
	}
	if err := shred(doomed); err != nil && !os.IsNotExist(err) {
		return fail(opDelete, key, err)
	}
	if err := syncDirs(filepath.Dir(doomed), filepath.Dir(name)); err != nil && !os.IsNotExist(err) {
		return fail(opDelete, key, err)
	}
	return nil
}

// headerLength is more than any header of a few recipients takes.
const headerLength = 16 << 10

// shred overwrites the head of a file and removes it.
func shred(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, headerLength), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Remove(name)
}

// Sweep removes what interrupted puts and deletions left behind and that was
// last touched before a moment, and returns how much it was. Nothing of it can
// be read as an object; it only takes space. The moment must lie before the
// start of any put that still runs.
func (v *Vault) Sweep(ctx context.Context, before time.Time) (int, error) {
	entries, err := os.ReadDir(filepath.Join(v.dir, incoming))
	if err != nil {
		return 0, fail(opDelete, "reading what was left behind", err)
	}
	n := 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return n, fail(opDelete, "removing what was left behind", err)
		}
		fi, err := e.Info()
		if err != nil || !fi.Mode().IsRegular() || !fi.ModTime().Before(before) {
			continue // gone, or in use
		}
		if err := shred(filepath.Join(v.dir, incoming, e.Name())); err != nil && !os.IsNotExist(err) {
			return n, fail(opDelete, "removing what was left behind", err)
		}
		n++
	}
	return n, nil
}

func (v *Vault) path(key string) string { return filepath.Join(v.dir, filepath.FromSlash(key)) }

// fail gives an error of the disk its kind: no space is Busy, anything else is
// worth another try.
func fail(op, what string, err error) error {
	kind := registry.KindOf(err)
	switch {
	case noSpace(err):
		kind = registry.Busy
	case gcerrors.Code(err) == gcerrors.NotFound || os.IsNotExist(err):
		kind = registry.Missing
	case os.IsPermission(err):
		kind = registry.Refused
	}
	return &registry.Error{Kind: kind, Op: op, Err: fmt.Errorf("%s: %w", what, err)}
}
