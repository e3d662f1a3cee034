package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// serverCPU is the processor time of all sessions of the server that have ended,
// from /proc; 0 elsewhere. On a machine that does other things too it tells more
// than the clock.
func (w world) serverCPU() time.Duration {
	time.Sleep(300 * time.Millisecond) // a session ends a little after its connection
	pid, err := os.ReadFile(filepath.Join(w.dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strings.SplitN(string(pid), "\n", 2)[0], "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, f := range fields[13:15] { // cutime and cstime
		n, _ := strconv.Atoi(f) // a number by its definition
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
