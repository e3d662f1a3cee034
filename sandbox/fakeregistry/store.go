package fakeregistry

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"immtrail/registry"
)

// store is the registry's folder.
type store struct {
	dir     string
	folders registry.FolderSettings
}

func (s store) home(user string) string { return filepath.Join(s.dir, "homes", user) }

func (s store) inbound(user string, l registry.Lane) string {
	return filepath.Join(s.home(user), filepath.FromSlash(s.folders.For(l)))
}

func (s store) reports(user string) string {
	return filepath.Join(s.home(user), filepath.FromSlash(s.folders.Reports))
}

// room makes the folders of an account.
func (s store) room(user string) error {
	dirs := []string{s.reports(user)}
	for _, l := range registry.Lanes() {
		dirs = append(dirs, s.inbound(user, l), s.path("spool", user, l), s.path("archive", user, l))
	}
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("folders of an account: %w", err)
		}
	}
	return nil
}

func (s store) path(area, user string, l registry.Lane) string {
	return filepath.Join(s.dir, area, user, string(l))
}

// spooled is a file that was taken from an account.
type spooled struct {
	user string
	lane registry.Lane
	// file is its name in spool and archive: the moment and the date of its
	// taking, then the sender's name.
	file string
	at   time.Time
	// date is kept, not worked out again: after a restart the calendar may have
	// moved on.
	date time.Time
	name string
}

// id names the taking of the file, not its contents.
func (p spooled) id() string { return p.user + "/" + string(p.lane) + "/" + p.file }

// take moves a file out of the account's sight in one step. A file that is
// gone already was taken by somebody else.
func (s store) take(user string, l registry.Lane, name string, now, date time.Time) error {
	to := filepath.Join(s.path("spool", user, l), fmt.Sprintf("%019d_%011d_%s", now.UnixNano(), date.Unix(), name))
	err := os.Rename(filepath.Join(s.inbound(user, l), name), to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take a file: %w", err)
	}
	return nil
}

// spooledFiles lists what was taken and not put away, oldest first.
func (s store) spooledFiles(user string, l registry.Lane) ([]spooled, error) {
	entries, err := os.ReadDir(s.path("spool", user, l))
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var all []spooled
	for _, e := range entries { // sorted by name, so by moment
		parts := strings.SplitN(e.Name(), "_", 3)
		if len(parts) != 3 {
			continue
		}
		nanos, err := strconv.ParseInt(parts[0], 10, 64)
		date, err2 := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || err2 != nil {
			continue
		}
		all = append(all, spooled{
			user: user, lane: l, file: e.Name(), name: parts[2],
			at: time.Unix(0, nanos).UTC(), date: time.Unix(date, 0).UTC(),
		})
	}
	return all, nil
}

func (s store) spoolPath(p spooled) string {
	return filepath.Join(s.path("spool", p.user, p.lane), p.file)
}

// putAway moves a judged file to the archive; it may be repeated.
func (s store) putAway(p spooled) error {
	err := os.Rename(s.spoolPath(p), filepath.Join(s.path("archive", p.user, p.lane), p.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put a judged file away: %w", err)
	}
	return nil
}

// short is a plain file name for what belongs to an ID.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

func (s store) answerPath(id string) string { return filepath.Join(s.dir, "answers", short(id)) }
func (s store) dosesPath(id string) string  { return filepath.Join(s.dir, "doses", short(id)) }

// publish puts a due answer into the account's reports in one step, so that it
// is neither seen by halves nor put there twice.
func (s store) publish(w waiting) error {
	err := os.Rename(s.answerPath(w.id), filepath.Join(s.reports(w.user), w.name))
	if err != nil {
		return fmt.Errorf("publish a report: %w", err)
	}
	return nil
}

func (s store) writeDoses(id string, keys []doseKey) error {
	var b bytes.Buffer
	for _, k := range keys {
		b.WriteString(k.String())
		b.WriteByte('\n')
	}
	return writeWhole(s.dosesPath(id), b.Bytes())
}

func (s store) readDoses(id string, each func(doseKey)) error {
	f, err := os.Open(s.dosesPath(id))
	if err != nil {
		return fmt.Errorf("read doses: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		k, err := parseDoseKey(lines.Text())
		if err != nil {
			return fmt.Errorf("read doses: %w", err)
		}
		each(k)
	}
	return lines.Err()
}
