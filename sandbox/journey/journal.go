package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"immtrail/registry"
)

// journal is what was done for one practice, with dates.
type journal struct {
	mu   sync.Mutex
	path string

	// Reached holds the date on which each stage was first seen.
	Reached map[string]time.Time `json:"reached"`
	// Dropped are the files that the EHR wrote, in order.
	Dropped []drop `json:"dropped"`
	// Acts are things done once: "review-requested/1", "approved".
	Acts map[string]time.Time `json:"acts"`
}

// drop is one file of the EHR: enough to write the same bytes again.
type drop struct {
	Lane   registry.Lane `json:"lane"`
	Number int           `json:"number"` // within the lane, from 1
	Name   string        `json:"name"`
	Seed   uint64        `json:"seed"`
	Date   time.Time     `json:"date"`
	Script fileScript    `json:"script"`
	// Own is the path of a file of the user's; empty for a generated one.
	Own string `json:"own,omitempty"`
}

func openJournal(path string) (*journal, error) {
	j := &journal{path: path, Reached: map[string]time.Time{}, Acts: map[string]time.Time{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return j, os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

func (j *journal) save() error {
	data, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return err
	}
	tmp := j.path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, j.path)
}

// reach notes the date on which a stage was first seen.
func (j *journal) reach(stage string, date time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, there := j.Reached[stage]; there {
		return nil
	}
	j.Reached[stage] = date
	return j.save()
}

func (j *journal) reached(stage string) (time.Time, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.Reached[stage]
	return at, ok
}

// did notes an act; done says that it was noted before.
func (j *journal) did(act string, date time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Acts[act] = date
	return j.save()
}

func (j *journal) done(act string) (time.Time, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, ok := j.Acts[act]
	return at, ok
}

func (j *journal) add(d drop) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.Dropped = append(j.Dropped, d)
	return j.save()
}

// of are the drops of a lane.
func (j *journal) of(lane registry.Lane) []drop {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []drop
	for _, d := range j.Dropped {
		if d.Lane == lane {
			out = append(out, d)
		}
	}
	return out
}
