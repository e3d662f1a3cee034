package notify_test

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"immtrail/notify"
	"immtrail/registry"
)

var (
	errNoSuchUser = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	errGreylisted = &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "greylisted, come again"}
)

func TestMailServerThatIsDifficult(t *testing.T) {
	two := func(t *testing.T) notify.Rendered {
		t.Helper()
		r := rendered(t)
		r.To = append(r.To, registry.Contact{Role: registry.ContactVendor, Email: "vendor@example.org"})
		return r
	}
	t.Run("a mailbox that is refused is told, and the others get the letter", func(t *testing.T) {
		s := (&mailServer{rcpt: []error{nil, errNoSuchUser, nil, errNoSuchUser}}).open(t, nil, false)
		receipt, err := s.sender().Send(context.Background(), two(t), id)
		require.NoError(t, err)
		require.Equal(t, notify.Receipt{MessageID: id, Delivered: true, Refused: []string{"vendor@example.org"}}, receipt)
		require.Len(t, s.letters(), 1)
		require.NotContains(t, s.letters()[0], "vendor@example.org")
	})
	t.Run("where all are refused nobody gets it, and who they are stands beside the error", func(t *testing.T) {
		for _, r := range []notify.Rendered{rendered(t), two(t)} {
			s := (&mailServer{rcpt: []error{errNoSuchUser, errNoSuchUser, errNoSuchUser, errNoSuchUser}}).open(t, nil, false)
			_, err := s.sender().Send(context.Background(), r, id)
			require.Equal(t, registry.Refused, registry.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "550")
			require.ErrorContains(t, err, "RCPT TO")
			var gone []string
			for _, c := range r.To {
				gone = append(gone, c.Email)
				require.NotContains(t, err.Error(), c.Email)
			}
			require.Equal(t, gone, notify.RefusedMailboxes(err))
			require.Empty(t, s.letters())
		}
	})
	t.Run("where one is refused and one put off nobody gets it yet", func(t *testing.T) {
		for _, answers := range [][]error{{errNoSuchUser, errGreylisted}, {errGreylisted, errNoSuchUser, errGreylisted}} {
			s := (&mailServer{rcpt: answers}).open(t, nil, false)
			_, err := s.sender().Send(context.Background(), two(t), id)
			require.Equal(t, registry.Transient, registry.KindOf(err), "%v", err)
			require.Nil(t, notify.RefusedMailboxes(err))
			require.Empty(t, s.letters())
		}
	})
	t.Run("a server that thinks better of it gets the letter for all", func(t *testing.T) {
		s := (&mailServer{rcpt: []error{nil, errNoSuchUser}}).open(t, nil, false)
		receipt, err := s.sender().Send(context.Background(), two(t), id)
		require.NoError(t, err)
		require.Empty(t, receipt.Refused)
		require.Len(t, s.letters(), 1)
	})
	t.Run("a sender that is refused is no mailbox that is", func(t *testing.T) {
		s := serve(t, &server{replies: map[string]string{"MAIL": "550 not from you"}})
		_, err := (&mailServer{port: s.port}).sender().Send(context.Background(), two(t), id)
		require.Equal(t, registry.Refused, registry.KindOf(err), "%v", err)
		require.Nil(t, notify.RefusedMailboxes(err))
	})
	t.Run("a greylisted letter is taken when it comes again", func(t *testing.T) {
		s := (&mailServer{rcpt: []error{errGreylisted}}).open(t, nil, false)
		_, err := s.sender().Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Transient, registry.KindOf(err), "%v", err)
		require.Empty(t, s.letters())

		receipt, err := s.sender().Send(context.Background(), rendered(t), id)
		require.NoError(t, err)
		require.Equal(t, id, receipt.MessageID)
		require.Len(t, s.letters(), 1)
		require.Contains(t, s.letters()[0], "Message-ID: <"+id+">")
	})
	t.Run("a letter that was cut off is sent whole the next time, under the same Message-ID", func(t *testing.T) {
		s := (&mailServer{breaks: 1}).open(t, nil, false)
		r := rendered(t)
		r.Body += strings.Repeat("A line that makes the letter longer than any buffer on its way.\n", 1<<14)
		_, err := s.sender().Send(context.Background(), r, id)
		require.Equal(t, registry.Transient, registry.KindOf(err), "%v", err)
		require.Equal(t, 1, s.cuts(), "the server had begun to read")
		require.Empty(t, s.letters())

		receipt, err := s.sender().Send(context.Background(), r, id)
		require.NoError(t, err)
		require.True(t, receipt.Delivered)
		require.Len(t, s.letters(), 1)
		require.Contains(t, s.letters()[0], "Message-ID: <"+id+">")
	})
}

