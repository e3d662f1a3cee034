// Command desk measures what a person at a desk waits for: `starter --help`,
// and `starter check` on files of about 1 MB and 100 MB in every format, from
// the start of the process to its end, with its peak memory.
//
//	go run ./internal/bench/desk
//	go run ./internal/bench/desk -n 50
//
// It prints figures and judges none; docs/benchmarks.md keeps them. The files
// are generated with invented patients. It must not be linked into anything.
package main
