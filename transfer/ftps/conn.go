package ftps

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// leastRate in bytes per idle time ends a transfer that only trickles; it is
	// what one answered SFTP request carries in the same time.
	leastRate = 32 << 10
	// replyBudget in bytes bounds one reply of the server.
	replyBudget = 256 << 10
	// drainTime bounds the wait for the server's end of an upload's connection.
	drainTime = 5 * time.Second
)

// errBudget ends an answer that never ends.
var errBudget = errors.New("the server's answer is longer than any real one")

// link is a TLS connection whose every wait is bounded. Only time spent waiting
// counts, not the time in which our own disk kept the other side waiting.
type link struct {
	*tls.Conn
	tcp    net.Conn
	idle   time.Duration
	waited time.Duration
	moved  int64
}

// wait is what the next read or write may take.
func (l *link) wait(set func(time.Time) error, do func() (int, error)) (int, error) {
	begin := time.Now()
	if err := set(begin.Add(l.idle - l.waited)); err != nil {
		return 0, err
	}
	n, err := do()
	l.waited += time.Since(begin)
	l.moved += int64(n)
	if l.moved >= leastRate {
		l.fresh()
	}
	return n, err
}

// fresh begins a new wait.
func (l *link) fresh() { l.waited, l.moved = 0, 0 }

// Read implements [net.Conn].
func (l *link) Read(p []byte) (int, error) {
	return l.wait(l.SetReadDeadline, func() (int, error) { return l.Conn.Read(p) })
}

// Write implements [net.Conn].
func (l *link) Write(p []byte) (int, error) {
	return l.wait(l.SetWriteDeadline, func() (int, error) { return l.Conn.Write(p) })
}

// Handshake is asked for by the library where nothing else would begin one.
func (l *link) Handshake() error {
	_, err := l.wait(l.SetDeadline, func() (int, error) { return 0, l.Conn.Handshake() })
	return err
}

// cut ends the connection at once; every wait on it returns.
func (l *link) cut() { _ = l.tcp.Close() }

// control is the connection of commands and replies. It keeps the last reply.
type control struct {
	link
	reply bytes.Buffer
	// features is the answer to FEAT.
	features string
}

// Write implements [net.Conn]: a command, with a wait of its own.
func (c *control) Write(p []byte) (int, error) {
	c.fresh()
	if c.features == "" && bytes.HasPrefix(c.reply.Bytes(), []byte("211")) {
		c.features = c.reply.String()
	}
	c.reply.Reset()
	return c.link.Write(p)
}

// Read implements [net.Conn].
func (c *control) Read(p []byte) (int, error) {
	n, err := c.link.Read(p)
	c.reply.Write(p[:n])
	if c.reply.Len() > replyBudget {
		c.cut()
		return n, errBudget
	}
	return n, err
}

// Close ends the connection without waiting for the other side.
func (c *control) Close() error {
	err := c.Conn.Close() // bounds its own goodbye
	c.cut()
	return err
}

// wire notices an end of the TCP connection that TLS was not told of: crypto/tls
// takes one between two records for a proper end.
type wire struct {
	net.Conn
	ended bool
}

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.ended = w.ended || errors.Is(err, io.EOF)
	return n, err
}

// data is the connection of one listing or one file.
type data struct {
	link
	wire    *wire
	control *control
	// left bounds what may come; kept takes a copy of it, when set.
	left int64
	kept *bytes.Buffer
	// unmarked takes an end without TLS's own mark for an end: where the size is
	// known otherwise a cut cannot hide behind it.
	unmarked bool
	// aborted says that what was sent is not to be taken for a whole file.
	aborted bool
	wrote   bool
}

// Read implements [net.Conn].
func (d *data) Read(p []byte) (int, error) {
	n, err := d.link.Read(p)
	if d.kept != nil {
		d.kept.Write(p[:n])
		if d.left -= int64(n); d.left < 0 {
			d.cut()
			return n, errBudget
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || (errors.Is(err, io.EOF) && d.wire.ended) {
		if d.unmarked {
			return n, io.EOF
		}
		err = errUnmarked
	}
	return n, err
}

// errUnmarked is an end that could also be a cut.
var errUnmarked = errors.New("the data connection ended without TLS's end mark (close_notify): a part cannot be told from the whole")

// Write implements [net.Conn].
func (d *data) Write(p []byte) (int, error) {
	d.wrote = true
	return d.link.Write(p)
}

// Handshake is what the library calls instead of Write for an empty file.
func (d *data) Handshake() error {
	d.wrote = true
	return d.link.Handshake()
}

// Close ends the transfer. After an upload it says so and reads what the server
// still sends (TLS 1.3 tickets): closing with bytes unread would reset the
// connection, and the server might lose the end of the file. An aborted upload
// is reset on purpose.
func (d *data) Close() error {
	defer d.cut()
	d.control.fresh() // the reply to the transfer is waited for from now on
	tcp, _ := d.tcp.(*net.TCPConn)
	if d.aborted {
		if tcp != nil {
			_ = tcp.SetLinger(0)
		}
		return nil
	}
	if !d.wrote {
		return d.Conn.Close()
	}
	if err := d.CloseWrite(); err != nil {
		return err
	}
	if tcp != nil {
		if err := tcp.CloseWrite(); err != nil {
			return err
		}
	}
	_ = d.SetReadDeadline(time.Now().Add(min(d.idle, drainTime)))
	_, _ = io.Copy(io.Discard, io.LimitReader(d.Conn, replyBudget)) // the reply and the size decide, not this end
	return nil
}
