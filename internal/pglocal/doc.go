// Package pglocal runs a private PostgreSQL cluster in a folder, from binaries
// that are already on the machine. The tests and the sandbox use it; nothing
// that serves a real practice may.
//
// The cluster listens on loopback only, with a generated password, and ends
// when the process that started it ends, even by kill -9: a small shell that
// holds one end of a pipe sees the other end close and stops PostgreSQL. The
// server's own log carries neither statements nor values, since rows may hold
// what identifies a patient.
//
// It must not download anything: without binaries [Start] returns
// [ErrNoBinaries], whose sentence says what to install.
package pglocal
