// Command transfer measures the SFTP driver side by side with OpenSSH's own
// sftp, on one machine, in one run: a large file on loopback, the same with a
// longer round trip, many small files over pooled sessions, and uploads to a
// server that is killed again and again. The FTPS driver is measured beside
// curl, to a ProFTPD of its own (proftpd-core, proftpd-mod-crypto, curl).
//
//	go run ./internal/bench/transfer
//	go run ./internal/bench/transfer -only large,small -size 256 -rounds 3
//	go run ./internal/bench/transfer -kills 200
//	go run ./internal/bench/transfer -delay
//
// It starts its own sshd (Debian: openssh-server) with a key, a port and a
// configuration of its own; files go below -dir, best on a memory disk. Each
// upload of ours is a process of its own, so that its start and its memory
// count as they do for sftp. It is no test: nothing fails when a machine is
// slow, only when a file arrives wrong.
package main
