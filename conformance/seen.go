package conformance

import "slices"

// A seenSet remembers digests, exactly and in bounded memory: some in a table,
// the rest as sorted runs in temporary files. A filter in memory says of nearly
// all new digests that no run has them, so that the disk is rarely asked. Up to
// some thirty million digests (20 GB of messages) that costs next to nothing;
// beyond, the filter fills up and each digest costs a look at the disk.
//
// What is on disk are digests under a key that is never written down. The files
// have no names where the system allows that, and are gone with the process.
type seenSet struct {
	table []uint64 // open addressing; 0 is free
	n     int
	dir   string
	most  int // digests in the table; a power of two
	runs  []*run
	maybe filter
	err   error // of the disk; sticky
}

const (
	seenLeast  = 1 << 10 // slots of the table at first
	seenMost   = 1 << 20 // digests of the table at the most, in twice as many slots
	filterSize = 32 << 20
	mostRuns   = 8 // then they are merged into one
)

// seenMemory is a variable so that tests need no millions.
var seenMemory = seenMost

func newSeenSet(dir string) seenSet { return seenSet{dir: dir, most: seenMemory} }

// add reports whether key was added before. Keys are digests and never 0.
func (s *seenSet) add(key uint64) bool {
	if 2*s.n >= len(s.table) {
		s.grow()
	}
	if s.put(key) {
		return true
	}
	s.n++
	return s.maybe != nil && s.maybe.has(key) && s.onDisk(key)
}

func (s *seenSet) put(key uint64) bool {
	mask := uint64(len(s.table) - 1)
	for i := key >> 8 & mask; ; i = (i + 1) & mask {
		switch s.table[i] {
		case key:
			return true
		case 0:
			s.table[i] = key
			return false
		}
	}
}

// grow makes room: a larger table, or an empty one after its contents went to
// disk.
func (s *seenSet) grow() {
	if s.n >= s.most {
		s.spill()
		return
	}
	old := s.table
	s.table = make([]uint64, max(seenLeast, min(4*len(old), 2*s.most)))
	for _, k := range old {
		if k != 0 {
			s.put(k)
		}
	}
}

// spill writes the table to disk as a sorted run.
func (s *seenSet) spill() {
	keys := s.table[:0]
	for _, k := range s.table {
		if k != 0 {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if s.maybe == nil {
		s.maybe = make(filter, filterSize/64)
	}
	for _, k := range keys {
		s.maybe.add(k)
	}
	s.keep(func(w *runWriter) {
		for _, k := range keys {
			w.add(k)
		}
	})
	clear(s.table)
	s.n = 0
	if len(s.runs) >= mostRuns {
		s.merge()
	}
}

// keep adds a run.
func (s *seenSet) keep(write func(*runWriter)) {
	if s.err != nil {
		return
	}
	r, err := newRun(s.dir, write)
	if err != nil {
		s.err = err
		return
	}
	s.runs = append(s.runs, r)
}

// merge makes one run of all.
func (s *seenSet) merge() {
	old := s.runs
	s.runs = nil
	s.keep(func(w *runWriter) { w.merge(old) })
	for _, r := range old {
		r.close()
	}
}

func (s *seenSet) onDisk(key uint64) bool {
	for _, r := range s.runs {
		found, err := r.has(key)
		if err != nil {
			s.err = err
		}
		if found {
			return true
		}
	}
	return false
}

func (s *seenSet) close() {
	for _, r := range s.runs {
		r.close()
	}
	s.runs = nil
}

// filter is a Bloom filter in blocks of one cache line: it never forgets, and
// now and then believes to know what it does not.
type filter [][8]uint64

func (f filter) block(key uint64) (*[8]uint64, uint64) {
	return &f[(key>>32)*uint64(len(f))>>32], key * 0x9e3779b97f4a7c15
}

func (f filter) add(key uint64) {
	b, bits := f.block(key)
	for i := range b {
		b[i] |= 1 << (bits >> (8 * i) & 63)
	}
}

func (f filter) has(key uint64) bool {
	b, bits := f.block(key)
	for i := range b {
		if b[i]>>(bits>>(8*i)&63)&1 == 0 {
			return false
		}
	}
	return true
}
