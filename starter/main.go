// Command starter is the coordinator's command line: everything a person does
// with immtrail. `starter --help` teaches it by example.
package main

import (
	"context"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"golang.org/x/term"

	"immtrail/dqa/extract"
	"immtrail/starter/cli"
)

func main() {
	extract.Serve() // ends here in the child that reads a spreadsheet or a document
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	home, _ := os.UserHomeDir() // without one ~/.config is not searched
	code := cli.Run(ctx, cli.Env{
		Args:       os.Args[1:],
		Stdin:      os.Stdin,
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Getenv:     os.Getenv,
		Environ:    os.Environ(),
		Home:       home,
		Login:      login(),
		Now:        time.Now,
		IsTerminal: term.IsTerminal(int(os.Stdout.Fd())),
	})
	stop()
	os.Exit(code)
}

// login is the name under which the person is logged in; empty where nobody
// can tell, which is then refused.
func login() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
