package sftp_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy is a network that can go bad without a word: no reset, no end.
type proxy struct {
	port    int
	state   atomic.Int32
	stop    chan struct{}
	backend string
	wg      sync.WaitGroup
}

const (
	fine int32 = iota
	silent
	trickling
)

// startProxy forwards one connection to backend.
func startProxy(t *testing.T, backend string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{port: l.Addr().(*net.TCPAddr).Port, stop: make(chan struct{}), backend: backend}
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", backend)
			if err != nil {
				client.Close()
				continue
			}
			p.wg.Go(func() { p.forward(client, server) })
			p.wg.Go(func() { p.forward(server, client) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(p.stop)
		p.wg.Wait()
	})
	return p
}

func (p *proxy) worsen(trickle bool) {
	if trickle {
		p.state.Store(trickling)
		return
	}
	p.state.Store(silent)
}

// forward copies until an end closes. When the network is silent it takes
// nothing and gives nothing; when it trickles, 100 bytes a second.
func (p *proxy) forward(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		part := buf
		switch p.state.Load() {
		case silent:
			<-p.stop
			return
		case trickling:
			part = buf[:1]
			select {
			case <-p.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		n, err := from.Read(part)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}
