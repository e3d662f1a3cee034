package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"immtrail/registry"
)

// Sender brings a rendered letter out. Sending the same letter again is safe
// as far as mail allows: it carries the same Message-ID.
type Sender interface {
	Send(ctx context.Context, r Rendered, messageID string) (Receipt, error)
}

// Receipt says what became of a letter.
type Receipt struct {
	MessageID string `json:"message_id"`
	// Delivered says that a mail server took it.
	Delivered bool `json:"delivered"`
	// Refused are addresses of the letter that the server refuses for good, while
	// the others got it.
	Refused []string `json:"refused,omitempty"`
	// Note says why not, in words.
	Note string `json:"note,omitempty"`
}

// Off keeps letters from leaving. It is what runs until notify.deliver says
// "send", so that a rehearsal never writes to anybody.
type Off struct{}

// Send checks the letter and delivers nothing.
func (Off) Send(_ context.Context, r Rendered, messageID string) (Receipt, error) {
	if why := r.fault(); why != "" {
		return Receipt{}, registry.Errorf(registry.Invalid, "mail", "%s", why)
	}
	return Receipt{MessageID: messageID, Note: "not delivered: notify.deliver is off"}, nil
}

// TLSMode says how the connection to the mail server is protected.
type TLSMode string

// The modes.
const (
	// STARTTLS begins in clear and refuses to go on without TLS. The default.
	STARTTLS TLSMode = "starttls"
	// ImplicitTLS speaks TLS from the first byte (port 465).
	ImplicitTLS TLSMode = "implicit"
	// PlainRelay uses no TLS: for a relay on the same machine or network. A
	// password is never sent this way.
	PlainRelay TLSMode = "none"
)

// SMTP sends by a mail server.
type SMTP struct {
	Host string
	// Port 0 means 587, or 465 with ImplicitTLS, or 25 with PlainRelay.
	Port     int
	TLS      TLSMode
	Auth     AuthMode
	User     string
	Password string
	// Token reads the access token of AuthXOAUTH2; it is asked for every letter.
	Token func() (string, error)
	// From is whose mailbox letters leave from. An empty ReplyTo is the letter's own
	// sender, or else From.
	From    registry.Contact
	ReplyTo registry.Contact
	// Timeout bounds every step; 0 means 30 s.
	Timeout time.Duration
	// TLSConfig is for certificates of one's own; nil means the system's.
	TLSConfig *tls.Config
}

// Check tells what is wrong with the settings, all at once.
func (s SMTP) Check() []string {
	var faults []string
	if s.Host == "" {
		faults = append(faults, "host: the mail server's name is missing")
	}
	if s.Port < 0 || s.Port > 65535 {
		faults = append(faults, "port: from 1 to 65535, or 0 for the usual one")
	}
	switch s.TLS {
	case "", STARTTLS, ImplicitTLS, PlainRelay:
	default:
		faults = append(faults, "tls: one of starttls, implicit, none")
	}
	faults = append(faults, s.loginFaults()...)
	if why := contactFault(s.From); why != "" {
		faults = append(faults, "from: "+why)
	}
	if s.ReplyTo.Email != "" {
		if why := contactFault(s.ReplyTo); why != "" {
			faults = append(faults, "reply_to: "+why)
		}
	}
	return faults
}

// Send delivers the letter over a connection of its own. Errors:
//
//   - Transient: the server cannot be reached, says "later" (4xx), or nobody
//     can tell whether it took the letter. Send again with the same messageID.
//   - Refused: the server refuses the letter or all of its addresses for good (5xx;
//     [RefusedMailboxes] tells them), or offers no TLS, or its certificate is not
//     trusted.
//   - Unauthorised: the login is refused, or the access token cannot be read.
//   - Invalid: the letter or the settings cannot be used at all.
func (s SMTP) Send(ctx context.Context, r Rendered, messageID string) (Receipt, error) {
	if faults := s.Check(); len(faults) > 0 {
		return Receipt{}, registry.Errorf(registry.Invalid, "mail", "%s", strings.Join(faults, "; "))
	}
	if why := r.fault(); why != "" {
		return Receipt{}, registry.Errorf(registry.Invalid, "mail", "%s", why)
	}
	if _, err := s.message(r, messageID); err != nil { // before anybody is called
		return Receipt{}, registry.Errorf(registry.Invalid, "mail", "%w", err)
	}
	line := &dialled{}
	defer line.hangUp()
	login, err := s.login()
	if err != nil {
		return Receipt{}, err
	}
	client, err := s.client(ctx, line, login)
	if err != nil {
		return Receipt{}, registry.Errorf(registry.Invalid, "mail", "%w", err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return Receipt{}, dialError(err)
	}
	// The server's goodbye decides nothing: once it took the letter, it has it.
	defer func() { _ = client.CloseWithSMTPClient(conn) }()
	refused, err := s.deliver(client, conn, r, messageID)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{MessageID: messageID, Delivered: true, Refused: refused}, nil
}

func (s SMTP) message(r Rendered, messageID string) (*mail.Msg, error) {
	// The boundary depends on the letter alone, so that a repeat is the same mail.
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithBoundary(boundary(messageID)))
	name, reply := s.From.Name, s.From
	if r.Sender.Email != "" {
		name, reply = cmp.Or(r.Sender.Name, name), r.Sender
	}
	if s.ReplyTo.Email != "" {
		reply = s.ReplyTo
	}
	if err := m.FromFormat(name, s.From.Email); err != nil {
		return nil, errors.New("from is not an address")
	}
	if err := m.ReplyToFormat(reply.Name, reply.Email); err != nil {
		return nil, errors.New("reply_to is not an address")
	}
	for _, c := range r.To {
		if err := m.AddToFormat(c.Name, c.Email); err != nil {
			return nil, errors.New("a recipient is not an address")
		}
	}
	m.Subject(r.Subject)
	m.SetMessageIDWithValue(messageID)
	if r.InReplyTo != "" { // RFC 5322 3.6.4: the first letter of the matter is the whole thread
		m.SetGenHeader(mail.HeaderInReplyTo, "<"+r.InReplyTo+">")
		m.SetGenHeader(mail.HeaderReferences, "<"+r.InReplyTo+">")
	}
	if r.Date.IsZero() {
		m.SetDate()
	} else {
		m.SetDateWithValue(r.Date)
	}
	m.SetBodyString(mail.TypeTextPlain, r.Body)
	if a := r.Attachment; a != nil {
		err := m.AttachReader(a.Name, strings.NewReader(a.Text),
			mail.WithFileContentType("text/csv; charset=utf-8"), mail.WithFileEncoding(mail.EncodingQP))
		if err != nil {
			return nil, errors.New("the attachment cannot be read")
		}
	}
	return m, nil
}

