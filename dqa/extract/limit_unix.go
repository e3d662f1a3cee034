//go:build unix

package extract

import (
	"time"

	"golang.org/x/sys/unix"
)

// limitProcess bounds the child's processor time, should the parent die and
// nobody stop it.
func limitProcess() {
	seconds := uint64(2 * maxTime / time.Second)
	// Where the system refuses, the parent's clock still holds.
	_ = unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds})
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // a core would hold patients' data
}
