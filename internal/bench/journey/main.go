package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

func main() {
	practices := flag.Int("practices", 3, "how many practices")
	day := flag.Duration("day", 0, "length of a day (default: the sandbox's choice)")
	cold := flag.Bool("cold", false, "also build from an empty build cache")
	flag.Parse()
	if err := measure(*practices, *day, *cold); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(practices int, day time.Duration, cold bool) error {
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	binary := filepath.Join(dir, "sandbox")
	if cold {
		took, err := build(filepath.Join(dir, "cold"), "GOCACHE="+filepath.Join(dir, "cache"))
		if err != nil {
			return err
		}
		fmt.Printf("build from an empty cache: %.0f s\n", took.Seconds())
	}
	took, err := build(binary)
	if err != nil {
		return err
	}
	fmt.Printf("build with a warm cache: %.1f s\n", took.Seconds())
	return play(binary, dir, practices, day)
}

func build(out string, env ...string) (time.Duration, error) {
	cmd := exec.Command("go", "build", "-o", out, "immtrail/sandbox")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	err := cmd.Run()
	return time.Since(began), err
}

// readyLine is what the sandbox says when it has booted.
var readyLine = regexp.MustCompile(`Ready after ([0-9.]+) s`)

// play plays one journey and prints its figures.
func play(binary, dir string, practices int, day time.Duration) error {
	args := []string{"-journey", "-json", "-practices", strconv.Itoa(practices), "-data", filepath.Join(dir, "rehearsal")}
	if day > 0 {
		args = append(args, "-day", day.String())
	}
	cmd := exec.Command(binary, args...) //nolint:gosec // just built
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	peak, stop := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	stop()
	wall := time.Since(began)
	var v struct {
		OK       bool          `json:"ok"`
		Reasons  []string      `json:"reasons"`
		Wall     time.Duration `json:"wall_ns"`
		Day      string        `json:"day"`
		Practice []struct {
			FilesSent int `json:"files_sent"`
		} `json:"practices"`
	}
	if jsonErr := json.Unmarshal(out.Bytes(), &v); jsonErr != nil {
		return fmt.Errorf("the journey said nothing readable (%w): %s", jsonErr, talk.String())
	}
	if err != nil || !v.OK {
		return fmt.Errorf("the journey failed: %s", strings.Join(v.Reasons, "; "))
	}
	files := 0
	for _, p := range v.Practice {
		files += p.FilesSent
	}
	if m := readyLine.FindStringSubmatch(talk.String()); m != nil {
		fmt.Printf("boot to ready: %s s\n", m[1])
	}
	fmt.Printf("journey of %d practices, a day of %s: %.1f s (whole process %.1f s), %d files\n",
		practices, v.Day, v.Wall.Seconds(), wall.Seconds(), files)
	fmt.Printf("journeys a minute: %.1f\n", float64(practices)/v.Wall.Minutes())
	fmt.Printf("peak memory of all processes together: %d MiB\n", peak.Load()>>20)
	return nil
}

// sampleEvery is how often memory is looked at.
const sampleEvery = 250 * time.Millisecond

// watchMemory adds up what the process and its descendants alone take (Pss, so
// that shared pages count once) and keeps the highest sum.
func watchMemory(root int) (peak *atomic.Int64, stop func()) {
	peak = &atomic.Int64{}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				if sum := memory(root); sum > peak.Load() {
					peak.Store(sum)
				}
			}
		}
	}()
	return peak, func() { close(ended); <-done }
}

var pss = regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`)

func memory(root int) int64 {
	var sum int64
	for _, pid := range family(root) {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has ended meanwhile
		}
		if m := pss.FindSubmatch(data); m != nil {
			kib, _ := strconv.ParseInt(string(m[1]), 10, 64) // digits, by the pattern
			sum += kib << 10
		}
	}
	return sum
}

// family is a process and all that descend from it.
func family(root int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (name) state ppid …; the name may hold spaces and brackets.
		_, rest, ok := bytes.Cut(data[bytes.LastIndexByte(data, ')')+1:], []byte(" "))
		fields := bytes.Fields(rest)
		if !ok || len(fields) < 2 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(string(fields[1]))
		children[parent] = append(children[parent], pid)
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
