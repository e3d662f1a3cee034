package activities

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"immtrail/registry"
	"immtrail/transfer"
)

// Attempts after which a kind is not tried again by itself. All attempts of
// the activity count, whatever the earlier ones failed with.
const (
	refusedAttempts = 2 // once more: folders and rights are sometimes put right at once
	corruptAttempts = 3
)

// Spacing of a busy server or disk when the activity's retry policy is unknown.
const (
	busyFirst = time.Minute
	busyMost  = 30 * time.Minute
)

// maxErrorText bounds what of a server's words goes into history.
const maxErrorText = 500

// ConnectionFault stands in the details of an error that was met at a
// registry's server: whoever comes next with the same connection would meet it
// too.
type ConnectionFault struct {
	Connection string `json:"connection"`
	// Server ("host:port") is set where it was met before the login: whoever
	// comes next with any login would meet it too.
	Server string `json:"server,omitempty"`
	// Sent is how many bytes of an upload the server has acknowledged.
	Sent int64 `json:"sent,omitempty"`
}

// metError marks an error as met at a registry's server.
type metError struct {
	connection, server string
	sent               int64
	error
}

// Unwrap gives the cause.
func (e *metError) Unwrap() error { return e.error }

// met marks what a registry's server did; nil stays nil.
func met(connection string, err error) error {
	if err == nil {
		return nil
	}
	return &metError{connection: connection, error: err}
}

// unnamedError hides a file's name in the words of an error.
type unnamedError struct {
	name string
	error
}

// Unwrap gives the cause.
func (e *unnamedError) Unwrap() error { return e.error }

// Error gives the words without the name.
func (e *unnamedError) Error() string {
	return strings.ReplaceAll(e.error.Error(), e.name, "the report")
}

// unnamed keeps a report's name out of err, whose words go into letters: others
// chose it, and may have named a patient in it. Nil stays nil.
func unnamed(name string, err error) error {
	if err == nil || name == "" {
		return err
	}
	return &unnamedError{name: name, error: err}
}

// metAt is met for what a dial met: before the login it is the server's.
func metAt(connection, server string, err error) error {
	if err == nil {
		return nil
	}
	if !transfer.MetBeforeLogin(err) {
		server = ""
	}
	return &metError{connection: connection, server: server, error: err}
}

// withSent adds how far an upload came.
func withSent(err error, sent int64) error {
	var m *metError
	if errors.As(err, &m) {
		m.sent = sent
	}
	return err
}

// faultOf tells whether err says something about a connection rather than about
// one file. What was met there and speaks of the file alone (another size,
// another file under our name) does not.
func faultOf(err error) (ConnectionFault, bool) {
	var m *metError
	if !errors.As(err, &m) {
		return ConnectionFault{}, false
	}
	switch registry.KindOf(err) {
	case registry.Transient, registry.Busy, registry.Refused, registry.Unauthorised, registry.HostKeyChanged:
		return ConnectionFault{Connection: m.connection, Server: m.server, Sent: m.sent}, true
	default:
		return ConnectionFault{}, false
	}
}

// fail turns err into what Temporal acts on, and nothing else in the house
// does. It must be the last thing before an activity's return: an error of
// Temporal's that is wrapped afterwards loses its type, and one that must not
// be retried is then retried.
//
// The type is the kind of err ([registry.KindOf]), the message its text, which
// is free of patient data by the rule of [registry.Error]. A context that the
// server cancelled stays a cancellation.
//
// What a connection's server did is not tried again here (but for one repeat of
// a refusal): the workflow of the host says when, for everybody who waits.
func fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && temporal.IsCanceledError(context.Cause(ctx)) {
		return context.Canceled
	}
	var already *temporal.ApplicationError
	if errors.As(err, &already) {
		return already
	}
	attempt, policy := 1, (*temporal.RetryPolicy)(nil)
	if activity.IsActivity(ctx) {
		info := activity.GetInfo(ctx)
		attempt, policy = int(info.Attempt), info.RetryPolicy
	}
	kind := registry.KindOf(err)
	opts := temporal.ApplicationErrorOptions{NonRetryable: !retry(kind, attempt)}
	if fault, ok := faultOf(err); ok {
		opts.Details = []any{fault}
		opts.NonRetryable = kind != registry.Refused || !retry(kind, attempt)
	}
	if kind == registry.Busy {
		opts.NextRetryDelay = busyDelay(policy, attempt)
	}
	return temporal.NewApplicationErrorWithOptions(shorten(err.Error()), string(kind), opts)
}

// retry reports whether Temporal may try again by itself after this attempt.
func retry(kind registry.Kind, attempt int) bool {
	switch kind {
	case registry.Refused:
		return attempt < refusedAttempts
	case registry.Corrupt:
		return attempt < corruptAttempts
	default:
		return kind.Retryable()
	}
}

// busyDelay is four times what the activity's own backoff would be, so that it
// shrinks with the patience of a rehearsal.
func busyDelay(policy *temporal.RetryPolicy, attempt int) time.Duration {
	first, most := busyFirst, busyMost
	if policy != nil && policy.InitialInterval > 0 {
		first = 4 * policy.InitialInterval
		most = 4 * max(policy.InitialInterval, policy.MaximumInterval)
	}
	delay := first
	for range attempt - 1 {
		if delay >= most {
			break
		}
		delay *= 2
	}
	return min(delay, most)
}

func shorten(text string) string { return cut(text, maxErrorText) }

// cut shortens text to most bytes, on a character's boundary.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most] + "…"
}
