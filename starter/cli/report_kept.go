package cli

import (
	"context"
	"io"
	"os"
	"regexp"

	"immtrail/db"
)

// keptReport is how reports in the file store are called.
var keptReport = regexp.MustCompile(`^r-[0-9]+$`)

// isKept reports whether an argument means a report in the file store; a file of
// that name goes first.
func isKept(arg string) bool {
	if !keptReport.MatchString(arg) {
		return false
	}
	_, err := os.Stat(arg)
	return err != nil
}

// openReport opens a report at the desk, or one that lies in the file store. What
// is kept is decrypted on its way and written nowhere.
func (a *app) openReport(ctx context.Context, arg string) (src io.ReadCloser, size int64, name string, err error) {
	if !isKept(arg) {
		return a.openInput(arg)
	}
	r, err := a.kept(ctx, arg)
	if err != nil {
		return nil, 0, "", err
	}
	files, err := a.fileStore(ctx)
	if err != nil {
		return nil, 0, "", err
	}
	src, err = files.Open(ctx, r.VaultKey)
	return src, r.Size, r.ID, err
}

func (a *app) kept(ctx context.Context, id string) (db.Report, error) {
	store, err := a.store(ctx)
	if err != nil {
		return db.Report{}, err
	}
	return store.Report(ctx, id)
}