// boundary parts a mail; it is the name of its Message-ID, which no text holds.
func boundary(messageID string) string {
	name, _, _ := strings.Cut(messageID, "@")
	return "part-" + name
}

// client has one deadline for everything, the context's if that is nearer: the
// library does not look at the context once it is connected.
func (s SMTP) client(ctx context.Context, line *dialled, login []mail.Option) (*mail.Client, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	if end, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(end)), time.Millisecond)
	}
	opts := []mail.Option{mail.WithTimeout(timeout), mail.WithHELO(Domain(s.From.Email)), mail.WithoutNoop()}
	port := 587
	switch s.TLS {
	case ImplicitTLS:
		port = 465
		opts = append(opts, mail.WithSSL())
	case PlainRelay:
		port = 25
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.TLS != ImplicitTLS { // there a dialler of ours would hide that TLS is on
		opts = append(opts, mail.WithDialContextFunc(line.dial))
	}
	if s.Port != 0 {
		port = s.Port
	}
	opts = append(opts, mail.WithPort(port))
	if s.TLSConfig != nil {
		c := s.TLSConfig.Clone()
		if c.ServerName == "" {
			c.ServerName = s.Host
		}
		opts = append(opts, mail.WithTLSConfig(c))
	}
	return mail.NewClient(s.Host, append(opts, login...)...)
}

// dialled remembers the connection: after a failed login, or an odd answer to
// QUIT, the library does not close it.
type dialled struct{ conn net.Conn }

func (d *dialled) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	d.conn = conn
	return conn, err
}

func (d *dialled) hangUp() {
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// dialError grades what went wrong before the letter was on its way.
func dialError(err error) error {
	var (
		server  *textproto.Error
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		record  tls.RecordHeaderError
		netErr  net.Error
	)
	switch {
	case errors.As(err, &cert), errors.As(err, &unknown), errors.As(err, &host):
		return registry.Errorf(registry.Refused, "mail", "the mail server's certificate is not trusted: %w", err)
	case errors.As(err, &record):
		return registry.Errorf(registry.Refused, "mail", "the mail server does not speak TLS on this port")
	case strings.Contains(err.Error(), "STARTTLS"):
		return registry.Errorf(registry.Refused, "mail", "the mail server offers no TLS (STARTTLS); nothing was sent")
	case errors.As(err, &server):
		return byCode(server.Code, "the mail server answered %d at the login", server.Code)
	case strings.Contains(err.Error(), "SMTP AUTH") || errors.Is(err, mail.ErrNoSupportedAuthDiscovered):
		return registry.Errorf(registry.Unauthorised, "mail", "no way to log in that both sides know")
	case errors.As(err, &netErr), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return registry.Errorf(registry.Transient, "mail", "the mail server cannot be reached: %w", err)
	}
	return registry.Errorf(registry.Transient, "mail", "the mail server cannot be used: %w", err)
}

// sendError grades what went wrong with the letter itself. Without an answer
// to the end of the text nobody knows whether the server took it: Transient,
// so that the same Message-ID is repeated.
func sendError(err error) error {
	var se *mail.SendError
	if errors.As(err, &se) && se.ErrorCode() != 0 {
		return byCode(se.ErrorCode(), "the mail server answered %d (%s)", se.ErrorCode(), se.Reason)
	}
	if se != nil && (se.Reason == mail.ErrSMTPDataClose || se.Reason == mail.ErrWriteContent) {
		return registry.Errorf(registry.Transient, "mail", "no answer after the letter was handed over; it may have been taken")
	}
	return registry.Errorf(registry.Transient, "mail", "the connection to the mail server broke")
}

// byCode is the kind of a server's answer (RFC 5321 4.2.1, RFC 4954 6).
func byCode(code int, format string, args ...any) error {
	kind := registry.Transient
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538:
		kind = registry.Unauthorised
	case code == 452:
		kind = registry.Busy
	case code >= 500:
		kind = registry.Refused
	}
	return registry.Errorf(kind, "mail", format, args...)
}
