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

// runWorkers reads ahead on one goroutine and judges on several; batches come
// back in the order of the file. All goroutines have ended when it returns,
// which is when the source has returned from its last Read.
func (c *fileChecker) runWorkers(ctx context.Context, split *hl7.Splitter, workers int) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	all := workers + 2
	free, work, order := make(chan *batch, all), make(chan *batch, all), make(chan *batch, all)
	for range all {
		free <- newBatch()
	}
	var readErr error // of the source; set before order is closed
	running.Go(func() {
		defer close(order)
		defer close(work)
		readErr = c.readAhead(ctx, split, free, work, order)
	})
	for range workers {
		running.Go(func() {
			w := newChecker(c.given)
			for b := range work {
				w.judgeSafely(b)
				b.done <- struct{}{}
			}
		})
	}
	for b := range order {
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
		free <- b
	}
	return readErr
}

// readAhead fills free batches and hands them to the workers and, in order, to
// the one who merges.
func (c *fileChecker) readAhead(ctx context.Context, split *hl7.Splitter, free, work, order chan *batch) (err error) {
	defer func() {
		if p := recover(); p != nil { // the source's; the caller shall see it
			b := newBatch()
			b.panic = p
			b.done <- struct{}{}
			order <- b
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-free:
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := split.Next(&b.block); err != nil {
				return err
			}
			work <- b
			order <- b
		}
	}
}

// judgeSafely keeps a panic for the goroutine that can be asked about it.
func (c *checker) judgeSafely(b *batch) {
	defer func() { b.panic = recover() }()
	c.judge(b)
}
