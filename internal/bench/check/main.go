// Command check measures the checker: against a plain scan of 17 conditions
// over the same bytes in the same run, with one worker and with several, on
// twelve hostile files, and for its memory on a pipe of many gigabytes. It
// prints rows for docs/benchmarks.md.
//
//	go run ./internal/bench/check                 speed: scan, one worker, all CPUs
//	go run ./internal/bench/check -hostile        twelve hostile files of 100 MB
//	go run ./internal/bench/check -memory 10000   10,000 MB from a pipe (and 100 MB)
//
// Run it on an idle machine. It is a measurement and not a test: nothing fails
// when it is slow. Memory is read from /proc, on Linux only.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	size := flag.Int("size", 200, "MB of the ordinary file")
	rounds := flag.Int("rounds", 5, "rounds, of which the best counts")
	workers := flag.Int("workers", runtime.NumCPU(), "workers to compare with one")
	hostile := flag.Bool("hostile", false, "measure hostile files of 100 MB instead")
	memory := flag.Int("memory", 0, "MB to send through a pipe instead")
	child := flag.String("child", "", "used by the program itself")
	off := flag.Bool("no-duplicates", false, "used by the program itself: without the rules on duplicates")
	flag.Parse()
	fmt.Fprintf(os.Stderr, "machine: %d CPUs (%s), %s/%s, %s\n", runtime.NumCPU(), cpu(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	var err error
	switch {
	case *child == "write":
		err = writeOrdinary(os.Stdout, *size)
	case *child == "check":
		err = childCheck(*workers, *off, *hostile)
	case *hostile:
		err = measureHostile(*size, *workers)
	case *memory > 0:
		err = measureMemory(*memory, *workers)
	default:
		err = measureSpeed(*size, *rounds, *workers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
