package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// delayed compares with a longer round trip.
func delayed(p *peer, o options) error {
	source := filepath.Join(p.dir, "source")
	size := int64(o.delayedMiB) << 20
	digest, err := noise(source, size)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(source) }()
	for _, rtt := range []time.Duration{20 * time.Millisecond, 80 * time.Millisecond} {
		d, err := startDelay(net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)), rtt/2)
		if err != nil {
			return err
		}
		j := p.job(d.port)
		j.Source, j.Size, j.SHA256 = source, size, digest
		marked := j
		marked.Marked = true
		fmt.Printf("\n%d MiB with %v of added round trip; best of %d\n", o.delayedMiB, rtt, o.rounds)
		err = p.compare(o.rounds, size, []run{
			{"sftp put", 1, func() (took, error) { return p.theirs(d.port, source, digest, "") }},
			{"immtrail, default mode", 0, func() (took, error) { return ours(j) }},
			{"immtrail, marked host", 1 / 0.9, func() (took, error) { return ours(marked) }},
		})
		d.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// delay is a loopback proxy that holds everything back for a while, each way.
type delay struct {
	port     int
	listener net.Listener
	wg       sync.WaitGroup
}

func startDelay(backend string, by time.Duration) (*delay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &delay{port: l.Addr().(*net.TCPAddr).Port, listener: l}
	d.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", backend)
			if err != nil {
				_ = client.Close()
				continue
			}
			d.wg.Go(func() { hold(client, server, by) })
			d.wg.Go(func() { hold(server, client, by) })
		}
	})
	return d, nil
}

func (d *delay) close() {
	_ = d.listener.Close()
	d.wg.Wait() // connections end with their clients
}

// late is a piece and when it is due.
type late struct {
	data []byte
	due  time.Time
}

// hold copies from one end to the other, each piece late.
func hold(from, to net.Conn, by time.Duration) {
	queue := make(chan late, 1<<14)
	go func() {
		defer close(queue)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 {
				queue <- late{buf[:n], time.Now().Add(by)}
			}
			if err != nil {
				return
			}
		}
	}()
	for piece := range queue {
		time.Sleep(time.Until(piece.due))
		if _, err := to.Write(piece.data); err != nil {
			_ = from.Close() // nobody is left to copy for
			break
		}
	}
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite() // the other end may be gone
	}
	for range queue { // let the reader go
		continue
	}
}
