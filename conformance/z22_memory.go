package conformance

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// memory holds clean values of a field, each at a place that its bytes give;
// the newest wins. Longer ones are looked at each time. A field that hardly
// ever has a value again, such as a name, is not looked up for a while.
type memory struct {
	tries, found uint16
	size         [memoryRows]uint8
	rows         [memoryRows][memoryBytes]byte
}

const (
	memoryRows  = 16
	memoryBytes = 64
	// After so many values less than one in eight of which was known, so many
	// pass unremembered.
	memoryTries = 128
	memoryRest  = 4096
)

// row is where a value would be; -1 where it is not to be remembered.
func (m *memory) row(b []byte) int {
	n := len(b)
	if n > memoryBytes {
		return -1
	}
	if m.tries >= memoryTries {
		if m.found*8 < memoryTries && m.tries < memoryRest {
			m.tries++
			return -1
		}
		m.tries, m.found = 0, 0
	}
	m.tries++
	const mix = 0x9e3779b97f4a7c15
	key := uint64(n)
	if n >= 8 {
		key ^= binary.LittleEndian.Uint64(b)*mix ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[n-8:]), 29)
	} else {
		for _, c := range b {
			key = key<<8 ^ uint64(c)
		}
	}
	return int(key * mix >> 60)
}

func (m *memory) has(row int, b []byte) bool {
	if int(m.size[row]) != len(b) || !bytes.Equal(m.rows[row][:len(b)], b) {
		return false
	}
	m.found++
	return true
}

func (m *memory) add(row int, b []byte) {
	m.size[row] = uint8(len(b)) //nolint:gosec // at most memoryBytes
	copy(m.rows[row][:], b)
}

// lastClean is the last segment of its name that was found clean. A field with
// the same bytes at the same place is clean too: most of a vaccination is as in
// the one before it.
type lastClean struct {
	bytes [lastLength]byte
	seps  [lastFields]int32
	n     int // of seps
}

const (
	fewFresh   = 4   // so many fields that differ are not worth a copy
	lastLength = 512 // longest segment kept
	lastFields = 40
)

// field is what stood between separator i-1 and i.
func (l *lastClean) field(i int) []byte {
	if i >= l.n || i >= lastFields {
		return nil
	}
	return l.bytes[l.seps[i-1]+1 : l.seps[i]]
}

func (l *lastClean) keep(s *segment) {
	l.n = 0
	if len(s.Bytes()) <= lastLength && len(s.Separators()) <= lastFields {
		copy(l.bytes[:], s.Bytes())
		l.n = copy(l.seps[:], s.Separators())
	}
}
