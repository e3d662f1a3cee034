package sftp

import (
	"errors"
	"net"
	"sync/atomic"
)

// countingConn bounds how much a server may send within one operation.
type countingConn struct {
	net.Conn
	left    atomic.Int64
	bounded atomic.Bool
}

// errBudget ends an answer that never ends.
var errBudget = errors.New("the server's answer is longer than any real one")

// bound allows n more bytes until the returned function is called, which
// reports whether they were used up.
func (c *countingConn) bound(n int64) (lift func() bool) {
	c.left.Store(n)
	c.bounded.Store(true)
	return func() bool {
		c.bounded.Store(false)
		return c.left.Load() <= 0
	}
}

// Read implements [net.Conn].
func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.bounded.Load() && c.left.Add(-int64(n)) <= 0 {
		_ = c.Close() // the error below is the one to tell
		return 0, errBudget
	}
	return n, err
}
