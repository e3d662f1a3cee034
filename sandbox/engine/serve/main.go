package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"immtrail/sandbox/engine"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: serve DIR")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func serve(dir string) error {
	ctx := context.Background()
	e, err := engine.Start(ctx, engine.Options{Dir: dir, NoUI: true})
	if err != nil {
		return err
	}
	if err := e.WaitReady(ctx); err != nil {
		return err
	}
	fmt.Println(e.HostPort())
	_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it holds the other end
	return e.Stop()
}
