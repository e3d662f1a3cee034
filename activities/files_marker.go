package activities

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"immtrail/registry"
)

// OutboxMarker is the file that lies in each folder of an outbox. It is part of
// what is mounted there: where it is missing, an empty folder is a mount point
// without its share and not a day without files.
const OutboxMarker = ".immtrail-outbox"

// outboxMarkerText is for whoever finds the file.
const outboxMarkerText = "immtrail takes files only from a folder with this file. Do not remove it.\n"

// MakeOutbox makes what is missing of a practice's folders below dir, each with
// its marker or not at all. A folder that is there already is left as it is: its
// marker is a person's word that it is the right one.
func MakeOutbox(dir, practice string) error {
	if err := registry.CheckID("practice", practice); err != nil {
		return err
	}
	folder := filepath.Join(dir, practice)
	if err := os.MkdirAll(folder, 0o770); err != nil {
		return err
	}
	for _, lane := range registry.Lanes() {
		if err := makeMarked(folder, string(lane)); err != nil {
			return err
		}
	}
	return nil
}

func makeMarked(parent, name string) (err error) {
	final := filepath.Join(parent, name)
	if _, err := os.Lstat(final); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh)) // holds the marker alone
		}
	}()
	marker := filepath.Join(fresh, OutboxMarker)
	if err := os.WriteFile(marker, []byte(outboxMarkerText), 0o640); err != nil { //nolint:gosec // the EHR's group sees it too
		return err
	}
	if err := os.Chmod(fresh, 0o770); err != nil { //nolint:gosec // the EHR's group writes here
		return err
	}
	return os.Rename(fresh, final)
}

// sharedLanes are the lanes of a folder that practices share: a historical load is
// handed in by practice.
func sharedLanes() []registry.Lane {
	return []registry.Lane{registry.LaneTest, registry.LaneProduction}
}

// MakeSharedOutbox makes a folder that several practices share, with its lanes and
// markers, where nothing is there. In one that is there nothing is made: it may be a
// mount point without its share.
func MakeSharedOutbox(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o770); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o770); errors.Is(err, fs.ErrExist) {
		return CheckSharedOutbox(dir)
	} else if err != nil {
		return err
	}
	for _, lane := range sharedLanes() {
		if err := makeMarked(dir, string(lane)); err != nil {
			return err
		}
	}
	return nil
}

// CheckSharedOutbox looks for the folders of a shared outbox and their markers. Kind
// Missing, with what to do, where one is not there.
func CheckSharedOutbox(dir string) error {
	for _, lane := range sharedLanes() {
		folder := filepath.Join(dir, string(lane))
		if fi, err := os.Stat(folder); err == nil && !fi.IsDir() || errors.Is(err, fs.ErrNotExist) {
			return registry.Errorf(registry.Missing, "outbox", "the folder %s of file.shared_outbox is not there: mount the share; "+
				"if there is none to mount, run: mkdir -p %s && touch %s", folder, folder, filepath.Join(folder, OutboxMarker))
		} else if err != nil {
			return diskFault("outbox", "the folder "+folder, err)
		}
		if err := CheckMarker(filepath.Dir(dir), filepath.Base(dir), lane); err != nil {
			return err
		}
	}
	return nil
}

// CheckMarker looks for the marker of one lane of a practice's outbox below dir.
// Kind Missing, with what to do, where the folder has none.
func CheckMarker(dir, practice string, lane registry.Lane) error {
	folder := filepath.Join(dir, practice, string(lane))
	fi, err := os.Lstat(filepath.Join(folder, OutboxMarker))
	if err == nil && fi.Mode().IsRegular() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskFault("outbox", "the file "+OutboxMarker+" in "+folder, err)
	}
	return registry.Errorf(registry.Missing, "outbox", "the folder %s is there without its file %s, as an empty mount point is: "+
		"mount the share; if this is the right folder, such as one made by hand, run: touch %s",
		folder, OutboxMarker, filepath.Join(folder, OutboxMarker))
}

// OutboxFolder is the folder of a practice's lane below dir.
func OutboxFolder(dir, practice string, lane registry.Lane) string {
	return filepath.Join(dir, practice, string(lane))
}

// CheckOutbox looks at a practice's folder as a submission does. Kind Missing, or
// Refused, with what to do, where nothing can be taken from it.
func CheckOutbox(dir, practice string, lane registry.Lane) error {
	folder := OutboxFolder(dir, practice, lane)
	if _, err := os.ReadDir(folder); err != nil {
		return diskFault("outbox", "the folder "+folder, err)
	}
	return CheckMarker(dir, practice, lane)
}
