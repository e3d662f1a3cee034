package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"immtrail/dqa"
	"immtrail/registry"
	"immtrail/registry/texas"
)

// flood gives as many copies of a piece as make up a size.
type flood struct {
	head, piece, rest string
	left              int64
}

func (f *flood) Read(p []byte) (int, error) {
	if f.rest == "" {
		if f.rest, f.head = f.head, ""; f.rest == "" {
			f.rest = f.piece
		}
	}
	if f.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest[:min(int64(len(f.rest)), f.left)])
	f.rest, f.left = f.rest[n:], f.left-int64(n)
	return n, nil
}

// floods are reports that no registry sends.
var floods = []struct{ name, head, piece string }{
	{"lines that nobody understands", "Control ID,Code\n1,CLR-100\n", strings.Repeat("w", 4000) + "\n"},
	{"quotes that are never closed", "Control ID,Code\n1,CLR-100\n", `"` + strings.Repeat("w", 4000) + "\n"},
	{"long answers", "Control ID,Code,Description\n", "7,CLR-100," + strings.Repeat("w ", 2000) + "\n"},
	{"a page without an end", "<table><tr><td>Control ID<td>Code", "<tr><td>7<td>CLR-100<td>" + strings.Repeat("w ", 2000)},
	{"one line without an end", "Control ID,Code\n1,CLR-100\n", strings.Repeat("w", 4000)},
	{"one segment without an end", "MSH|^~\\&|X\rMSA|AA|1\rERR|", strings.Repeat("w", 4000)},
	{"zeros", "Control ID,Code\n1,CLR-100\n", strings.Repeat("\x00", 4096)},
	{"a spreadsheet of zeros", "PK\x03\x04", strings.Repeat("\x00", 4096)},
	{"a document of objects", "%PDF-1.4\n", strings.Repeat("1 0 obj\n[]\nendobj\n", 200)},
}

// hostile reads so many MiB of each and prints time, memory and what came of it.
func hostile(ctx context.Context, mib int64) error {
	loaded, err := texas.Load()
	if err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s; %d MiB of each\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), mib)
	for _, f := range floods {
		var most atomic.Uint64
		over, watch := context.WithCancel(ctx)
		go func() {
			for over.Err() == nil {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse+m.StackInuse))
				time.Sleep(50 * time.Millisecond)
			}
		}()
		began := time.Now()
		sum, err := dqa.Read(ctx, &flood{head: f.head, piece: f.piece, left: mib << 20},
			dqa.Options{Catalogue: loaded.Catalogue, Mappings: loaded.Mappings}, func(registry.ReportItem) error { return nil })
		watch()
		came := fmt.Sprintf("read: %d items, %d lines not understood", sum.Items, sum.NotUnderstood)
		if err != nil {
			came = "refused: " + strings.TrimPrefix(err.Error(), "report: ")
		}
		if _, err := fmt.Fprintf(os.Stdout, "%-30s %7.1f s  heap %4d MiB  %s\n", f.name, time.Since(began).Seconds(), most.Load()>>20, came); err != nil {
			return err
		}
		runtime.GC()
	}
	return nil
}
