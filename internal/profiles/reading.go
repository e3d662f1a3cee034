package profiles

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"immtrail/registry/texas"
)

// mostReadings bounds what is remembered. Practices without a file of their own
// share one reading; one with a file takes some hundred kilobytes.
const mostReadings = 64

// readings are profiles by what their files say. Reading one takes as long as a
// small file's whole way otherwise, and each step of that asks for it.
var readings = reading{known: map[[sha256.Size]byte]*texas.Loaded{}}

type reading struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*texas.Loaded
}

// load is [texas.Load] with what was loaded before; faults are not remembered.
func (r *reading) load(overlays []texas.Overlay) (*texas.Loaded, error) {
	text, err := json.Marshal(overlays)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(text)
	r.mu.Lock()
	loaded := r.known[key]
	r.mu.Unlock()
	if loaded == nil {
		if loaded, err = texas.Load(overlays...); err != nil {
			return nil, err
		}
		if err := known(loaded); err != nil {
			return nil, err
		}
		r.keep(key, loaded)
	}
	out := *loaded // the caller's own, down to its maps and lists
	return &out, nil
}

func (r *reading) keep(key [sha256.Size]byte, loaded *texas.Loaded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= mostReadings {
		clear(r.known)
	}
	r.known[key] = loaded
}
