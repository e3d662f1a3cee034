package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"immtrail/config"
	"immtrail/registry"
	"immtrail/workflows"
)

func main() {
	practices := flag.Int("practices", 1000, "how many practices are in review")
	n := flag.Int("n", 100, "how many of them are approved in each way")
	pause := flag.Duration("pause", time.Second, "wait so long between two approvals, where they come one by one")
	flag.Parse()
	if err := measure(context.Background(), *practices, *n, *pause); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, practices, n int, pause time.Duration) (err error) {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	ways := []struct {
		name    string
		pause   time.Duration
		approve func(context.Context, string) error
	}{
		{"update approve-production, one by one", pause, w.byUpdate},
		{"update approve-production, back to back", 0, w.byUpdate},
		{"starter production approve, one by one", pause, w.byCommand},
	}
	practices = max(practices, n*len(ways))
	fmt.Printf("machine: %d CPUs, %s/%s, %s; %d practices in review\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), practices)
	began := time.Now()
	if err := w.intoReview(ctx, practices); err != nil {
		return err
	}
	fmt.Printf("in review after %.0f s\n", time.Since(began).Seconds())
	fmt.Printf("%-42s %8s %8s %8s %8s\n", fmt.Sprintf("%d approvals each, until live", n), "least", "median", "p99", "most")
	for i, way := range ways {
		took, err := w.each(ctx, i*n, i*n+n, way.pause, way.approve)
		if err != nil {
			return err
		}
		took.print(way.name)
	}
	return nil
}

// each approves the practices from one number to another, one after the other.
func (w *world) each(ctx context.Context, from, to int, pause time.Duration, approve func(context.Context, string) error) (times, error) {
	var took times
	for n := from; n < to; n++ {
		id := practiceID(n)
		began := time.Now()
		if err := approve(ctx, id); err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		if err := w.live(ctx, id); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		time.Sleep(pause)
	}
	return took, nil
}

// byUpdate sends the update as the command line does, and waits for its answer.
func (w *world) byUpdate(ctx context.Context, id string) error {
	handle, err := w.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.OnboardingID(id), UpdateName: workflows.UpdateApproveProduction.Name,
		WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{workflows.ApproveProduction{
			Approval: registry.Approval{Practice: id, ApprovedBy: approver, EmailDate: today(), MessageID: "<production@registry.example>"},
			By:       registry.Actor{Name: "Carla Coordinator", Via: "cli"},
		}},
	})
	if err != nil {
		return err
	}
	var answer workflows.Answer
	return handle.Get(ctx, &answer)
}

// byCommand runs the command from the start of its process to its end.
func (w *world) byCommand(ctx context.Context, id string) error {
	cmd := exec.CommandContext(ctx, w.starter, "production", "approve", id, //nolint:gosec // just built
		"--approved-by", approver, "--email-date", today(), "--message-id", "<production@registry.example>", "--as", "carla")
	cmd.Env = append(os.Environ(), config.EnvFile+"="+w.settings, config.EnvAllowAs+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// live waits until the database says that the practice is in production: at once,
// where the answer has said so.
func (w *world) live(ctx context.Context, id string) error {
	for {
		p, err := w.store.Practice(ctx, id)
		if err != nil || p.Phase == registry.PhaseProduction {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

const approver = "J. Ortiz, DSHS"

func today() string { return time.Now().Format(time.DateOnly) }

// times are how long each approval took.
type times []time.Duration

func (t times) print(what string) {
	if len(t) == 0 {
		return
	}
	slices.Sort(t)
	at := func(share float64) int64 { return t[min(len(t)-1, int(share*float64(len(t))))].Milliseconds() }
	fmt.Printf("%-42s %5d ms %5d ms %5d ms %5d ms\n", what, at(0), at(0.5), at(0.99), at(1))
}
