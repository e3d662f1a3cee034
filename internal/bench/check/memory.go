package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// measureMemory sends files through a pipe into a checker of its own process,
// whose peak of memory is read when it is done.
func measureMemory(size, workers int) error {
	fmt.Println("| what | MB | peak memory | MB/s |\n| --- | ---: | ---: | ---: |")
	for _, run := range []struct {
		what string
		mb   int
		args []string
	}{
		{"without the rules on duplicates", 100, []string{"-no-duplicates"}},
		{"without the rules on duplicates", size, []string{"-no-duplicates"}},
		{"all rules", 100, nil},
		{"all rules", size, nil},
	} {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		source := exec.Command(self, "-child", "write", "-size", strconv.Itoa(run.mb))
		source.Stderr = os.Stderr
		pipe, err := source.StdoutPipe()
		if err != nil {
			return err
		}
		args := append([]string{"-child", "check", "-workers", strconv.Itoa(workers)}, run.args...)
		checker := exec.Command(self, args...)
		checker.Stdin = pipe
		if err := source.Start(); err != nil {
			return err
		}
		out, err := checker.Output()
		if err := errors.Join(err, source.Wait()); err != nil {
			return err
		}
		fmt.Printf("| %s | %s\n", run.what, out)
	}
	return nil
}

// childCheck judges standard input and prints a row about itself.
func childCheck(workers int, noDuplicates, hostile bool) error {
	in, err := options(workers)
	if err != nil {
		return err
	}
	if noDuplicates {
		in.Profile.Rules.Grades = map[string]string{"F-07": "off", "F-08": "off"}
	}
	counted := &counter{src: os.Stdin}
	res, took, err := check(counted, in)
	if err != nil {
		return err
	}
	if !hostile && !noDuplicates && res.Errors != 0 {
		return fmt.Errorf("%d errors in a clean file", res.Errors)
	}
	mb := float64(counted.n) / 1e6
	fmt.Printf("%.0f | %s | %.0f |", mb, peak(), mb/took.Seconds())
	return nil
}

type counter struct {
	src io.Reader
	n   int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.n += int64(n)
	return n, err
}

// peak is the largest resident set that this process had so far.
func peak() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "not known here"
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return fmt.Sprintf("%d MiB", kb/1024)
		}
	}
	return "not known here"
}
