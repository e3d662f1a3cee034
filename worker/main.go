// Command worker is the long-running process of immtrail: it works on workflows
// and activities until it is told to stop.
//
//	worker                       settings from ./immtrail.yaml or /etc/immtrail
//	worker -config FILE          settings from FILE
//	worker -version
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"immtrail/config"
	"immtrail/dqa/extract"
	"immtrail/internal/buildid"
	"immtrail/worker/service"
)

func main() {
	extract.Serve() // ends here in the child that reads a spreadsheet or a document
	file := flag.String("config", "", "file of settings")
	version := flag.Bool("version", false, "print the build and end")
	flag.Parse()
	if *version {
		fmt.Println(buildid.ID())
		return
	}
	os.Exit(run(*file))
}

// exitCouldNot is the starter's code for "could not".
const exitCouldNot = 3

func run(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	home, _ := os.UserHomeDir() // without one ~/.config is not searched
	cfg, err := config.Load(config.Source{Path: file, Getenv: os.Getenv, Environ: os.Environ(), Home: home})
	if err == nil {
		err = service.Run(ctx, cfg, service.Options{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return exitCouldNot
	}
	return 0
}
