package fakeregistry

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"immtrail/registry"
)

// Registry is the registry without its network: what lies in its folder, and
// the rules. [Main] puts a server before it; tests step it by hand.
type Registry struct {
	store    store
	calendar registry.Calendar
	message  registry.MessageSettings

	// accountsMu is apart from mu: a rename must not wait for a long judgement.
	accountsMu sync.RWMutex
	accounts   map[string]Account

	mu     sync.Mutex
	ledger *ledger
	// seen remembers how often a file was looked at unchanged.
	seen map[string]sighting
	// known are the doses on file, by account and world (test or real).
	known map[string]map[doseKey]bool
	// waiting are the answers that are not published yet.
	waiting []waiting
	silent  bool
	// first is the date on which an account's first file was taken.
	first map[string]time.Time
}

// waiting is an answer that is written and not published.
type waiting struct {
	id, user, name string
	due            time.Time
}

func waitingFor(r *Received) waiting {
	return waiting{id: r.ID, user: r.Account, name: r.Answer, due: r.AnswerDue}
}

type sighting struct {
	size  int64
	mtime time.Time
	looks int
}

// Open opens the registry in opts.Dir, which is made when missing, and takes up
// what a kill left behind. Of opts it uses Dir, Calendar, Folders, Message and
// Accounts.
func Open(opts Options) (*Registry, error) {
	opts = opts.withDefaults()
	for _, d := range []string{"homes", "spool", "archive", "answers", "doses", "notes", "periods"} {
		if err := os.MkdirAll(filepath.Join(opts.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("open registry: %w", err)
		}
	}
	l, all, err := openLedger(opts.Dir)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		store: store{dir: opts.Dir, folders: opts.Folders}, calendar: opts.Calendar, message: opts.Message,
		accounts: map[string]Account{}, ledger: l, seen: map[string]sighting{},
		known: map[string]map[doseKey]bool{}, first: map[string]time.Time{},
	}
	for i := range all {
		if err := r.recall(&all[i]); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return r, nil
}

// recall takes up what the ledger says of one file.
func (r *Registry) recall(rec *Received) error {
	known := r.world(rec.Account, rec.Lane)
	if err := r.store.readDoses(rec.ID, func(k doseKey) { known[k] = true }); err != nil {
		return err
	}
	if _, err := os.Stat(r.store.answerPath(rec.ID)); err == nil {
		r.waiting = append(r.waiting, waitingFor(rec))
	}
	if first, ok := r.first[rec.Account]; !ok || rec.Date.Before(first) {
		r.first[rec.Account] = rec.Date
	}
	return nil
}

// world holds the doses that an account's files brought in: what was tested is
// kept apart from what is real.
func (r *Registry) world(user string, l registry.Lane) map[doseKey]bool {
	key := user + "/real"
	if l == registry.LaneTest {
		key = user + "/test"
	}
	if r.known[key] == nil {
		r.known[key] = map[doseKey]bool{}
	}
	return r.known[key]
}

// Close closes the ledger.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.close()
}

// SetAccounts adds accounts or replaces them, and makes their folders.
func (r *Registry) SetAccounts(accounts []Account) error {
	for _, a := range accounts {
		if err := a.fault(); err != nil {
			return fmt.Errorf("account %s: %w", a.User, err)
		}
		if err := r.store.room(a.User); err != nil {
			return err
		}
		r.accountsMu.Lock()
		r.accounts[a.User] = a
		r.accountsMu.Unlock()
	}
	return nil
}

func (r *Registry) account(user string) (Account, bool) {
	r.accountsMu.RLock()
	defer r.accountsMu.RUnlock()
	a, ok := r.accounts[user]
	return a, ok
}

// users are the logins, sorted.
func (r *Registry) users() []string {
	r.accountsMu.RLock()
	defer r.accountsMu.RUnlock()
	return slices.Sorted(maps.Keys(r.accounts))
}

// setSilent keeps answers back while it is set.
func (r *Registry) setSilent(silent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = silent
}

// Renamed is the hook for a file that just got its final name: the accounts
// that are swept at once lose it on the spot. The path is relative to the
// account's home, with slashes.
func (r *Registry) Renamed(user, name string, now time.Time) error {
	a, ok := r.account(user)
	if !ok || !a.Behaviour.SweepAtOnce {
		return nil
	}
	for _, l := range registry.Lanes() {
		if path.Dir(name) == path.Clean(r.store.folders.For(l)) && complete(path.Base(name)) {
			return r.store.take(user, l, path.Base(name), now, r.calendar.Date(now))
		}
	}
	return nil
}

// Step is one look of the registry at everything: it takes complete files,
// judges what was taken, and publishes the answers that are due. It may be
// repeated, and be killed at any place.
func (r *Registry) Step(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, u := range r.users() {
		for _, l := range registry.Lanes() {
			errs = append(errs, r.look(u, l, now), r.judgeAll(u, l))
		}
	}
	errs = append(errs, r.publishDue(now), r.publishPeriods(now))
	return errors.Join(errs...)
}

// complete tells the name of a finished file from one that is being written.
func complete(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.EqualFold(filepath.Ext(name), ".part") &&
		!strings.EqualFold(filepath.Ext(name), ".filepart") && !strings.EqualFold(filepath.Ext(name), ".tmp")
}

// look takes the files of one folder that have lain there long enough.
func (r *Registry) look(user string, l registry.Lane, now time.Time) error {
	entries, err := os.ReadDir(r.store.inbound(user, l))
	if err != nil {
		return fmt.Errorf("look into a folder: %w", err)
	}
	a, _ := r.account(user)
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() || !complete(e.Name()) {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look at a file: %w", err))
			continue
		}
		key := user + "/" + string(l) + "/" + e.Name()
		s := r.seen[key]
		if s.looks == 0 || s.size != info.Size() || !s.mtime.Equal(info.ModTime()) {
			s = sighting{size: info.Size(), mtime: info.ModTime()}
		}
		s.looks++
		r.seen[key] = s
		if s.looks <= a.Behaviour.linger() {
			continue
		}
		delete(r.seen, key)
		errs = append(errs, r.store.take(user, l, e.Name(), now, r.calendar.Date(now)))
	}
	return errors.Join(errs...)
}

// publishDue puts the answers whose date has come into the reports folders.
func (r *Registry) publishDue(now time.Time) error {
	if r.silent {
		return nil
	}
	today := r.calendar.Date(now)
	var later []waiting
	var errs []error
	for _, w := range r.waiting {
		if w.due.After(today) {
			later = append(later, w)
			continue
		}
		if err := r.store.publish(w); err != nil {
			errs = append(errs, err)
			later = append(later, w)
		}
	}
	r.waiting = later
	return errors.Join(errs...)
}
