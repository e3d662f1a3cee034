package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"immtrail/registry"
)

// aliveEvery is how often the stage notes that it is alive; a resumed
// rehearsal may lose as much of its calendar.
const aliveEvery = 250 * time.Millisecond

// firstDay is the date on which every rehearsal begins: a Monday morning in
// Texas.
var firstDay = time.Date(2026, time.March, 2, 14, 0, 0, 0, time.UTC)

// firstOfYears is that of a rehearsal of years: also a short one of 90 days then sees
// the end of summer time.
var firstOfYears = time.Date(2026, time.August, 10, 14, 0, 0, 0, time.UTC)

// state is what a rehearsal remembers of itself.
type state struct {
	Calendar registry.Calendar `json:"calendar"`
	// Password of the practices' logins at the registry.
	Password string `json:"password"`
	// TemporalPort is kept, so that a bookmark and a running worker stay right.
	TemporalPort int `json:"temporal_port"`
	PostgresPort int `json:"postgres_port"`
}

func (s *Stage) statePath() string { return filepath.Join(s.dir, "state.json") }
func (s *Stage) alivePath() string { return filepath.Join(s.dir, "alive") }

// loadState reads the state of an earlier run, or begins a new rehearsal. down
// is how long the rehearsal stood still; zero for a new one.
func (s *Stage) loadState(day time.Duration) (down time.Duration, err error) {
	data, err := os.ReadFile(s.statePath())
	if errors.Is(err, fs.ErrNotExist) {
		first := firstDay
		if s.opts.Years {
			first = firstOfYears
		}
		s.state = state{
			Calendar: registry.Calendar{Epoch: first, Anchor: time.Now().UTC(), Day: day, Backfilled: s.opts.Years},
			Password: newSecret(),
		}
		s.fresh = true
		return 0, s.saveState()
	}
	if err != nil {
		return 0, fmt.Errorf("read the rehearsal's state: %w", err)
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		return 0, fmt.Errorf("%s is damaged; begin anew in another folder: %w", s.statePath(), err)
	}
	info, err := os.Stat(s.alivePath())
	if err != nil {
		return 0, nil //nolint:nilerr // it was killed before it first said that it is alive: nothing has happened yet
	}
	down = time.Since(info.ModTime())
	s.state.Calendar = s.state.Calendar.Shift(down)
	return down, s.saveState()
}

// saveState replaces the file atomically: a kill leaves the old or the new.
func (s *Stage) saveState() error {
	data, err := json.MarshalIndent(s.state, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.statePath(), data)
}

// writeFile writes a whole file or none, for its owner only.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// beat notes that the stage is alive until stop is closed.
func (s *Stage) beat(stop <-chan struct{}) {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		if err := os.WriteFile(s.alivePath(), nil, 0o600); err == nil {
			now := time.Now()
			_ = os.Chtimes(s.alivePath(), now, now)
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}
