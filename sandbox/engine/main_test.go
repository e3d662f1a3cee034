package engine_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"immtrail/sandbox/engine"
)

// victimDir makes this test binary a process that runs an engine on that
// folder, prints its address and waits to be killed.
const victimDir = "ENGINE_TEST_VICTIM"

func TestMain(m *testing.M) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	e, err := engine.Start(context.Background(), engine.Options{Dir: dir, NoUI: true})
	if err == nil {
		err = e.WaitReady(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(e.HostPort())
	select {}
}
