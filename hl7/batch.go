package hl7

import (
	"bufio"
	"errors"
	"io"
	"strconv"
)

// Envelope is what the header segments of a batch file say (FHS/BHS-3 to 7
// and 11). Empty values stay empty: HL7 requires none of them.
type Envelope struct {
	SendingApp, SendingFacility     string
	ReceivingApp, ReceivingFacility string
	// Time is FHS-7 as HL7 writes it: YYYYMMDDHHMMSS+ZZZZ.
	Time string
	// ControlID is FHS-11 and BHS-11.
	ControlID string
}

// A BatchWriter writes a file of one batch: FHS, BHS, messages byte for byte,
// BTS and FTS with their counts. Envelope segments end in CR.
type BatchWriter struct {
	w        *bufio.Writer
	env      Envelope
	begun    bool
	closed   bool
	messages int
	size     int64
}

// NewBatchWriter writes to w. Nothing is written before the first message or
// [BatchWriter.Close].
func NewBatchWriter(w io.Writer, env Envelope) *BatchWriter {
	return &BatchWriter{w: bufio.NewWriterSize(w, 64<<10), env: env}
}

// WriteMessage adds a message exactly as given; only a missing line end after
// its last segment is added. It refuses what does not begin with MSH.
func (b *BatchWriter) WriteMessage(raw []byte) error {
	if b.closed {
		return errors.New("batch writer: closed")
	}
	if kindOf(raw) != KindMessage {
		return errors.New("batch writer: a message begins with MSH")
	}
	b.begin()
	b.messages++
	b.size += int64(len(raw))
	_, err := b.w.Write(raw)
	if last := raw[len(raw)-1]; last != '\r' && last != '\n' {
		b.size++
		err = b.w.WriteByte('\r')
	}
	return err
}

// Messages is how many were written so far.
func (b *BatchWriter) Messages() int { return b.messages }

// Size is how many bytes were written so far.
func (b *BatchWriter) Size() int64 { return b.size }

// Flush hands what was written so far to the underlying writer.
func (b *BatchWriter) Flush() error { return b.w.Flush() }

// Close writes the trailers and flushes. It does not close the underlying
// writer. A second call does nothing.
func (b *BatchWriter) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	b.begin()
	b.put("BTS|" + strconv.Itoa(b.messages) + "\r")
	b.put("FTS|1\r")
	return b.w.Flush()
}

func (b *BatchWriter) begin() {
	if b.begun {
		return
	}
	b.begun = true
	b.header("FHS")
	b.header("BHS")
}

func (b *BatchWriter) header(name string) {
	b.put(name + `|^~\&|` + Escape(b.env.SendingApp) + "|" + Escape(b.env.SendingFacility) +
		"|" + Escape(b.env.ReceivingApp) + "|" + Escape(b.env.ReceivingFacility) +
		"|" + Escape(b.env.Time) + "||||" + Escape(b.env.ControlID) + "\r")
}

// put ignores errors: bufio keeps the first one and Flush returns it.
func (b *BatchWriter) put(s string) {
	b.size += int64(len(s))
	_, _ = b.w.WriteString(s)
}
