package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"immtrail/registry"
)

// Kind is a form of report that needs extraction.
type Kind string

// The kinds.
const (
	XLSX Kind = "xlsx"
	PDF  Kind = "pdf"
)

// Limits of one extraction. A report that crosses one is refused.
const (
	// MaxSize is the largest report that is taken, in bytes.
	MaxSize = 64 << 20
	// maxText is how much text may come out of it, in bytes. A small document
	// can hold any amount.
	maxText = 64 << 20
	// maxMemory is what the child may hold, in bytes.
	maxMemory = 640 << 20
	// maxTime is how long the child may take.
	maxTime = 2 * time.Minute
	// maxRow is the longest row, in bytes, as it passes through the pipe.
	maxRow = 4 << 20
)

// A Row is one row of a sheet, or one line of a page.
type Row struct {
	// Sheet counts the sheets of a spreadsheet from 1; a document's pages are
	// all one.
	Sheet int `json:"s,omitempty"`
	// Cells are its cells; a line of running text is one.
	Cells []string `json:"c"`
}

// serving says that [Serve] was called, so that a child will not run the
// program itself.
var serving atomic.Bool

// childVariable tells a child what it is to read.
const childVariable = "IMMTRAIL_EXTRACT"

// Exit codes of a child.
const (
	exitRefused = 10 // the report cannot be read
	exitMemory  = 11
	exitText    = 12
	exitCut     = 13 // the end of the document is missing
)

// Rows reads a report from src and calls emit for every row, in order, empty
// ones left out. Errors are of kind Invalid where the report cannot be read
// within the limits, Transient where the child cannot be started; what src and
// emit return is returned as it is.
func Rows(ctx context.Context, kind Kind, src io.Reader, emit func(Row) error) error {
	if !serving.Load() {
		return registry.Errorf(registry.Invalid, "report", "this program does not read %s reports", kind)
	}
	self, err := os.Executable()
	if err != nil {
		return registry.Errorf(registry.Transient, "report", "finding the program itself: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	// Nothing of the parent's environment: secrets may be in it.
	cmd.Env = []string{childVariable + "=" + string(kind)}
	cmd.WaitDelay = 5 * time.Second
	limited := &source{src: src, left: MaxSize}
	cmd.Stdin = limited
	out, err := cmd.StdoutPipe()
	if err != nil {
		return registry.Errorf(registry.Transient, "report", "starting the reader: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return registry.Errorf(registry.Transient, "report", "starting the reader: %w", err)
	}
	told := forward(out, emit)
	if told != nil {
		cancel()
	}
	_, _ = io.Copy(io.Discard, out) // nothing, unless told is an error
	ended := cmd.Wait()
	switch {
	case limited.err != nil:
		return limited.err
	case told != nil && !errors.Is(told, errTorn):
		return told
	}
	return refusal(ctx, kind, ended, told)
}

// errTorn says that the child's answer broke off; its exit code tells why.
var errTorn = errors.New("the answer broke off")

// forward hands the child's rows on.
func forward(out io.Reader, emit func(Row) error) error {
	dec := json.NewDecoder(out)
	for {
		var r Row
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errTorn
		}
		if err := emit(r); err != nil {
			return err
		}
	}
}

// refusal says in words why a child did not come to its end.
func refusal(ctx context.Context, kind Kind, ended, told error) error {
	if ended == nil && told == nil {
		return nil
	}
	what, instead := "spreadsheet", "open it and save it anew, or ask the registry for it as delimited text"
	if kind == PDF {
		what, instead = "PDF document", "ask the registry for it anew, or as delimited text"
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return registry.Errorf(registry.Invalid, "report", "the %s was not read within %s: %s", what, maxTime, instead)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(ended, &exit) {
		switch exit.ExitCode() {
		case exitMemory:
			return registry.Errorf(registry.Invalid, "report", "the %s needs more than %d MiB of memory to be read: %s", what, maxMemory>>20, instead)
		case exitText:
			return registry.Errorf(registry.Invalid, "report", "the %s holds more than %d MiB of text, or a row of more than %d MiB: %s",
				what, maxText>>20, maxRow>>20, instead)
		case exitCut:
			return registry.Errorf(registry.Invalid, "report", "the %s is cut off, its end is missing: %s", what, instead)
		}
	}
	return registry.Errorf(registry.Invalid, "report", "the %s is damaged, cut off, locked by a password, or not one: %s", what, instead)
}

// source refuses what is too large, and keeps an error of the reader below
// apart from those of the pipe.
type source struct {
	src  io.Reader
	left int
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	s.left -= n
	switch {
	case s.left < 0:
		s.err = registry.Errorf(registry.Invalid, "report", "the report is larger than %d MiB: ask the registry for it in parts, or as delimited text", MaxSize>>20)
		return 0, s.err
	case err != nil && !errors.Is(err, io.EOF):
		s.err = err
	}
	return n, err
}

// clean makes a cell's text storable: no NUL, valid UTF-8, no blanks around.
func clean(cell string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(cell, "\uFFFD"), "\x00", ""))
}

// blank reports whether nothing is in a row.
func blank(cells []string) bool {
	for _, c := range cells {
		if c != "" {
			return false
		}
	}
	return true
}

// writer sends rows to the parent and ends the child where there is too much.
type writer struct {
	out  io.Writer
	buf  bytes.Buffer
	left int
}

func (w *writer) row(sheet int, cells []string) error {
	for i := range cells {
		cells[i] = clean(cells[i])
		w.left -= len(cells[i])
	}
	if w.left < 0 {
		return errTooMuchText
	}
	if blank(cells) {
		return nil
	}
	w.buf.Reset()
	if err := json.NewEncoder(&w.buf).Encode(Row{Sheet: sheet, Cells: cells}); err != nil {
		return err
	}
	if w.buf.Len() > maxRow {
		return errTooMuchText
	}
	_, err := w.out.Write(w.buf.Bytes())
	return err
}

var (
	errTooMuchText = errors.New("too much text")
	errCutOff      = errors.New("cut off")
)
