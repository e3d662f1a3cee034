package byhand

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"immtrail/registry"
)

// Protocol is the name of connections whose files a person uploads.
const Protocol = "byhand"

const (
	opLayOut = "lay a file out"
	opRemove = "remove a laid-out file"
	// Nobody but the folder's account reads what lies there.
	dirMode, fileMode = 0o700, 0o600
	others            = 0o077
)

// File is what is to be uploaded by a person.
type File struct {
	// Folder is an absolute path; Name the name at the registry.
	Folder, Name string
	Size         int64
	// SHA256 in hex.
	SHA256 string
	Source func() (io.ReadCloser, error)
}

// LayOut puts the file into the folder, whole or not at all, and returns its
// path. The folder is made where there is none. Doing it again puts the same
// file there.
//
// Kinds: NotAllowed (others can read the folder), Invalid (a name or a folder
// that is none), Corrupt (the source is another file), Busy (no room),
// Transient.
func LayOut(f File) (path string, err error) {
	root, err := open(f.Folder, f.Name, opLayOut)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }() // everything in it was closed
	part := f.Name + ".part"
	if err := write(root, part, f); err != nil {
		_ = root.Remove(part) // half a file is of no use to anybody
		return "", err
	}
	if err := root.Rename(part, f.Name); err != nil {
		return "", failed(opLayOut, err)
	}
	return filepath.Join(f.Folder, f.Name), nil
}

// Ready reports whether files can be laid out in the folder; it is made where
// there is none. Kinds as for [LayOut].
func Ready(folder string) error {
	root, err := enter(folder, opLayOut)
	if err != nil {
		return err
	}
	return root.Close()
}

func open(folder, name, op string) (*os.Root, error) {
	if err := registry.CheckRemoteName(name); err != nil {
		return nil, err
	}
	return enter(folder, op)
}

func enter(folder, op string) (*os.Root, error) {
	if !filepath.IsAbs(folder) {
		return nil, registry.Errorf(registry.Invalid, op, "the folder for uploads by hand is no whole path")
	}
	if err := os.MkdirAll(folder, dirMode); err != nil {
		return nil, failed(op, err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, failed(op, err)
	}
	if info.Mode().Perm()&others != 0 {
		return nil, registry.Errorf(registry.NotAllowed, op,
			"others than its owner can use %s; take their rights away (chmod 700), since files with patients lie there", folder)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, failed(op, err)
	}
	return root, nil
}

func write(root *os.Root, part string, f File) (err error) {
	src, err := f.Source()
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	out, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return failed(opLayOut, err)
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, digest), src)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return failed(opLayOut, err)
	}
	if n != f.Size || hex.EncodeToString(digest.Sum(nil)) != f.SHA256 {
		return registry.Errorf(registry.Corrupt, opLayOut, "%s is another file than the one prepared", f.Name)
	}
	return nil
}

// Remove takes the file away after it was uploaded; that it is gone already is
// no error. Kinds as for [LayOut].
func Remove(folder, name string) error {
	root, err := open(folder, name, opRemove)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // nothing is open in it
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(opRemove, err)
	}
	return nil
}

// failed keeps the kind of a source's error; the disk's own are Busy or Transient.
func failed(op string, err error) error {
	var known *registry.Error
	if errors.As(err, &known) {
		return err
	}
	kind := registry.Transient
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = registry.Busy
	}
	if errors.Is(err, fs.ErrPermission) {
		kind = registry.Refused
	}
	return &registry.Error{Kind: kind, Op: op, Err: err}
}
