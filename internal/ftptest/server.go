package ftptest

import (
	"crypto/tls"
	"net"
	"os"
	"sync"
)

// Options start a server.
type Options struct {
	// User and Password of the one login; Root is the folder that it sees as "/".
	User, Password, Root string
	// NoMLSD leaves LIST and SIZE, as servers before RFC 3659.
	NoMLSD bool
}

// Server is a running FTPS server.
type Server struct {
	// Certificate is its own.
	Certificate Certificate

	opts     Options
	listener net.Listener
	root     *os.Root
	done     chan struct{}
	wg       sync.WaitGroup

	mu     sync.Mutex
	faults Faults
	logins int
	stores int
	conns  map[net.Conn]struct{}

	onStrike func()
}

// Start listens on a free loopback port until [Server.Close].
func Start(o Options) (*Server, error) {
	cert, err := NewCertificate()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(o.Root)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Certificate: cert, opts: o, listener: l, root: root, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	s.wg.Go(s.accept)
	return s, nil
}

// Port is the port of the control connection.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Logins and Stores count PASS and STOR.
func (s *Server) Logins() int { return s.count(&s.logins) }

// Stores counts STOR.
func (s *Server) Stores() int { return s.count(&s.stores) }

func (s *Server) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

// get reads the faults as they are now.
func (s *Server) get() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// OnStrike has f called at each strike.
func (s *Server) OnStrike(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onStrike = f
}

// struck lifts the faults when they were to strike once.
func (s *Server) struck() {
	s.mu.Lock()
	if s.faults.Once {
		s.faults = Faults{}
	}
	hook := s.onStrike
	s.mu.Unlock()
	if hook != nil {
		hook()
	}
}

// Sessions counts connections that are open now, of commands and of data.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close ends all sessions.
func (s *Server) Close() error {
	close(s.done)
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	_ = s.root.Close()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.hold(conn)
		s.wg.Go(func() {
			defer s.release(conn)
			s.serve(conn)
		})
	}
}

func (s *Server) hold(c net.Conn) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
}

func (s *Server) release(c net.Conn) {
	_ = c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

func (s *Server) tls() *tls.Config {
	f := s.get()
	cfg := &tls.Config{Certificates: []tls.Certificate{s.Certificate.TLS}}
	if f.Certificate != nil {
		cfg.Certificates[0] = *f.Certificate
	}
	if f.TLS11 {
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	return cfg
}

// silence waits until the server is closed or the client goes.
func (s *Server) silence(c net.Conn) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		b := make([]byte, 1024)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	}()
	select {
	case <-s.done:
		_ = c.Close()
		<-gone
	case <-gone:
	}
}
