package ftps

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/jlaffaye/ftp"

	"immtrail/transfer"
)

// session is one login.
type session struct {
	c     transfer.Connection
	ports Ports
	tls   *tls.Config

	// ctx is that of the step which runs; the library dials without one.
	ctx     context.Context
	ftp     *ftp.ServerConn
	control *control
	// data is the connection of the transfer that runs or ran last; next says
	// what the next one is for.
	data *data
	next purpose
	// open are the connections that end with the step's context.
	open struct {
		sync.Mutex
		conns []net.Conn
	}

	greeting        string
	proven          Certificate
	version, cipher uint16
}

// purpose is what a data connection is opened for.
type purpose struct {
	kept     *bytes.Buffer
	unmarked bool
}

var _ transfer.Remote = (*session)(nil)

// step runs one exchange with the server. Each wait in it is bounded by its
// connection; when ctx ends all of them return, and the session is useless.
func (s *session) step(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.ctx = ctx
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	err := f()
	if err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

// opened takes a new connection under the bounds of the step that runs.
func (s *session) opened(conn net.Conn) {
	s.open.Lock()
	s.open.conns = append(s.open.conns, conn)
	s.open.Unlock()
	if s.ctx.Err() != nil {
		_ = conn.Close() // the end of the step came before it was known
	}
}

// cut ends all connections at once.
func (s *session) cut() {
	s.open.Lock()
	defer s.open.Unlock()
	for _, conn := range s.open.conns {
		_ = conn.Close() // closed twice is closed
	}
}

// dropped forgets the connection of a transfer that is over.
func (s *session) dropped() {
	s.open.Lock()
	defer s.open.Unlock()
	s.open.conns = s.open.conns[:min(1, len(s.open.conns))]
}

// Close implements [transfer.Remote]: it says goodbye and does not wait for the
// answer.
func (s *session) Close() error {
	if s.ftp != nil {
		_ = s.ftp.Quit() // the server may have closed first
	}
	s.cut()
	return nil
}

// Capabilities implements [transfer.Remote].
func (s *session) Capabilities() transfer.Capabilities {
	return transfer.Capabilities{
		HostKey: s.proven.Fingerprint,
		Server:  fmt.Sprintf("%q", s.greeting),
		From:    s.control.tcp.LocalAddr().String(),
		To:      s.control.tcp.RemoteAddr().String(),
		MLSD:    s.mlst(),
		Size:    strings.Contains(s.control.features, " SIZE"),
		TLS:     tls.VersionName(s.version) + " " + tls.CipherSuiteName(s.cipher),
		Expires: s.proven.NotAfter,
	}
}

// mlst reports whether the server has MLST and MLSD.
func (s *session) mlst() bool { return s.ftp.IsTimePreciseInList() }
