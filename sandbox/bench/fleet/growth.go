package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"immtrail/activities"
	"immtrail/workflows"
)

// growth is what something cost, in bytes and seconds.
type growth struct {
	database, store, history float64
	cpu                      cpu
}

func (g *growth) add(other growth, times float64) {
	g.database += times * other.database
	g.store += times * other.store
	g.history += times * other.history
	if g.cpu == nil {
		g.cpu = cpu{}
	}
	for name, v := range other.cpu {
		g.cpu[name] += times * v
	}
}

// cpu are seconds by process.
type cpu map[string]float64

func (c cpu) words() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %.3g", name, c[name]))
	}
	return strings.Join(parts, ", ")
}

// measured does something and prints what it took.
func (s *site) measured(ctx context.Context, name string, do func(context.Context) error) (growth, error) {
	fmt.Printf("\n%s: ", name)
	began := time.Now().UTC()
	before, err := s.state(ctx)
	if err != nil {
		return growth{}, err
	}
	if err := do(ctx); err != nil {
		return growth{}, err
	}
	wall := time.Since(began).Seconds()
	after, err := s.state(ctx)
	if err != nil {
		return growth{}, err
	}
	g := growth{database: after.database - before.database, store: after.store - before.store, cpu: cpu{}}
	g.history = after.history - before.history
	closed, err := s.closed(ctx, began)
	if err != nil {
		return growth{}, err
	}
	for _, of := range slices.Sorted(maps.Keys(closed)) {
		c := closed[of]
		g.history += c.bytes
		fmt.Printf("  %d of %s: %.0f events, %.1f kB each\n", c.runs, of, c.events/float64(c.runs), c.bytes/float64(c.runs)/1e3)
	}
	for name, v := range after.cpu {
		g.cpu[name] = v - before.cpu[name]
	}
	fmt.Printf("  %.1f s; CPU seconds: %s; database %+.1f MB, Temporal's store %+.1f MB, histories %+.1f MB\n",
		wall, g.cpu.words(), g.database/1e6, g.store/1e6, g.history/1e6)
	return g, nil
}

// state is what there is at a moment. Its history is that of lasting workflows.
func (s *site) state(ctx context.Context) (growth, error) {
	g := growth{cpu: cpu{}}
	var size int64
	if err := s.sql.QueryRow(ctx, `select pg_database_size(current_database())`).Scan(&size); err != nil {
		return g, err
	}
	g.database = float64(size)
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(s.path("temporal", "temporal.db"+suffix))
		if err == nil {
			g.store += float64(info.Size())
		} else if !errors.Is(err, fs.ErrNotExist) {
			return g, err
		}
	}
	for name, p := range map[string]*process{"Temporal": s.server, "registry": s.registry, "worker": s.worker} {
		if p != nil {
			g.cpu[name] = cpuOf(p.cmd.Process.Pid, false)
		}
	}
	pid, err := os.ReadFile(s.path("postgres", "data", "postmaster.pid"))
	if err != nil {
		return g, err
	}
	postmaster, _ := strconv.Atoi(strings.SplitN(string(pid), "\n", 2)[0]) // a number by its definition
	g.cpu["PostgreSQL"] = cpuOf(postmaster, true)
	g.cpu["this bench"] = cpuOf(os.Getpid(), false)
	g.history, err = s.lasting(ctx)
	return g, err
}

// lasting is the size of the histories of what never ends: of all practices by a
// sample, and of the host.
func (s *site) lasting(ctx context.Context) (float64, error) {
	if s.due == nil {
		return 0, nil
	}
	sizeOf := func(id string) (float64, error) {
		d, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
		if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
			return 0, nil
		}
		return float64(d.GetWorkflowExecutionInfo().GetHistorySizeBytes()), err
	}
	sample := s.sample()
	var all float64
	for _, n := range sample {
		id := practiceID(n)
		for _, w := range []string{
			workflows.WatchID(id), "temporal-sys-scheduler:" + activities.CycleScheduleID(id),
			"temporal-sys-scheduler:" + activities.CollectionScheduleID(id),
		} {
			size, err := sizeOf(w)
			if err != nil {
				return 0, err
			}
			all += size
		}
	}
	host, err := sizeOf(activities.HostID(s.ready.Host))
	return all*float64(s.opts.practices)/float64(len(sample)) + host, err
}

// runs of one workflow type.
type runs struct {
	runs          int
	events, bytes float64
}

// closed are the workflows that ended since then.
func (s *site) closed(ctx context.Context, since time.Time) (map[string]runs, error) {
	out := map[string]runs{}
	var token []byte
	for {
		page, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: fmt.Sprintf(`CloseTime > %q`, since.Format(time.RFC3339Nano)), PageSize: 1000, NextPageToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetExecutions() {
			r := out[e.GetType().GetName()]
			r.runs++
			r.events += float64(e.GetHistoryLength())
			r.bytes += float64(e.GetHistorySizeBytes())
			out[e.GetType().GetName()] = r
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return out, nil
		}
	}
}

// cpuOf is the processor time of a process and of its children that have ended; of
// those that live too, where that is wanted. It is 0 where there is no /proc.
func cpuOf(pid int, children bool) float64 {
	const ticksPerSecond = 100 // USER_HZ
	own, _ := ticks(pid)
	if children {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
		for _, stat := range stats {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				continue
			}
			if t, parent := ticks(child); parent == pid {
				own += t
			}
		}
	}
	return own / ticksPerSecond
}

func ticks(pid int) (ticks float64, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseFloat(f, 64) // a number by its definition
		ticks += n
	}
	parent, _ = strconv.Atoi(fields[1])
	return ticks, parent
}

// bends prints how long work lay about before the worker took it, and how long
// each step took it, by its own metrics.
func (s *site) bends(ctx context.Context) error {
	sums, counts, err := s.scrape(ctx)
	if err != nil {
		return err
	}
	mean := func(key string) string {
		return fmt.Sprintf("%.1f ms (%.0f)", 1000*sums[key]/max(1, counts[key]), counts[key])
	}
	fmt.Printf("\nin the worker, mean and how many:\n")
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("  %-60s %s\n", key, mean(key))
	}
	return nil
}

// told are the metrics that say where time went.
var told = []string{
	"temporal_activity_schedule_to_start_latency", "temporal_activity_execution_latency", "temporal_local_activity_execution_latency",
	"temporal_workflow_task_schedule_to_start_latency", "temporal_workflow_task_execution_latency", "temporal_workflow_task_replay_latency",
}

// scrape reads the worker's metrics: sums and counts by metric and activity.
func (s *site) scrape(ctx context.Context) (sums, counts map[string]float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.metrics+"/metrics", nil)
	if err != nil {
		return nil, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	sums, counts = map[string]float64{}, map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, rest, ok := strings.Cut(lines.Text(), "{")
		labels, value, labelled := strings.Cut(rest, "} ")
		if !ok || !labelled {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue // not a number that adds up
		}
		for _, metric := range told {
			key := strings.TrimPrefix(metric, "temporal_")
			if strings.Contains(metric, "execution") {
				if _, of, ok := strings.Cut(labels, `activity_type="`); ok {
					of, _, _ = strings.Cut(of, `"`)
					key += " " + of
				}
			}
			switch name {
			case metric + "_seconds_sum", metric + "_sum":
				sums[key] += v
			case metric + "_seconds_count", metric + "_count":
				counts[key] += v
			}
		}
	}
	return sums, counts, nil
}
