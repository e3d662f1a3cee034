package notify

import (
	"github.com/wneessen/go-mail"

	"immtrail/registry"
)

// AuthMode says how the mail server is told who sends.
type AuthMode string

// The ways to log in. All of them need TLS.
const (
	// AuthAuto takes the best way that the server offers and that needs a password.
	// The default.
	AuthAuto AuthMode = "auto"
	// AuthPlain is SASL PLAIN (RFC 4616).
	AuthPlain AuthMode = "plain"
	// AuthLogin is the older LOGIN, which some servers offer alone.
	AuthLogin AuthMode = "login"
	// AuthXOAUTH2 logs in with an access token in place of a password, as Google and
	// Microsoft 365 want it.
	AuthXOAUTH2 AuthMode = "xoauth2"
)

// loginFaults tells what is wrong with the settings of the login.
func (s SMTP) loginFaults() []string {
	var faults []string
	switch s.Auth {
	case "", AuthAuto:
	case AuthPlain, AuthLogin:
		if s.User == "" || s.Password == "" {
			faults = append(faults, "auth: plain and login need user and password")
		}
	case AuthXOAUTH2:
		if s.User == "" || s.Token == nil {
			faults = append(faults, "auth: xoauth2 needs user and access token")
		}
	default:
		faults = append(faults, "auth: one of auto, plain, login, xoauth2")
	}
	if s.TLS == PlainRelay && (s.Password != "" || s.Token != nil) {
		faults = append(faults, "tls: none sends the password in clear; use starttls or implicit")
	}
	return faults
}

// login is how the library logs in; nothing where there is no user. It fails with
// kind Unauthorised when the access token cannot be read.
func (s SMTP) login() ([]mail.Option, error) {
	if s.User == "" {
		return nil, nil
	}
	how, secret := mail.SMTPAuthAutoDiscover, s.Password
	switch s.Auth {
	case AuthPlain:
		how = mail.SMTPAuthPlain
	case AuthLogin:
		how = mail.SMTPAuthLogin
	case AuthXOAUTH2:
		how = mail.SMTPAuthXOAUTH2
		// Tokens live for an hour: whatever renews them does so beside us.
		token, err := s.Token()
		if err != nil {
			return nil, registry.Errorf(registry.Unauthorised, "mail", "the access token cannot be read: %w", err)
		}
		secret = token
	case AuthAuto:
	}
	return []mail.Option{mail.WithSMTPAuth(how), mail.WithUsername(s.User), mail.WithPassword(secret)}, nil
}
