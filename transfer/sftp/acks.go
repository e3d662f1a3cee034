package sftp

import (
	"encoding/binary"
	"sync"
)

// fxpStatus is SSH_FXP_STATUS, the answer to a write.
const fxpStatus = 101

// acks reads along what the server answers and counts the writes that it has
// acknowledged without a gap. The library does not tell while it writes: how
// much it has read of a file says nothing, since it goes on reading for a while
// when the connection is lost.
//
// Requests are numbered one by one, and nothing else is asked while a file is
// written.
type acks struct {
	mu sync.Mutex
	// head is the beginning of a packet: length, type, number, status.
	head [13]byte
	have int
	skip int // bytes of the packet that are of no interest
	// last is the number of the last answer.
	last uint32

	counting bool
	next     uint32
	early    map[uint32]bool // answered before one that was asked earlier
	count    int64
}

// begin counts the answers to what is asked from now on.
func (a *acks) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counting, a.next, a.count, a.early = true, a.last+1, 0, map[uint32]bool{}
}

// end stops counting.
func (a *acks) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counting = false
}

// writes is how many were acknowledged without a gap since begin.
func (a *acks) writes() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count
}

// read takes the next bytes of the server's side.
func (a *acks) read(p []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(p) > 0 {
		if a.skip > 0 {
			n := min(a.skip, len(p))
			a.skip -= n
			p = p[n:]
			continue
		}
		want := len(a.head)
		if a.have >= 4 { // packets of 5 bytes exist: length, type, nothing
			want = min(want, 4+int(binary.BigEndian.Uint32(a.head[:4])))
		} else {
			want = 4
		}
		n := copy(a.head[a.have:want], p)
		a.have += n
		p = p[n:]
		if a.have == want && want > 4 {
			a.packet()
		} else if a.have == 4 && binary.BigEndian.Uint32(a.head[:4]) == 0 {
			a.have = 0 // no packet at all; the library ends the session
		}
	}
}

// packet is a beginning that has come whole.
func (a *acks) packet() {
	length := int(binary.BigEndian.Uint32(a.head[:4]))
	kind, have := a.head[4], a.have
	a.skip, a.have = 4+length-have, 0
	if length < 5 {
		return
	}
	a.last = binary.BigEndian.Uint32(a.head[5:9])
	if !a.counting || kind != fxpStatus || length < 9 || binary.BigEndian.Uint32(a.head[9:13]) != 0 {
		return
	}
	a.early[a.last] = true
	for a.early[a.next] {
		delete(a.early, a.next)
		a.next++
		a.count++
	}
}
