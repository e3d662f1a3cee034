// Package sftp reaches a registry's drop point over SFTP.
//
// It is synchronous: one call, one error, nothing in the background but a
// keepalive. Bytes are written from byte 0 in the order of the file. How many
// writes may be on their way at once depends on the server (see manner): one
// to a server that nobody knows, since writes in flight beside each other leave
// holes on servers that write in parallel and die in between. A size on the
// server is never taken as proof of what lies before it.
//
// Nothing in the libraries below has a deadline of its own: a handshake with a
// listener that never speaks and a request to a silent server both wait for
// ever. So each step here is bounded ([session.step]), by closing the
// connection, which is the one thing that frees every wait.
//
// It must not fall back to an unpinned host key, must not resume except from
// what it was told to have been acknowledged, at a host that is marked for it,
// and must not try a refused login again.
package sftp
