// Command status measures the overview of many practices: it fills a PostgreSQL
// of its own with 1,000 practices (one of them a group of 60 sites), three rows
// of progress each, and errors, and runs `starter status` from the start of the
// process to its end, with its peak memory.
//
//	go run ./internal/bench/status
//	go run ./internal/bench/status -practices 200 -n 20
//
// It prints figures and judges none; docs/benchmarks.md keeps them. It must not be
// linked into anything.
package main
