package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

func threadCPU() float64 {
	var ru syscall.Rusage
	_ = syscall.Getrusage(1, &ru)
	return float64(ru.Utime.Sec) + float64(ru.Utime.Usec)/1e6 + float64(ru.Stime.Sec) + float64(ru.Stime.Usec)/1e6
}

func TestRatio(t *testing.T) {
	runtime.LockOSThread()
	rounds := 20
	if s := os.Getenv("ROUNDS"); s != "" {
		rounds, _ = strconv.Atoi(s)
	}
	var file bytes.Buffer
	file.Grow(60 * mega)
	if err := writeOrdinary(&file, 15); err != nil {
		t.Fatal(err)
	}
	data := file.Bytes()
	in, err := options(1)
	if err != nil {
		t.Fatal(err)
	}
	var s, c, r []float64
	for range rounds {
		a := threadCPU()
		scan(data)
		b := threadCPU()
		if _, _, err := check(bytes.NewReader(data), in); err != nil {
			t.Fatal(err)
		}
		e := threadCPU()
		s, c, r = append(s, b-a), append(c, e-b), append(r, (b-a)/(e-b))
	}
	slices.Sort(s)
	slices.Sort(c)
	slices.Sort(r)
	mb := float64(len(data)) / 1e6
	fmt.Printf("%.0f MB: scan best %.0f med %.0f  check best %.0f med %.0f  ratio best/best %.3f med/med %.3f medratio %.3f\n", mb,
		mb/s[0], mb/s[len(s)/2], mb/c[0], mb/c[len(c)/2], s[0]/c[0], s[len(s)/2]/c[len(c)/2], r[len(r)/2])
}

func BenchmarkCheck(b *testing.B) {
	var file bytes.Buffer
	file.Grow(60 * mega)
	if err := writeOrdinary(&file, 15); err != nil {
		b.Fatal(err)
	}
	data := file.Bytes()
	in, err := options(1)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := check(bytes.NewReader(data), in); err != nil {
			b.Fatal(err)
		}
	}
}
