package registry

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in the only way that decides what happens next.
// It travels through Temporal as the type of an ApplicationError, because
// neither sentinels nor wrapped errors survive an activity boundary.
type Kind string

// The kinds. A file with wrong contents is none of these: that is a verdict.
const (
	// Transient is weather: network, timeout, restart. Retried.
	Transient Kind = "transient"
	// Busy is a full disk, a quota, too many sessions. Retried, spaced out.
	Busy Kind = "busy"
	// Refused is "permission denied", "no such folder". Retried once, then a hold.
	Refused Kind = "refused"
	// Corrupt means that a size or a digest differs. Sent again, at most three times.
	Corrupt Kind = "corrupt"
	// Unauthorised is a refused login. Never retried: accounts get locked.
	Unauthorised Kind = "unauthorised"
	// HostKeyChanged means that the server is not the one that was pinned.
	HostKeyChanged Kind = "host-key-changed"
	// Conflict means that a different file lies under our name.
	Conflict Kind = "conflict"
	// DeliveryUnknown means that nobody can tell whether the file arrived.
	DeliveryUnknown Kind = "delivery-unknown"
	// Missing means that something that must be there is not: file, folder, report.
	Missing Kind = "missing"
	// NotAllowed means that a rule of the process forbids the act (a production
	// file before the Production email, a historical load twice).
	NotAllowed Kind = "not-allowed"
	// Invalid is a bug or a malformed input: the one kind that fails a workflow.
	Invalid Kind = "invalid"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		Transient, Busy, Refused, Corrupt, Unauthorised, HostKeyChanged, Conflict,
		DeliveryUnknown, Missing, NotAllowed, Invalid,
	}
}

// Retryable reports whether trying again, without a person, may help.
func (k Kind) Retryable() bool {
	switch k {
	case Transient, Busy, Refused, Corrupt:
		return true
	case Unauthorised, HostKeyChanged, Conflict, DeliveryUnknown, Missing, NotAllowed, Invalid:
	}
	return false
}

// Error is the one error type of the adapters (db, vault, transfer, notify).
// Its text names the operation and the place, never a value from a file.
type Error struct {
	Kind Kind
	// Op is what was being done, in a word or two: "upload", "vault put".
	Op string
	// Err is the cause. Its text must be free of patient data.
	Err error
}

// Error joins operation and cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s: %s", e.Op, e.Kind)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf builds an [Error]. Use %w to keep the cause.
func Errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of err; an error that carries none is [Transient],
// since an unknown failure is worth another try and ends in a hold anyway.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}
