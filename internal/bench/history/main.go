package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"immtrail/activities"
	"immtrail/registry"
	"immtrail/workflows"
)

func main() {
	messages := flag.Int("messages", 1_000_000, "how many messages")
	perFile := flag.Int("file", 50_000, "messages in a file")
	part := flag.Int("part", 500, "messages in a part")
	sessions := flag.Int("sessions", 4, "sessions at the server, all of them for one login")
	keep := flag.String("dir", "", "folder for everything; a temporary one, removed afterwards, where it is empty")
	explain := flag.Bool("explain", false, "also print which tables PostgreSQL read from end to end, and which statements took it longest")
	flag.Parse()
	if err := run(*messages, *perFile, *part, *sessions, *keep, *explain); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(messages, perFile, part, sessions int, dir string, explain bool) (err error) {
	ctx := context.Background()
	if dir == "" {
		if dir, err = os.MkdirTemp("", "immtrail-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	s := &site{dir: dir, part: part, sessions: sessions, explain: explain}
	defer s.stop()
	if err := s.start(ctx); err != nil {
		return err
	}
	files, bytes, err := s.generate(messages, perFile)
	if err != nil {
		return err
	}
	fmt.Printf("load: %d messages in %d files, %.3f GB; parts of %d; %d sessions\n", messages, len(files), float64(bytes)/1e9, part, sessions)
	put, err := s.sftpPut(files)
	if err != nil {
		return err
	}
	fmt.Printf("sftp put of the same bytes, unchecked: %.1f s (%.0f MB/s)\n", put.Seconds(), float64(bytes)/1e6/put.Seconds())
	if err := s.load(ctx, files, put, messages); err != nil || !explain {
		return err
	}
	return s.explained(ctx)
}

// load hands the files in, approves the plan, and waits until all parts left.
func (s *site) load(ctx context.Context, files []string, put time.Duration, messages int) error {
	if err := s.handIn(files); err != nil {
		return err
	}
	began, first := time.Now(), s.spent()
	if err := s.begin(ctx); err != nil {
		return err
	}
	plan, err := s.until(ctx, func(p workflows.HistoryProgress) bool { return p.Waiting })
	if err != nil {
		return err
	}
	planned, second := time.Since(began), s.spent()
	fmt.Printf("plan: %d parts, %d messages, %d doses, %d errors: %.1f s (%.0f messages a second)\n",
		plan.Plan.Parts, plan.Plan.Messages, plan.Plan.Doses, plan.Plan.Errors, planned.Seconds(), float64(messages)/planned.Seconds())
	fmt.Println("  " + second.since(first).String())
	if err := s.tell(ctx, workflows.UpdateApproveHistorical.Name, workflows.ApproveHistorical{Digest: plan.Plan.Digest, By: bench}); err != nil {
		return err
	}
	sent, err := s.until(ctx, func(p workflows.HistoryProgress) bool { return p.State == registry.HistorySent })
	if err != nil {
		return err
	}
	wall := time.Since(began)
	fmt.Printf("send: %d parts, from the approval to the last one confirmed: %.1f s\n", sent.Sent, (wall - planned).Seconds())
	fmt.Println("  " + s.spent().since(second).String())
	fmt.Printf("historical load, from the directory to the last part confirmed: %.1f s, %.1f times sftp put\n", wall.Seconds(), wall.Seconds()/put.Seconds())
	counts, err := (&activities.Histories{DB: s.store}).ReconcileHistory(ctx, activities.ReconcileHistoryInput{Scope: activities.Scope{Practice: practice}})
	if err != nil {
		return err
	}
	if counts.Difference != 0 || counts.Sent+counts.Held != messages {
		return fmt.Errorf("it does not add up: %+v", counts)
	}
	fmt.Printf("accounted for: %d came, %d sent, %d held back, difference %d\n", counts.Came, counts.Sent, counts.Held, counts.Difference)
	rss, err := peakOf(s.worker.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("worker's peak resident memory: %d MiB\n", rss>>20)
	return s.events(ctx)
}

// begin starts the load and says that the vendor can send one.
func (s *site) begin(ctx context.Context) error {
	if _, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.HistoryID(practice), TaskQueue: queue},
		workflows.HistoricalLoad, workflows.HistoricalLoadInput{Version: 1, Practice: practice, Policy: s.policy}); err != nil {
		return err
	}
	// It says who may answer what only when it has begun.
	if _, err := s.until(ctx, func(p workflows.HistoryProgress) bool { return p.State == registry.HistoryAsked }); err != nil {
		return err
	}
	return s.tell(ctx, workflows.UpdateAnswerHistorical.Name, workflows.AnswerHistorical{
		HistoryAnswer: activities.HistoryAnswer{Can: true, Since: "2016-01-01"}, By: bench,
	})
}

func (s *site) tell(ctx context.Context, update string, in any) error {
	h, err := s.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.HistoryID(practice), UpdateName: update, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

// until asks how far the load is; a hold ends the measurement.
func (s *site) until(ctx context.Context, done func(workflows.HistoryProgress) bool) (p workflows.HistoryProgress, err error) {
	for ; ; time.Sleep(500 * time.Millisecond) { // asking costs the server something, too
		v, err := s.temporal.QueryWorkflow(ctx, workflows.HistoryID(practice), "", workflows.QueryHistoryProgress.Name)
		if err != nil {
			return p, err
		}
		p = workflows.HistoryProgress{}
		if err := v.Get(&p); err != nil {
			return p, err
		}
		holds, err := s.store.Holds(ctx, "", true)
		if err != nil {
			return p, err
		}
		if len(holds) > 0 {
			return p, fmt.Errorf("the load waits for a person: %s: %s", holds[0].Reason, holds[0].Words)
		}
		if done(p) {
			return p, nil
		}
		select {
		case <-s.workerEnded:
			return p, errors.New("the worker has ended")
		default:
		}
	}
}

// events prints how long the histories are.
func (s *site) events(ctx context.Context) error {
	for what, query := range map[string]string{
		"load":         `WorkflowType = "HistoricalLoad"`,
		"files' waits": `WorkflowType = "FileSubmission"`,
		"host":         `WorkflowType = "RegistryHost"`,
	} {
		var runs, most, all int64
		var token []byte
		for {
			page, err := s.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 500, NextPageToken: token})
			if err != nil {
				return err
			}
			for _, e := range page.Executions {
				n := e.HistoryLength
				if n == 0 { // of runs that are open, visibility does not know it
					d, err := s.temporal.DescribeWorkflowExecution(ctx, e.Execution.WorkflowId, e.Execution.RunId)
					if err != nil {
						return err
					}
					n = d.WorkflowExecutionInfo.HistoryLength
				}
				runs, all, most = runs+1, all+n, max(most, n)
			}
			if token = page.NextPageToken; len(token) == 0 {
				break
			}
		}
		fmt.Printf("events of the %s: %d runs, %d at most, %d on average\n", what, runs, most, all/max(1, runs))
	}
	return nil
}

// words joins what a process said last.
func words(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
