// Command report measures the import of a large report: read, match, settle
// errors, commit, beside a server-side COPY of the same rows into a table
// without indexes, in the same run on the same server.
//
//	go run ./internal/bench/report
//	go run ./internal/bench/report -items 100000 -bad 50
//	go run ./internal/bench/report -hostile 1024
//
// It starts a PostgreSQL of its own with its safeguards on (fsync), fills it
// with files that were delivered, writes a delimited report on them, and runs
// the import in a process of its own, whose peak memory it tells. Then the same
// report is imported again, and the lists that a coordinator looks at are timed.
// With -hostile it needs no server: it reads so many MiB of each report that no
// registry sends, and tells time, memory and what came of it.
//
// It prints figures and judges none; docs/benchmarks.md keeps them. All patients
// are invented. It must not be linked into anything.
package main
