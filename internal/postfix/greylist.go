//go:build unix

package postfix

import (
	"bufio"
	"net"
	"net/textproto"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// greylist is the service that Postfix asks about each recipient
// (SMTPD_POLICY_README): "later" as often as it was told to, then no opinion.
type greylist struct {
	port  int
	later atomic.Int64
}

func newGreylist(t *testing.T) *greylist {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &greylist{port: l.Addr().(*net.TCPAddr).Port}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { g.answer(conn) })
		}
	})
	t.Cleanup(func() { // after Postfix has gone, and with it its connections
		_ = l.Close()
		served.Wait()
	})
	return g
}

// answer answers each question: lines of name=value, and an empty one.
func (g *greylist) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }() // Postfix has gone
	in := textproto.NewReader(bufio.NewReader(conn))
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		if line != "" {
			continue
		}
		action := "action=DUNNO\n\n"
		if g.later.Add(-1) >= 0 {
			action = "action=451 4.7.1 greylisted, come again\n\n"
		}
		if _, err := conn.Write([]byte(action)); err != nil {
			return
		}
	}
}
