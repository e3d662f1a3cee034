package conformance

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"immtrail/hl7"
	"immtrail/registry"
)

// mostWorkers bounds memory on machines with many CPUs; a disk is slower than
// so many.
const mostWorkers = 16

// run reads, judges and merges the whole file. What the reader says of the
// file's form is a finding; other errors are the source's or the context's.
func (c *fileChecker) run(ctx context.Context, src io.Reader) error {
	workers := c.in.Workers
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), mostWorkers)
	}
	split := hl7.NewSplitter(src, c.in.Limits)
	var err error
	if workers == 1 {
		err = c.runAlone(ctx, split)
	} else {
		err = c.runWorkers(ctx, split, workers)
	}
	c.notes.BOM = split.BOM()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()), c.seen.err != nil:
		return err
	case c.unreadable(err):
		return nil
	}
	return registry.Errorf(registry.KindOf(err), "check", "reading the file: %w", err)
}

// runAlone does everything in turn. It returns io.EOF when all went well.
func (c *fileChecker) runAlone(ctx context.Context, split *hl7.Splitter) error {
	w, b := newChecker(c.given), newBatch()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := split.Next(&b.block); err != nil {
			return err
		}
		w.judge(b)
		if err := c.merge(b); err != nil {
			return err
		}
	}
}

// runWorkers judges on several goroutines. Each reads its blocks by itself, in
// turn, so that a block stays in the cache of the core that judges it; they come
// back in the order of the file. All goroutines have ended when it returns,
// which is when the source has returned from its last Read.
func (c *fileChecker) runWorkers(ctx context.Context, split *hl7.Splitter, workers int) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	all := workers + 2
	t := turns{split: split, free: make(chan *batch, all), order: make(chan *batch, all)}
	for range all {
		t.free <- newBatch()
	}
	for range workers {
		running.Go(func() {
			w := newChecker(c.given)
			for b := t.next(ctx); b != nil; b = t.next(ctx) {
				w.judgeSafely(b)
				b.done <- struct{}{}
			}
		})
	}
	for b := range t.order {
		<-b.done
		if b.panic != nil {
			panic(b.panic)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.merge(b); err != nil {
			return err
		}
		t.free <- b
	}
	return t.err
}

// turns lets workers read, one at a time.
type turns struct {
	mu    sync.Mutex
	split *hl7.Splitter
	free  chan *batch
	order chan *batch // batches in the order of the file; closed after the last
	err   error       // why that was the last; set before order is closed
}

// next fills a free batch and hands it to the one who merges; nil after the
// last.
func (t *turns) next(ctx context.Context) *batch {
	select {
	case <-ctx.Done():
	case b := <-t.free:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.err != nil {
			return nil
		}
		if t.err = ctx.Err(); t.err == nil {
			t.err = t.fill(b)
		}
		if t.err == nil {
			t.order <- b
			return b
		}
		close(t.order)
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = ctx.Err()
		close(t.order)
	}
	return nil
}

// fill reads a block. A panic is the source's; the caller shall see it.
func (t *turns) fill(b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.panic, err = p, errPanic
			b.done <- struct{}{}
			t.order <- b
		}
	}()
	return t.split.Next(&b.block)
}

var errPanic = errors.New("the source panicked")

// judgeSafely keeps a panic for the goroutine that can be asked about it.
func (c *checker) judgeSafely(b *batch) {
	defer func() { b.panic = recover() }()
	c.judge(b)
}
