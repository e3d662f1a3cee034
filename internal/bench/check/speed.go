package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"immtrail/conformance"
	"immtrail/registry"
)

// options are those of a practice in production with every rule on.
func options(workers int) (conformance.Options, error) {
	p, err := profile()
	return conformance.Options{
		Lane: registry.LaneProduction, Now: now, Profile: p, Practice: practice, Workers: workers,
		OnFinding: func(registry.Finding) {},
	}, err
}

// check judges a stream and says how long it took.
func check(src io.Reader, in conformance.Options) (conformance.Summary, time.Duration, error) {
	began := time.Now()
	res, err := conformance.Check(context.Background(), src, in)
	return res, time.Since(began), err
}

func measureSpeed(size, rounds, workers int) error {
	var file bytes.Buffer
	file.Grow((size + 24) * mega)
	if err := writeOrdinary(&file, size); err != nil {
		return err
	}
	data := file.Bytes()
	one, err := options(1)
	if err != nil {
		return err
	}
	many, _ := options(workers)
	var scanned, scans, alone, together best
	var res conformance.Summary
	var broken int
	var scanCPU, aloneCPU []float64
	for range rounds { // in turn, so that a busy moment meets all of them
		began, used := time.Now(), cpuSeconds()
		_, broken = scan(data)
		scanned.took(time.Since(began))
		scanCPU = append(scanCPU, cpuSeconds()-used)
		scans.took(scanHalves(data, workers))
		used = cpuSeconds()
		var took time.Duration
		if res, took, err = check(bytes.NewReader(data), one); err != nil {
			return err
		}
		alone.took(took)
		aloneCPU = append(aloneCPU, cpuSeconds()-used)
		if _, took, err = check(bytes.NewReader(data), many); err != nil {
			return err
		}
		together.took(took)
	}
	mb := float64(len(data)) / 1e6
	fmt.Printf("file: %.0f MB, %d messages, %d doses; %d rules; findings %d errors, %d warnings, %d notes; conditions broken %d\n",
		mb, res.Messages, res.Doses, len(conformance.Rules()), res.Errors, res.Warnings, res.Infos, broken)
	for _, c := range res.Counts {
		fmt.Printf("  %s: %d\n", c.Rule, c.Count)
	}
	fmt.Println("| what | MB/s | messages/s | ratio |\n| --- | ---: | ---: | ---: |")
	row := func(what string, b best, ratio string) {
		fmt.Printf("| %s | %.0f | %.0f k | %s |\n", what, mb/b.seconds(), float64(res.Messages)/b.seconds()/1000, ratio)
	}
	row("scan of 17 conditions, one core", scanned, "1")
	row(fmt.Sprintf("the scan on %d goroutines, a part of the file each", workers), scans, fmt.Sprintf("%.2f × one scan: what the machine gives", scanned.seconds()/scans.seconds()))
	row("check, one worker", alone, fmt.Sprintf("%.2f × scan", scanned.seconds()/alone.seconds()))
	row(fmt.Sprintf("check, %d workers", workers), together, fmt.Sprintf("%.2f × one worker", alone.seconds()/together.seconds()))
	if scan, alone := slices.Min(scanCPU), slices.Min(aloneCPU); alone > 0 {
		fmt.Printf("\nby CPU time, which a busy machine bends less: scan %.0f MB/s, check %.0f MB/s, %.2f × scan\n",
			mb/scan, mb/alone, scan/alone)
	}
	return nil
}

// scanHalves runs the scan on several goroutines, which share nothing: no checker
// can gain more by them.
func scanHalves(data []byte, goroutines int) time.Duration {
	began := time.Now()
	var running sync.WaitGroup
	for i := range goroutines {
		from, to := len(data)*i/goroutines, len(data)*(i+1)/goroutines
		running.Go(func() { scan(data[from:to]) })
	}
	running.Wait()
	return time.Since(began)
}

// cpuSeconds is how long the process ran on any CPU so far; 0 where the system
// does not say.
func cpuSeconds() float64 {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// best is the shortest of several times.
type best time.Duration

func (b *best) took(d time.Duration) {
	if *b == 0 || best(d) < *b {
		*b = best(d)
	}
}

func (b best) seconds() float64 { return time.Duration(b).Seconds() }

// cpu names the processor where the system says it.
func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	_, rest, _ := strings.Cut(string(b), "model name")
	_, rest, _ = strings.Cut(rest, ": ")
	name, _, _ := strings.Cut(rest, "\n")
	return name
}
