// Command history measures a historical load as a whole: files of one directory
// are planned, approved by the program, cut into parts, and sent to OpenSSH's sshd
// on loopback by the real worker, on a Temporal server and a PostgreSQL of their
// own. Beside it stands `sftp put` of the same bytes, unchecked. It prints rows for
// docs/benchmarks.md: wall time and ratio, the worker's peak memory, events per run.
//
//	go run ./internal/bench/history                      1,000,000 messages, about 1.9 GB
//	go run ./internal/bench/history -messages 20000      whether it works
//
// Run it on an idle machine with room for about eight times the bytes. It is a
// measurement and not a test: nothing fails when it is slow. Linux only.
package main