func TestEveryWayToLogIn(t *testing.T) {
	cert, roots := certificate(t)
	for name, c := range map[string]struct {
		auth    notify.AuthMode
		offered []string
		want    string
	}{
		"PLAIN":                       {notify.AuthPlain, []string{"LOGIN", "PLAIN"}, "PLAIN"},
		"LOGIN":                       {notify.AuthLogin, []string{"PLAIN", "LOGIN"}, "LOGIN"},
		"XOAUTH2":                     {notify.AuthXOAUTH2, []string{"PLAIN", "XOAUTH2"}, "XOAUTH2"},
		"what is offered, by default": {"", []string{"LOGIN", "XOAUTH2"}, "LOGIN"},
	} {
		for _, mode := range []notify.TLSMode{notify.STARTTLS, notify.ImplicitTLS} {
			t.Run(name+" under "+string(mode), func(t *testing.T) {
				s := (&mailServer{logins: c.offered, user: "casey", secret: "hunter2"}).open(t, cert, mode == notify.ImplicitTLS)
				cfg := login(s, c.auth, "hunter2")
				cfg.TLS, cfg.TLSConfig = mode, roots
				receipt, err := cfg.Send(context.Background(), rendered(t), id)
				require.NoError(t, err)
				require.True(t, receipt.Delivered)
				require.Equal(t, []string{c.want}, s.used)
				require.Equal(t, []bool{true}, s.tls)
			})
		}
		t.Run(name+" with the wrong secret is refused", func(t *testing.T) {
			s := (&mailServer{logins: c.offered, user: "casey", secret: "hunter2"}).open(t, cert, false)
			cfg := login(s, c.auth, "hunter3")
			cfg.TLS, cfg.TLSConfig = notify.STARTTLS, roots
			_, err := cfg.Send(context.Background(), rendered(t), id)
			require.Equal(t, registry.Unauthorised, registry.KindOf(err), "%v", err)
			require.NotContains(t, err.Error(), "hunter3")
			require.Empty(t, s.letters())
		})
	}
	for _, auth := range []notify.AuthMode{notify.AuthPlain, notify.AuthLogin, notify.AuthXOAUTH2} {
		t.Run(string(auth)+" that the server does not know is no other way in", func(t *testing.T) {
			s := (&mailServer{logins: []string{"EXTERNAL"}}).open(t, cert, false)
			cfg := login(s, auth, "hunter2")
			cfg.TLS, cfg.TLSConfig = notify.STARTTLS, roots
			_, err := cfg.Send(context.Background(), rendered(t), id)
			require.Equal(t, registry.Unauthorised, registry.KindOf(err), "%v", err)
		})
	}
}

// login is a sender with a password, or with a token where the way wants one.
func login(s *mailServer, auth notify.AuthMode, secret string) notify.SMTP {
	cfg := s.sender()
	cfg.Auth, cfg.User = auth, "casey"
	if auth == notify.AuthXOAUTH2 {
		cfg.Token = func() (string, error) { return secret, nil }
	} else {
		cfg.Password = secret
	}
	return cfg
}

func TestAccessTokenIsReadForEveryLetter(t *testing.T) {
	cert, roots := certificate(t)
	s := (&mailServer{logins: []string{"XOAUTH2"}, user: "casey", secret: "second"}).open(t, cert, false)
	cfg := login(s, notify.AuthXOAUTH2, "")
	cfg.TLS, cfg.TLSConfig = notify.STARTTLS, roots
	token, failure := "first", error(nil)
	cfg.Token = func() (string, error) { return token, failure }

	_, err := cfg.Send(context.Background(), rendered(t), id)
	require.Equal(t, registry.Unauthorised, registry.KindOf(err), "the first has run out: %v", err)
	token = "second"
	_, err = cfg.Send(context.Background(), rendered(t), id)
	require.NoError(t, err, "renewed while the worker runs")

	failure = errors.New("no such file")
	_, err = cfg.Send(context.Background(), rendered(t), id)
	require.Equal(t, registry.Unauthorised, registry.KindOf(err))
	require.ErrorContains(t, err, "token cannot be read")
	require.Len(t, s.letters(), 1)
}

func TestLoginSettingsThatCannotWork(t *testing.T) {
	token := func() (string, error) { return "t", nil }
	for name, c := range map[string]struct {
		cfg  notify.SMTP
		want string
	}{
		"an unknown way":           {notify.SMTP{Auth: "kerberos"}, "one of auto, plain, login, xoauth2"},
		"plain without a password": {notify.SMTP{Auth: notify.AuthPlain, User: "casey"}, "need user and password"},
		"login without a user":     {notify.SMTP{Auth: notify.AuthLogin, Password: "p"}, "need user and password"},
		"xoauth2 with a password":  {notify.SMTP{Auth: notify.AuthXOAUTH2, User: "casey", Password: "p"}, "user and access token"},
		"a token in clear":         {notify.SMTP{Auth: notify.AuthXOAUTH2, User: "casey", Token: token, TLS: notify.PlainRelay}, "in clear"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Host, c.cfg.From = "mail.example.org", coordinator
			faults := c.cfg.Check()
			require.Len(t, faults, 1)
			require.Contains(t, faults[0], c.want)
		})
	}
}

func TestLettersOfOneMatterStandTogether(t *testing.T) {
	s := (&mailServer{}).open(t, nil, false)
	first, second := rendered(t), rendered(t)
	second.InReplyTo = id
	_, err := s.sender().Send(context.Background(), first, id)
	require.NoError(t, err)
	_, err = s.sender().Send(context.Background(), second, notify.MessageID("over", "clinics.example.org"))
	require.NoError(t, err)
	var headers []mail.Header
	for _, l := range s.letters() {
		m, err := mail.ReadMessage(strings.NewReader(l))
		require.NoError(t, err)
		headers = append(headers, m.Header)
	}
	require.Len(t, headers, 2)
	require.Empty(t, headers[0].Get("In-Reply-To"), "the first answers nothing")
	require.Empty(t, headers[0].Get("References"))
	require.Equal(t, headers[0].Get("Message-ID"), headers[1].Get("In-Reply-To"))
	require.Equal(t, headers[0].Get("Message-ID"), headers[1].Get("References"))

	for _, evil := range []string{"a@b\r\nBcc: x@example.org", "a@b> <c@d", "nothing"} {
		second.InReplyTo = evil
		_, err = s.sender().Send(context.Background(), second, id)
		require.Equal(t, registry.Invalid, registry.KindOf(err), "%v", err)
	}
}
