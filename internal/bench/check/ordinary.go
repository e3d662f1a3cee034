package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"immtrail/hl7"
	"immtrail/internal/hl7gen"
	"immtrail/registry"
	"immtrail/registry/texas"
)

const (
	mega    = 1 << 20
	orgCode = "SUNR1234"
)

var (
	now      = time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC)
	practice = &registry.Practice{
		ID: "sunrise", Name: "Sunrise Clinic", Zone: "America/Chicago", OrgCode: orgCode,
		Sites: []registry.Site{{ID: "main", Name: "Main", Facilities: []string{orgCode}, Prescribers: []string{"1234567893"}}},
	}
)

// ordinary writes a batch of clean messages of any length: some thousand
// generated ones again and again, each time under other control IDs and about
// other patients.
type ordinary struct {
	messages []byte
	ids      [][]byte // parts of messages that differ from round to round
	serial   int
	at       int
	head     []byte
}

func newOrdinary() (*ordinary, error) {
	var b bytes.Buffer
	gen := hl7gen.New(1, hl7gen.Options{OrgCode: orgCode, Now: now, ProcessingID: "P"})
	if _, err := gen.Batch(&b, hl7gen.BatchOptions{Messages: 8000}); err != nil {
		return nil, err
	}
	file := b.Bytes()
	o := &ordinary{}
	r := hl7.NewReader(bytes.NewReader(file), hl7.Limits{})
	var first, end int64
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
		if first == 0 {
			first = u.Offset
		}
		end = u.Offset + int64(len(u.Raw()))
		raw := file[u.Offset:end]
		for _, id := range [][]byte{u.Segment("MSH").Field(10), u.Segment("PID").Component(3, 1), u.Segment("PID").Component(5, 1)} {
			if i := bytes.Index(raw, id); i >= 0 && len(id) >= 5 {
				o.ids = append(o.ids, raw[i:i+len(id)])
			} else {
				return nil, fmt.Errorf("an ID of %d characters is too short", len(id))
			}
		}
	}
	o.head, o.messages = file[:first], file[first:end]
	return o, nil
}

// next fills a part of b. It never ends.
func (o *ordinary) next(b []byte) int {
	if len(o.head) > 0 {
		n := copy(b, o.head)
		o.head = o.head[n:]
		return n
	}
	if o.at == 0 {
		for _, id := range o.ids {
			o.serial++
			if last := id[len(id)-1]; last >= 'a' && last <= 'z' { // a name
				for i, n := len(id)-1, o.serial; i >= len(id)-4; i, n = i-1, n/26 {
					id[i] = byte('a' + n%26)
				}
				continue
			}
			for i, n := len(id)-1, o.serial; i >= 0; i, n = i-1, n/10 {
				id[i] = byte('0' + n%10)
			}
		}
	}
	n := copy(b, o.messages[o.at:])
	o.at = (o.at + n) % len(o.messages)
	return n
}

// writeOrdinary writes about so many MB, up to the end of a round of messages,
// and the trailers.
func writeOrdinary(w io.Writer, size int) error {
	o, err := newOrdinary()
	if err != nil {
		return err
	}
	buf := make([]byte, mega)
	written := 0
	for written < size*mega || o.at != 0 {
		n := o.next(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		written += n
	}
	_, err = io.WriteString(w, "BTS\rFTS|1\r")
	return err
}

// profile is the registry's own, without limits on a file's size.
func profile() (*registry.Profile, error) {
	loaded, err := texas.Load()
	if err != nil {
		return nil, err
	}
	p := loaded.Profile
	p.File.MaxBytes, p.File.MaxMessages = 0, 0
	return &p, nil
}
