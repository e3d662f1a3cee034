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
		row, _, _ := cutLast(string(out), "|")
		fmt.Printf("| %s | %s|\n", run.what, row)
	}
	return nil
}

// childCheck judges standard input and prints a row about itself.
func childCheck(workers int, noDuplicates bool) error {
	in, err := options(workers)
	if err != nil {
		return err
	}
	if noDuplicates {
		in.Profile.Rules.Grades = map[string]string{"F-07": "off", "F-08": "off"}
	}
	counted := &counter{src: os.Stdin}
	_, took, err := check(counted, in)
	if err != nil {
		return err
	}
	mb := float64(counted.n) / 1e6
	fmt.Printf("%.0f | %s | %.0f | %.4f", mb, peak(), mb/took.Seconds(), took.Seconds())
	return nil
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
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
	if memory, ok := peakOf("self"); ok {
		return memory
	}
	return "not known here"
}

// peakOf is the same of a running process.
func peakOf(pid string) (memory string, ok bool) {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(b)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return fmt.Sprintf("%d MiB", kb/1024), true
		}
	}
	return "", false
}
