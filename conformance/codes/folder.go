package codes

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"immtrail/hl7"
	"immtrail/registry"
)

// Folder holds imported tables: a folder for each version, whose files nobody
// changes once they are there, and a file "current" that names the one in use.
type Folder struct{ Dir string }

const (
	currentFile = "current"
	// halfDone begins the name of a folder that is still being written.
	halfDone = ".import-"
)

// Load reads the imported tables in use; none where nothing was imported. A
// folder that cannot be made sense of is an error of kind [registry.Corrupt]
// and never passed over: whoever imported tables believes that they are used.
func (f Folder) Load() (Set, error) {
	name, err := os.ReadFile(filepath.Join(f.Dir, currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Set{}, nil
	}
	if err != nil {
		return nil, registry.Errorf(registry.Missing, "codes", "%w", err)
	}
	version := strings.TrimSpace(string(name))
	if version == "" || len(version) > 64 || version != filepath.Base(version) || version[0] == '.' {
		return nil, f.damaged(currentFile, errors.New("it names no version"))
	}
	dir := filepath.Join(f.Dir, version)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, f.damaged(currentFile, err)
	}
	s := Set{}
	for _, file := range files {
		t, err := readTableFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return nil, f.damaged(filepath.Join(version, file.Name()), err)
		}
		s[t.Kind] = t
	}
	return s, nil
}

func (f Folder) damaged(file string, err error) error {
	return registry.Errorf(registry.Corrupt, "codes",
		"the code tables in %s are damaged (%s: %w); remove the folder to use the built-in tables, or import again", f.Dir, file, err)
}

func readTableFile(path string) (Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return Table{}, err
	}
	defer func() { _ = file.Close() }() // only read
	return ReadTable(file)
}

// InUse is a set of the imported and the embedded tables, of each kind the
// newer; of the same day the imported one, which has CDC's names.
func (f Folder) InUse() (Set, error) {
	s, err := EmbeddedSet()
	if err != nil {
		return nil, err
	}
	imported, err := f.Load()
	if err != nil {
		return nil, err
	}
	for k, t := range imported {
		if t.Edition >= s[k].Edition {
			s[k] = t
		}
	}
	return s, nil
}

// Tables are those of [Folder.InUse] made ready. Without a folder, or with an
// empty one, they are [Embedded].
func (f Folder) Tables() (*Tables, error) {
	if f.Dir == "" {
		return Embedded(), nil
	}
	imported, err := f.Load()
	if err != nil {
		return nil, err
	}
	if len(imported) == 0 {
		return Embedded(), nil
	}
	s, err := f.InUse()
	if err != nil {
		return nil, err
	}
	return Build(s)
}

// Import puts tables in the place of those in use and returns which of them
// changed. Where none did, nothing is written. A table that is older than the
// one in use, or has less than four fifths of its rows (unless fewer is true),
// is refused with all the others, kind [registry.Conflict].
//
// It is all or nothing: the version in use changes by one rename at the end. A
// repetition finds the same tables and does nothing.
func (f Folder) Import(tables []Table, fewer bool) (changed []Kind, err error) {
	inUse, err := f.InUse()
	if err != nil {
		return nil, err
	}
	next, err := f.Load()
	if err != nil {
		return nil, err
	}
	seen := map[Kind]string{}
	for _, t := range tables {
		if first, twice := seen[t.Kind]; twice {
			return nil, registry.Errorf(registry.Conflict, "import codes",
				"%s and %s are both the table of %s; import one of them", first, t.Origin, t.Kind.Title())
		}
		seen[t.Kind] = t.Origin
		old := inUse[t.Kind]
		if sameRows(old, t) {
			continue
		}
		if err := better(old, t, fewer); err != nil {
			return nil, err
		}
		next[t.Kind] = t
		inUse[t.Kind] = t
		changed = append(changed, t.Kind)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if _, err := Build(inUse); err != nil {
		return nil, err
	}
	return changed, f.write(next)
}

func sameRows(a, b Table) bool {
	if len(a.Rows) != len(b.Rows) {
		return false
	}
	for i := range a.Rows {
		if a.Rows[i] != b.Rows[i] {
			return false
		}
	}
	return true
}

func better(old, t Table, fewer bool) error {
	switch {
	case t.Edition < old.Edition:
		return registry.Errorf(registry.Conflict, "import codes",
			"%s is of %s, older than the table of %s in use (%s); download CDC's current file",
			t.Origin, Day(t.Edition), t.Kind.Title(), Day(old.Edition))
	case !fewer && len(t.Rows)*5 < len(old.Rows)*4:
		return registry.Errorf(registry.Conflict, "import codes",
			"%s has %d rows where the table of %s in use has %d, so it seems to be cut short; download it again, or say --fewer if CDC has shortened it",
			t.Origin, len(t.Rows), t.Kind.Title(), len(old.Rows))
	}
	return nil
}

// write makes the set the version in use.
func (f Folder) write(s Set) error {
	fail := func(err error) error {
		return registry.Errorf(registry.KindOf(err), "import codes", "writing to %s: %w", f.Dir, err)
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fail(err)
	}
	f.sweep()
	dir, err := os.MkdirTemp(f.Dir, halfDone)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // gone already when all went well
	if err := os.Chmod(dir, 0o755); err != nil {
		return fail(err)
	}
	var newest hl7.Date
	h := sha256.New()
	for _, k := range Published() {
		t, ok := s[k]
		if !ok {
			continue
		}
		newest = max(newest, t.Edition)
		if _, err := t.WriteTo(h); err != nil {
			return fail(err)
		}
		if err := writeFile(filepath.Join(dir, string(k)+".txt"), t); err != nil {
			return fail(err)
		}
	}
	version := Day(newest) + "." + hex.EncodeToString(h.Sum(nil)[:4])
	target := filepath.Join(f.Dir, version)
	if err := os.Rename(dir, target); err != nil {
		// An earlier import of the same tables left it there, whole or not.
		if rmErr := os.RemoveAll(target); rmErr != nil {
			return fail(rmErr)
		}
		if err := os.Rename(dir, target); err != nil {
			return fail(err)
		}
	}
	next := filepath.Join(f.Dir, currentFile+".next")
	if err := writeFile(next, strings.NewReader(version+"\n")); err != nil {
		return fail(err)
	}
	if err := os.Rename(next, filepath.Join(f.Dir, currentFile)); err != nil {
		return fail(err)
	}
	return nil
}

// writeFile writes a file through to the disk.
func writeFile(path string, content io.WriterTo) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = content.WriteTo(file)
	return errors.Join(err, file.Sync(), file.Close())
}

// sweep removes what an import left that was cut off in the middle.
func (f Folder) sweep() {
	left, _ := filepath.Glob(filepath.Join(f.Dir, halfDone+"*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir) // in the way of nobody
	}
}
