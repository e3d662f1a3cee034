// Package sftp reaches a registry's drop point over SFTP.
//
// It is synchronous: one call, one error, nothing in the background but a
// keepalive. Bytes are written one after the other from byte 0, since writes in
// flight beside each other leave holes on servers that die in between, and a
// size on the server is never taken as proof of what lies before it.
//
// Nothing in the libraries below has a deadline of its own: a handshake with a
// listener that never speaks and a request to a silent server both wait for
// ever. So each step here is bounded ([session.step]), by closing the
// connection, which is the one thing that frees every wait.
//
// It must not fall back to an unpinned host key, and must not resume.
package sftp
