package sftp

import (
	"encoding/binary"
	"slices"
	"strings"
)

// fxpName is SSH_FXP_NAME, the answer to a listing.
const fxpName = 104

// maxAnswer in bytes is the longest packet that the library takes.
const maxAnswer = 256 << 10

// nameWatch reads along while a folder is listed. The library cuts what it
// gets to a base name, so that "../x" and "/etc/x" would come out as "x", as if
// it lay in the folder; the watch remembers where such names stood.
type nameWatch struct {
	rest []byte // of a packet that has not come whole
	// seen counts the names but "." and "..", as the library does.
	seen int
	// climbing are those with a slash in them, by their place.
	climbing map[int]string
	lost     bool // what comes is not the protocol; the library says so too
}

// read takes the next bytes of the server's side.
func (w *nameWatch) read(p []byte) {
	if w.lost {
		return
	}
	w.rest = append(w.rest, p...)
	at := 0
	for len(w.rest)-at >= 4 {
		n := int(binary.BigEndian.Uint32(w.rest[at:]))
		if n < 1 || n > maxAnswer {
			w.lost = true
			return
		}
		if len(w.rest)-at-4 < n {
			break
		}
		packet := fields(w.rest[at+4 : at+4+n])
		if packet[0] == fxpName {
			packet = packet[1:]
			w.names(&packet)
		}
		at += 4 + n
	}
	w.rest = slices.Delete(w.rest, 0, at)
}

// names reads a packet's names; what is cut short ends it.
func (w *nameWatch) names(f *fields) {
	f.skip(4) // the request's number
	for range f.number() {
		name, ok := f.text()
		if !ok {
			return
		}
		f.text() // the line for people
		f.attributes()
		if name == "." || name == ".." {
			continue
		}
		if strings.Contains(name, "/") {
			if w.climbing == nil {
				w.climbing = map[int]string{}
			}
			w.climbing[w.seen] = name
		}
		w.seen++
	}
}

// fields are what is left of a packet.
type fields []byte

func (f *fields) skip(n uint64) {
	*f = (*f)[min(n, uint64(len(*f))):]
}

func (f *fields) number() uint32 {
	if len(*f) < 4 {
		*f = nil
		return 0
	}
	n := binary.BigEndian.Uint32(*f)
	f.skip(4)
	return n
}

func (f *fields) text() (string, bool) {
	n := f.number()
	if uint64(n) > uint64(len(*f)) {
		*f = nil
		return "", false
	}
	s := string((*f)[:n])
	f.skip(uint64(n))
	return s, len(*f) > 0
}

// attributes skips a file's: flags say what is there
// (draft-ietf-secsh-filexfer-02, section 5).
func (f *fields) attributes() {
	flags := f.number()
	for bit, size := range map[uint32]uint64{1: 8, 2: 8, 4: 4, 8: 8} {
		if flags&bit != 0 {
			f.skip(size)
		}
	}
	if flags&0x80000000 == 0 {
		return
	}
	for range f.number() {
		f.text()
		if _, ok := f.text(); !ok {
			return
		}
	}
}
