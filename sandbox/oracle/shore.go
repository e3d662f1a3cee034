package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"immtrail/registry"
	"immtrail/sandbox/fakeregistry"
)

// arrived is a file at the registry: judged, with an entry in the ledger, or
// lying there still.
type arrived struct {
	// id is that of the ledger, or the path of a file that has none yet.
	id      string
	account string
	lane    registry.Lane
	name    string
	size    int64
	sha256  string
	at      time.Time
	entry   *fakeregistry.Received // nil where it is not judged yet
}

// shore is what reached the registry.
type shore struct {
	ledger []fakeregistry.Received
	all    []arrived
}

// readShore follows the way of a file, from the folder over the spool into the
// ledger, so that none is missed that moves while it looks. A file that was
// seen twice on its way counts once.
func readShore(dir string, practices []Practice) (*shore, error) {
	var lying []arrived
	for _, p := range practices {
		for _, l := range registry.Lanes() {
			home, err := lyingIn(dir, p.Account, l)
			if err != nil {
				return nil, err
			}
			lying = append(lying, home...)
		}
	}
	for _, p := range practices {
		for _, l := range registry.Lanes() {
			spool, err := spooledIn(dir, p.Account, l)
			if err != nil {
				return nil, err
			}
			lying = append(lying, spool...)
		}
	}
	ledger, err := fakeregistry.ReadLedger(dir)
	if err != nil {
		return nil, err
	}
	s := &shore{ledger: ledger}
	for i := range ledger {
		r := &ledger[i]
		s.all = append(s.all, arrived{
			id: r.ID, account: r.Account, lane: r.Lane, name: r.Name, size: r.Size, sha256: r.SHA256, at: r.Time, entry: r,
		})
	}
	for _, a := range lying {
		if !s.moved(&a) {
			s.all = append(s.all, a)
		}
	}
	return s, nil
}

// moved reports whether the file was seen again further along.
func (s *shore) moved(a *arrived) bool {
	for i := range s.all {
		b := &s.all[i]
		if a.account == b.account && a.lane == b.lane && a.name == b.name && a.sha256 == b.sha256 && !b.at.Before(a.at.Add(-time.Second)) {
			return true
		}
	}
	return false
}

// lyingIn lists finished files in one folder of an account's home.
func lyingIn(dir, account string, l registry.Lane) ([]arrived, error) {
	folder := filepath.Join(dir, "homes", account, filepath.FromSlash(fakeregistry.DefaultFolders().For(l)))
	return listed(folder, func(name string, info fs.FileInfo) (arrived, bool) {
		ext := strings.ToLower(filepath.Ext(name))
		if strings.HasPrefix(name, ".") || ext == ".part" || ext == ".filepart" || ext == ".tmp" {
			return arrived{}, false
		}
		return arrived{
			id: account + "/" + string(l) + "/" + name, account: account, lane: l, name: name, at: info.ModTime(),
		}, true
	})
}

// spooledIn lists what the registry took and has not judged.
func spooledIn(dir, account string, l registry.Lane) ([]arrived, error) {
	folder := filepath.Join(dir, "spool", account, string(l))
	return listed(folder, func(file string, _ fs.FileInfo) (arrived, bool) {
		parts := strings.SplitN(file, "_", 3)
		if len(parts) != 3 {
			return arrived{}, false
		}
		nanos, err := strconv.ParseInt(parts[0], 10, 64)
		return arrived{
			id: account + "/" + string(l) + "/" + file, account: account, lane: l, name: parts[2], at: time.Unix(0, nanos).UTC(),
		}, err == nil
	})
}

func listed(folder string, as func(string, fs.FileInfo) (arrived, bool)) ([]arrived, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the registry's folder: %w", err)
	}
	var all []arrived
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at the registry's folder: %w", err)
		}
		a, ok := as(e.Name(), info)
		if !ok {
			continue
		}
		a.size, a.sha256, err = digest(filepath.Join(folder, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it moves on; the next look finds it there
		}
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func digest(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", fmt.Errorf("read a file of the registry: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return 0, "", fmt.Errorf("read a file of the registry: %w", err)
	}
	return n, hex.EncodeToString(sum.Sum(nil)), nil
}

// named finds what arrived from an account under a name.
func (s *shore) named(account, name string) []arrived {
	var found []arrived
	for _, a := range s.all {
		if a.account == account && a.name == name {
			found = append(found, a)
		}
	}
	return found
}
