// Package temporalconn is the one way to a Temporal cluster: worker, starter,
// sandbox and tests all connect through [Dial] and so agree on how payloads are
// encoded, encrypted and refused.
//
// A payload passes, on its way out, through
//
//	JSON → tripwire (see package tripwire) → AES-256-GCM, where the codec is on
//
// and comes back through the same in reverse. A payload in an encoding that is
// not ours passes untouched, so that plain JSON typed in the Web UI is accepted
// although the codec is on. Failures are scrubbed and, with the codec on,
// encrypted too; see [FailureConverter].
//
// Not encrypted, ever: workflow IDs, names of types, search attributes, memos,
// notes of schedules, reasons of cancellation and identities. None of them may
// carry more than IDs.
//
// Workflows must not import this package, only its sub-packages searchattr and
// tripwire.
package temporalconn
