package sftp

import (
	"encoding/binary"
	"io"
	"sync"
)

const (
	// sshPacket in bytes is what one packet of a channel carries: OpenSSH's and
	// most servers' limit.
	sshPacket = 32 << 10
	// requestHead in bytes is more than a write has around its data.
	requestHead = 64
)

// requests is our side of the file transfer. The library writes a request's head
// and its data one after the other; here they leave together, since a packet of
// its own for some 30 bytes costs both sides as much as one of 32 KiB.
type requests struct {
	io.WriteCloser

	mu sync.Mutex
	// buf is what has not left yet; rest in bytes is what is still to come of the
	// request that began to leave.
	buf  []byte
	rest int
	// corked requests wait for each other; each one that has come whole is told
	// to asked.
	corked bool
	asked  chan struct{}
}

func newRequests(w io.WriteCloser) *requests {
	return &requests{WriteCloser: w, buf: make([]byte, 0, sshPacket), asked: make(chan struct{}, 1)}
}

// Write implements [io.Writer]. It is called by one request after the other.
func (r *requests) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for left := p; len(left) > 0; {
		n := len(left)
		if r.rest > 0 { // the data of a large request goes as it is
			n = min(n, r.rest)
			if _, err := r.WriteCloser.Write(left[:n]); err != nil {
				return 0, err
			}
			r.rest -= n
			left = left[n:]
			continue
		}
		n = min(n, cap(r.buf)-len(r.buf))
		r.buf = append(r.buf, left[:n]...)
		left = left[n:]
		if err := r.leave(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// leave sends what has come whole, or fills a packet.
func (r *requests) leave() error {
	whole, begun := 0, 0
	for whole+4 <= len(r.buf) {
		begun = 4 + int(binary.BigEndian.Uint32(r.buf[whole:]))
		if whole+begun > len(r.buf) {
			break
		}
		whole, begun = whole+begun, 0
	}
	if whole == len(r.buf) {
		select {
		case r.asked <- struct{}{}:
		default:
		}
		if r.corked && cap(r.buf)-len(r.buf) >= requestHead {
			return nil
		}
		return r.flush()
	}
	if len(r.buf) == cap(r.buf) { // the rest of a request that is larger than a packet
		r.rest = whole + begun - len(r.buf)
		return r.flush()
	}
	return nil
}

func (r *requests) flush() error {
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.WriteCloser.Write(r.buf)
	r.buf = r.buf[:0]
	return err
}

// together asks several things in their order, which leave at once, and waits
// for the answers. Nothing else may be asked meanwhile.
func (r *requests) together(asks ...func()) {
	r.cork(true)
	var wg sync.WaitGroup
	for _, ask := range asks {
		over := make(chan struct{})
		wg.Go(func() { defer close(over); ask() })
		select {
		case <-r.asked:
		case <-over: // it had nothing to ask
		}
	}
	r.cork(false)
	wg.Wait()
}

// cork keeps requests back, or lets those go that were.
func (r *requests) cork(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.corked = yes
	if !yes {
		_ = r.flush() // whoever asked is told by the end of the connection
	}
	select { // of before
	case <-r.asked:
	default:
	}
}
