package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// options say what is measured.
type options struct {
	practices, messages, chains int
	// sessions are those that the registry allows at once, perLogin those of one login.
	sessions, perLogin int
	activities         int
	pace               time.Duration
	dir                string
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == registryRole {
		tell(serveRegistry(os.Args[2]))
		return
	}
	if len(os.Args) > 3 && os.Args[1] == chainRole {
		tell(workChains(os.Args[2], os.Args[3]))
		return
	}
	var o options
	flag.IntVar(&o.practices, "practices", 2000, "how many practices")
	flag.IntVar(&o.messages, "messages", 5, "messages in a file")
	flag.IntVar(&o.chains, "chains", 500, "workflows of five activities, for comparison")
	flag.IntVar(&o.sessions, "sessions", 4, "sessions at once at the registry (host.sessions)")
	flag.IntVar(&o.perLogin, "per-login", 2, "of them with one login (host.sessions_per_login)")
	flag.IntVar(&o.activities, "activities", 16, "steps at once (worker.activities)")
	flag.DurationVar(&o.pace, "pace", 10*time.Minute, "how long submissions come as the product spreads them, over an hour; 0 leaves it out")
	flag.StringVar(&o.dir, "dir", "", "folder for everything; a temporary one, removed afterwards, where it is empty")
	flag.Parse()
	tell(run(context.Background(), o))
}

func tell(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "immtrail-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	if err := os.Chmod(o.dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s; %d practices, %d messages a file; %d steps at once, %d sessions at the registry, %d a login\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), o.practices, o.messages, o.activities, o.sessions, o.perLogin)
	s := &site{opts: o}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.start(ctx); err != nil {
		return err
	}
	bare, err := s.chains(ctx)
	if err != nil {
		return err
	}
	if err := s.startWorker(ctx); err != nil {
		return err
	}
	if err := s.enrol(ctx); err != nil {
		return err
	}
	return s.year(ctx, bare)
}

// year measures what a year is made of: submissions, their reports, looks for
// reports in vain, and the watches' mornings.
func (s *site) year(ctx context.Context, bare float64) error {
	time.Sleep(time.Until(s.due[0].Add(-time.Second)))
	var day growth
	for _, part := range []struct {
		name  string
		times float64 // a day
		do    func(context.Context) error
	}{
		{"submissions, all due at once", 1, func(ctx context.Context) error { return s.burst(ctx, bare) }},
		{"reports are fetched", 1, func(ctx context.Context) error { return s.collect(ctx, true) }},
		{"reports are looked for in vain", collectionsADay - 1, func(ctx context.Context) error { return s.collect(ctx, false) }},
		{"a morning of the watches", 1, s.morning},
	} {
		grown, err := s.measured(ctx, part.name, part.do)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		day.add(grown, part.times/float64(s.opts.practices))
	}
	fmt.Printf("\na practice and year, %d days: database %.1f MB, Temporal's store %.1f MB, of it histories %.1f MB\n",
		daysAYear, day.database*daysAYear/1e6, day.store*daysAYear/1e6, day.history*daysAYear/1e6)
	fmt.Printf("a practice and day costs CPU seconds: %s\n", day.cpu.words())
	if s.opts.pace > 0 {
		if _, err := s.measured(ctx, "submissions as the product spreads them", s.paced); err != nil {
			return err
		}
	}
	return s.bends(ctx)
}

const (
	daysAYear       = 365
	collectionsADay = 4 // activities.reportsPerDay
)
