// Command sandbox is a rehearsal of the whole journey on one machine: it boots
// an embedded Temporal server with its Web UI, a private PostgreSQL, a registry
// at the other end of an SSH connection, a mail catcher and the worker, enrols
// sample practices with invented patients, and plays everybody around them on a
// compressed calendar.
//
//	go run ./sandbox            boots, plays, stays up until Ctrl-C
//	go run ./sandbox -journey   plays once; exits 0 only if every stage was
//	                            reached and every invariant held
//
// It is the only module that depends on the Temporal server.
package main
