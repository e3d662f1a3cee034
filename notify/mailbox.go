package notify

import (
	"errors"
	"net/textproto"
	"slices"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"immtrail/registry"
)

// mailboxError is a letter that nobody got, because every mailbox of it is refused
// for good. Its words name no address.
type mailboxError struct {
	error
	addresses []string
}

// Unwrap gives the server's answer.
func (e *mailboxError) Unwrap() error { return e.error }

// RefusedMailboxes are the addresses of a letter that a mail server refuses for
// good, where err says that nobody got it for that reason; nil for any other error.
func RefusedMailboxes(err error) []string {
	var m *mailboxError
	if !errors.As(err, &m) {
		return nil
	}
	return slices.Clone(m.addresses)
}

// RefuseMailboxes is the error of a letter whose every mailbox is refused for good.
func RefuseMailboxes(err error, addresses ...string) error {
	return &mailboxError{err, addresses}
}

// deliver hands a letter over on a connection, and returns the mailboxes that the
// server refuses for good: the others get it. Where the server puts one of them off,
// nobody gets it now.
func (s SMTP) deliver(client *mail.Client, conn *smtp.Client, r Rendered, messageID string) (refused []string, err error) {
	for {
		msg, err := s.message(r, messageID)
		if err != nil {
			return nil, registry.Errorf(registry.Invalid, "mail", "%w", err)
		}
		err = client.SendWithSMTPClient(conn, msg)
		if msg.IsDelivered() { // the server's words after it took the letter decide nothing
			return refused, nil
		}
		var se *mail.SendError
		if refused != nil || !errors.As(err, &se) || se.Reason != mail.ErrSMTPRcptTo ||
			registry.KindOf(sendError(err)) != registry.Refused {
			return nil, sendError(err)
		}
		if refused, err = s.refusedOf(conn, r.To, err); err != nil {
			return nil, err
		}
		r.To = slices.DeleteFunc(slices.Clone(r.To), func(c registry.Contact) bool { return slices.Contains(refused, c.Email) })
	}
}

// refusedOf asks anew which mailboxes the server refuses, since the library tells
// that some are. It fails when all of them are, or when the server puts one off.
func (s SMTP) refusedOf(conn *smtp.Client, to []registry.Contact, answer error) ([]string, error) {
	if len(to) == 1 {
		return nil, RefuseMailboxes(sendError(answer), to[0].Email)
	}
	if err := conn.Mail("<" + s.From.Email + ">"); err != nil {
		return nil, replyError(err)
	}
	refused := []string{}
	for _, c := range to {
		err := conn.Rcpt("<" + c.Email + ">")
		if err != nil && registry.KindOf(replyError(err)) != registry.Refused {
			return nil, replyError(err)
		}
		if err != nil {
			refused = append(refused, c.Email)
		}
	}
	if len(refused) == len(to) {
		return nil, RefuseMailboxes(sendError(answer), refused...)
	}
	if err := conn.Reset(); err != nil {
		return nil, replyError(err)
	}
	return refused, nil
}

// replyError grades a server's answer to a command.
func replyError(err error) error {
	var server *textproto.Error
	if errors.As(err, &server) {
		return byCode(server.Code, "the mail server answered %d to an address", server.Code)
	}
	return registry.Errorf(registry.Transient, "mail", "the connection to the mail server broke")
}
