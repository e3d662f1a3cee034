// Command check measures the checker: against a plain scan of 17 conditions
// over the same bytes in the same run, with one worker and with several, on
// twelve hostile files, for its memory on a pipe of many gigabytes, and as a
// process from start to end. It prints rows for docs/benchmarks.md.
//
//	go run ./internal/bench/check                 everything, some minutes
//	go run ./internal/bench/check -only speed     scan, one worker, all CPUs
//	go run ./internal/bench/check -only hostile   twelve hostile files of 100 MB
//	go run ./internal/bench/check -only memory    10,000 MB from a pipe, and 100 MB
//	go run ./internal/bench/check -only start     --help, a file of 1 MB, NDJSON from a pipe
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
	only := flag.String("only", "", "measure speed, hostile, memory or start only")
	hostile := flag.Int("hostile", 100, "MB of each hostile file")
	pipe := flag.Int("pipe", 10_000, "MB to send through a pipe")
	child := flag.String("child", "", "used by the program itself")
	off := flag.Bool("no-duplicates", false, "used by the program itself: without the rules on duplicates")
	flag.Parse()
	var err error
	switch *child {
	case "write":
		err = writeOrdinary(os.Stdout, *size)
	case "check":
		err = childCheck(*workers, *off)
	default:
		fmt.Printf("machine: %d CPUs (%s), %s/%s, %s\n", runtime.NumCPU(), cpu(), runtime.GOOS, runtime.GOARCH, runtime.Version())
		err = measure(*only, []section{
			{"speed", func() error { return measureSpeed(*size, *rounds, *workers) }},
			{"hostile", func() error { return measureHostile(*hostile, *workers) }},
			{"memory", func() error { return measureMemory(*pipe, *workers) }},
			{"start", func() error { return measureStart(*pipe / 10) }},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is one of the measurements.
type section struct {
	name    string
	measure func() error
}

func measure(only string, sections []section) error {
	known := false
	for _, p := range sections {
		if only != "" && only != p.name {
			continue
		}
		known = true
		fmt.Printf("\n## %s\n\n", p.name)
		if err := p.measure(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !known {
		return fmt.Errorf("there is nothing called %q to measure", only)
	}
	return nil
}
