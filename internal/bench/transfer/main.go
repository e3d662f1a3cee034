package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// options are what a run measures.
type options struct {
	only                  []string
	dir                   string
	sizeMiB, delayedMiB   int
	rounds, files, trials int
}

// usualKills are those of a run of everything.
const usualKills = 200

func main() {
	if job := os.Getenv(jobVariable); job != "" {
		if err := work(job); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	only := flag.String("only", "large,download,delayed,small,kills,ftps", "what to measure")
	flag.StringVar(&o.dir, "dir", "/dev/shm", "where files go; a memory disk leaves the disk out of it")
	flag.IntVar(&o.sizeMiB, "size", 1024, "the large file in MiB")
	flag.IntVar(&o.delayedMiB, "delayed-size", 256, "the file of the delayed runs in MiB")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the best of each counts")
	flag.IntVar(&o.files, "files", 1000, "small files")
	flag.IntVar(&o.trials, "kills", 0, "only kills: so many uploads to a server that is killed in the middle")
	delay := flag.Bool("delay", false, "only the runs with a longer round trip")
	flag.Parse()
	switch {
	case o.trials > 0:
		*only = "kills"
	case *delay:
		*only = "delayed"
	}
	o.trials = cmp.Or(o.trials, usualKills)
	o.only = strings.Split(*only, ",")
	if err := measure(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(o options) error {
	dir, err := os.MkdirTemp(o.dir, "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sayPeers()
	fmt.Printf("machine: %d CPUs (%s), %s/%s, %s; files in %s\n", runtime.NumCPU(), cpu(), runtime.GOOS, runtime.GOARCH, runtime.Version(), o.dir)
	p, err := newPeer(dir)
	if err != nil {
		return err
	}
	defer p.close()
	for _, part := range []struct {
		name string
		run  func(*peer, options) error
	}{{"large", large}, {"download", download}, {"delayed", delayed}, {"small", small}, {"kills", kills}, {"ftps", overFTPS}} {
		if !slices.Contains(o.only, part.name) {
			continue
		}
		if err := part.run(p, o); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// cpu is the processor's name where the system tells it.
func cpu() string {
	data, err := os.ReadFile(filepath.FromSlash("/proc/cpuinfo"))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown"
}
