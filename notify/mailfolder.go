package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"immtrail/registry"
)

// MailFolder is where the bounces of our letters arrive: a Maildir, or a folder into
// which somebody saves mails as .eml.
type MailFolder struct{ Dir string }

// Mail is a file of it that was not read before.
type Mail struct {
	// Name is the file's, without its folder; a mail server or a person chose it.
	Name string
	path string
	// maildir: it is marked as seen there, and not moved out of the mailbox.
	maildir bool
}

// doneFolder takes the mails that were read, of a folder that is no Maildir.
const doneFolder = "read"

// Unread lists at most limit mails that were not read before, by name. It fails with
// kind Missing when the folder is not there, Refused when it may not be read.
func (f MailFolder) Unread(limit int) ([]Mail, error) {
	var out []Mail
	if _, err := os.Stat(filepath.Join(f.Dir, "cur")); err == nil {
		for _, sub := range []string{"new", "cur"} {
			names, err := f.files(sub)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				if _, flags, _ := strings.Cut(name, ":2,"); !strings.Contains(flags, "S") { // seen
					out = append(out, Mail{Name: name, path: filepath.Join(f.Dir, sub, name), maildir: true})
				}
			}
		}
		return out[:min(len(out), limit)], nil
	}
	names, err := f.files(".")
	for _, name := range names {
		if strings.EqualFold(filepath.Ext(name), ".eml") {
			out = append(out, Mail{Name: name, path: filepath.Join(f.Dir, name)})
		}
	}
	return out[:min(len(out), limit)], err
}

func (f MailFolder) files(sub string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, sub))
	if err != nil {
		kind := registry.Refused
		if errors.Is(err, fs.ErrNotExist) {
			kind = registry.Missing
		}
		return nil, registry.Errorf(kind, "bounces", "the folder of notify.bounces cannot be read: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Read reads a mail as [ReadBounce] does. Kind Missing when it is gone.
func (f MailFolder) Read(_ context.Context, m Mail) (b Bounce, ok bool, err error) {
	file, err := os.Open(m.path)
	if err != nil {
		return b, false, registry.Errorf(registry.Missing, "bounces", "a mail cannot be opened")
	}
	defer func() { _ = file.Close() }() // only read from
	return ReadBounce(io.Reader(file))
}

// Done says that a mail was read: in a Maildir it is marked as seen, elsewhere it moves
// to the folder "read" beside it. One that is gone is done.
func (f MailFolder) Done(m Mail) error {
	to := filepath.Join(f.Dir, doneFolder, m.Name)
	if m.maildir {
		name, flags, _ := strings.Cut(m.Name, ":2,")
		letters := strings.Split(flags+"S", "")
		slices.Sort(letters) // as maildir(5) wants them
		to = filepath.Join(f.Dir, "cur", name+":2,"+strings.Join(letters, ""))
	} else {
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return registry.Errorf(registry.Refused, "bounces", "the folder of notify.bounces cannot be written to: %w", err)
		}
		to = free(to)
	}
	if err := os.Rename(m.path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// Without the paths: who saved a mail named it, perhaps by what it is about.
		var link *os.LinkError
		if errors.As(err, &link) {
			err = link.Err
		}
		return registry.Errorf(registry.Refused, "bounces", "a mail that was read cannot be marked so: %w", err)
	}
	return nil
}

// free is path, or where something lies there already, another that is like it: people
// save mails under the same name again and again.
func free(path string) string {
	ext := filepath.Ext(path)
	for n, to := 2, path; ; n++ {
		if _, err := os.Lstat(to); err != nil {
			return to
		}
		to = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), n, ext)
	}
}
