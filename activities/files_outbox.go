package activities

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"immtrail/db"
	"immtrail/registry"
	"immtrail/vault"
)

// outbox is one lane of a practice's outbox. Everything stays below its root,
// whatever links lie there.
type outbox struct {
	root     *os.Root // <outbox>/<practice>
	lane     string
	practice string
	sealer   *db.Sealer
	with     companions
	// shared is the folder that several practices share, among whom; empty: it is the
	// practice's own.
	shared string
	among  sharers
}

// outboxFile is a file that lies there, with the name that the EHR gave it.
// That name never leaves this file but sealed.
type outboxFile struct {
	name  string
	token string
	info  fs.FileInfo
	// done and checksum are its companions, where the profile wants them.
	done, checksum string
}

// openOutbox opens the practice's folder. Kind Missing when it, the lane's folder
// or its marker is not there: a share that is not mounted is never an empty day.
func (a *Files) openOutbox(practice string, lane registry.Lane) (*outbox, error) {
	if err := registry.CheckID("practice", practice); err != nil {
		return nil, err
	}
	if !lane.Valid() {
		return nil, registry.Errorf(registry.Invalid, "outbox", "there is no lane %q", lane)
	}
	dir := filepath.Join(a.Outbox, practice)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, diskFault("outbox", "the folder "+dir, err)
	}
	fi, err := root.Stat(string(lane))
	if err == nil && !fi.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = root.Close() // nothing was written
		return nil, diskFault("outbox", "the folder "+filepath.Join(dir, string(lane)), err)
	}
	if err := CheckMarker(a.Outbox, practice, lane); err != nil {
		_ = root.Close() // nothing was written
		return nil, err
	}
	profile, err := a.Profiles.Profile(practice)
	if err != nil {
		_ = root.Close() // nothing was written
		return nil, err
	}
	return &outbox{root: root, lane: string(lane), practice: practice, sealer: a.DB.Sealer(), with: companionsOf(profile)}, nil
}

func (o *outbox) close() { _ = o.root.Close() } // nothing is written through it

// unfinished are endings that programs give to files they still write.
var unfinished = []string{".part", ".tmp", ".filepart", ".partial", ".crdownload"}

// writing tells by its name that a file is still being written.
func writing(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(unfinished, func(end string) bool { return strings.HasSuffix(lower, end) })
}

// list finds the plain files, oldest first. Hidden files, links and folders
// are none; files with an unfinished name, or without the companions that the
// profile wants, are not ready.
func (o *outbox) list() (files, unready []outboxFile, err error) {
	all, err := o.entries()
	if err != nil {
		return nil, nil, err
	}
	for name, fi := range all {
		if o.with.is(name) {
			continue
		}
		f := outboxFile{name: name, token: o.token(name, fi), info: fi}
		ready := false
		if !writing(name) {
			f.done, f.checksum, ready = o.with.of(name, fi, all)
		}
		if ready {
			files = append(files, f)
		} else {
			unready = append(unready, f)
		}
	}
	for _, of := range [][]outboxFile{files, unready} {
		slices.SortFunc(of, func(a, b outboxFile) int {
			return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.name, b.name))
		})
	}
	return files, unready, nil
}

// entries are the plain files of the lane by name.
func (o *outbox) entries() (map[string]fs.FileInfo, error) {
	dir, err := o.root.Open(o.lane)
	if err != nil {
		return nil, diskFault("outbox", "the folder of the outbox", err)
	}
	defer func() { _ = dir.Close() }() // only read from
	all := map[string]fs.FileInfo{}
	var below func(string) error
	if o.shared != "" {
		below = func(folder string) error { return o.entriesBelow(folder, all) }
	}
	return all, plainFiles(dir, func(fi fs.FileInfo) { all[fi.Name()] = fi }, below)
}

// plainFiles hands on the plain files of a folder, and its folders to below where
// that is set. Hidden ones and links are neither.
func plainFiles(dir *os.File, file func(fs.FileInfo), below func(folder string) error) error {
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return diskFault("outbox", "the folder of the outbox", err)
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case e.IsDir() && below != nil:
			if err := below(e.Name()); err != nil {
				return err
			}
			continue
		case !e.Type().IsRegular():
			continue
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went while we looked
		}
		if err != nil {
			return diskFault("outbox", "a file in the outbox", err)
		}
		file(fi)
	}
	return nil
}

// token stands for the file wherever a name would be seen: keyed, so that
// nobody can try names against it.
func (o *outbox) token(name string, fi fs.FileInfo) string {
	sum := o.sealer.Digest("outbox", o.practice, o.lane, name, fi.ModTime().UTC().Format(time.RFC3339Nano), strconv.FormatInt(fi.Size(), 10))
	return "n-" + hex.EncodeToString(sum[:16])
}

