package notify_test

import (
	"context"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"immtrail/notify"
	"immtrail/registry"
	"immtrail/registry/texas"
)

var coordinator = registry.Contact{
	Role: registry.ContactCoordinator, Name: "Casey Coordinator", Email: "casey@clinics.example.org",
}

func letter() notify.Letter {
	return notify.Letter{
		Event: "sunrise-plano/review-request/1", Template: registry.LetterReviewRequest,
		To:   []registry.Contact{{Role: registry.ContactRegistry, Name: "Data Exchange", Email: "registry@example.org"}},
		Data: texas.SampleLetterData(), Date: time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC),
	}
}

func rendered(t *testing.T) notify.Rendered {
	t.Helper()
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	r, err := notify.Render(letters, letter())
	require.NoError(t, err)
	return r
}

func plain(s *server) notify.SMTP {
	return notify.SMTP{Host: "127.0.0.1", Port: s.port, TLS: notify.PlainRelay, From: coordinator, Timeout: 5 * time.Second}
}

var id = notify.MessageID(letter().Event, "clinics.example.org")

func TestLetterArrivesAsWritten(t *testing.T) {
	s := serve(t, &server{})
	r := rendered(t)
	receipt, err := plain(s).Send(context.Background(), r, id)
	require.NoError(t, err)
	require.True(t, receipt.Delivered)
	require.Equal(t, id, receipt.MessageID)
	require.Len(t, s.letters(), 1)

	m, err := mail.ReadMessage(strings.NewReader(s.letters()[0]))
	require.NoError(t, err)
	require.Equal(t, "<"+id+">", m.Header.Get("Message-ID"))
	require.Equal(t, `"Casey Coordinator" <casey@clinics.example.org>`, m.Header.Get("From"))
	require.Equal(t, `"Casey Coordinator" <casey@clinics.example.org>`, m.Header.Get("Reply-To"), "the answer goes to the coordinator")
	require.Equal(t, `"Data Exchange" <registry@example.org>`, m.Header.Get("To"))
	require.Contains(t, m.Header.Get("Subject"), "Request for review")
	when, err := m.Header.Date()
	require.NoError(t, err)
	require.True(t, when.Equal(letter().Date), "the date is the letter's, not the machine's")
	require.True(t, strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain"), "nothing is attached")
	require.Contains(t, s.letters()[0], "SUNR1234_TEST_20260302101500_000001.HL7")
}

func TestLostAnswerRepeatsTheSameMessageID(t *testing.T) {
	s := serve(t, &server{dropAfterData: true})
	r := rendered(t)
	for range 2 {
		_, err := plain(s).Send(context.Background(), r, id)
		require.Error(t, err)
		require.Equal(t, registry.Transient, registry.KindOf(err), "to be tried again")
		require.Contains(t, err.Error(), "may have been taken")
	}
	require.Len(t, s.letters(), 2)
	for _, l := range s.letters() {
		require.Contains(t, l, "Message-ID: <"+id+">")
	}
}

func TestMessageIDBelongsToItsEvent(t *testing.T) {
	again := notify.MessageID(letter().Event, "clinics.example.org")
	require.Equal(t, id, again, "the same after a restart")
	require.NotEqual(t, notify.MessageID("a", "x.org"), notify.MessageID("b", "x.org"))
	_, err := mail.ParseAddress("<" + notify.MessageID("patient of mine\r\nBcc: x", "x.org") + ">")
	require.NoError(t, err, "whatever the event is called")
	require.Equal(t, "clinics.example.org", notify.Domain(coordinator.Email))
	require.Equal(t, "localhost", notify.Domain(""))
}

func TestServersAnswerDecidesWhatHappensNext(t *testing.T) {
	for name, c := range map[string]struct {
		replies map[string]string
		want    registry.Kind
	}{
		"greylisted":               {map[string]string{"RCPT": "451 try again later"}, registry.Transient},
		"mailbox full":             {map[string]string{"RCPT": "452 no room"}, registry.Busy},
		"no such mailbox":          {map[string]string{"RCPT": "550 no such user"}, registry.Refused},
		"sender refused":           {map[string]string{"MAIL": "553 not yours"}, registry.Refused},
		"text refused":             {map[string]string{"DATA": "554 no"}, registry.Refused},
		"login wanted":             {map[string]string{"MAIL": "530 log in first"}, registry.Unauthorised},
		"closing for maintenance":  {map[string]string{"EHLO": "421 closing", "HELO": "421 closing"}, registry.Transient},
		"closes on the first word": {map[string]string{"EHLO": "554 go away", "HELO": "554 go away"}, registry.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{replies: c.replies})
			_, err := plain(s).Send(context.Background(), rendered(t), id)
			require.Error(t, err)
			require.Equal(t, c.want, registry.KindOf(err), "%v", err)
			require.NotContains(t, err.Error(), "registry@example.org", "errors go into histories")
		})
	}
	t.Run("a goodbye that fails after the letter was taken is no failure", func(t *testing.T) {
		s := serve(t, &server{replies: map[string]string{"RSET": "421 closing", "QUIT": "500 what"}})
		receipt, err := plain(s).Send(context.Background(), rendered(t), id)
		require.NoError(t, err)
		require.True(t, receipt.Delivered)
	})
	t.Run("nobody listens", func(t *testing.T) {
		s := serve(t, &server{})
		cfg := plain(s)
		cfg.Port = 1
		_, err := cfg.Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Transient, registry.KindOf(err))
	})
	t.Run("the context's deadline is kept", func(t *testing.T) {
		s := serve(t, &server{replies: map[string]string{"EHLO": "250-slow"}}) // an answer that never ends
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := plain(s).Send(ctx, rendered(t), id)
		require.Equal(t, registry.Transient, registry.KindOf(err))
		require.Less(t, time.Since(begun), 10*time.Second)
	})
}

