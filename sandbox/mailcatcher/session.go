package mailcatcher

import (
	"bytes"
	"errors"
	"io"
	"log"
	"strings"

	"github.com/emersion/go-smtp"
)

func (c *Catcher) smtpServer() *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		return &session{catcher: c, conn: conn}, nil
	}))
	s.Domain = "localhost"
	s.MaxMessageBytes = maxMailBytes
	s.MaxRecipients = maxRecipients
	s.ReadTimeout, s.WriteTimeout = patience, patience
	s.EnableSMTPUTF8 = true
	// Its talk is about connections that broke off, often on purpose.
	s.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

// session is one sender's connection.
type session struct {
	catcher *Catcher
	conn    *smtp.Conn
	from    string
	to      []string
}

var errHungUp = errors.New("hung up on purpose")

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	var raw bytes.Buffer
	raw.WriteString(headerFrom + ": " + oneLine(s.from) + "\r\n")
	raw.WriteString(headerTo + ": " + oneLine(strings.Join(s.to, ", ")) + "\r\n")
	if _, err := raw.ReadFrom(r); err != nil {
		return err
	}
	tell, err := s.catcher.keep(raw.Bytes())
	if err != nil {
		return err
	}
	if !tell {
		// Below go-smtp, which would else answer the error that is returned.
		_ = s.conn.Conn().Close()
		return errHungUp
	}
	return nil
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// oneLine keeps an address from adding header lines of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, s)
}
