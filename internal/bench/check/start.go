package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// measureStart builds the CLI and runs it as a person would: from the start of
// the process to its end. Then it judges size MB from a pipe with a line of
// NDJSON for each message, for the memory of that.
func measureStart(size int) error {
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
	small := filepath.Join(dir, "small.hl7")
	if err := writeSmall(small); err != nil {
		return err
	}
	fmt.Println("| command | least | median | peak memory |\n| --- | ---: | ---: | ---: |")
	for _, words := range [][]string{{"--help"}, {"check", small}} {
		var took []time.Duration
		var peak string
		for range 20 {
			began := time.Now()
			if peak, err = runToEnd(exec.Command(starter, words...)); err != nil {
				return err
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		fmt.Printf("| starter %s | %d ms | %d ms | %s |\n", words[0], took[0].Milliseconds(), took[len(took)/2].Milliseconds(), peak)
	}
	return measureNDJSON(starter, size)
}

// writeSmall writes the first MB of the ordinary file, up to the end of a
// message.
func writeSmall(name string) error {
	o, err := newOrdinary()
	if err != nil {
		return err
	}
	head := o.head
	end := 0
	for n := range len(o.messages) {
		if n > 1e6 {
			break
		}
		if o.messages[n] == '\r' && string(o.messages[n+1:min(n+5, len(o.messages))]) == "MSH|" {
			end = n + 1
		}
	}
	return os.WriteFile(name, append(slices.Clone(head), o.messages[:end]...), 0o600)
}

func measureNDJSON(starter string, size int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	source := exec.Command(self, "-child", "write", "-size", strconv.Itoa(size))
	source.Stderr = os.Stderr
	pipe, err := source.StdoutPipe()
	if err != nil {
		return err
	}
	checker := exec.Command(starter, "check", "-o", "ndjson", "-")
	checker.Stdin, checker.Stdout = pipe, io.Discard
	began := time.Now()
	if err := source.Start(); err != nil {
		return err
	}
	peak, err := runToEnd(checker)
	if err := errors.Join(err, source.Wait()); err != nil {
		return err
	}
	fmt.Printf("| starter check -o ndjson, %d MB from a pipe | %.1f s | | %s |\n", size, time.Since(began).Seconds(), peak)
	return nil
}

// runToEnd runs a command and says how much memory it had. That it found errors
// in a file (exit code 1) is no error here. The system's own account of a
// process that has ended begins with the memory of this one, so it is asked
// while it runs.
func runToEnd(c *exec.Cmd) (memory string, err error) {
	if err := c.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	memory = "not known here"
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if now, ok := peakOf(strconv.Itoa(c.Process.Pid)); ok {
				memory = now
			}
		case err := <-ended:
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				return "", err
			}
			return memory, nil
		}
	}
}