func TestPasswordTravelsUnderTLSOnly(t *testing.T) {
	cert, roots := certificate(t)
	secure := func(s *server) notify.SMTP {
		cfg := plain(s)
		cfg.TLS, cfg.User, cfg.Password, cfg.TLSConfig = notify.STARTTLS, "casey", "hunter2", roots
		return cfg
	}
	t.Run("login after STARTTLS", func(t *testing.T) {
		s := serve(t, &server{cert: cert, extensions: []string{"STARTTLS", "AUTH PLAIN"}})
		receipt, err := secure(s).Send(context.Background(), rendered(t), id)
		require.NoError(t, err)
		require.True(t, receipt.Delivered)
	})
	t.Run("a refused login is not tried again", func(t *testing.T) {
		s := serve(t, &server{
			cert: cert, extensions: []string{"STARTTLS", "AUTH PLAIN"},
			replies: map[string]string{"AUTH": "535 wrong password"},
		})
		_, err := secure(s).Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Unauthorised, registry.KindOf(err), "%v", err)
		require.NotContains(t, err.Error(), "hunter2")
		require.Empty(t, s.letters())
	})
	t.Run("a server without TLS is refused", func(t *testing.T) {
		s := serve(t, &server{extensions: []string{"AUTH PLAIN"}})
		_, err := secure(s).Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Refused, registry.KindOf(err))
		require.Contains(t, err.Error(), "offers no TLS")
		require.Empty(t, s.letters())
	})
	t.Run("a certificate that nobody trusts is refused", func(t *testing.T) {
		s := serve(t, &server{cert: cert, extensions: []string{"STARTTLS", "AUTH PLAIN"}})
		cfg := secure(s)
		cfg.TLSConfig = nil
		_, err := cfg.Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Refused, registry.KindOf(err))
		require.Contains(t, err.Error(), "not trusted")
	})
	t.Run("TLS to a port that speaks none is refused", func(t *testing.T) {
		s := serve(t, &server{})
		cfg := secure(s)
		cfg.TLS = notify.ImplicitTLS
		_, err := cfg.Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Refused, registry.KindOf(err), "%v", err)
	})
	t.Run("no way to log in", func(t *testing.T) {
		s := serve(t, &server{cert: cert, extensions: []string{"STARTTLS"}})
		_, err := secure(s).Send(context.Background(), rendered(t), id)
		require.Equal(t, registry.Unauthorised, registry.KindOf(err), "%v", err)
	})
	t.Run("a password without TLS is a fault of the settings", func(t *testing.T) {
		cfg := notify.SMTP{Host: "mail.example.org", TLS: notify.PlainRelay, Password: "hunter2", From: coordinator}
		require.Contains(t, strings.Join(cfg.Check(), "\n"), "in clear")
	})
}

func TestSettingsAreJudgedAllAtOnce(t *testing.T) {
	faults := notify.SMTP{Port: 99999, TLS: "maybe", From: registry.Contact{Email: "nobody"}}.Check()
	require.Len(t, faults, 4)
	require.Empty(t, notify.SMTP{Host: "mail.example.org", From: coordinator}.Check())
	_, err := notify.SMTP{}.Send(context.Background(), rendered(t), id)
	require.Equal(t, registry.Invalid, registry.KindOf(err))
}

func TestNamesDoNotBecomeHeaders(t *testing.T) {
	letters, err := texas.LoadLetters()
	require.NoError(t, err)
	const evil = "Casey\r\nBcc: everybody@example.org"
	for name, spoil := range map[string]func(*notify.Letter){
		"recipient's name":           func(l *notify.Letter) { l.To[0].Name = evil },
		"recipient's address":        func(l *notify.Letter) { l.To[0].Email = "a@example.org\r\nBcc: b@example.org" },
		"two addresses in one":       func(l *notify.Letter) { l.To[0].Email = "a@example.org, b@example.org" },
		"practice's name, subject":   func(l *notify.Letter) { l.Data.Practice.Name = evil },
		"nobody addressed":           func(l *notify.Letter) { l.To = nil },
		"no event":                   func(l *notify.Letter) { l.Event = "" },
		"part of an HL7 message":     func(l *notify.Letter) { l.Data.Words = "see PID|1||4711" },
		"a letter that nobody knows": func(l *notify.Letter) { l.Template = "love-letter" },
	} {
		t.Run(name, func(t *testing.T) {
			l := letter()
			spoil(&l)
			_, err := notify.Render(letters, l)
			require.Equal(t, registry.Invalid, registry.KindOf(err), "%v", err)
			require.NotContains(t, err.Error(), "4711")
		})
	}
	t.Run("a sender's name is judged too", func(t *testing.T) {
		cfg := notify.SMTP{Host: "mail.example.org", From: registry.Contact{Name: evil, Email: coordinator.Email}}
		require.NotEmpty(t, cfg.Check())
	})
}

func TestMailIsOffUntilSomebodyTurnsItOn(t *testing.T) {
	var off notify.Sender = notify.Off{}
	receipt, err := off.Send(context.Background(), rendered(t), id)
	require.NoError(t, err)
	require.False(t, receipt.Delivered)
	require.Equal(t, "not delivered: notify.deliver is off", receipt.Note)
	require.Equal(t, id, receipt.MessageID)
	_, err = off.Send(context.Background(), notify.Rendered{}, id)
	require.Equal(t, registry.Invalid, registry.KindOf(err), "a rehearsal finds the same faults")
}
