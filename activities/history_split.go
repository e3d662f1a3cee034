package activities

import (
	"context"
	"errors"
	"io"

	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
	"immtrail/vault"
)

// cutPart is a part of a source, safe in the vault.
type cutPart struct {
	object   vault.Object
	messages int
}

// readable tells whether a source is HL7 to its end. Half of one would look like
// all of it.
func (d *draft) readable(ctx context.Context, source db.HistorySource) (bool, error) {
	src, err := d.Files.Vault.Open(ctx, source.VaultKey)
	if err != nil {
		return false, err
	}
	defer func() { _ = src.Close() }() // only read from
	for r := hl7.NewReader(src, hl7.Limits{}); ; {
		switch _, err := r.Next(); {
		case errors.Is(err, io.EOF):
			return true, nil
		case unreadable(err):
			return false, nil
		case err != nil:
			return false, err
		}
	}
}

// split cuts a source on message boundaries into parts of in.PartMessages
// messages, each with an envelope of its own and the messages byte for byte,
// without what is left out. The same source gives the same parts.
//
// Memory holds one message at a time: a part goes into the vault as it is cut.
func (d *draft) split(ctx context.Context, source db.HistorySource) (parts []cutPart, err error) {
	src, err := d.Files.Vault.Open(ctx, source.VaultKey)
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }() // only read from
	r := hl7.NewReader(src, hl7.Limits{})
	fates := fates{db: d.DB, file: source.ID}
	var out *partWriter
	defer func() { out.abandon() }()
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if u.Kind != hl7.KindMessage {
			continue
		}
		fate, err := fates.of(ctx, u.Ordinal)
		if err != nil {
			return nil, err
		}
		if fate.LeftOut {
			continue
		}
		if out == nil {
			out = newPartWriter(ctx, d.Files.Vault)
		}
		if err := out.write(u.Raw()); err != nil {
			return nil, err
		}
		if out.batch.Messages() == d.in.PartMessages {
			if parts, err = out.end(parts); err != nil {
				return nil, err
			}
			out = nil
		}
	}
	if out != nil {
		if parts, err = out.end(parts); err != nil {
			return nil, err
		}
		out = nil
	}
	return parts, nil
}

// fates walks through what becomes of a source's messages, beside the messages.
type fates struct {
	db   *db.Store
	file string
	page []db.HistoryFate
	last int
}

const fatesPage = 1000

// of tells what becomes of a message; ordinals are asked for in order.
func (f *fates) of(ctx context.Context, ordinal int) (db.HistoryFate, error) {
	if len(f.page) == 0 {
		page, err := f.db.HistoryFates(ctx, f.file, f.last, fatesPage)
		if err != nil {
			return db.HistoryFate{}, err
		}
		f.page = page
	}
	if len(f.page) == 0 || f.page[0].Ordinal != ordinal {
		return db.HistoryFate{}, registry.Errorf(registry.Transient, "history split", "message %d of %s was not checked", ordinal, f.file)
	}
	fate := f.page[0]
	f.page, f.last = f.page[1:], ordinal
	return fate, nil
}

// unreadable tells a source that is no HL7 from one that could not be read.
func unreadable(err error) bool {
	var format *hl7.FormatError
	var limit *hl7.LimitError
	return errors.Is(err, hl7.ErrEmpty) || errors.As(err, &format) || errors.As(err, &limit)
}

// partWriter writes one part into the vault.
type partWriter struct {
	batch *hl7.BatchWriter
	pipe  *io.PipeWriter
	done  chan putResult
}

type putResult struct {
	object vault.Object
	err    error
}

func newPartWriter(ctx context.Context, store *vault.Vault) *partWriter {
	read, write := io.Pipe()
	// The envelope is empty: what is sent gets ours anyway, and whatever stood
	// in it would make the same messages a different part.
	w := &partWriter{batch: hl7.NewBatchWriter(write, hl7.Envelope{}), pipe: write, done: make(chan putResult, 1)}
	go func() {
		object, err := store.Put(ctx, read)
		_ = read.CloseWithError(io.ErrClosedPipe) // frees the writer where the vault gave up
		w.done <- putResult{object, err}
	}()
	return w
}

func (w *partWriter) write(raw []byte) error { return w.because(w.batch.WriteMessage(raw)) }

// end completes the part and adds it to parts.
func (w *partWriter) end(parts []cutPart) ([]cutPart, error) {
	if err := w.because(w.batch.Close()); err != nil {
		return nil, err
	}
	_ = w.pipe.Close() // never fails
	put := <-w.done
	w.done <- put // for abandon, which may still come
	if put.err != nil {
		return nil, put.err
	}
	return append(parts, cutPart{put.object, w.batch.Messages()}), nil
}

// because finds the vault's own words behind a pipe that it closed.
func (w *partWriter) because(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.ErrClosedPipe) {
		put := <-w.done
		w.done <- put
		if put.err != nil {
			return put.err
		}
	}
	return registry.Errorf(registry.Transient, "history split", "%w", err)
}

// abandon makes sure that nothing of an unfinished part is kept.
func (w *partWriter) abandon() {
	if w == nil {
		return
	}
	_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF) // after end it does nothing
	<-w.done
}
