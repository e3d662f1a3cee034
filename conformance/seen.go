package conformance

// seenSet remembers digests.
type seenSet struct {
	table []uint64 // open addressing; 0 is free
	n     int
	err   error
}

func newSeenSet(string) seenSet { return seenSet{table: make([]uint64, 1024)} }

func (s *seenSet) close() {}

// add reports whether key was added before. Keys are digests and never 0.
func (s *seenSet) add(key uint64) bool {
	if s.n*2 > len(s.table) {
		old := s.table
		s.table = make([]uint64, 4*len(old))
		for _, k := range old {
			if k != 0 {
				s.put(k)
			}
		}
	}
	if s.put(key) {
		return true
	}
	s.n++
	return false
}

func (s *seenSet) put(key uint64) bool {
	mask := uint64(len(s.table) - 1)
	for i := key & mask; ; i = (i + 1) & mask {
		switch s.table[i] {
		case key:
			return true
		case 0:
			s.table[i] = key
			return false
		}
	}
}
