package extract

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// Serve makes [Rows] possible in this program. A main calls it before anything
// else: in a child it reads the report and ends the process.
func Serve() {
	kind, child := os.LookupEnv(childVariable)
	if !child {
		serving.Store(true)
		return
	}
	os.Exit(serve(Kind(kind), os.Stdin, os.Stdout))
}

func serve(kind Kind, in io.Reader, out io.Writer) int {
	debug.SetMemoryLimit(maxMemory / 2)
	limitProcess()
	go watchMemory(func() { os.Exit(exitMemory) })
	data, err := io.ReadAll(io.LimitReader(in, MaxSize+1))
	if err != nil {
		return exitRefused
	}
	buffered := bufio.NewWriterSize(out, 1<<16)
	w := &writer{out: buffered, left: maxText}
	switch kind {
	case XLSX:
		err = spreadsheet(data, w)
	case PDF:
		err = document(context.Background(), data, w)
	default:
		return exitRefused
	}
	if flush := buffered.Flush(); err == nil {
		err = flush
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errTooMuchText):
		return exitText
	case errors.Is(err, errCutOff):
		return exitCut
	}
	return exitRefused
}

// watchMemory calls over once the process holds more than it may. What the
// garbage collector has not yet given back counts too: a document that grows
// faster than it is collected is as bad as one that stays.
func watchMemory(over func()) {
	var m runtime.MemStats
	for range time.Tick(50 * time.Millisecond) {
		runtime.ReadMemStats(&m)
		if m.HeapInuse+m.StackInuse > maxMemory {
			over()
			return
		}
	}
}
