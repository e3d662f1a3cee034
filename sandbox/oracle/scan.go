package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// leak is a value that was found where no patient may be.
type leak struct {
	source string
	what   uint8
	form   form
	first  int64 // offset of the first one
	count  int
}

// scanner looks through everything for the patients and remembers where it
// found them. It is safe for concurrent use.
type scanner struct {
	needles *needles
	mu      sync.Mutex
	leaks   map[leakKey]*leak
	bytes   int64
	sinks   map[Sink]int64
}

type leakKey struct {
	source string
	what   uint8
	form   form
}

// Sink is a kind of place in which a patient could come out.
type Sink string

// The sinks.
const (
	SinkHistories   Sink = "histories"
	SinkAttributes  Sink = "search attributes"
	SinkLogs        Sink = "logs"
	SinkMetrics     Sink = "metrics"
	SinkMails       Sink = "mails"
	SinkTables      Sink = "tables"
	SinkFiles       Sink = "database files"
	SinkRemoteNames Sink = "remote names"
	SinkLocalNames  Sink = "file names"
	SinkWorkflowIDs Sink = "workflow IDs"
)

// Sinks are all kinds of places that a rehearsal has.
func Sinks() []Sink {
	return []Sink{
		SinkHistories, SinkAttributes, SinkLogs, SinkMetrics, SinkMails, SinkTables, SinkFiles, SinkRemoteNames,
		SinkLocalNames, SinkWorkflowIDs,
	}
}

func newScanner(n *needles) *scanner {
	return &scanner{needles: n, leaks: map[leakKey]*leak{}, sinks: map[Sink]int64{}}
}

func (s *scanner) count(sink Sink, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += n
	s.sinks[sink] += n
}

func (s *scanner) note(source string, p *pattern, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := leakKey{source, p.what, p.form}
	if l := s.leaks[key]; l != nil {
		l.count++
		l.first = min(l.first, at)
		return
	}
	s.leaks[key] = &leak{source: source, what: p.what, form: p.form, first: at, count: 1}
}

// text looks through a text at hand.
func (s *scanner) text(sink Sink, source string, text []byte) {
	// Room for the look at eight bytes that begins at the last one of a needle.
	data := append(slices.Clip(text), make([]byte, 8)...)
	s.needles.each(data, 0, len(text), func(p *pattern, at int) { s.note(source, p, int64(at)) })
	s.count(sink, int64(len(text)))
}

const (
	chunk = 1 << 20
	// context is kept of the bytes before, for numbers that are told by what
	// stands in front of them.
	lookBack = 16
)

// stream looks through everything that r gives, in memory that does not grow.
func (s *scanner) stream(sink Sink, source string, r io.Reader) error {
	ahead := s.needles.longest + 8
	buf := make([]byte, lookBack+ahead+chunk+8)
	var (
		have int   // bytes in buf
		from int   // first byte not looked at yet
		base int64 // offset of buf[0] in the stream
	)
	for {
		n, err := io.ReadFull(r, buf[have:len(buf)-8])
		have += n
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		end := have - ahead
		data := buf[:have]
		if last {
			end = have
			clear(buf[have : have+8])
			data = buf[:have+8]
		}
		if end > from {
			s.needles.each(data, from, end, func(p *pattern, at int) { s.note(source, p, base+int64(at)) })
			from = end
		}
		if last {
			s.count(sink, base+int64(have))
			return nil
		}
		drop := max(0, from-lookBack)
		copy(buf, buf[drop:have])
		have, from, base = have-drop, from-drop, base+int64(drop)
	}
}

// file looks through a file's name and bytes. A file that is gone by now, as
// those of a running database may be, is nothing.
func (s *scanner) file(sink Sink, path string) error {
	s.text(SinkLocalNames, "the name of a file in "+filepath.Base(filepath.Dir(path)), []byte(filepath.Base(path)))
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look through a file: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := s.stream(sink, shortPath(path), f); err != nil {
		return fmt.Errorf("look through %s: %w", shortPath(path), err)
	}
	return nil
}

// shortPath is enough of a path to find it again in the rehearsal's folder.
func shortPath(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	return strings.Join(parts[max(0, len(parts)-3):], "/")
}

// files looks through many files, as many at a time as there are processors.
func (s *scanner) files(ctx context.Context, sink Sink, paths []string) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		work = make(chan string)
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for path := range work {
				if err := s.file(sink, path); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, path := range paths {
		if ctx.Err() != nil {
			break
		}
		work <- path
	}
	close(work)
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// dirs lists every regular file below the folders.
func regularFiles(dirs ...string) ([]string, error) {
	var paths []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) && path != dir:
				return nil
			case err != nil:
				return err
			case d.Type().IsRegular():
				paths = append(paths, path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list files: %w", err)
		}
	}
	return paths, nil
}

// everything looks through logs, folders and texts.
func (s *scanner) everything(ctx context.Context, w *World) error {
	paths, err := regularFiles(w.ScanDirs...)
	if err != nil {
		return err
	}
	if err := errors.Join(s.files(ctx, SinkLogs, w.LogFiles), s.files(ctx, SinkFiles, paths)); err != nil {
		return err
	}
	for name, text := range w.Texts {
		s.text(SinkMetrics, name, []byte(text))
	}
	names, err := regularFiles(w.NameDirs...)
	if err != nil {
		return err
	}
	for _, path := range names {
		s.text(SinkLocalNames, "the name of a file in "+filepath.Base(filepath.Dir(path)), []byte(filepath.Base(path)))
	}
	return nil
}

// told is what was found, sorted by place.
func (s *scanner) told() []found {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []found
	for _, l := range s.leaks {
		out = append(out, say("", "%s %s in %s, first at byte %d, %d in all", kinds[l.what], l.form.words(), l.source, l.first, l.count))
	}
	slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.words, b.words) })
	return out
}

// clearText tells what the scan found.
func clearText(f *facts) []found { return f.scan.told() }
