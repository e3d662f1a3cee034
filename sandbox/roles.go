package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"go.temporal.io/sdk/interceptor"

	"immtrail/config"
	"immtrail/sandbox/fakeregistry"
	"immtrail/sandbox/nextbuild"
	"immtrail/sandbox/stage"
	"immtrail/worker/service"
)

// roles are the processes of the stage, started from this binary.
var roles = map[string]func(args []string) int{
	"registry": registryRole,
	"worker":   workerRole,
}

// untilParentEnds ends the context when standard input closes: the parent holds
// its other end for as long as it lives.
func untilParentEnds() (context.Context, context.CancelFunc) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, cancel
}

func registryRole(args []string) int {
	if len(args) != 1 {
		return exitUsage
	}
	opts, err := fakeregistry.ReadOptions(args[0])
	if err == nil {
		ctx, cancel := untilParentEnds()
		defer cancel()
		opts.Log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
		err = fakeregistry.Main(ctx, opts)
	}
	return told(err)
}

func workerRole(args []string) int {
	if len(args) < 1 {
		return exitUsage
	}
	ctx, cancel := untilParentEnds()
	defer cancel()
	cfg, err := config.Load(config.Source{Path: args[0], Getenv: os.Getenv, Environ: os.Environ()})
	if err != nil {
		return told(err)
	}
	var opts service.Options
	if len(args) > 1 {
		opts.Hooks = killHooks(args[1])
	}
	if stage.IsNextBuild(args[0]) {
		opts.Interceptors = []interceptor.WorkerInterceptor{&nextbuild.Interceptor{}}
	}
	return told(service.Run(ctx, cfg, opts))
}

// killHooks kill this process, as kill -9 does, once before and once after the
// first run of each activity type. The folder remembers what was done: a file
// is one kill.
func killHooks(dir string) service.Hooks {
	var dying sync.Mutex // two activities must not count one death twice
	once := func(moment, activity string) {
		dying.Lock()
		f, err := os.OpenFile(filepath.Join(dir, moment+"-"+activity), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			dying.Unlock()
			return
		}
		if err != nil {
			panic(err)
		}
		_ = f.Sync()
		_ = f.Close()
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
	return service.Hooks{
		Before: func(activity string) { once("before", activity) },
		After:  func(activity string) { once("after", activity) },
	}
}

func told(err error) int {
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return exitCouldNot
	}
	return exitOK
}