// scan lists what is complete: not changed for a.Stable on the wall clock. A
// time in the future tells nothing, so such files are looked at twice.
func (a *Files) scan(ctx context.Context, in ScanOutboxInput) (ScanOutboxResult, error) {
	o, err := a.openOutbox(in.Practice, in.Lane)
	if err != nil {
		return ScanOutboxResult{}, err
	}
	defer o.close()
	files, unready, err := o.list()
	if err != nil {
		return ScanOutboxResult{}, err
	}
	now := a.Clock()
	future := map[string]bool{}
	if slices.ContainsFunc(files, func(f outboxFile) bool { return f.info.ModTime().After(now) }) {
		if err := pause(ctx, a.Stable); err != nil {
			return ScanOutboxResult{}, err
		}
		again, _, err := o.list()
		if err != nil {
			return ScanOutboxResult{}, err
		}
		for _, f := range again {
			future[f.token] = f.info.ModTime().After(now)
		}
	}
	shared, err := a.scanShared(ctx, in, now)
	if err != nil {
		return ScanOutboxResult{}, err
	}
	files, unready = append(files, shared.own...), append(unready, shared.unready...)
	result := ScanOutboxResult{Unstable: len(unready), Stray: len(shared.strays)}
	if result.Stray > 0 {
		for _, f := range shared.strays[:min(result.Stray, MaxStrays)] {
			result.Strays = append(result.Strays, f.token)
		}
		if in.Strict {
			return ScanOutboxResult{}, strayError(shared.dir, result.Stray)
		}
	}
	newest := time.Time{}
	for _, f := range unready {
		if at := f.info.ModTime(); now.Sub(at) >= stuckAfter {
			if result.Stuck++; !at.Before(newest) {
				newest, result.NewestStuck = at, f.token
			}
		}
	}
	for _, f := range files {
		switch {
		case now.Sub(f.info.ModTime()) < a.Stable && !future[f.token]:
			result.Unstable++
		case len(result.Files) >= max(1, in.Max):
			result.More = true
		default:
			result.Files = append(result.Files, OutboxFile{Name: f.token, Size: f.info.Size()})
		}
	}
	return result, a.markLeft(ctx, o.with, result.Files)
}

