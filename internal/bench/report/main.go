package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"immtrail/db"
	"immtrail/dqa/extract"
	"immtrail/internal/pglocal"
)

// size is what is measured.
type size struct {
	items, files int
	bad          int // per cent of the items
}

func main() {
	extract.Serve() // ends here in the child that reads a spreadsheet or a document
	var s size
	child := flag.String("child", "", "used by the program itself")
	profile := flag.String("cpuprofile", "", "write a profile of the importing process")
	flag.IntVar(&s.items, "items", 1_000_000, "items of the report")
	flag.IntVar(&s.files, "files", 200, "delivered files that it answers")
	flag.IntVar(&s.bad, "bad", 10, "per cent of the items that refuse a record")
	explain := flag.Bool("explain", false, "print the server's slowest statements")
	mib := flag.Int64("hostile", 0, "read this many MiB of each report that no registry sends, and measure nothing else")
	flag.Parse()
	ctx := context.Background()
	var err error
	if *mib > 0 {
		err = hostile(ctx, *mib)
	} else if *child != "" {
		err = importIn(ctx, *child, *profile)
	} else {
		err = measure(ctx, s, *profile, *explain)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, s size, profile string, explain bool) error {
	dir, err := os.MkdirTemp("", "immtrail-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return err
	}
	cluster, err := start(ctx, filepath.Join(dir, "pg"), explain)
	if err != nil {
		return err
	}
	defer func() { _ = cluster.Stop() }()
	w := world{dir: dir, url: cluster.URL("postgres"), size: s}
	if err := db.Migrate(ctx, w.url); err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	began := time.Now()
	if err := w.fill(ctx); err != nil {
		return err
	}
	fmt.Printf("laid out in %.0f s: %d messages in %d delivered files, a report of %d items, %d %% of them bad\n",
		time.Since(began).Seconds(), s.items, s.files, s.items, s.bad)
	before := w.serverCPU()
	first, err := w.child(profile)
	if err != nil {
		return err
	}
	importCPU := w.serverCPU() - before
	again, err := w.child("")
	if err != nil {
		return err
	}
	if again.Items != first.Items || again.Errors != first.Errors {
		return fmt.Errorf("importing again changed %+v to %+v", first, again)
	}
	copied, copyCPU, bytes, err := w.peer(ctx)
	if err != nil {
		return err
	}
	total := first.Import + first.Reconcile
	fmt.Printf("%-46s %8s %10s %7s\n", "", "seconds", "rows/s", "ratio")
	line := func(what string, took time.Duration) {
		fmt.Printf("%-46s %8.2f %10.0f %7.2f\n", what, took.Seconds(), float64(s.items)/took.Seconds(), copied.Seconds()/took.Seconds())
	}
	line(fmt.Sprintf("server-side COPY of the same rows (%.0f MB)", float64(bytes)/1e6), copied)
	line("import: read, match, answer, commit", first.Import)
	line(fmt.Sprintf("errors: %d opened, commit", first.Errors), first.Reconcile)
	line("both", total)
	fmt.Printf("processor time: COPY %.2f s, both steps %.2f s at the server and %.2f s in the importing process, ratio %.2f\n",
		copyCPU.Seconds(), importCPU.Seconds(), first.CPU.Seconds(), copyCPU.Seconds()/(importCPU+first.CPU).Seconds())
	fmt.Printf("again: nothing changed, %.3f s; peak memory of the importing process %d MiB\n",
		(again.Import + again.Reconcile).Seconds(), first.Peak>>20)
	if explain {
		const kept = "report-bench-plans.log"
		text, err := os.ReadFile(filepath.Join(dir, "pg.log"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(kept, text, 0o600); err != nil {
			return err
		}
		fmt.Println("plans of slow statements:", kept)
	}
	return w.lists(ctx)
}

// start runs a server as one would run it for this: more shared memory than by
// default, and checkpoints that do not fall into every import.
func start(ctx context.Context, dir string, explain bool) (*pglocal.Cluster, error) {
	var options pglocal.Options
	options.Dir = dir
	if explain {
		log, err := os.Create(dir + ".log")
		if err != nil {
			return nil, err
		}
		options.Log = log
	}
	cluster, err := pglocal.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, cluster.URL("postgres"))
	if err != nil {
		return nil, err
	}
	if explain {
		if _, err := conn.Exec(ctx, `load 'auto_explain'`); err != nil {
			return nil, err
		}
	}
	settings := []string{
		`alter system set shared_buffers = '1GB'`, `alter system set max_wal_size = '8GB'`, `alter system set checkpoint_timeout = '30min'`,
	}
	if explain {
		settings = append(settings, `alter system set session_preload_libraries = 'auto_explain'`,
			`alter system set auto_explain.log_min_duration = 200`, `alter system set auto_explain.log_analyze = on`,
			`alter system set auto_explain.log_timing = off`, `alter system set log_min_duration_statement = 100`)
	}
	for _, set := range settings {
		if _, err := conn.Exec(ctx, set); err != nil {
			return nil, err
		}
	}
	_ = conn.Close(ctx)
	if err := cluster.Stop(); err != nil {
		return nil, err
	}
	return pglocal.Start(ctx, options)
}

// child runs the import in a process of its own.
func (w world) child(profile string) (done, error) {
	spec, err := json.Marshal(spec{URL: w.url, Vault: filepath.Join(w.dir, "files"), Report: w.report()})
	if err != nil {
		return done{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return done{}, err
	}
	cmd := exec.Command(self, "-child", string(spec), "-cpuprofile", profile) //nolint:gosec // this program
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if err != nil {
		return done{}, err
	}
	var out done
	if err := json.Unmarshal(said, &out); err != nil {
		return done{}, err
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		out.Peak = usage.Maxrss << 10
		out.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return out, nil
}
