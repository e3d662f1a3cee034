package conformance

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// run is a sorted list of digests in a temporary file, with the first of each
// page in memory.
type run struct {
	file   *os.File
	named  bool // the file has a name still
	fences []uint64
	n      int64
	page   []byte
}

const pageKeys = 512 // 4 KiB

// runWriter writes a run; errors stick to w.
type runWriter struct {
	r    *run
	w    *bufio.Writer
	last uint64
	err  error // of reading what is merged
}

// unname takes the name from an open file; a variable so that tests need no
// Windows.
var unname = os.Remove

// newRun makes a run of what write adds, in ascending order.
func newRun(dir string, write func(*runWriter)) (*run, error) {
	file, err := os.CreateTemp(dir, "immtrail-seen-*")
	if err != nil {
		return nil, err
	}
	// Where an open file may have no name, a crash leaves nothing behind. On
	// Windows close removes it; what a crash leaves there are digests whose key
	// died with the process.
	r := &run{file: file, named: unname(file.Name()) != nil, page: make([]byte, 8*pageKeys)}
	w := &runWriter{r: r, w: bufio.NewWriterSize(file, 64<<10)}
	write(w)
	if err := errors.Join(w.err, w.w.Flush()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (w *runWriter) add(key uint64) {
	if key == w.last { // in two of the runs that are merged
		return
	}
	w.last = key
	if w.r.n%pageKeys == 0 {
		w.r.fences = append(w.r.fences, key)
	}
	w.r.n++
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], key)
	_, _ = w.w.Write(b[:]) // bufio keeps the error for Flush
}

// merge adds what is in runs.
func (w *runWriter) merge(runs []*run) {
	type head struct {
		key uint64
		src *bufio.Reader
	}
	var heads []head
	next := func(src *bufio.Reader) (uint64, bool) {
		var b [8]byte
		if _, err := io.ReadFull(src, b[:]); err != nil {
			if !errors.Is(err, io.EOF) {
				w.err = err
			}
			return 0, false
		}
		return binary.LittleEndian.Uint64(b[:]), true
	}
	for _, r := range runs {
		src := bufio.NewReaderSize(io.NewSectionReader(r.file, 0, 8*r.n), 64<<10)
		if key, ok := next(src); ok {
			heads = append(heads, head{key, src})
		}
	}
	for len(heads) > 0 {
		least := 0
		for i := range heads {
			if heads[i].key < heads[least].key {
				least = i
			}
		}
		w.add(heads[least].key)
		key, ok := next(heads[least].src)
		if !ok {
			heads = slices.Delete(heads, least, least+1)
			continue
		}
		heads[least].key = key
	}
}

// has looks on the one page where key would be.
func (r *run) has(key uint64) (bool, error) {
	at, found := slices.BinarySearch(r.fences, key)
	if found {
		return true, nil
	}
	if at == 0 {
		return false, nil
	}
	page := r.page[:8*min(pageKeys, r.n-int64(at-1)*pageKeys)]
	if _, err := r.file.ReadAt(page, int64(at-1)*int64(len(r.page))); err != nil {
		return false, err
	}
	low, high := 0, len(page)/8
	for low < high {
		mid := (low + high) / 2
		switch k := binary.LittleEndian.Uint64(page[8*mid:]); {
		case k == key:
			return true, nil
		case k < key:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false, nil
}

func (r *run) close() {
	_ = r.file.Close()
	if r.named {
		_ = os.Remove(r.file.Name())
	}
}
