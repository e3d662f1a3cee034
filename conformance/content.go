package conformance

import (
	"bytes"
	"crypto/sha256"

	"immtrail/hl7"
)

// contentOf is the digest of what a message says: all of it but the time at
// which it was made (MSH-7) and the line ends, so that an export that is run
// again says the same. says leaves the control ID (MSH-10) out as well: another
// export of the same records gives messages new ones.
func contentOf(u *hl7.Unit) (sum, says [sha256.Size]byte) {
	var control []byte
	h := sha256.New()
	for i := range u.Segments {
		line := u.Segments[i].Bytes()
		if i == 0 {
			before, after := aroundField(line, u.Delims.Field, 7)
			h.Write(before)
			line = after
			// Field 10 is the fourth of what begins with the separator before field 8.
			if before, after = aroundField(line, u.Delims.Field, 4); after != nil {
				control = line[len(before) : len(line)-len(after)]
				h.Write(before)
				line = after
			}
		}
		h.Write(line)
		h.Write([]byte{'\r'})
	}
	h.Sum(says[:0])
	return sha256.Sum256(append(says[:], control...)), says
}

// aroundField cuts field n out of MSH, whose first field is the separator.
func aroundField(line []byte, separator byte, n int) (before, after []byte) {
	at := 0
	for range n - 1 {
		i := bytes.IndexByte(line[at:], separator)
		if i < 0 {
			return line, nil
		}
		at += i + 1
	}
	end := bytes.IndexByte(line[at:], separator)
	if end < 0 {
		return line[:at], nil
	}
	return line[:at], line[at+end:]
}
