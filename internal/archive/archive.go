package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits bound an archive. All are needed.
type Limits struct {
	// Entries in it, of whichever kind.
	Entries int
	// Bytes that all entries may have together, unpacked.
	Bytes int64
	// Ratio of unpacked to packed bytes of the whole archive. HL7 reaches some 40,
	// and deflate 1,032 at most; small archives (up to a MiB unpacked) are spared.
	Ratio int64
}

// spared is how many bytes any archive may unpack to.
const spared = 1 << 20

// RefusedError says why an archive is not read, in words without a file's name.
type RefusedError struct{ Why string }

func (r *RefusedError) Error() string { return "the archive is refused: " + r.Why }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// HeadLen is how many bytes of a file [Kind] wants to see.
const HeadLen = 512

// Kind tells by its first bytes whether a file is a "zip" or a "gzip" archive;
// empty for everything else.
func Kind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "gzip"
	}
	return ""
}

// packed are the beginnings of archives of any kind.
var packed = []string{
	"PK\x03\x04", "PK\x05\x06", "PK\x07\x08", "\x1f\x8b", "BZh", "7z\xbc\xaf\x27\x1c", "Rar!", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd",
}

func isPacked(head []byte) bool {
	for _, p := range packed {
		if bytes.HasPrefix(head, []byte(p)) {
			return true
		}
	}
	return len(head) > 262 && string(head[257:262]) == "ustar"
}

// Entry is a file of an archive.
type Entry struct {
	// Ordinal counts the files of the archive from 1.
	Ordinal int
	// Name is its path inside, as it was packed: it may name a patient. Empty for
	// gzip, whose header is not believed.
	Name string
}

// Check unpacks an archive to its end and keeps nothing. The error is a
// [*RefusedError], or what reading said.
func Check(src io.ReaderAt, size int64, l Limits) error {
	return Each(src, size, l, func(_ Entry, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

// Each hands out the files of an archive one after the other, in their order.
// Whatever do leaves unread is read all the same, so that limits and checksums
// hold. A refusal may come after entries were handed out: who must not act on
// half an archive calls [Check] first. An error of do is returned as it is.
func Each(src io.ReaderAt, size int64, l Limits, do func(Entry, io.Reader) error) error {
	head := make([]byte, HeadLen)
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	u := &unpacker{src: src, limits: l, left: min(l.Bytes, max(spared, l.Ratio*size)), do: do}
	switch Kind(head[:n]) {
	case "zip":
		err = u.zip(size)
	case "gzip":
		err = u.gzip(size)
	default:
		return refuse("it is neither zip nor gzip")
	}
	switch {
	case u.refused != nil:
		return u.refused
	case u.broken != nil: // the disk, not the archive
		return u.broken
	}
	return err
}

type unpacker struct {
	src     io.ReaderAt
	limits  Limits
	left    int64 // bytes that may still come out
	do      func(Entry, io.Reader) error
	refused error
	broken  error
}

// ReadAt reads the archive and remembers what is the disk's fault.
func (u *unpacker) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 { // a damaged list of entries
		return 0, io.ErrUnexpectedEOF
	}
	n, err := u.src.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		u.broken = err
	}
	return n, err
}

func (u *unpacker) gzip(size int64) error {
	z, err := gzip.NewReader(bufio.NewReader(io.NewSectionReader(u, 0, size)))
	if err != nil {
		return refuse("it is damaged")
	}
	return u.hand(Entry{Ordinal: 1}, z)
}

func (u *unpacker) zip(size int64) error {
	z, err := zip.NewReader(u, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked at below
		return refuse("it is damaged or cut short")
	}
	if len(z.File) > u.limits.Entries {
		return refuse("it holds %d entries; %d are allowed", len(z.File), u.limits.Entries)
	}
	seen := map[string]bool{}
	ordinal := 0
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 && plainName(strings.TrimSuffix(f.Name, "/")) {
			continue // a folder
		}
		if why := hostile(f); why != "" {
			return refuse("%s", why)
		}
		if hidden(f.Name) {
			continue
		}
		key := strings.ToLower(f.Name)
		if seen[key] {
			return refuse("two entries have the same name")
		}
		seen[key] = true
		ordinal++
		r, err := f.Open()
		if err != nil {
			return refuse("an entry is packed in a way that is not known here")
		}
		err = u.hand(Entry{Ordinal: ordinal, Name: f.Name}, r)
		_ = r.Close() // only read from
		if err != nil {
			return err
		}
	}
	if ordinal == 0 {
		return refuse("there is no file in it")
	}
	return nil
}

// hostile says what an entry is that no EHR packs.
func hostile(f *zip.File) string {
	switch {
	case !plainName(f.Name):
		return "an entry has a name that is no plain path (absolute, with .., a backslash, a colon or control characters, or too long)"
	case f.Flags&1 != 0:
		return "an entry is encrypted"
	case !f.Mode().IsRegular():
		return "an entry is a link or no plain file"
	}
	return ""
}

// longest is the most bytes that the name of an entry may have.
const longest = 255

func plainName(name string) bool {
	if name == "" || len(name) > longest || !utf8.ValidString(name) || path.IsAbs(name) || strings.ContainsAny(name, `\:`) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) })
}

// hidden entries are no files of the EHR, as in a folder: .DS_Store, __MACOSX/._x.
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// hand gives one entry to do, and reads what it leaves.
func (u *unpacker) hand(e Entry, src io.Reader) error {
	r := &entryReader{u: u, src: src}
	buffered := bufio.NewReaderSize(r, 64<<10)
	if head, _ := buffered.Peek(HeadLen); isPacked(head) { // an error shows when it is read
		return refuse("an archive lies in it")
	}
	if err := u.do(e, buffered); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, buffered)
	return err
}

// entryReader counts what comes out against the limits of the whole archive.
type entryReader struct {
	u   *unpacker
	src io.Reader
}

func (r *entryReader) Read(p []byte) (int, error) {
	if r.u.refused != nil {
		return 0, r.u.refused
	}
	n, err := r.src.Read(p)
	if r.u.left -= int64(n); r.u.left < 0 {
		r.u.refused = refuse("it unpacks to more than is allowed: a bomb, or too much at once")
		return 0, r.u.refused
	}
	if err != nil && !errors.Is(err, io.EOF) && r.u.broken == nil {
		r.u.refused = refuse("it is damaged or cut short")
		return n, r.u.refused
	}
	return n, err
}
