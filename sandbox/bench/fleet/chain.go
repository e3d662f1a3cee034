package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"immtrail/internal/temporalconn"
)

const (
	chainRole  = "chain-worker"
	chainQueue = "chains"
	chainSteps = 5
	// starters at once: as many as keep the server busy.
	starters = 16
)

// chain is what five activities cost a Temporal server, and nothing else.
func chain(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for n := range chainSteps {
		if err := workflow.ExecuteActivity(ctx, link, n).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func link(context.Context, int) error { return nil }

// workChains is the worker of the chains, a process as the product's is.
func workChains(address, activities string) error {
	var most int
	if _, err := fmt.Sscan(activities, &most); err != nil {
		return err
	}
	c, err := temporalconn.Dial(context.Background(), temporalconn.Settings{HostPort: address}, quiet())
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, chainQueue, worker.Options{MaxConcurrentActivityExecutionSize: most})
	w.RegisterWorkflow(chain)
	w.RegisterActivity(link)
	if err := w.Start(); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it holds the other end
	w.Stop()
	return nil
}

// chains measures them, and returns how many a minute the server does.
func (s *site) chains(ctx context.Context) (perMinute float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	p, err := s.process("chains", self, chainRole, s.address, fmt.Sprint(s.opts.activities))
	if err != nil {
		return 0, err
	}
	if err := s.polled(ctx, chainQueue, p); err != nil {
		return 0, err
	}
	_, err = s.measured(ctx, fmt.Sprintf("%d chains of %d activities", s.opts.chains, chainSteps), func(ctx context.Context) error {
		began := time.Now()
		if err := s.runChains(ctx); err != nil {
			return err
		}
		perMinute = float64(s.opts.chains) / time.Since(began).Minutes()
		fmt.Printf("%.0f a minute\n", perMinute)
		return nil
	})
	return perMinute, errors.Join(err, p.stop())
}

func (s *site) runChains(ctx context.Context) error {
	runs := make([]client.WorkflowRun, s.opts.chains)
	if err := each(s.opts.chains, func(n int) (err error) {
		runs[n], err = s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: fmt.Sprintf("chain/%d", n), TaskQueue: chainQueue,
		}, "chain")
		return err
	}); err != nil {
		return err
	}
	return each(len(runs), func(n int) error { return runs[n].Get(ctx, nil) })
}

// each calls do for 0 to n-1, some at once.
func each(n int, do func(int) error) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		todo = make(chan int)
	)
	for range min(n, starters) {
		wg.Go(func() {
			for i := range todo {
				if err := do(i); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
	if len(errs) > 1 {
		errs = errs[:1] // the others say the same
	}
	return errors.Join(errs...)
}
