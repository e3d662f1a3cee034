package ftps

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"immtrail/registry"
	"immtrail/transfer"
)

// Protocol is the name of this driver.
const Protocol = "ftps"

// Port is where implicit TLS is spoken.
const Port = 990

// Dialer opens FTPS sessions; it has no state. See [transfer.Dialer] for the
// kinds of its errors.
type Dialer struct{}

var _ transfer.Dialer = Dialer{}

// Dial implements [transfer.Dialer]. It tries once: servers count failures.
func (Dialer) Dial(ctx context.Context, c transfer.Connection) (transfer.Remote, error) {
	return dial(ctx, c)
}

func dial(ctx context.Context, c transfer.Connection) (*session, error) {
	s, err := prepare(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.DialTimeout())
	defer cancel()
	err = s.step(ctx, func() error {
		if err := s.connect(ctx); err != nil {
			return err
		}
		return s.login()
	})
	if err != nil {
		_ = s.Close()
		err = explain(ctx, &c, err)
		if s.ftp == nil { // not even greeted
			err = transfer.BeforeLogin(err)
		}
		return nil, err
	}
	return s, nil
}

// explain gives a failed dial its kind and its words.
func explain(ctx context.Context, c *transfer.Connection, err error) error {
	var own *registry.Error
	switch {
	case ctx.Err() != nil:
		return fail(opDial, registry.Transient, "connection "+c.Name+": no session in time", err)
	case errors.As(err, &own):
		return own
	}
	return fail(opDial, kindOf(err), "connection "+c.Name, err)
}

// prepare reads what was set; nothing is sent.
func prepare(c transfer.Connection) (*session, error) {
	if c.Protocol != Protocol || c.Host == "" || c.User == "" {
		return nil, registry.Errorf(registry.Invalid, opDial, "connection %s: protocol ftps, host and user are needed", c.Name)
	}
	if len(c.Password) == 0 {
		return nil, registry.Errorf(registry.Unauthorised, opDial, "connection %s has no password", c.Name)
	}
	ports, err := ParsePorts(c.Settings.FTPSDataPorts)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, opDial, "connection %s: %w", c.Name, err)
	}
	pins, err := parsePins(c.HostKeys, c.At)
	if err != nil {
		return nil, err
	}
	cfg, err := tlsConfig(&c, pins)
	if err != nil {
		return nil, err
	}
	return &session{c: c, ports: ports, tls: cfg}, nil
}

// connect does TCP, TLS and the server's greeting.
func (s *session) connect(ctx context.Context) error {
	var greeted string
	conn, err := ftp.Dial(s.c.Addr(Port),
		ftp.DialWithTLS(s.tls),
		ftp.DialWithTrustPasvIP(true), // not trusted: what the server names is seen and refused by openData
		ftp.DialWithDialFunc(func(_, addr string) (net.Conn, error) {
			if s.control != nil {
				return s.openData(addr) //nolint:contextcheck // the step that runs has its own
			}
			control, err := s.openControl(ctx, addr)
			if err != nil {
				return nil, err
			}
			s.control = control
			return control, nil
		}),
	)
	if s.control != nil {
		greeted = s.control.reply.String()
	}
	if err != nil {
		return err
	}
	s.ftp, s.greeting = conn, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(greeted), "220"))
	return nil
}

func (s *session) openControl(ctx context.Context, addr string) (*control, error) {
	tcp, err := dialTCP(ctx, s.c, addr)
	if err != nil {
		return nil, handshakeError(ctx, &s.c, err)
	}
	conn := tls.Client(tcp, s.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = tcp.Close() // the handshake's error is the one to tell
		return nil, handshakeError(ctx, &s.c, err)
	}
	state := conn.ConnectionState()
	s.proven, s.version, s.cipher = describe(state.PeerCertificates[0]), state.Version, state.CipherSuite
	s.opened(tcp)
	return &control{link: link{Conn: conn, tcp: tcp, idle: s.c.IdleTimeout()}}, nil
}