// markLeft marks the files that a person left, where files have checksums to match.
func (a *Files) markLeft(ctx context.Context, with companions, files []OutboxFile) error {
	if with.checksum == "" {
		return nil
	}
	tokens := make([]string, len(files))
	for i, f := range files {
		tokens[i] = f.Name
	}
	left, err := a.left(ctx, tokens)
	for i := range files {
		files[i].Left = left[files[i].Name]
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stage takes the file of a token: into the file store, into the database, and
// only then out of the outbox.
func (a *Files) stage(ctx context.Context, in StageFileInput) (StageFileResult, error) {
	profile, err := a.Profiles.Profile(in.Practice)
	if err != nil {
		return StageFileResult{}, err
	}
	o, err := a.openOutbox(in.Practice, in.Lane)
	if err != nil {
		return StageFileResult{}, err
	}
	defer o.close()
	files, _, err := o.list()
	if err != nil {
		return StageFileResult{}, err
	}
	i := slices.IndexFunc(files, func(f outboxFile) bool { return f.token == in.Name })
	if i < 0 {
		shared, err := a.openShared(ctx, in.Practice, in.Lane)
		if err != nil || shared == nil {
			return a.goneUnless(ctx, in, err)
		}
		defer shared.close()
		if files, _, err = shared.list(); err != nil {
			return StageFileResult{}, err
		}
		if i = slices.IndexFunc(files, func(f outboxFile) bool { return f.token == in.Name }); i < 0 {
			return a.gone(ctx, in)
		}
		o = shared
	}
	if files[i].checksum != "" {
		right, err := o.sumMatches(files[i])
		if err == nil && !right && in.Wrong > 0 {
			err = wrongSum(in.Wrong)
		}
		if err != nil || !right {
			return StageFileResult{WrongSum: err == nil}, err
		}
	}
	return a.take(ctx, o, files[i], in, profile.File.AfterStaging == "delete")
}

// goneUnless is gone where nothing went wrong before.
func (a *Files) goneUnless(ctx context.Context, in StageFileInput, err error) (StageFileResult, error) {
	if err != nil {
		return StageFileResult{}, err
	}
	return a.gone(ctx, in)
}

// gone answers for a file that is not in the outbox any more.
func (a *Files) gone(ctx context.Context, in StageFileInput) (StageFileResult, error) {
	before, ok, err := a.DB.Arrival(ctx, in.Practice, in.Lane, in.Name)
	if err != nil || !ok {
		return StageFileResult{Gone: err == nil}, err
	}
	if err := a.DB.ArrivalLeft(ctx, in.Practice, in.Lane, in.Name, in.date(a.Clock)); err != nil {
		return StageFileResult{}, err
	}
	return StageFileResult{File: before.File, Known: before.Known, Gone: true}, nil
}

func (a *Files) take(ctx context.Context, o *outbox, f outboxFile, in StageFileInput, remove bool) (StageFileResult, error) {
	const op = "stage file"
	src, err := o.root.Open(filepath.Join(o.lane, f.name))
	if err != nil {
		return StageFileResult{}, diskFault(op, "a file in the outbox", err)
	}
	defer func() { _ = src.Close() }() // only read from
	kept, err := a.Vault.Put(ctx, &silentReader{src})
	if err != nil {
		return StageFileResult{}, err
	}
	if now, err := src.Stat(); err != nil || kept.Size != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
		return StageFileResult{}, registry.Errorf(registry.Transient, op, "the file changed while it was read")
	}
	staged, err := a.DB.StageFile(ctx, db.NewFile{
		Practice: in.Practice, Lane: in.Lane, Digest: kept.SHA256, Size: kept.Size, VaultKey: kept.Key,
		At: in.date(a.Clock), Arrival: &db.Arrival{Token: f.token, SourceName: f.name},
	})
	if err != nil {
		return StageFileResult{}, err
	}
	if err := a.stillKept(ctx, kept); err != nil {
		return StageFileResult{}, err
	}
	if err := o.clear(f, staged.File.ID, remove); err != nil {
		return StageFileResult{}, err
	}
	if err := a.DB.ArrivalLeft(ctx, in.Practice, in.Lane, in.Name, in.date(a.Clock)); err != nil {
		return StageFileResult{}, err
	}
	return StageFileResult{File: staged.File, Known: staged.Known}, nil
}

// stillKept makes sure that retention of the same bytes did not destroy them
// between the put and the row; from the row on it cannot.
func (a *Files) stillKept(ctx context.Context, kept vault.Object) error {
	has, err := a.Vault.Has(ctx, kept.Key)
	if err == nil && !has {
		err = registry.Errorf(registry.Transient, "stage file", "the file store lost the bytes while they were staged")
	}
	return err
}

// takenFolder lies beside the lanes and keeps what was staged.
const takenFolder = "taken"

// clear takes the file out of the lane. It is moved first and looked at then,
// so that a file that the EHR put in its place meanwhile is not lost.
func (o *outbox) clear(f outboxFile, fileID string, remove bool) error {
	const op = "clear outbox"
	folder := filepath.Join(takenFolder, o.lane)
	if err := o.root.MkdirAll(folder, 0o700); err != nil {
		return diskFault(op, "the folder taken/", err)
	}
	from, to := filepath.Join(o.lane, f.name), filepath.Join(folder, fileID+"_"+filepath.Base(f.name))
	if len(fileID)+1+len(f.name) > 250 {
		to = filepath.Join(folder, fileID+"_"+f.token)
	}
	if err := o.root.Rename(from, to); err != nil {
		return diskFault(op, "moving a file to taken/", err)
	}
	moved, err := o.root.Stat(to)
	if err == nil && (!os.SameFile(moved, f.info) || moved.Size() != f.info.Size()) {
		err = o.root.Rename(to, from)
		if err == nil {
			return registry.Errorf(registry.Transient, op, "the file changed while it was staged; it was left in the outbox")
		}
	}
	if err == nil && remove {
		err = o.root.Remove(to)
	}
	if err != nil {
		return diskFault(op, "a file in taken/", err)
	}
	return o.clearCompanions(f, to, remove)
}

// clearCompanions follows the file: one that stays behind says nothing of the next
// file of that name, since it is older.
func (o *outbox) clearCompanions(f outboxFile, to string, remove bool) error {
	for suffix, name := range map[string]string{o.with.done: f.done, o.with.checksum: f.checksum} {
		if name == "" {
			continue
		}
		err := o.root.Rename(filepath.Join(o.lane, name), to+suffix)
		if err == nil && remove {
			err = o.root.Remove(to + suffix)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return diskFault("clear outbox", "a companion of a file", err)
		}
	}
	return nil
}

// silentReader keeps the file's name out of errors of reading it.
type silentReader struct{ f *os.File }

func (r *silentReader) Read(p []byte) (int, error) {
	n, err := r.f.Read(p)
	var path *fs.PathError
	if errors.As(err, &path) {
		err = diskFault("stage file", "reading a file in the outbox", err)
	}
	return n, err
}

// diskFault gives an error of the local disk its kind. The names of files may
// be patients', so only place and cause are told.
func diskFault(op, place string, err error) error {
	kind := registry.Transient
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = registry.Missing
	case errors.Is(err, fs.ErrPermission):
		kind = registry.Refused
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = registry.Busy
	}
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return registry.Errorf(kind, op, "%s: %w", place, err)
}
