package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"filippo.io/age"
	"gocloud.dev/blob"

	"immtrail/registry"
)

// Put stores what src gives, to its end, and returns where it lies. Putting
// the same bytes again changes nothing and returns the same object.
//
// An error of src keeps its kind; Busy means that the disk is full; Transient
// is any other trouble with the disk, or the end of ctx. With an error nothing
// lies under the object's name that was not there before.
func (v *Vault) Put(ctx context.Context, src io.Reader) (Object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := v.stage(ctx, cancel)
	if err != nil {
		return Object{}, err
	}
	o, err := s.fill(&watched{ctx: ctx, src: src}, v.keys.recipients)
	if err != nil {
		s.discard()
		return Object{}, err
	}
	whole, err := v.whole(ctx, o)
	if err != nil || whole {
		s.discard()
		return o, err
	}
	if err := s.keep(); err != nil {
		return Object{}, err
	}
	return o, v.publish(s.key, o.Key)
}

// staged is an object that has no name yet.
type staged struct {
	key    string
	w      *blob.Writer
	file   *os.File // the file under w, for its mode and for fsync
	cancel context.CancelFunc
}

func (v *Vault) stage(ctx context.Context, cancel context.CancelFunc) (*staged, error) {
	s := &staged{key: path.Join(incoming, rand.Text()), cancel: cancel}
	w, err := v.bucket.NewWriter(ctx, s.key, &blob.WriterOptions{
		ContentType: "application/octet-stream", // named, so that the writer does not hold bytes back to guess it
		BeforeWrite: func(as func(any) bool) error {
			if !as(&s.file) {
				return errors.New("the folder's driver gives no file")
			}
			return s.file.Chmod(fileMode)
		},
	})
	if err != nil {
		return nil, fail(opPut, "making a temporary file", err)
	}
	s.w = w
	return s, nil
}

// fill encrypts src into the staged object, in one pass with its digest, and
// brings it to the disk.
func (s *staged) fill(src *watched, recipients []age.Recipient) (Object, error) {
	digest := sha256.New()
	sealed, err := age.Encrypt(s.w, recipients...)
	if err != nil {
		return Object{}, fail(opPut, "writing", err)
	}
	size, err := io.Copy(io.MultiWriter(sealed, digest), src)
	if src.err != nil {
		return Object{}, &registry.Error{Kind: registry.KindOf(src.err), Op: opPut, Err: src.err}
	}
	if err == nil {
		err = sealed.Close()
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return Object{}, fail(opPut, "writing", err)
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	return Object{Key: keyOf(sum), SHA256: sum, Size: size}, nil
}

// discard gives the staged object up: a writer whose context has ended removes
// what it wrote.
func (s *staged) discard() {
	s.cancel()
	_ = s.w.Close() // what stays is swept later
}

// keep closes the staged object under its temporary key.
func (s *staged) keep() error {
	if err := s.w.Close(); err != nil {
		return fail(opPut, "closing the temporary file", err)
	}
	return nil
}

// publish gives a staged object its name, and returns when that would survive
// a power cut.
func (v *Vault) publish(from, to string) error {
	name := v.path(to)
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fail(opPut, "making a folder", err)
	}
	if err := os.Rename(v.path(from), name); err != nil {
		return fail(opPut, "naming the file", err)
	}
	if err := syncDirs(dir, filepath.Dir(dir), v.dir); err != nil {
		return fail(opPut, "bringing the folder to the disk", err)
	}
	return nil
}

// whole reports whether the object lies under its name already with the length
// that its plain size demands. One that was cut short by a failing disk is
// not, and is replaced.
func (v *Vault) whole(ctx context.Context, o Object) (bool, error) {
	exists, err := v.bucket.Exists(ctx, o.Key)
	if err != nil {
		return false, fail(opPut, "looking for "+o.Key, err)
	}
	if !exists {
		return false, nil
	}
	r, err := v.bucket.NewReader(ctx, o.Key, nil)
	if err != nil {
		return false, nil // deleted in this moment, or unreadable: it is replaced
	}
	defer func() { _ = r.Close() }() // only read from
	header, err := age.ExtractHeader(r)
	if err != nil {
		return false, nil // damaged: it is replaced
	}
	return r.Size() == int64(len(header))+sealedSize(o.Size), nil
}

// Layout of an age file after its header (age-encryption.org/v1): a nonce, then
// chunks of 64 KiB, each with a tag; an empty file is one empty chunk.
const (
	nonceSize = 16
	chunkSize = 64 << 10
	tagSize   = 16
)

func sealedSize(plain int64) int64 {
	chunks := max(1, (plain+chunkSize-1)/chunkSize)
	return nonceSize + plain + chunks*tagSize
}

// watched ends with the context and remembers the source's error, which would
// otherwise look like one of the disk.
type watched struct {
	ctx context.Context
	src io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		w.err = err
		return 0, err
	}
	n, err := w.src.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// syncDirs brings the names in folders to the disk.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = d.Sync()
		if cerr := d.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}
