package fakeregistry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
)

// envelope is what the first pass over a file finds: its frame and digests.
type envelope struct {
	// fault is why the whole file is rejected, or nil.
	fault *complaint
	// controlID is FHS-11, or BHS-11 where there is none.
	controlID string
	messages  int
	// content is the digest of the messages alone, see [Received.ContentSHA256].
	content string
	// digests are those of the single messages, in order.
	digests []string
}

// frame walks a file's segments and remembers where in FHS, BHS, messages,
// BTS, FTS it is.
type frame struct {
	env               envelope
	inFile, inBatch   bool
	sawFile, closed   bool
	batches, messages int // messages of the current batch
	content, single   hash.Hash
}

// readEnvelope is the first pass: it never fails for what a file holds, only
// where it cannot be read.
func readEnvelope(r io.Reader) (envelope, error) {
	f := &frame{content: sha256.New()}
	segments := newSegmentReader(r)
	for {
		text, err := segments.next()
		if errors.Is(err, io.EOF) {
			return f.end(), nil
		}
		if errors.Is(err, errSegmentTooLong) {
			f.reject("FIR-903", "FHS", "File rejected. A segment is too long to be read.")
			return f.end(), nil
		}
		if err != nil {
			return envelope{}, err
		}
		f.segment(text)
	}
}

// reject keeps the first fault only: what follows from it is no news.
func (f *frame) reject(code, segment, text string) {
	if f.env.fault == nil {
		f.env.fault = &complaint{Code: code, Severity: "E", Segment: segment, Text: text}
	}
}

func (f *frame) segment(text []byte) {
	switch id := kind(text); id {
	case "FHS", "BHS":
		f.open(id, parseSegment(text))
	case "BTS", "FTS":
		f.close(id, parseSegment(text))
	case "MSH":
		if !f.inFile || !f.inBatch {
			f.reject("FIR-901", "FHS", "File rejected. FHS and BHS must come before the first message.")
		}
		f.endMessage()
		f.single = sha256.New()
		f.env.messages++
		f.messages++
		f.add(text)
	default:
		if f.single == nil {
			f.reject("FIR-901", "FHS", "File rejected. The file holds something outside of its messages.")
			return
		}
		f.add(text)
	}
}

// add counts text as part of the messages. Line ends are evened out, since the
// same message may travel with CR in one file and LF in another.
func (f *frame) add(text []byte) {
	for _, h := range []hash.Hash{f.content, f.single} {
		h.Write(text)
		h.Write([]byte{'\r'})
	}
}

func (f *frame) endMessage() {
	if f.single != nil {
		f.env.digests = append(f.env.digests, hex.EncodeToString(f.single.Sum(nil)))
		f.single = nil
	}
}

func (f *frame) open(id string, s segment) {
	f.endMessage()
	if id == "FHS" {
		if f.inFile || f.closed {
			f.reject("FIR-901", "FHS", "File rejected. FHS may stand only at the beginning.")
		}
		f.inFile, f.sawFile = true, true
	} else {
		if !f.inFile || f.inBatch {
			f.reject("FIR-901", "BHS", "File rejected. BHS must follow FHS or BTS.")
		}
		f.inBatch, f.messages = true, 0
		f.batches++
	}
	if f.env.controlID == "" {
		f.env.controlID = s.field(11)
	}
}

func (f *frame) close(id string, s segment) {
	f.endMessage()
	open, count, what := &f.inBatch, f.messages, "messages"
	if id == "FTS" {
		open, count, what = &f.inFile, f.batches, "batches"
		f.closed = true
	}
	if !*open || id == "FTS" && f.inBatch {
		f.reject("FIR-901", id, "File rejected. "+id+" stands where nothing is open.")
	}
	*open = false
	if told := s.field(1); told != "" && told != strconv.Itoa(count) {
		f.reject("FIR-902", id, "File rejected. The number of "+what+" in "+id+"-1 is not what the file holds.")
	}
}

func (f *frame) end() envelope {
	f.endMessage()
	switch {
	case !f.sawFile:
		f.reject("FIR-901", "FHS", "File rejected. The file does not begin with FHS.")
	case f.inFile || f.inBatch:
		f.reject("FIR-901", "FTS", "File rejected. BTS or FTS is missing: the file seems to be cut off.")
	case f.env.messages == 0:
		f.reject("FIR-904", "FHS", "File rejected. The file holds no message.")
	}
	f.env.content = hex.EncodeToString(f.content.Sum(nil))
	f.env.controlID = strings.TrimSpace(f.env.controlID)
	return f.env
}
