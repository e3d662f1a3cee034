package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

const (
	look = 500 * time.Millisecond
	// stuckAfter is how long nothing may come further.
	stuckAfter = 3 * time.Minute
)

// burst waits for the minute at which all submissions are due, and until each is
// confirmed.
func (s *site) burst(ctx context.Context, bare float64) error {
	due := s.due[0]
	time.Sleep(time.Until(due))
	delays, err := s.confirmed(ctx, due, s.opts.practices)
	if err != nil {
		return err
	}
	rate := float64(len(delays)) / delays[len(delays)-1].Minutes()
	fmt.Printf("%.0f submissions a minute, %.2f times the chains\n", rate, rate/bare)
	tellDelays(delays)
	return nil
}

// paced lets as many submissions come as come in that time where the product
// spreads them over an hour.
func (s *site) paced(ctx context.Context) error {
	n := max(1, int(float64(s.opts.practices)*s.opts.pace.Hours()))
	n = min(n, s.opts.practices)
	begin := time.Now().UTC().Add(time.Duration(n)*scheduleTakes/starters + time.Minute).Truncate(time.Minute)
	if err := each(n, func(i int) error {
		if err := s.export(i, 2); err != nil {
			return err
		}
		minute := time.Duration(i) * s.opts.pace / time.Duration(n)
		return s.schedule(ctx, i, begin.Add(minute.Truncate(time.Minute)))
	}); err != nil {
		return err
	}
	delays, err := s.confirmed(ctx, begin, n)
	if err != nil {
		return err
	}
	fmt.Printf("%d submissions in %s\n", n, s.opts.pace)
	tellDelays(delays)
	return nil
}

// confirmed waits until n deliveries since then are confirmed, and says how long
// after its time each was, the least first.
func (s *site) confirmed(ctx context.Context, since time.Time, n int) ([]time.Duration, error) {
	if err := s.until(ctx, n, func() (int, error) {
		var have int
		err := s.sql.QueryRow(ctx, `select count(*) from deliveries where confirmed_at >= $1`, since).Scan(&have)
		return have, err
	}); err != nil {
		return nil, err
	}
	rows, err := s.sql.Query(ctx, `select practice, confirmed_at from deliveries where confirmed_at >= $1`, since)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var delays []time.Duration
	for rows.Next() {
		var practice string
		var at time.Time
		if err := rows.Scan(&practice, &at); err != nil {
			return nil, err
		}
		var i int
		if _, err := fmt.Sscanf(practice, "practice-%05d", &i); err != nil {
			return nil, err
		}
		delays = append(delays, at.Sub(s.due[i]))
	}
	slices.Sort(delays)
	return delays, rows.Err()
}

func tellDelays(delays []time.Duration) {
	at := func(share float64) float64 {
		return delays[min(len(delays)-1, int(share*float64(len(delays))))].Seconds()
	}
	fmt.Printf("from due time to confirmed upload: p50 %.1f s, p99 %.1f s, most %.1f s\n", at(0.5), at(0.99), at(1))
}

// until waits until so many are there.
func (s *site) until(ctx context.Context, n int, count func() (int, error)) error {
	moved, last := time.Now(), -1
	for {
		have, err := count()
		if err != nil || have >= n {
			return err
		}
		if have != last {
			moved, last = time.Now(), have
		}
		if held, err := s.store.Holds(ctx, "", true); err != nil || len(held) > 0 {
			if err == nil {
				err = fmt.Errorf("it waits for a person: %s: %s", held[0].Reason, held[0].Words)
			}
			return err
		}
		if err := s.worker.ended(); err != nil {
			return err
		}
		// Until the time has come nothing moves.
		if time.Since(moved) > stuckAfter+s.opts.pace {
			return fmt.Errorf("nothing comes further: %d of %d", have, n)
		}
		time.Sleep(look)
	}
}

// collect lets all reports be looked for at once; new says that there are any.
func (s *site) collect(ctx context.Context, fresh bool) error {
	if fresh {
		if err := s.until(ctx, s.opts.practices, s.published); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := each(s.opts.practices, func(n int) error {
		return s.temporal.ScheduleClient().GetHandle(ctx, activities.CollectionScheduleID(practiceID(n))).
			Trigger(ctx, client.ScheduleTriggerOptions{})
	}); err != nil {
		return err
	}
	query := fmt.Sprintf(`WorkflowType = "ReportCollection" AND ExecutionStatus = "Completed" AND CloseTime > %q`, began.UTC().Format(time.RFC3339Nano))
	if err := s.until(ctx, s.opts.practices, func() (int, error) {
		found, err := s.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return int(found.GetCount()), err
	}); err != nil {
		return err
	}
	if fresh {
		if err := s.until(ctx, s.opts.practices, func() (int, error) {
			var have int
			err := s.sql.QueryRow(ctx, `select count(*) from files where state = 'answered'`).Scan(&have)
			return have, err
		}); err != nil {
			return err
		}
	}
	fmt.Printf("%.0f connections a minute\n", float64(s.opts.practices)/time.Since(began).Minutes())
	return nil
}

// published counts the practices for whom the registry has written a report.
func (s *site) published() (int, error) {
	n := 0
	for i := range s.opts.practices {
		entries, err := os.ReadDir(s.path("registry", "homes", practiceID(i), "reports"))
		if err != nil {
			return 0, err
		}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }) {
			n++
		}
	}
	return n, nil
}

// morning tells all watches that a day is over.
func (s *site) morning(ctx context.Context) error {
	now := time.Now().UTC()
	tomorrow := registry.Calendar{Epoch: now.AddDate(0, 0, 1), Anchor: now}
	if err := each(s.opts.practices, func(n int) error {
		return s.temporal.SignalWorkflow(ctx, workflows.WatchID(practiceID(n)), "", workflows.SignalCalendarMoved.Name, tomorrow)
	}); err != nil {
		return err
	}
	return s.quietly(ctx)
}

// quietly waits until the lasting workflows have done what they had to do.
func (s *site) quietly(ctx context.Context) error {
	const calm = 3 * time.Second
	last, moved := int64(-1), time.Now()
	for time.Since(moved) < calm {
		var now int64
		for _, n := range s.sample() {
			d, err := s.temporal.DescribeWorkflowExecution(ctx, workflows.WatchID(practiceID(n)), "")
			if err != nil {
				return err
			}
			now += d.GetWorkflowExecutionInfo().GetHistoryLength()
		}
		if now != last {
			last, moved = now, time.Now()
		}
		time.Sleep(look)
	}
	return nil
}

// sample are practices that are looked at in place of all, the last one among them.
func (s *site) sample() []int {
	const most = 20
	var out []int
	for i := range min(most, s.opts.practices) {
		out = append(out, s.opts.practices-1-i*s.opts.practices/most)
	}
	return slices.DeleteFunc(out, func(n int) bool { return n < 0 })
}
