package pglocal_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"immtrail/internal/pglocal"
)

// victimDir makes this test binary a process that starts a cluster in that
// folder, prints its URL and waits to be killed.
const victimDir = "PGLOCAL_TEST_VICTIM"

func TestMain(m *testing.M) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := pglocal.Start(context.Background(), pglocal.Options{
		Dir: dir, NoSync: true, Temporary: os.Getenv(victimDir+"_TEMPORARY") != "",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.URL("postgres"))
	select {}
}
