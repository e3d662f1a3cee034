package activities

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"immtrail/db"
	"immtrail/hl7"
	"immtrail/registry"
	"immtrail/vault"
)

// cutPart is a part of a source, safe in the vault.
type cutPart struct {
	object   vault.Object
	messages int
	// cut says where the messages are from, without the part's ID.
	cut db.HistoryCut
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
// messages or in.PartBytes bytes, of one year or site where the profile says so,
// each with an envelope of its own and the messages byte for byte, without what
// is left out. The same source gives the same parts.
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
	begin := func() partSink { return newPartWriter(ctx, d.Files.Vault, &parts) }
	c := cutter{in: d.in, begin: begin, open: map[string]*openPart{}}
	defer c.abandon()
	for {
		u, err := r.Next()
		if errors.Is(err, io.EOF) {
			err = c.end() // before the parts are read
			return parts, err
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
		if err := c.add(fate, cutMessage{u.Raw(), u.Line}, int64(len(u.Raw()))); err != nil {
			return nil, err
		}
	}
}

// partsOpen bounds how many parts are written at once, where a part is of one
// year or one site.
const partsOpen = 32

// partSink is where a part goes: into the file store, or nowhere where parts are
// only counted.
type partSink interface {
	write(ordinal int, m cutMessage) error
	end() error
	abandon()
}

// cutMessage is a message of a source, and the line of the source in which it
// begins.
type cutMessage struct {
	raw  []byte
	line int
}

// openPart is a part that is not full yet.
type openPart struct {
	partSink
	messages int
	bytes    int64 // of messages
}

// cutter cuts messages into parts, one at a time for each year or site.
type cutter struct {
	in    PlanHistoryInput
	begin func() partSink
	open  map[string]*openPart
	keys  []string // of open, the oldest first
}

// add puts a message of so many bytes into its part.
func (c *cutter) add(fate db.HistoryFate, m cutMessage, size int64) error {
	key := ""
	switch c.in.PartBy {
	case "year":
		key = strconv.Itoa(fate.Year)
	case "site":
		key = fate.Site
	}
	out := c.open[key]
	if out != nil && c.in.PartBytes > 0 && out.bytes+size > c.in.PartBytes {
		if err := c.finish(key); err != nil {
			return err
		}
		out = nil
	}
	if out == nil {
		if len(c.keys) >= partsOpen {
			if err := c.finish(c.keys[0]); err != nil {
				return err
			}
		}
		out = &openPart{partSink: c.begin()}
		c.open[key], c.keys = out, append(c.keys, key)
	}
	if err := out.write(fate.Ordinal, m); err != nil {
		return err
	}
	out.bytes += size
	if out.messages++; out.messages == c.in.PartMessages {
		return c.finish(key)
	}
	return nil
}

// finish completes the part of a key.
func (c *cutter) finish(key string) error {
	err := c.open[key].end()
	if err == nil {
		delete(c.open, key)
		c.keys = slices.DeleteFunc(c.keys, func(k string) bool { return k == key })
	}
	return err
}

// end completes all that is open, in the order in which it was begun.
func (c *cutter) end() error {
	for len(c.keys) > 0 {
		if err := c.finish(c.keys[0]); err != nil {
			return err
		}
	}
	return nil
}

// abandon makes sure that nothing of unfinished parts is kept.
func (c *cutter) abandon() {
	for _, out := range c.open {
		out.abandon()
	}
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
	parts *[]cutPart // takes the part when it is whole
	cut   db.HistoryCut
	line  int // of the next message
}

type putResult struct {
	object vault.Object
	err    error
}

// envelopeLines come before the first message: FHS and BHS.
const envelopeLines = 2

func newPartWriter(ctx context.Context, store *vault.Vault, parts *[]cutPart) *partWriter {
	read, write := io.Pipe()
	// The envelope is empty: what is sent gets ours anyway, and whatever stood
	// in it would make the same messages a different part.
	w := &partWriter{batch: hl7.NewBatchWriter(write, hl7.Envelope{}), pipe: write, done: make(chan putResult, 1), parts: parts, line: envelopeLines + 1}
	go func() {
		object, err := store.Put(ctx, read)
		_ = read.CloseWithError(io.ErrClosedPipe) // frees the writer where the vault gave up
		w.done <- putResult{object, err}
	}()
	return w
}

func (w *partWriter) write(ordinal int, m cutMessage) error {
	if err := w.because(w.batch.WriteMessage(m.raw)); err != nil {
		return err
	}
	lines := lineEnds(m.raw)
	length := len(m.raw)
	if last := m.raw[length-1]; last != '\r' && last != '\n' {
		lines, length = lines+1, length+1 // the batch ends the line
	}
	c := &w.cut
	c.Ordinals, c.Lengths = append(c.Ordinals, int32(ordinal)), append(c.Lengths, int32(length))
	c.Offsets = append(c.Offsets, w.batch.Size()-int64(length))
	c.Lines = append(c.Lines, int32(w.line-m.line))
	w.line += lines
	return nil
}

// lineEnds counts the line ends of a message as the reader does: CR, LF, or both
// for one.
func lineEnds(raw []byte) int {
	n := bytes.Count(raw, []byte{'\r'}) + bytes.Count(raw, []byte{'\n'})
	return n - bytes.Count(raw, []byte("\r\n"))
}

// end completes the part and adds it to the parts.
func (w *partWriter) end() error {
	if err := w.because(w.batch.Close()); err != nil {
		return err
	}
	_ = w.pipe.Close() // never fails
	put := <-w.done
	w.done <- put // for abandon, which may still come
	if put.err != nil {
		return put.err
	}
	*w.parts = append(*w.parts, cutPart{put.object, w.batch.Messages(), w.cut})
	return nil
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
	_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF) // after end it does nothing
	<-w.done
}
