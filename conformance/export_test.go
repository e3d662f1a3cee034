package conformance

import (
	"os"

	"immtrail/hl7"
)

// Seen is a value and who had it, as digests.
type Seen struct{ Value, Who uint64 }

// Everybody notes blocks of values one by one and merges them in order.
func Everybody(blocks ...[]Seen) (differs bool, seen, crowd int, firstLine int) {
	var all watch
	line := 0
	for _, block := range blocks {
		var w watch
		for _, s := range block {
			line++
			w.note(s.Value, s.Who, &segment{Segment: &hl7.Segment{Line: line}})
		}
		all.merge(&w)
	}
	return all.differs, all.seen, all.n, all.first.line
}

// Blocks judged apart are merged in their order.
var _ = (*everybody).merge

// A SeenSet remembers digests, few of them in memory.
type SeenSet struct{ s seenSet }

// NewSeenSet keeps so many digests in memory and the others in dir.
func NewSeenSet(dir string, most int) *SeenSet { return &SeenSet{seenSet{dir: dir, most: most}} }

// Add reports whether key was added before.
func (s *SeenSet) Add(key uint64) bool { return s.s.add(key) }

// Err is what the disk said.
func (s *SeenSet) Err() error { return s.s.err }

// Runs is how many files there are.
func (s *SeenSet) Runs() int { return len(s.s.runs) }

// Close forgets everything.
func (s *SeenSet) Close() { s.s.close() }

// FewInMemory makes checks spill early, until the returned function is called.
func FewInMemory(n int) (restore func()) {
	old := seenMemory
	seenMemory = n
	return func() { seenMemory = old }
}

// KeepNames lets open files keep their names as on Windows, until the returned
// function is called.
func KeepNames() (restore func()) {
	old := unname
	unname = func(string) error { return os.ErrPermission }
	return func() { unname = old }
}
