package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// spent is the time of the processor that each kind of process has taken so far.
type spent struct{ worker, postgres, temporal, sshd time.Duration }

func (s spent) since(before spent) spent {
	return spent{s.worker - before.worker, s.postgres - before.postgres, s.temporal - before.temporal, s.sshd - before.sshd}
}

func (s spent) String() string {
	return fmt.Sprintf("processor: worker %.1f s, PostgreSQL %.1f s, Temporal %.1f s, sshd %.1f s",
		s.worker.Seconds(), s.postgres.Seconds(), s.temporal.Seconds(), s.sshd.Seconds())
}

// spent reads what the site's processes have taken, with their children.
func (s *site) spent() spent {
	return spent{
		worker: cpuOf(s.worker.Process.Pid), postgres: cpuOf(s.postmaster()),
		temporal: cpuOf(s.server.Process.Pid), sshd: cpuOf(s.sshd.Command.Process.Pid),
	}
}

// postmaster is the process that PostgreSQL's other processes come from; 0 where
// it is not found.
func (s *site) postmaster() int {
	found, err := filepath.Glob(s.path("postgres", "*", "postmaster.pid"))
	if more, e := filepath.Glob(s.path("postgres", "postmaster.pid")); err == nil && e == nil {
		found = append(found, more...)
	}
	for _, file := range found {
		text, err := os.ReadFile(file) //nolint:gosec // in our own folder
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(strings.TrimSpace(first)); err == nil {
			return pid
		}
	}
	return 0
}

// tick is what Linux counts processor time in, whatever its kernel's own clock
// (USER_HZ).
const tick = 10 * time.Millisecond

// cpuOf is the processor time of a process and all that came of it; 0 where it
// has ended.
func cpuOf(pid int) time.Duration {
	fields, err := statOf(pid)
	if err != nil {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime (proc_pid_stat(5))
		n, _ := strconv.ParseInt(field, 10, 64) // the kernel writes numbers
		ticks += n
	}
	all := time.Duration(ticks) * tick
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file) //nolint:gosec // of the kernel
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				all += cpuOf(n)
			}
		}
	}
	return all
}

// statOf are the fields of a process after its name.
func statOf(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return nil, errors.New("this system does not tell the time of a process")
	}
	return fields, nil
}

var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB`)

// peakOf is the most memory that a process has had resident, in bytes.
func peakOf(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := peakLine.FindSubmatch(data)
	if m == nil {
		return 0, errors.New("this system does not tell the memory of a process")
	}
	kib, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kib << 10, err
}

// explained prints the tables of which most rows were read without an index, where
// what grows with the square of the load shows first, and the statements that took
// PostgreSQL the longest.
func (s *site) explained(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.pg.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // only read from
	rows, err := conn.Query(ctx, `
		select relname, seq_scan, seq_tup_read, n_live_tup from pg_stat_user_tables order by seq_tup_read desc limit 10`)
	if err != nil {
		return err
	}
	var name string
	var scans, read, live int64
	if _, err = pgx.ForEachRow(rows, []any{&name, &scans, &read, &live}, func() error {
		fmt.Printf("scanned: %s, %d times, %d rows in all, %d in it\n", name, scans, read, live)
		return nil
	}); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `create extension if not exists pg_stat_statements`); err != nil {
		return err
	}
	if rows, err = conn.Query(ctx, `
		select left(regexp_replace(query, '\s+', ' ', 'g'), 160), calls, total_exec_time / 1000, rows
		from pg_stat_statements order by total_exec_time desc limit 15`); err != nil {
		return err
	}
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&name, &scans, &seconds, &read}, func() error {
		fmt.Printf("%.1f s in %d calls, %d rows: %s\n", seconds, scans, read, name)
		return nil
	})
	return err
}
