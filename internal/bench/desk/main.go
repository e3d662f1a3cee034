package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"immtrail/internal/hl7gen"
)

func main() {
	n := flag.Int("n", 20, "how often each command is run")
	flag.Parse()
	if err := measure(*n); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(n int) error {
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	starter := filepath.Join(dir, "starter")
	build := exec.Command("go", "build", "-o", starter, "immtrail/starter")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	small, err := generate(dir, 470)
	if err != nil {
		return err
	}
	large, err := generate(dir, 47_000)
	if err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Printf("%-30s %8s %8s %8s %8s\n", "command", "least", "median", "CPU", "peak")
	for _, words := range [][]string{{"--help"}, {"check", "--help"}, {"check", "--explain", "P-06"}, {"check", small}} {
		if err := run(starter, words, n); err != nil {
			return err
		}
	}
	for _, format := range []string{"text", "json", "junit", "csv", "ndjson"} {
		if err := run(starter, []string{"check", large, "-o", format}, max(1, n/10)); err != nil {
			return err
		}
	}
	return nil
}

// generate writes a file of so many clean messages and says how large it is.
func generate(dir string, messages int) (path string, err error) {
	path = filepath.Join(dir, strconv.Itoa(messages)+".hl7")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(f)
	gen := hl7gen.New(1, hl7gen.Options{Now: time.Now(), ProcessingID: "P"})
	_, err = gen.Batch(w, hl7gen.BatchOptions{Messages: messages})
	err = errors.Join(err, w.Flush())
	if info, statErr := f.Stat(); statErr == nil {
		fmt.Printf("%s: %.2f MB\n", filepath.Base(path), float64(info.Size())/1e6)
	}
	return path, errors.Join(err, f.Close())
}

// run runs a command n times. Exit code 1 is an answer too: the large file has
// more messages than the profile allows.
func run(starter string, words []string, n int) error {
	var took, cpu []time.Duration
	var peak int64
	for range n {
		cmd := exec.Command(starter, words...)
		began := time.Now()
		err := cmd.Run()
		took = append(took, time.Since(began))
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			return fmt.Errorf("%v: %w", words, err)
		}
		cpu = append(cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		peak = max(peak, peakMemory(cmd.ProcessState))
	}
	slices.Sort(took)
	slices.Sort(cpu)
	for i, w := range words {
		words[i] = filepath.Base(w)
	}
	fmt.Printf("%-30.30s %5d ms %5d ms %5d ms %4d MiB\n", fmt.Sprint(words), took[0].Milliseconds(),
		took[len(took)/2].Milliseconds(), cpu[0].Milliseconds(), peak>>20)
	return nil
}
