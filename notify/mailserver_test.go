package notify_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"immtrail/notify"
)

// mailServer is a whole mail server that refuses, delays and hangs up as told.
type mailServer struct {
	port int
	// rcpt are the answers to RCPT TO, in turn; nil, or none left, accepts.
	rcpt []error
	// breaks is how many letters are cut off in the middle of their text.
	breaks int
	// logins are the ways to log in; user and secret are what is right.
	logins       []string
	user, secret string

	mu    sync.Mutex
	mails []string
	used  []string // the ways by which somebody logged in
	tls   []bool   // whether each letter came under TLS
	cut   int
}

// open starts the server: implicit says that TLS begins with the first byte.
func (s *mailServer) open(t *testing.T, cert *tls.Config, implicit bool) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{server: s, conn: c}, nil
	}))
	srv.Domain, srv.TLSConfig = "127.0.0.1", cert
	srv.ReadTimeout, srv.WriteTimeout = 10*time.Second, 10*time.Second
	srv.ErrorLog = log.New(io.Discard, "", 0)
	if implicit {
		l = tls.NewListener(l, cert)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		_ = srv.Close()
		served.Wait()
	})
	return s
}

func (s *mailServer) letters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

// cuts counts the letters that were cut off.
func (s *mailServer) cuts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// sender is how letters reach the server in clear.
func (s *mailServer) sender() notify.SMTP {
	return notify.SMTP{Host: "127.0.0.1", Port: s.port, TLS: notify.PlainRelay, From: coordinator, Timeout: 5 * time.Second}
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
}

var (
	_ smtp.AuthSession = (*mailSession)(nil)
	_ sasl.Server      = (*loginServer)(nil)
	_ sasl.Server      = (*xoauth2Server)(nil)
)

func (m *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (m *mailSession) Reset()                               {}
func (m *mailSession) Logout() error                        { return nil }
func (m *mailSession) AuthMechanisms() []string             { return m.server.logins }

func (m *mailSession) Rcpt(string, *smtp.RcptOptions) error {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rcpt) == 0 {
		return nil
	}
	var answer error
	answer, s.rcpt = s.rcpt[0], s.rcpt[1:]
	return answer
}

func (m *mailSession) Data(r io.Reader) error {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.breaks > 0 {
		s.breaks--
		if _, err := io.ReadFull(r, make([]byte, 64)); err == nil {
			s.cut++
		}
		_ = m.conn.Conn().Close() // below go-smtp, which would else answer
		return errors.New("hung up on purpose")
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	_, secure := m.conn.TLSConnectionState()
	s.mails, s.tls = append(s.mails, b.String()), append(s.tls, secure)
	return nil
}

func (m *mailSession) Auth(mech string) (sasl.Server, error) {
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, user, password string) error { return m.welcome(mech, user, password) }), nil
	case sasl.Login:
		return &loginServer{session: m}, nil
	case "XOAUTH2":
		return &xoauth2Server{session: m}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (m *mailSession) welcome(mech, user, secret string) error {
	s := m.server
	if user != s.user || secret != s.secret {
		return smtp.ErrAuthFailed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, mech)
	return nil
}

// loginServer asks for a name and a password, as LOGIN does.
type loginServer struct {
	session *mailSession
	asked   int
	user    string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.session.welcome(sasl.Login, l.user, string(response))
}

// xoauth2Server takes a bearer token, and tells as Google does why it does not.
type xoauth2Server struct {
	session *mailSession
	refused error
}

func (x *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	if x.refused != nil {
		return nil, true, x.refused
	}
	user, rest, _ := strings.Cut(strings.TrimPrefix(string(response), "user="), "\x01")
	token, _, _ := strings.Cut(strings.TrimPrefix(rest, "auth=Bearer "), "\x01")
	if x.refused = x.session.welcome("XOAUTH2", user, token); x.refused != nil {
		return []byte(`{"status":"400","schemes":"Bearer"}`), false, nil //nolint:nilerr // told as Google does: the client answers, and then it fails
	}
	return nil, true, nil
}
