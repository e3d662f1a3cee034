//go:build unix

package cli

import "golang.org/x/sys/unix"

// freeDisk is how many bytes are free for us on dir's disk.
func freeDisk(dir string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true //nolint:unconvert // the types differ between systems
}
