package transfer

import "errors"

// unreached marks an error that was met before the login.
type unreached struct{ error }

// Unwrap gives the cause.
func (u unreached) Unwrap() error { return u.error }

// BeforeLogin marks what a dial met before it told the server who wants to log
// in: name, network, handshake, host key, greeting. Until then the server
// cannot tell one login from another, so that whoever comes next, with whatever
// login, would meet it too. nil stays nil.
func BeforeLogin(err error) error {
	if err == nil {
		return nil
	}
	return unreached{err}
}

// MetBeforeLogin reports whether err was marked by [BeforeLogin].
func MetBeforeLogin(err error) bool {
	var u unreached
	return errors.As(err, &u)
}
