package sftp

import (
	"bytes"
	"io"

	"immtrail/transfer"
)

// WritesInOrder tells whether the server was recognised as one that does.
func WritesInOrder(r transfer.Remote) bool { return r.(*session).writesInOrder() }

// Replies reads a server's bytes in pieces of the given length and tells what
// was made of them: writes acknowledged without a gap, names in listings, and
// how many of them climb.
func Replies(stream []byte, piece int) (writes int64, names, climbing int) {
	var a acks
	a.begin()
	w := &nameWatch{}
	for len(stream) > 0 {
		n := min(max(piece, 1), len(stream))
		a.read(stream[:n])
		w.read(stream[:n])
		stream = stream[n:]
	}
	return a.writes(), w.seen, len(w.climbing)
}

// Spy keeps a copy of what is asked of the server from now on.
func Spy(r transfer.Remote) *bytes.Buffer {
	var asked bytes.Buffer
	s := r.(*session)
	s.requests.WriteCloser = spy{s.requests.WriteCloser, &asked}
	return &asked
}

type spy struct {
	io.WriteCloser
	asked *bytes.Buffer
}

func (s spy) Write(p []byte) (int, error) {
	s.asked.Write(p)
	return s.WriteCloser.Write(p)
}

// Requests joins what is written; together is what leaves at once.
func Requests(w io.WriteCloser) (out io.Writer, together func(asks ...func())) {
	r := newRequests(w)
	return r, r.together
}
