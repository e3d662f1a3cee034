// Command journey measures the sandbox as a newcomer meets it: how long it
// takes to build, to boot, and to play the journey, and how much memory all of
// its processes together take at the most. It prints rows for
// docs/benchmarks.md.
//
//	go run ./internal/bench/journey                    the three sample practices
//	go run ./internal/bench/journey -practices 50      journeys a minute
//	go run ./internal/bench/journey -cold              also the build from an empty cache
//
// Run it on an idle machine. It is a measurement and not a test: nothing fails
// when it is slow. Memory is read from /proc, on Linux only.
package main
