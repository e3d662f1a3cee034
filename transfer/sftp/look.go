package sftp

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"immtrail/registry"
	"immtrail/transfer"
)

const (
	// listBudget in bytes is some 150,000 names; a folder of reports holds
	// hundreds. What is longer is refused: it is no list of reports any more, or
	// one that never ends.
	listBudget = 32 << 20
	// listPatience is how many times the wait for one answer a whole listing
	// may last; it is many answers.
	listPatience = 5
)

// Stat implements [transfer.Remote].
func (s *session) Stat(ctx context.Context, folder, name string) (transfer.Seen, error) {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return transfer.Seen{}, err
	}
	return s.look(ctx, p)
}

// look does not follow links: what a link points at is not ours.
func (s *session) look(ctx context.Context, p string) (transfer.Seen, error) {
	var fi os.FileInfo
	err := s.ask(ctx, func() (err error) {
		fi, err = s.sftp.Lstat(p)
		return err
	})
	switch {
	case errors.Is(err, os.ErrNotExist):
		return transfer.Seen{}, nil
	case err != nil:
		return transfer.Seen{}, fail(opStat, kindOf(err), p, err)
	}
	return transfer.Seen{Exists: true, Regular: fi.Mode().IsRegular(), Size: fi.Size(), ModTime: fi.ModTime()}, nil
}

// List implements [transfer.Remote].
func (s *session) List(ctx context.Context, folder string) (transfer.Listing, error) {
	dir, err := transfer.CleanFolder(folder)
	if err != nil {
		return transfer.Listing{}, err
	}
	var found []os.FileInfo
	watch := &nameWatch{}
	s.watch.Store(watch)
	lift := s.conn.bound(listBudget)
	err = s.step(ctx, listPatience*s.c.IdleTimeout(), func() (err error) {
		found, err = s.sftp.ReadDirContext(ctx, dir)
		return err
	})
	s.watch.Store(nil)
	if lift() {
		return transfer.Listing{}, fail(opList, registry.Refused, "folder "+dir, errBudget)
	}
	if err != nil {
		return transfer.Listing{}, fail(opList, kindOf(err), "folder "+dir, err)
	}
	l := transfer.Listing{Entries: make([]transfer.Entry, 0, len(found))}
	for i, fi := range found {
		whole, climbs := watch.climbing[i]
		switch {
		case climbs:
			l.Refuse(whole)
		case !fi.Mode().IsRegular():
			l.Skipped++
		case registry.CheckListedName(fi.Name(), s.c.Settings.NameCharacters) != nil:
			l.Refuse(fi.Name())
		default:
			l.Entries = append(l.Entries, transfer.Entry{Name: fi.Name(), Size: fi.Size(), ModTime: fi.ModTime()})
		}
	}
	slices.SortFunc(l.Entries, func(a, b transfer.Entry) int { return strings.Compare(a.Name, b.Name) })
	return l, nil
}

// ReadBack implements [transfer.Remote].
func (s *session) ReadBack(ctx context.Context, folder, name string) (transfer.Downloaded, error) {
	return s.Download(ctx, folder, name, io.Discard)
}

// Download implements [transfer.Remote].
func (s *session) Download(ctx context.Context, folder, name string, w io.Writer) (transfer.Downloaded, error) {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return transfer.Downloaded{}, err
	}
	return s.download(ctx, p, w)
}

func (s *session) download(ctx context.Context, p string, w io.Writer) (transfer.Downloaded, error) {
	return transfer.Whole(ctx, p, s.look, func(ctx context.Context, size int64) (transfer.Downloaded, error) {
		return s.copyOut(ctx, p, size, w)
	})
}

// Remove implements [transfer.Remote]. The library falls back to removing a
// folder of that name, so only files get as far as that.
func (s *session) Remove(ctx context.Context, folder, name string) error {
	p, err := s.c.Listed(folder, name)
	if err != nil {
		return err
	}
	return s.remove(ctx, p)
}

func (s *session) remove(ctx context.Context, p string) error {
	seen, err := s.look(ctx, p)
	if err != nil || !seen.Exists {
		return err
	}
	if !seen.Regular {
		return registry.Errorf(registry.Refused, opRemove, "%s is not a file", p)
	}
	err = s.ask(ctx, func() error { return s.sftp.Remove(p) })
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(opRemove, kindOf(err), p, err)
	}
	return nil
}