// dialTCP connects with TCP's own signs of life or, as DSHS recommends, without.
func dialTCP(ctx context.Context, c transfer.Connection, addr string) (net.Conn, error) {
	conn, err := c.DialTCP(ctx, addr)
	if tcp, ok := conn.(*net.TCPConn); ok {
		every := c.Settings.FTPSKeepAlive
		err = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: every > 0, Idle: every, Interval: every})
	}
	return conn, err
}

// openData connects to the port that the server named: on the same host, in
// the range that is known of this registry. TLS begins with the first byte,
// since some servers speak it only after the command.
func (s *session) openData(addr string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	own := s.control.tcp.RemoteAddr().(*net.TCPAddr).IP
	if named := net.ParseIP(host); named == nil || !named.Equal(own) {
		return nil, registry.Errorf(registry.Refused, opDial,
			"the server sends our data to %s and not to itself (%s); nothing was sent there", host, own)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || !s.ports.allow(port) {
		return nil, registry.Errorf(registry.Refused, opDial,
			"the server names data port %s, known are %s; when the registry confirms it, set transfer.ftps_data_ports", portText, s.ports)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.c.IdleTimeout())
	defer cancel()
	same := s.c
	same.Host = host // the name may lead elsewhere by now
	tcp, err := dialTCP(ctx, same, addr)
	if err != nil {
		return nil, err
	}
	s.dropped()
	s.opened(tcp)
	below := &wire{Conn: tcp}
	s.data = &data{
		link: link{Conn: tls.Client(below, s.tls), tcp: tcp, idle: s.c.IdleTimeout()},
		wire: below, control: s.control, kept: s.next.kept, left: listBudget, unmarked: s.next.unmarked || s.c.Settings.FTPSUnmarkedEnd,
	}
	return s.data, nil
}

// login says who we are, once.
func (s *session) login() error {
	err := s.ftp.Login(s.c.User, string(s.c.Password))
	if err == nil {
		return nil
	}
	r, ok := replyIn(err)
	if !ok { // the library gives the code of some replies away
		r, ok = s.control.lastReply()
	}
	if !ok || r.code < 400 {
		return err
	}
	kind := r.kind()
	if kind == registry.Unauthorised {
		return registry.Errorf(kind, opDial, "connection %s: the server refused the login of user %q (%d)", s.c.Name, s.c.User, r.code)
	}
	return fail(opDial, kind, "connection "+s.c.Name, r)
}

// lastReply reads the code of the reply that came last.
func (c *control) lastReply() (*reply, bool) {
	lines := strings.Split(strings.TrimSpace(c.reply.String()), "\n")
	last := lines[len(lines)-1]
	if len(last) < 4 {
		return nil, false
	}
	code, _ := strconv.Atoi(last[:3]) // what is no code is 0
	return &reply{code: code, text: strings.TrimSpace(last[4:])}, code > 0
}

// Ports is a range of ports; the zero value is every port.
type Ports struct{ First, Last int }

// ParsePorts reads "5000-5010" or "5000"; empty is every port. The error says
// what is wrong with the text.
func ParsePorts(text string) (Ports, error) {
	if text == "" {
		return Ports{}, nil
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		last = first
	}
	p := Ports{}
	var err1, err2 error
	p.First, err1 = strconv.Atoi(strings.TrimSpace(first))
	p.Last, err2 = strconv.Atoi(strings.TrimSpace(last))
	if err1 != nil || err2 != nil || p.First < 1 || p.Last > 65535 || p.First > p.Last {
		return Ports{}, fmt.Errorf("data ports %q: a range such as 5000-5010 is wanted", text)
	}
	return p, nil
}

func (p Ports) allow(port int) bool {
	return p == Ports{} || (port >= p.First && port <= p.Last)
}

// String implements [fmt.Stringer].
func (p Ports) String() string {
	if p == (Ports{}) {
		return "all"
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// listPatience is how many times the wait for one answer a whole listing may
// last; it is many answers.
const listPatience = 5

// listTime bounds a whole listing.
func (s *session) listTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, listPatience*max(s.c.IdleTimeout(), time.Millisecond))
}
