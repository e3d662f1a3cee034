package ftps

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"strings"

	"github.com/jlaffaye/ftp"

	"immtrail/registry"
)

// Operations, as errors name them.
const (
	opDial     = "dial"
	opUpload   = "upload"
	opStat     = "look"
	opList     = "list"
	opDownload = "download"
	opRemove   = "remove"
)

// fail builds the error of an operation. A server's reply in err is quoted.
func fail(op string, kind registry.Kind, what string, err error) error {
	return registry.Errorf(kind, op, "%s: %w", what, quoted(err))
}

// reply is what the server answered, safe to be shown.
type reply struct {
	code int
	text string
}

const replyShown = 200 // bytes of a server's words that are repeated

func (r *reply) Error() string {
	text := r.text
	if len(text) > replyShown {
		text = text[:replyShown]
	}
	return fmt.Sprintf("the server answered %d %q", r.code, text)
}

// Is makes permission and absence recognisable to callers. FTP has one code for
// both, so that absence is only what the words say.
func (r *reply) Is(target error) bool {
	switch r.code {
	case ftp.StatusFileUnavailable, ftp.StatusBadFileName, ftp.StatusFileActionIgnored:
	default:
		return false
	}
	if saysAbsent(r.text) {
		return target == os.ErrNotExist
	}
	return target == os.ErrPermission
}

// quoted replaces replies in err by quoted ones; whatever else is in it stays
// recognisable.
func quoted(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, quoted(e))
		}
		if len(all) == 1 {
			return all[0]
		}
		return errors.Join(all...)
	}
	if r, ok := err.(*textproto.Error); ok { //nolint:errorlint // wrapped ones are ours already
		return &reply{code: r.Code, text: r.Msg}
	}
	return err
}

// replyIn finds a reply in err.
func replyIn(err error) (*reply, bool) {
	var ours *reply
	if errors.As(err, &ours) {
		return ours, true
	}
	var theirs *textproto.Error
	if errors.As(err, &theirs) {
		return &reply{code: theirs.Code, text: theirs.Msg}, true
	}
	return nil, false
}

// saysAbsent recognises "there is no such file", which FTP has no code for. Not
// being recognised costs a listing of the folder, no more.
func saysAbsent(text string) bool {
	return holds(text, "no such file", "not found", "cannot find", "does not exist", "doesn't exist", "non-existent")
}

// saysFull recognises a full disk or a quota behind a code that says neither.
func saysFull(text string) bool {
	return holds(text, "no space", "disk full", "quota", "insufficient storage", "storage allocation")
}

// saysCrowded tells "too many sessions" from a refused password: both are 530
// with ProFTPD and others.
func saysCrowded(text string) bool {
	return holds(text, "maximum number of", "too many connections", "too many users", "too many clients", "too many sessions")
}

func holds(text string, any ...string) bool {
	text = strings.ToLower(text)
	for _, part := range any {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// kindOf gives an error its kind. What says nothing is weather.
func kindOf(err error) registry.Kind {
	var own *registry.Error
	if errors.As(err, &own) {
		return own.Kind
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return registry.Transient
	case errors.Is(err, errBudget), errors.Is(err, errUnmarked):
		return registry.Refused
	}
	if r, ok := replyIn(err); ok {
		return r.kind()
	}
	return registry.Transient
}

// kind reads the codes of RFC 959 (and 430, 522 and 534 of later ones).
func (r *reply) kind() registry.Kind {
	switch r.code {
	case ftp.StatusNotAvailable, // 421: no session to be had, or the server goes down
		ftp.StatusFileActionIgnored,              // 450: the file is in use
		ftp.Status452, ftp.StatusExceededStorage: // 452, 552
		return registry.Busy
	case ftp.StatusInvalidCredentials, ftp.StatusNotLoggedIn: // 430, 530
		if saysCrowded(r.text) {
			return registry.Busy
		}
		return registry.Unauthorised
	case ftp.StatusCanNotOpenDataConnection, ftp.StatusTransfertAborted, ftp.StatusActionAborted: // 425, 426, 451
		if saysFull(r.text) {
			return registry.Busy
		}
		return registry.Transient
	}
	switch {
	case saysFull(r.text):
		return registry.Busy
	case r.code >= 500:
		return registry.Refused
	}
	return registry.Transient
}

// answered reports whether the server spoke and stays: the session is alive
// then, and the error is its own.
func answered(err error) bool {
	r, ok := replyIn(err)
	return ok && r.code != ftp.StatusNotAvailable
}

// positive reports that err is nothing but another positive reply than the
// library waits for: RFC 959 lets servers end a transfer with 226 or 250.
func positive(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !positive(e) {
				return false
			}
		}
		return true
	}
	r, ok := err.(*textproto.Error) //nolint:errorlint // only the reply by itself
	return ok && r.Code/100 == 2
}
